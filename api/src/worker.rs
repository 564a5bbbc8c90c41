//! The worker: everything that happens without a request. It mirrors the outbox into Redis, runs due jobs
//! (webhooks of providers, lapses, polls, refunds, and apart from those messages), sends webhooks to tenants, reminds of
//! events, fills the gaps that lost webhooks leave, and forgets old keys.
//! Any number of workers may run; each loop tolerates the others and survives the loss of every dependency.

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use eventflow_core::order::OrderState;
use eventflow_payments::{EventQuery, ProviderEvent};
use eventflow_store::{
    Error, Result, Scope, holds, idempotency,
    jobs::{self, Job, Lane},
    orders,
    plugins::receipts,
    provider_events::{self, NewEvent},
    webhook_deliveries,
};
use tokio::{sync::watch, task::JoinSet, time};

use crate::{app::App, checkout, notices, webhooks};

/// The mirror looks at the outbox at least this often; a bell wakes it sooner.
const MIRROR_PERIOD: Duration = Duration::from_millis(200);
const JOBS_PERIOD: Duration = Duration::from_secs(1);
/// While so many jobs of a lane run, no more are leased.
const JOBS_MAX: usize = 24;
/// Fewer: they wait long for others, and hold a connection to Postgres before and after.
const MESSAGES_MAX: usize = 8;
/// How often events that begin soon are looked for.
const REMINDERS_PERIOD: Duration = Duration::from_secs(300);
/// How often the provider is asked for events that no webhook brought.
const GAP_PERIOD: Duration = Duration::from_secs(120);
const JANITOR_PERIOD: Duration = Duration::from_secs(3600);
/// After this many attempts on an event somebody has to look.
const EVENT_ATTEMPTS_MAX: i32 = 12;
/// Kinds of events that concern orders (the provider lists at most 20 kinds at once).
const EVENT_KINDS: [&str; 13] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.closed",
];

/// Runs until `stop` says so; then finishes what is under way.
pub async fn run(app: Arc<App>, stop: watch::Receiver<bool>) {
    let mut loops = JoinSet::new();
    loops.spawn(mirror(app.clone(), stop.clone()));
    loops.spawn(run_jobs(app.clone(), stop.clone(), Lane::Sales));
    loops.spawn(run_jobs(app.clone(), stop.clone(), Lane::Messages));
    loops.spawn(webhooks::run(app.clone(), stop.clone()));
    loops.spawn(periodically(app.clone(), stop.clone(), "reminders", REMINDERS_PERIOD, notices::remind));
    loops.spawn(periodically(app.clone(), stop.clone(), "gaps", GAP_PERIOD, fill_gaps));
    loops.spawn(periodically(app, stop, "janitor", JANITOR_PERIOD, async |app| {
        idempotency::sweep(&app.db).await?;
        receipts::sweep(&app.db).await?;
        webhook_deliveries::sweep(&app.db).await.map(|_| ())
    }));
    while loops.join_next().await.is_some() {}
}

async fn periodically<F>(
    app: Arc<App>,
    mut stop: watch::Receiver<bool>,
    name: &str,
    period: Duration,
    work: F,
) where
    F: AsyncFn(&App) -> Result<()>,
{
    let mut ticks = time::interval(period);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => return,
        }
        if let Err(error) = work(&app).await {
            tracing::warn!(error = %error, worker = name, "a round of the worker failed; it tries again");
        }
    }
}

/// One worker of all mirrors; when it dies, its connection closes and another one takes over.
async fn mirror(app: Arc<App>, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = mirror_while_leading(&app, stop.clone()).await {
            tracing::warn!(error = %error, worker = "mirror", "the mirror is interrupted");
            time::sleep(MIRROR_PERIOD).await;
        }
    }
}

async fn mirror_while_leading(app: &App, mut stop: watch::Receiver<bool>) -> Result<()> {
    let mut connection = app.db.leader().await?;
    while !*stop.borrow() {
        if holds::lead(&mut connection).await? {
            while !*stop.borrow() {
                while app.holds.mirror(&mut connection).await? {}
                tokio::select! {
                    () = app.mirror_bell.notified() => {}
                    () = time::sleep(MIRROR_PERIOD) => {}
                    _ = stop.changed() => {}
                }
            }
        }
        tokio::select! {
            () = time::sleep(Duration::from_secs(1)) => {}
            _ = stop.changed() => {}
        }
    }
    Ok(())
}

async fn run_jobs(app: Arc<App>, mut stop: watch::Receiver<bool>, lane: Lane) {
    let jobs_max = if lane == Lane::Sales { JOBS_MAX } else { MESSAGES_MAX };
    let mut running = JoinSet::new();
    let mut may_be_due = true;
    while !*stop.borrow() {
        // A slow provider keeps its own jobs waiting, not those of others.
        if may_be_due && running.len() < jobs_max {
            match jobs::lease(&app.db, lane).await {
                Ok(due) => {
                    // A full batch means that there is more.
                    may_be_due = due.len() >= jobs::BATCH;
                    for job in due {
                        running.spawn(run_job(app.clone(), job));
                    }
                    if may_be_due {
                        continue;
                    }
                }
                Err(error) => tracing::warn!(error = %error, worker = "jobs", "jobs cannot be leased"),
            }
        }
        tokio::select! {
            () = app.job_bell.notified(), if lane == Lane::Sales => may_be_due = true,
            // Makes room for what there was too much of. And a notice becomes messages.
            Some(_) = running.join_next() => may_be_due |= lane == Lane::Messages,
            () = time::sleep(JOBS_PERIOD) => may_be_due = true,
            _ = stop.changed() => break,
        }
    }
    while running.join_next().await.is_some() {}
}

