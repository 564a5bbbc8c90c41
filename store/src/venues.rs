//! Venues: where events take place.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{Id, id};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{OrNotFound, Result},
    schema::venues,
};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = venues)]
pub struct Venue {
    pub id: Uuid,
    pub name: String,
    pub street: String,
    pub postal_code: String,
    pub city: String,
    pub country: String,
    pub time_zone: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = venues)]
pub struct NewVenue {
    pub name: String,
    pub street: String,
    pub postal_code: String,
    pub city: String,
    pub country: String,
    pub time_zone: String,
}

/// The fields to change; `None` leaves a field as it is.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = venues)]
pub struct VenueChange {
    pub name: Option<String>,
    pub street: Option<String>,
    pub postal_code: Option<String>,
    pub city: Option<String>,
    pub country: Option<String>,
    pub time_zone: Option<String>,
}

pub async fn create(tx: &mut Tx, new: NewVenue) -> Result<Venue> {
    let id = new_uuid();
    let venue = diesel::insert_into(venues::table)
        .values((venues::tenant_id.eq(tx.tenant()), venues::id.eq(id), new))
        .returning(Venue::as_returning())
        .get_result(&mut **tx)
        .await?;
    audit_log::record(tx, "venues.create", Id::<id::Venue>::from(id), json!({ "name": venue.name })).await?;
    Ok(venue)
}

pub async fn get(tx: &mut Tx, id: Id<id::Venue>) -> Result<Venue> {
    venues::table
        .find((tx.tenant(), id.uuid()))
        .select(Venue::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("venue")
}

pub async fn list(tx: &mut Tx, limit: i64, after: Option<Uuid>) -> Result<Vec<Venue>> {
    let mut query = venues::table
        .filter(venues::tenant_id.eq(tx.tenant()))
        .order(venues::id)
        .limit(limit)
        .select(Venue::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(venues::id.gt(after));
    }
    Ok(query.load(&mut **tx).await?)
}

pub async fn update(tx: &mut Tx, id: Id<id::Venue>, change: VenueChange) -> Result<Venue> {
    let venue = diesel::update(venues::table.find((tx.tenant(), id.uuid())))
        .set((change, venues::updated_at.eq(diesel::dsl::now)))
        .returning(Venue::as_returning())
        .get_result(&mut **tx)
        .await
        .optional()
        .or_not_found("venue")?;
    audit_log::record(tx, "venues.update", id, json!({})).await?;
    Ok(venue)
}
