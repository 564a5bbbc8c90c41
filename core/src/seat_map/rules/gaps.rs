//! Gaps: seats side by side that can be had.

use super::super::{Layout, SeatIndex};

/// A maximal group of open neighbours, in the order in which people sit. Used again and again: it keeps its memory.
#[derive(Debug, Default)]
pub(super) struct Gap {
    pub(super) seats: Vec<SeatIndex>,
    /// The seats are all chairs of a round table: the last is beside the first.
    pub(super) closed: bool,
}

impl Gap {
    /// Becomes the gap that an open seat is in.
    pub(super) fn surround(&mut self, layout: &Layout, open: &dyn Fn(SeatIndex) -> bool, seat: SeatIndex) {
        let mut first = seat;
        while let Some(before) = layout.neighbours(first).0.filter(|&before| before != seat && open(before)) {
            first = before;
        }
        self.seats.clear();
        self.seats.push(first);
        let mut last = first;
        self.closed = loop {
            match layout.neighbours(last).1.filter(|&after| open(after)) {
                Some(after) if after == first => break true,
                Some(after) => {
                    self.seats.push(after);
                    last = after;
                }
                None => break false,
            }
        };
    }

    /// Whether `count` seats side by side can be taken from it that leave no single seat, all of them fit.
    pub(super) fn has_room(&self, count: usize, fits: &dyn Fn(SeatIndex) -> bool) -> bool {
        let len = self.seats.len();
        let Some(left) = len.checked_sub(count).filter(|&left| left != 1) else { return false };
        let around = if self.closed && left > 0 { count - 1 } else { 0 };
        let mut fitting = 0;
        (0..len + around).any(|at| {
            fitting = if fits(self.seats[at % len]) { fitting + 1 } else { 0 };
            let after = (len + around) - (at + 1);
            fitting >= count && (self.closed || (at + 1 - count != 1 && after != 1))
        })
    }

    /// The seats that stay single when those that `taken` says are gone. A gap of one seat was single before.
    pub(super) fn singles<'a>(
        &'a self,
        taken: &'a impl Fn(SeatIndex) -> bool,
    ) -> impl Iterator<Item = SeatIndex> + 'a {
        let len = self.seats.len();
        let gone = move |at: usize| taken(self.seats[at]);
        let before = move |at: usize| match at {
            0 => !self.closed || gone(len - 1),
            at => gone(at - 1),
        };
        let after = move |at: usize| if at + 1 == len { !self.closed || gone(0) } else { gone(at + 1) };
        let single = move |at: &usize| len > 1 && !gone(*at) && before(*at) && after(*at);
        (0..len).filter(single).map(|at| self.seats[at])
    }
}
