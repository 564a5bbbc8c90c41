//! Areas without seats, sold by number of people.

use serde::{Deserialize, Serialize};

use super::Point;

/// A standing area, a lawn, a lounge.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaArea {
    pub key: String,
    pub name: String,
    pub category: String,
    /// People who fit in.
    pub capacity: u32,
    /// The outline; empty when the plan does not show the area.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
    /// Key of a floor; the lowest unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
    /// Key of a zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Where people enter, as they read it on the ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrance: Option<String>,
    /// `https` address of a picture of the view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    #[serde(default, skip_serializing_if = "Occupancy::is_default")]
    pub sold: Occupancy,
}

/// In what amounts an area is sold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", from = "Strict")]
pub enum Occupancy {
    /// Place by place, until the capacity is reached.
    #[default]
    Places,
    /// All places at once, to one buyer: a lounge, a terrace.
    Whole,
    /// To one party at a time, of `min` to `max` people.
    Group { min: u32, max: u32 },
}

/// How [`Occupancy`] is read: serde lets variants without members have unknown ones, but not variants with an empty list.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Strict {
    Places {},
    Whole {},
    Group { min: u32, max: u32 },
}

impl From<Strict> for Occupancy {
    fn from(strict: Strict) -> Self {
        match strict {
            Strict::Places {} => Self::Places,
            Strict::Whole {} => Self::Whole,
            Strict::Group { min, max } => Self::Group { min, max },
        }
    }
}

impl Occupancy {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
