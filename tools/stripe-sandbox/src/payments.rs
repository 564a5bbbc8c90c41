//! Paying a session: test cards, payment intents, charges.

use serde_json::{Value, json};

use crate::chaos::Chaos;
use crate::disputes;
use crate::error::{ApiError, Result};
use crate::events;
use crate::server::Call;
use crate::sessions::{DELAYED_METHOD, offers_delayed};
use crate::state::{State, new_id};

/// How a test card (or a delayed method) behaves. The numbers are Stripe's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Pays,
    Declines {
        code: &'static str,
        message: &'static str,
    },
    /// Asks the buyer's bank first.
    Confirms,
    /// Pays, and the buyer disputes it at once.
    Disputes,
    /// Pays; refunds stay pending until resolved.
    RefundsPending,
    /// Pays; refunds fail.
    RefundsFail,
    DelayedSuccess,
    DelayedFailure,
}

/// Number (or word), what it does.
pub const METHODS: &[(&str, Behaviour)] = &[
    ("4242424242424242", Behaviour::Pays),
    ("5555555555554444", Behaviour::Pays),
    ("4000000000000002", Behaviour::Declines { code: "generic_decline", message: "Your card was declined." }),
    (
        "4000000000009995",
        Behaviour::Declines { code: "insufficient_funds", message: "Your card has insufficient funds." },
    ),
    ("4000000000000069", Behaviour::Declines { code: "expired_card", message: "Your card has expired." }),
    ("4000002500003155", Behaviour::Confirms),
    ("4000000000000259", Behaviour::Disputes),
    ("4000000000007726", Behaviour::RefundsPending),
    ("4000000000005126", Behaviour::RefundsFail),
    ("delayed_success", Behaviour::DelayedSuccess),
    ("delayed_failure", Behaviour::DelayedFailure),
];

/// What the buyer sees next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Paid,
    /// The verdict comes later.
    Processing,
    NeedsConfirmation,
    Declined {
        code: &'static str,
        message: &'static str,
    },
}

/// A buyer submits the pay page. Spaces in a card number do not matter.
pub fn pay(state: &mut State, chaos: &mut Chaos, session_id: &str, card: &str) -> Result<Outcome> {
    let card: String = card.chars().filter(|char| !char.is_whitespace()).collect();
    let behaviour =
        METHODS.iter().find(|(name, _)| *name == card).map(|(_, behaviour)| *behaviour).ok_or_else(|| {
            ApiError::param("card", "incorrect_number", "Not a test card of the sandbox; see the pay page.")
        })?;
    let session = open_session(state, session_id)?;
    let delayed = matches!(behaviour, Behaviour::DelayedSuccess | Behaviour::DelayedFailure);
    if delayed && !offers_delayed(&session) {
        return Err(ApiError::refused(
            None,
            "This session takes cards only: it does not offer a method whose verdict comes later.",
        ));
    }
    let intent = intent_of(state, &session);
    let last4 = card.get(card.len().saturating_sub(4)..).unwrap_or_default().to_owned();
    match behaviour {
        Behaviour::Declines { code, message } => {
            decline(state, chaos, &intent, &last4, code, message);
            Ok(Outcome::Declined { code, message })
        }
        Behaviour::Confirms => {
            state.update(&intent, |intent| {
                intent.json["status"] = json!("requires_action");
                intent.json["next_action"] = json!({"type": "use_stripe_sdk", "use_stripe_sdk": {}});
                intent.hidden["last4"] = json!(last4);
            });
            emit_object(state, chaos, &intent, "payment_intent.requires_action");
            Ok(Outcome::NeedsConfirmation)
        }
        Behaviour::DelayedSuccess | Behaviour::DelayedFailure => {
            process(state, chaos, session_id, &intent, behaviour == Behaviour::DelayedSuccess);
            Ok(Outcome::Processing)
        }
        _ => {
            complete(state, chaos, session_id, &intent, &last4, behaviour);
            Ok(Outcome::Paid)
        }
    }
}

