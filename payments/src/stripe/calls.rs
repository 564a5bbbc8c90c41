//! One call: at most three attempts with the same idempotency key, then an error that says what may be concluded.

use std::time::Duration;

use rand::RngExt;
use serde_json::Value;
use stripe::{AccountId, Client, IdempotencyKey, RequestStrategy, StripeError};
use stripe_client_core::RequestBuilder;

use crate::error::{ProviderError, Result};

/// The first try and two more. Anything longer belongs to the reconciler.
const MAX_ATTEMPTS: u32 = 3;
/// Wait before the second attempt; doubled before the third, each with up to half of it taken off at random.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// A read: repeating it is harmless, so it carries no key.
pub async fn read(
    client: &Client,
    account: Option<&str>,
    request: impl Fn() -> RequestBuilder,
) -> Result<Value> {
    attempts(client, account, RequestStrategy::Once, request).await
}

/// A write: every attempt carries the same key, so Stripe acts once and repeats its answer.
pub async fn write(
    client: &Client,
    account: Option<&str>,
    key: &str,
    request: impl Fn() -> RequestBuilder,
) -> Result<Value> {
    let key =
        IdempotencyKey::new(key).map_err(|error| ProviderError::refused("bad_key", error.to_string()))?;
    attempts(client, account, RequestStrategy::Idempotent(key), request).await
}

async fn attempts(
    client: &Client,
    account: Option<&str>,
    strategy: RequestStrategy,
    request: impl Fn() -> RequestBuilder,
) -> Result<Value> {
    let mut attempt = 1;
    loop {
        let error = match once(client, account, strategy.clone(), request()).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if attempt == MAX_ATTEMPTS || !error.is_worth_retrying() {
            return Err(error);
        }
        tracing::debug!(attempt, %error, "the payment provider will be asked again");
        let jitter = rand::rng().random_range(0.5..1.0);
        tokio::time::sleep((FIRST_WAIT * 2_u32.pow(attempt - 1)).mul_f64(jitter)).await;
        attempt += 1;
    }
}

async fn once(
    client: &Client,
    account: Option<&str>,
    strategy: RequestStrategy,
    request: RequestBuilder,
) -> Result<Value> {
    let mut request = request.customize::<miniserde::json::Value>().request_strategy(strategy);
    if let Some(account) = account {
        request = request.account_id(AccountId::from(account));
    }
    let value = request.send(client).await.map_err(provider_error)?;
    serde_json::from_str(&miniserde::json::to_string(&value))
        .map_err(|error| ProviderError::Unexpected(error.to_string()))
}

/// Messages of Stripe repeat what was sent, never the key; they are logged, and never shown to a buyer.
fn provider_error(error: StripeError) -> ProviderError {
    match error {
        StripeError::Stripe(error, status) => {
            let message = error.message.unwrap_or_default();
            match status {
                404 => ProviderError::NotFound,
                409 | 424 | 429 => ProviderError::Busy(message),
                // The key has been used: whatever the first call made may exist.
                400 if error.type_.to_string() == "idempotency_error" => ProviderError::Unexpected(message),
                400..=499 => {
                    let code = error.code.map(|code| code.as_str().to_owned());
                    ProviderError::Refused { code: code.unwrap_or_else(|| error.type_.to_string()), message }
                }
                500 => ProviderError::Failed(message),
                _ => ProviderError::Unreachable(format!("status {status}: {message}")),
            }
        }
        StripeError::Timeout => ProviderError::Unreachable("time-out".into()),
        StripeError::ClientError(error) => ProviderError::Unreachable(error),
        StripeError::ConfigError(error) => ProviderError::refused("bad_config", error),
        // The library says this of two things: an error page that is not Stripe's (some proxy, mostly 502) and a
        // successful answer that is not JSON. The first is worth another try with the same key, the second is not.
        StripeError::JSONDeserialize(error) if error.contains("Stripe error") => {
            ProviderError::Unreachable("an error that is not in Stripe's form".into())
        }
        StripeError::JSONDeserialize(error) => ProviderError::Unexpected(error),
    }
}
