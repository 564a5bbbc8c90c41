//! From plan to screen: one scale and one offset, held inside bounds, moved by drags, wheels, flings and flights.
//!
//! Plan coordinates are hundredths of a unit, screen coordinates device pixels. Only sums, products and square roots:
//! the same numbers on every machine.

use eventflow_raster::Projection;

use crate::geometry::{Box2, bounded};

/// How far out the map may be zoomed, relative to the zoom that fits it in.
const OUT_MAX: f64 = 0.85;
/// The radius of a seat at the nearest zoom, in CSS pixels: a comfortable target.
const NEAREST_RADIUS: f64 = 22.0;
/// Blank around a fitted plan, in CSS pixels.
const MARGIN: f64 = 24.0;
/// How long a flight takes.
const FLIGHT_MS: f64 = 320.0;
/// The time in which a fling loses about two thirds of its speed.
const FLING_MS: f64 = 240.0;
/// Device pixels a millisecond below which a fling ends.
const FLING_LEAST: f64 = 0.02;

/// Where the camera stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Device pixels to a hundredth of a plan unit.
    pub scale: f64,
    /// The device pixel of the plan's origin.
    pub x: f64,
    pub y: f64,
}

impl View {
    pub fn projection(self) -> Projection {
        Projection::new(self.scale, self.x, self.y)
    }
    pub fn to_screen(self, x: i32, y: i32) -> (f64, f64) {
        (f64::from(x) * self.scale + self.x, f64::from(y) * self.scale + self.y)
    }
    pub fn to_plan(self, x: f64, y: f64) -> (f64, f64) {
        ((x - self.x) / self.scale, (y - self.y) / self.scale)
    }
}

#[derive(Debug)]
struct Flight {
    from: View,
    to: View,
    begun: Option<f64>,
}

#[derive(Debug)]
struct Fling {
    vx: f64,
    vy: f64,
    last: Option<f64>,
}

#[derive(Debug)]
pub struct Camera {
    view: View,
    width: f64,
    height: f64,
    dpr: f64,
    bounds: Box2,
    /// Radius of a usual seat, in hundredths.
    radius: f64,
    flight: Option<Flight>,
    fling: Option<Fling>,
    /// What drags have left over of whole pixels.
    rest: (f64, f64),
    pub still: bool,
}

impl Camera {
    pub fn new(bounds: Box2, radius: f64) -> Self {
        let view = View { scale: 1.0, x: 0.0, y: 0.0 };
        let (width, height, dpr) = (0.0, 0.0, 1.0);
        Self {
            view,
            width,
            height,
            dpr,
            bounds,
            radius,
            flight: None,
            fling: None,
            rest: (0.0, 0.0),
            still: false,
        }
    }

    pub fn view(&self) -> View {
        self.view
    }
    pub fn dpr(&self) -> f64 {
        self.dpr
    }
    pub fn moves(&self) -> bool {
        self.flight.is_some() || self.fling.is_some()
    }

    /// The size in device pixels. The middle of the view stays where it is.
    pub fn resize(&mut self, width: f64, height: f64, dpr: f64) {
        let first = self.width == 0.0 || self.height == 0.0;
        let ratio = dpr / self.dpr;
        let fitted = self.view == self.fitted();
        let middle = self.view.to_plan(self.width / 2.0, self.height / 2.0);
        (self.width, self.height, self.dpr) = (width, height, dpr);
        self.stop();
        if first || fitted {
            self.view = self.fitted();
        } else {
            let scale = self.view.scale * ratio;
            self.view = self.clamped(self.centred(middle, scale));
        }
    }

    /// Another floor.
    pub fn set_bounds(&mut self, bounds: Box2) {
        self.bounds = bounds;
        self.stop();
        self.view = self.fitted();
    }

    pub fn fit(&mut self) {
        self.fly(self.fitted());
    }

    /// Shows a part of the plan, not nearer than `nearest`, and at least as near as `farthest`.
    pub fn show(&mut self, part: Box2, nearest: f64, farthest: f64) {
        let scale = self.scale_for(part, MARGIN * 1.5).min(nearest).max(farthest);
        let scale = bounded(scale, self.scale_least(), self.scale_most());
        let view = self.centred(part.centre(), scale);
        self.fly(self.clamped(view));
    }

    /// Brings a point at least `margin` device pixels inside the view.
    pub fn reveal(&mut self, x: i32, y: i32, margin: f64) {
        let target = self.flight.as_ref().map_or(self.view, |flight| flight.to);
        let (sx, sy) = target.to_screen(x, y);
        let inward = |at: f64, size: f64| {
            let margin = margin.min(size / 3.0);
            (margin - at).max(0.0) + (size - margin - at).min(0.0)
        };
        let (dx, dy) = (inward(sx, self.width).round(), inward(sy, self.height).round());
        if dx != 0.0 || dy != 0.0 {
            self.fly(self.clamped(View { x: target.x + dx, y: target.y + dy, ..target }));
        }
    }

    /// Brings a point of the plan to the middle, at once.
    pub fn centre_on(&mut self, x: f64, y: f64) {
        self.stop();
        self.set(self.clamped(self.centred((x, y), self.view.scale)));
    }

    pub fn zoom_by(&mut self, factor: f64, x: f64, y: f64, animate: bool) {
        let from = self.flight.as_ref().filter(|_| animate).map_or(self.view, |flight| flight.to);
        let scale = bounded(from.scale * factor, self.scale_least(), self.scale_most());
        let (px, py) = from.to_plan(x, y);
        let to = self.clamped(View { scale, x: x - px * scale, y: y - py * scale });
        if animate {
            self.fly(to);
        } else {
            self.stop();
            self.view = to;
        }
    }

