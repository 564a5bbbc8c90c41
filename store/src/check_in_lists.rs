//! Check-in lists: which ticket types of an event enter by which rules. Devices and scans belong to a list.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{ErrorCode, Id, Refusal, id};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, OnConstraint, OrNotFound, Result},
    schema::{check_in_lists, events, price_tiers},
};

/// Check-in lists of an event: one for every gate of a stadium.
pub const LISTS_MAX: i64 = 200;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = check_in_lists)]
pub struct CheckInList {
    pub id: Uuid,
    pub event_id: Uuid,
    pub name: String,
    /// Ticket types that may enter; empty means all.
    pub type_nos: Vec<i32>,
    pub re_entry: bool,
    pub zone_mask: i16,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug)]
pub struct NewCheckInList {
    pub event: Id<id::Event>,
    pub name: String,
    /// Price tiers of the event whose tickets may enter; empty means all.
    pub price_tiers: Vec<Uuid>,
    pub re_entry: bool,
    pub zone_mask: i16,
}

/// The fields to change; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct CheckInListChange {
    pub name: Option<String>,
    pub price_tiers: Option<Vec<Uuid>>,
    pub re_entry: Option<bool>,
    pub zone_mask: Option<i16>,
}

pub async fn create(tx: &mut Tx, new: NewCheckInList) -> Result<CheckInList> {
    // Locked, so that two requests together do not go beyond the limit.
    events::table
        .find((tx.tenant(), new.event.uuid()))
        .select(events::id)
        .for_no_key_update()
        .first::<Uuid>(&mut **tx)
        .await
        .optional()
        .or_not_found("event")?;
    let lists: i64 = check_in_lists::table
        .filter(check_in_lists::tenant_id.eq(tx.tenant()).and(check_in_lists::event_id.eq(new.event.uuid())))
        .count()
        .get_result(&mut **tx)
        .await?;
    if lists >= LISTS_MAX {
        let detail = format!("An event has at most {LISTS_MAX} check-in lists.");
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    let type_nos = type_nos(tx, new.event.uuid(), &new.price_tiers).await?;
    let id = new_uuid();
    let list = diesel::insert_into(check_in_lists::table)
        .values((
            check_in_lists::tenant_id.eq(tx.tenant()),
            check_in_lists::id.eq(id),
            check_in_lists::event_id.eq(new.event.uuid()),
            check_in_lists::name.eq(new.name),
            check_in_lists::type_nos.eq(type_nos),
            check_in_lists::re_entry.eq(new.re_entry),
            check_in_lists::zone_mask.eq(new.zone_mask),
        ))
        .returning(CheckInList::as_returning())
        .get_result(&mut **tx)
        .await
        .on_constraint("check_in_lists_event_id_name_key", name_taken)?;
    let detail = json!({ "name": list.name, "event": new.event });
    audit_log::record(tx, "check_in_lists.create", Id::<id::CheckInList>::from(id), detail).await?;
    Ok(list)
}

pub async fn get(tx: &mut Tx, id: Id<id::CheckInList>) -> Result<CheckInList> {
    check_in_lists::table
        .find((tx.tenant(), id.uuid()))
        .select(CheckInList::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("check-in list")
}

pub async fn list(
    tx: &mut Tx,
    event: Id<id::Event>,
    limit: i64,
    after: Option<Uuid>,
) -> Result<Vec<CheckInList>> {
    let known = events::table.find((tx.tenant(), event.uuid())).select(events::id);
    known.first::<Uuid>(&mut **tx).await.optional().or_not_found("event")?;
    let mut query = check_in_lists::table
        .filter(check_in_lists::tenant_id.eq(tx.tenant()).and(check_in_lists::event_id.eq(event.uuid())))
        .order(check_in_lists::id)
        .limit(limit)
        .select(CheckInList::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(check_in_lists::id.gt(after));
    }
    Ok(query.load(&mut **tx).await?)
}

pub async fn update(tx: &mut Tx, id: Id<id::CheckInList>, change: CheckInListChange) -> Result<CheckInList> {
    let before = get(tx, id).await?;
    let type_nos = match &change.price_tiers {
        Some(tiers) => Some(type_nos(tx, before.event_id, tiers).await?),
        None => None,
    };
    let list = diesel::update(check_in_lists::table.find((tx.tenant(), id.uuid())))
        .set((
            change.name.map(|name| check_in_lists::name.eq(name)),
            type_nos.map(|type_nos| check_in_lists::type_nos.eq(type_nos)),
            change.re_entry.map(|re_entry| check_in_lists::re_entry.eq(re_entry)),
            change.zone_mask.map(|mask| check_in_lists::zone_mask.eq(mask)),
            check_in_lists::updated_at.eq(diesel::dsl::now),
        ))
        .returning(CheckInList::as_returning())
        .get_result(&mut **tx)
        .await
        .on_constraint("check_in_lists_event_id_name_key", name_taken)?;
    audit_log::record(tx, "check_in_lists.update", id, json!({})).await?;
    Ok(list)
}

/// The numbers of these price tiers in tokens, in ascending order.
async fn type_nos(tx: &mut Tx, event: Uuid, tiers: &[Uuid]) -> Result<Vec<i32>> {
    if tiers.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<(Uuid, i32)> = price_tiers::table
        .filter(price_tiers::tenant_id.eq(tx.tenant()).and(price_tiers::event_id.eq(event)))
        .filter(price_tiers::id.eq_any(tiers))
        .order(price_tiers::type_no)
        .select((price_tiers::id, price_tiers::type_no))
        .load(&mut **tx)
        .await?;
    if let Some(at) = tiers.iter().position(|tier| !found.iter().any(|(id, _)| id == tier)) {
        let refusal =
            Refusal::new(ErrorCode::UnknownPriceTier, "The event of the list has no such price tier.");
        return Err(refusal.param(format!("price_tier_ids[{at}]")).into());
    }
    Ok(found.into_iter().map(|(_, type_no)| type_no).collect())
}

fn name_taken() -> Refusal {
    Refusal::new(ErrorCode::AlreadyExists, "The event has a check-in list with this name.").param("name")
}
