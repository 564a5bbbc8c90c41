//! The native seat-map document: JSON with rows as rules, strict about unknown fields.
//!
//! Coordinates are plan units with x to the right and y downwards, as on a screen; the demo venue uses centimetres.
//! Nothing depends on the scale. [`SeatMap::to_json`] is canonical: fixed order of fields, defaults left out, numbers
//! to a thousandth of a unit.

use serde::{Deserialize, Serialize, Serializer};

/// Seats of one map. The largest stadiums have about 130,000; 200,000 keep a layout below 20 MiB.
pub const SEATS_MAX: usize = 200_000;
/// Sections of one map: stadiums have some hundred blocks, theatres with a section for each box about a hundred.
pub const SECTIONS_MAX: usize = 2_000;
/// Rows of one map: ten seats in each row of the largest map.
pub const ROWS_MAX: usize = 20_000;
/// Places of one row, left-out ones included. Longer rows do not exist; a larger number is a slip of the keyboard.
pub const ROW_PLACES_MAX: u32 = 2_000;
/// Categories of one map: more cannot be told apart by colour.
pub const CATEGORIES_MAX: usize = 100;
/// Standing areas of one map.
pub const AREAS_MAX: usize = 500;
/// People in one standing area; the largest open-air concerts had about as many.
pub const AREA_CAPACITY_MAX: u32 = 1_000_000;
/// Corners of one standing area: enough for any drawn outline, and cheap to paint.
pub const AREA_POINTS_MAX: usize = 500;
/// Characters of a key, of a row label, of a seat's number and of a prefix: they are printed on tickets.
pub const LABEL_CHARS_MAX: usize = 40;
/// Characters of a whole technical label, `<section>-<row>-<number>`.
pub const SEAT_LABEL_CHARS_MAX: usize = 3 * LABEL_CHARS_MAX + 2;
/// Characters of a name that people read.
pub const NAME_CHARS_MAX: usize = 200;
/// The largest coordinate, in both directions: 10 km in centimetres, and far inside `i32` in hundredths.
pub const COORDINATE_MAX: f64 = 1_000_000.0;
/// The largest first number of a row.
pub const NUMBER_START_MAX: u32 = 100_000;

/// The version marker of a document. A reader that does not know the marker refuses the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    #[serde(rename = "eventflow.seat-map/1")]
    V1,
}

/// A seat map as organizers draw it and as files carry it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatMap {
    pub format: Format,
    pub name: String,
    pub categories: Vec<Category>,
    /// What the audience looks at; "best available" prefers the seats near it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_point: Option<Point>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ga_areas: Vec<GaArea>,
}

/// A group of places that are sold alike; price tiers refer to its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub key: String,
    pub name: String,
    /// `#rrggbb`
    pub color: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    #[serde(serialize_with = "thousandths")]
    pub x: f64,
    #[serde(serialize_with = "thousandths")]
    pub y: f64,
}

/// A named part of the house: stalls, a balcony, a block of a stadium.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// First part of the technical label of its seats.
    pub key: String,
    pub name: String,
    /// The storey, as people read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
    pub rows: Vec<Row>,
}

/// A row as a rule: `count` places at equal distances on the line or arc from `start` to `end`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub label: String,
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
    /// Places, left-out ones included.
    pub count: u32,
    #[serde(default, skip_serializing_if = "Numbering::is_default")]
    pub numbering: Numbering,
    /// Exceptions for single places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<SeatRule>,
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

/// An exception for one place of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatRule {
    /// Which place, counted from 1 at the start of the row, left-out places included.
    pub position: u32,
    /// Shown instead of the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traits: Vec<SeatTrait>,
    /// There is no seat here (an aisle, a pillar): its neighbours do not sit side by side.
    #[serde(default, skip_serializing_if = "is_false")]
    pub skip: bool,
}

/// An area without seats, sold by number of people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaArea {
    pub key: String,
    pub name: String,
    pub category: String,
    pub capacity: u32,
    /// The outline; empty when the plan does not show the area.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
}

macro_rules! seat_traits {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// A fact about a seat that matters to somebody who chooses it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum SeatTrait { $($(#[$doc])* #[serde(rename = $text)] $name),* }

        impl SeatTrait {
            pub const ALL: &[SeatTrait] = &[$(SeatTrait::$name),*];
            /// The word in documents and on the wire.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text),* } }
        }
    };
}

seat_traits! {
    /// Reachable without steps.
    Accessible = "accessible",
    /// A place for a wheelchair, without a chair.
    Wheelchair = "wheelchair",
    /// The seat of somebody who comes with a wheelchair user.
    Companion = "companion",
    RestrictedView = "restricted_view",
    /// Served by an induction loop or the like.
    HearingImpaired = "hearing_impaired",
    /// A good view of the interpreter.
    SignLanguage = "sign_language",
    /// Staff bring people to it by cart.
    CartService = "cart_service",
    PlusSize = "plus_size",
    /// Steep or at a railing.
    Vertigo = "vertigo",
    LimitedLegroom = "limited_legroom",
    /// Few steps, with room for crutches.
    SemiAmbulatory = "semi_ambulatory",
    LiftUpArmrests = "lift_up_armrests",
    Aisle = "aisle",
}

