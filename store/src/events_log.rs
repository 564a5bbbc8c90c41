//! The log of events: what happened, for those outside. It is read from the audit log and the scans, which are written with
//! their cause, so that nothing is written twice and nothing that happened can be missing.
//!
//! Numbers that are given before a transaction commits cannot be a cursor by themselves: a lower one may appear after a
//! higher one was read. The log therefore ends at the *horizon*, the oldest transaction that wrote an entry and still runs; what
//! stands before it is complete. Whoever only reads, or writes other things, holds nothing back (migration `log_numbers`).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{QueryableByName, prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use eventflow_core::{
    Id,
    event_types::{EventType, SCANS},
    id,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    check_ins::ScanRow,
    db::Tx,
    error::Result,
    schema::{audit_log, scans},
};

/// Rows looked at in one go: many of them may be none that is asked for.
const ROWS_AT_ONCE: usize = 500;
/// Rows looked at for one page, however few of them are asked for.
const ROWS_MAX: usize = 10_000;
/// Ids are made by the clocks of servers, which may be so far from that of Postgres, by which moments are.
const CLOCKS_APART_MAX: TimeDelta = TimeDelta::hours(2);

/// A place in the log: behind this row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    pub xact_id: i64,
    pub id: Uuid,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place in the log, with its id: the clocks of servers, which make ids, need not agree.
    pub xact_id: i64,
    pub id: Uuid,
    pub event_type: EventType,
    /// The id of what it is about.
    pub resource_id: String,
    /// More, by type; neither personal data nor secrets.
    pub detail: Value,
    pub at: DateTime<Utc>,
}

/// A part of the log.
#[derive(Debug)]
pub struct Part {
    /// In the order in which they happened.
    pub entries: Vec<Entry>,
    /// Where the next part begins.
    pub next: Position,
    /// Whether there is a next part already.
    pub has_more: bool,
}

/// The end of the log at this moment.
pub async fn end(tx: &mut Tx) -> Result<Position> {
    #[derive(QueryableByName)]
    struct Horizon {
        #[diesel(sql_type = sql_types::BigInt)]
        horizon: i64,
    }
    let row: Horizon = diesel::sql_query("SELECT log_horizon() AS horizon").get_result(&mut **tx).await?;
    Ok(Position { xact_id: row.horizon, id: Uuid::nil() })
}

/// Up to `limit` entries behind `from`; of these types only, or of all when there is none.
pub async fn read(tx: &mut Tx, from: Position, limit: usize, types: &[EventType]) -> Result<Part> {
    // Read first: what it hides at this moment may only be more than what the rows below show.
    let end = end(tx).await?;
    let mut part = Part { entries: Vec::new(), next: from, has_more: true };
    let mut looked_at = 0;
    while part.has_more && part.entries.len() < limit && looked_at < ROWS_MAX {
        let rows = rows(tx, part.next, end).await?;
        part.has_more = rows.len() == ROWS_AT_ONCE;
        looked_at += rows.len();
        for (position, entry) in rows {
            if part.entries.len() == limit {
                part.has_more = true;
                break;
            }
            part.next = position;
            part.entries.extend(entry.filter(|entry| types.is_empty() || types.contains(&entry.event_type)));
        }
    }
    if !part.has_more {
        part.next = part.next.max(end);
    }
    Ok(part)
}

/// Entries that happened between two moments, in their order; `limit` at most. Those that transactions write meanwhile
/// are not among them.
pub async fn between(
    tx: &mut Tx,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    before: Position,
    limit: i64,
) -> Result<(Vec<Entry>, bool)> {
    let first = id_at(since.checked_sub_signed(CLOCKS_APART_MAX).unwrap_or(since));
    let last = id_at(until.checked_add_signed(CLOCKS_APART_MAX).unwrap_or(until));
    let changes: Vec<(i64, Change)> = audit_log::table
        .filter(audit_log::tenant_id.eq(tx.tenant()))
        .filter(audit_log::id.ge(first).and(audit_log::id.lt(last)))
        .filter(audit_log::at.ge(since).and(audit_log::at.lt(until)))
        .filter(audit_log::xact_id.lt(before.xact_id))
        .order(audit_log::id)
        .limit(limit)
        .select((audit_log::xact_id.assume_not_null(), Change::as_select()))
        .load(&mut **tx)
        .await?;
    let scans: Vec<(i64, ScanRow)> = scans::table
        .filter(scans::tenant_id.eq(tx.tenant()))
        .filter(scans::id.ge(first).and(scans::id.lt(last)))
        .filter(scans::received_at.ge(since).and(scans::received_at.lt(until)))
        .filter(scans::xact_id.lt(before.xact_id))
        .order(scans::id)
        .limit(limit)
        .select((scans::xact_id.assume_not_null(), ScanRow::as_select()))
        .load(&mut **tx)
        .await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_cut = changes.len() >= limit || scans.len() >= limit;
    let mut entries: Vec<Entry> =
        changes.into_iter().filter_map(|(xact_id, row)| row.entry(xact_id)).collect();
    entries.extend(scans.into_iter().filter_map(|(xact_id, row)| scan(xact_id, row)));
    entries.sort_by_key(|entry| (entry.xact_id, entry.id));
    Ok((entries, is_cut))
}

