//! Deliveries: an entry of the log on its way to an endpoint ([`sending`]). A sender leases an endpoint, not a delivery: there
//! is one at a time for each, so that one that hangs costs the others nothing, and what is about one object arrives in its order.

mod sending;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{ErrorCode, Id, Refusal, event_types::EventType, id};
use serde_json::{Value, json};
use uuid::Uuid;

pub use sending::{Attempt, Leased, Pace, Round, begin, lease, record, release};

use crate::{
    audit_log,
    db::{Db, Tx, new_uuid},
    error::{Error, OrNotFound, Result},
    events_log::{self, Entry},
    schema::{webhook_deliveries, webhook_endpoints},
    webhook_endpoints as endpoints,
};

pub const PENDING: &str = "pending";
pub const DELIVERED: &str = "delivered";
pub const FAILED: &str = "failed";

/// Entries of the log that one transaction turns into deliveries.
const ENTRIES_AT_ONCE: usize = 250;
/// Entries of one replay.
pub const REPLAY_MAX: usize = 10_000;
/// How long deliveries are kept that have ended.
pub const KEPT_DAYS: i64 = 30;
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries)]
pub struct Delivery {
    pub id: Uuid,
    pub endpoint_id: Uuid,
    pub entry_id: Uuid,
    pub event_type: String,
    pub resource_id: String,
    pub detail: Value,
    pub occurred_at: DateTime<Utc>,
    pub state: String,
    pub attempts: i32,
    pub next_attempt_at: DateTime<Utc>,
    pub attempted_at: Option<DateTime<Utc>>,
    pub status: Option<i32>,
    pub duration_ms: Option<i32>,
    pub response: String,
    pub last_error: String,
    pub created_at: DateTime<Utc>,
    /// Where the entry stands in the log.
    pub xact_id: i64,
}

impl Delivery {
    pub fn event_type(&self) -> Result<EventType> {
        self.event_type.parse().map_err(|_| Error::Corrupt(format!("event type `{}`", self.event_type)))
    }
}

