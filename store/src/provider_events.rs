//! Provider events: the inbox of webhooks and its audit. An event is stored once and worked on by a job; whom it
//! concerns is read from our own payments, never from what the event says about itself.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use diesel::{QueryableByName, prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{Db, Tx, new_uuid},
    error::{OrNotFound, Result},
    failpoints,
    mutants::{self, Mutant},
    orders::PaymentRow,
    schema::{payments, provider_events},
    statement,
};

#[derive(Debug, Clone)]
pub struct NewEvent {
    pub provider: &'static str,
    pub account: String,
    pub provider_event_id: String,
    pub kind: String,
    /// The session, payment intent, refund or dispute that it is about.
    pub object_id: String,
    pub payment_intent: Option<String>,
    pub livemode: bool,
    pub created_at: DateTime<Utc>,
    /// Ids and states of the object; no personal data.
    pub payload: Value,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = provider_events)]
pub struct EventRow {
    pub id: Uuid,
    pub account: String,
    pub kind: String,
    pub object_id: String,
    pub livemode: bool,
    pub payload: Value,
    pub state: String,
}

/// What [`receive`] did with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Stored, and a job will look at it.
    New,
    Duplicate,
    /// It concerns no payment of ours: kept for the audit, and nothing will happen.
    Foreign,
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = sql_types::BigInt)]
    events: i64,
    /// Those that have a tenant.
    #[diesel(sql_type = sql_types::BigInt)]
    ours: i64,
}

/// Its tenant is the one whose payment has this session or intent, at this account and in this mode.
const RECEIVE: &str = "WITH owner AS (
    SELECT coalesce(
      (SELECT p.tenant_id FROM payments p WHERE p.account = ? AND p.livemode = ? AND p.session_id = ? LIMIT 1),
      (SELECT p.tenant_id FROM payments p WHERE p.account = ? AND p.livemode = ? AND p.payment_intent = ? LIMIT 1)
    ) AS tenant_id
  ), stored AS (
    INSERT INTO provider_events (id, tenant_id, provider, account, provider_event_id, kind, object_id, livemode,
      provider_created_at, payload, state)
    SELECT ?, tenant_id, ?, ?, ?, ?, ?, ?, ?, ?, CASE WHEN tenant_id IS NULL THEN 'ignored' ELSE 'received' END FROM owner
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, id
  ), job AS (
    INSERT INTO jobs (tenant_id, kind, subject_id, run_at)
    SELECT tenant_id, 'provider_event', id, now() FROM stored WHERE tenant_id IS NOT NULL
  )
  SELECT count(*) AS events, count(tenant_id) AS ours FROM stored";

fn receive_text() -> &'static str {
    if !mutants::is(Mutant::AnyAccount) {
        return RECEIVE;
    }
    static CARELESS: LazyLock<String> = LazyLock::new(|| RECEIVE.replace("p.account = ?", "? IS NOT NULL"));
    &CARELESS
}

/// Stores an event whose signature was verified, with the job that works on it.
pub async fn receive(db: &Db, event: &NewEvent) -> Result<Received> {
    let mut connection = db.system().await?;
    let stored: Stored = statement!(
        receive_text(),
        &*event.account,
        event.livemode,
        &*event.object_id,
        &*event.account,
        event.livemode,
        event.payment_intent.clone(),
        new_uuid(),
        event.provider,
        &*event.account,
        &*event.provider_event_id,
        &*event.kind,
        &*event.object_id,
        event.livemode,
        event.created_at,
        event.payload.clone(),
    )
    .get_result(&mut *connection)
    .await?;
    // One that was known has done nothing.
    if stored.events > 0 {
        failpoints::pass("after an event is stored");
    }
    Ok(match (stored.events, stored.ours) {
        (0, _) => Received::Duplicate,
        (_, 0) => Received::Foreign,
        _ => Received::New,
    })
}

