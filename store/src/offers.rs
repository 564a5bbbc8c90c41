//! Offers: everything about an event that decides what can be held and for how much, kept in memory. An offer is
//! dropped when the event's stream says that it changed, and re-read after a while in any case; the claim compares its
//! revision with Postgres, so that an old offer can never be sold.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use dashmap::DashMap;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, Refusal, id,
    money::Currency,
    pricing::{Priced, TicketPrice},
    seat_map::{Layout, Occupancy, Orphans, Rules, SeatIndex, SeatMap},
    ticket_mix::TierRule,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{Db, Scope, Tx},
    error::{Error, OrNotFound, Result},
    price_limits::{self, PriceLimits},
    recent::Recent,
    schema::{events, ga_pools, price_tiers, seat_categories, seat_map_versions},
};

/// An offer that nobody told us about is believed this long.
const OFFER_TTL: Duration = Duration::from_secs(30);
/// Offers and compiled layouts kept at most, each; beyond it the cache starts anew.
const CACHE_MAX: usize = 1_000;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = events)]
pub struct EventFacts {
    pub id: Uuid,
    pub event_no: i32,
    pub seat_map_id: Uuid,
    pub seat_map_version: i32,
    pub name: String,
    pub state: String,
    pub currency: String,
    pub time_zone: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub sale_starts_at: DateTime<Utc>,
    pub sale_ends_at: DateTime<Utc>,
    pub max_per_hold: i32,
    pub max_per_buyer: i32,
    pub hold_ttl_secs: i32,
    pub hold_cap_secs: i32,
    pub checkout_secs: i32,
    pub delayed_payments: bool,
    pub reseat_late_payments: bool,
    pub revision: i64,
    pub orphan_seats: String,
    pub adjacent_seats: bool,
    pub min_per_hold: i32,
    pub companion_seats: bool,
}

impl EventFacts {
    fn rules(&self) -> Rules {
        Rules {
            orphans: Orphans::parse(&self.orphan_seats).unwrap_or_default(),
            adjacent: self.adjacent_seats,
            companions: self.companion_seats,
            min: self.min_per_hold.unsigned_abs(),
            max: self.max_per_hold.unsigned_abs(),
        }
    }
}

/// What a tier prices: seats of a category, or places of an area; both by index in the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Category(u16),
    Area(u16),
}

#[derive(Debug, Clone)]
pub struct Tier {
    pub id: Uuid,
    pub type_no: i32,
    pub name: String,
    pub target: Target,
    pub active: bool,
    pub price: TicketPrice,
    pub priced: Priced,
    pub rule: TierRule,
}

pub struct Offer {
    pub tenant: Id<id::Tenant>,
    pub event: EventFacts,
    pub currency: Currency,
    pub layout: Arc<Layout>,
    /// What the event asks of every hold.
    pub rules: Rules,
    /// The category of each seat by dense index: the map's, unless the event says otherwise.
    pub seat_categories: Vec<Option<u16>>,
    /// In the order of their numbers: the first active one that fits is the default.
    pub tiers: Vec<Tier>,
    pub area_capacity: Vec<u32>,
    /// How far plugins may go.
    pub price_limits: PriceLimits,
}

impl Offer {
    pub fn event_id(&self) -> Id<id::Event> {
        self.event.id.into()
    }

    /// Refuses sales before, after and without the sale window; `param` names the field of the event that is the reason.
    pub fn check_on_sale(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let refuse =
            |param: &str, detail: String| Err(Refusal::new(ErrorCode::NotOnSale, detail).param(param));
        match self.event.state.as_str() {
            "published" if now < self.event.sale_starts_at => refuse(
                "sale_starts_at",
                format!("The sale begins at {}.", self.event.sale_starts_at.to_rfc3339()),
            ),
            "published" if now >= self.event.sale_ends_at => {
                refuse("sale_ends_at", format!("The sale ended at {}.", self.event.sale_ends_at.to_rfc3339()))
            }
            "published" => Ok(()),
            "cancelled" => refuse("state", "The event is cancelled.".into()),
            _ => refuse("state", "The event is not published yet.".into()),
        }
    }

    pub fn category_of(&self, seat: SeatIndex) -> Option<u16> {
        self.seat_categories.get(seat.position()).copied().flatten()
    }

    /// Whether the area, by index, is sold to one party at a time.
    pub fn is_for_one_party(&self, area: usize) -> bool {
        let area = self.layout.ga_areas().get(area);
        area.is_some_and(|area| matches!(area.occupancy, Occupancy::Group { .. }))
    }

    pub fn tier(&self, id: Uuid) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.id == id)
    }

    pub fn tier_by_type(&self, type_no: i32) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.type_no == type_no)
    }

    pub fn default_tier(&self, target: Target) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.active && tier.target == target)
    }
}

/// The offers and layouts that this process knows.
pub struct Offers {
    offers: Recent<(Uuid, Uuid), Arc<Offer>>,
    layouts: DashMap<(Uuid, i32), Arc<Layout>>,
}

impl Default for Offers {
    fn default() -> Self {
        Self { offers: Recent::new(CACHE_MAX), layouts: DashMap::new() }
    }
}

