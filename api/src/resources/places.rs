//! Shapes that holds and orders share: what a buyer asks for, and sums.

use eventflow_core::{ErrorCode, Refusal, id, pricing, seat_map};
use eventflow_store::{
    holds::{Best, SeatRef, Want, Wishes},
    orders::Adjustment,
};
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::{
    auth::{Call, Principal},
    wire::{Ref, Text},
};

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
    /// Only seats of the sections of the zone with this key.
    pub zone: Option<Text<1, 100>>,
    /// At least one place for a wheelchair or without steps.
    #[oai(default)]
    pub accessible: bool,
    /// How many of the people need a place for a wheelchair; the others sit beside them, in companions' seats where there
    /// are some.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "100")))]
    pub wheelchairs: u32,
}

/// How well the best seats sit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum Quality {
    /// Side by side, and nobody is left alone beside them.
    Together,
    /// Side by side, leaving a single seat.
    TogetherLeavingOrphans,
    /// In several groups of neighbours, near each other.
    Split,
}

/// Why these seats are the best ones that were left.
#[derive(Debug, Object, Serialize)]
pub struct Choice {
    /// Higher is better. Millions: 3 together, 2 leaving single seats, 1 split. Thousands: 999 less what speaks against it
    /// (200 for each single seat, 1 for each further group and each place that somebody else may need more). Units:
    /// closeness to the focal point, from 0 to 999.
    score: u32,
    quality: Quality,
    /// Groups of neighbours.
    groups: u32,
    /// Single seats that are left beside them.
    orphans: u32,
    /// Places for wheelchairs, companions or without steps among them.
    reserved: u32,
    /// Mean distance to the focal point, in hundredths of a plan unit.
    mean_distance: u32,
}

impl From<seat_map::Why> for Choice {
    fn from(why: seat_map::Why) -> Self {
        let quality = match why.quality {
            seat_map::Quality::Together => Quality::Together,
            seat_map::Quality::TogetherLeavingOrphans => Quality::TogetherLeavingOrphans,
            seat_map::Quality::Split => Quality::Split,
        };
        Self {
            score: why.score,
            quality,
            groups: why.pieces,
            orphans: why.orphans,
            reserved: why.reserved,
            mean_distance: why.mean_distance,
        }
    }
}

/// Whether the event's rules are judged: only a server may leave them aside.
pub fn ignores_rules(call: &Call, asked: bool) -> Result<bool, Refusal> {
    if asked && !matches!(call.principal, Principal::Secret { .. }) {
        let detail = "Only a server may ignore the rules of the event.";
        return Err(Refusal::new(ErrorCode::PermissionDenied, detail).param("ignore_seat_rules"));
    }
    Ok(asked)
}

/// What a plugin of the organizer changed of the price of one place.
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct PriceAdjustment {
    /// The index of the place in `items`.
    item: u32,
    /// For the buyer, in the language of the hold: "Early bird".
    label: String,
    /// What the buyer pays more; negative for a discount. Taxes are in it: the changes of an item add up to `total_minor`
    /// less `list_total_minor`.
    amount_minor: i64,
    /// The plugin, for the organizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    /// Its version, for the organizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Why, for the organizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// For the organizer: the limits of the event made it smaller than the plugin asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_limited: Option<bool>,
}

/// What plugins changed, as this caller may see it.
pub fn adjustments(call: &Call, adjustments: Vec<Adjustment>) -> Vec<PriceAdjustment> {
    let organizer = matches!(call.principal, Principal::Secret { .. });
    let shape = |adjustment: Adjustment| PriceAdjustment {
        item: adjustment.item.unsigned_abs(),
        label: adjustment.label,
        amount_minor: adjustment.amount_minor,
        plugin: organizer.then_some(adjustment.plugin),
        version: organizer.then_some(adjustment.version),
        reason: Some(adjustment.reason).filter(|reason| organizer && !reason.is_empty()),
        is_limited: organizer.then_some(adjustment.is_limited),
    };
    adjustments.into_iter().map(shape).collect()
}

/// What an item costs without what plugins changed.
pub fn list_total(item: usize, total_minor: i64, adjustments: &[Adjustment]) -> i64 {
    let of_item = adjustments.iter().filter(|adjustment| usize::try_from(adjustment.item) == Ok(item));
    total_minor - of_item.map(|adjustment| adjustment.amount_minor).sum::<i64>()
}

/// Refuses what is no language.
pub fn check_locale(locale: Option<&Text<2, 35>>) -> Result<(), Refusal> {
    let is_language = |text: &str| {
        let mut parts = text.split('-');
        parts.next().is_some_and(|first| {
            (2..=8).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic())
        }) && parts
            .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    match locale {
        Some(text) if !is_language(text) => {
            Err(Refusal::invalid("locale", "Expected a language as BCP 47 writes it, as `de` or `en-GB`."))
        }
        _ => Ok(()),
    }
}

/// Codes as plugins compare them: trimmed, in upper case, each once.
pub fn wishes(codes: Vec<Text<1, 40>>, locale: Option<Text<2, 35>>) -> Result<Wishes, Refusal> {
    check_locale(locale.as_ref())?;
    let mut wishes = Wishes { codes: Vec::new(), locale: locale.map(|locale| locale.0).unwrap_or_default() };
    for (position, code) in codes.into_iter().enumerate() {
        let code = code.0.trim().to_uppercase();
        if code.is_empty() {
            return Err(Refusal::invalid(format!("codes[{position}]"), "The code is empty."));
        }
        if !wishes.codes.contains(&code) {
            wishes.codes.push(code);
        }
    }
    Ok(wishes)
}

/// Sums in minor units: price + fee + tax = total.
#[derive(Debug, Object, Serialize)]
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
        zone: best.zone.map(|zone| zone.0),
        accessible: best.accessible,
        wheelchairs: best.wheelchairs,
    });
    Ok((items, best))
}
