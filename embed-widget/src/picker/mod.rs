//! The picker behind the bridge: what a call changes, and what it has to tell.

mod facts;
mod frames;
mod pointers;
mod selections;

use eventflow_core::seat_map::{Layout, SeatIndex, SeatMap};

use self::{frames::Frame, pointers::Pointers};
pub use self::{
    pointers::{Pointer, PointerKind},
    selections::Direction,
};
use crate::{
    camera::Camera,
    sale::{Applied, Sale},
    scene::Scene,
};

/// The radius of a seat in CSS pixels from which seats are picked one by one; below, a click means the section.
const PICKABLE_RADIUS: f64 = 3.5;

#[derive(Debug)]
pub struct Picker {
    layout: Layout,
    scene: Scene,
    sale: Sale,
    camera: Camera,
    floor: u16,
    frame: Frame,
    pointers: Pointers,
    focus: Option<SeatIndex>,
    focus_shown: bool,
    max: u32,
}

impl Picker {
    pub fn open(plan: &[u8]) -> Option<Self> {
        let map = SeatMap::from_json(std::str::from_utf8(plan).ok()?).ok()?;
        Some(Self::new(Layout::compile(&map)))
    }

    pub fn new(layout: Layout) -> Self {
        let scene = Scene::new(&layout);
        let camera = Camera::new(scene.floors[0].bounds, scene.radius);
        Self {
            sale: Sale::new(&layout),
            camera,
            floor: 0,
            frame: Frame::default(),
            pointers: Pointers::default(),
            focus: None,
            focus_shown: false,
            max: 0,
            scene,
            layout,
        }
    }

    pub fn apply_snapshot(&mut self, bytes: &[u8]) -> u32 {
        code(self.sale.apply_snapshot(&self.layout, bytes))
    }
    pub fn apply_diff(&mut self, _bytes: &[u8]) -> u32 {
        code(Applied::Gap)
    }
    pub fn revision(&self) -> f64 {
        self.sale.revision() as f64
    }
    pub fn take_lost(&mut self) -> Vec<u32> {
        self.sale.take_lost().iter().map(|seat| seat.0).collect()
    }
    pub fn set_mine(&mut self, seats: &[u32]) {
        self.sale.set_mine(&self.layout, &indexes(seats));
    }
    pub fn highlight(&mut self, seats: &[u32]) {
        self.sale.set_marked(&indexes(seats));
    }
    pub fn set_categories(&mut self, enabled: &[u8]) {
        self.sale.set_categories(&self.layout, enabled);
    }
    pub fn set_traits_filter(&mut self, required: u16, excluded: u16) {
        self.sale.set_traits_filter(&self.layout, required, excluded);
    }
    pub fn set_rules(&mut self, _orphans: u8, _adjacent: bool, _companions: bool, _min: u32, max: u32) {
        self.max = max;
    }

    pub fn resize(&mut self, css_width: f64, css_height: f64, dpr: f64) {
        let pixels = |css: f64| (css * dpr).round().clamp(1.0, 8_192.0);
        let (width, height) = (pixels(css_width), pixels(css_height));
        self.camera.resize(width, height, dpr);
        self.frame.resize(width as usize, height as usize);
    }
    pub fn reduce_motion(&mut self, reduce: bool) {
        self.camera.still = reduce;
    }
    pub fn set_floor(&mut self, floor: u32) {
        let Some(shown) = self.scene.floors.get(floor as usize) else { return };
        self.floor = floor as u16;
        self.camera.set_bounds(shown.bounds);
    }
    pub fn floor(&self) -> u32 {
        self.floor.into()
    }
    pub fn fit(&mut self) {
        self.camera.fit();
    }
    pub fn zoom_by(&mut self, factor: f64, x: f64, y: f64, animate: bool) {
        let dpr = self.camera.dpr();
        self.camera.zoom_by(factor, x * dpr, y * dpr, animate);
    }
    pub fn pan_by(&mut self, dx: f64, dy: f64) {
        let dpr = self.camera.dpr();
        self.camera.pan_by(dx * dpr, dy * dpr);
    }
    pub fn zoom_to_section(&mut self, section: u32) {
        let Ok(section) = u16::try_from(section) else { return };
        let floor = self.scene.floor_of(section);
        if floor != self.floor {
            self.set_floor(floor.into());
        }
        let block =
            self.scene.floors[usize::from(floor)].blocks.iter().find(|block| block.section == section);
        if let Some(block) = block {
            self.camera.show(block.bounds, f64::INFINITY);
        }
    }
    pub fn zoom_to_area(&mut self, _area: u32) {}
    pub fn zoom_to_seats(&mut self, seats: &[u32]) {
        let seats = seats.iter().filter_map(|&seat| self.layout.seat(SeatIndex(seat)));
        let part = crate::geometry::Box2::of(seats.map(|seat| (seat.x, seat.y)));
        if !part.is_empty() {
            self.camera.show(part.grown((self.scene.radius * 8.0) as i32), f64::INFINITY);
        }
    }
    pub fn zoom(&self) -> [f64; 3] {
        let fitted = self.camera.scale_fitted();
        [
            self.camera.view().scale / fitted,
            self.camera.scale_least() / fitted,
            self.camera.scale_most() / fitted,
        ]
    }
    pub fn view(&self) -> [f64; 3] {
        let (view, dpr) = (self.camera.view(), self.camera.dpr());
        [view.scale * 100.0 / dpr, view.x / dpr, view.y / dpr]
    }
    pub fn seats_pickable(&self) -> bool {
        self.scene.radius * self.camera.view().scale / self.camera.dpr() >= PICKABLE_RADIUS
    }
}

fn code(applied: Applied) -> u32 {
    match applied {
        Applied::Done => 0,
        Applied::Gap => 1,
        Applied::Malformed => 2,
    }
}

fn indexes(seats: &[u32]) -> Vec<SeatIndex> {
    seats.iter().copied().map(SeatIndex).collect()
}
