//! Where the seats of a row are expected: at equal steps on the line or arc between its ends.
//!
//! A step is the one before turned by an angle. That needs additions, multiplications and divisions only, which are the
//! same to the last bit on every machine that keeps to IEEE 754, unlike sines and cosines.

use crate::lean::Gather;

/// Turns are written as this fraction: the tangent of half the angle. In a row as wide as a stadium it moves no seat by
/// half a hundredth.
const TURN_UNIT: f64 = (1 << 22) as f64;

/// A row from its first seat to its last; coordinates are hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) start: (i32, i32),
    /// From the start to the end.
    pub(super) span: (i32, i32),
    /// From one step to the next.
    pub(super) turn: i32,
}

impl Course {
    /// The points at these places, which count from 0 and ascend; the last is the end.
    pub(super) fn points(&self, places: &[u32]) -> Vec<(i32, i32)> {
        let round = |value: f64| (value + 0.5).floor() as i32;
        let ways = ways(f64::from(self.turn) / TURN_UNIT, places);
        let span = (f64::from(self.span.0), f64::from(self.span.1));
        let scaled = scaled(&ways, span);
        scaled
            .map(|(x, y)| (self.start.0.wrapping_add(round(x)), self.start.1.wrapping_add(round(y))))
            .gather()
    }

    pub(super) fn end(&self) -> (i32, i32) {
        (self.start.0.wrapping_add(self.span.0), self.start.1.wrapping_add(self.span.1))
    }

    pub(super) fn turn_of(tangent: f64) -> i32 {
        (tangent * TURN_UNIT).round() as i32
    }
}

/// From the first place to each of these, with steps of length 1 of which the first leads along x.
pub(super) fn ways(tangent: f64, places: &[u32]) -> Vec<(f64, f64)> {
    let square = tangent * tangent;
    let (cos, sin) = ((1.0 - square) / (1.0 + square), 2.0 * tangent / (1.0 + square));
    let (mut step, mut way, mut at) = ((1.0, 0.0), (0.0, 0.0), 0);
    let to = |&place: &u32| {
        while at < place {
            way = (way.0 + step.0, way.1 + step.1);
            step = (step.0 * cos - step.1 * sin, step.0 * sin + step.1 * cos);
            at += 1;
        }
        way
    };
    places.iter().map(to).gather()
}

/// The ways, turned and stretched so that the last is `span`. When it goes nowhere, there is no such way: not a number.
pub(super) fn scaled(ways: &[(f64, f64)], span: (f64, f64)) -> impl Iterator<Item = (f64, f64)> {
    let last = ways.last().copied().unwrap_or_default();
    let square = last.0 * last.0 + last.1 * last.1;
    let scale = ((span.0 * last.0 + span.1 * last.1) / square, (span.1 * last.0 - span.0 * last.1) / square);
    ways.iter().map(move |way| (way.0 * scale.0 - way.1 * scale.1, way.0 * scale.1 + way.1 * scale.0))
}
