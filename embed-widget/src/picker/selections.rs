//! Picking, and moving the focus.

use eventflow_core::seat_map::{SeatIndex, SeatStatus};

use super::{Picker, indexes};
use crate::{json::Json, sale::Flags};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Left,
    Right,
    Up,
    Down,
    RowStart,
    RowEnd,
    PreviousSection,
    NextSection,
}

/// What a pick did.
#[derive(Debug, Default)]
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
        let numbers = |seats: &[SeatIndex]| seats.iter().map(|seat| seat.0).collect::<Vec<_>>();
        Json::object(|json| {
            json.key("added").numbers(numbers(&self.added));
            json.key("removed").numbers(numbers(&self.removed));
            match &self.refused {
                None => json.key("refused").literal("null"),
                Some((code, seats)) => json.key("refused").braces(|json| {
                    json.key("code").string(code);
                    json.key("seats").numbers(numbers(seats));
                }),
            }
        })
    }
}

impl Picker {
    pub fn toggle(&mut self, seat: u32, party: u32) -> String {
        self.toggled(SeatIndex(seat), party).json()
    }

    fn toggled(&mut self, seat: SeatIndex, _party: u32) -> Change {
        if self.layout.seat(seat).is_none() {
            return Change::refused("unknown", Vec::new());
        }
        if self.sale.flags(seat).has(Flags::SELECTED) {
            self.sale.set_selected(&[seat], false);
            return Change { removed: vec![seat], ..Change::default() };
        }
        if !self.sale.is_on(seat) {
            return Change::refused(self.why_off(seat), vec![seat]);
        }
        if self.sale.selected().len() as u64 >= u64::from(self.rules.max) {
            return Change::refused("max", vec![seat]);
        }
        self.sale.set_selected(&[seat], true);
        Change { added: vec![seat], ..Change::default() }
    }

    fn why_off(&self, seat: SeatIndex) -> &'static str {
        match self.sale.status(seat) {
            SeatStatus::Held | SeatStatus::Sold => "taken",
            SeatStatus::Blocked => "blocked",
            SeatStatus::Free => "filtered",
        }
    }

    pub fn marquee(&mut self, x0: f64, y0: f64, x1: f64, y1: f64, add: bool) -> String {
        let (view, dpr) = (self.camera.view(), self.camera.dpr());
        let whole = |(x, y): (f64, f64)| (x as i32, y as i32);
        let part = crate::geometry::Box2::of([
            whole(view.to_plan(x0 * dpr, y0 * dpr)),
            whole(view.to_plan(x1 * dpr, y1 * dpr)),
        ]);
        let grid = &self.scene.floors[usize::from(self.floor)].grid;
        let inside = grid.within(part).flatten().filter(|place| part.contains((place.x, place.y)));
        let mut seats: Vec<u32> = inside.map(|place| place.seat).collect();
        seats.sort_unstable();
        if add {
            let mut all: Vec<u32> = self.selected();
            all.extend(seats);
            seats = all;
        }
        self.select(&seats)
    }

    pub fn select(&mut self, seats: &[u32]) -> String {
        let wanted: Vec<SeatIndex> =
            indexes(seats).into_iter().filter(|&seat| self.sale.is_reachable(seat)).collect();
        let removed: Vec<SeatIndex> =
            self.sale.selected().iter().copied().filter(|seat| !wanted.contains(seat)).collect();
        self.sale.set_selected(&removed, false);
        let before = self.sale.selected().len();
        self.sale.set_selected(&wanted, true);
        let added = self.sale.selected()[before..].to_vec();
        Change { added, removed, refused: None }.json()
    }

    pub fn clear(&mut self) {
        let all = self.sale.selected().to_vec();
        self.sale.set_selected(&all, false);
    }
    pub fn selected(&self) -> Vec<u32> {
        self.sale.selected().iter().map(|seat| seat.0).collect()
    }
    pub fn violations(&self) -> String {
        "[]".into()
    }

    pub fn move_focus(&mut self, direction: Direction) -> i32 {
        let at = self.focus.map_or(0, |seat| seat.0);
        let forward = matches!(
            direction,
            Direction::Right | Direction::Down | Direction::RowEnd | Direction::NextSection
        );
        let mut after = (at + 1..self.layout.seat_count()).map(SeatIndex);
        let mut before = (0..at).rev().map(SeatIndex);
        let next = if forward {
            after.find(|&seat| self.sale.is_reachable(seat))
        } else {
            before.find(|&seat| self.sale.is_reachable(seat))
        };
        if let Some(seat) = next {
            self.focus(seat.0 as i32);
        }
        self.focused()
    }

    pub fn focus(&mut self, seat: i32) {
        self.focus = u32::try_from(seat).ok().map(SeatIndex).filter(|&seat| self.layout.seat(seat).is_some());
        if let Some(seat) = self.focus.and_then(|seat| self.layout.seat(seat)) {
            let margin = 64.0 * self.camera.dpr();
            self.camera.reveal(seat.x, seat.y, margin);
        }
    }
    pub fn focused(&self) -> i32 {
        self.focus.map_or(-1, |seat| seat.0 as i32)
    }
    pub fn show_focus(&mut self, show: bool) {
        self.focus_shown = show;
    }
}
