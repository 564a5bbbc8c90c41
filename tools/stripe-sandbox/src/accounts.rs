//! Connected accounts.

use serde_json::{Value, json};

use crate::error::{ApiError, Result};
use crate::server::Call;
use crate::state::{State, new_id};

/// The platform itself.
pub const PLATFORM: &str = "acct_sandboxplatform";

pub fn create(call: &mut Call<'_>) -> Result<Value> {
    if call.account.is_some() {
        return Err(ApiError::forbidden("Only the platform creates connected accounts."));
    }
    let country = call.params.text("country")?.unwrap_or("DE").to_owned();
    let email = call.params.text("email")?.map(str::to_owned);
    let kind = call.params.text("type")?.unwrap_or("standard").to_owned();
    let metadata = call.params.metadata()?;
    let mut account = account_json(&new_id("acct_", 16), call.state.now());
    account["country"] = json!(country);
    account["email"] = json!(email);
    account["type"] = json!(kind);
    account["metadata"] = metadata;
    Ok(call.state.insert(None, account, Value::Null))
}

/// For tests that need a known id. An account that exists stays as it is.
pub fn ensure(state: &mut State, id: &str) -> Result<Value> {
    let tail = id.strip_prefix("acct_").unwrap_or_default();
    if tail.is_empty() || tail.len() > 64 || !tail.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ApiError::invalid("id", "An account id is acct_ and letters or digits."));
    }
    if let Some(account) = state.find(id) {
        return Ok(account.json.clone());
    }
    let account = account_json(id, state.now());
    Ok(state.insert(None, account, Value::Null))
}

/// The platform's own account, or the one of the `Stripe-Account` header.
pub fn own(call: &mut Call<'_>) -> Result<Value> {
    match call.account {
        Some(id) => Ok(call.state.get(None, "account", id)?.json.clone()),
        None => Ok(account_json(PLATFORM, 0)),
    }
}

/// An account sees itself, the platform sees all.
pub fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value> {
    if id == PLATFORM && call.account.is_none() {
        return own(call);
    }
    if call.account.is_some_and(|own| own != id) {
        return Err(ApiError::foreign_account(id));
    }
    call.state
        .get(None, "account", id)
        .map(|account| account.json.clone())
        .map_err(|_| ApiError::foreign_account(id))
}

pub fn list(call: &mut Call<'_>) -> Result<Value> {
    call.state.list(None, "account", "/v1/accounts", call.params, |_| true)
}

fn account_json(id: &str, created: i64) -> Value {
    json!({
        "id": id, "object": "account", "business_profile": null, "business_type": null,
        "capabilities": {"card_payments": "active", "transfers": "active"}, "charges_enabled": true, "country": "DE",
        "created": created, "default_currency": "eur", "details_submitted": true, "email": null, "metadata": {},
        "payouts_enabled": true, "settings": null, "type": "standard",
    })
}
