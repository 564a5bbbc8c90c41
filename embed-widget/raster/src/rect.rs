//! Rectangles of pixels.

/// A rectangle of pixels; `x1` and `y1` are the first beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    pub x0: i32,
    pub y0: i32,
    pub x1: i32,
    pub y1: i32,
}

impl Rect {
    pub fn new(x0: i32, y0: i32, x1: i32, y1: i32) -> Self {
        Self { x0, y0, x1, y1 }
    }
    /// The pixels that a circle touches.
    pub fn around(x: f64, y: f64, radius: f64) -> Self {
        let whole = |value: f64| value as i32;
        Self::new(
            whole((x - radius).floor()) - 1,
            whole((y - radius).floor()) - 1,
            whole((x + radius).ceil()) + 1,
            whole((y + radius).ceil()) + 1,
        )
    }
    pub fn is_empty(self) -> bool {
        self.x0 >= self.x1 || self.y0 >= self.y1
    }
    pub fn width(self) -> i32 {
        (self.x1 - self.x0).max(0)
    }
    pub fn height(self) -> i32 {
        (self.y1 - self.y0).max(0)
    }
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        }
    }
    #[must_use]
    pub fn grown(self, by: i32) -> Self {
        Self { x0: self.x0 - by, y0: self.y0 - by, x1: self.x1 + by, y1: self.y1 + by }
    }
}
