//! Mouse, pen and fingers: drag, pinch, fling, click, hover and marquee.

use eventflow_core::seat_map::SeatIndex;

use super::Picker;
use crate::{
    geometry::{Box2, Spot, inside},
    json::Json,
    scene::Solid,
};

/// CSS pixels that a pointer may wander and still click.
const CLICK_SLOP: f64 = 5.0;
/// The same for a finger.
const TOUCH_SLOP: f64 = 10.0;
/// How far from a seat's middle a finger may be, in CSS pixels: half of a target of 44.
const TOUCH_REACH: f64 = 22.0;
/// How far from a seat's middle a mouse may be, in radii of a usual seat.
const SEAT_REACH: f64 = 1.15;
/// The size from which a booth is meant itself, in CSS pixels.
const BOOTH_LEAST: f64 = 10.0;
/// Moves older than this say nothing about the speed at which the pointer was let go.
const FLING_WINDOW_MS: f64 = 80.0;
/// What a step of the wheel of 100 CSS pixels zooms by, about.
const WHEEL_PER_PIXEL: f64 = 0.0022;
/// The same for a pinch on a trackpad, whose steps are small.
const PINCH_PER_PIXEL: f64 = 0.010;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointerKind {
    Down,
    Move,
    Up,
    Cancel,
    Leave,
}

/// A pointer event in CSS pixels.
#[derive(Debug, Clone, Copy)]
pub struct Pointer {
    pub kind: PointerKind,
    pub id: i32,
    pub x: f64,
    pub y: f64,
    pub time_ms: f64,
    pub buttons: u32,
    pub shift: bool,
    pub touch: bool,
}

/// What is under a point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hit {
    Seat(SeatIndex),
    Area(u16),
    Section(u16),
    #[default]
    Ground,
}

impl Hit {
    fn write(self, json: &mut Json) {
        json.braces(|json| match self {
            Self::Seat(seat) => json.key("seat").number(seat.0.into()),
            Self::Area(area) => json.key("area").number(area.into()),
            Self::Section(section) => json.key("section").number(section.into()),
            Self::Ground => {}
        });
    }
}

#[derive(Debug, Clone, Copy)]
struct Down {
    id: i32,
    start: (f64, f64),
    at: (f64, f64),
}

#[derive(Debug, Default)]
pub(super) struct Pointers {
    down: Vec<Down>,
    dragging: bool,
    marquee: bool,
    pub marquee_mode: bool,
    /// Where the pointer was lately, oldest first.
    trail: Vec<(f64, f64, f64)>,
    pub hover: Hit,
}

impl Pointers {
    fn let_go(&mut self, id: i32) {
        self.down.retain(|down| down.id != id);
        self.dragging &= !self.down.is_empty();
        self.marquee &= !self.down.is_empty();
    }

    /// The corners of the marquee being drawn, in CSS pixels.
    pub fn marquee(&self) -> Option<[f64; 4]> {
        let down = self.down.first().filter(|_| self.marquee && self.dragging)?;
        Some([down.start.0, down.start.1, down.at.0, down.at.1])
    }
}

impl Picker {
    pub fn pointer(&mut self, pointer: Pointer) -> String {
        match pointer.kind {
            PointerKind::Down => self.pointer_down(pointer),
            PointerKind::Move if pointer.buttons == 0 && !pointer.touch => {
                // Where it was let go, nobody heard of it.
                self.pointers.let_go(pointer.id);
                self.hover_at(self.hit(pointer))
            }
            PointerKind::Move => self.pointer_move(pointer),
            PointerKind::Up => self.pointer_up(pointer),
            PointerKind::Cancel => {
                self.pointers.let_go(pointer.id);
                String::new()
            }
            PointerKind::Leave => self.hover_at(Hit::Ground),
        }
    }

    pub fn wheel(&mut self, x: f64, y: f64, dx: f64, dy: f64, ctrl: bool) {
        let dpr = self.camera.dpr();
        if dx.abs() > dy.abs() {
            self.camera.pan_by(-dx * dpr, -dy * dpr);
            return;
        }
        let power = (dy * if ctrl { PINCH_PER_PIXEL } else { WHEEL_PER_PIXEL }).clamp(-1.0, 1.0);
        // Nearly the exponential function, and exactly undone by the opposite turn.
        let factor = (1.0 - power / 2.0) / (1.0 + power / 2.0);
        self.camera.zoom_by(factor, x * dpr, y * dpr, false);
    }

    pub fn set_marquee_mode(&mut self, on: bool) {
        self.pointers.marquee_mode = on;
    }

    pub fn hover(&self) -> i32 {
        match self.pointers.hover {
            Hit::Seat(seat) => seat.0 as i32,
            _ => -1,
        }
    }

    pub fn hit_json(&self, x: f64, y: f64) -> String {
        let mut json = Json::default();
        self.hit_at(x, y, 0.0).write(&mut json);
        json.text()
    }

