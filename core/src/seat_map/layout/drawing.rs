//! What a plan shows besides places, in hundredths.

use crate::lean::root;
use crate::seat_map::document::{IconKind, ShapeKind};

/// Red, green and blue.
pub type Rgb = [u8; 3];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutShape {
    pub kind: ShapeKind,
    /// Two opposite corners of a rectangle or of the box around an ellipse; the corners of a polygon or polyline.
    pub points: Vec<(i32, i32)>,
    /// Hundredths of a degree clockwise around the middle of the box around the points.
    pub rotation: u32,
    pub fill: Option<Rgb>,
    pub stroke: Option<Rgb>,
    /// 0 is as thin as a screen can draw.
    pub stroke_width: u32,
    /// Index into the floors; `None` is every floor.
    pub floor: Option<u16>,
}

/// A text, centred on its point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutText {
    pub x: i32,
    pub y: i32,
    pub text: String,
    /// Height of a line.
    pub size: u32,
    pub rotation: u32,
    /// `None` is the colour of text in the theme.
    pub color: Option<Rgb>,
    /// As [`LayoutShape::floor`].
    pub floor: Option<u16>,
}

/// A pictogram, centred on its point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutIcon {
    pub x: i32,
    pub y: i32,
    pub kind: IconKind,
    pub size: u32,
    /// As [`LayoutShape::floor`].
    pub floor: Option<u16>,
}

/// A picture; `x` and `y` are its top left corner before the rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutImage {
    pub href: String,
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
    pub rotation: u32,
    /// From 0, invisible, to 100.
    pub opacity: u8,
    /// As [`LayoutShape::floor`].
    pub floor: Option<u16>,
}

/// A box in hundredths of a plan unit, its edges included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

impl Bounds {
    /// The box around points; `None` without any.
    pub fn around(points: impl IntoIterator<Item = (i32, i32)>) -> Option<Self> {
        points.into_iter().fold(None, |bounds, (x, y)| {
            let point = Self { left: x, top: y, right: x, bottom: y };
            Some(bounds.map_or(point, |bounds: Self| bounds.with(point)))
        })
    }

    /// The box around both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// The box that holds this one however it is turned around its middle.
    pub(super) fn turned(self) -> Self {
        let (width, height) =
            (i64::from(self.right) - i64::from(self.left), i64::from(self.bottom) - i64::from(self.top));
        let reach = root((width * width + height * height).cast_unsigned()).cast_signed() / 2 + 1;
        let (x, y) = (i64::from(self.left) + width / 2, i64::from(self.top) + height / 2);
        let edge = |value: i64| i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX });
        Self { left: edge(x - reach), top: edge(y - reach), right: edge(x + reach), bottom: edge(y + reach) }
    }
}
