//! The control API below `/_sandbox`: what a test needs and Stripe does not have. JSON in, JSON out, no key, because the
//! sandbox is on loopback only.

use std::net::IpAddr;

use poem::Response;
use poem::http::{HeaderMap, uri::Authority};
use serde_json::{Value, json};

use crate::chaos::Rule;
use crate::error::{ApiError, Result};
use crate::events::{self, Forgery};
use crate::form::Params;
use crate::payments::{self, METHODS, Outcome};
use crate::server::json_response;
use crate::{Sandbox, accounts, disputes, refunds, sessions};

/// Pages of the journal.
const JOURNAL_PAGE: usize = 10_000;

/// The whole control API, as `GET /_sandbox` shows it.
const INDEX: &[(&str, &str)] = &[
    ("GET  /_sandbox/health", "ok"),
    ("GET  /_sandbox/clock", "the sandbox's time"),
    ("POST /_sandbox/clock", "{\"advance_secs\": 1860}: time goes on, due sessions expire"),
    ("POST /_sandbox/webhook", "{\"url\", \"secret\", \"connect_secret\"}: where webhooks go from now on"),
    ("GET  /_sandbox/chaos", "the rules and how often they struck"),
    (
        "POST /_sandbox/chaos",
        "one rule: {\"fault\", \"match\"?, \"next\"?, \"rate\"?, \"seed\"?, …}; see README.md",
    ),
    ("DELETE /_sandbox/chaos", "no rules"),
    ("POST /_sandbox/accounts", "{\"id\": \"acct_demo\"}: a connected account with a known id"),
    ("GET  /_sandbox/sessions", "all sessions of all accounts, newest first; ?status=open"),
    ("POST /_sandbox/sessions/{id}/pay", "{\"card\": \"4242424242424242\", \"approve\"?: true}"),
    ("POST /_sandbox/sessions/{id}/confirm", "{\"approve\": true}: the bank's answer to 3-D Secure"),
    ("POST /_sandbox/sessions/{id}/resolve", "{\"succeeded\"?: true}: the verdict on a delayed payment"),
    (
        "POST /_sandbox/sessions/{id}/forge",
        "{\"signed\"?: false, \"account\"?, \"type\"?}: an event that says it was paid, though it was not",
    ),
    ("POST /_sandbox/refunds/{id}/resolve", "{\"status\": \"succeeded\" | \"failed\"}"),
    ("POST /_sandbox/disputes", "{\"charge\" | \"payment_intent\" | \"session\", \"amount\"?, \"reason\"?}"),
    ("POST /_sandbox/disputes/{id}/close", "{\"status\": \"won\" | \"lost\"}"),
    ("POST /_sandbox/events/{id}/redeliver", "sends the webhook once more"),
    ("GET  /_sandbox/deliveries", "webhooks that are not delivered yet"),
    ("GET  /_sandbox/objects/{id}", "an object of any account"),
    ("GET  /_sandbox/journal", "what really happened, oldest first; ?after=sequence&kind=…&id=…"),
    ("POST /_sandbox/reset", "forgets everything, the clock and the rules too"),
];

pub fn respond(
    sandbox: &Sandbox,
    method: &str,
    segments: &[&str],
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    match answer(sandbox, method, segments, query, headers, body) {
        Ok(body) => json_response(200, &body),
        Err(error) => json_response(error.status, &error.body()),
    }
}

