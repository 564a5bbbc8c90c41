//! Sending: which endpoint has something to send, what that is, and what came of it. Nothing is sent inside of a transaction:
//! [`begin`] says what to send, [`record`] what came of it. A sender that dies in between sends the same again, under the
//! same `webhook-id`.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{QueryableByName, prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use eventflow_core::event_types::EventType;
use uuid::Uuid;

use super::{DELIVERED, Delivery, ENTRIES_AT_ONCE, FAILED, PENDING, insert};
use crate::{
    db::{Db, Tx},
    error::Result,
    events_log, jobs,
    schema::{webhook_deliveries, webhook_endpoints},
    seal::Sealer,
    statement,
    webhook_endpoints::{self as endpoints, Keys, LEASE_SECS, Target},
};

/// Pauses after each failed attempt, in seconds: three days in all. After the last one a delivery has failed.
const RETRY_SECS: [i64; 10] =
    [5, 60, 300, 1_800, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 18 * 3_600, 22 * 3_600];
/// A pause is up to this share longer or shorter, so that an endpoint that comes back is not met by everything at once.
const JITTER_PERCENT: i64 = 20;
/// So many attempts of an older delivery keep younger ones about the same object waiting, half an hour; then they overtake it.
const ORDERED_ATTEMPTS: i32 = 4;
/// Requests to one endpoint at a time.
const AT_ONCE: i64 = 8;
/// An endpoint has that many deliveries waiting; the rest of the backlog stays in the log.
const WAITING_MAX: i64 = 1_000;
/// Who takes longer to answer is slow, for [`endpoints::SLOW_MINS`].
const QUICK: Duration = Duration::from_secs(2);
/// Failed attempts in a row after which an endpoint is left alone: for 32 seconds, then for twice as long each time.
const BREAKER_FAILURES: i32 = 5;
/// The longest pause that an endpoint can ask for with `Retry-After`.
const RETRY_AFTER_SECS_MAX: i64 = 3_600;
/// An endpoint that failed for so long is disabled.
const FAILING_DAYS_MAX: i64 = 5;
/// Characters of an error that are kept.
const ERROR_CHARS_MAX: usize = 500;
/// An endpoint says that it is gone for good.
const GONE: u16 = 410;

/// How quickly an endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Quick,
    /// It was slow lately, or is new.
    Slow,
}

impl Pace {
    pub const ALL: [Self; 2] = [Self::Quick, Self::Slow];
}

/// An endpoint that something waits for.
#[derive(Debug, QueryableByName)]
pub struct Leased {
    #[diesel(sql_type = sql_types::Uuid)]
    pub tenant_id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
}

/// What to send now.
pub struct Round {
    pub target: Target,
    pub keys: Vec<Keys>,
    /// Empty: nothing is due so far, but the log goes on.
    pub deliveries: Vec<Delivery>,
}

/// What came of one request.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    pub delivery: Uuid,
    /// `None` when there was no answer.
    pub status: Option<u16>,
    pub took: Duration,
    /// The beginning of the answer.
    pub response: String,
    /// Why there was no answer, or why it is none.
    pub error: String,
    pub retry_after_secs: Option<i64>,
}

