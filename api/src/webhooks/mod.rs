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
    Result, Scope, Tx, failpoints,
    webhook_deliveries::{self, Attempt, Delivery, Leased, Pace, Round},
};
use futures_util::{StreamExt, future::join_all};
use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use tokio::{
    sync::{Semaphore, watch},
    task::{self, JoinError, JoinSet},
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
/// One that is slow and fails has so long, until it succeeds.
const TIMEOUT_AGAIN: Duration = Duration::from_secs(5);
/// The status says whether a message was taken; what comes behind it is waited for so long.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// A sender stays with an endpoint for so long, as there is something to send; then others have their turn.
const TURN: Duration = Duration::from_secs(5);
/// Endpoints of all tenants that one worker sends to at a time: a request that waits costs little.
const SENDERS_MAX: usize = 64;
/// Endpoints among them that were slow lately, or are new: however many hang, the others have senders.
const SENDERS_SLOW_MAX: usize = SENDERS_MAX / 2;
/// Endpoints of one tenant among them.
const SENDERS_OF_TENANT_MAX: usize = 8;
/// Endpoints that are leased in one go: what waits here for a sender could be sent by another worker.
const LEASES: usize = 8;
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
        let client =
            outbound::client(TIMEOUT + BODY_TIMEOUT, loopback).build().map_err(|error| error.to_string())?;
        Ok(Self { client, loopback, at_database: Semaphore::new(AT_DATABASE) })
    }

    /// A URL in its normal form; refuses one that nothing would be sent to.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn check(&self, url: &str) -> Result<String, String> {
        outbound::check_url(url, self.loopback).map(String::from)
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
        let patience = if round.target.is_doubtful() { TIMEOUT_AGAIN } else { TIMEOUT };
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
        match time::timeout(patience, request.send()).await {
            Ok(answer) => answer.map_err(outbound::reason),
            Err(_) => Err(outbound::TOO_LATE.to_owned()),
        }
    }
}

/// What an answer says, of which the beginning is enough.
async fn read(attempt: Attempt, answer: Response) -> Attempt {
    let status = answer.status();
    let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut bytes = Vec::new();
    let mut chunks = answer.bytes_stream();
    let begin = async {
        while bytes.len() < RESPONSE_BYTES_MAX
            && let Some(Ok(chunk)) = chunks.next().await
        {
            bytes.extend_from_slice(&chunk);
        }
    };
    // What has come until then is enough.
    let _ = time::timeout(BODY_TIMEOUT, begin).await;
    bytes.truncate(RESPONSE_BYTES_MAX);
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
    let mut at_work: HashMap<task::Id, (Uuid, Pace)> = HashMap::new();
    let id = |ended: Result<(task::Id, ()), JoinError>| ended.map_or_else(|error| error.id(), |(id, ())| id);
    while !*stop.borrow() {
        while let Some(ended) = senders.try_join_next_with_id() {
            at_work.remove(&id(ended));
        }
        let mut is_idle = true;
        for pace in Pace::ALL {
            let (room, busy) = room(at_work.values(), pace);
            if room == 0 {
                continue;
            }
            let limit = i32::try_from(room.min(LEASES)).unwrap_or_default();
            let leased =
                webhook_deliveries::lease(&app.db, pace, busy, limit).await.unwrap_or_else(|error| {
                    tracing::warn!(error = %error, worker = "webhooks", "endpoints cannot be leased");
                    Vec::new()
                });
            for endpoint in leased {
                is_idle = false;
                let tenant = endpoint.tenant_id;
                let sender = senders.spawn(serve_and_tell(app.clone(), endpoint, stop.clone()));
                at_work.insert(sender.id(), (tenant, pace));
            }
        }
        if !is_idle {
            continue;
        }
        tokio::select! {
            Some(ended) = senders.join_next_with_id() => {
                at_work.remove(&id(ended));
            }
            () = time::sleep(PERIOD) => {}
            _ = stop.changed() => break,
        }
    }
    while senders.join_next().await.is_some() {}
}

