//! Boxes and polygons in plan coordinates (hundredths of a unit).

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

/// Held between two bounds. As `clamp`, whose complaint about bad bounds would bring the printing of numbers with it.
pub fn bounded(value: f64, low: f64, high: f64) -> f64 {
    value.max(low).min(high)
}

/// Whether a point lies in a polygon (even-odd).
pub fn inside(polygon: &[Spot], (x, y): (f64, f64)) -> bool {
    let mut within = false;
    let Some(&last) = polygon.last() else { return false };
    let mut before = (f64::from(last.0), f64::from(last.1));
    for &(px, py) in polygon {
        let here = (f64::from(px), f64::from(py));
        if (here.1 > y) != (before.1 > y) {
            let cross = (before.0 - here.0) * (y - here.1) / (before.1 - here.1) + here.0;
            if x < cross {
                within = !within;
            }
        }
        before = here;
    }
    within
}

/// Twice the area; positive when the corners go clockwise on a screen.
pub fn doubled_area(polygon: &[Spot]) -> i64 {
    let wide = |(x, y): Spot| (i64::from(x), i64::from(y));
    let next = polygon.iter().skip(1).chain(polygon.first());
    polygon
        .iter()
        .zip(next)
        .map(|(&a, &b)| (wide(a), wide(b)))
        .map(|((ax, ay), (bx, by))| ax * by - bx * ay)
        .sum()
}

/// The middle of a polygon by area; of its corners when it has none.
pub fn centroid(polygon: &[Spot]) -> (f64, f64) {
    let doubled = doubled_area(polygon) as f64;
    if polygon.len() < 3 || doubled.abs() < 1.0 {
        return Box2::of(polygon.iter().copied()).centre();
    }
    let (mut x, mut y) = (0.0, 0.0);
    let next = polygon.iter().skip(1).chain(polygon.first());
    for (&a, &b) in polygon.iter().zip(next) {
        let (ax, ay, bx, by) = (f64::from(a.0), f64::from(a.1), f64::from(b.0), f64::from(b.1));
        let cross = ax * by - bx * ay;
        x += (ax + bx) * cross;
        y += (ay + by) * cross;
    }
    (x / (3.0 * doubled), y / (3.0 * doubled))
}

/// The convex hull, clockwise on a screen.
pub fn convex_hull(mut spots: Vec<Spot>) -> Vec<Spot> {
    spots.sort_unstable();
    spots.dedup();
    if spots.len() < 3 {
        return spots;
    }
    let turn = |a: Spot, b: Spot, c: Spot| {
        (i64::from(b.0) - i64::from(a.0)) * (i64::from(c.1) - i64::from(a.1))
            - (i64::from(b.1) - i64::from(a.1)) * (i64::from(c.0) - i64::from(a.0))
    };
    let half = |spots: &mut dyn Iterator<Item = Spot>| {
        let mut hull: Vec<Spot> = Vec::new();
        for spot in spots {
            while let [.., a, b] = hull[..]
                && turn(a, b, spot) <= 0
            {
                hull.pop();
            }
            hull.push(spot);
        }
        hull.pop();
        hull
    };
    let mut hull = half(&mut spots.iter().copied());
    hull.extend(half(&mut spots.iter().rev().copied()));
    hull
}