/// The first id that may have been made in the millisecond of `at`.
fn id_at(at: DateTime<Utc>) -> Uuid {
    // Ids have 48 bits of it.
    let millis = u128::from(at.timestamp_millis().clamp(0, (1 << 48) - 1).unsigned_abs());
    Uuid::from_u128(millis << 80)
}

/// Rows between two places in the order of their transactions, [`ROWS_AT_ONCE`] at most.
async fn rows(tx: &mut Tx, from: Position, end: Position) -> Result<Vec<(Position, Option<Entry>)>> {
    let limit = i64::try_from(ROWS_AT_ONCE).unwrap_or(i64::MAX);
    let behind = audit_log::xact_id
        .gt(from.xact_id)
        .or(audit_log::xact_id.eq(from.xact_id).and(audit_log::id.gt(from.id)));
    let changes: Vec<(i64, Change)> = audit_log::table
        .filter(audit_log::tenant_id.eq(tx.tenant()))
        .filter(audit_log::xact_id.ge(from.xact_id).and(audit_log::xact_id.lt(end.xact_id)))
        .filter(behind)
        .order((audit_log::xact_id, audit_log::id))
        .limit(limit)
        .select((audit_log::xact_id.assume_not_null(), Change::as_select()))
        .load(&mut **tx)
        .await?;
    let behind =
        scans::xact_id.gt(from.xact_id).or(scans::xact_id.eq(from.xact_id).and(scans::id.gt(from.id)));
    let scans: Vec<(i64, ScanRow)> = scans::table
        .filter(scans::tenant_id.eq(tx.tenant()))
        .filter(scans::xact_id.ge(from.xact_id).and(scans::xact_id.lt(end.xact_id)))
        .filter(behind)
        .order((scans::xact_id, scans::id))
        .limit(limit)
        .select((scans::xact_id.assume_not_null(), ScanRow::as_select()))
        .load(&mut **tx)
        .await?;
    let mut rows: Vec<(Position, Option<Entry>)> = changes
        .into_iter()
        .map(|(xact_id, row)| (Position { xact_id, id: row.id }, row.entry(xact_id)))
        .chain(scans.into_iter().map(|(xact_id, row)| (Position { xact_id, id: row.id }, scan(xact_id, row))))
        .collect();
    rows.sort_by_key(|(position, _)| *position);
    // Each table gave its first ones, so that the first ones of both are complete.
    rows.truncate(ROWS_AT_ONCE);
    Ok(rows)
}

/// Changes whose `reason` is a text of somebody.
const WRITTEN: [&str; 3] = ["tickets.void", "events.cancel", "refunds.create"];

/// A row of the audit log, without who did it.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = audit_log)]
struct Change {
    id: Uuid,
    action: String,
    object_id: String,
    detail: Value,
    at: DateTime<Utc>,
}

impl Change {
    /// `None` for what is nobody else's business.
    fn entry(self, xact_id: i64) -> Option<Entry> {
        let word = |name: &str| self.detail[name].as_str().unwrap_or_default();
        let event_type = EventType::of(&self.action, word("from"), word("to"))?;
        let Self { id, action, object_id, mut detail, at } = self;
        // What staff wrote is about people as often as not.
        if let (true, Some(members)) = (WRITTEN.contains(&action.as_str()), detail.as_object_mut()) {
            members.remove("reason");
        }
        Some(Entry { xact_id, id, event_type, resource_id: object_id, detail, at })
    }
}

fn scan(xact_id: i64, row: ScanRow) -> Option<Entry> {
    Some(Entry {
        xact_id,
        id: row.id,
        event_type: EventType::of(SCANS, "", &row.outcome)?,
        resource_id: Id::<id::Scan>::from(row.id).to_string(),
        detail: json!({
            "check_in_list": Id::<id::CheckInList>::from(row.check_in_list_id),
            "ticket": row.ticket_id.map(Id::<id::Ticket>::from),
            "kind": row.kind,
            "reason": row.reason,
            "gate": row.gate,
            "entry_no": row.entry_no,
        }),
        at: row.received_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_moment_are_not_below_its_first_one() {
        let before = Utc::now();
        let id = Uuid::now_v7();
        let after = Utc::now() + chrono::TimeDelta::milliseconds(1);
        assert!(id_at(before) <= id && id < id_at(after), "{id}");
    }
}
