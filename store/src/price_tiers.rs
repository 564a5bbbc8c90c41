//! Price tiers: what a place of a category or of a standing area costs, with fee and tax.

use chrono::{DateTime, Utc};
use diesel::{
    dsl::{exists, max, select},
    prelude::*,
};
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, Refusal, id,
    money::AMOUNT_MAX,
    pricing::{PricingError, TicketPrice},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, OnConstraint, OrNotFound, Result},
    events::{self, Event, View},
    schema::{check_in_lists, order_items, orders, price_tiers},
    seat_maps,
};

/// Tiers of one event, inactive ones included: a page of the widget lists them all.
const TIERS_PER_EVENT_MAX: i64 = 500;
/// The ticket token has 16 bits for the number of the type.
const TYPE_NO_MAX: i32 = 65_535;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = price_tiers)]
pub struct PriceTier {
    pub id: Uuid,
    pub event_id: Uuid,
    pub type_no: i32,
    pub name: String,
    pub category: Option<String>,
    pub ga_area: Option<String>,
    pub price_minor: i64,
    pub fee_minor: i64,
    pub tax_rate_bps: i32,
    pub tax_inclusive: bool,
    pub active: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// The fewest and most tickets of the tier in one hold that has any; 0 for no limit.
    pub min_per_hold: i32,
    pub max_per_hold: i32,
    /// Sold only together with a ticket of a tier that is not accompanied.
    pub accompanied: bool,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = price_tiers)]
pub struct NewPriceTier {
    pub name: String,
    /// Exactly one of `category` and `ga_area`.
    pub category: Option<String>,
    pub ga_area: Option<String>,
    pub price_minor: i64,
    pub fee_minor: i64,
    pub tax_rate_bps: i32,
    pub tax_inclusive: bool,
    pub active: bool,
    pub min_per_hold: i32,
    pub max_per_hold: i32,
    pub accompanied: bool,
}

/// The fields to change; `None` leaves a field as it is.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = price_tiers)]
pub struct PriceTierChange {
    pub name: Option<String>,
    pub price_minor: Option<i64>,
    pub fee_minor: Option<i64>,
    pub tax_rate_bps: Option<i32>,
    pub tax_inclusive: Option<bool>,
    pub active: Option<bool>,
    pub min_per_hold: Option<i32>,
    pub max_per_hold: Option<i32>,
    pub accompanied: Option<bool>,
}

