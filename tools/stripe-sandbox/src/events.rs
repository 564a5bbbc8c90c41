//! Events and their webhooks: signed as Stripe signs, retried with growing pauses until a 2xx, and bent by chaos rules.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::chaos::{Chaos, Fault};
use crate::state::{State, new_id};
use crate::{API_VERSION, Sandbox};

/// The API gives up after this many attempts (Stripe: three days).
const MAX_ATTEMPTS: u32 = 15;
const FIRST_PAUSE_MS: i64 = 200;
const LONGEST_PAUSE_MS: i64 = 30_000;
/// A receiver that takes longer has failed.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// The sender looks at least this often, for rules that only time fulfils.
const IDLE: Duration = Duration::from_millis(250);

/// One webhook on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    pub id: u64,
    pub event_id: String,
    pub event_type: String,
    pub account: Option<String>,
    pub attempts: u32,
    /// Machine clock, milliseconds.
    due_ms: i64,
    signing: Signing,
    /// A forged body; otherwise the stored event is sent.
    forged: Option<Value>,
    /// Sent right now. Not kept across a restart.
    #[serde(skip)]
    sending: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Signing {
    Good,
    WrongSecret,
    TwoV1,
    OldTimestamp { secs: i64 },
}

/// Where webhooks go. The platform's own events and those of connected accounts have secrets of their own.
#[derive(Clone, Default)]
pub struct Webhook {
    pub url: Option<String>,
    pub secret: String,
    pub connect_secret: Option<String>,
}

impl Webhook {
    fn secret_for(&self, account: Option<&str>) -> &str {
        match &self.connect_secret {
            Some(secret) if account.is_some() => secret,
            _ => &self.secret,
        }
    }
}

/// Records that something happened to `object`, and queues its webhook.
pub fn emit(state: &mut State, chaos: &mut Chaos, account: Option<&str>, kind: &str, object: &Value) {
    let event = event_json(state.now(), account, kind, object);
    let event_id = event["id"].as_str().unwrap_or_default().to_owned();
    state.insert(account, event, Value::Null);
    queue(state, chaos, account, kind, &event_id);
}

fn queue(state: &mut State, chaos: &mut Chaos, account: Option<&str>, kind: &str, event_id: &str) {
    let mut delivery = Delivery {
        id: 0,
        event_id: event_id.into(),
        event_type: kind.into(),
        account: account.map(str::to_owned),
        attempts: 0,
        due_ms: Utc::now().timestamp_millis(),
        signing: Signing::Good,
        forged: None,
        sending: false,
    };
    let mut copies = 1;
    for fault in chaos.webhook(kind) {
        match fault {
            Fault::WebhookDelay { ms } => delivery.due_ms += i64::try_from(ms).unwrap_or(0),
            Fault::WebhookReorder { ms } => delivery.due_ms += i64::try_from(chaos.roll(ms)).unwrap_or(0),
            Fault::WebhookDrop => copies = 0,
            Fault::WebhookDuplicate { copies: more } => copies += more.min(100),
            Fault::WebhookWrongSecret => delivery.signing = Signing::WrongSecret,
            Fault::WebhookTwoV1 => delivery.signing = Signing::TwoV1,
            Fault::WebhookOldTimestamp { secs } => delivery.signing = Signing::OldTimestamp { secs },
            _ => {}
        }
    }
    if copies == 0 {
        state.record("webhook_dropped", account, event_id, json!({"type": kind}));
    }
    for _ in 0..copies {
        let id = state.next_sequence();
        state.put_delivery(Delivery { id, ..delivery.clone() });
    }
}

/// Sends a stored event once more.
pub fn redeliver(state: &mut State, chaos: &mut Chaos, event_id: &str) -> bool {
    let Some(event) = state.find(event_id).filter(|object| object.kind() == "event") else { return false };
    let (account, kind) = (event.account.clone(), event.json["type"].as_str().unwrap_or_default().to_owned());
    queue(state, chaos, account.as_deref(), &kind, event_id);
    true
}

/// A lie to send: an event that says something about an object that is not so.
pub struct Forgery<'a> {
    pub object: Value,
    pub kind: &'a str,
    /// The account that the event claims to come from.
    pub account: Option<&'a str>,
    /// Signed with the right secret: only reading the object back reveals the lie.
    pub signed: bool,
}

/// Queues a lie. It is in the journal, but not among the API's events.
pub fn forge(state: &mut State, forgery: Forgery<'_>) -> String {
    let event = event_json(state.now(), forgery.account, forgery.kind, &forgery.object);
    let event_id = event["id"].as_str().unwrap_or_default().to_owned();
    let id = state.next_sequence();
    state.record(
        "webhook_forged",
        forgery.account,
        &event_id,
        json!({"type": forgery.kind, "object": forgery.object["id"], "signed": forgery.signed}),
    );
    state.put_delivery(Delivery {
        id,
        event_id: event_id.clone(),
        event_type: forgery.kind.into(),
        account: forgery.account.map(str::to_owned),
        // A receiver refuses a wrong signature: one attempt says it all.
        attempts: MAX_ATTEMPTS - 1,
        due_ms: Utc::now().timestamp_millis(),
        signing: if forgery.signed { Signing::Good } else { Signing::WrongSecret },
        forged: Some(event),
        sending: false,
    });
    event_id
}

