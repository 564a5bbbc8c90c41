//! Polygons in plan coordinates (hundredths of a unit).

use eventflow_core::lean::Gather;
pub use eventflow_raster::{Box2, Spot};

/// Held between two bounds. As `clamp`, whose complaint about bad bounds would bring the printing of numbers with it.
pub fn bounded(value: f64, low: f64, high: f64) -> f64 {
    value.max(low).min(high)
}

/// Whether a point lies in a polygon (even-odd).
pub fn inside(polygon: &[Spot], point: (f64, f64)) -> bool {
    span(polygon, point).is_some()
}

/// From where to where a polygon reaches to the left and to the right of a point in it.
pub fn span(polygon: &[Spot], (x, y): (f64, f64)) -> Option<(f64, f64)> {
    let (mut from, mut to, mut within) = (f64::MIN, f64::MAX, false);
    let &last = polygon.last()?;
    let mut before = (f64::from(last.0), f64::from(last.1));
    for &(px, py) in polygon {
        let here = (f64::from(px), f64::from(py));
        if (here.1 > y) != (before.1 > y) {
            let cross = (before.0 - here.0) * (y - here.1) / (before.1 - here.1) + here.0;
            if x < cross {
                to = to.min(cross);
                within = !within;
            } else {
                from = from.max(cross);
            }
        }
        before = here;
    }
    within.then_some((from, to))
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
pub fn convex_hull(spots: impl Iterator<Item = Spot>) -> Vec<Spot> {
    // Ordered by x, then y, as numbers without a sign.
    let key = |(x, y): Spot| u64::from(x as u32 ^ 1 << 31) << 32 | u64::from(y as u32 ^ 1 << 31);
    let mut keys: Vec<u64> = spots.map(key).gather();
    crate::lean::sort(&mut keys);
    keys.dedup();
    let spot = |key: u64| (((key >> 32) as u32 ^ 1 << 31) as i32, (key as u32 ^ 1 << 31) as i32);
    let count = keys.len();
    if count < 3 {
        return keys.into_iter().map(spot).gather();
    }
    let turn = |a: Spot, b: Spot, c: Spot| {
        (i64::from(b.0) - i64::from(a.0)) * (i64::from(c.1) - i64::from(a.1))
            - (i64::from(b.1) - i64::from(a.1)) * (i64::from(c.0) - i64::from(a.0))
    };
    // There along one side and back along the other.
    let mut hull: Vec<Spot> = Vec::new();
    let mut fixed = 1;
    for at in 0..2 * count - 1 {
        let next = spot(keys[if at < count { at } else { 2 * count - 2 - at }]);
        if at == count {
            fixed = hull.len();
        }
        while hull.len() > fixed && turn(hull[hull.len() - 2], hull[hull.len() - 1], next) <= 0 {
            hull.pop();
        }
        hull.push(next);
    }
    hull.pop();
    hull
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_span_ends_at_the_nearest_edges() {
        // A "U": between its arms is outside.
        let u = [(0, 0), (10, 0), (10, 30), (30, 30), (30, 0), (40, 0), (40, 40), (0, 40)];
        assert_eq!(span(&u, (4.0, 10.0)), Some((0.0, 10.0)));
        assert_eq!(span(&u, (20.0, 35.0)), Some((0.0, 40.0)));
        assert_eq!((span(&u, (20.0, 10.0)), span(&u, (4.0, 50.0))), (None, None));
    }

    proptest! {
        #[test]
        fn hulls_hold_every_spot_and_never_turn_back(
            spots in prop::collection::vec((-60..60_i32, -60..60_i32), 1..40),
        ) {
            let hull = convex_hull(spots.iter().copied());
            prop_assert!(hull.iter().all(|corner| spots.contains(corner)));
            let count = hull.len();
            for at in 0..count {
                let (a, b) = (hull[at], hull[(at + 1) % count]);
                let side = |c: Spot| (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0);
                prop_assert!(count < 3 || spots.iter().all(|&spot| side(spot) >= 0));
                prop_assert!(count < 3 || side(hull[(at + 2) % count]) > 0);
            }
            prop_assert!(count < 3 || doubled_area(&hull) > 0);
        }
    }
}
