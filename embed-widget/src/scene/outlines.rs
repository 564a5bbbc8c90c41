//! The outline of a section that the plan has not drawn: around its rows, so that bent blocks stay bent, or else around
//! all of its seats.

use crate::geometry::{Box2, Spot, convex_hull, doubled_area, inside};
use eventflow_core::lean::Gather;

/// The outline around rows of seats, `margin` away from their middles. Rows are in document order.
pub fn around(rows: &[Vec<Spot>], margin: f64) -> Vec<Spot> {
    let hull = || convex_hull(rows.iter().flatten().copied());
    let along = along_rows(rows, margin * 0.3).filter(|outline| outline.len() >= 3);
    if let Some(grown) = along.map(|outline| grown(&outline, margin))
        && holds(&grown, rows)
    {
        return grown;
    }
    grown(&hull(), margin)
}

/// From the first row, down the ends of all rows, back along the last, up their beginnings.
fn along_rows(rows: &[Vec<Spot>], tolerance: f64) -> Option<Vec<Spot>> {
    let mut rows: Vec<Vec<Spot>> = rows.iter().filter(|row| !row.is_empty()).cloned().gather();
    if rows.len() < 2 {
        return None;
    }
    let direction = |row: &[Spot]| {
        let (from, to) = (row.first().copied().unwrap_or_default(), row.last().copied().unwrap_or_default());
        (i64::from(to.0 - from.0), i64::from(to.1 - from.1))
    };
    let mut before = direction(&rows[0]);
    for row in &mut rows[1..] {
        let here = direction(row);
        if here.0 * before.0 + here.1 * before.1 < 0 {
            row.reverse();
        }
        before = direction(row);
    }
    let (first, last) = (rows.first()?, rows.last()?);
    let inner = &rows[1..rows.len() - 1];
    let mut outline = simplified(first, tolerance);
    outline.extend(simplified(&inner.iter().filter_map(|row| row.last().copied()).gather(), tolerance));
    outline.extend(simplified(last, tolerance).into_iter().rev());
    let firsts: Vec<Spot> = inner.iter().rev().filter_map(|row| row.first().copied()).gather();
    outline.extend(simplified(&firsts, tolerance));
    outline.dedup();
    if doubled_area(&outline) < 0 {
        outline.reverse();
    }
    (!crosses_itself(&outline)).then_some(outline)
}

/// Fewer points within a tolerance (Douglas and Peucker).
fn simplified(line: &[Spot], tolerance: f64) -> Vec<Spot> {
    let mut kept = Vec::new();
    if let Some(&first) = line.first() {
        kept.push(first);
        simplify(line, tolerance, &mut kept);
    }
    kept
}

fn simplify(line: &[Spot], tolerance: f64, kept: &mut Vec<Spot>) {
    let (Some(&from), Some(&to)) = (line.first(), line.last()) else { return };
    if line.len() < 3 {
        if line.len() == 2 {
            kept.push(to);
        }
        return;
    }
    let (dx, dy) = (f64::from(to.0) - f64::from(from.0), f64::from(to.1) - f64::from(from.1));
    let length = (dx * dx + dy * dy).sqrt().max(1.0);
    let away = |&(x, y): &Spot| {
        ((f64::from(x) - f64::from(from.0)) * dy - (f64::from(y) - f64::from(from.1)) * dx).abs() / length
    };
    let inner = 1..line.len() - 1;
    let Some(farthest) = inner.max_by(|&a, &b| away(&line[a]).total_cmp(&away(&line[b]))) else { return };
    if away(&line[farthest]) > tolerance {
        simplify(&line[..=farthest], tolerance, kept);
        simplify(&line[farthest..], tolerance, kept);
    } else {
        kept.push(to);
    }
}

