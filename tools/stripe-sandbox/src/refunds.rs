//! Refunds: never more than the charge, pending or failing on request.

use serde_json::{Value, json};

use crate::chaos::{Chaos, RefundOutcome};
use crate::error::{ApiError, Result};
use crate::events;
use crate::payments::emit_object;
use crate::server::Call;
use crate::state::{Object, State, new_id};

const KNOWN: &[&str] = &[
    "amount",
    "charge",
    "currency",
    "expand",
    "instructions_email",
    "metadata",
    "payment_intent",
    "reason",
    "refund_application_fee",
    "reverse_transfer",
];

pub fn create(call: &mut Call<'_>) -> Result<Value> {
    call.params.only(KNOWN)?;
    let reason = match call.params.text("reason")? {
        reason @ (None | Some("duplicate" | "fraudulent" | "requested_by_customer")) => reason,
        Some(reason) => return Err(ApiError::invalid("reason", format!("Invalid reason: {reason}"))),
    };
    let metadata = call.params.metadata()?;
    let fee_back = call.params.boolean("refund_application_fee")?;
    if fee_back && call.account.is_none() {
        let message = "An application fee can be refunded only for a charge of a connected account.";
        return Err(ApiError::invalid("refund_application_fee", message));
    }
    let charge = charge_to_refund(call)?;
    let (id, total) = (charge.id().to_owned(), amount(&charge.json, "amount"));
    let left = total - amount(&charge.json, "amount_refunded");
    if left == 0 {
        let message = format!("Charge {id} has already been refunded.");
        return Err(ApiError::refused(Some("charge_already_refunded"), message));
    }
    if charge.json["disputed"] == true {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(ApiError::refused(Some("charge_disputed"), message));
    }
    let wanted = call.params.integer("amount")?.unwrap_or(left);
    if wanted < 1 {
        return Err(ApiError::param("amount", "parameter_invalid_integer", "Invalid positive integer"));
    }
    if wanted > left {
        let message =
            format!("Refund amount ({wanted}) is greater than unrefunded amount on charge ({left}).");
        return Err(ApiError { param: Some("amount".into()), ..ApiError::refused(None, message) });
    }
    let outcome = match call.chaos.refund() {
        Some(RefundOutcome::Pending) => "pending",
        Some(RefundOutcome::Failed) => "failed",
        None => charge.hidden["refunds"].as_str().unwrap_or("succeeded"),
    };
    let facts = json!({
        "id": new_id("re_", 24), "object": "refund", "amount": wanted, "balance_transaction": null, "charge": id,
        "created": call.state.now(), "currency": charge.json["currency"], "metadata": metadata,
        "payment_intent": charge.json["payment_intent"], "reason": reason, "receipt_number": null,
        "source_transfer_reversal": null, "status": outcome, "transfer_reversal": null,
    });
    let fee = fee_share(&charge.json, wanted, fee_back);
    Ok(store(call.state, call.chaos, call.account, facts, fee))
}

pub fn list(call: &mut Call<'_>) -> Result<Value> {
    let (intent, charge) = (call.params.text("payment_intent")?, call.params.text("charge")?);
    call.state.list(call.account, "refund", "/v1/refunds", call.params, |refund| {
        intent.is_none_or(|intent| refund["payment_intent"] == intent)
            && charge.is_none_or(|charge| refund["charge"] == charge)
    })
}

/// The bank's verdict on a refund. A refund that succeeded can still fail later, as at Stripe.
pub fn resolve(state: &mut State, chaos: &mut Chaos, id: &str, status: &str) -> Result<Value> {
    let refund = state
        .find(id)
        .filter(|object| object.kind() == "refund")
        .ok_or_else(|| ApiError::not_found("refund", id))?
        .clone();
    match (refund.json["status"].as_str(), status) {
        (Some("pending"), "succeeded") | (Some("pending" | "succeeded"), "failed") => {}
        (Some(from), _) => {
            return Err(ApiError::refused(None, format!("A refund cannot go from {from} to {status}.")));
        }
        _ => return Err(ApiError::missing("status")),
    }
    let updated = state.update(id, |refund| {
        refund.json["status"] = json!(status);
        if status == "failed" {
            fail(&mut refund.json);
        }
    });
    let account = refund.account.as_deref();
    if status == "failed" {
        count(state, &refund.json, -1);
    }
    state.record(
        "refund_updated",
        account,
        id,
        json!({"status": status, "amount": updated["amount"], "charge": updated["charge"]}),
    );
    events::emit(state, chaos, account, "refund.updated", &updated);
    events::emit(state, chaos, account, "charge.refund.updated", &updated);
    Ok(updated)
}

fn store(
    state: &mut State,
    chaos: &mut Chaos,
    account: Option<&str>,
    mut refund: Value,
    fee: Option<i64>,
) -> Value {
    let failed = refund["status"] == "failed";
    if failed {
        fail(&mut refund);
    }
    let refund = state.insert(account, refund, Value::Null);
    if !failed {
        count(state, &refund, 1);
    }
    let facts = json!({"status": refund["status"], "amount": refund["amount"], "currency": refund["currency"],
        "charge": refund["charge"], "payment_intent": refund["payment_intent"], "application_fee": fee,
        "metadata": refund["metadata"]});
    state.record("refund_created", account, refund["id"].as_str().unwrap_or_default(), facts);
    events::emit(state, chaos, account, "refund.created", &refund);
    if failed {
        events::emit(state, chaos, account, "refund.failed", &refund);
    } else {
        emit_object(state, chaos, refund["charge"].as_str().unwrap_or_default(), "charge.refunded");
    }
    refund
}

fn charge_to_refund(call: &Call<'_>) -> Result<Object> {
    let id = match (call.params.text("charge")?, call.params.text("payment_intent")?) {
        (Some(charge), None) => charge.to_owned(),
        (None, Some(intent)) => {
            let intent = &call.state.get(call.account, "payment_intent", intent)?.json;
            match intent["latest_charge"].as_str() {
                Some(charge) => charge.to_owned(),
                None => return Err(no_charge()),
            }
        }
        (None, None) => {
            return Err(ApiError::invalid(
                "",
                "One of the following params should be provided: payment_intent or charge.",
            ));
        }
        _ => return Err(ApiError::invalid("charge", "Give payment_intent or charge, not both.")),
    };
    let charge = call.state.get(call.account, "charge", &id)?;
    if charge.json["status"] != "succeeded" {
        return Err(no_charge());
    }
    Ok(charge.clone())
}

fn no_charge() -> ApiError {
    ApiError::refused(None, "This PaymentIntent does not have a successful charge to refund.")
}

/// The part of the application fee that goes back, in proportion.
fn fee_share(charge: &Value, refunded: i64, wanted: bool) -> Option<i64> {
    let fee = charge["application_fee_amount"].as_i64().filter(|_| wanted)?;
    Some(fee * refunded / amount(charge, "amount").max(1))
}

fn fail(refund: &mut Value) {
    refund["failure_reason"] = json!("lost_or_stolen_card");
}

/// Adds the refund to its charge, or takes a failed one off again.
fn count(state: &mut State, refund: &Value, sign: i64) {
    let change = sign * amount(refund, "amount");
    state.update(refund["charge"].as_str().unwrap_or_default(), |charge| {
        let refunded = amount(&charge.json, "amount_refunded") + change;
        charge.json["amount_refunded"] = json!(refunded);
        charge.json["refunded"] = json!(refunded == amount(&charge.json, "amount"));
    });
}

fn amount(object: &Value, field: &str) -> i64 {
    object[field].as_i64().unwrap_or_default()
}
