//! Picking seats and moving the focus.

use eventflow_core::lean::Gather;
use eventflow_core::seat_map::{Picked, RowKind, SeatIndex, SeatStatus, Violation, check};

use super::{Picker, indexes};
use crate::{
    geometry::Box2,
    json::Json,
    keyboard::{Direction, neighbour},
    sale::Flags,
    scene::seats_of,
};

/// How far inside the view the focus is kept, in CSS pixels.
const FOCUS_MARGIN: f64 = 72.0;

/// What a pick did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    added: Vec<SeatIndex>,
    removed: Vec<SeatIndex>,
    refused: Option<(&'static str, Vec<SeatIndex>)>,
}

impl Change {
    fn refused(code: &'static str, seats: Vec<SeatIndex>) -> Self {
        Self { refused: Some((code, seats)), ..Self::default() }
    }

    fn json(&self) -> String {
        Json::object(|json| {
            json.key("added").numbers(self.added.iter().map(|seat| seat.0));
            json.key("removed").numbers(self.removed.iter().map(|seat| seat.0));
            match &self.refused {
                None => json.key("refused").literal("null"),
                Some((code, seats)) => json.key("refused").braces(|json| {
                    json.key("code").string(code);
                    json.key("seats").numbers(seats.iter().map(|seat| seat.0));
                }),
            }
        })
    }
}

impl Picker {
    pub fn toggle(&mut self, seat: u32, party: u32) -> String {
        self.toggled(SeatIndex(seat), party as usize).json()
    }

    pub(super) fn toggled(&mut self, seat: SeatIndex, party: usize) -> Change {
        if self.layout.seat(seat).is_none() {
            return Change::refused("unknown", Vec::new());
        }
        let together = self.together(seat);
        if self.sale.flags(seat).has(Flags::SELECTED) {
            let all = self.sale.selected().to_vec();
            return self.change(Vec::new(), if party > 1 { all } else { together });
        }
        if let Some(&off) = together.iter().find(|&&seat| !self.sale.is_on(seat)) {
            return Change::refused(self.why_off(off), vec![off]);
        }
        let (group, before) = if party > 1 && together.len() == 1 {
            // A party has its places in one go: what it had before is given back.
            match self.party(seat, party) {
                Some(group) => (group, self.sale.selected().to_vec()),
                None => return Change::refused("party", vec![seat]),
            }
        } else {
            (together, Vec::new())
        };
        let count = self.sale.selected().len() - before.len() + group.len();
        if count > self.room() {
            return Change::refused("max", group);
        }
        self.change(group, before)
    }

    /// The seats that are only sold with this one, itself among them.
    fn together(&self, seat: SeatIndex) -> Vec<SeatIndex> {
        match self.layout.row_of(seat) {
            Some(row) if matches!(row.kind, RowKind::Table { whole: true, .. }) => {
                seats_of(&self.layout, row).iter().map(|seat| seat.index).gather()
            }
            _ => vec![seat],
        }
    }

    /// The group of neighbours with this seat in it that breaks the fewest rules; of those the one with the seat
    /// nearest to its middle.
    fn party(&self, seat: SeatIndex, party: usize) -> Option<Vec<SeatIndex>> {
        let open = |at: &SeatIndex| self.sale.is_on(*at);
        let walk = |forward: bool| {
            let mut at = seat;
            let mut found = Vec::new();
            while found.len() + 1 < party {
                let (before, after) = self.layout.neighbours(at);
                match (if forward { after } else { before }).filter(open) {
                    Some(next) if next != seat => found.push(next),
                    _ => break,
                }
                at = *found.last()?;
            }
            Some(found)
        };
        let (mut line, after) = (walk(false)?, walk(true)?);
        line.reverse();
        let here = line.len();
        line.push(seat);
        line.extend(after);
        let off_middle = |start: usize| (2 * here + 1).abs_diff(2 * start + party);
        let windows = line.windows(party).enumerate().filter(|(_, window)| {
            // Around a table the walks of both sides meet.
            let once = window.iter().enumerate().all(|(at, seat)| !window[..at].contains(seat));
            once && window.contains(&seat)
        });
        let broken = |window: &[SeatIndex]| self.broken_rules(window, &[]).len();
        let best = windows.min_by_key(|&(start, window)| (broken(window), off_middle(start), start));
        best.map(|(_, window)| window.to_vec())
    }

    fn broken_rules(&self, seats: &[SeatIndex], areas: &[(u16, u32)]) -> Vec<Violation> {
        let free = |seat: SeatIndex| self.is_free(seat);
        check(&self.layout, &free, Picked { seats, areas }, &self.rules)
    }

    fn is_free(&self, seat: SeatIndex) -> bool {
        self.sale.status(seat) == SeatStatus::Free || self.sale.flags(seat).has(Flags::MINE)
    }

