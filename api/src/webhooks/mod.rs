//! Webhooks to endpoints of tenants: the worker leases endpoints that something waits for, and sends to each of them what is
//! due. What is sent stands in `payload.rs`, the signatures in `signature.rs`, the rules in
//! `store/src/webhook_deliveries/sending.rs`.

mod payload;
pub mod signature;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use eventflow_core::{Id, id};
use eventflow_store::{
    Result, Scope, Tx,
    webhook_deliveries::{self, Attempt, Delivery, Leased, Round},
};
use futures_util::{StreamExt, future::join_all};
use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use tokio::{
    sync::{Semaphore, watch},
    task::{self, JoinSet},
    time,
};
use uuid::Uuid;

use crate::{
    app::App,
    config::Config,
    outbound::{self, Loopback},
};

/// How often endpoints are looked for that something waits for.
const PERIOD: Duration = Duration::from_millis(500);
/// An endpoint that takes longer to answer has failed.
const TIMEOUT: Duration = Duration::from_secs(15);
/// A sender stays with an endpoint for so long, as there is something to send; then others have their turn.
const TURN: Duration = Duration::from_secs(30);
/// Endpoints of all tenants that one worker sends to at a time: a request that waits costs little.
const SENDERS_MAX: usize = 64;
/// Endpoints of one tenant among them.
const SENDERS_OF_TENANT_MAX: usize = 8;
/// Senders that use the database at a time: requests of buyers need its connections.
const AT_DATABASE: usize = 2;
/// Bytes of an answer that are kept, for whoever looks for an error.
const RESPONSE_BYTES_MAX: usize = 1_024;

/// Sends webhooks.
pub struct Sender {
    client: Client,
    loopback: Loopback,
    at_database: Semaphore,
}

impl Sender {
    pub fn new(config: &Config) -> Result<Self, String> {
        let loopback = if config.webhooks_allow_loopback { Loopback::Allowed } else { Loopback::Refused };
        let client = outbound::client(TIMEOUT, loopback).build().map_err(|error| error.to_string())?;
        Ok(Self { client, loopback, at_database: Semaphore::new(AT_DATABASE) })
    }

    /// Refuses a URL that nothing would be sent to.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn check(&self, url: &str) -> Result<(), String> {
        outbound::check_url(url, self.loopback).map(|_| ())
    }

    /// One request; whatever becomes of it is an answer.
    async fn send(&self, round: &Round, delivery: &Delivery, body: Vec<u8>) -> Attempt {
        let began = Instant::now();
        let attempt = Attempt { delivery: delivery.id, ..Attempt::default() };
        let sent = self.request(round, delivery, body).await;
        let attempt = match sent {
            Ok(answer) => read(attempt, answer).await,
            Err(error) => Attempt { error, ..attempt },
        };
        Attempt { took: began.elapsed(), ..attempt }
    }

    async fn request(&self, round: &Round, delivery: &Delivery, body: Vec<u8>) -> Result<Response, String> {
        // The rules may have changed since the endpoint was made.
        let url = outbound::check_url(&round.target.url, self.loopback)?;
        let id = Id::<id::LogEntry>::from(delivery.entry_id).to_string();
        let sent_at = Utc::now().timestamp();
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", sent_at)
            .header("webhook-signature", signature::header(&round.keys, &id, sent_at, &body))
            .body(body);
        request.send().await.map_err(outbound::reason)
    }
}

/// What an answer says, of which the beginning is enough.
async fn read(attempt: Attempt, answer: Response) -> Attempt {
    let status = answer.status();
    let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut bytes = Vec::new();
    let mut chunks = answer.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= RESPONSE_BYTES_MAX {
            bytes.truncate(RESPONSE_BYTES_MAX);
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes).replace(|c: char| c.is_control() && c != '\n', " ");
    let error = match status.as_u16() {
        200..300 => String::new(),
        300..400 => format!("answered {status}; redirects are not followed"),
        _ => format!("answered {status}"),
    };
    Attempt {
        status: Some(status.as_u16()),
        response: text,
        error,
        retry_after_secs: retry_after.filter(|_| matches!(status.as_u16(), 429 | 503)),
        ..attempt
    }
}

