//! Receipts on their way to the database. Those of orders are written with the order; the others wait here for a moment, so
//! that a buyer who looks at a hold waits for no row, and are written together.
//!
//! Every call is counted. While buyers look more often than some people could read, successful looks are only counted.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::Utc;
use dashmap::DashMap;
use eventflow_core::{Id, id};
use eventflow_plugin_host::{Called, Hook, Outcome};
use eventflow_store::{
    Db, Error, Scope, new_uuid,
    plugins::receipts::{self as stored, Count, Counted, Receipt},
};
use serde_json::{Value, json};
use tokio::{sync::watch, time};
use uuid::Uuid;

/// How long receipts wait.
const PERIOD: Duration = Duration::from_secs(1);
/// Looks of a tenant in a second that have a receipt, whatever came of them; the others are counted.
const LOOKS_A_SECOND: u32 = 50;
/// Of them, those that can be run again.
const RECORDINGS_A_SECOND: u32 = 5;
/// Receipts of a tenant that wait while the database does not answer; what is beyond is counted only.
const WAITING_MAX: usize = 2_000;
/// A recording has a cart and settings; the rest is for values that are kept.
const RECORDING_BYTES_MAX: usize = 128 << 10;
/// Receipts in one statement.
const BATCH: usize = 500;

#[derive(Default)]
pub struct Receipts {
    /// By tenant.
    waiting: Mutex<HashMap<Uuid, Waiting>>,
    /// What of a second's allowance a tenant has used.
    used: DashMap<Uuid, Used>,
}

type Counts = HashMap<(Uuid, Hook, Outcome), Count>;

#[derive(Default)]
struct Waiting {
    receipts: Vec<Receipt>,
    counts: Counts,
}

struct Used {
    since: Instant,
    looks: u32,
    recordings: u32,
}

/// The row of a call. What a plugin wrote may hold a character that the database does not keep; a recording that is large,
/// because much is kept for the plugin, is left out.
pub fn row(called: &Called, subject: &str, preview: bool) -> Receipt {
    let mut receipt = json!(called.receipt);
    replace(&mut receipt, "\0", "\u{fffd}");
    let mut recording = called.recording.as_ref().map(|recording| json!(recording));
    recording.iter_mut().for_each(|recording| replace(recording, "\0", "\u{fffd}"));
    let recording = recording.filter(|recording| recording.to_string().len() <= RECORDING_BYTES_MAX);
    Receipt {
        id: new_uuid(),
        plugin_id: called.plugin,
        hook: called.receipt.hook.name().to_owned(),
        outcome: called.receipt.outcome.name().to_owned(),
        subject: subject.to_owned(),
        preview,
        receipt,
        recording,
        at: Utc::now(),
    }
}

/// Replaces a text wherever it stands.
pub fn replace(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text.contains(from) => *text = text.replace(from, to),
        Value::Array(list) => list.iter_mut().for_each(|one| replace(one, from, to)),
        Value::Object(members) => members.values_mut().for_each(|one| replace(one, from, to)),
        _ => {}
    }
}

impl Receipts {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn allowance<T>(&self, tenant: Id<id::Tenant>, take: impl FnOnce(&mut Used) -> T) -> T {
        let fresh = || Used { since: Instant::now(), looks: 0, recordings: 0 };
        let mut used = self.used.entry(tenant.uuid()).or_insert_with(fresh);
        if used.since.elapsed() >= PERIOD {
            *used = fresh();
        }
        take(&mut used)
    }

    /// Whether another look may be kept with all that it depended on.
    pub fn has_room_for_recordings(&self, tenant: Id<id::Tenant>) -> bool {
        self.allowance(tenant, |used| {
            used.recordings = used.recordings.saturating_add(1);
            used.recordings <= RECORDINGS_A_SECOND
        })
    }