/// The answer of the buyer's bank to a card that asks for it.
pub fn confirm(state: &mut State, chaos: &mut Chaos, session_id: &str, approve: bool) -> Result<Outcome> {
    let session = open_session(state, session_id)?;
    let intent = session["payment_intent"].as_str().and_then(|id| state.find(id));
    let Some(intent) = intent.filter(|intent| intent.json["status"] == "requires_action") else {
        return Err(ApiError::refused(None, "This session does not wait for a confirmation."));
    };
    let last4 = intent.hidden["last4"].as_str().unwrap_or_default().to_owned();
    let id = intent.id().to_owned();
    if approve {
        complete(state, chaos, session_id, &id, &last4, Behaviour::Pays);
        return Ok(Outcome::Paid);
    }
    let (code, message) = ("authentication_required", "Your bank could not confirm that it was you.");
    decline(state, chaos, &id, &last4, code, message);
    Ok(Outcome::Declined { code, message })
}

/// The verdict on a delayed payment. `None` takes the one that was chosen when paying.
pub fn resolve(
    state: &mut State,
    chaos: &mut Chaos,
    session_id: &str,
    succeeded: Option<bool>,
) -> Result<bool> {
    let session =
        state.find(session_id).ok_or_else(|| ApiError::not_found("checkout.session", session_id))?;
    let account = session.account.clone();
    let intent = session.json["payment_intent"].as_str().and_then(|id| state.find(id));
    let Some(intent) = intent.filter(|intent| intent.json["status"] == "processing") else {
        return Err(ApiError::refused(None, "This session does not wait for a verdict."));
    };
    let succeeded = succeeded.unwrap_or(intent.hidden["delayed_success"] == true);
    let id = intent.id().to_owned();
    let account = account.as_deref();
    if succeeded {
        charge(state, chaos, &id, DELAYED_METHOD, "3000", Behaviour::Pays);
        let session = state.update(session_id, |session| session.json["payment_status"] = json!("paid"));
        let facts =
            json!({"payment_intent": id, "amount": session["amount_total"], "currency": session["currency"]});
        state.record("session_paid", account, session_id, facts);
        events::emit(state, chaos, account, "checkout.session.async_payment_succeeded", &session);
    } else {
        decline(state, chaos, &id, "3000", "generic_decline", "The debit was returned.");
        let session = state.find(session_id).map(|session| session.json.clone()).unwrap_or_default();
        state.record("session_failed", account, session_id, json!({"payment_intent": id}));
        events::emit(state, chaos, account, "checkout.session.async_payment_failed", &session);
    }
    Ok(succeeded)
}

pub fn retrieve(call: &mut Call<'_>, kind: &str, id: &str) -> Result<Value> {
    Ok(call.state.get(call.account, kind, id)?.json.clone())
}

pub fn list_intents(call: &mut Call<'_>) -> Result<Value> {
    call.state.list(call.account, "payment_intent", "/v1/payment_intents", call.params, |_| true)
}

pub fn list_charges(call: &mut Call<'_>) -> Result<Value> {
    let intent = call.params.text("payment_intent")?;
    call.state.list(call.account, "charge", "/v1/charges", call.params, |charge| {
        intent.is_none_or(|intent| charge["payment_intent"] == intent)
    })
}

/// Every intent here belongs to a session, so there is nothing to cancel.
pub fn cancel(call: &mut Call<'_>, id: &str) -> Result<Value> {
    call.state.get(call.account, "payment_intent", id)?;
    let message = "You cannot cancel this PaymentIntent because it was created by a Checkout Session; expire the \
                   session instead.";
    Err(ApiError::refused(Some("payment_intent_unexpected_state"), message))
}

/// An expired session takes its unpaid intent with it.
pub fn cancel_of_session(state: &mut State, chaos: &mut Chaos, id: &str) {
    let now = state.now();
    state.update(id, |intent| {
        intent.json["status"] = json!("canceled");
        intent.json["canceled_at"] = json!(now);
        intent.json["cancellation_reason"] = json!("automatic");
        intent.json["next_action"] = Value::Null;
    });
    emit_object(state, chaos, id, "payment_intent.canceled");
}

fn open_session(state: &State, id: &str) -> Result<Value> {
    let session = state
        .find(id)
        .filter(|object| object.kind() == "checkout.session")
        .ok_or_else(|| ApiError::not_found("checkout.session", id))?;
    match session.json["status"].as_str() {
        Some("open") => Ok(session.json.clone()),
        status => {
            let message =
                format!("This Checkout Session is {} and cannot be paid.", status.unwrap_or_default());
            Err(ApiError::refused(Some("payment_intent_unexpected_state"), message))
        }
    }
}

