//! The frame: what has changed since the last one is painted, and only that.

use eventflow_core::lean::Gather;
use eventflow_core::seat_map::{SeatIndex, SeatStatus};

use super::Picker;
use crate::{
    damage::Damage,
    geometry::Box2,
    looks::{Look, SIZES, State},
    paint::{Mark, NEAR_RADIUS, Overlays, Painter, SEEN_RADIUS, Stock},
    picker::pointers::Hit,
    sale::Flags,
};
use eventflow_raster::{Canvas, Color, Projection, Rect, Surface, straight};

/// More changed seats than this are not looked at one by one.
const CHANGES_MAX: usize = 4_000;
/// How far the picture of a seat reaches, in radii of a usual one.
const SEAT_REACH: f64 = 1.9;
/// Names of sections reach beyond small sections, in CSS pixels.
const NAME_REACH: f64 = 60.0;
const POP_MS: f64 = 280.0;
const LOST_MS: f64 = 1_600.0;
const LOST_STILL_MS: f64 = 2_500.0;
/// During a zoom, texts of new sizes are drawn only so often.
const TEXTS_EVERY_MS: f64 = 120.0;

/// What [`Picker::render`] says.
pub const CHANGED: u32 = 1;
pub const AGAIN: u32 = 2;
pub const MINIMAP: u32 = 4;
pub const TEXTS: u32 = 8;
pub const MOVED: u32 = 16;

#[derive(Debug, Default)]
pub(super) struct Frame {
    pub canvas: Canvas,
    pub stock: Stock,
    pub overlays: Overlays,
    pub damage: Damage,
    /// What the canvas shows.
    shown: Option<(Projection, u16)>,
    dirty: Vec<i32>,
    /// With straight alpha, when the floor has images below.
    straight: Vec<u32>,
    events: Vec<Event>,
    /// When texts were last asked for.
    texts_asked: f64,
    pub map: Minimap,
}

/// Something that happened to a seat and is shown for a while.
#[derive(Debug)]
struct Event {
    seat: SeatIndex,
    lost: bool,
    begun: Option<f64>,
}

#[derive(Debug, Default)]
pub(super) struct Minimap {
    /// Without the rectangle of the view.
    base: Canvas,
    canvas: Canvas,
    stale: bool,
}

impl Frame {
    pub fn resize(&mut self, width: i32, height: i32) {
        self.canvas.resize(width, height);
        self.damage.resize(width, height);
        self.repaint();
    }

    /// Everything looks different.
    pub fn repaint(&mut self) {
        self.shown = None;
        self.map.stale = true;
    }

    pub fn happened(&mut self, seats: &[SeatIndex], lost: bool) {
        self.events.extend(seats.iter().map(|&seat| Event { seat, lost, begun: None }));
    }
}

impl Picker {
    pub fn render(&mut self, now: f64) -> u32 {
        self.camera.step(now);
        let projection = self.camera.view().projection();
        let shown = self.frame.shown;
        let mut flags = 0;
        let moved = shown
            .filter(|&(_, floor)| floor == self.floor)
            .and_then(|(before, _)| projection.moved_from(before));
        if shown != Some((projection, self.floor)) {
            flags |= MOVED;
        }
        self.frame.shown = Some((projection, self.floor));
        let mut rects = Vec::new();
        match moved {
            None => self.frame.damage.add_all(),
            Some((dx, dy)) => rects = self.scroll(dx, dy),
        }
        let scrolled = !rects.is_empty();
        let texts = &mut self.frame.stock.texts;
        let zooms = moved.is_none() && shown.is_some_and(|(_, floor)| floor == self.floor);
        texts.passing = zooms && now - self.frame.texts_asked < TEXTS_EVERY_MS;
        if !texts.passing && std::mem::take(&mut texts.missed) {
            self.frame.damage.add_all();
        }
        self.take_changes(projection);
        self.take_overlays(projection, now);
        rects.extend(self.frame.damage.take());
        self.paint(&rects, projection);
        if !rects.is_empty() {
            flags |= CHANGED;
        }
        if scrolled {
            rects = vec![self.frame.canvas.bounds()];
        }
        self.frame.dirty.clear();
        for rect in &rects {
            self.frame.dirty.extend_from_slice(&[rect.x0, rect.y0, rect.width(), rect.height()]);
        }
        if self.has_images() {
            self.straighten();
        }
        if (flags & MOVED != 0 || self.frame.map.stale) && self.paint_minimap() {
            flags |= MINIMAP;
        }
        if self.frame.stock.texts.wants() {
            flags |= TEXTS;
            self.frame.texts_asked = now;
        }
        if self.camera.moves() || !self.frame.events.is_empty() || self.frame.stock.texts.missed {
            flags |= AGAIN;
        }
        flags
    }