/// A set of [`SeatTrait`]s: one bit for each, in the order of [`SeatTrait::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Traits(u16);

impl Traits {
    pub const NONE: Traits = Traits(0);

    pub const fn bits(self) -> u16 {
        self.0
    }
    /// Unknown bits are dropped.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & ((1 << SeatTrait::ALL.len()) - 1))
    }
    pub const fn with(self, seat_trait: SeatTrait) -> Self {
        Self(self.0 | 1 << seat_trait as u16)
    }
    pub const fn contains(self, seat_trait: SeatTrait) -> bool {
        self.0 & 1 << seat_trait as u16 != 0
    }
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    pub fn iter(self) -> impl Iterator<Item = SeatTrait> {
        SeatTrait::ALL.iter().copied().filter(move |&t| self.contains(t))
    }
}

impl FromIterator<SeatTrait> for Traits {
    fn from_iter<I: IntoIterator<Item = SeatTrait>>(traits: I) -> Self {
        traits.into_iter().fold(Self::NONE, Self::with)
    }
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

impl Numbering {
    fn is_default(&self) -> bool {
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
}

impl Row {
    /// The centre of the place at `position` (from 0): equal steps on the line, or on the arc through both ends.
    pub fn place(&self, position: u32) -> Point {
        self.course().place(position)
    }

