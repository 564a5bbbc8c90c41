//! What can be bought: the state of every seat, filters, the buyer's own hold and selection.

use eventflow_core::lean::Gather;
use eventflow_core::seat_map::{Diff, Layout, Seat, SeatIndex, SeatStatus, Snapshot, Statuses};

/// What is known of a seat, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// Can be picked now: free or ours, and not filtered out.
    pub const ON: Self = Self(1);
    pub const SELECTED: Self = Self(2);
    /// Of our own hold.
    pub const MINE: Self = Self(4);
    /// Named as the cause of a violation.
    pub const MARKED: Self = Self(8);
    /// Does not pass the filters.
    pub const FILTERED: Self = Self(16);

    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    fn set(&mut self, other: Self, on: bool) {
        self.0 = if on { self.0 | other.0 } else { self.0 & !other.0 };
    }
}

/// What came of bytes from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Done,
    /// A revision in between is missing.
    Gap,
    Malformed,
}

#[derive(Debug)]
pub struct Sale {
    revision: u64,
    statuses: Statuses,
    areas_left: Vec<u32>,
    flags: Vec<Flags>,
    /// Seats that can be picked, for each section.
    section_free: Vec<u32>,
    selected: Vec<SeatIndex>,
    mine: Vec<SeatIndex>,
    marked: Vec<SeatIndex>,
    lost: Vec<SeatIndex>,
    /// Seats whose looks have changed since the picker last asked.
    changed: Vec<SeatIndex>,
    areas_changed: bool,
    category_on: Vec<bool>,
    required: u16,
    excluded: u16,
}

impl Sale {
    pub fn new(layout: &Layout) -> Self {
        let mut sale = Self {
            revision: 0,
            statuses: Statuses::new(layout.seat_count()),
            areas_left: layout.ga_areas().iter().map(|area| area.capacity).gather(),
            flags: vec![Flags::default(); layout.seats().len()],
            section_free: vec![0; layout.sections().len()],
            selected: Vec::new(),
            mine: Vec::new(),
            marked: Vec::new(),
            lost: Vec::new(),
            changed: Vec::new(),
            areas_changed: false,
            category_on: vec![true; layout.categories().len()],
            required: 0,
            excluded: 0,
        };
        sale.refresh_all(layout);
        sale
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }
    pub fn status(&self, seat: SeatIndex) -> SeatStatus {
        self.statuses.get(seat).unwrap_or(SeatStatus::Blocked)
    }
    pub fn flags(&self, seat: SeatIndex) -> Flags {
        self.flags.get(seat.position()).copied().unwrap_or_default()
    }
    pub fn is_on(&self, seat: SeatIndex) -> bool {
        self.flags(seat).has(Flags::ON)
    }
    /// Can have the focus: can be picked, or is selected already.
    pub fn is_reachable(&self, seat: SeatIndex) -> bool {
        self.is_on(seat) || self.flags(seat).has(Flags::SELECTED)
    }
    pub fn section_free(&self, section: usize) -> u32 {
        self.section_free.get(section).copied().unwrap_or(0)
    }
    pub fn area_left(&self, area: usize) -> u32 {
        self.areas_left.get(area).copied().unwrap_or(0)
    }
    pub fn category_is_on(&self, category: Option<u16>) -> bool {
        category.and_then(|category| self.category_on.get(usize::from(category))).copied().unwrap_or(true)
    }
    pub fn selected(&self) -> &[SeatIndex] {
        &self.selected
    }
    pub fn marked(&self) -> &[SeatIndex] {
        &self.marked
    }
    pub fn take_areas_changed(&mut self) -> bool {
        std::mem::take(&mut self.areas_changed)
    }
    pub fn take_changed(&mut self) -> Vec<SeatIndex> {
        std::mem::take(&mut self.changed)
    }
    pub fn take_lost(&mut self) -> Vec<SeatIndex> {
        std::mem::take(&mut self.lost)
    }

    pub fn apply_snapshot(&mut self, layout: &Layout, bytes: &[u8]) -> Applied {
        let Ok(snapshot) = Snapshot::decode(bytes) else { return Applied::Malformed };
        if snapshot.statuses.len() != layout.seat_count() || snapshot.areas.len() != self.areas_left.len() {
            return Applied::Malformed;
        }
        self.revision = snapshot.revision;
        for (seat, status) in layout.seats().iter().zip(snapshot.statuses.iter()) {
            self.set_status(seat, status);
        }
        self.areas_changed |= self.areas_left != snapshot.areas;
        self.areas_left = snapshot.areas;
        Applied::Done
    }

