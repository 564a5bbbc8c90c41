//! Places in plan coordinates, which are hundredths of a unit.

pub type Spot = (i32, i32);

/// A box in plan coordinates, corners included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Box2 {
    pub x0: i32,
    pub y0: i32,
    pub x1: i32,
    pub y1: i32,
}

impl Box2 {
    /// Contains nothing; takes the shape of what is added.
    pub const EMPTY: Self = Self { x0: i32::MAX, y0: i32::MAX, x1: i32::MIN, y1: i32::MIN };

    pub fn of(spots: impl IntoIterator<Item = Spot>) -> Self {
        spots.into_iter().fold(Self::EMPTY, Self::with)
    }
    #[must_use]
    pub fn with(self, (x, y): Spot) -> Self {
        Self { x0: self.x0.min(x), y0: self.y0.min(y), x1: self.x1.max(x), y1: self.y1.max(y) }
    }
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }
    pub fn is_empty(self) -> bool {
        self.x0 > self.x1 || self.y0 > self.y1
    }
    #[must_use]
    pub fn grown(self, by: i32) -> Self {
        if self.is_empty() {
            return self;
        }
        Self { x0: self.x0 - by, y0: self.y0 - by, x1: self.x1 + by, y1: self.y1 + by }
    }
    pub fn intersects(self, other: Self) -> bool {
        self.x0 <= other.x1 && other.x0 <= self.x1 && self.y0 <= other.y1 && other.y0 <= self.y1
    }
    pub fn contains(self, (x, y): Spot) -> bool {
        (self.x0..=self.x1).contains(&x) && (self.y0..=self.y1).contains(&y)
    }
    pub fn width(self) -> i32 {
        self.x1.saturating_sub(self.x0)
    }
    pub fn height(self) -> i32 {
        self.y1.saturating_sub(self.y0)
    }
    pub fn centre(self) -> (f64, f64) {
        (
            f64::midpoint(f64::from(self.x0), f64::from(self.x1)),
            f64::midpoint(f64::from(self.y0), f64::from(self.y1)),
        )
    }
}

/// Something that is drawn as a ready picture, 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub x: i32,
    pub y: i32,
    /// Whose place it is.
    pub seat: u32,
    /// Which picture of a [`Sheet`](crate::Sheet).
    pub look: u16,
}