async fn insert(tx: &mut Tx, endpoint: Uuid, entries: &[Entry]) -> Result<()> {
    let tenant = tx.tenant();
    for entries in entries.chunks(ENTRIES_AT_ONCE) {
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| {
                (
                    webhook_deliveries::tenant_id.eq(tenant),
                    webhook_deliveries::id.eq(new_uuid()),
                    webhook_deliveries::endpoint_id.eq(endpoint),
                    webhook_deliveries::entry_id.eq(entry.id),
                    webhook_deliveries::event_type.eq(entry.event_type.as_str()),
                    webhook_deliveries::resource_id.eq(&entry.resource_id),
                    webhook_deliveries::detail.eq(&entry.detail),
                    webhook_deliveries::occurred_at.eq(entry.at),
                    webhook_deliveries::xact_id.eq(entry.xact_id),
                )
            })
            .collect();
        diesel::insert_into(webhook_deliveries::table).values(rows).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Filters of a list of deliveries.
#[derive(Debug, Default)]
pub struct Filter {
    pub state: Option<&'static str>,
    pub event_type: Option<EventType>,
}

/// Deliveries of an endpoint, newest first.
pub async fn list(
    tx: &mut Tx,
    endpoint: Id<id::WebhookEndpoint>,
    filter: &Filter,
    limit: i64,
    before: Option<Uuid>,
) -> Result<Vec<Delivery>> {
    endpoints::get(tx, endpoint).await?;
    let mut query = webhook_deliveries::table
        .filter(webhook_deliveries::tenant_id.eq(tx.tenant()))
        .filter(webhook_deliveries::endpoint_id.eq(endpoint.uuid()))
        .order(webhook_deliveries::id.desc())
        .limit(limit)
        .select(Delivery::as_select())
        .into_boxed();
    if let Some(state) = filter.state {
        query = query.filter(webhook_deliveries::state.eq(state));
    }
    if let Some(event_type) = filter.event_type {
        query = query.filter(webhook_deliveries::event_type.eq(event_type.as_str()));
    }
    if let Some(before) = before {
        query = query.filter(webhook_deliveries::id.lt(before));
    }
    Ok(query.load(&mut **tx).await?)
}

pub async fn get(tx: &mut Tx, id: Id<id::WebhookDelivery>) -> Result<Delivery> {
    webhook_deliveries::table
        .find((tx.tenant(), id.uuid()))
        .select(Delivery::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("webhook delivery")
}

/// Sends a test to an endpoint: an entry that only this one gets.
pub async fn ping(tx: &mut Tx, endpoint: Id<id::WebhookEndpoint>) -> Result<Delivery> {
    endpoints::get(tx, endpoint).await?;
    audit_log::record(tx, "webhook_endpoints.ping", endpoint, json!({})).await?;
    let entry = Entry {
        // It is in no log.
        xact_id: 0,
        id: new_uuid(),
        event_type: EventType::WebhookEndpointPing,
        resource_id: endpoint.to_string(),
        detail: json!({}),
        at: Utc::now(),
    };
    add(tx, endpoint, &entry).await
}

/// Delivers an entry once more, whatever became of it before.
pub async fn replay(tx: &mut Tx, id: Id<id::WebhookDelivery>) -> Result<Delivery> {
    let earlier = get(tx, id).await?;
    if earlier.state == PENDING {
        let detail = "The delivery waits already; it is tried again by itself.";
        return Err(Error::refused(ErrorCode::Conflict, detail));
    }
    audit_log::record(tx, "webhook_deliveries.replay", id, json!({})).await?;
    let entry = Entry {
        xact_id: earlier.xact_id,
        id: earlier.entry_id,
        event_type: earlier.event_type()?,
        resource_id: earlier.resource_id,
        detail: earlier.detail,
        at: earlier.occurred_at,
    };
    add(tx, earlier.endpoint_id.into(), &entry).await
}

/// Delivers what happened between two moments once more; with `only_missing` only what the endpoint has not taken. Answers
/// how many entries that are.
pub async fn replay_between(
    tx: &mut Tx,
    endpoint: Id<id::WebhookEndpoint>,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    only_missing: bool,
) -> Result<usize> {
    let target =
        endpoints::lock(tx, endpoint.uuid()).await?.ok_or_else(|| Refusal::not_found("webhook endpoint"))?;
    // Postgres knows no older times.
    if !(1..=9999).contains(&since.year()) || !(1..=9999).contains(&until.year()) {
        return Err(Refusal::invalid("since", "Expected a time in the years 1 to 9999.").into());
    }
    let limit = i64::try_from(REPLAY_MAX).unwrap_or(i64::MAX).saturating_add(1);
    // What the endpoint has not come to yet is delivered anyway.
    let (mut entries, is_cut) = events_log::between(tx, (since, until), target.position(), limit).await?;
    // Entries of other types count too: what lies behind the last one that was read is not known.
    if is_cut {
        return Err(too_many());
    }
    entries.retain(|entry| {
        target.event_types.is_empty()
            || target.event_types.iter().any(|kind| kind == entry.event_type.as_str())
    });
    if only_missing {
        let taken = webhook_deliveries::table
            .filter(webhook_deliveries::tenant_id.eq(tx.tenant()))
            .filter(webhook_deliveries::endpoint_id.eq(target.id))
            .filter(webhook_deliveries::state.ne(FAILED));
        let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id).collect();
        let mut taken: Vec<Uuid> = taken
            .filter(webhook_deliveries::entry_id.eq_any(ids))
            .select(webhook_deliveries::entry_id)
            .load(&mut **tx)
            .await?;
        taken.sort_unstable();
        entries.retain(|entry| taken.binary_search(&entry.id).is_err());
    }
    if entries.len() > REPLAY_MAX {
        return Err(too_many());
    }
    check_waiting(tx, target.id, entries.len()).await?;
    insert(tx, target.id, &entries).await?;
    say_due(tx, target.id).await?;
    let detail =
        json!({ "since": since, "until": until, "only_missing": only_missing, "entries": entries.len() });
    audit_log::record(tx, "webhook_endpoints.replay", endpoint, detail).await?;
    Ok(entries.len())
}

fn too_many() -> Error {
    let detail =
        format!("More than {REPLAY_MAX} entries: ask for a shorter time, and for the rest afterwards.");
    Error::refused(ErrorCode::LimitReached, detail)
}

/// What is asked for once more has a limit in all, too: whoever looks for what is due looks through what waits.
async fn check_waiting(tx: &mut Tx, endpoint: Uuid, more: usize) -> Result<()> {
    let waiting: i64 = webhook_deliveries::table
        .filter(webhook_deliveries::tenant_id.eq(tx.tenant()))
        .filter(webhook_deliveries::endpoint_id.eq(endpoint))
        .filter(webhook_deliveries::state.eq(PENDING))
        .count()
        .get_result(&mut **tx)
        .await?;
    if usize::try_from(waiting).unwrap_or(usize::MAX).saturating_add(more) > REPLAY_MAX {
        let detail = format!(
            "{waiting} deliveries wait already, at most {REPLAY_MAX} can: ask again when they are done."
        );
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    Ok(())
}

async fn add(tx: &mut Tx, endpoint: Id<id::WebhookEndpoint>, entry: &Entry) -> Result<Delivery> {
    check_waiting(tx, endpoint.uuid(), 1).await?;
    insert(tx, endpoint.uuid(), std::slice::from_ref(entry)).await?;
    say_due(tx, endpoint.uuid()).await?;
    let delivery = webhook_deliveries::table
        .filter(webhook_deliveries::tenant_id.eq(tx.tenant()))
        .filter(webhook_deliveries::endpoint_id.eq(endpoint.uuid()))
        .filter(webhook_deliveries::entry_id.eq(entry.id))
        .order(webhook_deliveries::id.desc())
        .select(Delivery::as_select())
        .first(&mut **tx)
        .await?;
    Ok(delivery)
}

async fn say_due(tx: &mut Tx, endpoint: Uuid) -> Result<()> {
    diesel::update(webhook_endpoints::table.find((tx.tenant(), endpoint)))
        .set(webhook_endpoints::due_at.eq(diesel::dsl::now))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Forgets deliveries of all tenants that ended long ago.
pub async fn sweep(db: &Db) -> Result<usize> {
    let old = Utc::now() - TimeDelta::days(KEPT_DAYS);
    let mut connection = db.system().await?;
    let gone = diesel::delete(webhook_deliveries::table)
        .filter(webhook_deliveries::created_at.lt(old).and(webhook_deliveries::state.ne(PENDING)))
        .execute(&mut *connection)
        .await?;
    Ok(gone)
}