    fn why_off(&self, seat: SeatIndex) -> &'static str {
        match self.sale.status(seat) {
            SeatStatus::Held | SeatStatus::Sold => "taken",
            SeatStatus::Blocked => "blocked",
            SeatStatus::Free => "filtered",
        }
    }

    /// Adds and removes; seats on both sides stay.
    fn change(&mut self, add: Vec<SeatIndex>, remove: Vec<SeatIndex>) -> Change {
        let removed: Vec<SeatIndex> = remove.into_iter().filter(|seat| !add.contains(seat)).gather();
        self.sale.set_selected(&removed, false);
        let selected = |seat: &SeatIndex| self.sale.flags(*seat).has(Flags::SELECTED);
        let added: Vec<SeatIndex> = add.into_iter().filter(|seat| !selected(seat)).gather();
        self.sale.set_selected(&added, true);
        self.frame.happened(&added, false);
        Change { added, removed, refused: None }
    }

    pub fn marquee(&mut self, x0: f64, y0: f64, x1: f64, y1: f64, add: bool) -> String {
        let (view, dpr) = (self.camera.view(), self.camera.dpr());
        let whole = |(x, y): (f64, f64)| (x as i32, y as i32);
        let corners = [view.to_plan(x0 * dpr, y0 * dpr), view.to_plan(x1 * dpr, y1 * dpr)];
        let part = Box2::of(corners.map(whole));
        let floor = &self.scene.floors[usize::from(self.floor)];
        let inside = floor.grid.within(part).flatten().filter(|place| part.contains((place.x, place.y)));
        let mut seats: Vec<u64> = inside.map(|place| place.seat.into()).gather();
        let booths = floor.solids.iter().filter(|solid| solid.booth && part.contains(solid.middle));
        booths.for_each(|solid| seats.push(solid.seat.into()));
        crate::lean::sort(&mut seats);
        let mut all = if add { self.selected() } else { Vec::new() };
        seats.iter().for_each(|&seat| all.push(seat as u32));
        self.select(&all)
    }

    pub fn select(&mut self, seats: &[u32]) -> String {
        let room = self.room();
        let mut wanted: Vec<SeatIndex> = Vec::new();
        let mut taken = vec![false; self.layout.seats().len()];
        let mut full = Vec::new();
        for seat in indexes(seats).into_iter().filter(|&seat| self.sale.is_reachable(seat)) {
            if taken[seat.position()] {
                continue;
            }
            let together = self.together(seat);
            if !together.iter().all(|&seat| self.sale.is_reachable(seat)) {
                continue;
            }
            if wanted.len() + together.len() > room {
                full.push(seat);
                continue;
            }
            together.iter().for_each(|seat| taken[seat.position()] = true);
            wanted.extend(together);
        }
        let before = self.sale.selected().to_vec();
        let removed = before.into_iter().filter(|seat| !taken[seat.position()]).gather();
        let mut change = self.change(wanted, removed);
        if !full.is_empty() {
            change.refused = Some(("max", full));
        }
        change.json()
    }

    pub fn clear(&mut self) {
        let all = self.sale.selected().to_vec();
        self.sale.set_selected(&all, false);
    }
    pub fn selected(&self) -> Vec<u32> {
        self.sale.selected().iter().map(|seat| seat.0).gather()
    }

    pub fn set_area_picks(&mut self, picks: &[u32]) {
        let pairs = picks.chunks_exact(2).filter(|pair| pair[1] > 0);
        self.area_picks = pairs.filter_map(|pair| Some((u16::try_from(pair[0]).ok()?, pair[1]))).gather();
    }

    /// Seats that may be selected beside the standing places.
    fn room(&self) -> usize {
        let standing = self.area_picks.iter().fold(0, |sum: u32, &(_, places)| sum.saturating_add(places));
        self.rules.max.saturating_sub(standing) as usize
    }

    pub fn violations(&self) -> String {
        let violations = self.broken_rules(self.sale.selected(), &self.area_picks);
        Json::array(|json| {
            for violation in &violations {
                json.braces(|json| {
                    json.key("rule").string(violation.rule.code());
                    json.key("seats").numbers(violation.seats.iter().map(|seat| seat.0));
                    json.key("area").number(violation.area.map_or(-1, i64::from));
                    json.key("limit").number(violation.limit.into());
                });
            }
        })
    }

    pub fn move_focus(&mut self, direction: Direction) -> i32 {
        let reachable = |seat: SeatIndex| self.sale.is_reachable(seat);
        let floor = self.focus.map_or(self.floor, |seat| self.layout.floor_of(seat));
        let same_floor = |section: u16| self.scene.floor_of(section) == floor;
        let next = match self.focus {
            Some(seat) => neighbour(&self.layout, seat, direction, &reachable, &same_floor),
            None => self.middle_seat(),
        };
        if let Some(seat) = next {
            self.focus(seat.0 as i32);
        }
        self.focused()
    }

    /// The seat nearest to the middle of the view that may have the focus; on another floor when this one has none.
    fn middle_seat(&self) -> Option<SeatIndex> {
        let size = self.frame.canvas.bounds();
        let (x, y) = self.camera.view().to_plan(f64::from(size.x1) / 2.0, f64::from(size.y1) / 2.0);
        let seats = self.layout.seats().iter().filter(|seat| self.sale.is_reachable(seat.index));
        let far = |seat: &&eventflow_core::seat_map::Seat| {
            let (dx, dy) = (f64::from(seat.x) - x, f64::from(seat.y) - y);
            (self.scene.floor_of(seat.section) != self.floor, (dx * dx + dy * dy) as u64)
        };
        seats.min_by_key(far).map(|seat| seat.index)
    }

    pub fn focus(&mut self, seat: i32) {
        self.focus = u32::try_from(seat).ok().map(SeatIndex).filter(|&seat| self.layout.seat(seat).is_some());
        let Some(seat) = self.focus.and_then(|seat| self.layout.seat(seat)).copied() else { return };
        self.set_floor(self.scene.floor_of(seat.section).into());
        if self.seats_pickable() {
            self.camera.reveal(seat.x, seat.y, FOCUS_MARGIN * self.camera.dpr());
        } else {
            let around = Box2::EMPTY.with((seat.x, seat.y)).grown((self.scene.radius * 24.0) as i32);
            self.show_pickable(around);
        }
    }
    pub fn focused(&self) -> i32 {
        self.focus.map_or(-1, |seat| seat.0 as i32)
    }
    pub fn show_focus(&mut self, show: bool) {
        self.focus_shown = show;
    }
}
