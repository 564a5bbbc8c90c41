//! What a frame shows, from the ground up. Painting a part of the screen gives the same pixels as painting all of it.

mod ground;
mod names;
mod overlays;
mod seats;

use eventflow_core::seat_map::Layout;

pub use overlays::{Mark, Overlays};

use crate::{
    geometry::{Box2, Spot},
    icons::Icons,
    sale::Sale,
    scene::Floor,
    sprites::Sprites,
    texts::Texts,
    theme::Theme,
};
use eventflow_raster::{Color, Fixed, Projection, Rect, Surface};

/// From this radius on, in CSS pixels, seats are meant one by one; below it sections have names and counts over them.
pub const NEAR_RADIUS: f64 = 4.5;
/// Below this radius, in device pixels, seats are too small to be drawn: sections tell by their colour.
const SEATS_LEAST: f64 = 0.5;
/// From this radius on, in CSS pixels, seats are seen as seats, and no word covers them.
pub const SEEN_RADIUS: f64 = 1.6;

/// What is drawn once and used again.
#[derive(Debug, Default)]
pub struct Stock {
    pub sprites: Sprites,
    pub texts: Texts,
    pub icons: Icons,
}

/// All that a frame depends on.
#[derive(Debug)]
pub struct Painter<'a> {
    pub layout: &'a Layout,
    pub floor: &'a Floor,
    pub floor_index: u16,
    pub sale: &'a Sale,
    pub theme: &'a Theme,
    /// Of the categories.
    pub colors: &'a [u32],
    pub projection: Projection,
    pub dpr: f64,
    /// Of a usual seat, in device pixels.
    pub radius: f64,
    pub stage_label: &'a str,
    pub overlays: &'a Overlays,
    /// Where the whole floor is in view its seats are too small to be seen.
    pub large: bool,
    /// Images lie below: the ground is left clear.
    pub clear: bool,
}

impl Painter<'_> {
    pub fn paint(&self, surface: &mut impl Surface, stock: &mut Stock) {
        let clip = surface.clip();
        if clip.is_empty() {
            return;
        }
        self.ground(surface, stock);
        if self.radius >= SEATS_LEAST {
            self.seats(surface, stock);
        }
        self.names(surface, stock);
        self.overlays(surface);
    }

    /// The floor as a small picture without words.
    pub fn overview(&self, surface: &mut impl Surface, stock: &mut Stock) {
        self.ground(surface, stock);
    }

    fn css_radius(&self) -> f64 {
        self.radius / self.dpr
    }

    /// CSS pixels as 256ths of a device pixel.
    fn line_width(&self, css: f64) -> i32 {
        (css * self.dpr * 256.0).round() as i32
    }

    /// Whether a part of the plan may be seen, with `margin` device pixels of things around it.
    fn sees(&self, clip: Rect, part: Box2, margin: i32) -> bool {
        !self.projection.rect(part).grown(margin).and(clip).is_empty()
    }

    fn corners(&self, outline: &[Spot]) -> Vec<Fixed> {
        let mut corners = Vec::with_capacity(outline.len());
        for &spot in outline {
            corners.push(self.projection.point(spot));
        }
        corners
    }

    fn polygon(&self, surface: &mut impl Surface, outline: &[Spot], fill: u32, line: Option<(f64, u32)>) {
        let corners = self.corners(outline);
        surface.polygon(&corners, Color::rgb(fill));
        if let Some((width, color)) = line {
            surface.outline(&corners, self.line_width(width), Color::rgb(color));
        }
    }

    /// A text with its middle at a pixel; says whether it is there yet, and how wide.
    fn text(
        &self,
        surface: &mut impl Surface,
        texts: &mut Texts,
        (x, y): (i32, i32),
        style: Style,
        text: &str,
    ) -> Option<Rect> {
        let drawn = texts.get(text, style.size, style.bold, style.rotation)?;
        let (left, top) = (x + drawn.left, y + drawn.top);
        let rect = Rect::new(left, top, left + drawn.mask.width, top + drawn.mask.height);
        if let Some(plate) = style.plate {
            let pad = (self.dpr * 3.0).round() as i32;
            self.plate(surface, rect.grown(pad), Color::rgb(plate).faded(216));
        }
        surface.mask(left, top, drawn.mask, Color::rgb(style.ink));
        Some(rect)
    }

    /// A rectangle with rounded corners.
    fn plate(&self, surface: &mut impl Surface, rect: Rect, color: Color) {
        let round = (rect.height().min(rect.width()) / 3).min((self.dpr * 6.0) as i32) * 256;
        let (x0, y0, x1, y1) = (rect.x0 << 8, rect.y0 << 8, rect.x1 << 8, rect.y1 << 8);
        // Points on a quarter of a circle, in hundredths of the radius from the corner.
        let quarter = [(0, 100), (5, 69), (21, 41), (41, 21), (69, 5), (100, 0)];
        let mut corners = Vec::with_capacity(4 * quarter.len());
        for side in 0..4 {
            for at in 0..quarter.len() {
                let (x, y) = quarter[if side % 2 == 0 { at } else { quarter.len() - 1 - at }];
                let (x, y) = (round * x / 100, round * y / 100);
                corners.push((
                    if side == 1 || side == 2 { x1 - x } else { x0 + x },
                    if side < 2 { y0 + y } else { y1 - y },
                ));
            }
        }
        surface.polygon(&corners, color);
    }
}

/// How a text is drawn.
#[derive(Debug, Clone, Copy)]
struct Style {
    /// Device pixels.
    size: u16,
    bold: bool,
    /// Degrees clockwise.
    rotation: u16,
    ink: u32,
    /// What it lies on, so that it can be read over seats.
    plate: Option<u32>,
}

impl Style {
    fn plain(size: u16, ink: u32) -> Self {
        Self { size, bold: false, rotation: 0, ink, plate: None }
    }
}