    /// What is under a point of the screen in CSS pixels; a finger reaches `reach` around it.
    pub fn hit_at(&self, x: f64, y: f64, reach: f64) -> Hit {
        let (view, dpr) = (self.camera.view(), self.camera.dpr());
        let floor = &self.scene.floors[usize::from(self.floor)];
        let (px, py) = view.to_plan(x * dpr, y * dpr);
        let spot = (px as i32, py as i32);
        let pickable = self.seats_pickable();
        if pickable {
            let reach = (self.scene.radius * SEAT_REACH).max(reach * dpr / view.scale);
            if let Some(place) = floor.grid.nearest(px, py, reach, &|_| true) {
                return Hit::Seat(SeatIndex(place.seat));
            }
        }
        let meant = |solid: &&Solid| {
            let size = f64::from(solid.bounds.width().min(solid.bounds.height())) * view.scale / dpr;
            pickable || solid.booth && size >= BOOTH_LEAST
        };
        let solids = floor.solids.iter().rev().filter(|solid| solid.booth || solid.whole).filter(meant);
        let within = |bounds: Box2, outline: &[Spot]| bounds.contains(spot) && inside(outline, (px, py));
        if let Some(solid) = { solids }.find(|solid| within(solid.bounds, &solid.corners)) {
            return Hit::Seat(SeatIndex(solid.seat));
        }
        // Sections lie over areas, as they are painted.
        let block = floor.blocks.iter().rev().find(|block| within(block.bounds, &block.outline));
        if let Some(block) = block.filter(|_| !pickable) {
            return Hit::Section(block.section);
        }
        let area = floor.areas.iter().rev().find(|area| within(area.bounds, &area.outline));
        area.map_or(Hit::Ground, |area| Hit::Area(area.area))
    }

    fn hit(&self, pointer: Pointer) -> Hit {
        self.hit_at(pointer.x, pointer.y, if pointer.touch { TOUCH_REACH } else { 0.0 })
    }

    fn hover_at(&mut self, hit: Hit) -> String {
        if self.pointers.hover == hit {
            return String::new();
        }
        self.pointers.hover = hit;
        Json::object(|json| hit.write(json.key("hover")))
    }

    fn pointer_down(&mut self, pointer: Pointer) -> String {
        if !pointer.touch && pointer.buttons & 1 == 0 {
            return String::new();
        }
        let at = (pointer.x, pointer.y);
        self.camera.stop();
        self.pointers.down.retain(|down| down.id != pointer.id);
        self.pointers.down.push(Down { id: pointer.id, start: at, at });
        self.pointers.trail.clear();
        if self.pointers.down.len() == 1 {
            self.pointers.dragging = false;
            self.pointers.marquee = pointer.shift || self.pointers.marquee_mode;
        } else {
            self.pointers.dragging = true;
            self.pointers.marquee = false;
        }
        String::new()
    }

    fn pointer_move(&mut self, pointer: Pointer) -> String {
        let at = (pointer.x, pointer.y);
        let dpr = self.camera.dpr();
        let Some(which) = self.pointers.down.iter().position(|down| down.id == pointer.id) else {
            return String::new();
        };
        let before = std::mem::replace(&mut self.pointers.down[which].at, at);
        if let [a, b, ..] = self.pointers.down[..] {
            let other = if which == 0 { b.at } else { a.at };
            let apart = |p: (f64, f64)| {
                let (dx, dy) = (p.0 - other.0, p.1 - other.1);
                (dx * dx + dy * dy).sqrt().max(1.0)
            };
            let middle = |p: (f64, f64)| (f64::midpoint(p.0, other.0), f64::midpoint(p.1, other.1));
            let (from, to) = (middle(before), middle(at));
            self.camera.zoom_by(apart(at) / apart(before), from.0 * dpr, from.1 * dpr, false);
            self.camera.pan_by((to.0 - from.0) * dpr, (to.1 - from.1) * dpr);
            return String::new();
        }
        let start = self.pointers.down[which].start;
        let begins = !self.pointers.dragging && {
            let (dx, dy) = (at.0 - start.0, at.1 - start.1);
            let slop = if pointer.touch { TOUCH_SLOP } else { CLICK_SLOP };
            dx * dx + dy * dy > slop * slop
        };
        self.pointers.dragging |= begins;
        if self.pointers.dragging && !self.pointers.marquee {
            let from = if begins { start } else { before };
            self.camera.pan_by((at.0 - from.0) * dpr, (at.1 - from.1) * dpr);
            self.pointers.trail.retain(|&(time, ..)| pointer.time_ms - time <= FLING_WINDOW_MS);
            self.pointers.trail.push((pointer.time_ms, at.0, at.1));
        }
        if begins {
            self.pointers.hover = Hit::Ground;
            return r#"{"drag":true}"#.into();
        }
        String::new()
    }

    fn pointer_up(&mut self, pointer: Pointer) -> String {
        let Some(which) = self.pointers.down.iter().position(|down| down.id == pointer.id) else {
            return String::new();
        };
        let marquee = self.pointers.marquee();
        self.pointers.down.remove(which);
        if !self.pointers.down.is_empty() {
            return String::new();
        }
        self.pointers.marquee = false;
        if let Some(corners) = marquee {
            self.pointers.dragging = false;
            return Json::object(|json| {
                json.key("marquee").brackets(|json| corners.iter().for_each(|&at| json.tenths(at)));
            });
        }
        if std::mem::take(&mut self.pointers.dragging) {
            self.fling(pointer);
            return String::new();
        }
        let hit = self.hit(pointer);
        Json::object(|json| hit.write(json.key("click")))
    }

    fn fling(&mut self, pointer: Pointer) {
        let dpr = self.camera.dpr();
        self.pointers.trail.retain(|&(time, ..)| pointer.time_ms - time <= FLING_WINDOW_MS);
        if let (Some(first), Some(last)) = (self.pointers.trail.first(), self.pointers.trail.last()) {
            let dt = last.0 - first.0;
            if dt > 0.0 {
                self.camera.fling((last.1 - first.1) * dpr / dt, (last.2 - first.2) * dpr / dt);
            }
        }
    }
}
