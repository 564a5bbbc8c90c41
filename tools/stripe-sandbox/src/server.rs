//! HTTP: which part of the sandbox answers, and the way of an API call through keys, accounts, idempotency and chaos.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::http::{HeaderMap, StatusCode, header};
use poem::{Addr, Endpoint, Request, Response};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::chaos::{Chaos, Fault};
use crate::error::{ApiError, Result};
use crate::form::Params;
use crate::idempotency::{Reservation, Turn};
use crate::state::{Object, State, new_id};
use crate::{
    API_VERSION, Sandbox, Settings, accounts, control, disputes, pay_page, payments, refunds, sessions,
};

/// A form of 100 line items with long names is some 100 kB.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// `expand[]=data.payment_intent.latest_charge` and no deeper.
const MAX_EXPAND_DEPTH: usize = 4;

/// What an operation of the API works with. It runs inside one locked section.
pub struct Call<'a> {
    pub state: &'a mut State,
    pub chaos: &'a mut Chaos,
    pub settings: &'a Settings,
    /// Connected account of the `Stripe-Account` header.
    pub account: Option<&'a str>,
    pub params: &'a Params,
}

pub struct App(pub Arc<Sandbox>);

impl Endpoint for App {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let sandbox = self.0.clone();
        // Spawned: a client that hangs up must not stop half-done work, as it could not stop Stripe's.
        let response = tokio::spawn(route(sandbox, request))
            .await
            .unwrap_or_else(|_| json_response(500, &ApiError::internal().body()));
        tracing::info!(%method, %path, status = response.status().as_u16());
        Ok(response)
    }
}

async fn route(sandbox: Arc<Sandbox>, mut request: Request) -> Response {
    let body = request.take_body().into_bytes_limit(MAX_BODY_BYTES).await;
    let Ok(body) = body else {
        return json_response(413, &ApiError::invalid("", "The body is too large.").body());
    };
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["v1", rest @ ..] => {
            let peer = match request.remote_addr().0 {
                Addr::SocketAddr(peer) => Some(peer),
                _ => None,
            };
            let headers = request.headers();
            let input =
                Input { method: &method, path: &path, segments: rest, query: &query, body: &body, headers };
            api(&sandbox, &input, peer).await
        }
        ["_sandbox", rest @ ..] => {
            control::respond(&sandbox, &method, rest, &query, request.headers(), &body)
        }
        ["pay", rest @ ..] => pay_page::respond(&sandbox, &method, rest, request.headers(), &body),
        _ => json_response(404, &ApiError::unknown_route(&method, &path).body()),
    }
}

struct Input<'a> {
    method: &'a str,
    path: &'a str,
    segments: &'a [&'a str],
    query: &'a str,
    body: &'a [u8],
    headers: &'a HeaderMap,
}

impl Input<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn params(&self) -> Result<Params> {
        let text =
            std::str::from_utf8(self.body).map_err(|_| ApiError::invalid("", "The body is not text."))?;
        if self.method != "POST" {
            return Params::parse(self.query);
        }
        let content_type = self.header("content-type").unwrap_or_default();
        if !text.is_empty() && !content_type.starts_with("application/x-www-form-urlencoded") {
            return Err(ApiError::invalid(
                "",
                "Send a form: Content-Type application/x-www-form-urlencoded.",
            ));
        }
        Params::parse(text)
    }
}

/// What is sent back.
struct Reply {
    status: u16,
    body: Value,
    replayed: bool,
    /// Reset the connection instead.
    lost: bool,
}

async fn api(sandbox: &Sandbox, input: &Input<'_>, peer: Option<SocketAddr>) -> Response {
    let reply = call(sandbox, input).await.unwrap_or_else(|error| Reply::error(&error));
    if reply.lost
        && let Some(peer) = peer
    {
        sandbox.switches.reset(peer);
    }
    let mut response = json_response(reply.status, &reply.body);
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: Option<&str>| {
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            headers.insert(name, value);
        }
    };
    set("request-id", Some(&new_id("req_", 14)));
    set("stripe-version", Some(input.header("stripe-version").unwrap_or(API_VERSION)));
    set("stripe-account", input.header("stripe-account"));
    set("idempotency-key", input.header("idempotency-key"));
    set("idempotent-replayed", reply.replayed.then_some("true"));
    response
}

