//! Tables with chairs, sold by the chair or as a whole, and booths, which are one place.

use serde::{Deserialize, Serialize};

use super::{Numbering, Point, SeatRule, is_zero, thousandths};

/// A table. Its chairs are seats like those of a row, counted clockwise from the top.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub label: String,
    /// Displayed instead of the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// Key of the category of its chairs, unless a chair says otherwise.
    pub category: String,
    pub centre: Point,
    pub shape: TableShape,
    /// Degrees clockwise around the centre.
    #[serde(default, skip_serializing_if = "is_zero", serialize_with = "thousandths")]
    pub rotation: f64,
    #[serde(default, skip_serializing_if = "TableSale::is_default")]
    pub sold: TableSale,
    #[serde(default, skip_serializing_if = "Numbering::is_default")]
    pub numbering: Numbering,
    /// Exceptions for single chairs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<SeatRule>,
    /// `https` address of a picture of the view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
}

/// Where the chairs are. Sizes are of the line through the centres of the chairs; whoever draws the table top leaves
/// room for them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TableShape {
    /// Chairs at equal distances around the circle, the first at the top. Everybody has two neighbours.
    Round {
        #[serde(serialize_with = "thousandths")]
        radius: f64,
        chairs: u32,
    },
    /// Chairs at equal distances along each side, with half a distance at its ends. Neighbours sit at the same side.
    Rectangle {
        #[serde(serialize_with = "thousandths")]
        width: f64,
        #[serde(serialize_with = "thousandths")]
        height: f64,
        /// Chairs at the top, right, bottom and left side, in the order in which they are counted.
        sides: [u32; 4],
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableSale {
    /// Chair by chair.
    #[default]
    Seats,
    /// All chairs at once, to one buyer.
    Whole,
}

/// A place of its own that is no chair: a stand of a fair, a box that is let as a whole. Its technical label is
/// `<section>-<label>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Booth {
    pub label: String,
    /// Displayed instead of the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    pub category: String,
    pub centre: Point,
    #[serde(serialize_with = "thousandths")]
    pub width: f64,
    #[serde(serialize_with = "thousandths")]
    pub height: f64,
    /// Degrees clockwise around the centre.
    #[serde(default, skip_serializing_if = "is_zero", serialize_with = "thousandths")]
    pub rotation: f64,
    /// `https` address of a picture of the view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
}

impl Table {
    /// Chairs, left-out ones included.
    pub fn count(&self) -> u32 {
        match self.shape {
            TableShape::Round { chairs, .. } => chairs,
            TableShape::Rectangle { sides, .. } => sides.into_iter().fold(0, u32::saturating_add),
        }
    }

    /// The centre of the chair at `position` (from 0).
    pub fn place(&self, position: u32) -> Point {
        let (x, y) = self.shape.place(position);
        let (sin, cos) = self.rotation.to_radians().sin_cos();
        Point { x: self.centre.x + x * cos - y * sin, y: self.centre.y + x * sin + y * cos }
    }
}

impl TableShape {
    /// The place before the rotation, seen from the centre of the table.
    fn place(&self, position: u32) -> (f64, f64) {
        match *self {
            Self::Round { radius, chairs } => {
                let angle = std::f64::consts::TAU * f64::from(position) / f64::from(chairs.max(1));
                (radius * angle.sin(), -radius * angle.cos())
            }
            Self::Rectangle { width, height, sides } => {
                let (side, nth) = side_of(sides, position);
                let along = (f64::from(nth) + 0.5) / f64::from(sides[side].max(1)) - 0.5;
                match side {
                    0 => (width * along, -height / 2.0),
                    1 => (width / 2.0, height * along),
                    2 => (-width * along, height / 2.0),
                    _ => (-width / 2.0, -height * along),
                }
            }
        }
    }

    /// Whether the chair at `position` (from 0) is the first of its side.
    pub(in crate::seat_map) fn starts_side(&self, position: u32) -> bool {
        match *self {
            Self::Round { .. } => position == 0,
            Self::Rectangle { sides, .. } => side_of(sides, position).1 == 0,
        }
    }
}

impl TableSale {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for TableShape {
    fn default() -> Self {
        Self::Round { radius: 0.0, chairs: 0 }
    }
}

/// The side on which the chair at `position` is, and which of that side it is (from 0).
fn side_of(sides: [u32; 4], position: u32) -> (usize, u32) {
    let mut nth = position;
    for (side, chairs) in sides.into_iter().enumerate() {
        if nth < chairs {
            return (side, nth);
        }
        nth -= chairs;
    }
    (3, nth)
}