/// Events that came before we knew the intent that they are about, and were taken for somebody else's: now that its money is
/// recorded they are worked on. Answers how many have something to say beyond that.
pub async fn adopt(db: &Db, account: &str, payment_intent: &str) -> Result<usize> {
    let mut connection = db.system().await?;
    let adopted = statement!(
        "WITH found AS (
           UPDATE provider_events e SET tenant_id = p.tenant_id,
             (state, note, done_at) = (SELECT state, note, done_at FROM (VALUES
               (true, 'received', e.note, e.done_at), (false, 'done', 'settled before', now())
             ) AS v(has_news, state, note, done_at)
             WHERE has_news = (e.kind LIKE '%refund%' OR e.kind LIKE '%dispute%'))
           FROM payments p
           WHERE e.tenant_id IS NULL AND e.state = 'ignored' AND e.received_at > now() - interval '3 days'
             AND p.account = ? AND p.payment_intent = ?
             AND e.account = p.account AND e.livemode = p.livemode AND e.payload ->> 'payment_intent' = p.payment_intent
           RETURNING e.id, e.tenant_id, e.state)
         INSERT INTO jobs (tenant_id, kind, subject_id, run_at)
         SELECT tenant_id, 'provider_event', id, now() FROM found WHERE state = 'received'
         ON CONFLICT (tenant_id, kind, subject_id) DO NOTHING",
        account,
        payment_intent,
    )
    .execute(&mut *connection)
    .await?;
    Ok(adopted)
}

/// The same for all payments, by session and by intent: the net below [`adopt`].
pub async fn adopt_all(db: &Db) -> Result<usize> {
    let mut connection = db.system().await?;
    let adopted = statement!(
        "WITH found AS (
           UPDATE provider_events e SET tenant_id = p.tenant_id, state = 'received' FROM payments p
           WHERE e.tenant_id IS NULL AND e.state = 'ignored' AND e.received_at > now() - interval '3 days'
             AND p.account = e.account AND p.livemode = e.livemode
             AND (p.session_id = e.object_id OR p.payment_intent = e.payload ->> 'payment_intent')
           RETURNING e.id, e.tenant_id)
         INSERT INTO jobs (tenant_id, kind, subject_id, run_at)
         SELECT tenant_id, 'provider_event', id, now() FROM found
         ON CONFLICT (tenant_id, kind, subject_id) DO NOTHING"
    )
    .execute(&mut *connection)
    .await?;
    Ok(adopted)
}

pub async fn get(tx: &mut Tx, id: Uuid) -> Result<EventRow> {
    provider_events::table
        .filter(provider_events::tenant_id.eq(tx.tenant()).and(provider_events::id.eq(id)))
        .select(EventRow::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("provider event")
}

/// `done`, `ignored` or `parked`, with a note for whoever looks. Nothing is left of its job.
pub async fn close(tx: &mut Tx, id: Uuid, state: &str, note: &str) -> Result<()> {
    statement!(
        "WITH closed AS (
           UPDATE provider_events SET state = ?, note = ?, done_at = now() WHERE id = ? AND tenant_id = ?)
         DELETE FROM jobs WHERE tenant_id = ? AND kind = 'provider_event' AND subject_id = ?",
        state,
        note.chars().take(500).collect::<String>(),
        id,
        tx.tenant(),
        tx.tenant(),
        id,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The payment with this session, or with this intent, at an account.
pub async fn payment_of(
    tx: &mut Tx,
    account: &str,
    session_id: Option<&str>,
    payment_intent: Option<&str>,
) -> Result<Option<PaymentRow>> {
    let mut query = payments::table
        .filter(payments::tenant_id.eq(tx.tenant()).and(payments::account.eq(account.to_owned())))
        .select(PaymentRow::as_select())
        .into_boxed();
    query = match (session_id, payment_intent) {
        (Some(session), _) => query.filter(payments::session_id.eq(session.to_owned())),
        (None, Some(intent)) => query.filter(payments::payment_intent.eq(intent.to_owned())),
        (None, None) => return Ok(None),
    };
    Ok(query.first(&mut **tx).await.optional()?)
}

/// The accounts that payments of ours were made at, and when the last event of each was made by the provider.
pub async fn accounts(db: &Db) -> Result<Vec<(String, Option<DateTime<Utc>>)>> {
    let mut connection = db.system().await?;
    let accounts: Vec<String> = payments::table
        .filter(payments::session_id.is_not_null())
        .select(payments::account)
        .distinct()
        .load(&mut *connection)
        .await?;
    let mut seen = Vec::new();
    for account in accounts {
        let last: Option<DateTime<Utc>> = provider_events::table
            .filter(provider_events::account.eq(&account))
            .select(diesel::dsl::max(provider_events::provider_created_at))
            .first(&mut *connection)
            .await?;
        seen.push((account, last));
    }
    Ok(seen)
}