fn event_json(now: i64, account: Option<&str>, kind: &str, object: &Value) -> Value {
    let mut event = json!({
        "id": new_id("evt_", 24), "object": "event", "api_version": API_VERSION, "created": now,
        "data": {"object": object}, "livemode": false, "pending_webhooks": 1,
        "request": {"id": null, "idempotency_key": null}, "type": kind,
    });
    if let Some(account) = account {
        event["account"] = json!(account);
    }
    event
}

/// Runs until the sandbox stops: expires sessions whose time is up, and sends what is due.
pub async fn run(sandbox: Arc<Sandbox>) {
    loop {
        let due = sandbox.with_quietly(|state, _| take_due(state));
        for delivery in due {
            tokio::spawn(attempt(sandbox.clone(), delivery));
        }
        let pause = sandbox.with_quietly(|state, _| pause(state));
        tokio::select! {
            () = sandbox.wake_sender.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn take_due(state: &mut State) -> Vec<Delivery> {
    let now = Utc::now().timestamp_millis();
    let due = state.deliveries.values_mut().filter(|delivery| !delivery.sending && delivery.due_ms <= now);
    due.map(|delivery| {
        delivery.sending = true;
        delivery.clone()
    })
    .collect()
}

fn pause(state: &State) -> Duration {
    let now = Utc::now().timestamp_millis();
    let waiting = state.deliveries.values().filter(|delivery| !delivery.sending);
    let next = waiting.map(|delivery| delivery.due_ms - now).min().unwrap_or(i64::MAX);
    Duration::from_millis(u64::try_from(next).unwrap_or(0)).clamp(Duration::from_millis(1), IDLE)
}

async fn attempt(sandbox: Arc<Sandbox>, delivery: Delivery) {
    let webhook = sandbox.webhook();
    let event = match &delivery.forged {
        Some(event) => Some(event.clone()),
        None => sandbox.with(|state, _| state.find(&delivery.event_id).map(|object| object.json.clone())),
    };
    let outcome = match (webhook.url.as_deref(), event) {
        (Some(url), Some(event)) => send(&sandbox.http, url, &webhook, &delivery, &event).await,
        // Nobody listens: the event stays in the API, as for an account without endpoints.
        _ => Ok(None),
    };
    sandbox.with(|state, _| settle(state, &delivery, outcome));
}

async fn send(
    http: &reqwest::Client,
    url: &str,
    webhook: &Webhook,
    delivery: &Delivery,
    event: &Value,
) -> Result<Option<u16>, String> {
    // Pretty-printed, as Stripe does: a receiver must verify the raw bytes.
    let body = serde_json::to_vec_pretty(event).unwrap_or_default();
    let secret = webhook.secret_for(delivery.account.as_deref());
    let signature = signature(delivery.signing, secret, Utc::now().timestamp(), &body);
    let response = http
        .post(url)
        .timeout(ATTEMPT_TIMEOUT)
        .header("content-type", "application/json; charset=utf-8")
        .header("user-agent", "Stripe/1.0 (+stripe-sandbox)")
        .header("stripe-signature", signature)
        .body(body)
        .send()
        .await;
    match response {
        Ok(response) => Ok(Some(response.status().as_u16())),
        Err(error) if error.is_timeout() => Err("time-out".into()),
        Err(error) if error.is_connect() => Err("nobody listens".into()),
        Err(_) => Err("connection broken".into()),
    }
}

fn settle(state: &mut State, delivery: &Delivery, outcome: Result<Option<u16>, String>) {
    // A reset while it was under way has forgotten it.
    if !state.deliveries.contains_key(&delivery.id) {
        return;
    }
    let attempt = delivery.attempts + 1;
    let account = delivery.account.as_deref();
    let delivered = match &outcome {
        Ok(None) => true,
        Ok(Some(status)) => (200..300).contains(status),
        Err(_) => false,
    };
    if let Ok(Some(_)) | Err(_) = &outcome {
        let (status, error) = match &outcome {
            Ok(status) => (*status, None),
            Err(error) => (None, Some(error)),
        };
        let data = json!({"type": delivery.event_type, "attempt": attempt, "delivered": delivered, "status": status,
            "error": error, "signing": delivery.signing});
        state.record("webhook_attempt", account, &delivery.event_id, data);
    }
    if delivered || attempt >= MAX_ATTEMPTS {
        state.remove_delivery(delivery.id);
        state.update(&delivery.event_id, |event| event.json["pending_webhooks"] = json!(0));
        return;
    }
    let pause = (FIRST_PAUSE_MS << attempt.min(10)).min(LONGEST_PAUSE_MS);
    let due_ms = Utc::now().timestamp_millis() + pause;
    state.put_delivery(Delivery { attempts: attempt, due_ms, sending: false, ..delivery.clone() });
}

/// The header's timestamp is the machine's, not the sandbox's: the receiver compares it with its own clock.
fn signature(signing: Signing, secret: &str, now: i64, body: &[u8]) -> String {
    let timestamp = match signing {
        Signing::OldTimestamp { secs } => now - secs,
        _ => now,
    };
    let v1 = |secret: &str| {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of every length");
        mac.update(format!("{timestamp}.").as_bytes());
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    };
    let unknown = || v1(&new_id("whsec_", 32));
    match signing {
        Signing::WrongSecret => format!("t={timestamp},v1={}", unknown()),
        Signing::TwoV1 => format!("t={timestamp},v1={},v1={}", unknown(), v1(secret)),
        // `v0` is what Stripe adds to test events; receivers ignore it.
        _ => format!("t={timestamp},v1={},v0={}", v1(secret), unknown()),
    }
}
