//! How well an event sells, counted by what is priced: what plugins are told. Counted from the live state of this process a
//! few times a second at most, since a hall has many seats.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dashmap::DashMap;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::seat_map::SeatStatus;
use uuid::Uuid;

use super::Holds;
use crate::{
    db::Scope,
    error::Result,
    offers::{Offer, Target},
    schema::ga_pools,
};

/// A count is good for so long.
const GOOD_FOR: Duration = Duration::from_millis(250);

pub(super) type Demands = DashMap<Uuid, (Arc<Demand>, Instant)>;

/// Places in all, sold, and in carts. Blocked places count as none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub capacity: u32,
    pub sold: u32,
    pub held: u32,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.capacity += other.capacity;
        self.sold += other.sold;
        self.held += other.held;
    }
}

/// The counts of one event.
#[derive(Debug, Clone, Default)]
pub struct Demand {
    pub event: Count,
    /// By index, as in the layout; the last one is for seats without a category.
    categories: Vec<Count>,
    areas: Vec<Count>,
}

impl Demand {
    pub fn of(&self, target: Target) -> Count {
        let (counts, index) = match target {
            Target::Category(category) => (&self.categories, category),
            Target::Area(area) => (&self.areas, area),
        };
        counts.get(usize::from(index)).copied().unwrap_or_default()
    }
}

impl Holds {
    /// How well the event sells.
    pub async fn demand(self: &Arc<Self>, scope: &Scope, offer: &Arc<Offer>) -> Result<Arc<Demand>> {
        if let Some(known) = self.demands.get(&offer.event.id)
            && known.1.elapsed() < GOOD_FOR
        {
            return Ok(known.0.clone());
        }
        let live = self.live(scope, offer).await?;
        let (statuses, left) = live.counted();
        let taken = if left.is_empty() { Vec::new() } else { self.taken(scope, offer).await? };
        let mut demand = Demand::default();
        demand.categories.resize(offer.layout.categories().len() + 1, Count::default());
        let without = demand.categories.len() - 1;
        for (status, category) in statuses.iter().zip(&offer.seat_categories) {
            let index = category.map_or(without, usize::from).min(without);
            let count = &mut demand.categories[index];
            count.capacity += u32::from(status != SeatStatus::Blocked);
            count.sold += u32::from(status == SeatStatus::Sold);
            count.held += u32::from(status == SeatStatus::Held);
        }
        for (index, (&capacity, &left)) in offer.area_capacity.iter().zip(&left).enumerate() {
            let sold = taken.iter().find(|(area, _)| *area == index).map_or(0, |(_, taken)| *taken);
            let held = capacity.saturating_sub(left).saturating_sub(sold);
            demand.areas.push(Count { capacity, sold: sold.min(capacity), held });
        }
        demand.categories.iter().chain(&demand.areas).for_each(|count| demand.event.add(*count));
        let demand = Arc::new(demand);
        self.demands.insert(offer.event.id, (demand.clone(), Instant::now()));
        Ok(demand)
    }

    /// Places of areas that are sold or claimed, by the area's index: the stream says only how many are left.
    async fn taken(&self, scope: &Scope, offer: &Offer) -> Result<Vec<(usize, u32)>> {
        let rows: Vec<(i32, i32)> = self
            .db
            .run(scope, async |tx| {
                let pools = ga_pools::table
                    .filter(ga_pools::tenant_id.eq(tx.tenant()).and(ga_pools::event_id.eq(offer.event.id)))
                    .select((ga_pools::area_index, ga_pools::taken));
                Ok(pools.load(&mut **tx).await?)
            })
            .await?;
        let pool =
            |(area, taken): (i32, i32)| (usize::try_from(area).ok()).map(|area| (area, taken.unsigned_abs()));
        Ok(rows.into_iter().filter_map(pool).collect())
    }
}
