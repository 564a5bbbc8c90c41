//! Webhooks: whether a message is from the platform. Standard Webhooks: `v1` is HMAC-SHA256 with a secret that both
//! know, `v1a` is Ed25519 with the platform's public key.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::HeaderMap;
use serde_json::error::Category;
use sha2::Sha256;

pub use crate::generated::events::{Event, EventData, EventOf};

/// Older messages may be repetitions by somebody who overheard them.
const TOLERANCE: Duration = Duration::from_secs(300);
const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_KEY_PREFIX: &str = "whpk_";

/// A message that was verified.
#[derive(Debug, Clone)]
pub struct Message {
    /// The same for every delivery of this message: remember it to act once.
    pub id: String,
    /// When it was sent, not when it happened.
    pub sent_at: DateTime<Utc>,
    pub payload: Event,
}

/// Why a message that claims to be a webhook of the platform is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    #[error("the message has no {0}: it is no webhook of the platform")]
    HeaderMissing(&'static str),
    /// The secret itself stays out of the text.
    #[error("expected `whsec_` or `whpk_` and Base64, as the endpoint shows it")]
    SecretMalformed,
    #[error(
        "the message's time is {0} s behind this machine's clock: is the clock right, is the message a repetition?"
    )]
    TooOld(i64),
    #[error("the message's time is {0} s ahead of this machine's clock: is the clock right?")]
    TooNew(i64),
    #[error("the message's time is no time: it is no webhook of the platform")]
    NoTime,
    #[error(
        "no signature of this message is valid: compare the secret with that of the endpoint, and pass the body as it came"
    )]
    Signature,
    #[error("the message is signed, but its body is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    #[error("the message is signed, but not what its type is in this version: {0}; is there a newer SDK?")]
    Unreadable(#[source] serde_json::Error),
}

impl WebhookError {
    /// A stable code for logs, the same in every SDK.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HeaderMissing(_) => "header_missing",
            Self::SecretMalformed => "secret_malformed",
            Self::TooOld(_) | Self::NoTime => "too_old",
            Self::TooNew(_) => "too_new",
            Self::Signature => "signature",
            Self::NotJson(_) => "not_json",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

/// Verifies a message and reads its payload. `body` is the body as it came, before any parser. `secrets` are the
/// endpoint's `whsec_…`, its `whpk_…`, or several of them while they are exchanged.
///
/// ```
/// use eventflow_sdk::webhooks::{self, Event};
///
/// // Of the request: its body and its headers.
/// let (body, headers) = (br#"{"type":"order.paid"}"#, http::HeaderMap::new());
/// let answer = match webhooks::verify(body, &headers, &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]) {
///     Ok(message) => {
///         match message.payload {
///             Event::OrderPaid(event) => println!("{} is paid", event.data.id),
///             Event::RefundSucceeded(event) => println!("{} is given back", event.data.id),
///             other => println!("{} is nothing to do with us", other.name()),
///         }
///         204
///     }
///     Err(error) => {
///         println!("{error}");
///         401
///     }
/// };
/// assert_eq!(answer, 401, "it is not signed");
/// ```
pub fn verify(body: &[u8], headers: &HeaderMap, secrets: &[&str]) -> Result<Message, WebhookError> {
    verify_at(body, headers, secrets, Utc::now(), TOLERANCE)
}

/// As [`verify`], by another clock than this machine's, and with another tolerance than five minutes.
pub fn verify_at(
    body: &[u8],
    headers: &HeaderMap,
    secrets: &[&str],
    now: DateTime<Utc>,
    tolerance: Duration,
) -> Result<Message, WebhookError> {
    let id = header(headers, "webhook-id")?;
    let timestamp = header(headers, "webhook-timestamp")?;
    let signatures = header(headers, "webhook-signature")?;
    let sent_at = check_time(timestamp, now, tolerance)?;
    let keys = secrets.iter().map(|secret| Key::parse(secret)).collect::<Result<Vec<_>, _>>()?;
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    // Any signature under any key: both change while keys are exchanged.
    let is_signed =
        signatures.split(' ').any(|signature| keys.iter().any(|key| key.signed(signature, &signed)));
    if !is_signed {
        return Err(WebhookError::Signature);
    }
    Ok(Message { id: id.to_owned(), sent_at, payload: read(body)? })
}

fn read(body: &[u8]) -> Result<Event, WebhookError> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => WebhookError::Unreadable(error),
        _ => WebhookError::NotJson(error),
    })
}

enum Key {
    Secret(Hmac<Sha256>),
    Public(VerifyingKey),
}