/// How many endpoints of a pace get a sender now, one of each tenant; and the tenants that get none, beside those at work. A tenant
/// gets no more once it has half of those that are free, so that whoever comes later finds some: each of the first eight tenants
/// does, however many endpoints those before it have.
fn room<'a>(at_work: impl Iterator<Item = &'a (Uuid, Pace)>, pace: Pace) -> (usize, Vec<Uuid>) {
    let mut counts: HashMap<Uuid, usize> = HashMap::new();
    let (mut all, mut slow) = (0, 0);
    for (tenant, pace) in at_work {
        *counts.entry(*tenant).or_default() += 1;
        all += 1;
        slow += usize::from(*pace == Pace::Slow);
    }
    let mut free = SENDERS_MAX.saturating_sub(all);
    if pace == Pace::Slow {
        free = free.min(SENDERS_SLOW_MAX.saturating_sub(slow));
    }
    let room = free.div_ceil(2);
    let most = room.min(SENDERS_OF_TENANT_MAX);
    (room, counts.into_iter().filter(|(_, count)| *count >= most).map(|(tenant, _)| tenant).collect())
}

/// Sends what waits for one endpoint, of whichever tenant, as the worker does. False when nothing waits.
pub async fn run_once(app: &Arc<App>) -> Result<bool> {
    for pace in Pace::ALL {
        let leased = webhook_deliveries::lease(&app.db, pace, Vec::new(), 1).await?;
        if let Some(endpoint) = leased.first() {
            let (_going, stop) = watch::channel(false);
            serve(app, endpoint, &stop).await?;
            return Ok(true);
        }
    }
    Ok(false)
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
        if bodies.is_empty() {
            continue;
        }
        let requests = round.deliveries.iter().zip(bodies);
        let sent = requests.map(|(delivery, body)| app.sender.send(&round, delivery, body));
        failpoints::pass("before webhooks are sent");
        let attempts = join_all(sent).await;
        failpoints::pass("after webhooks are sent");
        let _turn = app.sender.at_database.acquire().await;
        let record = async |tx: &mut Tx| webhook_deliveries::record(tx, endpoint.id, &attempts).await;
        if !app.db.run(&scope, record).await? {
            return Ok(());
        }
    }
    let _turn = app.sender.at_database.acquire().await;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives senders to tenants that always want more, until nobody gets one.
    fn give(senders: &mut Vec<(Uuid, Pace)>, tenants: u128, pace: Pace) {
        loop {
            let (room, busy) = room(senders.iter(), pace);
            let wanted = (0..tenants).map(Uuid::from_u128).filter(|tenant| !busy.contains(tenant));
            let given: Vec<_> = wanted.take(room.min(LEASES)).map(|tenant| (tenant, pace)).collect();
            if given.is_empty() {
                return;
            }
            senders.extend(given);
        }
    }

    #[test]
    fn slow_endpoints_have_half_of_the_senders_and_a_few_tenants_never_all_of_them() {
        for tenants in [1, 2, 8, 31, 100] {
            let mut senders = Vec::new();
            let is_free = |senders: &[(Uuid, Pace)], pace| room(senders.iter(), pace).0 > 0;
            give(&mut senders, tenants, Pace::Slow);
            assert!(senders.len() <= SENDERS_SLOW_MAX, "{tenants}: {}", senders.len());
            assert!(is_free(&senders, Pace::Quick), "{tenants}");
            assert_eq!(is_free(&senders, Pace::Slow), tenants <= 8, "{tenants}");

            give(&mut senders, tenants, Pace::Quick);
            assert!(senders.len() <= SENDERS_MAX, "{tenants}: {}", senders.len());
            assert_eq!(is_free(&senders, Pace::Quick), tenants <= 8, "{tenants}");
            let of_one = senders.iter().filter(|(tenant, _)| *tenant == Uuid::nil()).count();
            assert!((1..=SENDERS_OF_TENANT_MAX).contains(&of_one), "{tenants}: {of_one}");
        }
    }

    #[test]
    fn tenants_that_come_one_after_the_other_find_a_sender_each() {
        for pace in Pace::ALL {
            let mut senders = Vec::new();
            for tenant in 1..=8 {
                let before = senders.len();
                // Those before it want more, too.
                give(&mut senders, tenant, pace);
                let newest = Uuid::from_u128(tenant - 1);
                let has_one = senders.iter().any(|(tenant, _)| *tenant == newest);
                assert!(has_one, "{tenant}: {before} of the senders were in use");
            }
        }
    }
}