fn answer(
    sandbox: &Sandbox,
    method: &str,
    segments: &[&str],
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value> {
    // A page on the internet must not drive the sandbox through the developer's browser.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") || !is_asked_here(headers) {
        return Err(ApiError::forbidden("The control API is not for other sites."));
    }
    let input: Value = if body.iter().all(u8::is_ascii_whitespace) {
        json!({})
    } else {
        serde_json::from_slice(body).map_err(|error| ApiError::invalid("", format!("Not JSON: {error}")))?
    };
    let text = |name: &str| input[name].as_str();
    match (method, segments) {
        ("GET", [] | [""]) => Ok(index()),
        ("GET", ["health"]) => Ok(json!({"status": "ok"})),
        ("GET", ["clock"]) => Ok(clock(sandbox)),
        ("POST", ["clock"]) => advance(sandbox, &input),
        ("POST", ["webhook"]) => webhook(sandbox, &input),
        ("GET", ["chaos"]) => Ok(rules(sandbox)),
        ("POST", ["chaos"]) => add_rule(sandbox, input),
        ("DELETE", ["chaos"]) => {
            sandbox.with(|_, chaos| chaos.rules.clear());
            Ok(rules(sandbox))
        }
        ("POST", ["accounts"]) => {
            let id = text("id").ok_or_else(|| ApiError::missing("id"))?;
            sandbox.with(|state, _| accounts::ensure(state, id))
        }
        ("GET", ["sessions"]) => list_sessions(sandbox, query),
        ("POST", ["sessions", id, "pay"]) => pay(sandbox, id, &input),
        ("POST", ["sessions", id, "confirm"]) => {
            let approve = flag(&input, "approve")?.unwrap_or(true);
            let outcome = sandbox.with(|state, chaos| payments::confirm(state, chaos, id, approve))?;
            Ok(outcome_json(sandbox, id, outcome))
        }
        ("POST", ["sessions", id, "resolve"]) => {
            let succeeded = flag(&input, "succeeded")?;
            sandbox.with(|state, chaos| payments::resolve(state, chaos, id, succeeded))?;
            object(sandbox, id)
        }
        ("POST", ["sessions", id, "forge"]) => forge(sandbox, id, &input),
        ("POST", ["refunds", id, "resolve"]) => {
            let status = text("status").unwrap_or("succeeded");
            sandbox.with(|state, chaos| refunds::resolve(state, chaos, id, status))
        }
        ("POST", ["disputes"]) => dispute(sandbox, &input),
        ("POST", ["disputes", id, "close"]) => {
            let status = text("status").ok_or_else(|| ApiError::missing("status"))?;
            sandbox.with(|state, chaos| disputes::decide(state, chaos, id, status))
        }
        ("POST", ["events", id, "redeliver"]) => {
            let known = sandbox.with(|state, chaos| events::redeliver(state, chaos, id));
            if known { Ok(json!({"redelivered": id})) } else { Err(ApiError::not_found("event", id)) }
        }
        ("GET", ["deliveries"]) => Ok(sandbox.with_quietly(|state, _| {
            let waiting: Vec<_> = state.deliveries.values().collect();
            json!({"pending": waiting.len(), "data": waiting})
        })),
        ("GET", ["objects", id]) => object(sandbox, id),
        ("GET", ["journal"]) => journal(sandbox, query),
        ("POST", ["reset"]) => {
            sandbox
                .with(|state, chaos| {
                    chaos.rules.clear();
                    state.reset()
                })
                .map_err(|error| ApiError { message: error.to_string(), ..ApiError::internal() })?;
            Ok(json!({"reset": true}))
        }
        _ => Err(ApiError::unknown_route(method, &format!("/_sandbox/{}", segments.join("/")))),
    }
}

/// By an address or as `localhost`: a name of the internet that leads to this machine is somebody's trick.
fn is_asked_here(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get("host") else { return true };
    let Ok(authority) = host.to_str().unwrap_or_default().parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

fn index() -> Value {
    let routes: serde_json::Map<_, _> =
        INDEX.iter().map(|(route, what)| ((*route).to_owned(), json!(what))).collect();
    let cards: Vec<_> = METHODS
        .iter()
        .map(|(name, behaviour)| json!({"card": name, "does": format!("{behaviour:?}")}))
        .collect();
    json!({"name": "stripe-sandbox", "control": routes, "cards": cards})
}

fn flag(input: &Value, name: &str) -> Result<Option<bool>> {
    match &input[name] {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(*flag)),
        _ => Err(ApiError::invalid(name, format!("{name} is true or false."))),
    }
}

fn clock(sandbox: &Sandbox) -> Value {
    sandbox.with(|state, _| json!({"now": state.now(), "offset_secs": state.clock_offset()}))
}

fn advance(sandbox: &Sandbox, input: &Value) -> Result<Value> {
    let seconds = input["advance_secs"].as_i64().ok_or_else(|| ApiError::missing("advance_secs"))?;
    // Time that goes backwards would undo expiries; a century is enough for everybody.
    if !(0..=3_153_600_000).contains(&seconds) {
        return Err(ApiError::invalid("advance_secs", "The clock only goes forward."));
    }
    sandbox.with(|state, _| state.advance(seconds));
    Ok(clock(sandbox))
}

fn webhook(sandbox: &Sandbox, input: &Value) -> Result<Value> {
    let text = |name: &str| input[name].as_str().map(str::to_owned);
    sandbox
        .set_webhook(text("url"), text("secret"), text("connect_secret"))
        .map_err(|error| ApiError::invalid("url", error.to_string()))?;
    sandbox.wake_sender.notify_one();
    Ok(json!({"url": sandbox.webhook().url}))
}

fn rules(sandbox: &Sandbox) -> Value {
    sandbox.with_quietly(|_, chaos| json!({"rules": chaos.rules}))
}

