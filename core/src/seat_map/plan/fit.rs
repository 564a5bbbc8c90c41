//! Finds the course that a row of seats follows.

use super::course::{Course, scaled, ways};
use crate::seat_map::{ROW_PLACES_MAX, Seat};

/// Improvements of a turn; each squares the error.
const STEPS: usize = 5;

/// Places missing before each seat that starts a run: as many as fit into the gap.
pub(super) fn missing(seats: &[Seat]) -> Vec<u32> {
    let step = |pair: &[Seat]| {
        let (dx, dy) =
            (f64::from(pair[1].x) - f64::from(pair[0].x), f64::from(pair[1].y) - f64::from(pair[0].y));
        (dx * dx + dy * dy).sqrt()
    };
    let steps = seats.windows(2).filter(|pair| !pair[1].starts_run).map(step);
    let (sum, count) = steps.fold((0.0, 0.0), |(sum, count), step| (sum + step, count + 1.0));
    let mut left = f64::from(ROW_PLACES_MAX) - seats.len() as f64;
    let gaps = seats.windows(2).filter(|pair| pair[1].starts_run);
    gaps.map(|pair| {
        let missing = (step(pair) * count / sum).round() - 1.0;
        let missing = if missing > 0.0 { missing.min(left) } else { 0.0 };
        left -= missing;
        missing as u32
    })
    .collect()
}

/// The course through the first and the last seat that is nearest to the others.
pub(super) fn course(seats: &[Seat], places: &[u32], last_turn: i32) -> Course {
    let points: Vec<(i32, i32)> = seats.iter().map(|seat| (seat.x, seat.y)).collect();
    let (first, last) = (points[0], points[points.len() - 1]);
    let straight = Course { start: first, span: (last.0 - first.0, last.1 - first.1), turn: 0 };
    let off = |course: &Course| -> u64 {
        let expected = course.points(places);
        let apart =
            |(a, b): (&(i32, i32), &(i32, i32))| u64::from(a.0.abs_diff(b.0)) + u64::from(a.1.abs_diff(b.1));
        expected.iter().zip(&points).map(apart).sum()
    };
    if points.len() < 3 || off(&straight) == 0 {
        return straight;
    }
    let fitted = turn(&points, places);
    let candidates = [0, last_turn, fitted].map(|turn| Course { turn, ..straight });
    candidates.into_iter().min_by_key(off).unwrap_or(straight)
}

/// Newton's method (Gauss-Newton) on the sum of the squared distances.
fn turn(points: &[(i32, i32)], places: &[u32]) -> i32 {
    let (first, last) = (points[0], points[points.len() - 1]);
    let from_first = |point: (i32, i32)| {
        (f64::from(point.0) - f64::from(first.0), f64::from(point.1) - f64::from(first.1))
    };
    let span = from_first(last);
    let total = places.last().copied().map_or(1.0, f64::from);
    let nudge = 1e-5 / total;
    let mut tangent = first_guess(points, span, total);
    for _ in 0..STEPS {
        let (here, there) = (ways(tangent, places), ways(tangent + nudge, places));
        let (mut gain, mut weight) = (0.0, 0.0);
        for ((here, there), &point) in scaled(&here, span).zip(scaled(&there, span)).zip(points) {
            let slope = ((there.0 - here.0) / nudge, (there.1 - here.1) / nudge);
            let (x, y) = from_first(point);
            gain += slope.0 * (x - here.0) + slope.1 * (y - here.1);
            weight += slope.0 * slope.0 + slope.1 * slope.1;
        }
        if !(weight > 0.0 && (gain / weight).is_finite()) {
            break;
        }
        tangent += gain / weight;
    }
    Course::turn_of(tangent)
}

/// From the height of the arc over the line at its middle seat.
fn first_guess(points: &[(i32, i32)], span: (f64, f64), total: f64) -> f64 {
    let middle = points[points.len() / 2];
    let (x, y) = (f64::from(middle.0 - points[0].0), f64::from(middle.1 - points[0].1));
    let square = span.0 * span.0 + span.1 * span.1;
    let height = (span.1 * x - span.0 * y) / square;
    let half_turn = 2.0 * (2.0 * height).atan() / total;
    if half_turn.is_finite() { half_turn.tan() } else { 0.0 }
}
