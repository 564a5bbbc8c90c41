//! Best available: groups of free seats, best first, for a caller that takes the first group it can get.
//!
//! 1. Together: neighbours of one row and category that leave no seat alone, nearest to the focal point first. Around a
//!    table everybody is together who sits side by side, corners included.
//! 2. The same, leaving as few seats alone as possible.
//! 3. Split: pieces of several rows, as few and as near to each other as possible.
//!
//! Places for wheelchairs, companions and people who need step-free access are offered to a request that asks for
//! them. A request that does not is offered them only when too few other seats that match it are left.
//! A request that asks for them gets groups with the places for wheelchairs that it needs (or, without wheelchairs, one
//! place that is reached without steps), and with no more of those and of companions' seats than it needs where that can
//! be had.
//!
//! A table that is sold as a whole is offered to a party that fills it.
//!
//! The same input has the same answer: ties go to the lower index.

mod house;
mod splits;
mod windows;

use serde::{Deserialize, Serialize};

use super::{Layout, SeatIndex, SeatTrait, Traits, leaves_orphan, rules::RESERVED};
use house::House;

/// Seats of one request. Larger parties talk to the box office.
pub const QUANTITY_MAX: u32 = 100;
/// Candidates of one answer: a caller that loses that many races ranks again from fresh state.
pub const CANDIDATES_MAX: usize = 64;
/// What leaving a seat alone weighs in places taken from those who need them: more than a whole group of them.
const ORPHAN_PENALTY: u32 = 200;
/// The steps of closeness within a score.
const CLOSENESS_MAX: u64 = 999;
/// A place that serves somebody who asked for step-free access.
const STEP_FREE: Traits = Traits::NONE.with(SeatTrait::Wheelchair).with(SeatTrait::Accessible);

/// What a buyer asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// 1 to [`QUANTITY_MAX`]; others have no candidates.
    pub quantity: u32,
    /// Indexes into [`Layout::categories`]; empty for any.
    pub categories: Vec<u16>,
    /// Indexes into [`Layout::sections`]; empty for any.
    pub sections: Vec<u16>,
    /// Indexes into [`Layout::zones`]; empty for any.
    pub zones: Vec<u16>,
    /// At least one place is for a wheelchair or must be reached without steps.
    pub accessible: bool,
    /// Of the people, those who need a place for a wheelchair.
    pub wheelchairs: u32,
    /// Only groups that sit side by side.
    pub together: bool,
    /// Companions' seats are given only in a group that has a place for a wheelchair.
    pub companions: bool,
    /// Where in the candidates of the best quality to begin. Pickers at the same time take different numbers, a hash of
    /// the buyer or a counter, and meet at different seats; 0 begins with the best.
    pub spread: u32,
}

impl Request {
    /// Whether places that are kept for those who need them are asked for.
    fn asks_for_reserved(&self) -> bool {
        self.accessible || self.wheelchairs > 0
    }
}

/// How well a group sits, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Side by side, and nobody is left alone.
    Together,
    /// Side by side, leaving a seat alone.
    TogetherLeavingOrphans,
    /// In several pieces.
    Split,
}

/// Why a candidate stands where it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Higher is better. Millions: 3 together, 2 leaving orphans, 1 split. Thousands: 999 less what speaks against it
    /// (200 for each orphan, 1 for each further piece and each place that somebody else may need more). Units:
    /// closeness to the focal point, from 0 at the farthest seat of the map to 999.
    pub score: u32,
    pub quality: Quality,
    /// Groups of neighbours that the candidate consists of.
    pub pieces: u32,
    /// Seats that it would leave alone.
    pub orphans: u32,
    /// Places for wheelchairs, companions or step-free access in it.
    pub reserved: u32,
    /// Mean distance to the focal point, in hundredths of a plan unit.
    pub mean_distance: u32,
}

/// A group of seats to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// In seat order.
    pub seats: Vec<SeatIndex>,
    pub why: Why,
}

/// The best groups for the request, best first (but see [`Request::spread`]), at most `limit` and [`CANDIDATES_MAX`].
/// No seat is in two of them, so that a caller who loses one group can try the next. Empty when too few seats are left.
pub fn rank(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    request: &Request,
    limit: usize,
) -> Vec<Candidate> {
    let category = |seat: SeatIndex| layout.seat(seat).and_then(|seat| seat.category);
    rank_sold_as(layout, free, &category, request, limit)
}

/// As [`rank`], for an event that sells seats under categories of its own: `category` says under which.
pub fn rank_sold_as(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    category: &impl Fn(SeatIndex) -> Option<u16>,
    request: &Request,
    limit: usize,
) -> Vec<Candidate> {
    if !(1..=QUANTITY_MAX).contains(&request.quantity) || limit == 0 || request.wheelchairs > request.quantity
    {
        return Vec::new();
    }
    let limit = limit.min(CANDIDATES_MAX);
    let house = House::new(layout, free, category, request);
    let mut candidates = Search::new(house, request, limit, request.asks_for_reserved()).run();
    if candidates.is_empty() && !request.asks_for_reserved() {
        let house = House::new(layout, free, category, request);
        candidates = Search::new(house, request, limit, true).run();
    }
    for group in candidates.chunk_by_mut(|a, b| a.why.quality == b.why.quality) {
        let shift = usize::try_from(request.spread).unwrap_or(0) % group.len();
        group.rotate_left(shift);
    }
    candidates
}