impl Key {
    fn parse(secret: &str) -> Result<Self, WebhookError> {
        let malformed = || WebhookError::SecretMalformed;
        if let Some(key) = secret.strip_prefix(PUBLIC_KEY_PREFIX) {
            let bytes: [u8; 32] =
                decode(key).and_then(|bytes| bytes.try_into().ok()).ok_or_else(malformed)?;
            return VerifyingKey::from_bytes(&bytes).map(Self::Public).map_err(|_| malformed());
        }
        let key = decode(secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret));
        // With an empty key anybody could sign: the secret is a variable that is not set.
        let key = key.filter(|key| !key.is_empty()).ok_or_else(malformed)?;
        Hmac::new_from_slice(&key).map(Self::Secret).map_err(|_| malformed())
    }

    /// Compares in constant time.
    fn signed(&self, signature: &str, message: &[u8]) -> bool {
        let Some((version, text)) = signature.split_once(',') else { return false };
        let Some(signature) = decode(text) else { return false };
        match (self, version) {
            (Self::Secret(mac), "v1") => mac.clone().chain_update(message).verify_slice(&signature).is_ok(),
            (Self::Public(key), "v1a") => Signature::from_slice(&signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            _ => false,
        }
    }
}

fn check_time(
    timestamp: &str,
    now: DateTime<Utc>,
    tolerance: Duration,
) -> Result<DateTime<Utc>, WebhookError> {
    let sent_at = timestamp
        .parse()
        .ok()
        .and_then(|secs| DateTime::from_timestamp(secs, 0))
        .ok_or(WebhookError::NoTime)?;
    let age = now.timestamp() - sent_at.timestamp();
    match age {
        _ if age.unsigned_abs() <= tolerance.as_secs() => Ok(sent_at),
        0.. => Err(WebhookError::TooOld(age)),
        _ => Err(WebhookError::TooNew(-age)),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, WebhookError> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    value.ok_or(WebhookError::HeaderMissing(name))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};
    use serde_json::{Value, json};

    use super::*;

    /// The example of the Standard Webhooks specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const SENT: i64 = 1_614_265_330;

    fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
        let pairs = [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)];
        pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn signed(signature: &str) -> HeaderMap {
        headers(ID, &SENT.to_string(), signature)
    }

    fn at(secs: i64, body: &str, headers: &HeaderMap, secrets: &[&str]) -> Result<Message, WebhookError> {
        let now = DateTime::from_timestamp(SENT + secs, 0).unwrap();
        verify_at(body.as_bytes(), headers, secrets, now, TOLERANCE)
    }

    fn asymmetric(body: &str) -> (String, String) {
        let key = SigningKey::from_bytes(&[9; 32]);
        let signature = key.sign(format!("{ID}.{SENT}.{body}").as_bytes());
        let public = format!("whpk_{}", STANDARD.encode(key.verifying_key().to_bytes()));
        (public, format!("v1a,{}", STANDARD.encode(signature.to_bytes())))
    }

    fn is_refused(result: &Result<Message, WebhookError>) -> bool {
        matches!(result, Err(WebhookError::Signature))
    }

    #[test]
    fn the_example_of_the_specification_is_accepted() {
        let message = at(0, BODY, &signed(SIGNATURE), &[SECRET]).unwrap();
        assert_eq!((message.id.as_str(), message.sent_at.timestamp()), (ID, SENT));
        assert_eq!(serde_json::to_value(&message.payload).unwrap(), json!({ "test": 2_432_232_314_u32 }));
    }

    #[test]
    fn a_signature_of_the_private_key_counts_for_its_own_kind_of_key_only() {
        let (public, signature) = asymmetric(BODY);
        assert!(at(0, BODY, &signed(&signature), &[&public]).is_ok());
        assert!(is_refused(&at(0, &format!("{BODY} "), &signed(&signature), &[&public])));
        assert!(is_refused(&at(0, BODY, &signed(&signature), &[SECRET])));
        assert!(is_refused(&at(0, BODY, &signed(&SIGNATURE.replace("v1,", "v1a,")), &[&public])));
    }

    #[test]
    fn while_secrets_are_exchanged_any_signature_under_any_of_them_counts() {
        let (public, signature) = asymmetric(BODY);
        let several = signed(&format!("v1,AAAA v9,what {signature} {SIGNATURE}"));
        for secrets in [&[SECRET][..], &[OTHER_SECRET, SECRET], &[&public, OTHER_SECRET]] {
            assert!(at(0, BODY, &several, secrets).is_ok());
        }
        assert!(is_refused(&at(0, BODY, &several, &[OTHER_SECRET])));
        assert!(is_refused(&at(0, BODY, &several, &[])));
    }

    #[test]
    fn each_part_of_a_message_is_signed() {
        let time = SENT.to_string();
        assert!(is_refused(&at(0, &BODY.replace('4', "5"), &signed(SIGNATURE), &[SECRET])));
        assert!(is_refused(&at(0, BODY, &headers("msg_other", &time, SIGNATURE), &[SECRET])));
        assert!(is_refused(&at(0, BODY, &headers(ID, &(SENT + 1).to_string(), SIGNATURE), &[SECRET])));
        for signature in ["v1", "v1,", "v1,!!", &SIGNATURE.replace("v1,", "v2,"), ","] {
            assert!(is_refused(&at(0, BODY, &signed(signature), &[SECRET])), "{signature}");
        }
    }

    #[test]
    fn old_messages_and_wrong_clocks_are_told_apart_from_wrong_secrets() {
        let at = |secs| at(secs, BODY, &signed(SIGNATURE), &[SECRET]);
        assert!(at(300).is_ok() && at(-300).is_ok());
        assert!(matches!(at(301), Err(WebhookError::TooOld(301))));
        assert!(matches!(at(-301), Err(WebhookError::TooNew(301))));
    }

    #[test]
    fn what_a_developer_does_wrong_is_named() {
        for time in ["yesterday", "99999999999999999999", "9999999999999999"] {
            let result = at(0, BODY, &headers(ID, time, SIGNATURE), &[SECRET]);
            assert!(matches!(result, Err(WebhookError::NoTime)), "{time}");
        }
        let without_id = headers("", &SENT.to_string(), SIGNATURE);
        assert!(matches!(
            at(0, BODY, &without_id, &[SECRET]),
            Err(WebhookError::HeaderMissing("webhook-id"))
        ));
        for secret in ["whsec_not base64", "whpk_AAAA", "whsec_", ""] {
            assert!(matches!(at(0, BODY, &signed(SIGNATURE), &[secret]), Err(WebhookError::SecretMalformed)));
        }
        let (public, signature) = asymmetric("plain");
        assert!(matches!(at(0, "plain", &signed(&signature), &[&public]), Err(WebhookError::NotJson(_))));
    }

    /// The contract's example of a webhook, with this type.
    fn example(contract: &Value, name: &str) -> Value {
        let mut body = contract["components"]["schemas"]["WebhookEvent"]["example"].clone();
        body["type"] = name.into();
        body
    }

    #[test]
    fn every_type_of_the_contract_is_read_thin_and_fat_and_written_as_it_was() {
        let contract: Value = serde_json::from_str(include_str!("../../openapi/eventflow.json")).unwrap();
        let types = contract["x-webhooks"].as_object().unwrap();
        let mut fat = 0;
        for (name, message) in types {
            let mut body = example(&contract, name);
            let schema = &message["post"]["requestBody"]["content"]["application/json"]["schema"];
            for object in
                [Value::Null, schema["allOf"][1]["properties"]["data"]["properties"]["object"].clone()]
            {
                if let Some((_, schema)) = object["$ref"].as_str().and_then(|path| path.rsplit_once('/')) {
                    body["data"]["object"] = contract["components"]["schemas"][schema]["example"].clone();
                    fat += 1;
                }
                let event: Event = serde_json::from_value(body.clone()).unwrap();
                assert!(!matches!(event, Event::Other(_)), "{name}");
                assert_eq!(event.name(), name);
                assert_eq!(serde_json::to_value(&event).unwrap(), body);
            }
        }
        assert!(types.len() > 50 && fat > 30);
    }

    #[test]
    fn what_a_newer_platform_sends_is_read_and_what_contradicts_the_type_is_told() {
        let contract: Value = serde_json::from_str(include_str!("../../openapi/eventflow.json")).unwrap();
        let newer = example(&contract, "order.gift_wrapped");
        let Ok(Event::Other(value)) = read(newer.to_string().as_bytes()) else { panic!("{newer}") };
        assert_eq!(value, newer);
        // A type that had no object, and a field that there was not.
        let mut newer = example(&contract, "payment.failed");
        newer["data"]["object"] = json!({ "id": "pay_1" });
        newer["data"]["weight"] = json!(3);
        let Ok(Event::PaymentFailed(event)) = read(newer.to_string().as_bytes()) else { panic!("{newer}") };
        assert_eq!(event.data.object.unwrap()["id"], "pay_1");

        let mut other = example(&contract, "order.paid");
        other["data"]["object"] = json!({ "id": 7 });
        let error = read(other.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.code(), "unreadable", "{error}");
    }
}
