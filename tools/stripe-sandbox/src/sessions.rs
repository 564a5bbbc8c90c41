//! Checkout Sessions: create, read, list, line items, expire; and the clock that expires them.

use serde_json::{Value, json};

use crate::chaos::Chaos;
use crate::error::{ApiError, Result};
use crate::events::{self, Forgery};
use crate::form::Params;
use crate::payments;
use crate::server::Call;
use crate::state::{State, new_id};

const MIN_LIFE_SECS: i64 = 30 * 60;
const MAX_LIFE_SECS: i64 = 24 * 60 * 60;
const MAX_LINES: usize = 100;
/// Stripe: "at least 50 cents".
const MIN_TOTAL: i64 = 50;
/// Stripe: "no more than eight digits".
const MAX_TOTAL: i64 = 99_999_999;

/// Every top-level parameter of the operation that this server understands or may ignore without harm.
const KNOWN: &[&str] = &[
    "adaptive_pricing",
    "allowed_payment_method_types",
    "automatic_tax",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "currency",
    "custom_text",
    "customer_creation",
    "customer_email",
    "excluded_payment_method_types",
    "expand",
    "expires_at",
    "invoice_creation",
    "line_items",
    "locale",
    "metadata",
    "mode",
    "payment_intent_data",
    "payment_method_options",
    "payment_method_types",
    "phone_number_collection",
    "submit_type",
    "success_url",
    "ui_mode",
    "wallet_options",
];

/// A debit whose verdict takes days. Offered unless the session names its methods without it.
pub const DELAYED_METHOD: &str = "sepa_debit";

pub fn create(call: &mut Call<'_>) -> Result<Value> {
    let params = call.params;
    params.only(KNOWN)?;
    match params.required("mode")? {
        "payment" => {}
        mode => {
            return Err(ApiError::invalid(
                "mode",
                format!("The sandbox knows mode payment only, not {mode}."),
            ));
        }
    }
    if let Some(mode) = params.text("ui_mode")?
        && !matches!(mode, "hosted" | "hosted_page")
    {
        return Err(ApiError::invalid("ui_mode", "The sandbox knows the hosted page only."));
    }
    let success_url = url(params, "success_url")?.ok_or_else(|| ApiError::missing("success_url"))?;
    let cancel_url = url(params, "cancel_url")?;
    let (lines, currency) = line_items(params)?;
    let total = total(&lines)?;
    let expires_at = expires_at(call)?;
    let intent = intent_params(params, call.account, total)?;
    let methods = methods(params)?;
    let id = new_id("cs_test_", 58);
    let page = format!("{}/pay/{id}", call.settings.public_url);
    let session = json!({
        "id": id, "object": "checkout.session", "after_expiration": null, "allow_promotion_codes": null,
        "amount_subtotal": total, "amount_total": total, "automatic_tax": {"enabled": false, "status": null},
        "allowed_payment_method_types": params.value("allowed_payment_method_types"),
        "billing_address_collection": null, "cancel_url": cancel_url,
        "client_reference_id": params.text("client_reference_id")?, "client_secret": null, "consent": null,
        "consent_collection": null, "created": call.state.now(), "currency": currency, "currency_conversion": null,
        "custom_fields": [], "custom_text": {"shipping_address": null, "submit": null}, "customer": null,
        "customer_creation": "if_required", "customer_details": null, "customer_email": email(params)?,
        "expires_at": expires_at, "invoice": null, "livemode": false,
        "locale": params.text("locale")?, "metadata": params.metadata()?, "mode": "payment",
        "payment_intent": null, "payment_link": null, "payment_method_collection": "if_required",
        "payment_method_options": {}, "payment_method_types": methods, "payment_status": "unpaid",
        "phone_number_collection": {"enabled": false}, "recovered_from": null, "setup_intent": null,
        "shipping_address_collection": null, "shipping_cost": null, "shipping_options": [], "status": "open",
        "submit_type": null, "subscription": null, "success_url": success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}, "url": page,
    });
    let hidden = json!({"line_items": lines, "intent": intent});
    let session = call.state.insert(call.account, session, hidden);
    let facts = json!({"amount": total, "currency": currency, "expires_at": expires_at,
        "client_reference_id": session["client_reference_id"]});
    call.state.record("session_created", call.account, &id, facts);
    if call.chaos.forges() {
        forge_paid(call.state, &session, call.account);
    }
    Ok(session)
}

pub fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value> {
    Ok(call.state.get(call.account, "checkout.session", id)?.json.clone())
}

pub fn list(call: &mut Call<'_>) -> Result<Value> {
    let intent = call.params.text("payment_intent")?;
    let status = call.params.text("status")?;
    call.state.list(call.account, "checkout.session", "/v1/checkout/sessions", call.params, |session| {
        intent.is_none_or(|intent| session["payment_intent"] == intent)
            && status.is_none_or(|status| session["status"] == status)
    })
}

