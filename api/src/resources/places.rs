//! Shapes that holds and orders share: what a buyer asks for, and sums.

use eventflow_core::{Refusal, id, pricing};
use eventflow_store::holds::{Best, SeatRef, Want};
use poem_openapi::Object;

use crate::wire::{Ref, Text};

/// One thing to hold: `seat` or `label` for a seat, `ga_area` for places of an area.
#[derive(Debug, Object)]
pub struct ItemInput {
    /// Dense index of the seat in the event's seat map.
    seat: Option<u32>,
    /// The seat's label, as `stalls-A-12`.
    label: Option<Text<1, 200>>,
    /// Key of a general admission area.
    ga_area: Option<Text<1, 100>>,
    /// Places of the area.
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    quantity: Option<u32>,
    /// Default: the first active tier that fits the place.
    price_tier_id: Option<Ref<id::PriceTier>>,
}

/// The best seats together: same row, nobody left alone, nearest to the focal point.
#[derive(Debug, Object)]
pub struct BestAvailable {
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    pub quantity: u32,
    /// Only seats of this tier.
    pub price_tier_id: Option<Ref<id::PriceTier>>,
    /// Only seats of the section with this key.
    pub section: Option<Text<1, 100>>,
    /// Places for wheelchairs or without steps, with companions.
    #[oai(default)]
    pub accessible: bool,
}

/// Sums in minor units: price + fee + tax = total.
#[derive(Debug, Object)]
pub struct Totals {
    price_minor: i64,
    fee_minor: i64,
    tax_minor: i64,
    total_minor: i64,
}

pub fn totals(totals: pricing::Totals) -> Totals {
    Totals {
        price_minor: totals.price_minor,
        fee_minor: totals.fees_minor,
        tax_minor: totals.tax_minor,
        total_minor: totals.total_minor,
    }
}

/// What the request means; refuses items that name no place or two.
pub fn wanted(
    items: Vec<ItemInput>,
    best: Option<BestAvailable>,
) -> Result<(Vec<Want>, Option<Best>), Refusal> {
    let items = items
        .into_iter()
        .enumerate()
        .map(|(position, item)| {
            let tier = item.price_tier_id.map(Ref::uuid);
            match (item.seat, item.label, item.ga_area) {
                (Some(seat), None, None) => Ok(Want::Seat { seat: SeatRef::Index(seat), tier }),
                (None, Some(label), None) => Ok(Want::Seat { seat: SeatRef::Label(label.0), tier }),
                (None, None, Some(area)) => {
                    Ok(Want::Area { area: area.0, tier, quantity: item.quantity.unwrap_or(1) })
                }
                _ => Err(Refusal::invalid(
                    format!("items[{position}]"),
                    "Name the place by exactly one of `seat`, `label` and `ga_area`.",
                )),
            }
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    let best = best.map(|best| Best {
        quantity: best.quantity,
        tier: best.price_tier_id.map(Ref::uuid),
        section: best.section.map(|section| section.0),
        accessible: best.accessible,
    });
    Ok((items, best))
}
