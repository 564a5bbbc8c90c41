//! The seats of an event: which are blocked, and under which category each is sold.

use std::collections::HashSet;

use diesel::{
    prelude::*,
    sql_types::{Array, Integer, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use eventflow_core::{ErrorCode, Id, Refusal, id};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::Tx,
    error::{Error, Result},
    events::{self, Event, View},
    schema::{seat_blocks, seat_claims, seats},
    seat_maps,
};

/// Seats in one change: a block of a stadium.
pub const SEATS_PER_CHANGE_MAX: usize = 5_000;
/// Seats named in one refusal.
const OBJECTS_MAX: usize = 100;

/// A seat of an event, for people who choose or print it.
#[derive(Debug, QueryableByName)]
pub struct Seat {
    #[diesel(sql_type = Integer)]
    pub seat_index: i32,
    #[diesel(sql_type = Text)]
    pub label: String,
    #[diesel(sql_type = Text)]
    pub section_key: String,
    #[diesel(sql_type = Text)]
    pub section_name: String,
    #[diesel(sql_type = Text)]
    pub row_label: String,
    #[diesel(sql_type = Text)]
    pub number: String,
    /// The category that the event sells it under.
    #[diesel(sql_type = Text)]
    pub category: String,
    /// Bits of `eventflow_core::seat_map::Traits`.
    #[diesel(sql_type = Integer)]
    pub traits: i32,
}

/// Seats by dense index, by technical label, or both.
#[derive(Debug, Default)]
pub struct Selection {
    pub indexes: Vec<i32>,
    pub labels: Vec<String>,
}

#[derive(Debug)]
pub enum Action {
    /// Takes seats out of the sale.
    Block { reason: String },
    /// Puts blocked seats back on sale.
    Unblock,
    /// Sells seats under another category of the map.
    ReTier { category: String },
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = seats)]
struct Selected {
    seat_index: i32,
    label: String,
    category: String,
}

