//! A published event takes over a newer version of its seat map.
//!
//! Claims, blocks, holds and the memory of every server speak of places by their index. A move therefore never changes an
//! index: seats and areas may be added behind the last ones, renamed, drawn elsewhere, given another category or other
//! traits, but each of the old ones keeps its position in the document. And what somebody has, or holds at this moment, keeps
//! its label, row and number, and its area or table stays for sale in the same amounts. Everything else is refused.

use std::collections::HashMap;

use diesel::{
    prelude::*,
    sql_types::{Array, Bool, Integer, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, Refusal, id,
    seat_map::{
        Layout, SeatIndex,
        versions::{self, VersionDiff},
    },
};
use serde_json::json;

use super::{Event, PUBLISHED, active_tiers, announce, get, in_words, is_for_one_party, lock};
use crate::{
    audit_log,
    db::Tx,
    error::{Error, Result},
    schema::{events, ga_pools, seat_blocks, seat_categories, seat_claims},
    seat_maps,
};

/// Objects named in one refusal.
const OBJECTS_MAX: usize = 100;

/// From one version of the event's map to a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub seat_map: uuid::Uuid,
    pub from: i32,
    pub to: i32,
}

/// The step that an event would take: to `version`, or to the newest one. `from` and `to` are the same when there is
/// nothing to do.
pub async fn step(tx: &mut Tx, id: Id<id::Event>, version: Option<i32>) -> Result<Step> {
    let event = get(tx, id, super::View::Organizer).await?;
    check_state(&event)?;
    let newest = seat_maps::meant(tx, event.seat_map_id.into(), None).await?;
    let to = version.unwrap_or(newest);
    if to > newest {
        return Err(Refusal::not_found("version of the event's seat map").into());
    }
    if to < event.seat_map_version {
        let detail =
            format!("The event sells version {} already; it never goes back.", event.seat_map_version);
        return Err(Refusal::new(ErrorCode::Conflict, detail).param("version").into());
    }
    Ok(Step { seat_map: event.seat_map_id, from: event.seat_map_version, to })
}

/// Seats and areas of the older version whose index is another one in the newer version, or that are gone: their labels
/// and keys.
pub fn moved_places(diff: &VersionDiff, older: &Layout, newer: &Layout) -> Vec<String> {
    let seats = older.seats().iter().zip(&diff.successors);
    let seats = seats
        .filter(|(seat, successor)| **successor != Some(seat.index))
        .map(|(seat, _)| older.label(seat.index).to_owned());
    let areas = older
        .ga_areas()
        .iter()
        .enumerate()
        .filter(|(at, area)| newer.ga_areas().get(*at).is_none_or(|now| now.key != area.key));
    seats.chain(areas.map(|(_, area)| area.key.clone())).collect()
}

/// Takes the step. `is_held` says of a seat whether somebody holds it at this moment; what is claimed, sold and blocked is
/// looked up here, behind the lock that keeps new claims waiting.
pub async fn move_to(
    tx: &mut Tx,
    id: Id<id::Event>,
    step: Step,
    (older, newer): (&Layout, &Layout),
    diff: &VersionDiff,
    is_held: impl Fn(SeatIndex) -> bool,
) -> Result<Event> {
    let event = lock(tx, id).await?;
    check_state(&event)?;
    if event.seat_map_version == step.to {
        return Ok(event);
    }
    if event.seat_map_version != step.from {
        let detail = "Somebody else has moved the event meanwhile. Try again.";
        return Err(Refusal::new(ErrorCode::Conflict, detail).into());
    }
    check_indexes(diff, older, newer)?;
    check_occupied(tx, &event, older, diff, is_held).await?;
    check_tiers(tx, &event, newer).await?;
    resize_pools(tx, &event, newer).await?;
    let capacities: Vec<_> = newer.ga_areas().iter().map(|area| (area.index, area.capacity)).collect();
    let one_party = newer.ga_areas().iter().filter(|area| is_for_one_party(area.occupancy));
    let one_party: Vec<_> = one_party.map(|area| area.index).collect();
    let payload = json!({ "version": step.to, "capacities": capacities, "one_party": one_party });
    announce(tx, id, "map.changed", payload).await?;
    let event = diesel::update(events::table.find((tx.tenant(), id.uuid())))
        .set(events::seat_map_version.eq(step.to))
        .returning(Event::as_returning())
        .get_result(&mut **tx)
        .await?;
    audit_log::record(tx, "events.move", id, json!({ "from": step.from, "to": step.to })).await?;
    Ok(event)
}

fn check_state(event: &Event) -> Result<(), Refusal> {
    if event.state == PUBLISHED {
        return Ok(());
    }
    let detail = format!(
        "Only a published event moves to a newer version; this one is {}. A draft takes the newest one when it is published.",
        in_words(&event.state)
    );
    Err(Refusal::new(ErrorCode::Conflict, detail))
}

