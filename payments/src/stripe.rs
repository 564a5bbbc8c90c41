//! Stripe through async-stripe.
//!
//! Requests are built by the library's typed builders, so that a parameter Stripe does not know cannot be sent. Answers
//! are asked for as plain JSON and read leniently in [`answers`]: the library's response types refuse a whole object
//! when one field surprises them, and Stripe adds fields every month.

mod answers;
mod calls;

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use stripe::StripeRequest;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionAllowedPaymentMethodTypes, CreateCheckoutSessionLineItems,
    CreateCheckoutSessionLineItemsPriceData, CreateCheckoutSessionPaymentIntentData, ExpireCheckoutSession,
    ListCheckoutSession, ProductData, RetrieveCheckoutSession,
};
use stripe_client_core::RequestBuilder;
use stripe_core::dispute::RetrieveDispute;
use stripe_core::event::ListEvent;
use stripe_core::refund::{CreateRefund, CreateRefundReason, ListRefund, RetrieveRefund};
use stripe_shared::CheckoutSessionMode;
use stripe_types::{Currency, RangeQueryTs};

use crate::error::{ProviderError, Result};
use crate::event::{EventQuery, ProviderEvent, event_from_value};
use crate::{
    CheckoutRequest, CheckoutSession, DEFAULT_TIMEOUT, Dispute, PaymentProvider, Refund, RefundReason,
    RefundRequest,
};

/// Stripe's largest page.
const PAGE: i64 = 100;
/// A list that is longer than this many pages is an answer we do not believe, or a window that is too wide.
const MAX_PAGES: usize = 100;

/// Stripe, or the sandbox that speaks like it.
pub struct StripeProvider {
    client: stripe::Client,
    livemode: bool,
}

impl StripeProvider {
    /// `base_url` points at a compatible server (`http://127.0.0.1:12111`); `None` is Stripe itself.
    pub fn new(secret_key: &SecretString, base_url: Option<&str>) -> Result<Self> {
        Self::with_timeout(secret_key, base_url, DEFAULT_TIMEOUT)
    }

    /// `timeout` bounds one attempt; a call makes at most three.
    pub fn with_timeout(
        secret_key: &SecretString,
        base_url: Option<&str>,
        timeout: Duration,
    ) -> Result<Self> {
        let key = secret_key.expose_secret();
        let Some(mode) = key.strip_prefix("sk_").or_else(|| key.strip_prefix("rk_")) else {
            return Err(ProviderError::refused("bad_key", "a secret key starts with sk_ or rk_"));
        };
        let livemode = mode.starts_with("live_");
        let mut builder = stripe::ClientBuilder::new(key).timeout(timeout);
        if let Some(url) = base_url {
            // The library appends `v1/…` to whatever it is given.
            builder = builder.url(format!("{}/", url.trim_end_matches('/')));
        }
        let client = builder.build().map_err(|error| {
            ProviderError::refused("bad_config", format!("the Stripe client cannot be built: {error}"))
        })?;
        Ok(Self { client, livemode })
    }

    async fn list(
        &self,
        account: Option<&str>,
        page: impl Fn(Option<String>) -> RequestBuilder,
    ) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let cursor = all.last().map(|last: &Value| last["id"].as_str().unwrap_or_default().to_owned());
            let mut answer = calls::read(&self.client, account, || page(cursor.clone())).await?;
            let more = answer["has_more"].as_bool().unwrap_or(false);
            let Value::Array(data) = answer["data"].take() else {
                return Err(ProviderError::Unexpected("a list without data".into()));
            };
            let empty = data.is_empty();
            all.extend(data);
            if !more || empty {
                return Ok(all);
            }
        }
        Err(ProviderError::Unexpected(format!("more than {MAX_PAGES} pages; ask for a shorter window")))
    }
}

impl PaymentProvider for StripeProvider {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn livemode(&self) -> bool {
        self.livemode
    }

    fn create_checkout<'a>(&'a self, request: &'a CheckoutRequest) -> BoxFuture<'a, Result<CheckoutSession>> {
        async move {
            let params = checkout_params(request)?;
            let account = request.account.as_deref();
            let answer =
                calls::write(&self.client, account, &request.idempotency_key, || params.build()).await?;
            answers::session(&answer, account)
        }
        .boxed()
    }

