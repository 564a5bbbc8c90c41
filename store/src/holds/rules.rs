//! The event's rules, judged against the live state of this process. They say what a sensible pick is; who gets a seat is
//! still the script's decision.

use std::sync::Arc;

use eventflow_core::{
    BrokenRule, ErrorCode, Id, Refusal, id,
    seat_map::{Orphans, Picked, Rule, Rules, SeatIndex, Violation, check},
    ticket_mix,
};

use super::{Hold, Holds, Live, Place, Placed, Wanted, taken};
use crate::{
    db::Scope,
    error::{Error, Result},
    offers::{Offer, Target, Tier},
};

impl Holds {
    /// Judges what is asked for by name, and all counts. `Some` is the answer to an earlier request under the same key:
    /// what was held once is not judged again.
    pub(super) async fn judge(
        self: &Arc<Self>,
        scope: &Scope,
        offer: &Arc<Offer>,
        request: &Place,
        wanted: &Wanted,
        id: Id<id::Hold>,
    ) -> Result<Option<Hold>> {
        if request.ignore_rules {
            return Ok(None);
        }
        let live = self.live(scope, offer).await?;
        let broken = broken(offer, &live, request, wanted);
        if broken.is_empty() {
            return Ok(None);
        }
        if let Some(hold) = self.replay(offer, request, wanted, id).await? {
            return Ok(Some(hold));
        }
        // Whoever was overtaken did not pick badly.
        let lost = live.lost(&wanted.seats);
        if lost.is_empty() { Err(refusal(broken, request)) } else { Err(Error::Refused(taken(offer, &lost))) }
    }

    /// The answer to an earlier request under the same key, if there was one. Nothing is taken.
    pub(super) async fn replay(
        &self,
        offer: &Offer,
        request: &Place,
        wanted: &Wanted,
        id: Id<id::Hold>,
    ) -> Result<Option<Hold>> {
        if request.idempotency.is_none() {
            return Ok(None);
        }
        match self.try_place(offer, request, wanted, id, &[String::new()]).await {
            Ok(Placed::Replay(hold)) => Ok(Some(hold)),
            Ok(_) => Ok(None),
            // A limit that is reached as well: the caller has a better reason to refuse.
            Err(Error::Refused(refusal)) if refusal.code != ErrorCode::IdempotencyConflict => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What the named places, the number of all places and the tickets break.
fn broken(offer: &Offer, live: &Live, request: &Place, wanted: &Wanted) -> Vec<BrokenRule> {
    let seats: Vec<SeatIndex> = wanted.seats.iter().copied().map(SeatIndex).collect();
    let areas = wanted.areas();
    // Places that are chosen later count; the script and the ranking see to the rest.
    let rules = Rules { min: 0, max: u32::MAX, ..offer.rules.clone() };
    let mut violations = {
        let state = live.lock();
        let free = |seat: SeatIndex| state.statuses.is_free(seat);
        check(&offer.layout, &free, Picked { seats: &seats, areas: &areas }, &rules)
    };
    if wanted.places < offer.rules.min {
        let limit = offer.rules.min;
        violations.push(Violation { rule: Rule::MinPlaces, seats: vec![], area: None, limit });
    }
    let mut broken: Vec<BrokenRule> =
        violations.iter().map(|violation| of_places(offer, violation)).collect();
    let has_all_tickets = request.best.as_ref().is_none_or(|best| best.tier.is_some());
    if has_all_tickets {
        broken.extend(mix(offer, &wanted.tickets));
    }
    broken
}

/// Whether seats that were chosen, together with those that were named, are what the event sells at once.
pub(super) fn fits(offer: &Offer, live: &Live, request: &Place, wanted: &Wanted, chosen: &[u32]) -> bool {
    if request.best.as_ref().is_some_and(|best| best.tier.is_none()) {
        let mut tickets = wanted.tickets.clone();
        for &seat in chosen {
            let target = offer.category_of(SeatIndex(seat)).map(Target::Category);
            if let Some(tier) = target.and_then(|target| offer.default_tier(target)) {
                super::add_to(&mut tickets, tier.type_no, 1);
            }
        }
        if !mix(offer, &tickets).is_empty() {
            return false;
        }
    }
    let seats: Vec<SeatIndex> = wanted.seats.iter().chain(chosen).copied().map(SeatIndex).collect();
    // Single seats are what the ranking is about: it leaves one only where nothing else is left.
    let rules = Rules { orphans: Orphans::Off, min: 0, max: u32::MAX, ..offer.rules.clone() };
    let state = live.lock();
    let free = |seat: SeatIndex| state.statuses.is_free(seat);
    check(&offer.layout, &free, &seats, &rules).is_empty()
}

/// What the tickets of the types break: `type_no` and how many, each type once.
pub(super) fn mix(offer: &Offer, tickets: &[(i32, u32)]) -> Vec<BrokenRule> {
    let tiers: Vec<(&Tier, u32)> = tickets
        .iter()
        .filter_map(|&(type_no, count)| offer.tier_by_type(type_no).map(|tier| (tier, count)))
        .collect();
    let rules: Vec<_> = tiers.iter().map(|(tier, count)| (tier.rule, *count)).collect();
    let broken = |violation: &ticket_mix::MixViolation| {
        let name = &tiers[violation.tier].0.name;
        BrokenRule {
            rule: violation.rule.code(),
            detail: violation.sentence(name),
            seats: vec![],
            objects: vec![name.clone()],
            limit: violation.limit,
        }
    };
    ticket_mix::check(&rules).iter().map(broken).collect()
}

pub(super) fn refusal(broken: Vec<BrokenRule>, request: &Place) -> Error {
    let param = if request.items.is_empty() { "best_available" } else { "items" };
    Error::Refused(Refusal::seat_rules(broken).param(param))
}

fn of_places(offer: &Offer, violation: &Violation) -> BrokenRule {
    let layout = &offer.layout;
    let area = violation.area.and_then(|area| layout.ga_areas().get(usize::from(area)));
    let labels = violation.seats.iter().map(|&seat| layout.label(seat).to_owned());
    BrokenRule {
        rule: violation.rule.code(),
        detail: violation.sentence(layout),
        seats: violation.seats.iter().map(|seat| seat.0).collect(),
        objects: labels.chain(area.map(|area| area.key.clone())).collect(),
        limit: violation.limit,
    }
}

impl Live {
    /// Those of the seats that are not free, as far as this process knows.
    fn lost(&self, seats: &[u32]) -> Vec<u32> {
        let state = self.lock();
        seats.iter().copied().filter(|&seat| !state.statuses.is_free(SeatIndex(seat))).collect()
    }
}