    /// Moves the picture; returns the strips that have come in.
    fn scroll(&mut self, dx: i32, dy: i32) -> Vec<Rect> {
        if (dx, dy) == (0, 0) {
            return Vec::new();
        }
        let bounds = self.frame.canvas.bounds();
        let (width, height) = (bounds.x1, bounds.y1);
        if dx.abs() >= width || dy.abs() >= height {
            return vec![bounds];
        }
        self.frame.canvas.scroll(dx, dy);
        let mut strips = Vec::new();
        let (top, bottom) = (dy.max(0), height + dy.min(0));
        if dy > 0 {
            strips.push(Rect::new(0, 0, width, dy));
        } else if dy < 0 {
            strips.push(Rect::new(0, bottom, width, height));
        }
        if dx > 0 {
            strips.push(Rect::new(0, top, dx, bottom));
        } else if dx < 0 {
            strips.push(Rect::new(width + dx, top, width, bottom));
        }
        strips
    }

    /// New looks for the seats that have changed.
    fn take_changes(&mut self, projection: Projection) {
        let changed = self.sale.take_changed();
        let areas = self.sale.take_areas_changed();
        if changed.is_empty() && !areas {
            return;
        }
        self.frame.map.stale = true;
        for &seat in &changed {
            self.dress(seat);
        }
        if changed.len() > CHANGES_MAX {
            self.frame.damage.add_all();
            return;
        }
        let floor = &self.scene.floors[usize::from(self.floor)];
        let reach = projection.length(self.scene.radius * SEAT_REACH) / 256.0 + 2.0;
        let name_reach = (NAME_REACH * self.camera.dpr()) as i32;
        let mut sections: Vec<u16> = Vec::new();
        for seat in changed.iter().filter_map(|&seat| self.layout.seat(seat)) {
            if self.scene.floor_of(seat.section) == self.floor {
                let (x, y) = projection.pixel((seat.x, seat.y));
                self.frame.damage.add(Rect::around(f64::from(x), f64::from(y), reach));
                if !sections.contains(&seat.section) {
                    sections.push(seat.section);
                }
            }
        }
        let named = projection.length(self.scene.radius) / 256.0 / self.camera.dpr() < NEAR_RADIUS;
        for block in floor.blocks.iter().filter(|block| named && sections.contains(&block.section)) {
            self.frame.damage.add(projection.rect(block.bounds).grown(name_reach));
        }
        for solid in floor.solids.iter().filter(|solid| solid.booth || solid.whole) {
            if changed.iter().any(|seat| seat.0 == solid.seat) {
                self.frame.damage.add(projection.rect(solid.bounds).grown(4));
            }
        }
        for area in floor.areas.iter().filter(|_| areas) {
            self.frame.damage.add(projection.rect(area.bounds).grown(name_reach));
        }
    }

    /// Puts the look of a seat where the painter finds it.
    pub(super) fn dress(&mut self, seat: SeatIndex) {
        let Some(facts) = self.layout.seat(seat) else { return };
        let categories = self.colors.len();
        let look = Look {
            size: self.scene.size_of(facts.section),
            category: facts.category.map_or(categories, usize::from).min(categories) as u16,
            state: self.look_state(seat),
            square: facts.traits.contains(eventflow_core::seat_map::SeatTrait::Wheelchair),
        };
        let floor = self.scene.floor_of(facts.section);
        if let Some(slot) = self.scene.slot(seat)
            && let Some(place) = self.scene.floors[usize::from(floor)].grid.place_mut(slot)
        {
            place.look = look.code(categories);
        }
    }

    fn look_state(&self, seat: SeatIndex) -> State {
        let flags = self.sale.flags(seat);
        match self.sale.status(seat) {
            _ if flags.has(Flags::MINE) => State::Mine,
            _ if flags.has(Flags::SELECTED) => State::Selected,
            SeatStatus::Free if flags.has(Flags::FILTERED) => State::Filtered,
            SeatStatus::Free => State::Free,
            SeatStatus::Held => State::Held,
            SeatStatus::Sold => State::Sold,
            SeatStatus::Blocked => State::Blocked,
        }
    }

