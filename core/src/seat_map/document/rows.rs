//! Rows as rules: where their places lie and how rows and seats are named.

use serde::{Deserialize, Serialize};

use super::{Point, is_false, is_one_u32, is_zero, thousandths};
use crate::seat_map::SeatTrait;

/// A row as a rule: `count` places at equal distances on the line or arc from `start` to `end`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Second part of the technical label of its seats; when empty, the section's [`RowLabels`] name the row.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Displayed instead of the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// Key of the category of its seats, unless a seat says otherwise.
    pub category: String,
    /// The centre of the first place.
    pub start: Point,
    /// The centre of the last place. A row of one place has it half way.
    pub end: Point,
    /// Height of the arc over the line from `start` to `end` (the sagitta); 0 is straight. Positive bulges to the left
    /// of somebody who walks from start to end, so a row drawn from left to right bulges towards the top.
    #[serde(default, skip_serializing_if = "is_zero", serialize_with = "thousandths")]
    pub curve: f64,
    /// Distance of neighbours, along the line or arc. The places are centred between start and end then, instead of
    /// spread from one to the other.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "some_thousandths")]
    pub spacing: Option<f64>,
    /// Places, left-out ones included.
    pub count: u32,
    #[serde(default, skip_serializing_if = "Numbering::is_default")]
    pub numbering: Numbering,
    /// Exceptions for single places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<SeatRule>,
    /// `https` address of a picture of the view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
}

/// How the rows of a section without a label of their own are named, in document order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowLabels {
    #[serde(default, skip_serializing_if = "LabelStyle::is_default")]
    pub style: LabelStyle,
    /// The lowest number, or the number of the letter that comes first.
    #[serde(default = "one", skip_serializing_if = "is_one_u32")]
    pub start: u32,
    /// The last row has the lowest number.
    #[serde(default, skip_serializing_if = "is_false")]
    pub descending: bool,
    /// From one row to the next.
    #[serde(default = "one", skip_serializing_if = "is_one_u32")]
    pub step: u32,
    /// Letters that are not used, such as `IO`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub skip: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelStyle {
    /// 1 2 3
    #[default]
    Numbers,
    /// A B C … Z AA AB
    Letters,
}

/// How the seats of a row are numbered. Left-out places take no number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbering {
    #[serde(default)]
    pub scheme: Scheme,
    /// The lowest number; 1 unless said, 2 for `even`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u32>,
    /// Numbers fall from start to end of the row; `centre_out` is mirrored.
    #[serde(default, skip_serializing_if = "is_false")]
    pub descending: bool,
    /// Put before each number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Letters instead of numbers: 1 is A, 26 is Z, 27 is AA.
    #[serde(default, skip_serializing_if = "is_false")]
    pub letters: bool,
    /// Letters that are not used, such as `IO`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub skip: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// 1 2 3 4 5
    #[default]
    Sequential,
    /// 1 3 5 7 9
    Odd,
    /// 2 4 6 8 10
    Even,
    /// 5 3 1 2 4: from the middle outwards, the first number's side being the one towards the start of the row.
    CentreOut,
}

/// An exception for one place of a row or one chair of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatRule {
    /// Which place, counted from 1 at the start of the row, left-out places included.
    pub position: u32,
    /// Stands for the number, in the technical label too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Displayed instead of the number; the technical label stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traits: Vec<SeatTrait>,
    /// There is no seat here (an aisle, a pillar): its neighbours do not sit side by side.
    #[serde(default, skip_serializing_if = "is_false")]
    pub skip: bool,
    /// `https` address of a picture of the view from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
}

impl RowLabels {
    /// The label of the `nth` (from 0) of `count` rows.
    pub fn label(&self, nth: u32, count: u32) -> String {
        let nth = if self.descending { count.saturating_sub(nth.saturating_add(1)) } else { nth };
        let number = u64::from(self.start) + u64::from(nth) * u64::from(self.step);
        match self.style {
            LabelStyle::Numbers => number.to_string(),
            LabelStyle::Letters => letters(number, &self.skip),
        }
    }
}

impl Default for RowLabels {
    fn default() -> Self {
        Self { style: LabelStyle::Numbers, start: 1, descending: false, step: 1, skip: String::new() }
    }
}

impl LabelStyle {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Numbering {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The lowest number of the row.
    pub fn first(&self) -> u32 {
        self.start.unwrap_or(if self.scheme == Scheme::Even { 2 } else { 1 })
    }

