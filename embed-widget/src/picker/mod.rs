//! The picker behind the bridge, which says what each call means: what it changes, and what it has to tell.

mod facts;
mod frames;
mod pointers;
mod selections;

use eventflow_core::lean::Gather;
use eventflow_core::seat_map::{Layout, Orphans, Rules, SeatIndex};

pub use self::pointers::{Pointer, PointerKind};
use self::{frames::Frame, pointers::Pointers};
pub use crate::keyboard::Direction;
use crate::{
    camera::Camera,
    geometry::Box2,
    sale::{Applied, Sale},
    scene::Scene,
    theme::{Theme, parse_color},
};

/// The radius of a seat in CSS pixels from which seats are picked one by one; below, a click means the section.
const PICKABLE_RADIUS: f64 = 3.5;
/// The radius that showing something zooms to at most, in CSS pixels.
const COMFORTABLE_RADIUS: f64 = 14.0;

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
    rules: Rules,
    /// Standing places that are picked: they count for the rules.
    area_picks: Vec<(u16, u32)>,
    theme: Theme,
    /// Of the categories, as they are shown.
    colors: Vec<u32>,
    stage_label: String,
}

impl Picker {
    pub fn open(plan: &[u8]) -> Option<Self> {
        Layout::from_plan(plan).ok().map(Self::new)
    }

    pub fn new(layout: Layout) -> Self {
        let scene = Scene::new(&layout);
        let theme = Theme::default();
        let mut picker = Self {
            sale: Sale::new(&layout),
            camera: Camera::new(scene.floors[0].bounds, scene.radius),
            floor: 0,
            frame: Frame::default(),
            pointers: Pointers::default(),
            focus: None,
            focus_shown: false,
            area_picks: Vec::new(),
            rules: Rules { min: 1, max: u32::MAX, ..Rules::default() },
            colors: plan_colors(&layout, &theme),
            theme,
            stage_label: String::new(),
            scene,
            layout,
        };
        picker.dress_all();
        picker
    }

    pub fn apply_snapshot(&mut self, bytes: &[u8]) -> u32 {
        code(self.sale.apply_snapshot(&self.layout, bytes))
    }
    pub fn apply_diff(&mut self, bytes: &[u8]) -> u32 {
        code(self.sale.apply_diff(&self.layout, bytes))
    }
    pub fn revision(&self) -> f64 {
        self.sale.revision() as f64
    }
    pub fn take_lost(&mut self) -> Vec<u32> {
        let lost = self.sale.take_lost();
        self.frame.happened(&lost, true);
        lost.iter().map(|seat| seat.0).gather()
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
    pub fn set_rules(&mut self, orphans: u8, adjacent: bool, companions: bool, min: u32, max: u32) {
        let orphans = match orphans {
            0 => Orphans::Off,
            1 => Orphans::Lenient,
            _ => Orphans::Strict,
        };
        let max = if max == 0 { u32::MAX } else { max };
        self.rules = Rules { orphans, adjacent, companions, min, max };
    }
    pub fn set_theme(&mut self, colors: &[u32]) {
        self.theme.set(colors);
        self.frame.stock.sprites.forget();
        self.frame.repaint();
    }
    pub fn set_stage_label(&mut self, label: &str) {
        self.stage_label = label.into();
        self.frame.repaint();
    }

    pub fn resize(&mut self, css_width: f64, css_height: f64, dpr: f64) {
        let pixels = |css: f64| (css * dpr).round().clamp(1.0, 8_192.0);
        let (width, height) = (pixels(css_width), pixels(css_height));
        self.camera.resize(width, height, dpr);
        self.frame.resize(width as i32, height as i32);
        self.frame.stock.texts.reset();
    }
    pub fn reduce_motion(&mut self, reduce: bool) {
        self.camera.still = reduce;
    }
    pub fn set_floor(&mut self, floor: u32) {
        let Some(shown) = self.scene.floors.get(floor as usize) else { return };
        if floor != self.floor() {
            self.floor = floor as u16;
            self.camera.set_bounds(shown.bounds);
            self.pointers.hover = Default::default();
            self.frame.repaint();
        }
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
        self.set_floor(self.scene.floor_of(section).into());
        let blocks = &self.scene.floors[usize::from(self.floor)].blocks;
        if let Some(block) = blocks.iter().find(|block| block.section == section) {
            let part = block.bounds;
            self.show_pickable(part);
        }
    }
    pub fn zoom_to_seats(&mut self, seats: &[u32]) {
        let Some(first) = seats.first().and_then(|&seat| self.layout.seat(SeatIndex(seat))) else { return };
        let floor = self.scene.floor_of(first.section);
        let on_floor = seats.iter().filter_map(|&seat| self.layout.seat(SeatIndex(seat)));
        let on_floor = on_floor.filter(|seat| self.scene.floor_of(seat.section) == floor);
        let part = Box2::of(on_floor.map(|seat| (seat.x, seat.y))).grown((self.scene.radius * 12.0) as i32);
        self.set_floor(floor.into());
        self.show_pickable(part);
    }
    /// At least so near that seats can be picked one by one, and no nearer than is comfortable.
    fn show_pickable(&mut self, part: Box2) {
        let scale = |css_radius: f64| css_radius * self.camera.dpr() / self.scene.radius;
        self.camera.show(part, scale(COMFORTABLE_RADIUS), scale(PICKABLE_RADIUS * 1.3));
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
    fn dress_all(&mut self) {
        for seat in 0..self.layout.seat_count() {
            self.dress(SeatIndex(seat));
        }
        self.sale.take_changed();
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

fn plan_colors(layout: &Layout, theme: &Theme) -> Vec<u32> {
    let color = |text: &str| parse_color(text).unwrap_or(theme.muted);
    layout.categories().iter().map(|category| color(&category.color)).gather()
}

fn indexes(seats: &[u32]) -> Vec<SeatIndex> {
    seats.iter().copied().map(SeatIndex).gather()
}