    pub fn apply_diff(&mut self, layout: &Layout, bytes: &[u8]) -> Applied {
        let Ok(diff) = Diff::decode(bytes) else { return Applied::Malformed };
        if diff.revision() <= self.revision {
            return Applied::Done;
        }
        if diff.base() != self.revision {
            return Applied::Gap;
        }
        let known = diff.seats().iter().all(|&(seat, _)| layout.seat(seat).is_some())
            && diff.areas().iter().all(|&(area, _)| usize::from(area) < self.areas_left.len());
        if !known {
            return Applied::Malformed;
        }
        self.revision = diff.revision();
        for &(seat, status) in diff.seats() {
            if let Some(seat) = layout.seat(seat) {
                self.set_status(seat, status);
            }
        }
        for &(area, left) in diff.areas() {
            self.areas_left[usize::from(area)] = left;
            self.areas_changed = true;
        }
        Applied::Done
    }

    pub fn set_mine(&mut self, layout: &Layout, seats: &[SeatIndex]) {
        let before = std::mem::take(&mut self.mine);
        for seat in layout_seats(layout, &before) {
            self.flags[seat.index.position()].set(Flags::MINE, false);
        }
        for seat in layout_seats(layout, seats) {
            self.flags[seat.index.position()].set(Flags::MINE, true);
            self.mine.push(seat.index);
        }
        for seat in layout_seats(layout, &before).chain(layout_seats(layout, seats)) {
            self.lose_if_taken(seat);
            self.refresh(seat);
            self.changed.push(seat.index);
        }
    }

    pub fn set_marked(&mut self, seats: &[SeatIndex]) {
        let before = std::mem::take(&mut self.marked);
        self.mark(&before, false);
        self.mark(seats, true);
        self.marked = seats.to_vec();
    }

    fn mark(&mut self, seats: &[SeatIndex], on: bool) {
        for seat in seats {
            if let Some(flags) = self.flags.get_mut(seat.position()) {
                flags.set(Flags::MARKED, on);
                self.changed.push(*seat);
            }
        }
    }

    pub fn set_categories(&mut self, layout: &Layout, enabled: &[u8]) {
        for (at, on) in self.category_on.iter_mut().enumerate() {
            *on = enabled.get(at).is_none_or(|&byte| byte != 0);
        }
        self.areas_changed = true;
        self.refresh_all(layout);
    }

    pub fn set_traits_filter(&mut self, layout: &Layout, required: u16, excluded: u16) {
        (self.required, self.excluded) = (required, excluded);
        self.refresh_all(layout);
    }

    /// Selects or unselects; the caller has judged whether that is allowed.
    pub fn set_selected(&mut self, seats: &[SeatIndex], on: bool) {
        for &seat in seats {
            let Some(flags) = self.flags.get_mut(seat.position()) else { continue };
            if flags.has(Flags::SELECTED) == on {
                continue;
            }
            flags.set(Flags::SELECTED, on);
            self.changed.push(seat);
            if on {
                self.selected.push(seat);
            }
        }
        if !on {
            let flags = &self.flags;
            self.selected.retain(|seat| flags[seat.position()].has(Flags::SELECTED));
        }
    }

    pub fn set_status(&mut self, seat: &Seat, status: SeatStatus) {
        if self.statuses.set(seat.index, status).is_none_or(|before| before == status) {
            return;
        }
        self.lose_if_taken(seat);
        self.refresh(seat);
        self.changed.push(seat.index);
    }

    fn lose_if_taken(&mut self, seat: &Seat) {
        let flags = self.flags(seat.index);
        let taken = self.status(seat.index) != SeatStatus::Free && !flags.has(Flags::MINE);
        if taken && flags.has(Flags::SELECTED) {
            self.set_selected(&[seat.index], false);
            self.lost.push(seat.index);
        }
    }

    fn refresh_all(&mut self, layout: &Layout) {
        for seat in layout.seats() {
            if self.refresh(seat) {
                self.changed.push(seat.index);
            }
        }
    }

    /// Works out whether a seat can be picked, and counts it.
    fn refresh(&mut self, seat: &Seat) -> bool {
        let bits = seat.traits.bits();
        let passes = self.category_is_on(seat.category)
            && bits & self.required == self.required
            && bits & self.excluded == 0;
        let free = self.status(seat.index) == SeatStatus::Free;
        let flags = &mut self.flags[seat.index.position()];
        let before = *flags;
        flags.set(Flags::FILTERED, !passes);
        flags.set(Flags::ON, passes && (free || flags.has(Flags::MINE)));
        if before.has(Flags::ON) != flags.has(Flags::ON)
            && let Some(count) = self.section_free.get_mut(usize::from(seat.section))
        {
            *count = if flags.has(Flags::ON) { *count + 1 } else { *count - 1 };
        }
        before != *flags
    }
}

fn layout_seats<'a>(layout: &'a Layout, seats: &'a [SeatIndex]) -> impl Iterator<Item = &'a Seat> {
    seats.iter().filter_map(|&seat| layout.seat(seat))
}