    /// The number of the `nth` (from 0) of `count` seats, counted from the start of the row.
    pub fn number(&self, nth: u32, count: u32) -> u64 {
        let nth = if self.descending { count.saturating_sub(nth.saturating_add(1)) } else { nth };
        let (nth, count) = (u64::from(nth), u64::from(count));
        let offset = match self.scheme {
            Scheme::Sequential => nth,
            Scheme::Odd | Scheme::Even => 2 * nth,
            Scheme::CentreOut => {
                let half = count.div_ceil(2);
                if nth < half { 2 * (half - 1 - nth) } else { 2 * (nth - half) + 1 }
            }
        };
        u64::from(self.first()) + offset
    }

    /// What follows the prefix: the number, or the letters that stand for it.
    pub fn text(&self, nth: u32, count: u32) -> String {
        let number = self.number(nth, count);
        if self.letters { letters(number, &self.skip) } else { number.to_string() }
    }
}

/// 1 = A … 26 = Z, 27 = AA: numbers without a zero, in an alphabet without the letters of `left_out`. A zero, and an
/// alphabet of which nothing is left, have no letters.
fn letters(number: u64, left_out: &str) -> String {
    let unused = |letter: &u8| left_out.bytes().any(|other| other.eq_ignore_ascii_case(letter));
    let alphabet: Vec<u8> = (b'A'..=b'Z').filter(|letter| !unused(letter)).collect();
    let base = alphabet.len() as u64;
    let mut text = Vec::new();
    let mut rest = if base > 1 { number } else { number.min(base) };
    while rest > 0 {
        rest -= 1;
        let letter = usize::try_from(rest % base).expect("less than the 26 letters of the alphabet");
        text.push(char::from(alphabet[letter]));
        rest /= base;
    }
    text.into_iter().rev().collect()
}

impl Row {
    /// The centre of the place at `position` (from 0): equal steps on the line, or on the arc through both ends.
    pub fn place(&self, position: u32) -> Point {
        self.course().place(position)
    }

    /// The line or arc of the row, worked out once for all of its places.
    pub(in crate::seat_map) fn course(&self) -> Course {
        let (dx, dy) = (self.end.x - self.start.x, self.end.y - self.start.y);
        let chord = dx.hypot(dy);
        let height = self.curve.abs();
        let arc = (chord > 0.0 && height > 0.0).then(|| Arc {
            chord,
            radius: (chord * chord / 4.0 + height * height) / (2.0 * height),
            half_angle: 2.0 * (2.0 * height / chord).atan(),
        });
        let length = arc.as_ref().map_or(chord, |arc| 2.0 * arc.radius * arc.half_angle);
        let step = match self.spacing {
            Some(spacing) if length > 0.0 => spacing / length,
            Some(_) => 0.0,
            None => 1.0 / f64::from(self.count.max(2) - 1),
        };
        Course {
            start: self.start,
            dx,
            dy,
            curve: self.curve,
            middle: f64::from(self.count.max(1) - 1) / 2.0,
            step,
            arc,
        }
    }
}

/// Where the places of a row lie.
pub(in crate::seat_map) struct Course {
    start: Point,
    dx: f64,
    dy: f64,
    curve: f64,
    /// The position, not always whole, that lies half way from start to end.
    middle: f64,
    /// From one place to the next, in parts of the way from start to end.
    step: f64,
    arc: Option<Arc>,
}

struct Arc {
    chord: f64,
    radius: f64,
    /// From the middle of the arc to either end.
    half_angle: f64,
}

impl Course {
    pub(in crate::seat_map) fn place(&self, position: u32) -> Point {
        // From -0.5 at the start to 0.5 at the end.
        let along = (f64::from(position) - self.middle) * self.step;
        let Some(arc) = &self.arc else {
            let along = along + 0.5;
            return Point { x: self.start.x + self.dx * along, y: self.start.y + self.dy * along };
        };
        // With s and c of half the angle: sin = 2sc, and 1 - cos = 2ss, without cancellation in nearly straight rows.
        let (s, c) = (arc.half_angle * along).sin_cos();
        let forward = arc.chord / 2.0 + 2.0 * arc.radius * s * c;
        let aside = self.curve - self.curve.signum() * 2.0 * arc.radius * s * s;
        Point {
            x: self.start.x + (self.dx * forward + self.dy * aside) / arc.chord,
            y: self.start.y + (self.dy * forward - self.dx * aside) / arc.chord,
        }
    }

    /// The part of the way from start to end that `count` places take; above 1 they reach beyond the ends.
    pub(in crate::seat_map) fn share(&self) -> f64 {
        2.0 * self.middle * self.step
    }
}

fn one() -> u32 {
    1
}

fn some_thousandths<S: serde::Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => thousandths(value, serializer),
        None => serializer.serialize_none(),
    }
}
