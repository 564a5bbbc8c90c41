//! The house as one request sees it: which seats are free, and which of them may be given out.

use super::{
    super::{Layout, LayoutRow, SeatIndex, Traits},
    RESERVED, Request,
};

/// The seat is free.
const FREE: u8 = 1;
/// It is free and not kept for somebody: it counts as company.
const COMPANY: u8 = 2;
/// It may be given out.
const OFFERED: u8 = 4;

pub(super) struct House<'a> {
    pub(super) layout: &'a Layout,
    /// By seat.
    flags: Vec<u8>,
    categories: Vec<Option<u16>>,
}

impl<'a> House<'a> {
    pub(super) fn new(
        layout: &'a Layout,
        free: &impl Fn(SeatIndex) -> bool,
        category: &impl Fn(SeatIndex) -> Option<u16>,
        request: &Request,
    ) -> Self {
        let wanted = |row: &LayoutRow| {
            let section = layout.sections().get(usize::from(row.section));
            (request.sections.is_empty() || request.sections.contains(&row.section))
                && (request.zones.is_empty()
                    || section
                        .and_then(|section| section.zone)
                        .is_some_and(|zone| request.zones.contains(&zone)))
        };
        let mut flags = vec![0; layout.seats().len()];
        let mut categories = vec![None; flags.len()];
        for row in layout.rows().iter().filter(|row| wanted(row)) {
            for seat in &layout.seats()[positions(row)] {
                let at = seat.index.position();
                categories[at] = category(seat.index);
                if free(seat.index) {
                    let company = if seat.traits.intersects(RESERVED) { 0 } else { COMPANY };
                    let matches = request.categories.is_empty()
                        || categories[at].is_some_and(|category| request.categories.contains(&category));
                    flags[at] = FREE | company | if matches { OFFERED } else { 0 };
                }
            }
        }
        Self { layout, flags, categories }
    }

    /// Takes seats with certain traits off the offer.
    pub(super) fn withdraw(&mut self, traits: impl Fn(Traits) -> bool) {
        for (flags, seat) in self.flags.iter_mut().zip(self.layout.seats()) {
            if *flags & OFFERED != 0 && traits(seat.traits) {
                *flags &= !OFFERED;
            }
        }
    }

    pub(super) fn take(&mut self, at: usize) {
        self.flags[at] &= !OFFERED;
    }

    pub(super) fn is_free(&self, at: usize) -> bool {
        self.flags[at] & FREE != 0
    }
    pub(super) fn is_offered(&self, at: usize) -> bool {
        self.flags[at] & OFFERED != 0
    }

    /// Whether the seat continues the group of the one before it: its neighbour, of the same category.
    pub(super) fn continues(&self, at: usize) -> bool {
        !self.layout.seats()[at].starts_run && self.categories[at - 1] == self.categories[at]
    }

    pub(super) fn same_category(&self, a: usize, b: usize) -> bool {
        self.categories[a] == self.categories[b]
    }

    /// Whether taking seats from `start` leaves the seat before them alone: the rule of orphans for a whole window.
    pub(super) fn orphan_before(&self, start: usize) -> bool {
        let linked = |at: usize| !self.layout.seats()[at].starts_run && self.company(at - 1);
        self.company(start) && linked(start) && !linked(start - 1)
    }

    /// The same after `last`.
    pub(super) fn orphan_after(&self, last: usize) -> bool {
        let seats = self.layout.seats();
        let linked =
            |at: usize| seats.get(at + 1).is_some_and(|seat| !seat.starts_run) && self.company(at + 1);
        self.company(last) && linked(last) && !linked(last + 1)
    }

    fn company(&self, at: usize) -> bool {
        self.flags[at] & COMPANY != 0
    }
}

/// The seats of a row as a range of positions.
pub(super) fn positions(row: &LayoutRow) -> std::ops::Range<usize> {
    SeatIndex(row.seats.start).position()..SeatIndex(row.seats.end).position()
}