    /// By device pixels. Only whole ones: what has been painted can be moved along, the rest waits.
    pub fn pan_by(&mut self, dx: f64, dy: f64) {
        self.flight = None;
        let (dx, dy) = (dx + self.rest.0, dy + self.rest.1);
        let (whole_x, whole_y) = (dx.round(), dy.round());
        self.rest = (dx - whole_x, dy - whole_y);
        self.view = self.clamped(View { x: self.view.x + whole_x, y: self.view.y + whole_y, ..self.view });
    }

    /// Device pixels a millisecond.
    pub fn fling(&mut self, vx: f64, vy: f64) {
        if !self.still && (vx * vx + vy * vy).sqrt() > 5.0 * FLING_LEAST {
            self.fling = Some(Fling { vx, vy, last: None });
        }
    }

    pub fn stop(&mut self) {
        self.flight = None;
        self.fling = None;
        self.rest = (0.0, 0.0);
    }

    /// Moves on to `now`.
    pub fn step(&mut self, now: f64) {
        if let Some(flight) = &mut self.flight {
            let begun = *flight.begun.get_or_insert(now);
            let t = ((now - begun) / FLIGHT_MS).clamp(0.0, 1.0);
            let view = between(flight.from, flight.to, ease(t), (self.width, self.height));
            let ends = t == 1.0;
            let to = if ends { flight.to } else { view };
            let flight = self.flight.take();
            self.set(to);
            self.flight = flight.filter(|_| !ends);
        }
        if let Some(mut fling) = self.fling.take() {
            let dt = (now - fling.last.unwrap_or(now)).clamp(0.0, 100.0);
            fling.last = Some(now);
            let before = self.view;
            self.pan_by(fling.vx * dt, fling.vy * dt);
            let slower = FLING_MS / (FLING_MS + dt);
            (fling.vx, fling.vy) = (fling.vx * slower, fling.vy * slower);
            let stuck = dt > 0.0 && self.view == before && self.rest == (0.0, 0.0);
            if !stuck && (fling.vx * fling.vx + fling.vy * fling.vy).sqrt() > FLING_LEAST {
                self.fling = Some(fling);
            }
        }
    }

    pub fn scale_fitted(&self) -> f64 {
        self.scale_for(self.bounds, MARGIN)
    }
    pub fn scale_least(&self) -> f64 {
        self.scale_fitted() * OUT_MAX
    }
    pub fn scale_most(&self) -> f64 {
        (NEAREST_RADIUS * self.dpr / self.radius).max(self.scale_fitted() * 1.5)
    }

    /// At an unchanged scale only by whole pixels, so that the picture can be moved along.
    fn set(&mut self, to: View) {
        if to.scale == self.view.scale {
            let (dx, dy) = ((to.x - self.view.x).round(), (to.y - self.view.y).round());
            self.view = View { x: self.view.x + dx, y: self.view.y + dy, ..to };
        } else {
            self.view = to;
        }
    }

    fn fly(&mut self, to: View) {
        self.stop();
        if self.still || self.width == 0.0 {
            self.set(to);
        } else if to != self.view {
            self.flight = Some(Flight { from: self.view, to, begun: None });
        }
    }

    fn fitted(&self) -> View {
        self.centred(self.bounds.centre(), self.scale_fitted())
    }

    fn scale_for(&self, part: Box2, margin: f64) -> f64 {
        let room = |size: f64| (size - 2.0 * margin * self.dpr).max(size / 2.0).max(1.0);
        let (width, height) = (f64::from(part.width()).max(1.0), f64::from(part.height()).max(1.0));
        (room(self.width) / width).min(room(self.height) / height)
    }

    fn centred(&self, (x, y): (f64, f64), scale: f64) -> View {
        View { scale, x: self.width / 2.0 - x * scale, y: self.height / 2.0 - y * scale }
    }

    /// The plan never leaves the view: where it is larger than the view, it may be drawn in by half the view; where it
    /// is smaller, it stays inside.
    fn clamped(&self, view: View) -> View {
        let scale = bounded(view.scale, self.scale_least(), self.scale_most());
        let hold = |offset: f64, low: i32, high: i32, size: f64| {
            let (low, high) = (f64::from(low) * scale, f64::from(high) * scale);
            let slack = size * 0.4;
            let (least, most) = (size - slack - high, slack - low);
            let (least, most) = if least <= most { (least, most) } else { (most, least) };
            // Only whole pixels away from where it wanted to be, as for drags.
            if offset < least {
                offset + (least - offset).ceil()
            } else if offset > most {
                offset - (offset - most).ceil()
            } else {
                offset
            }
        };
        View {
            scale,
            x: hold(view.x, self.bounds.x0, self.bounds.x1, self.width),
            y: hold(view.y, self.bounds.y0, self.bounds.y1, self.height),
        }
    }
}

/// Flights keep the visible width in step, which feels even without a logarithm.
fn between(from: View, to: View, t: f64, (width, height): (f64, f64)) -> View {
    let mix = |a: f64, b: f64| a + (b - a) * t;
    let same = from.scale == to.scale;
    let scale = if same { to.scale } else { 1.0 / mix(1.0 / from.scale, 1.0 / to.scale) };
    let (ax, ay) = from.to_plan(width / 2.0, height / 2.0);
    let (bx, by) = to.to_plan(width / 2.0, height / 2.0);
    View { scale, x: width / 2.0 - mix(ax, bx) * scale, y: height / 2.0 - mix(ay, by) * scale }
}

/// Fast at first, then settling.
fn ease(t: f64) -> f64 {
    let rest = 1.0 - t;
    1.0 - rest * rest * rest
}
