//! Stripe's objects as ours. Only fields in use are read; a value we do not know where it decides about money is
//! `Unexpected`, never a guess.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::error::{ProviderError, Result};
use crate::{CheckoutSession, Dispute, DisputeStatus, PaymentStatus, Refund, RefundStatus, SessionStatus};

pub fn session(value: &Value, account: Option<&str>) -> Result<CheckoutSession> {
    expect_kind(value, "checkout.session")?;
    Ok(CheckoutSession {
        id: required(value, "id")?,
        url: text(value, "url"),
        status: match required(value, "status")?.as_str() {
            "open" => SessionStatus::Open,
            "complete" => SessionStatus::Complete,
            "expired" => SessionStatus::Expired,
            other => return Err(unknown("session status", other)),
        },
        payment_status: match required(value, "payment_status")?.as_str() {
            "paid" => PaymentStatus::Paid,
            "unpaid" => PaymentStatus::Unpaid,
            "no_payment_required" => PaymentStatus::NotRequired,
            other => return Err(unknown("payment status", other)),
        },
        amount_total_minor: value["amount_total"].as_i64(),
        currency: currency(value),
        livemode: value["livemode"].as_bool().ok_or_else(|| missing("livemode"))?,
        payment_intent: id_of(&value["payment_intent"]),
        expires_at: time(&value["expires_at"]),
        client_reference_id: text(value, "client_reference_id"),
        account: account.map(str::to_owned),
    })
}

pub fn refund(value: &Value) -> Result<Refund> {
    expect_kind(value, "refund")?;
    Ok(Refund {
        id: required(value, "id")?,
        status: match required(value, "status")?.as_str() {
            "succeeded" => RefundStatus::Succeeded,
            "pending" => RefundStatus::Pending,
            "requires_action" => RefundStatus::RequiresAction,
            "failed" => RefundStatus::Failed,
            "canceled" => RefundStatus::Canceled,
            other => return Err(unknown("refund status", other)),
        },
        amount_minor: value["amount"].as_i64().ok_or_else(|| missing("amount"))?,
        currency: currency(value).ok_or_else(|| missing("currency"))?,
        payment_intent: id_of(&value["payment_intent"]),
        failure_reason: text(value, "failure_reason"),
        refund_id: text(&value["metadata"], "refund_id"),
        created: time(&value["created"]).ok_or_else(|| missing("created"))?,
    })
}

pub fn dispute(value: &Value) -> Result<Dispute> {
    expect_kind(value, "dispute")?;
    Ok(Dispute {
        id: required(value, "id")?,
        status: match required(value, "status")?.as_str() {
            "needs_response" | "under_review" => DisputeStatus::Open,
            "won" => DisputeStatus::Won,
            "lost" => DisputeStatus::Lost,
            "warning_needs_response" | "warning_under_review" | "warning_closed" => DisputeStatus::Inquiry,
            _ => DisputeStatus::Other,
        },
        amount_minor: value["amount"].as_i64().ok_or_else(|| missing("amount"))?,
        currency: currency(value).ok_or_else(|| missing("currency"))?,
        payment_intent: id_of(&value["payment_intent"]),
        reason: text(value, "reason").unwrap_or_default(),
        evidence_due_at: time(&value["evidence_details"]["due_by"]),
    })
}

fn expect_kind(value: &Value, kind: &str) -> Result<()> {
    match value["object"].as_str() {
        Some(object) if object == kind => Ok(()),
        _ => Err(ProviderError::Unexpected(format!("the answer is not a {kind}"))),
    }
}

fn text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}

fn required(value: &Value, field: &'static str) -> Result<String> {
    text(value, field).ok_or_else(|| missing(field))
}

/// A reference is an id, or the whole object where it was expanded.
fn id_of(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value["id"].as_str()).map(str::to_owned)
}

fn currency(value: &Value) -> Option<String> {
    value["currency"].as_str().map(str::to_uppercase)
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_i64().and_then(|seconds| DateTime::from_timestamp(seconds, 0))
}

fn missing(field: &str) -> ProviderError {
    ProviderError::Unexpected(format!("an answer without {field}"))
}

fn unknown(what: &str, value: &str) -> ProviderError {
    ProviderError::Unexpected(format!("unknown {what} {value:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_a_session_with_an_expanded_intent_and_unknown_fields() {
        let value = json!({
            "object": "checkout.session", "id": "cs_test_1", "status": "complete", "payment_status": "paid",
            "amount_total": 4200, "currency": "eur", "livemode": false, "payment_intent": {"id": "pi_1"},
            "expires_at": 1_700_000_000, "client_reference_id": "ord_1", "url": null, "brand_new": {"x": 1},
        });
        let session = session(&value, Some("acct_1")).unwrap();
        assert!(session.is_paid());
        assert_eq!(session.payment_intent.as_deref(), Some("pi_1"));
        assert_eq!(session.currency.as_deref(), Some("EUR"));
        assert_eq!(session.account.as_deref(), Some("acct_1"));
    }

    #[test]
    fn a_state_that_decides_about_money_is_never_guessed() {
        let session_value = json!({"object": "checkout.session", "id": "cs_1", "status": "resting",
            "payment_status": "paid", "livemode": false});
        assert!(matches!(session(&session_value, None), Err(ProviderError::Unexpected(_))));
        let refund_value =
            json!({"object": "refund", "id": "re_1", "status": "maybe", "amount": 1, "currency": "eur"});
        assert!(matches!(refund(&refund_value), Err(ProviderError::Unexpected(_))));
        assert!(matches!(refund(&json!({"object": "charge"})), Err(ProviderError::Unexpected(_))));
    }

    #[test]
    fn an_inquiry_is_no_dispute_yet() {
        let status = |status: &str| {
            let value = json!({"object": "dispute", "id": "du_1", "status": status, "amount": 4_200, "currency": "eur"});
            dispute(&value).unwrap().status
        };
        for (text, expected) in [
            ("warning_needs_response", DisputeStatus::Inquiry),
            ("warning_under_review", DisputeStatus::Inquiry),
            ("warning_closed", DisputeStatus::Inquiry),
            ("needs_response", DisputeStatus::Open),
            ("a new word", DisputeStatus::Other),
        ] {
            assert_eq!(status(text), expected, "{text}");
        }
    }
}
