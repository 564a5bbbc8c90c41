//! Tables, booths and the shapes of a plan as polygons.

use eventflow_core::lean::Gather;
use eventflow_core::seat_map::{LayoutRow, LayoutShape, LayoutTable, RowKind, ShapeKind};

use crate::{
    angles::{ellipse, rectangle, turned},
    geometry::{Box2, Spot},
};

/// A table or a booth.
#[derive(Debug)]
pub struct Solid {
    pub row: u32,
    /// The booth itself, or the first chair of the table.
    pub seat: u32,
    pub booth: bool,
    /// The chairs of the table go together.
    pub whole: bool,
    pub corners: Vec<Spot>,
    pub bounds: Box2,
    pub middle: Spot,
}

impl Solid {
    /// `None` for a row of seats. `radius` is that of a chair: the top of a table leaves room for its chairs.
    pub fn of(row: &LayoutRow, number: u32, radius: f64) -> Option<Self> {
        let size = |line: u32| (f64::from(line) - 2.6 * radius).max(f64::from(line) * 0.3);
        let (middle, corners, booth, whole) = match row.kind {
            RowKind::Row => return None,
            RowKind::Table { shape, centre, rotation, whole } => {
                let at = (f64::from(centre.0), f64::from(centre.1));
                let corners = match shape {
                    LayoutTable::Round { radius } => {
                        let size = size(radius.saturating_mul(2));
                        turned(&ellipse(at, size, size), at, 0)
                    }
                    LayoutTable::Rectangle { width, height } => {
                        turned(&rectangle(at, size(width), size(height)), at, rotation)
                    }
                };
                (centre, corners, false, whole)
            }
            RowKind::Booth { centre, width, height, rotation } => {
                let at = (f64::from(centre.0), f64::from(centre.1));
                let corners = rectangle(at, f64::from(width), f64::from(height));
                (centre, turned(&corners, at, rotation), true, false)
            }
        };
        let bounds = Box2::of(corners.iter().copied());
        Some(Self { row: number, seat: row.seats.start, booth, whole, corners, bounds, middle })
    }
}

/// A shape of the plan.
#[derive(Debug)]
pub struct Drawing {
    pub corners: Vec<Spot>,
    pub closed: bool,
    /// `0xRRGGBB`; `None` with a fill of the theme when `themed`.
    pub fill: Option<u32>,
    pub stroke: Option<u32>,
    /// Hundredths; 0 is as thin as can be.
    pub stroke_width: u32,
    /// Has neither fill nor line: painted in the colours of the theme.
    pub themed: bool,
    pub bounds: Box2,
}

impl Drawing {
    pub fn of(shape: &LayoutShape) -> Self {
        let bounds = Box2::of(shape.points.iter().copied());
        let (width, height) = (f64::from(bounds.width()), f64::from(bounds.height()));
        let middle = if bounds.is_empty() { (0.0, 0.0) } else { bounds.centre() };
        let points: Vec<(f64, f64)> = match shape.kind {
            _ if bounds.is_empty() => Vec::new(),
            ShapeKind::Rectangle => rectangle(middle, width, height).to_vec(),
            ShapeKind::Ellipse => ellipse(middle, width, height),
            ShapeKind::Polygon | ShapeKind::Polyline => {
                shape.points.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).gather()
            }
        };
        let corners = turned(&points, middle, shape.rotation);
        let rgb = |[red, green, blue]: [u8; 3]| u32::from_be_bytes([0, red, green, blue]);
        let closed = shape.kind != ShapeKind::Polyline;
        let (fill, stroke) = (shape.fill.filter(|_| closed).map(rgb), shape.stroke.map(rgb));
        Self {
            bounds: Box2::of(corners.iter().copied()).grown((shape.stroke_width / 2) as i32),
            corners,
            closed,
            themed: fill.is_none() && stroke.is_none(),
            fill,
            stroke,
            stroke_width: shape.stroke_width,
        }
    }
}