    /// Counts calls; an answer from memory is none.
    pub fn count(&self, tenant: Id<id::Tenant>, calls: &[Called]) {
        let mut waiting = self.lock();
        let counts = &mut waiting.entry(tenant.uuid()).or_default().counts;
        for called in calls {
            let receipt = &called.receipt;
            if receipt.is_repeated {
                continue;
            }
            let name = (called.plugin, receipt.hook, receipt.outcome);
            let micros = i64::try_from(receipt.micros).unwrap_or(i64::MAX);
            add(
                counts.entry(name).or_default(),
                &Count {
                    calls: 1,
                    fuel: i64::try_from(receipt.fuel).unwrap_or(i64::MAX),
                    micros,
                    micros_max: micros,
                    memory_bytes_max: i64::try_from(receipt.memory_bytes).unwrap_or(i64::MAX),
                },
            );
        }
    }

    /// Keeps receipts that no transaction writes.
    pub fn keep(&self, tenant: Id<id::Tenant>, subject: &str, preview: bool, calls: &[Called]) {
        for called in calls {
            let is_kept = !preview
                || self.allowance(tenant, |used| {
                    used.looks = used.looks.saturating_add(1);
                    used.looks <= LOOKS_A_SECOND
                });
            if !is_kept {
                continue;
            }
            let receipt = row(called, subject, preview);
            let mut waiting = self.lock();
            let waiting = waiting.entry(tenant.uuid()).or_default();
            if waiting.receipts.len() < WAITING_MAX {
                waiting.receipts.push(receipt);
            }
        }
    }

    /// Writes what waits. What cannot be written waits on.
    async fn write(&self, db: &Db) {
        let all = std::mem::take(&mut *self.lock());
        for (tenant, Waiting { receipts, counts }) in all {
            let rows: Vec<(Counted, Count)> =
                counts.iter().map(|(key, count)| (stored_key(*key), count.clone())).collect();
            let scope = Scope::system(tenant.into(), "plugins");
            let written = db
                .run(&scope, async |tx| {
                    for batch in receipts.chunks(BATCH) {
                        stored::insert(tx, batch).await?;
                    }
                    if rows.is_empty() { Ok(()) } else { stored::count(tx, &rows).await }
                })
                .await;
            match written {
                Ok(()) => {}
                Err(Error::DatabaseDown(error)) => {
                    tracing::warn!(error = %error, "receipts of plugins cannot be written; they wait");
                    self.wait_on(tenant, receipts, counts);
                }
                // Written again they would fail again, and keep the others waiting.
                Err(error) => tracing::error!(error = %error, "receipts of plugins are lost"),
            }
        }
        // Tenants that were quiet for a while begin anew.
        self.used.retain(|_, used| used.since.elapsed() < 60 * PERIOD);
    }

    fn wait_on(&self, tenant: Uuid, receipts: Vec<Receipt>, counts: Counts) {
        let mut waiting = self.lock();
        let waiting = waiting.entry(tenant).or_default();
        let room = WAITING_MAX.saturating_sub(waiting.receipts.len());
        waiting.receipts.extend(receipts.into_iter().take(room));
        for (counted, count) in counts {
            add(waiting.counts.entry(counted).or_default(), &count);
        }
    }

    /// Writes every second until `stop` says so, and once more then.
    pub async fn run(&self, db: &Db, mut stop: watch::Receiver<bool>) {
        let mut ticks = time::interval(PERIOD);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stop.changed() => {}
            }
            self.write(db).await;
        }
        self.write(db).await;
    }
}

fn stored_key((plugin, hook, outcome): (Uuid, Hook, Outcome)) -> Counted {
    (plugin, hook.name().to_owned(), outcome.name().to_owned())
}

fn add(sum: &mut Count, count: &Count) {
    sum.calls += count.calls;
    sum.fuel = sum.fuel.saturating_add(count.fuel);
    sum.micros = sum.micros.saturating_add(count.micros);
    sum.micros_max = sum.micros_max.max(count.micros_max);
    sum.memory_bytes_max = sum.memory_bytes_max.max(count.memory_bytes_max);
}

/// A call as the author's commands read it.
pub fn recording(receipt: &Value, call: Option<&Value>) -> Option<Value> {
    let mut recording = call?.clone();
    recording.as_object_mut()?.insert("receipt".to_owned(), receipt.clone());
    Some(recording)
}
