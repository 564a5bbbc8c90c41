//! Where things of a drawing lie on the plan.

use svgtypes::{PointsParser, SimplePathSegment, SimplifyingPathParser, Transform};

use crate::seat_map::{Point, exchange::rules::rounded_point};

/// Points that stand for one curve of a path.
const CURVE_POINTS: u32 = 6;

pub(super) fn combined(outer: Transform, inner: Transform) -> Transform {
    Transform {
        a: outer.a * inner.a + outer.c * inner.b,
        b: outer.b * inner.a + outer.d * inner.b,
        c: outer.a * inner.c + outer.c * inner.d,
        d: outer.b * inner.c + outer.d * inner.d,
        e: outer.a * inner.e + outer.c * inner.f + outer.e,
        f: outer.b * inner.e + outer.d * inner.f + outer.f,
    }
}

pub(super) fn placed(transform: Transform, x: f64, y: f64) -> Point {
    rounded_point(Point {
        x: transform.a * x + transform.c * y + transform.e,
        y: transform.b * x + transform.d * y + transform.f,
    })
}

/// How much larger things become, and how far they are turned, in degrees from 0 to 360.
pub(super) fn scale_and_turn(transform: Transform) -> (f64, f64) {
    let scale = transform.a.hypot(transform.b);
    (scale, transform.b.atan2(transform.a).to_degrees().rem_euclid(360.0))
}

/// Whether shapes keep their form: neither mirrored, nor stretched, nor slanted.
pub(super) fn keeps_form(transform: Transform) -> bool {
    let small = 1e-6 * transform.a.hypot(transform.b);
    (transform.a - transform.d).abs() <= small && (transform.b + transform.c).abs() <= small
}

/// Two opposite corners of a box that is turned around its middle as the transform does it.
pub(super) fn box_of(transform: Transform, (x, y): (f64, f64), (width, height): (f64, f64)) -> Vec<Point> {
    let middle = placed(transform, x + width / 2.0, y + height / 2.0);
    let (scale, _) = scale_and_turn(transform);
    let (width, height) = (width * scale / 2.0, height * scale / 2.0);
    let corner = |sign: f64| rounded_point(Point { x: middle.x + sign * width, y: middle.y + sign * height });
    vec![corner(-1.0), corner(1.0)]
}

pub(super) fn points(text: &str, transform: Transform, most: usize) -> Vec<Point> {
    PointsParser::from(text).take(most).map(|(x, y)| placed(transform, x, y)).collect()
}

/// The lines of a path, curves as some points, each with whether it is closed.
pub(super) fn path(text: &str, transform: Transform, most: usize) -> Vec<(Vec<Point>, bool)> {
    let mut lines: Vec<(Vec<Point>, bool)> = Vec::new();
    let mut last = (0.0, 0.0);
    let mut count = 0;
    for segment in SimplifyingPathParser::from(text) {
        // What is not understood ends the path, as browsers do it.
        let Ok(segment) = segment else { break };
        if count >= most {
            break;
        }
        let mut add = |x: f64, y: f64| {
            count += 1;
            if let Some((points, _)) = lines.last_mut() {
                points.push(placed(transform, x, y));
            }
        };
        match segment {
            SimplePathSegment::MoveTo { x, y } => {
                lines.push((vec![placed(transform, x, y)], false));
                count += 1;
                last = (x, y);
            }
            SimplePathSegment::LineTo { x, y } => {
                add(x, y);
                last = (x, y);
            }
            SimplePathSegment::CurveTo { x1, y1, x2, y2, x, y } => {
                for step in 1..=CURVE_POINTS {
                    let t = f64::from(step) / f64::from(CURVE_POINTS);
                    let s = 1.0 - t;
                    let at = |a: f64, b: f64, c: f64, d: f64| {
                        s * s * s * a + 3.0 * s * s * t * b + 3.0 * s * t * t * c + t * t * t * d
                    };
                    add(at(last.0, x1, x2, x), at(last.1, y1, y2, y));
                }
                last = (x, y);
            }
            SimplePathSegment::Quadratic { x1, y1, x, y } => {
                for step in 1..=CURVE_POINTS {
                    let t = f64::from(step) / f64::from(CURVE_POINTS);
                    let at = |a: f64, b: f64, c: f64| {
                        (1.0 - t) * (1.0 - t) * a + 2.0 * (1.0 - t) * t * b + t * t * c
                    };
                    add(at(last.0, x1, x), at(last.1, y1, y));
                }
                last = (x, y);
            }
            SimplePathSegment::ClosePath => {
                if let Some((_, closed)) = lines.last_mut() {
                    *closed = true;
                }
            }
        }
    }
    lines
}