    fn get_checkout<'a>(
        &'a self,
        account: Option<&'a str>,
        session_id: &'a str,
    ) -> BoxFuture<'a, Result<CheckoutSession>> {
        async move {
            let id = known_id(session_id)?;
            let answer =
                calls::read(&self.client, account, || RetrieveCheckoutSession::new(id).build()).await?;
            answers::session(&answer, account)
        }
        .boxed()
    }

    fn find_checkout<'a>(
        &'a self,
        account: Option<&'a str>,
        payment_intent: &'a str,
    ) -> BoxFuture<'a, Result<Option<CheckoutSession>>> {
        async move {
            let answer = calls::read(&self.client, account, || session_of(payment_intent)).await?;
            answer["data"].get(0).map(|session| answers::session(session, account)).transpose()
        }
        .boxed()
    }

    fn find_checkout_of_order<'a>(
        &'a self,
        account: Option<&'a str>,
        order_id: &'a str,
        created_after: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Option<CheckoutSession>>> {
        async move {
            let sessions = self.list(account, |cursor| sessions_page(created_after, cursor)).await?;
            let ours = sessions.iter().find(|session| session["client_reference_id"] == order_id);
            ours.map(|session| answers::session(session, account)).transpose()
        }
        .boxed()
    }

    fn expire_checkout<'a>(
        &'a self,
        account: Option<&'a str>,
        session_id: &'a str,
        idempotency_key: &'a str,
    ) -> BoxFuture<'a, Result<CheckoutSession>> {
        async move {
            let id = known_id(session_id)?;
            let request = || ExpireCheckoutSession::new(id).build();
            let answer = calls::write(&self.client, account, idempotency_key, request).await?;
            answers::session(&answer, account)
        }
        .boxed()
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest) -> BoxFuture<'a, Result<Refund>> {
        async move {
            let params = refund_params(request)?;
            let account = request.account.as_deref();
            let answer =
                calls::write(&self.client, account, &request.idempotency_key, || params.build()).await?;
            answers::refund(&answer)
        }
        .boxed()
    }

    fn get_refund<'a>(
        &'a self,
        account: Option<&'a str>,
        refund_id: &'a str,
    ) -> BoxFuture<'a, Result<Refund>> {
        async move {
            let id = known_id(refund_id)?;
            answers::refund(&calls::read(&self.client, account, || RetrieveRefund::new(id).build()).await?)
        }
        .boxed()
    }

    fn list_refunds<'a>(
        &'a self,
        account: Option<&'a str>,
        payment_intent: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Refund>>> {
        async move {
            let page = |cursor| refunds_page(payment_intent, cursor);
            self.list(account, page).await?.iter().map(answers::refund).collect()
        }
        .boxed()
    }

    fn get_dispute<'a>(
        &'a self,
        account: Option<&'a str>,
        dispute_id: &'a str,
    ) -> BoxFuture<'a, Result<Dispute>> {
        async move {
            let id = known_id(dispute_id)?;
            answers::dispute(&calls::read(&self.client, account, || RetrieveDispute::new(id).build()).await?)
        }
        .boxed()
    }

    fn list_events<'a>(&'a self, query: &'a EventQuery) -> BoxFuture<'a, Result<Vec<ProviderEvent>>> {
        async move {
            let page = |cursor| events_page(query, cursor);
            let newest_first = self.list(query.account.as_deref(), page).await?;
            newest_first.into_iter().rev().map(event_from_value).collect()
        }
        .boxed()
    }
}

/// Currencies whose smallest unit at Stripe is another one than in ISO 4217: an amount would be wrong by a factor of 100
/// (docs.stripe.com/currencies, special cases and zero-decimal currencies).
const OTHER_UNITS: [&str; 3] = ["ISK", "MGA", "UGX"];

fn checkout_params(request: &CheckoutRequest) -> Result<CreateCheckoutSession> {
    let currency: Currency = request.currency.to_lowercase().parse().unwrap_or_default();
    if matches!(currency, Currency::Unknown(_)) {
        return Err(ProviderError::refused("bad_currency", "not a currency of the provider"));
    }
    if OTHER_UNITS.contains(&&*request.currency.to_uppercase()) {
        let detail = "the provider counts this currency in another unit than ISO 4217";
        return Err(ProviderError::refused("bad_currency", detail));
    }
    check_total(request)?;
    let metadata = HashMap::from([
        ("order_id".to_owned(), request.order_id.clone()),
        ("tenant_id".to_owned(), request.tenant_id.clone()),
        ("claim_epoch".to_owned(), request.epoch.to_string()),
    ]);
    // Refunds and disputes show the payment intent's metadata, never the session's: both carry it.
    let mut intent = CreateCheckoutSessionPaymentIntentData::new();
    intent.metadata = Some(metadata.clone());
    intent.application_fee_amount = request.application_fee_minor;
    let lines: Vec<_> = request.lines.iter().map(|line| line_params(line, &currency)).collect();
    let mut params = CreateCheckoutSession::new()
        .mode(CheckoutSessionMode::Payment)
        .client_reference_id(&request.order_id)
        .metadata(metadata)
        .payment_intent_data(intent)
        .line_items(lines)
        .success_url(&request.success_url)
        .cancel_url(&request.cancel_url)
        .expires_at(request.expires_at.timestamp());
    if !request.delayed_methods {
        // Since 2026 the fixed list `payment_method_types` is gone; this filter took its place. Wallets ride on card.
        params =
            params.allowed_payment_method_types(vec![CreateCheckoutSessionAllowedPaymentMethodTypes::Card]);
    }
    if let Some(email) = &request.customer_email {
        params = params.customer_email(email);
    }
    Ok(params)
}