async fn call(sandbox: &Sandbox, input: &Input<'_>) -> Result<Reply> {
    authenticate(sandbox, input)?;
    let account = input.header("stripe-account");
    let params = input.params()?;
    let (faults, turn) = sandbox.with(|state, chaos| -> Result<_> {
        if let Some(account) = account {
            state.get(None, "account", account).map_err(|_| ApiError::foreign_account(account))?;
        }
        let key = input.header("idempotency-key").filter(|_| input.method == "POST");
        let fingerprint = || format!("{} {} {}", input.method, input.path, params.canonical());
        let turn = key.map(|key| sandbox.in_flight.begin(state, account, key, fingerprint())).transpose()?;
        Ok((chaos.api(input.method, input.path), turn))
    })?;
    for fault in &faults {
        if let Fault::ApiLatency { ms } = fault {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
        }
    }
    let has = |fault: &Fault| faults.contains(fault);
    if has(&Fault::ApiUnavailable) {
        return Err(ApiError::unavailable());
    }
    if has(&Fault::ApiRateLimited) {
        return Err(ApiError::rate_limited());
    }
    if has(&Fault::ApiLocked) {
        return Err(ApiError::locked());
    }
    if has(&Fault::ApiResetBefore) {
        return Ok(Reply { lost: true, ..Reply::error(&ApiError::unavailable()) });
    }
    let reservation = match turn {
        Some(Turn::Replay(stored)) => {
            let lost = has(&Fault::ApiResetAfter);
            return Ok(Reply { status: stored.status, body: stored.body, replayed: true, lost });
        }
        Some(Turn::First(reservation)) => Some(reservation),
        None => None,
    };
    let mut reply = execute(sandbox, input, account, &params, &faults, reservation.as_ref());
    reply.lost = has(&Fault::ApiResetAfter);
    Ok(reply)
}

/// The effect and the remembered answer are one locked section: no moment between them can be seen.
fn execute(
    sandbox: &Sandbox,
    input: &Input<'_>,
    account: Option<&str>,
    params: &Params,
    faults: &[Fault],
    reservation: Option<&Reservation<'_>>,
) -> Reply {
    sandbox.with(|state, chaos| {
        let result = if faults.contains(&Fault::ApiErrorBeforeEffect) {
            Err(ApiError::internal())
        } else {
            let mut call = Call { state, chaos, settings: &sandbox.settings, account, params };
            operation(&mut call, input).and_then(|body| expand(state, account, body, params))
        };
        let result = match result {
            Ok(_) if faults.contains(&Fault::ApiErrorAfterEffect) => Err(ApiError::internal()),
            result => result,
        };
        let stored = result.as_ref().map_or_else(|error| error.stored, |_| true);
        let reply = match result {
            Ok(body) => Reply { status: 200, body, replayed: false, lost: false },
            Err(error) => Reply::error(&error),
        };
        if let Some(reservation) = reservation.filter(|_| stored) {
            reservation.store(state, reply.status, &reply.body);
        }
        reply
    })
}

impl Reply {
    fn error(error: &ApiError) -> Self {
        Self { status: error.status, body: error.body(), replayed: false, lost: false }
    }
}

