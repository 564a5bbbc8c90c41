//! What plugins are told about a cart.

use chrono::{DateTime, Utc};
use eventflow_core::{
    Id, id,
    seat_map::{SeatIndex, SeatTrait},
};
use eventflow_plugin_host::values::{Attribute, Buyer, Cart, Event, Line, Seat, Tier};
use eventflow_store::{
    holds::{self, Demand, Wishes},
    offers::{Offer, Target},
};
use uuid::Uuid;

/// The language of texts when the buyer's is not known.
pub const LOCALE_DEFAULT: &str = "en";

/// A cart, before any plugin has seen it.
pub struct Facts<'a> {
    pub offer: &'a Offer,
    pub demand: &'a Demand,
    pub lines: &'a [holds::Line],
    pub wishes: &'a Wishes,
    /// The hold, or the order that it becomes.
    pub hold: Uuid,
    pub now: DateTime<Utc>,
    pub preview: bool,
}

pub fn cart(facts: &Facts<'_>) -> Cart {
    let Facts { offer, demand, wishes, .. } = facts;
    let mut tiers: Vec<&eventflow_store::offers::Tier> = Vec::new();
    for line in facts.lines {
        if !tiers.iter().any(|tier| tier.id == line.tier.id) {
            tiers.push(&line.tier);
        }
    }
    Cart {
        event: event(offer, demand),
        tiers: tiers.into_iter().map(|known| tier(offer, demand, known)).collect(),
        lines: facts.lines.iter().map(|known| line(offer, known)).collect(),
        buyer: Buyer {
            country: None,
            codes: wishes.codes.clone(),
            // Known to whoever judges an order, and set then.
            tickets_owned: 0,
            attributes: Vec::new(),
        },
        applied: Vec::new(),
        now: facts.now.timestamp(),
        seed: seed(facts.hold),
        locale: if wishes.locale.is_empty() { LOCALE_DEFAULT.to_owned() } else { wishes.locale.clone() },
        preview: facts.preview,
        responses: Vec::new(),
        attributes: Vec::new(),
    }
}

/// The same for every look at one thing: at a hold and its order, at a ticket.
pub fn seed(hold: Uuid) -> u64 {
    hold.as_u64_pair().1
}

pub fn event(offer: &Offer, demand: &Demand) -> Event {
    let event = &offer.event;
    Event {
        id: Id::<id::Event>::from(event.id).to_string(),
        name: event.name.clone(),
        currency: event.currency.clone(),
        time_zone: event.time_zone.clone(),
        starts_at: event.starts_at.timestamp(),
        ends_at: event.ends_at.timestamp(),
        sale_starts_at: event.sale_starts_at.timestamp(),
        sale_ends_at: event.sale_ends_at.timestamp(),
        capacity: demand.event.capacity,
        sold: demand.event.sold,
        held: demand.event.held,
        attributes: Vec::new(),
    }
}

pub fn tier(offer: &Offer, demand: &Demand, tier: &eventflow_store::offers::Tier) -> Tier {
    let count = demand.of(tier.target);
    let category = match tier.target {
        Target::Category(index) => {
            offer.layout.categories().get(usize::from(index)).map(|category| category.key.clone())
        }
        Target::Area(index) => offer.layout.ga_areas().get(usize::from(index)).map(|area| area.key.clone()),
    };
    Tier {
        id: Id::<id::PriceTier>::from(tier.id).to_string(),
        name: tier.name.clone(),
        category: category.unwrap_or_default(),
        price_minor: tier.price.price_minor,
        capacity: count.capacity,
        sold: count.sold,
        held: count.held,
        attributes: Vec::new(),
    }
}

fn line(offer: &Offer, line: &holds::Line) -> Line {
    let price = line.tier.price;
    Line {
        tier_id: Id::<id::PriceTier>::from(line.tier.id).to_string(),
        seat: line.seat.map(|index| seat(offer, index)),
        base_minor: price.price_minor,
        price_minor: price.price_minor,
        fee_minor: price.fee_minor,
        tax_rate_bps: price.tax_rate_bps,
        tax_inclusive: price.tax_inclusive,
        attributes: Vec::new(),
    }
}

/// A seat, as it is printed on the ticket.
pub fn seat(offer: &Offer, index: SeatIndex) -> Seat {
    let layout = &offer.layout;
    let traits = layout.seat(index).map(|seat| seat.traits);
    let known = [
        (SeatTrait::Wheelchair, "wheelchair"),
        (SeatTrait::Companion, "companion"),
        (SeatTrait::Accessible, "accessible"),
        (SeatTrait::RestrictedView, "restricted_view"),
    ];
    let has = |wanted: SeatTrait| traits.is_some_and(|traits| traits.contains(wanted));
    let attributes = known
        .into_iter()
        .filter(|(wanted, _)| has(*wanted))
        .map(|(_, name)| Attribute { name: name.to_owned(), value: "true".to_owned() });
    Seat {
        section: layout.section_of(index).map(|section| section.name.clone()).unwrap_or_default(),
        row: layout.row_label(index).to_owned(),
        number: layout.number(index).to_owned(),
        attributes: attributes.collect(),
    }
}