fn line_params(line: &crate::CheckoutLine, currency: &Currency) -> CreateCheckoutSessionLineItems {
    let mut price = CreateCheckoutSessionLineItemsPriceData::new(currency.clone());
    price.unit_amount = Some(line.unit_amount_minor);
    price.product_data = Some(ProductData::new(line.name.clone()));
    let mut params = CreateCheckoutSessionLineItems::new();
    params.quantity = Some(u64::from(line.quantity));
    params.price_data = Some(price);
    params
}

/// The buyer must be asked for exactly what the order says, and the fee must fit into it.
fn check_total(request: &CheckoutRequest) -> Result<()> {
    let mut sum: i64 = 0;
    for line in &request.lines {
        let amount = line.unit_amount_minor.checked_mul(i64::from(line.quantity));
        sum = amount
            .filter(|_| line.unit_amount_minor >= 0 && line.quantity > 0)
            .and_then(|amount| sum.checked_add(amount))
            .ok_or_else(|| ProviderError::refused("bad_amount", "a line has no valid amount"))?;
    }
    if sum != request.total_minor || sum <= 0 {
        return Err(ProviderError::refused("bad_amount", "the lines do not add up to the total"));
    }
    match request.application_fee_minor {
        Some(_) if request.account.is_none() => {
            Err(ProviderError::refused("bad_fee", "an application fee needs a connected account"))
        }
        Some(fee) if !(0..=sum).contains(&fee) => {
            Err(ProviderError::refused("bad_fee", "the application fee does not fit into the total"))
        }
        _ => Ok(()),
    }
}

fn refund_params(request: &RefundRequest) -> Result<CreateRefund> {
    if request.amount_minor <= 0 {
        return Err(ProviderError::refused("bad_amount", "a refund needs a positive amount"));
    }
    let mut params =
        CreateRefund::new().payment_intent(&request.payment_intent).amount(request.amount_minor).metadata([
            ("order_id".to_owned(), request.order_id.clone()),
            ("refund_id".to_owned(), request.refund_id.clone()),
        ]);
    if request.refund_application_fee {
        params = params.refund_application_fee(true);
    }
    if let Some(reason) = request.reason {
        params = params.reason(match reason {
            RefundReason::Duplicate => CreateRefundReason::Duplicate,
            RefundReason::Fraudulent => CreateRefundReason::Fraudulent,
            RefundReason::RequestedByCustomer => CreateRefundReason::RequestedByCustomer,
        });
    }
    Ok(params)
}

fn session_of(payment_intent: &str) -> RequestBuilder {
    ListCheckoutSession::new().payment_intent(payment_intent).limit(1).build()
}

fn sessions_page(created_after: DateTime<Utc>, cursor: Option<String>) -> RequestBuilder {
    let request = ListCheckoutSession::new().created(RangeQueryTs::gt(created_after.timestamp())).limit(PAGE);
    match cursor {
        Some(cursor) => request.starting_after(cursor).build(),
        None => request.build(),
    }
}

fn refunds_page(payment_intent: &str, cursor: Option<String>) -> RequestBuilder {
    let request = ListRefund::new().payment_intent(payment_intent).limit(PAGE);
    match cursor {
        Some(cursor) => request.starting_after(cursor).build(),
        None => request.build(),
    }
}

fn events_page(query: &EventQuery, cursor: Option<String>) -> RequestBuilder {
    let mut request = ListEvent::new().created(RangeQueryTs::gt(query.created_after.timestamp())).limit(PAGE);
    if !query.types.is_empty() {
        request = request.types(query.types.clone());
    }
    match cursor {
        Some(cursor) => request.starting_after(cursor).build(),
        None => request.build(),
    }
}

/// Ids go into paths, and some of them come from webhooks.
fn known_id(id: &str) -> Result<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if id.is_empty() || id.len() > 255 || !id.bytes().all(plain) {
        return Err(ProviderError::NotFound);
    }
    Ok(id)
}

#[cfg(test)]
mod tests;