pub fn list_line_items(call: &mut Call<'_>, id: &str) -> Result<Value> {
    let session = call.state.get(call.account, "checkout.session", id)?;
    Ok(line_item_list(id, &session.hidden))
}

pub fn line_item_list(id: &str, hidden: &Value) -> Value {
    json!({"object": "list", "url": format!("/v1/checkout/sessions/{id}/line_items"), "has_more": false,
        "data": hidden["line_items"]})
}

pub fn expire(call: &mut Call<'_>, id: &str) -> Result<Value> {
    let session = &call.state.get(call.account, "checkout.session", id)?.json;
    let status = session["status"].as_str().unwrap_or_default();
    if status != "open" {
        return Err(ApiError::refused(
            None,
            format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This one is {status}."
            ),
        ));
    }
    Ok(close(call.state, call.chaos, id, "api"))
}

/// Expires every open session whose time is up. Called before anything looks at the state.
pub fn expire_due(state: &mut State, chaos: &mut Chaos) {
    while let Some(id) = state.due_session() {
        close(state, chaos, &id, "clock");
    }
}

fn close(state: &mut State, chaos: &mut Chaos, id: &str, by: &str) -> Value {
    let session = state.update(id, |session| {
        session.json["status"] = json!("expired");
        session.json["url"] = Value::Null;
    });
    let account = state.find(id).and_then(|session| session.account.clone());
    let account = account.as_deref();
    state.record("session_expired", account, id, json!({"by": by}));
    if let Some(intent) = session["payment_intent"].as_str() {
        payments::cancel_of_session(state, chaos, intent);
    }
    events::emit(state, chaos, account, "checkout.session.expired", &session);
    session
}

/// Queues an event that says the open session was paid, signed with a wrong secret.
fn forge_paid(state: &mut State, session: &Value, account: Option<&str>) {
    let object = as_paid(session);
    events::forge(state, Forgery { object, kind: "checkout.session.completed", account, signed: false });
}

/// The session as it would look if somebody had paid.
pub fn as_paid(session: &Value) -> Value {
    let mut paid = session.clone();
    paid["status"] = json!("complete");
    paid["payment_status"] = json!("paid");
    paid["url"] = Value::Null;
    if paid["payment_intent"].is_null() {
        paid["payment_intent"] = json!(new_id("pi_", 24));
    }
    paid
}

/// The page's own methods: what the session offers to the buyer.
pub fn offers_delayed(session: &Value) -> bool {
    session["payment_method_types"].as_array().into_iter().flatten().any(|method| method == DELAYED_METHOD)
}

fn expires_at(call: &Call<'_>) -> Result<i64> {
    let now = call.state.now();
    let Some(expires_at) = call.params.integer("expires_at")? else { return Ok(now + MAX_LIFE_SECS) };
    let shortest = if call.settings.allow_short_sessions { 1 } else { MIN_LIFE_SECS };
    if expires_at < now + shortest || expires_at > now + MAX_LIFE_SECS {
        return Err(ApiError::invalid(
            "expires_at",
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
        ));
    }
    Ok(expires_at)
}

fn line_items(params: &Params) -> Result<(Vec<Value>, String)> {
    let items = params.children("line_items");
    if items.is_empty() {
        return Err(ApiError::missing("line_items"));
    }
    if items.len() > MAX_LINES {
        return Err(ApiError::invalid("line_items", format!("At most {MAX_LINES} line items.")));
    }
    let mut currency: Option<String> = None;
    let mut lines = Vec::with_capacity(items.len());
    for item in &items {
        let line = line_item(item)?;
        let own = line["currency"].as_str().unwrap_or_default();
        if currency.get_or_insert_with(|| own.to_owned()) != own {
            return Err(ApiError::invalid("line_items", "All line items must have the same currency."));
        }
        lines.push(line);
    }
    Ok((lines, currency.unwrap_or_default()))
}

