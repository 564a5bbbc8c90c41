//! Provider events: the inbox of webhooks and its audit. An event is stored once and worked on by a job; whom it
//! concerns is read from our own payments, never from what the event says about itself.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{Db, Tx, new_uuid},
    error::{Error, OrNotFound, Result},
    failpoints,
    mutants::{self, Mutant},
    orders::PaymentRow,
    schema::{jobs, payments, provider_events},
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

/// Stores an event whose signature was verified, with the job that works on it.
pub async fn receive(db: &Db, event: &NewEvent) -> Result<Received> {
    let mut connection = db.system().await?;
    let received = connection
        .transaction::<_, Error, _>(async |connection| {
            let tenant = tenant_of(connection, event).await?;
            let id = new_uuid();
            let stored = diesel::insert_into(provider_events::table)
                .values((
                    provider_events::id.eq(id),
                    provider_events::tenant_id.eq(tenant),
                    provider_events::provider.eq(event.provider),
                    provider_events::account.eq(&event.account),
                    provider_events::provider_event_id.eq(&event.provider_event_id),
                    provider_events::kind.eq(&event.kind),
                    provider_events::object_id.eq(&event.object_id),
                    provider_events::livemode.eq(event.livemode),
                    provider_events::provider_created_at.eq(event.created_at),
                    provider_events::payload.eq(&event.payload),
                    provider_events::state.eq(if tenant.is_some() { "received" } else { "ignored" }),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
                .await?;
            if stored == 0 {
                return Ok(Received::Duplicate);
            }
            let Some(tenant) = tenant else { return Ok(Received::Foreign) };
            diesel::insert_into(jobs::table)
                .values((
                    jobs::tenant_id.eq(tenant),
                    jobs::kind.eq("provider_event"),
                    jobs::subject_id.eq(id),
                    jobs::run_at.eq(diesel::dsl::now),
                ))
                .execute(connection)
                .await?;
            failpoints::pass("before an event is stored");
            Ok(Received::New)
        })
        .await?;
    // One that was known has done nothing.
    if received != Received::Duplicate {
        failpoints::pass("after an event is stored");
    }
    Ok(received)
}

/// Events that came before we knew the session or intent that they are about, and were taken for somebody else's: now
/// they are worked on. Those of one payment intent, as soon as it is known.
pub async fn adopt(db: &Db, account: &str, payment_intent: &str) -> Result<usize> {
    adopt_where(db, Some((account, payment_intent))).await
}

/// The same for all payments: the net below [`adopt`].
pub async fn adopt_all(db: &Db) -> Result<usize> {
    adopt_where(db, None).await
}

async fn adopt_where(db: &Db, only: Option<(&str, &str)>) -> Result<usize> {
    let mut connection = db.system().await?;
    let adopted = statement!(
        "WITH found AS (
           UPDATE provider_events e SET tenant_id = p.tenant_id, state = 'received' FROM payments p
           WHERE e.tenant_id IS NULL AND e.state = 'ignored' AND e.received_at > now() - interval '3 days'
             AND p.account = e.account AND p.livemode = e.livemode
             AND (p.session_id = e.object_id OR p.payment_intent = e.payload ->> 'payment_intent')
             AND (?::text IS NULL OR (p.account = ? AND p.payment_intent = ?))
           RETURNING e.id, e.tenant_id)
         INSERT INTO jobs (tenant_id, kind, subject_id, run_at)
         SELECT tenant_id, 'provider_event', id, now() FROM found
         ON CONFLICT (tenant_id, kind, subject_id) DO NOTHING",
        only.map(|(account, _)| account.to_owned()),
        only.map_or("", |(account, _)| account),
        only.map_or("", |(_, intent)| intent),
    )
    .execute(&mut *connection)
    .await?;
    Ok(adopted)
}

/// The tenant whose payment has this session or intent at this account and in this mode.
async fn tenant_of(connection: &mut AsyncPgConnection, event: &NewEvent) -> Result<Option<Uuid>> {
    if mutants::is(Mutant::AnyAccount) {
        let any =
            payments::table.select(payments::tenant_id).filter(payments::session_id.eq(&event.object_id));
        return Ok(any.first(connection).await.optional()?);
    }
    let ours = payments::table
        .filter(payments::account.eq(&event.account).and(payments::livemode.eq(event.livemode)))
        .select(payments::tenant_id);
    let by_session =
        ours.filter(payments::session_id.eq(&event.object_id)).first::<Uuid>(connection).await.optional()?;
    if by_session.is_some() {
        return Ok(by_session);
    }
    let Some(intent) = &event.payment_intent else { return Ok(None) };
    Ok(ours.filter(payments::payment_intent.eq(intent)).first(connection).await.optional()?)
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

/// `done`, `ignored` or `parked`, with a note for whoever looks.
pub async fn close(tx: &mut Tx, id: Uuid, state: &str, note: &str) -> Result<()> {
    diesel::update(provider_events::table.filter(provider_events::id.eq(id)))
        .filter(provider_events::tenant_id.eq(tx.tenant()))
        .set((
            provider_events::state.eq(state),
            provider_events::note.eq(note.chars().take(500).collect::<String>()),
            provider_events::done_at.eq(diesel::dsl::now),
        ))
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