    fn take_overlays(&mut self, projection: Projection, now: f64) {
        let overlays = self.overlays_at(now);
        if overlays == self.frame.overlays {
            return;
        }
        let before = std::mem::replace(&mut self.frame.overlays, overlays);
        let painter = self.painter(projection, &self.frame.overlays);
        let kept = |mark: &(Mark, (i32, i32), f64), others: &Overlays| others.marks.contains(mark);
        let gone = before.marks.iter().filter(|mark| !kept(mark, &self.frame.overlays));
        let come = self.frame.overlays.marks.iter().filter(|mark| !kept(mark, &before));
        let mut rects: Vec<Rect> =
            gone.chain(come).map(|&(_, spot, radius)| painter.mark_rect(spot, radius)).gather();
        for marquee in [before.marquee, self.frame.overlays.marquee].into_iter().flatten() {
            rects.push(marquee.grown(3));
        }
        for rect in rects {
            self.frame.damage.add(rect);
        }
    }

    fn overlays_at(&mut self, now: f64) -> Overlays {
        let still = self.camera.still;
        let lost_ms = if still { LOST_STILL_MS } else { LOST_MS };
        let mut marks = Vec::new();
        let mut events = std::mem::take(&mut self.frame.events);
        events.retain_mut(|event| {
            let begun = *event.begun.get_or_insert(now);
            let at = (now - begun) / if event.lost { lost_ms } else { POP_MS };
            let Some((spot, radius)) = self.spot(event.seat).filter(|_| at < 1.0 && (event.lost || !still))
            else {
                return false;
            };
            let mark = match (event.lost, still) {
                (true, true) => Mark::Lost(0.0),
                (true, false) => Mark::Lost(at),
                (false, _) => Mark::Pop(at),
            };
            marks.push((mark, spot, radius));
            true
        });
        self.frame.events = events;
        let causes = self.sale.marked().iter().filter_map(|&seat| self.spot(seat));
        causes.for_each(|(spot, radius)| marks.push((Mark::Cause, spot, radius)));
        if let Hit::Seat(seat) = self.pointers.hover
            && let Some((spot, radius)) = self.spot(seat)
        {
            marks.push((Mark::Hover, spot, radius));
        }
        if let Some((spot, radius)) = self.focus.filter(|_| self.focus_shown).and_then(|seat| self.spot(seat))
        {
            marks.push((Mark::Focus, spot, radius));
        }
        let dpr = self.camera.dpr();
        let marquee = self.pointers.marquee().map(|[x0, y0, x1, y1]| {
            let pixel = |css: f64| (css * dpr).round() as i32;
            Rect::new(pixel(x0.min(x1)), pixel(y0.min(y1)), pixel(x0.max(x1)), pixel(y0.max(y1)))
        });
        Overlays { marks, marquee }
    }

    /// Where a seat of this floor is, and its radius.
    fn spot(&self, seat: SeatIndex) -> Option<((i32, i32), f64)> {
        let facts = self.layout.seat(seat).filter(|seat| self.scene.floor_of(seat.section) == self.floor)?;
        let size = SIZES[usize::from(self.scene.size_of(facts.section))];
        let radius =
            if self.scene.slot(seat).is_some() { self.scene.radius * size } else { self.booth_radius(seat) };
        Some(((facts.x, facts.y), radius))
    }

    fn booth_radius(&self, seat: SeatIndex) -> f64 {
        let solids = &self.scene.floors[usize::from(self.floor)].solids;
        let size = solids.iter().find(|solid| solid.booth && solid.seat == seat.0).map(|solid| solid.bounds);
        size.map_or(self.scene.radius, |bounds| f64::from(bounds.width().min(bounds.height())) / 2.0)
    }

    fn painter<'a>(&'a self, projection: Projection, overlays: &'a Overlays) -> Painter<'a> {
        Painter {
            layout: &self.layout,
            floor: &self.scene.floors[usize::from(self.floor)],
            floor_index: self.floor,
            sale: &self.sale,
            theme: &self.theme,
            colors: &self.colors,
            projection,
            dpr: self.camera.dpr(),
            radius: projection.length(self.scene.radius) / 256.0,
            stage_label: &self.stage_label,
            overlays,
            large: self.camera.scale_fitted() * self.scene.radius < SEEN_RADIUS * self.camera.dpr(),
            clear: self.has_images(),
        }
    }

    fn paint(&mut self, rects: &[Rect], projection: Projection) {
        let mut canvas = std::mem::take(&mut self.frame.canvas);
        let mut stock = std::mem::take(&mut self.frame.stock);
        let painter = self.painter(projection, &self.frame.overlays);
        for &rect in rects {
            canvas.set_clip(rect);
            painter.paint(&mut canvas, &mut stock);
        }
        self.frame.canvas = canvas;
        self.frame.stock = stock;
    }