fn check_indexes(diff: &VersionDiff, older: &Layout, newer: &Layout) -> Result<(), Refusal> {
    let mut moved = moved_places(diff, older, newer);
    if moved.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "{} places are gone or stand at another position in the order of the document. While an event is on sale, places can \
         only be added behind the last one: new seats in new sections at the end, new areas behind the others.",
        moved.len()
    );
    moved.truncate(OBJECTS_MAX);
    Err(Refusal::new(ErrorCode::SeatMapInUse, detail).objects(moved))
}

/// Who has a seat finds it again.
async fn check_occupied(
    tx: &mut Tx,
    event: &Event,
    older: &Layout,
    diff: &VersionDiff,
    is_held: impl Fn(SeatIndex) -> bool,
) -> Result<()> {
    let mut occupied = vec![false; older.seats().len()];
    let claimed = seat_claims::table
        .filter(seat_claims::tenant_id.eq(tx.tenant()).and(seat_claims::event_id.eq(event.id)))
        .filter(seat_claims::state.eq_any(["reserved", "sold"]))
        .select(seat_claims::seat_index)
        .load::<i32>(&mut **tx)
        .await?;
    let blocked = seat_blocks::table
        .filter(seat_blocks::tenant_id.eq(tx.tenant()).and(seat_blocks::event_id.eq(event.id)))
        .select(seat_blocks::seat_index)
        .load::<i32>(&mut **tx)
        .await?;
    let re_tiered = seat_categories::table
        .filter(seat_categories::tenant_id.eq(tx.tenant()).and(seat_categories::event_id.eq(event.id)))
        .select(seat_categories::seat_index)
        .load::<i32>(&mut **tx)
        .await?;
    for index in claimed.into_iter().chain(blocked).chain(re_tiered) {
        if let Some(slot) = usize::try_from(index).ok().and_then(|index| occupied.get_mut(index)) {
            *slot = true;
        }
    }
    let taken: HashMap<String, i32> = ga_pools::table
        .filter(ga_pools::tenant_id.eq(tx.tenant()).and(ga_pools::event_id.eq(event.id)))
        .order(ga_pools::area_index)
        .select((ga_pools::key, ga_pools::taken))
        .for_update()
        .load::<(String, i32)>(&mut **tx)
        .await?
        .into_iter()
        .collect();
    let is_occupied =
        |seat: SeatIndex| occupied.get(seat.position()).is_some_and(|taken| *taken) || is_held(seat);
    let in_area = |key: &str| taken.get(key).map_or(0, |taken| taken.unsigned_abs());
    let Err(refused) = versions::safe(diff, is_occupied, in_area) else { return Ok(()) };
    let seats = refused.seats.iter().map(|seat| seat.label.clone());
    let areas = refused.areas.iter().map(|(area, _)| area.key.clone());
    let detail = "Somebody has these places, holds them at this moment, or they are blocked: the newer version drops them, gives \
                  them other numbers, makes their area smaller than what is sold, or sells their area or table in other \
                  amounts.";
    let objects = seats.chain(areas).take(OBJECTS_MAX).collect();
    Err(Error::Refused(Refusal::new(ErrorCode::SeatMapInUse, detail).objects(objects)))
}

/// What is for sale stays for sale.
async fn check_tiers(tx: &mut Tx, event: &Event, newer: &Layout) -> Result<()> {
    let finds = |tier: &super::Tier| match (&tier.category, &tier.ga_area) {
        (Some(category), _) => newer.category_index(category).is_some(),
        (None, Some(area)) => newer.area_index(area).is_some(),
        (None, None) => false,
    };
    let tiers = active_tiers(tx, event.id).await?;
    let lost: Vec<String> = tiers.into_iter().filter(|tier| !finds(tier)).map(|tier| tier.name).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let detail = "These price tiers name a category or a standing area that the newer version does not have.";
    Err(Refusal::new(ErrorCode::SeatMapInUse, detail).objects(lost).into())
}

/// Areas keep what is taken of them, and get the capacity of the newer version; new areas get a pool.
async fn resize_pools(tx: &mut Tx, event: &Event, newer: &Layout) -> Result<()> {
    let areas = newer.ga_areas();
    let capacity = |capacity: u32| {
        i32::try_from(capacity)
            .map_err(|_| Error::Corrupt("the capacity of an area exceeds its limit".into()))
    };
    diesel::sql_query(
        "INSERT INTO ga_pools (tenant_id, event_id, area_index, key, name, capacity, single_party)
         SELECT $1, $2, * FROM unnest($3::int[], $4::text[], $5::text[], $6::int[], $7::bool[])
         ON CONFLICT (tenant_id, event_id, area_index)
         DO UPDATE SET name = excluded.name, capacity = excluded.capacity, single_party = excluded.single_party",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(event.id)
    .bind::<Array<Integer>, _>(areas.iter().map(|area| i32::from(area.index)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(areas.iter().map(|area| area.key.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(areas.iter().map(|area| area.name.as_str()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(areas.iter().map(|area| capacity(area.capacity)).collect::<Result<Vec<_>>>()?)
    .bind::<Array<Bool>, _>(areas.iter().map(|area| is_for_one_party(area.occupancy)).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