impl Offers {
    /// The offer of a published (or cancelled) event of the tenant.
    pub async fn get(&self, db: &Db, scope: &Scope, event: Id<id::Event>) -> Result<Arc<Offer>> {
        let key = (scope.tenant.uuid(), event.uuid());
        if let Some(offer) = self.offers.get(&key, OFFER_TTL) {
            return Ok(offer);
        }
        let begun = self.offers.begin();
        let offer = Arc::new(db.run(scope, async |tx| self.load(tx, event).await).await?);
        self.offers.keep(key, offer.clone(), begun);
        Ok(offer)
    }

    /// Forgets an event: it changed.
    pub fn drop(&self, tenant: Id<id::Tenant>, event: Id<id::Event>) {
        self.offers.forget(&(tenant.uuid(), event.uuid()));
    }

    async fn load(&self, tx: &mut Tx, id: Id<id::Event>) -> Result<Offer> {
        let event = events::table
            .find((tx.tenant(), id.uuid()))
            .select(EventFacts::as_select())
            .first(&mut **tx)
            .await
            .optional()
            .or_not_found("event")?;
        if event.state == "draft" {
            return Err(Error::refused(ErrorCode::NotOnSale, "The event is not published yet."));
        }
        let layout = self.layout(tx, event.seat_map_id, event.seat_map_version).await?;
        let mut seat_categories: Vec<Option<u16>> = layout.seats().iter().map(|seat| seat.category).collect();
        let overrides: Vec<(i32, String)> = seat_categories::table
            .filter(seat_categories::tenant_id.eq(tx.tenant()).and(seat_categories::event_id.eq(id.uuid())))
            .select((seat_categories::seat_index, seat_categories::category))
            .load(&mut **tx)
            .await?;
        for (index, category) in overrides {
            let slot = usize::try_from(index).ok().and_then(|index| seat_categories.get_mut(index));
            if let Some(slot) = slot {
                *slot = layout.category_index(&category);
            }
        }
        let capacities: HashMap<i32, i32> = ga_pools::table
            .filter(ga_pools::tenant_id.eq(tx.tenant()).and(ga_pools::event_id.eq(id.uuid())))
            .select((ga_pools::area_index, ga_pools::capacity))
            .load::<(i32, i32)>(&mut **tx)
            .await?
            .into_iter()
            .collect();
        let area_capacity = layout
            .ga_areas()
            .iter()
            .map(|area| capacities.get(&i32::from(area.index)).map_or(0, |&n| n.unsigned_abs()))
            .collect();
        Ok(Offer {
            tenant: tx.scope.tenant,
            currency: event.currency.parse().map_err(|_| Error::Corrupt("currency of an event".into()))?,
            tiers: tiers(tx, id, &layout).await?,
            price_limits: price_limits::of(tx, id).await?,
            rules: event.rules(),
            event,
            layout,
            seat_categories,
            area_capacity,
        })
    }

    /// The compiled layout of a published version; versions never change.
    pub async fn layout(&self, tx: &mut Tx, seat_map: Uuid, version: i32) -> Result<Arc<Layout>> {
        if let Some(layout) = self.layouts.get(&(seat_map, version)) {
            return Ok(layout.clone());
        }
        let document: Value = seat_map_versions::table
            .find((tx.tenant(), seat_map, version))
            .select(seat_map_versions::document)
            .first(&mut **tx)
            .await
            .optional()
            .or_not_found("seat map version")?;
        let map: SeatMap = serde_json::from_value(document)
            .map_err(|error| Error::Corrupt(format!("seat map {seat_map} version {version}: {error}")))?;
        let layout = Arc::new(Layout::compile(&map));
        if self.layouts.len() >= CACHE_MAX {
            self.layouts.clear();
        }
        self.layouts.insert((seat_map, version), layout.clone());
        Ok(layout)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = price_tiers)]
struct TierRow {
    id: Uuid,
    type_no: i32,
    name: String,
    category: Option<String>,
    ga_area: Option<String>,
    price_minor: i64,
    fee_minor: i64,
    tax_rate_bps: i32,
    tax_inclusive: bool,
    active: bool,
    min_per_hold: i32,
    max_per_hold: i32,
    accompanied: bool,
}

async fn tiers(tx: &mut Tx, event: Id<id::Event>, layout: &Layout) -> Result<Vec<Tier>> {
    let rows: Vec<TierRow> = price_tiers::table
        .filter(price_tiers::tenant_id.eq(tx.tenant()).and(price_tiers::event_id.eq(event.uuid())))
        .order(price_tiers::type_no)
        .select(TierRow::as_select())
        .load(&mut **tx)
        .await?;
    let tier = |row: TierRow| {
        let target = match (&row.category, &row.ga_area) {
            (Some(category), None) => Target::Category(layout.category_index(category)?),
            (None, Some(area)) => Target::Area(layout.area_index(area)?),
            _ => return None,
        };
        let price = TicketPrice {
            price_minor: row.price_minor,
            fee_minor: row.fee_minor,
            tax_rate_bps: row.tax_rate_bps.unsigned_abs(),
            tax_inclusive: row.tax_inclusive,
        };
        let priced = price.priced().ok()?;
        let rule = TierRule {
            min: row.min_per_hold.unsigned_abs(),
            max: row.max_per_hold.unsigned_abs(),
            accompanied: row.accompanied,
        };
        Some(Tier {
            id: row.id,
            type_no: row.type_no,
            name: row.name,
            target,
            active: row.active,
            price,
            priced,
            rule,
        })
    };
    Ok(rows.into_iter().filter_map(tier).collect())
}