/// Sends until `stop` says so; then finishes the requests that are under way.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut senders = JoinSet::new();
    // Whose endpoint each of them has.
    let mut tenants: HashMap<task::Id, Uuid> = HashMap::new();
    while !*stop.borrow() {
        // Few at a time: what is leased to wait here could be sent by another worker.
        let room = SENDERS_MAX.saturating_sub(senders.len()).min(SENDERS_OF_TENANT_MAX);
        match webhook_deliveries::lease(&app.db, busy(&tenants), i32::try_from(room).unwrap_or_default())
            .await
        {
            Ok(leased) if !leased.is_empty() => {
                for endpoint in leased {
                    let tenant = endpoint.tenant_id;
                    let sender = senders.spawn(serve_and_tell(app.clone(), endpoint, stop.clone()));
                    tenants.insert(sender.id(), tenant);
                }
                continue;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = %error, worker = "webhooks", "endpoints cannot be leased"),
        }
        tokio::select! {
            Some(ended) = senders.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                tenants.remove(&id);
            }
            () = time::sleep(PERIOD) => {}
            _ = stop.changed() => break,
        }
    }
    while senders.join_next().await.is_some() {}
}

/// Tenants that have as many senders as one may have.
fn busy(tenants: &HashMap<task::Id, Uuid>) -> Vec<Uuid> {
    let mut counts: HashMap<Uuid, usize> = HashMap::new();
    for tenant in tenants.values() {
        *counts.entry(*tenant).or_default() += 1;
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count >= SENDERS_OF_TENANT_MAX)
        .map(|(tenant, _)| tenant)
        .collect()
}

/// Sends what waits for one endpoint, of whichever tenant, as the worker does. False when nothing waits.
pub async fn run_once(app: &Arc<App>) -> Result<bool> {
    let leased = webhook_deliveries::lease(&app.db, Vec::new(), 1).await?;
    let Some(endpoint) = leased.first() else { return Ok(false) };
    let (_going, stop) = watch::channel(false);
    serve(app, endpoint, &stop).await?;
    Ok(true)
}

async fn serve_and_tell(app: Arc<App>, endpoint: Leased, stop: watch::Receiver<bool>) {
    if let Err(error) = serve(&app, &endpoint, &stop).await {
        let id = Id::<id::WebhookEndpoint>::from(endpoint.id);
        tracing::warn!(error = %error, endpoint.id = %id, "webhooks are not sent; the lease ends by itself");
    }
}

async fn serve(app: &Arc<App>, endpoint: &Leased, stop: &watch::Receiver<bool>) -> Result<()> {
    let scope = Scope::system(endpoint.tenant_id.into(), "webhooks");
    let began = Instant::now();
    while began.elapsed() < TURN && !*stop.borrow() {
        let Some((round, bodies)) = begin(app, &scope, endpoint.id).await? else { return Ok(()) };
        let requests = round.deliveries.iter().zip(bodies);
        let sent = requests.map(|(delivery, body)| app.sender.send(&round, delivery, body));
        let attempts = join_all(sent).await;
        let _turn = app.sender.at_database.acquire().await;
        let record = async |tx: &mut Tx| webhook_deliveries::record(tx, endpoint.id, &attempts).await;
        if !app.db.run(&scope, record).await? {
            return Ok(());
        }
    }
    app.db.run(&scope, async |tx| webhook_deliveries::release(tx, endpoint.id).await).await
}

/// What to send, and the body of each.
async fn begin(app: &Arc<App>, scope: &Scope, endpoint: Uuid) -> Result<Option<(Round, Vec<Vec<u8>>)>> {
    let _turn = app.sender.at_database.acquire().await;
    let begin = async |tx: &mut Tx| webhook_deliveries::begin(tx, &app.sealer, endpoint).await;
    let Some(round) = app.db.run(scope, begin).await? else { return Ok(None) };
    let mut bodies = Vec::with_capacity(round.deliveries.len());
    for delivery in &round.deliveries {
        bodies.push(payload::body(app, scope, &round.target.payload, delivery).await?);
    }
    Ok(Some((round, bodies)))
}