/// A clockwise polygon moved outwards, its outer corners rounded off.
fn grown(outline: &[Spot], margin: f64) -> Vec<Spot> {
    let place = |(x, y): (f64, f64)| (x.round() as i32, y.round() as i32);
    let wide = |(x, y): Spot| (f64::from(x), f64::from(y));
    match outline {
        [] => return Vec::new(),
        [only] => {
            let (x, y) = wide(*only);
            return crate::angles::ellipse((x, y), margin * 2.0, margin * 2.0)
                .into_iter()
                .step_by(6)
                .map(place)
                .gather();
        }
        _ => {}
    }
    let mut corners = Vec::with_capacity(outline.len() * 2);
    for at in 0..outline.len() {
        let before = wide(outline[(at + outline.len() - 1) % outline.len()]);
        let here = wide(outline[at]);
        let after = wide(outline[(at + 1) % outline.len()]);
        let (a, b) = (normal(before, here), normal(here, after));
        let along = a.0 * b.0 + a.1 * b.1;
        let turn = a.0 * b.1 - a.1 * b.0;
        let moved = |(nx, ny): (f64, f64), by: f64| place((here.0 + nx * by, here.1 + ny * by));
        if turn > 0.3 || along < -0.5 {
            // An outer corner: over its middle, which for a turning back is straight ahead.
            let middle = if along < -0.99 { (-a.1, a.0) } else { unit((a.0 + b.0, a.1 + b.1)) };
            let (first, second) =
                (unit((a.0 + middle.0, a.1 + middle.1)), unit((middle.0 + b.0, middle.1 + b.1)));
            for normal in [a, first, middle, second, b] {
                corners.push(moved(normal, margin));
            }
        } else {
            let middle = unit((a.0 + b.0, a.1 + b.1));
            let stretch = (middle.0 * a.0 + middle.1 * a.1).max(0.5);
            corners.push(moved(middle, margin / stretch));
        }
    }
    corners
}

/// To the left of the way, which is outside of a clockwise polygon on a screen.
fn normal(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    unit((to.1 - from.1, from.0 - to.0))
}

fn unit((x, y): (f64, f64)) -> (f64, f64) {
    let length = (x * x + y * y).sqrt();
    if length > 0.0 { (x / length, y / length) } else { (0.0, 0.0) }
}

fn holds(outline: &[Spot], rows: &[Vec<Spot>]) -> bool {
    let ends = |row: &Vec<Spot>| [row.first().copied(), row.get(row.len() / 2).copied(), row.last().copied()];
    let mut seats = rows.iter().flat_map(ends).flatten();
    seats.all(|(x, y)| inside(outline, (f64::from(x), f64::from(y))))
}

fn crosses_itself(outline: &[Spot]) -> bool {
    let side = |a: Spot, b: Spot, c: Spot| {
        ((i64::from(b.0) - i64::from(a.0)) * (i64::from(c.1) - i64::from(a.1))
            - (i64::from(b.1) - i64::from(a.1)) * (i64::from(c.0) - i64::from(a.0)))
        .signum()
    };
    let count = outline.len();
    let edge = |at: usize| (outline[at], outline[(at + 1) % count]);
    (0..count).any(|first| {
        let (a, b) = edge(first);
        let reach = Box2::of([a, b]);
        (first + 2..count).filter(|second| (second + 1) % count != first).any(|second| {
            let (c, d) = edge(second);
            reach.intersects(Box2::of([c, d]))
                && side(a, b, c) * side(a, b, d) < 0
                && side(c, d, a) * side(c, d, b) < 0
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(y: i32, from: i32, to: i32) -> Vec<Spot> {
        (from..=to).map(|at| (at * 50, y)).collect()
    }

    #[test]
    fn a_block_of_rows_keeps_its_steps_whatever_way_its_rows_run() {
        let mut rows = vec![row(0, 0, 3), row(90, -2, 5), row(180, -4, 7)];
        rows[1].reverse();
        let outline = around(&rows, 40.0);
        assert!(holds(&outline, &rows));
        // Left of the short first row there is nothing.
        assert!(!inside(&outline, (-180.0, 20.0)) && inside(&outline, (-180.0, 180.0)));
    }

    #[test]
    fn single_seats_and_single_rows_have_a_rim() {
        for rows in [vec![vec![(10, 10)]], vec![row(0, 0, 5)], vec![vec![], vec![(7, 3)]]] {
            let outline = around(&rows, 30.0);
            assert!(holds(&outline, &rows) && outline.len() >= 5, "{outline:?}");
        }
        assert!(around(&[], 30.0).is_empty());
    }

    proptest! {
        #[test]
        fn every_seat_is_inside(
            rows in prop::collection::vec(prop::collection::vec((-5_000..5_000_i32, -5_000..5_000_i32), 1..6), 1..6),
        ) {
            let outline = around(&rows, 50.0);
            for &(x, y) in rows.iter().flat_map(|row| [row.first(), row.last()]).flatten() {
                prop_assert!(inside(&outline, (f64::from(x), f64::from(y))), "{:?} {:?}", (x, y), outline);
            }
        }
    }
}
