//! Events of the provider. An event is a hint to look, never the truth: what counts is the object read afterwards, so
//! parsing asks for the few fields that name it and keeps everything else as it came.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ProviderError, Result};

/// Larger webhook bodies are refused before they are read. Stripe's stay far below it.
pub const MAX_EVENT_BYTES: usize = 512 * 1024;
/// Stripe promises that its ids are no longer; the inbox has an index over them.
pub const MAX_NAME_BYTES: usize = 255;

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderEvent {
    /// `evt_…`
    pub id: String,
    /// `checkout.session.completed`, …
    pub kind: String,
    /// Connected account the object belongs to; `None` is the platform's own.
    pub account: Option<String>,
    pub created: DateTime<Utc>,
    pub livemode: bool,
    pub api_version: Option<String>,
    /// Id of the object the event is about.
    pub object_id: Option<String>,
    /// The object as it was when the event happened.
    pub object: Value,
}

impl ProviderEvent {
    /// The payment intent of the object (or the object itself); `None` for events about something else.
    pub fn payment_intent(&self) -> Option<&str> {
        if self.object["object"] == "payment_intent" {
            return self.object_id.as_deref();
        }
        let field = &self.object["payment_intent"];
        field.as_str().or_else(|| field["id"].as_str()).filter(|text| is_name(text))
    }

    /// A field of the object that is one word, as its `status`.
    pub fn word(&self, field: &str) -> Option<&str> {
        self.object[field].as_str().filter(|text| is_name(text))
    }
}

/// What the database can keep, and has an index for.
fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && !text.contains('\0')
}

/// Which events to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    pub account: Option<String>,
    /// Exclusive, in whole seconds: overlap a little, events are inserted once anyway.
    pub created_after: DateTime<Utc>,
    /// At most 20 by the provider's rule; empty lists all.
    pub types: Vec<String>,
}

/// Reads an event from a webhook body whose signature has been verified.
pub fn parse_event(body: &[u8]) -> Result<ProviderEvent> {
    if body.len() > MAX_EVENT_BYTES {
        return Err(ProviderError::Unexpected("event too large".into()));
    }
    let value = serde_json::from_slice(body)
        .map_err(|error| ProviderError::Unexpected(format!("event is not JSON: {error}")))?;
    event_from_value(value)
}

pub(crate) fn event_from_value(mut value: Value) -> Result<ProviderEvent> {
    let text = |field: &str| match value[field].as_str().filter(|text| !text.is_empty()) {
        Some(text) if !is_name(text) => {
            Err(ProviderError::Unexpected(format!("event whose {field} is no name")))
        }
        found => Ok(found.map(str::to_owned)),
    };
    let missing = |field: &str| ProviderError::Unexpected(format!("event without {field}"));
    let id = text("id")?.ok_or_else(|| missing("id"))?;
    let kind = text("type")?.ok_or_else(|| missing("type"))?;
    let created = value["created"]
        .as_i64()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .ok_or_else(|| missing("created"))?;
    let livemode = value["livemode"].as_bool().ok_or_else(|| missing("livemode"))?;
    let (account, api_version) = (text("account")?, text("api_version")?);
    let object = value["data"]["object"].take();
    let object_id = object["id"].as_str().filter(|text| is_name(text)).map(str::to_owned);
    Ok(ProviderEvent { id, kind, account, created, livemode, api_version, object_id, object })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"id":"evt_1","object":"event","type":"checkout.session.completed","created":1700000000,
        "livemode":false,"api_version":"2026-09-30.endive","account":"acct_1","new_field":{"a":[1]},
        "data":{"object":{"id":"cs_test_1","object":"checkout.session","payment_intent":"pi_1","status":"brand_new"}}}"#;

    #[test]
    fn reads_an_event_with_unknown_fields_and_values() {
        let event = parse_event(BODY.as_bytes()).unwrap();
        assert_eq!(event.id, "evt_1");
        assert_eq!(event.kind, "checkout.session.completed");
        assert_eq!(event.account.as_deref(), Some("acct_1"));
        assert_eq!(event.created.timestamp(), 1_700_000_000);
        assert_eq!(event.object_id.as_deref(), Some("cs_test_1"));
        assert_eq!(event.payment_intent(), Some("pi_1"));
        assert_eq!(event.object["status"], "brand_new");
    }

    #[test]
    fn reads_an_unknown_type_without_an_object() {
        let event =
            parse_event(br#"{"id":"evt_2","type":"a.b","created":1,"livemode":true,"data":{}}"#).unwrap();
        assert_eq!((event.object_id, event.account, event.api_version), (None, None, None));
        assert!(event.livemode);
    }

    #[test]
    fn refuses_what_is_not_an_event() {
        let no_mode = BODY.replace("\"livemode\":false,", "");
        for body in ["", "[]", "null", "{}", r#"{"id":"","type":"a","created":1}"#, "{\"id\":\"evt", &no_mode]
        {
            assert!(matches!(parse_event(body.as_bytes()), Err(ProviderError::Unexpected(_))), "{body}");
        }
        assert!(parse_event(&vec![b' '; MAX_EVENT_BYTES + 1]).is_err());
    }

    #[test]
    fn names_that_the_database_cannot_keep_are_none() {
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        for name in ["evt\\u0000", &long] {
            for field in ["evt_1", "checkout.session.completed", "acct_1", "2026-09-30.endive"] {
                let body = BODY.replace(field, name);
                assert!(matches!(parse_event(body.as_bytes()), Err(ProviderError::Unexpected(_))), "{body}");
            }
            let body = BODY.replace("cs_test_1", name).replace("pi_1", name).replace("brand_new", name);
            let event = parse_event(body.as_bytes()).unwrap();
            assert_eq!(
                (event.object_id.as_deref(), event.payment_intent(), event.word("status")),
                (None, None, None)
            );
        }
    }
}
