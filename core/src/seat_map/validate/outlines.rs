//! Whether corners make an outline.

use super::{
    FindingCode,
    report::{Place, Report},
};
use crate::seat_map::document::{OUTLINE_POINTS_MAX, Point};

/// The outline of a section or an area: none at all, or a polygon.
pub(super) fn check(report: &mut Report, place: Place<'_>, points: &[Point]) {
    if points.is_empty() {
        return;
    }
    if !(3..=OUTLINE_POINTS_MAX).contains(&points.len()) {
        let message = format!("An outline has 3 to {OUTLINE_POINTS_MAX} points, or none at all.");
        report.add(FindingCode::InvalidOutline, place, message);
    }
    polygon(report, place, points);
}

/// Corners that enclose something.
pub(super) fn polygon(report: &mut Report, place: Place<'_>, points: &[Point]) {
    let points = &points[..points.len().min(OUTLINE_POINTS_MAX)];
    points.iter().for_each(|&point| report.point(place, point));
    if points.len() < 3 {
        return;
    }
    if is_flat(points) {
        report.add(FindingCode::InvalidOutline, place, "All points of the outline lie on one line.");
    } else if crosses_itself(points) {
        report.add(FindingCode::CrossedOutline, place, "The outline crosses itself.");
    }
}

/// Twice the area of the triangle, positive when it goes clockwise on a screen.
fn turn(a: Point, b: Point, c: Point) -> f64 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

fn is_flat(points: &[Point]) -> bool {
    let first = points[0];
    let far = |point: &Point| (point.x - first.x).hypot(point.y - first.y);
    let Some(&farthest) = points.iter().max_by(|a, b| far(a).total_cmp(&far(b))) else { return true };
    // A hundredth of a unit beside the line is nothing that could be drawn.
    points.iter().all(|&point| turn(first, farthest, point).abs() <= 0.01 * far(&farthest))
}

/// Whether two edges cross each other. Each edge is compared with every other: outlines are short.
fn crosses_itself(points: &[Point]) -> bool {
    let edge = |at: usize| (points[at], points[(at + 1) % points.len()]);
    let crosses = |(a, b): (Point, Point), (c, d): (Point, Point)| {
        turn(a, b, c) * turn(a, b, d) < 0.0 && turn(c, d, a) * turn(c, d, b) < 0.0
    };
    (0..points.len()).any(|one| (one + 2..points.len()).any(|other| crosses(edge(one), edge(other))))
}
