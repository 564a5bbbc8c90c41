//! The native seat-map document: JSON with rows as rules, strict about unknown fields.
//!
//! Coordinates are plan units with x to the right and y downwards, as on a screen; the demo venue uses centimetres.
//! Nothing depends on the scale. [`SeatMap::to_json`] is canonical: fixed order of fields, defaults left out, numbers
//! to a thousandth of a unit.

mod areas;
mod drawing;
mod limits;
mod rows;
mod tables;
mod traits;

use serde::{Deserialize, Serialize, Serializer};

pub use areas::{GaArea, Occupancy};
pub use drawing::{Icon, IconKind, Image, ImageRole, Shape, ShapeKind, TextLabel};
pub use limits::*;
pub use rows::{LabelStyle, Numbering, Row, RowLabels, Scheme, SeatRule};
pub use tables::{Booth, Table, TableSale, TableShape};
pub use traits::{SeatTrait, Traits};

/// The version marker of a document. A reader that does not know the marker refuses the document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    #[default]
    #[serde(rename = "eventflow.seat-map/1")]
    V1,
}

/// A seat map as organizers draw it and as files carry it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatMap {
    pub format: Format,
    pub name: String,
    pub categories: Vec<Category>,
    /// What the audience looks at; "best available" prefers the seats near it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_point: Option<Point>,
    /// From bottom to top. Without any, the map has one floor without a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floors: Vec<Floor>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Zone>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ga_areas: Vec<GaArea>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shapes: Vec<Shape>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<TextLabel>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
}

/// A group of places that are sold alike; price tiers refer to its key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub key: String,
    pub name: String,
    /// `#rrggbb`
    pub color: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    #[serde(serialize_with = "thousandths")]
    pub x: f64,
    #[serde(serialize_with = "thousandths")]
    pub y: f64,
}

/// A storey. Plans show one at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    pub key: String,
    pub name: String,
}

/// A part of the house that people ask for by name and that has several sections: the north stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub key: String,
    pub name: String,
}

/// A named part of the house: stalls, a balcony, a block of a stadium.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// First part of the technical label of its seats.
    pub key: String,
    pub name: String,
    /// Key of a floor; the lowest unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
    /// Key of a zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Where people enter, as they read it on the ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrance: Option<String>,
    /// The corners of the section on the plan; when empty, it is drawn around its seats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outline: Vec<Point>,
    /// `https` address of a picture of the view, for all seats that have none of their own or of their row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// Names the rows that have no label of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_labels: Option<RowLabels>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub booths: Vec<Booth>,
}

impl SeatMap {
    /// Reads a document. The message of the error names line, column and field. What the document means is judged by
    /// [`validate`](super::validate()).
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The canonical text of the document: equal documents have equal texts.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a document has no maps and no fallible serializers")
    }
}

impl Section {
    /// The label of each row: its own, or the one that the section's rule gives it; empty without either.
    pub fn row_labels(&self) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
        let unnamed = self.rows.iter().filter(|row| row.label.is_empty()).count();
        let unnamed = u32::try_from(unnamed).unwrap_or(u32::MAX);
        let mut next = 0..unnamed;
        self.rows.iter().map(move |row| match (&self.row_labels, row.label.is_empty()) {
            (Some(rule), true) => rule.label(next.next().unwrap_or(unnamed), unnamed).into(),
            _ => row.label.as_str().into(),
        })
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_one(value: &f64) -> bool {
    *value == 1.0
}

fn is_one_u32(value: &u32) -> bool {
    *value == 1
}

/// Whole numbers without a point, others with up to three decimals: short decimals survive every JSON reader.
fn thousandths<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let value = (value * 1000.0).round() / 1000.0;
    if value.fract() == 0.0 && value.abs() < 1e15 {
        serializer.serialize_i64(value as i64)
    } else {
        serializer.serialize_f64(value)
    }
}

#[cfg(test)]
mod tests;