/// The session's intent; the first attempt to pay creates it.
fn intent_of(state: &mut State, session: &Value) -> String {
    if let Some(id) = session["payment_intent"].as_str() {
        return id.to_owned();
    }
    let session_id = session["id"].as_str().unwrap_or_default();
    let owner = state.find(session_id);
    let params = owner.map(|session| session.hidden["intent"].clone()).unwrap_or_default();
    let account = owner.and_then(|session| session.account.clone());
    let id = new_id("pi_", 24);
    let intent = json!({
        "id": id, "object": "payment_intent", "amount": session["amount_total"], "amount_capturable": 0,
        "amount_details": {"tip": {}}, "amount_received": 0, "application": null,
        "application_fee_amount": params["application_fee_amount"], "automatic_payment_methods": null,
        "canceled_at": null, "cancellation_reason": null, "capture_method": "automatic",
        "client_secret": new_id(&format!("{id}_secret_"), 25), "confirmation_method": "automatic",
        "created": state.now(), "currency": session["currency"], "customer": null,
        "description": params["description"], "invoice": null, "last_payment_error": null, "latest_charge": null,
        "livemode": false, "metadata": params["metadata"], "next_action": null, "on_behalf_of": null,
        "payment_method": null, "payment_method_options": {},
        "payment_method_types": session["payment_method_types"], "processing": null, "receipt_email": null,
        "review": null, "setup_future_usage": null, "shipping": null, "source": null, "statement_descriptor": null,
        "statement_descriptor_suffix": null, "status": "requires_payment_method", "transfer_data": null,
        "transfer_group": null,
    });
    state.insert(account.as_deref(), intent, json!({"session": session_id}));
    state.update(session_id, |session| session.json["payment_intent"] = json!(id));
    id
}

fn decline(state: &mut State, chaos: &mut Chaos, id: &str, last4: &str, code: &str, message: &str) {
    let intent = state.update(id, |intent| {
        intent.json["status"] = json!("requires_payment_method");
        intent.json["next_action"] = Value::Null;
        intent.json["processing"] = Value::Null;
    });
    let mut charge = charge_json(state, &intent, "card", last4);
    charge["status"] = json!("failed");
    charge["paid"] = json!(false);
    charge["captured"] = json!(false);
    charge["amount_captured"] = json!(0);
    charge["failure_code"] = json!("card_declined");
    charge["failure_message"] = json!(message);
    charge["outcome"] = json!({"network_status": "declined_by_network", "reason": code, "risk_level": "normal",
        "seller_message": message, "type": "issuer_declined"});
    let account = state.find(id).and_then(|intent| intent.account.clone());
    let account = account.as_deref();
    let charge = state.insert(account, charge, Value::Null);
    let intent = state.update(id, |intent| {
        intent.json["latest_charge"] = charge["id"].clone();
        intent.json["last_payment_error"] = json!({"type": "card_error", "code": "card_declined", "decline_code": code,
            "message": message, "charge": charge["id"]});
    });
    let facts = json!({"payment_intent": id, "amount": charge["amount"], "code": code});
    state.record("charge_failed", account, charge["id"].as_str().unwrap_or_default(), facts);
    events::emit(state, chaos, account, "charge.failed", &charge);
    events::emit(state, chaos, account, "payment_intent.payment_failed", &intent);
}

fn complete(
    state: &mut State,
    chaos: &mut Chaos,
    session_id: &str,
    intent: &str,
    last4: &str,
    behaviour: Behaviour,
) {
    let charge_id = charge(state, chaos, intent, "card", last4, behaviour);
    let session = state.update(session_id, |session| {
        session.json["payment_status"] = json!("paid");
        finish(&mut session.json);
    });
    let account = state.find(session_id).and_then(|session| session.account.clone());
    let facts =
        json!({"payment_intent": intent, "amount": session["amount_total"], "currency": session["currency"]});
    state.record("session_paid", account.as_deref(), session_id, facts);
    events::emit(state, chaos, account.as_deref(), "checkout.session.completed", &session);
    if behaviour == Behaviour::Disputes {
        disputes::open(state, chaos, &charge_id, None, "fraudulent");
    }
}

