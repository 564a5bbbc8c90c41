//! The organizer's limits on what plugins do to the prices of an event.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{Id, id};
use serde_json::json;

use crate::{
    audit_log,
    db::Tx,
    error::Result,
    events::{self, View},
    schema::price_limits,
};

/// The least that a ticket costs unless the event says otherwise, in basis points of its price: nothing.
pub const FLOOR_BPS_DEFAULT: i32 = 0;
/// The most: twice its price.
pub const CAP_BPS_DEFAULT: i32 = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = price_limits)]
pub struct PriceLimits {
    pub floor_bps: i32,
    pub cap_bps: i32,
    pub discount_max_minor: Option<i64>,
}

impl Default for PriceLimits {
    fn default() -> Self {
        Self { floor_bps: FLOOR_BPS_DEFAULT, cap_bps: CAP_BPS_DEFAULT, discount_max_minor: None }
    }
}

pub async fn get(tx: &mut Tx, event: Id<id::Event>) -> Result<PriceLimits> {
    events::get(tx, event, View::Organizer).await?;
    of(tx, event).await
}

pub(crate) async fn of(tx: &mut Tx, event: Id<id::Event>) -> Result<PriceLimits> {
    let limits = price_limits::table.find((tx.tenant(), event.uuid())).select(PriceLimits::as_select());
    Ok(limits.first(&mut **tx).await.optional()?.unwrap_or_default())
}

pub async fn put(tx: &mut Tx, event: Id<id::Event>, limits: PriceLimits) -> Result<PriceLimits> {
    events::get(tx, event, View::Organizer).await?;
    let now: DateTime<Utc> = Utc::now();
    let values = (
        price_limits::floor_bps.eq(limits.floor_bps),
        price_limits::cap_bps.eq(limits.cap_bps),
        price_limits::discount_max_minor.eq(limits.discount_max_minor),
        price_limits::updated_at.eq(now),
    );
    // Nothing given is no limit, and clears the one that was there.
    diesel::insert_into(price_limits::table)
        .values((price_limits::tenant_id.eq(tx.tenant()), price_limits::event_id.eq(event.uuid()), values))
        .on_conflict((price_limits::tenant_id, price_limits::event_id))
        .do_update()
        .set((
            price_limits::floor_bps.eq(limits.floor_bps),
            price_limits::cap_bps.eq(limits.cap_bps),
            price_limits::discount_max_minor.eq(limits.discount_max_minor),
            price_limits::updated_at.eq(now),
        ))
        .execute(&mut **tx)
        .await?;
    // A price that was worked out before is worked out once more.
    events::touch(tx, event).await?;
    let detail = json!({
        "floor_bps": limits.floor_bps, "cap_bps": limits.cap_bps, "discount_max_minor": limits.discount_max_minor,
    });
    audit_log::record(tx, "price_limits.update", event, detail).await?;
    Ok(limits)
}