pub async fn create(tx: &mut Tx, event: Id<id::Event>, new: NewPriceTier) -> Result<PriceTier> {
    check_amounts(new.price_minor, new.fee_minor, new.tax_rate_bps, new.tax_inclusive)?;
    check_counts(new.min_per_hold, new.max_per_hold)?;
    // The lock gives every tier a number of its own.
    let row = lock_event(tx, event).await?;
    check_target(tx, &row, &new).await?;
    let of_event = price_tiers::tenant_id.eq(tx.tenant()).and(price_tiers::event_id.eq(event.uuid()));
    let (count, last): (i64, Option<i32>) = price_tiers::table
        .filter(of_event)
        .select((diesel::dsl::count_star(), max(price_tiers::type_no)))
        .first(&mut **tx)
        .await?;
    let type_no = last.unwrap_or(0) + 1;
    if count >= TIERS_PER_EVENT_MAX || type_no > TYPE_NO_MAX {
        let detail = format!("An event has at most {TIERS_PER_EVENT_MAX} price tiers.");
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    let tier = diesel::insert_into(price_tiers::table)
        .values((
            price_tiers::tenant_id.eq(tx.tenant()),
            price_tiers::id.eq(new_uuid()),
            price_tiers::event_id.eq(event.uuid()),
            price_tiers::type_no.eq(type_no),
            new,
        ))
        .returning(PriceTier::as_returning())
        .get_result(&mut **tx)
        .await
        .on_constraint("price_tiers_event_id_name_key", name_taken)?;
    events::touch(tx, event).await?;
    let detail = json!({ "event_id": event, "name": tier.name, "price_minor": tier.price_minor });
    audit_log::record(tx, "price_tiers.create", Id::<id::PriceTier>::from(tier.id), detail).await?;
    Ok(tier)
}

pub async fn list(
    tx: &mut Tx,
    event: Id<id::Event>,
    limit: i64,
    after: Option<Uuid>,
    view: View,
) -> Result<Vec<PriceTier>> {
    events::get(tx, event, view).await?;
    let mut query = price_tiers::table
        .filter(price_tiers::tenant_id.eq(tx.tenant()).and(price_tiers::event_id.eq(event.uuid())))
        .order(price_tiers::id)
        .limit(limit)
        .select(PriceTier::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(price_tiers::id.gt(after));
    }
    if view.is_public() {
        query = query.filter(price_tiers::active);
    }
    Ok(query.load(&mut **tx).await?)
}

pub async fn update(tx: &mut Tx, id: Id<id::PriceTier>, change: PriceTierChange) -> Result<PriceTier> {
    let tier = get(tx, id).await?;
    let event = Id::from(tier.event_id);
    lock_event(tx, event).await?;
    // Read again under the lock: two changes at once must not make an amount that neither of them checked.
    let tier = get(tx, id).await?;
    check_amounts(
        change.price_minor.unwrap_or(tier.price_minor),
        change.fee_minor.unwrap_or(tier.fee_minor),
        change.tax_rate_bps.unwrap_or(tier.tax_rate_bps),
        change.tax_inclusive.unwrap_or(tier.tax_inclusive),
    )?;
    check_counts(
        change.min_per_hold.unwrap_or(tier.min_per_hold),
        change.max_per_hold.unwrap_or(tier.max_per_hold),
    )?;
    let tier = diesel::update(price_tiers::table.find((tx.tenant(), id.uuid())))
        .set((change, price_tiers::updated_at.eq(diesel::dsl::now)))
        .returning(PriceTier::as_returning())
        .get_result(&mut **tx)
        .await
        .on_constraint("price_tiers_event_id_name_key", name_taken)?;
    events::touch(tx, event).await?;
    let detail =
        json!({ "price_minor": tier.price_minor, "fee_minor": tier.fee_minor, "active": tier.active });
    audit_log::record(tx, "price_tiers.update", id, detail).await?;
    Ok(tier)
}

/// Removes a tier that was never ordered and that no check-in list names: its number may be given out again.
pub async fn delete(tx: &mut Tx, id: Id<id::PriceTier>) -> Result<()> {
    let tier = get(tx, id).await?;
    let event = Id::from(tier.event_id);
    events::lock(tx, event).await?;
    if is_used(tx, &tier).await? {
        let detail = "Tickets of this price tier were ordered, or a check-in list names it. Set `active` to false \
                      instead: it is not sold any more then.";
        return Err(Error::refused(ErrorCode::Conflict, detail));
    }
    let gone = diesel::delete(price_tiers::table.find((tx.tenant(), id.uuid()))).execute(&mut **tx).await?;
    if gone == 0 {
        return Err(Refusal::not_found("price tier").into());
    }
    events::touch(tx, event).await?;
    audit_log::record(tx, "price_tiers.delete", id, json!({ "event_id": event, "name": tier.name })).await
}

async fn get(tx: &mut Tx, id: Id<id::PriceTier>) -> Result<PriceTier> {
    price_tiers::table
        .find((tx.tenant(), id.uuid()))
        .select(PriceTier::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("price tier")
}

/// The event of a tier that is to be made or changed, locked.
async fn lock_event(tx: &mut Tx, event: Id<id::Event>) -> Result<Event> {
    let row = events::lock(tx, event).await?;
    if row.state == events::CANCELLED {
        return Err(Error::refused(
            ErrorCode::Conflict,
            "The event is cancelled: its prices stay as they are.",
        ));
    }
    Ok(row)
}

/// The category or area has to be one of the map: of the version that is sold, or else of the newest one, or else of
/// the draft.
async fn check_target(tx: &mut Tx, event: &Event, new: &NewPriceTier) -> Result<()> {
    let version = events::newest_version(tx, event).await?;
    let outline = seat_maps::outline(tx, event.seat_map_id, version).await?;
    let (param, known) = match (&new.category, &new.ga_area) {
        (Some(key), None) => ("category", outline.categories.iter().any(|category| category.key == *key)),
        (None, Some(key)) => ("ga_area", outline.ga_areas.iter().any(|area| area.key == *key)),
        _ => {
            let detail = "Give either a `category` or a `ga_area`, not both.";
            return Err(Refusal::invalid("category", detail).into());
        }
    };
    if known {
        return Ok(());
    }
    Err(Refusal::invalid(param, "The seat map of the event has nothing with this key.").into())
}

async fn is_used(tx: &mut Tx, tier: &PriceTier) -> Result<bool> {
    // By way of the orders of the event, which are indexed.
    let of_order = orders::tenant_id.eq(order_items::tenant_id).and(orders::id.eq(order_items::order_id));
    let ordered = order_items::table
        .inner_join(orders::table.on(of_order))
        .filter(orders::tenant_id.eq(tx.tenant()).and(orders::event_id.eq(tier.event_id)))
        .filter(order_items::price_tier_id.eq(tier.id));
    let listed = check_in_lists::table
        .filter(check_in_lists::tenant_id.eq(tx.tenant()).and(check_in_lists::event_id.eq(tier.event_id)))
        .filter(check_in_lists::type_nos.contains(vec![tier.type_no]));
    let is_ordered: bool = select(exists(ordered)).get_result(&mut **tx).await?;
    let is_listed: bool = select(exists(listed)).get_result(&mut **tx).await?;
    Ok(is_ordered || is_listed)
}

fn name_taken() -> Refusal {
    Refusal::new(ErrorCode::AlreadyExists, "The event has another price tier of this name.").param("name")
}

/// The amounts are in range one by one; what a ticket costs in the end has to be as well.
fn check_amounts(
    price_minor: i64,
    fee_minor: i64,
    tax_rate_bps: i32,
    tax_inclusive: bool,
) -> std::result::Result<(), Refusal> {
    let tax_rate_bps = u32::try_from(tax_rate_bps)
        .map_err(|_| Refusal::invalid("tax_rate_bps", "A tax rate is not negative."))?;
    let price = TicketPrice { price_minor, fee_minor, tax_rate_bps, tax_inclusive };
    price.priced().map(|_| ()).map_err(|error| match error {
        PricingError::Negative => Refusal::invalid("price_minor", "Prices and fees are not negative."),
        PricingError::TaxRate => {
            Refusal::invalid("tax_rate_bps", "A tax rate is at most 10000 basis points.")
        }
        PricingError::Range => Refusal::invalid(
            "price_minor",
            format!("Price, fee and tax together are at most {AMOUNT_MAX} minor units."),
        ),
    })
}

fn check_counts(min_per_hold: i32, max_per_hold: i32) -> std::result::Result<(), Refusal> {
    if max_per_hold > 0 && min_per_hold > max_per_hold {
        let detail = "The fewest tickets of a hold are not more than `max_per_hold`.";
        return Err(Refusal::invalid("min_per_hold", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_stays_within_the_range_of_amounts() {
        let param = |price, fee, rate, inclusive| {
            check_amounts(price, fee, rate, inclusive).map_err(|refusal| refusal.param.unwrap_or_default())
        };
        assert_eq!(param(4_200, 150, 1_900, true), Ok(()));
        assert_eq!(param(0, 0, 0, false), Ok(()));
        assert_eq!(param(AMOUNT_MAX, 1, 0, true), Err("price_minor".into()));
        assert_eq!(param(AMOUNT_MAX, 0, 1, false), Err("price_minor".into()));
        assert_eq!(param(-1, 0, 0, true), Err("price_minor".into()));
        assert_eq!(param(1, 0, 10_001, true), Err("tax_rate_bps".into()));
    }

    #[test]
    fn a_tier_without_a_most_has_any_fewest() {
        assert_eq!((check_counts(4, 0), check_counts(4, 4), check_counts(0, 1)), (Ok(()), Ok(()), Ok(())));
        assert_eq!(check_counts(4, 3).unwrap_err().param.as_deref(), Some("min_per_hold"));
    }
}
