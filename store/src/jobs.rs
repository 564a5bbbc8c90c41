//! Jobs: work that must happen after a moment, at least once. A runner leases due jobs; one that dies leaves them to be
//! due again. One job per kind and subject.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{QueryableByName, prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{
    db::{Db, Tx},
    error::Result,
    failpoints,
    schema::jobs,
    statement,
};

/// How long a runner has a job for itself.
const LEASE_SECS: i32 = 60;
/// Jobs leased at once.
pub const BATCH: usize = 16;
/// The longest pause between two attempts.
const PAUSE_MAX_SECS: i64 = 300;

/// Jobs that wait for different servers are run apart: a mail server that hangs keeps no money waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Sales,
    /// Kinds `notice` and `message`.
    Messages,
}

#[derive(Debug, Clone, QueryableByName)]
pub struct Job {
    #[diesel(sql_type = sql_types::BigInt)]
    pub id: i64,
    #[diesel(sql_type = sql_types::Uuid)]
    pub tenant_id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub kind: String,
    #[diesel(sql_type = sql_types::Uuid)]
    pub subject_id: Uuid,
    #[diesel(sql_type = sql_types::Integer)]
    pub attempts: i32,
}

/// Schedules a job in the transaction of its cause; an existing one keeps the earlier time.
pub async fn schedule(tx: &mut Tx, kind: &str, subject: Uuid, run_at: DateTime<Utc>) -> Result<()> {
    statement!(
        "INSERT INTO jobs (tenant_id, kind, subject_id, run_at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (tenant_id, kind, subject_id) DO UPDATE SET run_at = least(jobs.run_at, excluded.run_at)",
        tx.tenant(),
        kind,
        subject,
        run_at
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Nothing is left to do.
pub async fn remove(tx: &mut Tx, kind: &str, subject: Uuid) -> Result<()> {
    diesel::delete(jobs::table)
        .filter(jobs::tenant_id.eq(tx.tenant()).and(jobs::kind.eq(kind)).and(jobs::subject_id.eq(subject)))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

macro_rules! lease_sql {
    ($kinds:literal) => {
        concat!(
            "UPDATE jobs SET run_at = now() + make_interval(secs => ?::int), attempts = attempts + 1 \
             WHERE id IN (SELECT id FROM jobs WHERE run_at <= now() AND ",
            $kinds,
            " ORDER BY run_at LIMIT ?::int FOR UPDATE SKIP LOCKED) \
             RETURNING id, tenant_id, kind, subject_id, attempts"
        )
    };
}

/// Leases due jobs of all tenants.
pub async fn lease(db: &Db, lane: Lane) -> Result<Vec<Job>> {
    let mut connection = db.system().await?;
    // Each has an index of its own, which Postgres finds by the text of the condition.
    let text = match lane {
        Lane::Sales => lease_sql!("kind NOT IN ('notice', 'message')"),
        Lane::Messages => lease_sql!("kind IN ('notice', 'message')"),
    };
    let due = statement!(text, LEASE_SECS, i32::try_from(BATCH).unwrap_or(i32::MAX))
        .get_results(&mut *connection)
        .await?;
    if !due.is_empty() {
        failpoints::pass("after jobs are leased");
    }
    Ok(due)
}

/// The job is done; one that was leased by another runner since then stays.
pub async fn finish(db: &Db, job: &Job) -> Result<()> {
    failpoints::pass("before a job is finished");
    let mut connection = db.system().await?;
    diesel::delete(jobs::table.filter(jobs::id.eq(job.id).and(jobs::attempts.eq(job.attempts))))
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// The job failed or has to wait: it is due again after `pause`.
pub async fn retry(db: &Db, job: &Job, pause: TimeDelta, error: &str) -> Result<()> {
    failpoints::pass("before a job is put off");
    let mut connection = db.system().await?;
    let note: String = error.chars().take(500).collect();
    // By the clock of Postgres, which finds it due: a server whose clock is off keeps nothing waiting.
    statement!(
        "UPDATE jobs SET run_at = now() + make_interval(secs => ?::bigint / 1000.0), last_error = ? \
         WHERE id = ? AND attempts = ?",
        pause.num_milliseconds(),
        note,
        job.id,
        job.attempts
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// The pause after a failure: doubles from 2 seconds to [`PAUSE_MAX_SECS`].
pub fn pause_after(attempts: i32) -> TimeDelta {
    let secs = 2_i64.saturating_pow(attempts.clamp(1, 20).unsigned_abs()).min(PAUSE_MAX_SECS);
    TimeDelta::seconds(secs)
}

/// Jobs that are due and not leased: what a drained system has none of.
pub async fn backlog(db: &Db) -> Result<i64> {
    let mut connection = db.system().await?;
    Ok(jobs::table.filter(jobs::run_at.le(diesel::dsl::now)).count().get_result(&mut *connection).await?)
}
