//! Turning by hundredths of a degree with sums and products only, so that plans look the same on every machine.

use crate::geometry::Spot;

const FULL_TURN: u32 = 36_000;

/// Sine and cosine, to about ten digits.
pub fn sin_cos(hundredths: u32) -> (f64, f64) {
    let angle = hundredths % FULL_TURN;
    let rest = f64::from(angle % 9_000) * (std::f64::consts::PI / 18_000.0);
    let series = |first: f64, from: f64| {
        let (mut sum, mut term, mut n) = (first, first, from);
        while n < 18.0 {
            term *= -rest * rest / (n * (n + 1.0));
            sum += term;
            n += 2.0;
        }
        sum
    };
    let (sin, cos) = (series(rest, 2.0), series(1.0, 1.0));
    match angle / 9_000 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// Turns points clockwise around a middle.
pub fn turned(points: &[(f64, f64)], (cx, cy): (f64, f64), hundredths: u32) -> Vec<Spot> {
    let (sin, cos) = sin_cos(hundredths);
    let mut spots = Vec::with_capacity(points.len());
    for &(x, y) in points {
        let (x, y) = (x - cx, y - cy);
        spots.push(((x * cos - y * sin + cx).round() as i32, (x * sin + y * cos + cy).round() as i32));
    }
    spots
}

/// The corners of a rectangle around a middle.
pub fn rectangle((x, y): (f64, f64), width: f64, height: f64) -> [(f64, f64); 4] {
    let (w, h) = (width / 2.0, height / 2.0);
    [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)]
}

/// An ellipse as a polygon that looks round.
pub fn ellipse((x, y): (f64, f64), width: f64, height: f64) -> Vec<(f64, f64)> {
    let mut corners = Vec::with_capacity(72);
    for step in 0..72 {
        let (sin, cos) = sin_cos(step * (FULL_TURN / 72));
        corners.push((x + cos * width / 2.0, y + sin * height / 2.0));
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_are_right_all_around() {
        for hundredths in (0..FULL_TURN * 2).step_by(37) {
            let angle = f64::from(hundredths).to_radians() / 100.0;
            let (sin, cos) = sin_cos(hundredths);
            assert!((sin - angle.sin()).abs() < 1e-9 && (cos - angle.cos()).abs() < 1e-9, "{hundredths}");
        }
    }

    #[test]
    fn a_quarter_turn_is_clockwise_on_a_screen() {
        assert_eq!(turned(&[(10.0, 0.0)], (0.0, 0.0), 9_000), [(0, 10)]);
        assert_eq!(
            turned(&rectangle((5.0, 5.0), 4.0, 2.0), (5.0, 5.0), 9_000),
            [(6, 3), (6, 7), (4, 7), (4, 3)]
        );
    }
}