/// What a job wants after it ran.
enum After {
    Done,
    /// The job ended with its last transaction.
    Ended,
    /// Not yet: look again after this time.
    Again(TimeDelta),
}

impl From<Option<TimeDelta>> for After {
    fn from(pause: Option<TimeDelta>) -> Self {
        pause.map_or(Self::Done, Self::Again)
    }
}

async fn run_job(app: Arc<App>, job: Job) {
    let outcome = match perform(&app, &job).await {
        Ok(After::Done) => jobs::finish(&app.db, &job).await,
        Ok(After::Ended) => Ok(()),
        Ok(After::Again(pause)) => jobs::retry(&app.db, &job, pause, "").await,
        Err(error) => {
            tracing::warn!(error = %error, job.kind = job.kind, job.attempts = job.attempts, "a job failed");
            jobs::retry(&app.db, &job, jobs::pause_after(job.attempts), &error.to_string()).await
        }
    };
    // The lease ends by itself: the job runs again, which it must stand in any case.
    if let Err(error) = outcome {
        tracing::warn!(error = %error, job.kind = job.kind, "the end of a job could not be recorded");
    }
}

async fn perform(app: &App, job: &Job) -> Result<After> {
    let scope = Scope::system(job.tenant_id.into(), &job.kind);
    match job.kind.as_str() {
        "provider_event" => provider_event(app, &scope, job).await,
        "lapse" => {
            let closed = checkout::lapse(app, &scope, job.subject_id.into(), OrderState::Expired).await?;
            Ok(if closed { After::Done } else { After::Again(jobs::pause_after(job.attempts)) })
        }
        "poll" => {
            checkout::refresh(app, &scope, job.subject_id.into()).await?;
            let row = app.db.run(&scope, async |tx| orders::row(tx, job.subject_id.into()).await).await?;
            let open = matches!(row.state()?, OrderState::Pending | OrderState::Processing);
            Ok(if open { After::Again(checkout::next_poll(job.attempts)) } else { After::Done })
        }
        "refund" => {
            let ended = checkout::send_refund(app, &scope, job.subject_id).await?;
            Ok(if ended { After::Done } else { After::Again(jobs::pause_after(job.attempts)) })
        }
        "notice" => Ok(After::from(notices::process(app, &scope, job.subject_id).await?)),
        "message" => Ok(After::from(notices::send(app, &scope, job.subject_id.into()).await?)),
        other => Err(Error::Corrupt(format!("unknown kind of job `{other}`"))),
    }
}

async fn provider_event(app: &App, scope: &Scope, job: &Job) -> Result<After> {
    let id = job.subject_id;
    match checkout::process_event(app, scope, id).await {
        Err(error) if job.attempts >= EVENT_ATTEMPTS_MAX => {
            tracing::error!(error = %error, event.id = %id, "an event is parked; somebody has to look");
            app.db
                .run(scope, async |tx| provider_events::close(tx, id, "parked", &error.to_string()).await)
                .await?;
        }
        ended => ended?,
    }
    Ok(After::Ended)
}

/// Asks the provider for events since the last one known of each account, with an overlap.
async fn fill_gaps(app: &App) -> Result<()> {
    let Ok(provider) = checkout::provider(app) else { return Ok(()) };
    for (account, last) in provider_events::accounts(&app.db).await? {
        let since = last.unwrap_or_else(|| Utc::now() - TimeDelta::hours(24)) - TimeDelta::minutes(5);
        let query = EventQuery {
            account: Some(account.clone()).filter(|account| !account.is_empty()),
            created_after: since,
            types: EVENT_KINDS.iter().map(|kind| (*kind).to_owned()).collect(),
        };
        let events = match provider.list_events(&query).await {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(error = %error, "the provider's events cannot be listed");
                continue;
            }
        };
        for event in events {
            provider_events::receive(&app.db, &new_event(&event, &account)).await?;
        }
    }
    provider_events::adopt_all(&app.db).await?;
    app.wake_jobs();
    Ok(())
}

/// What the inbox keeps of an event: ids and states, nothing personal.
pub fn new_event(event: &ProviderEvent, account: &str) -> NewEvent {
    let object_id = event.object_id.clone().unwrap_or_default();
    let intent = event.payment_intent().map(str::to_owned);
    NewEvent {
        provider: "stripe",
        account: account.to_owned(),
        provider_event_id: event.id.clone(),
        kind: event.kind.clone(),
        object_id,
        livemode: event.livemode,
        created_at: event.created,
        payload: serde_json::json!({
            "payment_intent": intent,
            "status": event.word("status"),
            "payment_status": event.word("payment_status"),
            "api_version": event.api_version,
        }),
        payment_intent: intent,
    }
}