struct Search<'a> {
    house: House<'a>,
    request: &'a Request,
    quantity: usize,
    limit: usize,
    farthest: u64,
}

impl<'a> Search<'a> {
    fn new(mut house: House<'a>, request: &'a Request, limit: usize, reserved: bool) -> Self {
        if !reserved {
            house.withdraw(|traits| traits.intersects(RESERVED));
        } else if request.companions && !request.asks_for_reserved() {
            // The last seats of a house: but nobody who comes without a wheelchair gets a companion's.
            house.withdraw(|traits| traits.contains(SeatTrait::Companion));
        }
        Self {
            request,
            quantity: usize::try_from(request.quantity).unwrap_or(usize::MAX),
            limit,
            farthest: house.layout.distances().iter().copied().max().unwrap_or(0).into(),
            house,
        }
    }

    fn run(&mut self) -> Vec<Candidate> {
        let mut candidates = self.take_windows();
        if candidates.len() < self.limit && self.quantity > 1 && !self.request.together {
            let mut split = self.take_splits(self.limit - candidates.len());
            split.sort_by(|a, b| b.why.score.cmp(&a.why.score).then_with(|| a.seats.cmp(&b.seats)));
            candidates.append(&mut split);
        }
        candidates
    }

    /// Whether a group with these counts is what the request needs.
    fn suits(&self, counts: Counts) -> bool {
        counts.wheelchairs >= self.request.wheelchairs
            && (counts.step_free > 0 || !self.request.asks_for_reserved())
            && (counts.companions == 0 || counts.wheelchairs > 0 || !self.request.companions)
    }

    /// Places of a group that the request could do without.
    fn for_others(&self, counts: Counts) -> u32 {
        if !self.request.asks_for_reserved() {
            return counts.reserved;
        }
        let needed = self.request.wheelchairs.max(1);
        counts.step_free.saturating_sub(needed) + counts.companions.saturating_sub(needed)
    }

    /// The seats, which are positions in seat order, as a candidate of so many pieces.
    fn candidate(&self, seats: Vec<usize>, pieces: u32) -> Candidate {
        let (layout, all) = (self.house.layout, self.house.layout.seats());
        let mut counts = Counts::default();
        let mut total = 0_u64;
        for &at in &seats {
            counts.add(all[at].traits);
            total += u64::from(layout.distances()[at]);
        }
        let mean = total / u64::from(self.request.quantity);
        let seats: Vec<SeatIndex> = seats.into_iter().map(|at| all[at].index).collect();
        let orphans = leaves_orphan(layout, &|seat| self.house.is_free(seat.position()), &seats).len();
        let orphans = u32::try_from(orphans).unwrap_or(u32::MAX);
        let (quality, millions) = match (pieces, orphans) {
            (1, 0) => (Quality::Together, 3),
            (1, _) => (Quality::TogetherLeavingOrphans, 2),
            _ => (Quality::Split, 1),
        };
        let against = ORPHAN_PENALTY.saturating_mul(orphans).saturating_add(pieces - 1);
        let against = u64::from(against.saturating_add(self.for_others(counts)).min(999));
        let closeness = CLOSENESS_MAX - (CLOSENESS_MAX * mean).checked_div(self.farthest).unwrap_or(0);
        let score = millions * 1_000_000 + (999 - against) * 1_000 + closeness;
        let why = Why {
            score: u32::try_from(score).unwrap_or(u32::MAX),
            quality,
            pieces,
            orphans,
            reserved: counts.reserved,
            mean_distance: u32::try_from(mean).unwrap_or(u32::MAX),
        };
        Candidate { seats, why }
    }
}

/// How many seats of a group have traits that matter.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    reserved: u32,
    step_free: u32,
    wheelchairs: u32,
    companions: u32,
}

impl Counts {
    fn add(&mut self, traits: Traits) {
        self.reserved += u32::from(traits.intersects(RESERVED));
        self.step_free += u32::from(traits.intersects(STEP_FREE));
        self.wheelchairs += u32::from(traits.contains(SeatTrait::Wheelchair));
        self.companions += u32::from(traits.contains(SeatTrait::Companion));
    }

    fn remove(&mut self, traits: Traits) {
        self.reserved -= u32::from(traits.intersects(RESERVED));
        self.step_free -= u32::from(traits.intersects(STEP_FREE));
        self.wheelchairs -= u32::from(traits.contains(SeatTrait::Wheelchair));
        self.companions -= u32::from(traits.contains(SeatTrait::Companion));
    }
}

#[cfg(test)]
mod tests;