    /// The line or arc of the row, worked out once for all of its places.
    pub(super) fn course(&self) -> Course {
        let (dx, dy) = (self.end.x - self.start.x, self.end.y - self.start.y);
        let chord = dx.hypot(dy);
        let height = self.curve.abs();
        let arc = (chord > 0.0 && height > 0.0).then(|| Arc {
            chord,
            radius: (chord * chord / 4.0 + height * height) / (2.0 * height),
            half_angle: 2.0 * (2.0 * height / chord).atan(),
        });
        Course { start: self.start, dx, dy, curve: self.curve, count: self.count, arc }
    }
}

/// Where the places of a row lie.
pub(super) struct Course {
    start: Point,
    dx: f64,
    dy: f64,
    curve: f64,
    count: u32,
    arc: Option<Arc>,
}

struct Arc {
    chord: f64,
    radius: f64,
    /// From the middle of the arc to either end.
    half_angle: f64,
}

impl Course {
    pub(super) fn place(&self, position: u32) -> Point {
        let along = match self.count {
            0 | 1 => 0.5,
            count => f64::from(position) / f64::from(count - 1),
        };
        let Some(arc) = &self.arc else {
            return Point { x: self.start.x + self.dx * along, y: self.start.y + self.dy * along };
        };
        // With s and c of half the angle: sin = 2sc, and 1 - cos = 2ss, without cancellation in nearly straight rows.
        let (s, c) = (arc.half_angle * (along - 0.5)).sin_cos();
        let forward = arc.chord / 2.0 + 2.0 * arc.radius * s * c;
        let aside = self.curve - self.curve.signum() * 2.0 * arc.radius * s * s;
        Point {
            x: self.start.x + (self.dx * forward + self.dy * aside) / arc.chord,
            y: self.start.y + (self.dy * forward - self.dx * aside) / arc.chord,
        }
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(scheme: Scheme, start: Option<u32>, descending: bool, count: u32) -> Vec<u64> {
        let numbering = Numbering { scheme, start, descending, prefix: String::new() };
        (0..count).map(|nth| numbering.number(nth, count)).collect()
    }

    #[test]
    fn numbering_schemes() {
        assert_eq!(numbers(Scheme::Sequential, None, false, 4), [1, 2, 3, 4]);
        assert_eq!(numbers(Scheme::Sequential, Some(11), true, 4), [14, 13, 12, 11]);
        assert_eq!(numbers(Scheme::Odd, None, false, 4), [1, 3, 5, 7]);
        assert_eq!(numbers(Scheme::Odd, Some(21), true, 3), [25, 23, 21]);
        assert_eq!(numbers(Scheme::Even, None, false, 4), [2, 4, 6, 8]);
        assert_eq!(numbers(Scheme::Even, None, true, 4), [8, 6, 4, 2]);
        assert_eq!(numbers(Scheme::CentreOut, None, false, 5), [5, 3, 1, 2, 4]);
        assert_eq!(numbers(Scheme::CentreOut, None, false, 6), [5, 3, 1, 2, 4, 6]);
        assert_eq!(numbers(Scheme::CentreOut, None, true, 6), [6, 4, 2, 1, 3, 5]);
        assert_eq!(numbers(Scheme::CentreOut, Some(101), false, 3), [103, 101, 102]);
        assert_eq!(numbers(Scheme::CentreOut, None, false, 1), [1]);
    }

    fn row(end: Point, curve: f64, count: u32) -> Row {
        Row {
            label: "1".into(),
            category: "a".into(),
            start: Point { x: 0.0, y: 0.0 },
            end,
            curve,
            count,
            numbering: Numbering::default(),
            seats: Vec::new(),
        }
    }

    fn near(a: Point, b: (f64, f64)) -> bool {
        (a.x - b.0).hypot(a.y - b.1) < 1e-6
    }

    #[test]
    fn places_of_straight_curved_and_single_rows() {
        let straight = row(Point { x: 30.0, y: 40.0 }, 0.0, 6);
        assert!(near(straight.place(0), (0.0, 0.0)) && near(straight.place(5), (30.0, 40.0)));
        assert!(near(straight.place(1), (6.0, 8.0)));
        assert!(near(row(Point { x: 30.0, y: 40.0 }, 0.0, 1).place(0), (15.0, 20.0)));

        // A half circle over (0,0)-(100,0): its middle is `curve` above the line, which is up on a screen.
        let up = row(Point { x: 100.0, y: 0.0 }, 50.0, 3);
        assert!(near(up.place(0), (0.0, 0.0)) && near(up.place(1), (50.0, -50.0)));
        assert!(near(up.place(2), (100.0, 0.0)));
        let down = row(Point { x: 100.0, y: 0.0 }, -20.0, 3);
        assert!(near(down.place(1), (50.0, 20.0)) && near(down.place(2), (100.0, 0.0)));
        // A curve of nearly nothing is nearly straight.
        assert!(near(row(Point { x: 100.0, y: 0.0 }, 1e-9, 5).place(1), (25.0, 0.0)));
    }

    #[test]
    fn unknown_fields_formats_and_traits_are_refused() {
        let text = r#"{"format":"eventflow.seat-map/1","name":"n","categories":[]}"#;
        assert!(SeatMap::from_json(text).is_ok());
        assert!(SeatMap::from_json(&text.replace("map/1", "map/2")).is_err());
        assert!(SeatMap::from_json(&text.replace("\"name\"", "\"colour\":1,\"name\"")).is_err());
        assert!(serde_json::from_str::<SeatRule>(r#"{"position":1,"traits":["cosy"]}"#).is_err());
    }

    #[test]
    fn traits_are_thirteen_words_and_a_set() {
        assert_eq!(SeatTrait::ALL.len(), 13);
        for &seat_trait in SeatTrait::ALL {
            let word = serde_json::to_string(&seat_trait).unwrap();
            assert_eq!(word, format!("\"{}\"", seat_trait.as_str()));
        }
        let set: Traits = [SeatTrait::Aisle, SeatTrait::Wheelchair, SeatTrait::Aisle].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [SeatTrait::Wheelchair, SeatTrait::Aisle]);
        assert!(set.contains(SeatTrait::Aisle) && !set.contains(SeatTrait::Vertigo));
        assert_eq!(Traits::from_bits(u16::MAX).iter().count(), 13);
    }

    #[test]
    fn the_canonical_text_leaves_defaults_out() {
        let row = row(Point { x: 1.0, y: 2.5 }, 0.0, 2);
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"label":"1","category":"a","start":{"x":0,"y":0},"end":{"x":1,"y":2.5},"count":2}"#
        );
    }

    proptest! {
        #[test]
        fn steps_on_an_arc_are_equal(
            x in -500.0..500.0_f64, y in 10.0..500.0_f64, bend in -0.5..0.5_f64, count in 3..60_u32,
        ) {
            let chord = x.hypot(y);
            let row = row(Point { x, y }, bend * chord, count);
            let step = |i: u32| {
                let (a, b) = (row.place(i), row.place(i + 1));
                (a.x - b.x).hypot(a.y - b.y)
            };
            for i in 1..count - 1 {
                prop_assert!((step(i) - step(0)).abs() < 1e-6, "{} {}", step(i), step(0));
            }
            prop_assert!(near(row.place(0), (0.0, 0.0)) && near(row.place(count - 1), (x, y)));
        }

        #[test]
        fn numbers_are_distinct_whatever_the_scheme(
            scheme in prop::sample::select(vec![Scheme::Sequential, Scheme::Odd, Scheme::Even, Scheme::CentreOut]),
            descending: bool, count in 1..200_u32,
        ) {
            let mut all = numbers(scheme, None, descending, count);
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(all.len(), count as usize);
        }

        #[test]
        fn canonical_texts_are_stable(map in super::super::samples::maps()) {
            let text = map.to_json();
            let again = SeatMap::from_json(&text).unwrap();
            prop_assert_eq!(again.to_json(), text);
        }
    }
}