fn line_item(item: &Params) -> Result<Value> {
    item.only(&["adjustable_quantity", "metadata", "price_data", "quantity"])?;
    if !item.has("price_data") {
        return Err(ApiError::missing("line_items[0][price_data]"));
    }
    let price_data = item.child("price_data");
    price_data.only(&["currency", "product_data", "tax_behavior", "unit_amount"])?;
    let product = price_data.child("product_data");
    let name = product.required("name")?;
    let currency = price_data.required("currency")?;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(ApiError::invalid("currency", format!("Invalid currency: {currency}.")));
    }
    let unit = price_data.integer("unit_amount")?.ok_or_else(|| ApiError::missing("unit_amount"))?;
    let quantity = item.integer("quantity")?.ok_or_else(|| ApiError::missing("quantity"))?;
    if !(0..=MAX_TOTAL).contains(&unit) || !(1..=999_999).contains(&quantity) {
        return Err(ApiError::invalid("line_items", "unit_amount or quantity is out of range."));
    }
    let amount = unit * quantity;
    let price = json!({
        "id": new_id("price_", 24), "object": "price", "active": false, "billing_scheme": "per_unit", "created": 0,
        "currency": currency, "custom_unit_amount": null, "livemode": false, "lookup_key": null, "metadata": {},
        "nickname": null, "product": new_id("prod_", 14), "recurring": null, "tax_behavior": "unspecified",
        "tiers_mode": null, "transform_quantity": null, "type": "one_time", "unit_amount": unit,
        "unit_amount_decimal": unit.to_string(),
    });
    Ok(json!({
        "id": new_id("li_", 24), "object": "item", "amount_discount": 0, "amount_subtotal": amount, "amount_tax": 0,
        "amount_total": amount, "currency": currency, "description": name, "price": price, "quantity": quantity,
    }))
}

fn total(lines: &[Value]) -> Result<i64> {
    let total: i64 = lines.iter().filter_map(|line| line["amount_total"].as_i64()).sum();
    if total > MAX_TOTAL {
        return Err(ApiError::param(
            "line_items",
            "amount_too_large",
            "The total has more than eight digits.",
        ));
    }
    if total < MIN_TOTAL {
        let message = "The Checkout Session's total amount due must add up to at least 50 cents.";
        return Err(ApiError::param("line_items", "amount_too_small", message));
    }
    Ok(total)
}

fn intent_params(params: &Params, account: Option<&str>, total: i64) -> Result<Value> {
    let data = params.child("payment_intent_data");
    data.only(&[
        "application_fee_amount",
        "capture_method",
        "description",
        "metadata",
        "receipt_email",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_group",
    ])?;
    if data.text("capture_method")?.is_some_and(|method| method == "manual") {
        return Err(ApiError::invalid("payment_intent_data", "The sandbox captures at once."));
    }
    let fee = data.integer("application_fee_amount")?;
    if let Some(fee) = fee {
        if account.is_none() {
            let message = "Can only apply an application_fee_amount when the PaymentIntent is attempting a direct \
                           payment (using an OAuth key or Stripe-Account header) or destination payment.";
            return Err(ApiError::invalid("payment_intent_data[application_fee_amount]", message));
        }
        if !(0..=total).contains(&fee) {
            let message = "The application fee is larger than the amount.";
            return Err(ApiError::invalid("payment_intent_data[application_fee_amount]", message));
        }
    }
    Ok(
        json!({"metadata": data.metadata()?, "application_fee_amount": fee, "description": data.text("description")?}),
    )
}

/// `allowed_payment_method_types` is a filter on what the account could offer; the older parameter is the list itself.
fn methods(params: &Params) -> Result<Vec<String>> {
    let listed = |name: &str| -> Vec<String> {
        let values = params.value(name).as_array().into_iter().flatten();
        values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let offered = ["card", DELAYED_METHOD].map(str::to_owned);
    let old = listed("payment_method_types");
    if !old.is_empty() {
        if params.has("allowed_payment_method_types") {
            return Err(ApiError::invalid(
                "payment_method_types",
                "Give one list of payment methods, not two.",
            ));
        }
        return Ok(old);
    }
    let (allowed, excluded) =
        (listed("allowed_payment_method_types"), listed("excluded_payment_method_types"));
    let methods: Vec<_> = offered
        .into_iter()
        .filter(|method| (allowed.is_empty() || allowed.contains(method)) && !excluded.contains(method))
        .collect();
    if methods.is_empty() {
        return Err(ApiError::invalid(
            "allowed_payment_method_types",
            "No payment method is left for this session.",
        ));
    }
    Ok(methods)
}

/// The pay page links to these; anything but http would be a script in disguise.
fn url<'a>(params: &'a Params, name: &str) -> Result<Option<&'a str>> {
    let Some(url) = params.text(name)? else { return Ok(None) };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = !url.chars().any(|char| char.is_whitespace() || char.is_control());
    match rest {
        Some(rest)
            if plain
                && url.len() <= 5000
                && rest.starts_with(|first: char| first.is_alphanumeric() || first == '[') =>
        {
            Ok(Some(url))
        }
        _ => Err(ApiError::param(name, "url_invalid", "Not a valid URL")),
    }
}

fn email(params: &Params) -> Result<Option<&str>> {
    match params.text("customer_email")? {
        Some(email) if !email.contains('@') || email.contains(char::is_whitespace) => {
            Err(ApiError::param("customer_email", "email_invalid", format!("Invalid email address: {email}")))
        }
        email => Ok(email),
    }
}
