//! From plan to screen in whole numbers. A view moved by whole pixels moves every point by exactly as much, so what has
//! been painted can be moved along.

use crate::{Box2, Fixed, Rect, Spot};

/// Binary places of the scale.
const PLACES: u32 = 24;
/// The largest scale: its product with the largest coordinate is still a number.
const SCALE_MAX: i64 = 1 << 35;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Projection {
    /// 256ths of a pixel to a hundredth of a plan unit, with 24 binary places.
    scale: i64,
    x: i64,
    y: i64,
}

impl Projection {
    /// `scale` is device pixels to a hundredth, and the origin of the plan is at pixel (x, y).
    pub fn new(scale: f64, x: f64, y: f64) -> Self {
        let whole = |value: f64| value.round() as i64;
        Self {
            scale: whole(scale * 256.0 * (1_u64 << PLACES) as f64).min(SCALE_MAX),
            x: whole(x * 256.0),
            y: whole(y * 256.0),
        }
    }

    /// How far this view is from that one in whole pixels; `None` when it is not moved by whole pixels alone.
    pub fn moved_from(self, other: Self) -> Option<(i32, i32)> {
        let (dx, dy) = (self.x - other.x, self.y - other.y);
        let whole = self.scale == other.scale && dx % 256 == 0 && dy % 256 == 0;
        let pixels = |moved: i64| i32::try_from(moved / 256).ok();
        if whole { Some((pixels(dx)?, pixels(dy)?)) } else { None }
    }

    #[inline]
    pub fn x(self, x: i32) -> i32 {
        place(self.scale, x, self.x)
    }
    #[inline]
    pub fn y(self, y: i32) -> i32 {
        place(self.scale, y, self.y)
    }
    pub fn point(self, (x, y): Spot) -> Fixed {
        (self.x(x), self.y(y))
    }
    /// The pixel that a spot lies in.
    pub fn pixel(self, spot: Spot) -> (i32, i32) {
        let (x, y) = self.point(spot);
        (x >> 8, y >> 8)
    }
    /// 256ths of a pixel.
    pub fn length(self, hundredths: f64) -> f64 {
        hundredths * self.scale as f64 / (1_u64 << PLACES) as f64
    }

    pub fn rect(self, part: Box2) -> Rect {
        Rect::new(
            self.x(part.x0) >> 8,
            self.y(part.y0) >> 8,
            (self.x(part.x1) >> 8) + 1,
            (self.y(part.y1) >> 8) + 1,
        )
    }

    /// The part of the plan that a rectangle shows, a little more than less.
    pub fn part(self, rect: Rect) -> Box2 {
        let back = |pixel: i32, offset: i64| {
            let at = ((i64::from(pixel) << 8) - offset) as f64 / self.scale.max(1) as f64;
            at * (1_u64 << PLACES) as f64
        };
        Box2 {
            x0: back(rect.x0, self.x).floor() as i32 - 1,
            y0: back(rect.y0, self.y).floor() as i32 - 1,
            x1: back(rect.x1, self.x).ceil() as i32 + 1,
            y1: back(rect.y1, self.y).ceil() as i32 + 1,
        }
    }
}

#[inline]
fn place(scale: i64, at: i32, offset: i64) -> i32 {
    // Far outside of every screen, and still a number whose sums and products are.
    const FAR: i64 = 1 << 28;
    (((i64::from(at) * scale) >> PLACES) + offset).clamp(-FAR, FAR) as i32
}