impl Attempt {
    fn is_ok(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Leases endpoints of that pace that something waits for, a delivery that is due or an entry of the log: one of each tenant,
/// without the tenants of `busy`.
pub async fn lease(db: &Db, pace: Pace, busy: Vec<Uuid>, limit: i32) -> Result<Vec<Leased>> {
    let mut connection = db.system().await?;
    let leased = statement!(
        "UPDATE webhook_endpoints SET blocked_until = now() + make_interval(secs => ?::int) \
         WHERE (tenant_id, id) IN ( \
           SELECT w.tenant_id, w.id FROM webhook_endpoints w JOIN ( \
             SELECT DISTINCT ON (e.tenant_id) e.tenant_id, e.id, e.due_at FROM log_horizon() horizon, webhook_endpoints e \
             WHERE e.state = 'enabled' AND (e.blocked_until IS NULL OR e.blocked_until <= now()) \
               AND (e.slow_until > now()) = ? AND e.tenant_id <> ALL (?) \
               AND (e.due_at <= now() \
                 OR EXISTS (SELECT FROM audit_log a WHERE a.tenant_id = e.tenant_id \
                   AND a.xact_id >= e.position AND a.xact_id < horizon) \
                 OR EXISTS (SELECT FROM scans s WHERE s.tenant_id = e.tenant_id \
                   AND s.xact_id >= e.position AND s.xact_id < horizon)) \
             ORDER BY e.tenant_id, e.due_at NULLS FIRST) next USING (tenant_id, id) \
           WHERE w.blocked_until IS NULL OR w.blocked_until <= now() \
           ORDER BY next.due_at NULLS FIRST LIMIT ?::int FOR UPDATE OF w SKIP LOCKED) \
         RETURNING tenant_id, id",
        LEASE_SECS,
        pace == Pace::Slow,
        busy,
        limit,
    )
    .get_results(&mut *connection)
    .await?;
    Ok(leased)
}

/// Goes on in the log for a leased endpoint, by one part of it, and says what to send; `None`, with the lease given back, when
/// there is nothing.
pub async fn begin(tx: &mut Tx, sealer: &Sealer, id: Uuid) -> Result<Option<Round>> {
    let Some(mut target) = endpoints::lock(tx, id).await? else { return Ok(None) };
    if target.state != endpoints::ENABLED {
        release(tx, id).await?;
        return Ok(None);
    }
    // An endpoint that fails is tried with one request: a whole round of them might all have to wait for it.
    let most = if target.failures > 0 { 1 } else { AT_ONCE };
    let has_more = advance(tx, &mut target).await?;
    let deliveries = due(tx, id, most).await?;
    if deliveries.is_empty() && !has_more {
        release(tx, id).await?;
        return Ok(None);
    }
    statement!(
        "UPDATE webhook_endpoints SET blocked_until = now() + make_interval(secs => ?::int) \
         WHERE tenant_id = ? AND id = ?",
        LEASE_SECS,
        tx.tenant(),
        id
    )
    .execute(&mut **tx)
    .await?;
    let keys = target.keys(tx, sealer)?;
    Ok(Some(Round { target, keys, deliveries }))
}

/// Turns the next entries of the log into deliveries, unless enough of them wait. Answers whether there is more.
async fn advance(tx: &mut Tx, target: &mut Target) -> Result<bool> {
    let waiting: i64 = webhook_deliveries::table
        .filter(
            webhook_deliveries::tenant_id.eq(tx.tenant()).and(webhook_deliveries::endpoint_id.eq(target.id)),
        )
        .filter(webhook_deliveries::state.eq(PENDING))
        .count()
        .get_result(&mut **tx)
        .await?;
    if waiting >= WAITING_MAX {
        return Ok(false);
    }
    let types: Vec<EventType> = target.event_types.iter().filter_map(|text| text.parse().ok()).collect();
    let part = events_log::read(tx, target.position(), ENTRIES_AT_ONCE, &types).await?;
    insert(tx, target.id, &part.entries).await?;
    if part.next != target.position() {
        diesel::update(webhook_endpoints::table.find((tx.tenant(), target.id)))
            .set((
                webhook_endpoints::position.eq(part.next.xact_id),
                webhook_endpoints::position_id.eq(part.next.id),
            ))
            .execute(&mut **tx)
            .await?;
        (target.position, target.position_id) = (part.next.xact_id, part.next.id);
    }
    Ok(part.has_more)
}

/// A delivery waits for older ones about the same object, while those have not been tried too often. Tests hold up nothing. They are
/// counted in one pass along an index: to look for them for each delivery takes minutes when 50,000 about one object wait.
macro_rules! in_its_turn {
    ($select:literal, $rest:literal) => {
        concat!(
            $select,
            " FROM (SELECT w.id, w.xact_id, w.entry_id, w.next_attempt_at, \
               count(*) FILTER (WHERE w.attempts < ? AND w.event_type <> 'webhook_endpoint.ping') OVER ( \
                 PARTITION BY w.resource_id ORDER BY w.xact_id, w.entry_id \
                 RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP) AS ahead \
               FROM webhook_deliveries w WHERE w.tenant_id = ? AND w.endpoint_id = ? AND w.state = 'pending') d \
             WHERE d.ahead = 0 ",
            $rest
        )
    };
}

async fn due(tx: &mut Tx, endpoint: Uuid, limit: i64) -> Result<Vec<Delivery>> {
    #[derive(QueryableByName)]
    struct Due {
        #[diesel(sql_type = sql_types::Uuid)]
        id: Uuid,
    }
    let due: Vec<Due> = statement!(
        in_its_turn!(
            "SELECT d.id",
            "AND d.next_attempt_at <= now() ORDER BY d.next_attempt_at, d.xact_id, d.entry_id LIMIT ?"
        ),
        ORDERED_ATTEMPTS,
        tx.tenant(),
        endpoint,
        limit
    )
    .get_results(&mut **tx)
    .await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = due.iter().map(|row| row.id).collect();
    let deliveries = webhook_deliveries::table
        .filter(webhook_deliveries::tenant_id.eq(tx.tenant()).and(webhook_deliveries::id.eq_any(ids)))
        .order((webhook_deliveries::xact_id, webhook_deliveries::entry_id))
        .select(Delivery::as_select())
        .load(&mut **tx)
        .await?;
    Ok(deliveries)
}

/// Records a round. Answers whether the sender goes on with this endpoint.
pub async fn record(tx: &mut Tx, id: Uuid, attempts: &[Attempt]) -> Result<bool> {
    let Some(target) = endpoints::lock(tx, id).await? else { return Ok(false) };
    let now = tx.now().await?;
    for attempt in attempts {
        record_one(tx, attempt, now).await?;
    }
    let failed = attempts.iter().filter(|attempt| !attempt.is_ok()).count();
    let is_well = failed < attempts.len();
    // The first pause is the shortest one, however many requests the round had.
    let failed = i32::try_from(failed).unwrap_or(i32::MAX);
    let most = BREAKER_FAILURES.max(target.failures.saturating_add(1));
    let failures = if is_well { 0 } else { target.failures.saturating_add(failed).min(most) };
    let failing_since = if is_well { None } else { target.failing_since.or(Some(now)) };
    // An endpoint may ask for a longer pause than we would make, not for a shorter one.
    let asked = attempts.iter().filter_map(|attempt| attempt.retry_after_secs).max();
    let asked = asked.map(|secs| TimeDelta::seconds(secs.clamp(RETRY_SECS[0], RETRY_AFTER_SECS_MAX)));
    let pause = asked.max((failures >= BREAKER_FAILURES).then(|| jobs::pause_after(failures)));
    let was_slow = attempts.iter().any(|attempt| attempt.took > QUICK);
    diesel::update(webhook_endpoints::table.find((tx.tenant(), id)))
        .set((
            webhook_endpoints::failures.eq(failures),
            webhook_endpoints::failing_since.eq(failing_since),
            was_slow
                .then(|| webhook_endpoints::slow_until.eq(now + TimeDelta::minutes(endpoints::SLOW_MINS))),
        ))
        .execute(&mut **tx)
        .await?;
    let is_gone = attempts.iter().any(|attempt| attempt.status == Some(GONE));
    let for_days = failing_since.is_some_and(|since| now - since > TimeDelta::days(FAILING_DAYS_MAX));
    if target.state == endpoints::ENABLED && (is_gone || for_days) {
        let reason =
            if is_gone { "The endpoint answered 410 (gone)." } else { "The endpoint failed for five days." };
        endpoints::disable(tx, id, reason).await?;
        return Ok(false);
    }
    let Some(pause) = pause else { return Ok(true) };
    release(tx, id).await?;
    diesel::update(webhook_endpoints::table.find((tx.tenant(), id)))
        .set(webhook_endpoints::blocked_until.eq(Some(now + pause)))
        .execute(&mut **tx)
        .await?;
    Ok(false)
}

async fn record_one(tx: &mut Tx, attempt: &Attempt, now: DateTime<Utc>) -> Result<()> {
    let row = webhook_deliveries::table.find((tx.tenant(), attempt.delivery));
    let before: Option<i32> = row.select(webhook_deliveries::attempts).first(&mut **tx).await.optional()?;
    let Some(before) = before else { return Ok(()) };
    let pause = usize::try_from(before).ok().and_then(|attempts| RETRY_SECS.get(attempts)).copied();
    let (state, next) = match (attempt.is_ok(), pause) {
        (true, _) => (DELIVERED, now),
        (false, Some(pause)) => (PENDING, now + jittered(pause, rand::random_range(0..=2 * JITTER_PERCENT))),
        (false, None) => (FAILED, now),
    };
    diesel::update(row)
        .filter(webhook_deliveries::state.eq(PENDING))
        .set((
            webhook_deliveries::state.eq(state),
            webhook_deliveries::attempts.eq(before + 1),
            webhook_deliveries::next_attempt_at.eq(next),
            webhook_deliveries::attempted_at.eq(Some(now)),
            webhook_deliveries::status.eq(attempt.status.map(i32::from)),
            webhook_deliveries::duration_ms.eq(i32::try_from(attempt.took.as_millis()).ok()),
            webhook_deliveries::response.eq(&attempt.response),
            webhook_deliveries::last_error.eq(attempt
                .error
                .chars()
                .take(ERROR_CHARS_MAX)
                .collect::<String>()),
        ))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// `chance` between 0 and twice [`JITTER_PERCENT`].
fn jittered(pause_secs: i64, chance: i64) -> TimeDelta {
    TimeDelta::milliseconds(pause_secs * 10 * (100 - JITTER_PERCENT + chance))
}

/// The sender is done with an endpoint for now: others may have it when the next delivery is due.
pub async fn release(tx: &mut Tx, id: Uuid) -> Result<()> {
    // Locked first: whoever adds a delivery says afterwards that it is due, and must not be overwritten.
    endpoints::lock(tx, id).await?;
    statement!(
        in_its_turn!(
            "UPDATE webhook_endpoints e SET due_at = n.due_at, \
               blocked_until = CASE WHEN n.waiting >= ? THEN n.due_at END \
             FROM (SELECT min(d.next_attempt_at) AS due_at, (SELECT count(*) FROM webhook_deliveries w \
               WHERE w.tenant_id = ? AND w.endpoint_id = ? AND w.state = 'pending') AS waiting",
            ") n WHERE e.tenant_id = ? AND e.id = ?"
        ),
        WAITING_MAX,
        tx.tenant(),
        id,
        ORDERED_ATTEMPTS,
        tx.tenant(),
        id,
        tx.tenant(),
        id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_go_on_for_about_three_days_with_jitter() {
        let total: i64 = RETRY_SECS.iter().sum();
        assert!((70 * 3_600..75 * 3_600).contains(&total), "{total}");
        assert!(RETRY_SECS.is_sorted());
        assert_eq!(jittered(100, 0), TimeDelta::seconds(80));
        assert_eq!(jittered(100, JITTER_PERCENT), TimeDelta::seconds(100));
        assert_eq!(jittered(100, 2 * JITTER_PERCENT), TimeDelta::seconds(120));
    }
}