fn operation(call: &mut Call<'_>, input: &Input<'_>) -> Result<Value> {
    match (input.method, input.segments) {
        ("POST", ["checkout", "sessions"]) => sessions::create(call),
        ("GET", ["checkout", "sessions"]) => sessions::list(call),
        ("GET", ["checkout", "sessions", id]) => sessions::retrieve(call, id),
        ("GET", ["checkout", "sessions", id, "line_items"]) => sessions::list_line_items(call, id),
        ("POST", ["checkout", "sessions", id, "expire"]) => sessions::expire(call, id),
        ("GET", ["payment_intents"]) => payments::list_intents(call),
        ("GET", ["payment_intents", id]) => payments::retrieve(call, "payment_intent", id),
        ("POST", ["payment_intents", id, "cancel"]) => payments::cancel(call, id),
        ("GET", ["charges"]) => payments::list_charges(call),
        ("GET", ["charges", id]) => payments::retrieve(call, "charge", id),
        ("POST", ["refunds"]) => refunds::create(call),
        ("GET", ["refunds"]) => refunds::list(call),
        ("GET", ["refunds", id]) => payments::retrieve(call, "refund", id),
        ("GET", ["disputes"]) => disputes::list(call),
        ("GET", ["disputes", id]) => payments::retrieve(call, "dispute", id),
        ("POST", ["disputes", id, "close"]) => disputes::close(call, id),
        ("POST", ["accounts"]) => accounts::create(call),
        ("GET", ["accounts"]) => accounts::list(call),
        ("GET", ["accounts", id]) => accounts::retrieve(call, id),
        ("GET", ["account"]) => accounts::own(call),
        ("GET", ["events"]) => list_events(call),
        ("GET", ["events", id]) => payments::retrieve(call, "event", id),
        _ => Err(ApiError::unknown_route(input.method, input.path)),
    }
}

fn list_events(call: &mut Call<'_>) -> Result<Value> {
    let one = call.params.text("type")?;
    let many = call.params.value("types").as_array();
    call.state.list(call.account, "event", "/v1/events", call.params, |event| {
        one.is_none_or(|one| event["type"] == one)
            && many.is_none_or(|many| many.iter().any(|kind| *kind == event["type"]))
    })
}

/// Bearer, or Basic with the key as user name. The key is never repeated in an answer.
fn authenticate(sandbox: &Sandbox, input: &Input<'_>) -> Result<()> {
    let Some(value) = input.header(header::AUTHORIZATION.as_str()) else {
        return Err(ApiError::unauthorized("You did not provide an API key."));
    };
    let key = match value.split_once(' ') {
        Some(("Bearer", key)) => Some(key.trim().as_bytes().to_vec()),
        Some(("Basic", credentials)) => basic_user(credentials.trim()),
        _ => None,
    };
    if key.is_some_and(|key| bool::from(key.ct_eq(sandbox.secret_key.as_bytes()))) {
        return Ok(());
    }
    Err(ApiError::unauthorized("Invalid API Key provided."))
}

fn basic_user(credentials: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    let mut decoded = base64::engine::general_purpose::STANDARD.decode(credentials).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    decoded.truncate(colon);
    Some(decoded)
}

/// `expand[]=payment_intent.latest_charge`: ids become the objects they name, as far as the account can see them.
fn expand(state: &State, account: Option<&str>, mut body: Value, params: &Params) -> Result<Value> {
    for path in params.value("expand").as_array().into_iter().flatten() {
        let path: Vec<&str> = path.as_str().unwrap_or_default().split('.').collect();
        if path.len() > MAX_EXPAND_DEPTH {
            return Err(ApiError::invalid("expand", "You cannot expand more than 4 levels."));
        }
        expand_path(state, account, &mut body, &path);
    }
    Ok(body)
}

fn expand_path(state: &State, account: Option<&str>, value: &mut Value, path: &[&str]) {
    let Some((field, rest)) = path.split_first() else { return };
    if let Value::Array(items) = value {
        items.iter_mut().for_each(|item| expand_path(state, account, item, path));
        return;
    }
    if *field == "line_items" && value["object"] == "checkout.session" {
        let id = value["id"].as_str().unwrap_or_default().to_owned();
        let hidden = state.find(&id).map(|session| session.hidden.clone()).unwrap_or_default();
        value["line_items"] = sessions::line_item_list(&id, &hidden);
        return;
    }
    let Some(inner) = value.get_mut(*field) else { return };
    let visible = |object: &&Object| object.account.as_deref() == account;
    if let Some(object) = inner.as_str().and_then(|id| state.find(id)).filter(visible) {
        *inner = object.json.clone();
    }
    expand_path(state, account, inner, rest);
}

pub fn json_response(status: u16, body: &Value) -> Response {
    let mut text = serde_json::to_string_pretty(body).unwrap_or_else(|_| json!({}).to_string());
    text.push('\n');
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-cache, no-store")
        .body(text)
}
