//! Disputes: opened and decided through the control API (or by a test card).

use serde_json::{Value, json};

use crate::chaos::Chaos;
use crate::error::{ApiError, Result};
use crate::events;
use crate::server::Call;
use crate::state::{State, new_id};

const ANSWER_WITHIN_SECS: i64 = 9 * 24 * 60 * 60;

/// `charge` must be a succeeded charge.
pub fn open(
    state: &mut State,
    chaos: &mut Chaos,
    charge: &str,
    amount: Option<i64>,
    reason: &str,
) -> Option<Value> {
    let charge = state.find(charge).filter(|object| object.json["status"] == "succeeded")?.clone();
    let account = charge.account.as_deref();
    let left =
        charge.json["amount"].as_i64().unwrap_or(0) - charge.json["amount_refunded"].as_i64().unwrap_or(0);
    let amount = amount.unwrap_or(left);
    if charge.json["disputed"] == true || amount < 1 || amount > left {
        return None;
    }
    let now = state.now();
    let dispute = json!({
        "id": new_id("du_", 24), "object": "dispute", "amount": amount, "balance_transactions": [],
        "charge": charge.json["id"], "created": now, "currency": charge.json["currency"], "evidence": evidence(),
        "evidence_details": {"due_by": now + ANSWER_WITHIN_SECS, "has_evidence": false, "past_due": false,
            "submission_count": 0},
        "is_charge_refundable": false, "livemode": false, "metadata": {},
        "payment_intent": charge.json["payment_intent"],
        "payment_method_details": {"card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "83"},
            "type": "card"},
        "reason": reason, "status": "needs_response",
    });
    let dispute = state.insert(account, dispute, Value::Null);
    state.update(charge.id(), |charge| charge.json["disputed"] = json!(true));
    let facts = json!({"charge": charge.json["id"], "payment_intent": charge.json["payment_intent"], "amount": amount,
        "reason": reason});
    state.record("dispute_created", account, dispute["id"].as_str().unwrap_or_default(), facts);
    events::emit(state, chaos, account, "charge.dispute.created", &dispute);
    events::emit(state, chaos, account, "charge.dispute.funds_withdrawn", &dispute);
    Some(dispute)
}

/// The bank's decision: `won` or `lost`.
pub fn decide(state: &mut State, chaos: &mut Chaos, id: &str, status: &str) -> Result<Value> {
    let dispute = state
        .find(id)
        .filter(|object| object.kind() == "dispute")
        .ok_or_else(|| ApiError::not_found("dispute", id))?;
    if matches!(dispute.json["status"].as_str(), Some("won" | "lost")) {
        return Err(ApiError::refused(None, "This dispute is already closed."));
    }
    if !matches!(status, "won" | "lost") {
        return Err(ApiError::invalid("status", "status is won or lost."));
    }
    let account = dispute.account.clone();
    let account = account.as_deref();
    let dispute = state.update(id, |dispute| dispute.json["status"] = json!(status));
    state.record(
        "dispute_closed",
        account,
        id,
        json!({"status": status, "amount": dispute["amount"], "charge": dispute["charge"]}),
    );
    if status == "won" {
        // The money is back: the charge may be refunded again.
        let charge = dispute["charge"].as_str().unwrap_or_default();
        state.update(charge, |charge| charge.json["disputed"] = json!(false));
        events::emit(state, chaos, account, "charge.dispute.funds_reinstated", &dispute);
    }
    events::emit(state, chaos, account, "charge.dispute.closed", &dispute);
    Ok(dispute)
}

/// `POST /v1/disputes/{id}/close`: the merchant gives in.
pub fn close(call: &mut Call<'_>, id: &str) -> Result<Value> {
    call.state.get(call.account, "dispute", id)?;
    decide(call.state, call.chaos, id, "lost")
}

pub fn list(call: &mut Call<'_>) -> Result<Value> {
    let (intent, charge) = (call.params.text("payment_intent")?, call.params.text("charge")?);
    call.state.list(call.account, "dispute", "/v1/disputes", call.params, |dispute| {
        intent.is_none_or(|intent| dispute["payment_intent"] == intent)
            && charge.is_none_or(|charge| dispute["charge"] == charge)
    })
}

/// Nobody has answered yet.
fn evidence() -> Value {
    let fields = [
        "access_activity_log",
        "billing_address",
        "cancellation_policy",
        "cancellation_policy_disclosure",
        "cancellation_rebuttal",
        "customer_communication",
        "customer_email_address",
        "customer_name",
        "customer_purchase_ip",
        "customer_signature",
        "duplicate_charge_documentation",
        "duplicate_charge_explanation",
        "duplicate_charge_id",
        "product_description",
        "receipt",
        "refund_policy",
        "refund_policy_disclosure",
        "refund_refusal_explanation",
        "service_date",
        "service_documentation",
        "shipping_address",
        "shipping_carrier",
        "shipping_date",
        "shipping_documentation",
        "shipping_tracking_number",
        "uncategorized_file",
        "uncategorized_text",
    ];
    fields.into_iter().map(|field| (field.to_owned(), Value::Null)).collect()
}