    fn has_images(&self) -> bool {
        self.layout.images().iter().any(|image| image.floor.is_none_or(|floor| floor == self.floor))
    }

    fn straighten(&mut self) {
        let pixels = self.frame.canvas.pixels();
        let width = self.frame.canvas.bounds().x1 as usize;
        self.frame.straight.resize(pixels.len(), 0);
        for rect in self.frame.dirty.chunks_exact(4) {
            let [x, y, w, h] = [rect[0], rect[1], rect[2], rect[3]].map(|at| at as usize);
            for row in y..y + h {
                let part = row * width + x..row * width + x + w;
                for (to, &from) in self.frame.straight[part.clone()].iter_mut().zip(&pixels[part]) {
                    *to = straight(from);
                }
            }
        }
    }

    pub fn repaint(&mut self) {
        self.frame.repaint();
    }

    /// RGBA pixels, as the canvas of the page takes them.
    pub fn frame(&self) -> &[u32] {
        if self.has_images() { &self.frame.straight } else { self.frame.canvas.pixels() }
    }
    pub fn frame_width(&self) -> u32 {
        self.frame.canvas.bounds().x1 as u32
    }
    pub fn frame_height(&self) -> u32 {
        self.frame.canvas.bounds().y1 as u32
    }
    pub fn dirty(&self) -> Vec<i32> {
        self.frame.dirty.clone()
    }

    pub fn needs_texts(&mut self) -> String {
        self.frame.stock.texts.ask()
    }
    pub fn add_texts(&mut self, metrics: &[i32], coverage: &[u8]) {
        if self.frame.stock.texts.add(metrics, coverage) {
            self.frame.damage.add_all();
        }
    }
    pub fn reset_texts(&mut self) {
        self.frame.stock.texts.reset();
        self.frame.damage.add_all();
    }

    pub fn minimap_resize(&mut self, width: u32, height: u32) {
        let side = |pixels: u32| pixels.min(1_024) as i32;
        self.frame.map.base.resize(side(width), side(height));
        self.frame.map.canvas.resize(side(width), side(height));
        self.frame.map.stale = true;
    }
    pub fn minimap(&self) -> &[u32] {
        self.frame.map.canvas.pixels()
    }
    pub fn minimap_to(&mut self, x: f64, y: f64) {
        let bounds = self.frame.map.base.bounds();
        let projection = self.minimap_projection();
        let at = Rect::new((x * f64::from(bounds.x1)) as i32, (y * f64::from(bounds.y1)) as i32, 0, 0);
        let part = projection.part(Rect { x1: at.x0, y1: at.y0, ..at });
        let (x, y) = part.centre();
        self.camera.centre_on(x, y);
    }

    /// The floor with all of its sections, in the middle of the minimap.
    fn minimap_projection(&self) -> Projection {
        let (size, floor) = (self.frame.map.base.bounds(), self.scene.floors[usize::from(self.floor)].bounds);
        let (width, height) = (f64::from(size.x1), f64::from(size.y1));
        let scale =
            (width / f64::from(floor.width().max(1))).min(height / f64::from(floor.height().max(1))) * 0.86;
        let (x, y) = floor.centre();
        Projection::new(scale, width / 2.0 - x * scale, height / 2.0 - y * scale)
    }

    fn paint_minimap(&mut self) -> bool {
        let bounds = self.frame.map.base.bounds();
        if bounds.is_empty() {
            return false;
        }
        let projection = self.minimap_projection();
        let mut map = std::mem::take(&mut self.frame.map);
        if std::mem::take(&mut map.stale) {
            let empty = Overlays::default();
            let mut stock = std::mem::take(&mut self.frame.stock);
            self.painter(projection, &empty).overview(&mut map.base, &mut stock);
            self.frame.stock = stock;
        }
        map.canvas.copy_from(&map.base);
        let view = self.camera.view().projection();
        let seen: Box2 = view.part(self.frame.canvas.bounds());
        let rect = projection.rect(seen);
        let corners = [(rect.x0, rect.y0), (rect.x1, rect.y0), (rect.x1, rect.y1), (rect.x0, rect.y1)];
        let corners = corners.map(|(x, y)| ((x << 8) + 128, (y << 8) + 128));
        map.canvas.outline(&corners, (self.camera.dpr() * 1.5 * 256.0) as i32, Color::rgb(self.theme.focus));
        self.frame.map = map;
        true
    }
}