/// Seats in index order, after the index `after`.
pub async fn list(
    tx: &mut Tx,
    event: Id<id::Event>,
    view: View,
    section: Option<&str>,
    after: Option<i32>,
    limit: i64,
) -> Result<Vec<Seat>> {
    let event = events::get(tx, event, view).await?;
    let version = events::newest_version(tx, &event).await?;
    let seats = diesel::sql_query(
        "SELECT s.seat_index, s.label, c.key AS section_key, c.name AS section_name, r.label AS row_label, s.number,
           coalesce(o.category, s.category) AS category, s.traits
         FROM seats s
         JOIN rows r ON (r.tenant_id, r.seat_map_id, r.version, r.row_index) = (s.tenant_id, s.seat_map_id, s.version, s.row_index)
         JOIN sections c ON (c.tenant_id, c.seat_map_id, c.version, c.section_index) = (r.tenant_id, r.seat_map_id, r.version, r.section_index)
         LEFT JOIN seat_categories o ON o.tenant_id = s.tenant_id AND o.event_id = $4 AND o.seat_index = s.seat_index
         WHERE s.tenant_id = $1 AND s.seat_map_id = $2 AND s.version = $3 AND s.seat_index > $5
           AND ($6::text IS NULL OR c.key = $6)
         ORDER BY s.seat_index LIMIT $7",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(event.seat_map_id)
    .bind::<Integer, _>(version)
    .bind::<SqlUuid, _>(event.id)
    .bind::<Integer, _>(after.unwrap_or(-1))
    .bind::<Nullable<Text>, _>(section)
    .bind::<diesel::sql_types::BigInt, _>(limit)
    .load(&mut **tx)
    .await?;
    Ok(seats)
}

/// Changes all of the seats or, when one of them is unknown or taken, none. Returns how many were not so before.
///
/// The event is locked against new orders meanwhile: no claim comes between the look at the claims and the change. A
/// live hold does not stop the change; it fails at checkout.
pub async fn update(
    tx: &mut Tx,
    event: Id<id::Event>,
    selection: Selection,
    action: Action,
) -> Result<usize> {
    check_count(&selection)?;
    let row = events::lock(tx, event).await?;
    if row.state != events::PUBLISHED {
        let detail = "Publish the event first: only then it is settled which version of the seat map it sells. Its \
                      sale can start later.";
        let cancelled = "The event is cancelled: its seats are not sold any more.";
        let detail = if row.state == events::CANCELLED { cancelled } else { detail };
        return Err(Error::refused(ErrorCode::Conflict, detail));
    }
    let seats = find(tx, &row, &selection).await?;
    let (name, changed) = match &action {
        Action::Block { reason } => {
            refuse_taken(tx, row.id, &seats).await?;
            ("blocked", block(tx, row.id, &seats, reason).await?)
        }
        Action::Unblock => ("unblocked", unblock(tx, row.id, &seats).await?),
        Action::ReTier { category } => {
            refuse_taken(tx, row.id, &seats).await?;
            ("re_tiered", re_tier(tx, &row, &seats, category).await?)
        }
    };
    if changed.is_empty() {
        return Ok(0);
    }
    // The mirror hears of seats that changed, no others: a seat that was never blocked is not free for being unblocked.
    match &action {
        Action::Block { .. } => announce(tx, event, &changed, "blocked").await?,
        Action::Unblock => announce(tx, event, &changed, "free").await?,
        Action::ReTier { .. } => events::touch(tx, event).await?,
    }
    audit_log::record(tx, "seats.update", event, json!({ name: changed.len() })).await?;
    Ok(changed.len())
}

async fn announce(tx: &mut Tx, event: Id<id::Event>, seats: &[i32], status: &str) -> Result<()> {
    events::announce(tx, event, "seats.changed", json!({ "seats": seats, "status": status })).await
}

fn check_count(selection: &Selection) -> std::result::Result<(), Refusal> {
    let count = selection.indexes.len() + selection.labels.len();
    if (1..=SEATS_PER_CHANGE_MAX).contains(&count) {
        return Ok(());
    }
    let detail =
        format!("Name 1 to {SEATS_PER_CHANGE_MAX} seats, by index in `seats` or by label in `labels`.");
    Err(Refusal::invalid("seats", detail))
}

async fn find(tx: &mut Tx, event: &Event, selection: &Selection) -> Result<Vec<Selected>> {
    let of_map = seats::tenant_id
        .eq(tx.tenant())
        .and(seats::seat_map_id.eq(event.seat_map_id))
        .and(seats::version.eq(event.seat_map_version));
    let mut found: Vec<Selected> = seats::table
        .filter(of_map)
        .filter(seats::seat_index.eq_any(&selection.indexes))
        .select(Selected::as_select())
        .load(&mut **tx)
        .await?;
    let by_label: Vec<Selected> = seats::table
        .filter(of_map)
        .filter(seats::label.eq_any(&selection.labels))
        .select(Selected::as_select())
        .load(&mut **tx)
        .await?;
    let unknown = unknown(selection, &found, &by_label);
    if !unknown.is_empty() {
        let detail = "The seat map of the event does not have these seats.";
        return Err(Refusal::new(ErrorCode::UnknownSeat, detail).param("seats").objects(unknown).into());
    }
    found.extend(by_label);
    found.sort_unstable_by_key(|seat| seat.seat_index);
    found.dedup_by_key(|seat| seat.seat_index);
    Ok(found)
}

/// What was asked for and not found, as it was written.
fn unknown(selection: &Selection, by_index: &[Selected], by_label: &[Selected]) -> Vec<String> {
    let indexes: HashSet<i32> = by_index.iter().map(|seat| seat.seat_index).collect();
    let labels: HashSet<&str> = by_label.iter().map(|seat| seat.label.as_str()).collect();
    let no_index = selection.indexes.iter().filter(|index| !indexes.contains(index)).map(ToString::to_string);
    let no_label = selection.labels.iter().filter(|label| !labels.contains(label.as_str())).cloned();
    no_index.chain(no_label).take(OBJECTS_MAX).collect()
}

async fn refuse_taken(tx: &mut Tx, event: Uuid, seats: &[Selected]) -> Result<()> {
    let taken: HashSet<i32> = seat_claims::table
        .filter(seat_claims::tenant_id.eq(tx.tenant()).and(seat_claims::event_id.eq(event)))
        .filter(seat_claims::seat_index.eq_any(indexes(seats)))
        .filter(seat_claims::state.eq_any(["reserved", "sold"]))
        .select(seat_claims::seat_index)
        .load(&mut **tx)
        .await?
        .into_iter()
        .collect();
    if taken.is_empty() {
        return Ok(());
    }
    let labels = seats.iter().filter(|seat| taken.contains(&seat.seat_index)).map(|seat| seat.label.clone());
    let detail = format!("{} of the seats are reserved or sold; nothing was changed.", taken.len());
    Err(Refusal::new(ErrorCode::SeatsTaken, detail).objects(labels.take(OBJECTS_MAX).collect()).into())
}

#[derive(QueryableByName)]
struct Changed {
    #[diesel(sql_type = Integer)]
    seat_index: i32,
}

async fn block(tx: &mut Tx, event: Uuid, seats: &[Selected], reason: &str) -> Result<Vec<i32>> {
    let changed: Vec<Changed> = diesel::sql_query(
        "INSERT INTO seat_blocks (tenant_id, event_id, seat_index, reason)
         SELECT $1, $2, seat_index, $4 FROM unnest($3::int[]) AS seat_index
         ON CONFLICT (tenant_id, event_id, seat_index) DO UPDATE SET reason = excluded.reason
           WHERE seat_blocks.reason <> excluded.reason
         RETURNING seat_index",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(event)
    .bind::<Array<Integer>, _>(indexes(seats))
    .bind::<Text, _>(reason)
    .load(&mut **tx)
    .await?;
    Ok(changed.into_iter().map(|seat| seat.seat_index).collect())
}

async fn unblock(tx: &mut Tx, event: Uuid, seats: &[Selected]) -> Result<Vec<i32>> {
    let blocks = seat_blocks::table
        .filter(seat_blocks::tenant_id.eq(tx.tenant()).and(seat_blocks::event_id.eq(event)))
        .filter(seat_blocks::seat_index.eq_any(indexes(seats)));
    Ok(diesel::delete(blocks).returning(seat_blocks::seat_index).load(&mut **tx).await?)
}

async fn re_tier(tx: &mut Tx, event: &Event, seats: &[Selected], category: &str) -> Result<Vec<i32>> {
    let outline = seat_maps::outline(tx, event.seat_map_id, event.seat_map_version).await?;
    if !outline.categories.iter().any(|known| known.key == category) {
        let detail = "The seat map of the event has no category with this key.";
        return Err(Refusal::invalid("category", detail).into());
    }
    // A seat under the category of the map needs no row.
    let (back, other): (Vec<_>, Vec<_>) = seats.iter().cloned().partition(|seat| seat.category == category);
    let changed: Vec<Changed> = diesel::sql_query(
        "WITH back AS (
           DELETE FROM seat_categories WHERE tenant_id = $1 AND event_id = $2 AND seat_index = ANY($3::int[])
           RETURNING seat_index
         ), other AS (
           INSERT INTO seat_categories (tenant_id, event_id, seat_index, category)
           SELECT $1, $2, seat_index, $5 FROM unnest($4::int[]) AS seat_index
           ON CONFLICT (tenant_id, event_id, seat_index) DO UPDATE SET category = excluded.category
             WHERE seat_categories.category <> excluded.category
           RETURNING seat_index
         )
         SELECT seat_index FROM back UNION ALL SELECT seat_index FROM other",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(event.id)
    .bind::<Array<Integer>, _>(indexes(&back))
    .bind::<Array<Integer>, _>(indexes(&other))
    .bind::<Text, _>(category)
    .load(&mut **tx)
    .await?;
    Ok(changed.into_iter().map(|seat| seat.seat_index).collect())
}

fn indexes(seats: &[Selected]) -> Vec<i32> {
    seats.iter().map(|seat| seat.seat_index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_seats_are_named_as_they_were_written() {
        let found =
            |seat_index, label: &str| Selected { seat_index, label: label.into(), category: "a".into() };
        let selection = Selection { indexes: vec![3, 9], labels: vec!["P-1-1".into(), "P-9-9".into()] };
        let missing = unknown(&selection, &[found(3, "P-1-4")], &[found(0, "P-1-1")]);
        assert_eq!(missing, ["9", "P-9-9"]);
    }

    #[test]
    fn a_change_names_at_least_one_seat_and_not_too_many() {
        let count = |seats: usize, labels: usize| {
            check_count(&Selection { indexes: vec![0; seats], labels: vec![String::new(); labels] }).is_ok()
        };
        assert!(count(1, 0) && count(0, 1) && count(SEATS_PER_CHANGE_MAX - 1, 1));
        assert!(!count(0, 0) && !count(SEATS_PER_CHANGE_MAX, 1));
    }
}