/// Completes the session unpaid: the buyer is done, the bank is not.
fn process(state: &mut State, chaos: &mut Chaos, session_id: &str, intent: &str, will_succeed: bool) {
    state.update(intent, |intent| {
        intent.json["status"] = json!("processing");
        intent.hidden["delayed_success"] = json!(will_succeed);
    });
    emit_object(state, chaos, intent, "payment_intent.processing");
    let session = state.update(session_id, |session| finish(&mut session.json));
    let account = state.find(session_id).and_then(|session| session.account.clone());
    state.record("session_processing", account.as_deref(), session_id, json!({"payment_intent": intent}));
    events::emit(state, chaos, account.as_deref(), "checkout.session.completed", &session);
}

fn finish(session: &mut Value) {
    session["status"] = json!("complete");
    session["url"] = Value::Null;
    let email = session["customer_email"].as_str().unwrap_or("guest@example.org").to_owned();
    session["customer_details"] = json!({"address": null, "email": email, "name": "Test Buyer", "phone": null, "tax_exempt": "none", "tax_ids": []});
}

/// Money arrives: the charge and the intent succeed.
fn charge(
    state: &mut State,
    chaos: &mut Chaos,
    intent_id: &str,
    method: &str,
    last4: &str,
    behaviour: Behaviour,
) -> String {
    let intent = state.update(intent_id, |intent| {
        intent.json["status"] = json!("succeeded");
        intent.json["amount_received"] = intent.json["amount"].clone();
        intent.json["next_action"] = Value::Null;
        intent.json["last_payment_error"] = Value::Null;
    });
    let account = state.find(intent_id).and_then(|intent| intent.account.clone());
    let account = account.as_deref();
    let refunds = match behaviour {
        Behaviour::RefundsPending => "pending",
        Behaviour::RefundsFail => "failed",
        _ => "succeeded",
    };
    let charge = charge_json(state, &intent, method, last4);
    let charge = state.insert(account, charge, json!({"refunds": refunds}));
    let id = charge["id"].as_str().unwrap_or_default().to_owned();
    let intent = state.update(intent_id, |intent| intent.json["latest_charge"] = json!(id));
    let facts = json!({"payment_intent": intent_id, "amount": charge["amount"], "currency": charge["currency"],
        "application_fee": charge["application_fee_amount"]});
    state.record("charge_succeeded", account, &id, facts);
    events::emit(state, chaos, account, "charge.succeeded", &charge);
    events::emit(state, chaos, account, "payment_intent.succeeded", &intent);
    id
}

fn charge_json(state: &State, intent: &Value, method: &str, last4: &str) -> Value {
    let details = if method == "card" {
        json!({"type": "card", "card": {"brand": "visa", "country": "DE", "exp_month": 12, "exp_year": 2034,
            "funding": "credit", "last4": last4, "network": "visa", "checks": null, "installments": null,
            "mandate": null, "three_d_secure": null, "wallet": null}})
    } else {
        json!({"type": method, method: {"bank_code": null, "branch_code": null, "country": "DE", "fingerprint": null,
            "last4": last4, "mandate": null}})
    };
    json!({
        "id": new_id("ch_", 24), "object": "charge", "amount": intent["amount"], "amount_captured": intent["amount"],
        "amount_refunded": 0, "application": null, "application_fee": null,
        "application_fee_amount": intent["application_fee_amount"], "balance_transaction": null,
        "billing_details": {"address": null, "email": null, "name": null, "phone": null},
        "calculated_statement_descriptor": "EVENTFLOW SANDBOX", "captured": true, "created": state.now(),
        "currency": intent["currency"], "customer": null, "description": intent["description"], "disputed": false,
        "failure_balance_transaction": null, "failure_code": null, "failure_message": null, "fraud_details": {},
        "invoice": null, "livemode": false, "metadata": intent["metadata"], "on_behalf_of": null,
        "outcome": {"network_status": "approved_by_network", "reason": null, "risk_level": "normal",
            "seller_message": "Payment complete.", "type": "authorized"},
        "paid": true, "payment_intent": intent["id"], "payment_method": new_id("pm_", 24),
        "payment_method_details": details, "receipt_email": null, "receipt_number": null, "receipt_url": null,
        "refunded": false, "review": null, "shipping": null, "source_transfer": null, "statement_descriptor": null,
        "statement_descriptor_suffix": null, "status": "succeeded", "transfer_data": null, "transfer_group": null,
    })
}

/// Emits an event with the object as it is now.
pub fn emit_object(state: &mut State, chaos: &mut Chaos, id: &str, kind: &str) {
    let Some(object) = state.find(id).cloned() else { return };
    events::emit(state, chaos, object.account.as_deref(), kind, &object.json);
}
