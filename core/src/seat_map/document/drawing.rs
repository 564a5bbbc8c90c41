//! What a plan shows besides places: shapes, texts, icons and images. None of it is sold.
//!
//! An object without a floor is drawn on every floor, as the stage is that one sees from the balcony too. Shapes lie below
//! places, texts and icons above them, each kind in document order.

use serde::{Deserialize, Serialize};

use super::{Point, is_one, is_zero, thousandths};

/// A line or a filled outline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    pub kind: ShapeKind,
    /// Two opposite corners of a rectangle or of the box around an ellipse; the corners of a polygon or polyline.
    pub points: Vec<Point>,
    /// Degrees clockwise around the middle of the box around the points.
    #[serde(default, skip_serializing_if = "is_zero", serialize_with = "thousandths")]
    pub rotation: f64,
    /// `#rrggbb`; absent is not filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<String>,
    /// `#rrggbb`; absent has no line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stroke: Option<String>,
    /// Width of the line in plan units; 0 is as thin as a screen can draw.
    #[serde(default, skip_serializing_if = "is_zero", serialize_with = "thousandths")]
    pub stroke_width: f64,
    /// Key of a floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
}

/// A text on the plan, centred on a point.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLabel {
    pub at: Point,
    pub text: String,
    /// Height of a line in plan units.
    #[serde(serialize_with = "thousandths")]
    pub size: f64,
    /// Degrees clockwise.
    #[serde(default, skip_serializing_if = "is_zero", serialize_with = "thousandths")]
    pub rotation: f64,
    /// `#rrggbb`; absent is the colour of text in the theme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Key of a floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
}

/// A pictogram, centred on a point.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Icon {
    pub at: Point,
    pub kind: IconKind,
    /// Height and width in plan units.
    #[serde(serialize_with = "thousandths")]
    pub size: f64,
    /// Key of a floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
}

/// A picture below everything else. The document refers to it; whoever shows the plan fetches it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// An `https` address.
    pub href: String,
    #[serde(default, skip_serializing_if = "ImageRole::is_default")]
    pub role: ImageRole,
    /// The top left corner before the rotation.
    pub at: Point,
    #[serde(serialize_with = "thousandths")]
    pub width: f64,
    #[serde(serialize_with = "thousandths")]
    pub height: f64,
    /// Degrees clockwise around the middle.
    #[serde(default, skip_serializing_if = "is_zero", serialize_with = "thousandths")]
    pub rotation: f64,
    /// 0 is invisible, 1 is opaque.
    #[serde(default = "opaque", skip_serializing_if = "is_one", serialize_with = "thousandths")]
    pub opacity: f64,
    /// Key of a floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageRole {
    /// Part of the plan.
    #[default]
    Background,
    /// A template to draw over: the editor shows it, the plan does not.
    Reference,
}

macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $first:ident = $word:literal, $($other:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            #[default]
            #[serde(rename = $word)]
            $first,
            $(#[serde(rename = $text)] $other),*
        }

        impl $name {
            pub const ALL: &[$name] = &[$name::$first, $($name::$other),*];
            /// The word in documents and on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { Self::$first => $word, $(Self::$other => $text),* }
            }
        }
    };
}

kinds! {
    /// How the points of a [`Shape`] are read.
    ShapeKind { Rectangle = "rectangle", Ellipse = "ellipse", Polygon = "polygon", Polyline = "polyline" }
}

kinds! {
    /// What an [`Icon`] stands for.
    IconKind {
        Information = "information", Stage = "stage", Screen = "screen", Bar = "bar", Food = "food", Toilet = "toilet",
        Exit = "exit", Entrance = "entrance", Stairs = "stairs", Lift = "lift", FirstAid = "first_aid",
        Cloakroom = "cloakroom", Parking = "parking", Wheelchair = "wheelchair", Smoking = "smoking",
    }
}

impl ImageRole {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Image {
    fn default() -> Self {
        Self {
            href: String::new(),
            role: ImageRole::Background,
            at: Point::default(),
            width: 0.0,
            height: 0.0,
            rotation: 0.0,
            opacity: opaque(),
            floor: None,
        }
    }
}

fn opaque() -> f64 {
    1.0
}