fn add_rule(sandbox: &Sandbox, input: Value) -> Result<Value> {
    let rule: Rule =
        serde_json::from_value(input).map_err(|error| ApiError::invalid("fault", error.to_string()))?;
    sandbox.with(|_, chaos| chaos.add(rule)).map_err(|message| ApiError::invalid("rate", message))?;
    Ok(rules(sandbox))
}

fn list_sessions(sandbox: &Sandbox, query: &str) -> Result<Value> {
    let params = Params::parse(query)?;
    let status = params.text("status")?;
    Ok(sandbox.with(|state, _| {
        let data: Vec<_> = state
            .of_kind("checkout.session")
            .filter(|session| status.is_none_or(|status| session.json["status"] == status))
            .map(|session| json!({"account": session.account, "session": session.json}))
            .collect();
        json!({"data": data})
    }))
}

fn pay(sandbox: &Sandbox, id: &str, input: &Value) -> Result<Value> {
    let card = input["card"].as_str().unwrap_or("4242424242424242");
    let approve = flag(input, "approve")?;
    let outcome = sandbox.with(|state, chaos| {
        let outcome = payments::pay(state, chaos, id, card)?;
        match approve {
            Some(approve) if outcome == Outcome::NeedsConfirmation => {
                payments::confirm(state, chaos, id, approve)
            }
            _ => Ok(outcome),
        }
    })?;
    Ok(outcome_json(sandbox, id, outcome))
}

fn outcome_json(sandbox: &Sandbox, id: &str, outcome: Outcome) -> Value {
    let (word, code) = match outcome {
        Outcome::Paid => ("paid", None),
        Outcome::Processing => ("processing", None),
        Outcome::NeedsConfirmation => ("needs_confirmation", None),
        Outcome::Declined { code, .. } => ("declined", Some(code)),
    };
    let session = sandbox.with(|state, _| state.find(id).map(|session| session.json.clone()));
    json!({"outcome": word, "decline_code": code, "session": session})
}

fn forge(sandbox: &Sandbox, id: &str, input: &Value) -> Result<Value> {
    let signed = flag(input, "signed")?.unwrap_or(false);
    let kind = input["type"].as_str().unwrap_or("checkout.session.completed");
    let event = sandbox.with(|state, _| {
        let session = state.find(id).ok_or_else(|| ApiError::not_found("checkout.session", id))?.clone();
        let account = input["account"].as_str().or(session.account.as_deref());
        let object = sessions::as_paid(&session.json);
        Ok(events::forge(state, Forgery { object, kind, account, signed }))
    })?;
    Ok(json!({"event": event}))
}

fn dispute(sandbox: &Sandbox, input: &Value) -> Result<Value> {
    let amount = input["amount"].as_i64();
    let reason = input["reason"].as_str().unwrap_or("fraudulent");
    sandbox.with(|state, chaos| {
        let mut id = ["charge", "payment_intent", "session"]
            .into_iter()
            .find_map(|name| input[name].as_str())
            .ok_or_else(|| ApiError::missing("charge"))?
            .to_owned();
        for link in ["payment_intent", "latest_charge"] {
            if let Some(next) = state
                .find(&id)
                .filter(|object| object.kind() != "charge")
                .and_then(|object| object.json[link].as_str())
            {
                id = next.to_owned();
            }
        }
        disputes::open(state, chaos, &id, amount, reason)
            .ok_or_else(|| ApiError::refused(None, "There is no charge that could be disputed like this."))
    })
}

fn object(sandbox: &Sandbox, id: &str) -> Result<Value> {
    let object = sandbox.with(|state, _| state.find(id).cloned());
    let object = object.ok_or_else(|| ApiError::not_found("object", id))?;
    Ok(json!({"account": object.account, "object": object.json}))
}

fn journal(sandbox: &Sandbox, query: &str) -> Result<Value> {
    let params = Params::parse(query)?;
    let after = u64::try_from(params.integer("after")?.unwrap_or(0)).unwrap_or(0);
    let (kind, id) = (params.text("kind")?, params.text("id")?);
    Ok(sandbox.with(|state, _| {
        let mut data: Vec<_> = state
            .journal()
            .iter()
            .filter(|entry| entry.sequence > after)
            .filter(|entry| kind.is_none_or(|kind| entry.kind == kind) && id.is_none_or(|id| entry.id == id))
            .take(JOURNAL_PAGE + 1)
            .collect();
        let has_more = data.len() > JOURNAL_PAGE;
        data.truncate(JOURNAL_PAGE);
        json!({"has_more": has_more, "data": data})
    }))
}
