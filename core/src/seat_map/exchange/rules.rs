//! Rows as rules again: from places and texts of single seats to the line or arc, the gaps and the numbering behind them.

use std::{collections::HashMap, ops::Range};

use super::{
    ImportError, ImportErrorCode, Result,
    notes::{NoteCode, Notes},
};
use crate::seat_map::{
    COORDINATE_MAX, LABEL_CHARS_MAX, NAME_CHARS_MAX, NUMBER_START_MAX, Numbering, Point, ROW_PLACES_MAX,
    ROWS_MAX, Row, Scheme, SeatRule, SeatTrait, layout::wide,
};

/// How far from its place by the rule a seat may be, in parts of the distance of neighbours: plans with whole pixels
/// are off by about that much, and nobody sees it.
const TOLERANCE: f64 = 0.05;
/// What always counts as equal, in plan units: less than the grid of every format.
const GRID: f64 = 0.011;
/// Improvements of an arc.
const STEPS: usize = 4;

/// A seat as an upload describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Place {
    pub(super) at: Point,
    pub(super) number: String,
    pub(super) shown: Option<String>,
    /// Key of its category.
    pub(super) category: String,
    pub(super) traits: Vec<SeatTrait>,
    pub(super) view: Option<String>,
}

/// Names that were given in one section or document, each once.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, u32>);

impl Names {
    /// The wanted name, or one made of it that nobody has yet.
    pub(super) fn give(&mut self, wanted: &str) -> String {
        let Some(mut number) = self.0.get(wanted).copied() else {
            self.0.insert(wanted.to_owned(), 2);
            return wanted.to_owned();
        };
        loop {
            let name = format!("{wanted}.{number}");
            number += 1;
            if !self.0.contains_key(&name) {
                self.0.insert(wanted.to_owned(), number);
                self.0.insert(name.clone(), 2);
                return name;
            }
        }
    }
}

/// The seats of one row, in the order in which people sit, as one row or as few pieces as there are rules for.
pub(super) fn rows(
    label: &str,
    shown: Option<&str>,
    seats: &[Place],
    names: &mut Names,
    notes: &mut Notes,
    object: &str,
) -> Result<Vec<Row>> {
    let (order, pieces) = best_order(seats);
    if pieces.len() > ROWS_MAX {
        let message = "The seats of one row lie so that they are more rows than a seat map may have.";
        return Err(ImportError::new(ImportErrorCode::TooMany, object, message));
    }
    notes.add_if(pieces.len() > 1, NoteCode::RowSplit, object);
    // Each piece has them.
    let long = label.len() > clipped(label, LABEL_CHARS_MAX).len();
    let label = clipped(label, LABEL_CHARS_MAX);
    let shown = shown.map(|shown| clipped(shown, NAME_CHARS_MAX));
    notes.add_if(long, NoteCode::Renamed, object);
    let row = |(range, course): (Range<usize>, Course)| {
        let name = names.give(label);
        let piece_of = (name != label).then(|| label.to_owned());
        let seats: Vec<&Place> = order[range].iter().map(|&at| &seats[at]).collect();
        row(name, shown.map(str::to_owned).or(piece_of), &seats, course)
    };
    Ok(pieces.into_iter().map(row).collect())
}

/// The beginning of a text that may be repeated for many seats: what is longer than any document allows is not.
pub(super) fn clipped(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(end, _)| &text[..end])
}

/// To a thousandth of a plan unit, as documents are written. What is far outside of every plan stays outside, but can be
/// reckoned with; what is no number is zero.
pub(super) fn rounded(value: f64) -> f64 {
    let far = 10.0 * COORDINATE_MAX;
    let rounded = (value.clamp(-far, far) * 1000.0).round() / 1000.0;
    // No negative zero either: it is written as a zero, and would not be read as the same.
    if rounded == 0.0 || rounded.is_nan() { 0.0 } else { rounded }
}

pub(super) fn rounded_point(point: Point) -> Point {
    Point { x: rounded(point.x), y: rounded(point.y) }
}

/// The line or arc of a row, and the place of each seat on it, counted from 0.
struct Course {
    row: Row,
    places: Vec<u32>,
}

fn row(label: String, shown: Option<String>, seats: &[&Place], course: Course) -> Row {
    let category = most_common(seats.iter().map(|seat| seat.category.as_str())).to_owned();
    let texts: Vec<&str> = seats.iter().map(|seat| seat.number.as_str()).collect();
    let numbering = numbering(&texts);
    let count = u32::try_from(seats.len()).unwrap_or(u32::MAX);
    let mut rules = Vec::new();
    let mut next = 0;
    for ((seat, &place), nth) in seats.iter().zip(&course.places).zip(0..) {
        let left_out =
            (next..place).map(|place| SeatRule { position: place + 1, skip: true, ..SeatRule::default() });
        rules.extend(left_out);
        next = place + 1;
        let number = format!("{}{}", numbering.prefix, numbering.text(nth, count));
        let rule = SeatRule {
            position: place + 1,
            label: (number != seat.number).then(|| seat.number.clone()),
            shown: seat.shown.clone().filter(|shown| *shown != seat.number),
            category: (seat.category != category).then(|| seat.category.clone()),
            traits: seat.traits.clone(),
            skip: false,
            view: seat.view.clone(),
        };
        if rule != (SeatRule { position: place + 1, ..SeatRule::default() }) {
            rules.push(rule);
        }
    }
    Row { label, shown, category, numbering, seats: rules, ..course.row }
}

/// The seats as they come or, if fewer pieces come of it, as they lie along the longest way through them.
fn best_order(seats: &[Place]) -> (Vec<usize>, Vec<(Range<usize>, Course)>) {
    let points: Vec<Point> = seats.iter().map(|seat| seat.at).collect();
    let order: Vec<usize> = (0..points.len()).collect();
    let as_they_come = pieces(&points);
    if as_they_come.len() < 2 {
        return (order, as_they_come);
    }
    let farthest = |from: Point| {
        let far = points.iter().copied().max_by(|a, b| apart(from, *a).total_cmp(&apart(from, *b)));
        far.unwrap_or_default()
    };
    let start = farthest(farthest(points[0]));
    let end = farthest(start);
    // From left to right, or else downwards, as people read.
    let (start, end) = if (end.x, end.y) < (start.x, start.y) { (end, start) } else { (start, end) };
    let along = |at: usize| {
        (points[at].x - start.x) * (end.x - start.x) + (points[at].y - start.y) * (end.y - start.y)
    };
    let mut sorted = order.clone();
    sorted.sort_by(|&a, &b| along(a).total_cmp(&along(b)));
    let in_order: Vec<Point> = sorted.iter().map(|&at| points[at]).collect();
    let as_they_lie = pieces(&in_order);
    if as_they_lie.len() < as_they_come.len() { (sorted, as_they_lie) } else { (order, as_they_come) }
}

/// As few pieces as follow a rule, the longest first.
fn pieces(points: &[Point]) -> Vec<(Range<usize>, Course)> {
    if let Some(course) = fit(points) {
        return vec![(0..points.len(), course)];
    }
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < points.len() {
        let (len, course) = longest(&points[from..]);
        pieces.push((from..from + len, course));
        from += len;
    }
    pieces
}

/// The longest beginning that follows a rule, found in steps that double and then halve.
fn longest(points: &[Point]) -> (usize, Course) {
    let mut best = (1, single(points[0]));
    let (mut len, mut step) = (1, 1);
    let mut grows = true;
    while step > 0 {
        let longer = (len + step).min(points.len());
        match (longer > len).then(|| fit(&points[..longer])).flatten() {
            Some(course) => {
                len = longer;
                best = (len, course);
                step = if grows { step * 2 } else { step / 2 };
            }
            None => {
                grows = false;
                step /= 2;
            }
        }
    }
    best
}

fn single(point: Point) -> Course {
    let point = rounded_point(point);
    Course { row: Row { start: point, end: point, count: 1, ..Row::default() }, places: vec![0] }
}

/// One line or arc with equal steps on which all points lie.
fn fit(points: &[Point]) -> Option<Course> {
    if let [only] = points {
        return Some(single(*only));
    }
    if points.len() > wide(ROW_PLACES_MAX) {
        return None;
    }
    let lines: Vec<f64> = points.windows(2).map(|pair| apart(pair[0], pair[1])).collect();
    let course = with_steps(points, &lines);
    // A gap in a strongly bent row is shorter than its places are along the arc.
    course.or_else(|| with_steps(points, &arcs(points)?))
}

/// The ways between neighbours along the circle through the first, the middle and the last point.
fn arcs(points: &[Point]) -> Option<Vec<f64>> {
    let (a, b, c) = (*points.first()?, *points.get(points.len() / 2)?, *points.last()?);
    let (bx, by, cx, cy) = (b.x - a.x, b.y - a.y, c.x - a.x, c.y - a.y);
    let double = 2.0 * (bx * cy - by * cx);
    let (b2, c2) = (bx * bx + by * by, cx * cx + cy * cy);
    let centre = Point { x: a.x + (cy * b2 - by * c2) / double, y: a.y + (bx * c2 - cx * b2) / double };
    let radius = apart(centre, a);
    if !radius.is_finite() {
        return None;
    }
    let angle = |point: Point| (point.y - centre.y).atan2(point.x - centre.x);
    let arc = |pair: &[Point]| {
        let turn = (angle(pair[1]) - angle(pair[0])).abs();
        radius * turn.min(std::f64::consts::TAU - turn)
    };
    Some(points.windows(2).map(arc).collect())
}

/// As [`fit`], with the ways between neighbours as far as they say how many places lie between.
fn with_steps(points: &[Point], steps: &[f64]) -> Option<Course> {
    // Gaps are several times the distance of neighbours, which is the least there is.
    let least = steps.iter().copied().fold(f64::INFINITY, f64::min);
    let course = with_pitch(points, steps, least);
    // Unless nearly everybody has a neighbour, the least way may be a gap too.
    let neighbours = steps.iter().filter(|&&step| step < least * (1.0 + TOLERANCE)).count();
    let sparse = 4 * neighbours <= 3 * steps.len();
    let finer =
        || sparse.then(|| [2.0, 3.0].into_iter().find_map(|part| with_pitch(points, steps, least / part)));
    course.or_else(|| finer().flatten())
}

fn with_pitch(points: &[Point], steps: &[f64], pitch: f64) -> Option<Course> {
    let (&first, &last) = (points.first()?, points.last()?);
    if !(pitch > GRID && pitch.is_finite()) {
        return None;
    }
    let mut places = vec![0];
    let mut place = 0_u32;
    for step in steps {
        let missing = (step / pitch).round() - 1.0;
        if missing + f64::from(place) >= f64::from(ROW_PLACES_MAX) - 1.0 {
            return None;
        }
        place += 1 + missing.max(0.0) as u32;
        places.push(place);
    }
    let row =
        Row { start: rounded_point(first), end: rounded_point(last), count: place + 1, ..Row::default() };
    let limit = (pitch * TOLERANCE).max(GRID);
    let straight = Candidate::of(row, points, &places);
    if straight.off <= GRID || points.len() == 2 {
        return (straight.off <= limit).then_some(Course { row: straight.row, places });
    }
    let arc = straight.bent(points, &places);
    let best = if arc.off < straight.off / 2.0 { arc } else { straight };
    let best = if best.off > GRID { best.moved(points, &places) } else { best };
    let chord = apart(best.row.start, best.row.end);
    // A deeper arc turns back on itself: documents do not have them.
    let sound = best.off <= limit && best.row.curve.abs() <= chord / 2.0;
    sound.then_some(Course { row: best.row, places })
}

/// A row and how far the worst of its seats is from where it should be.
struct Candidate {
    row: Row,
    off: f64,
}

impl Candidate {
    fn of(row: Row, points: &[Point], places: &[u32]) -> Self {
        let course = row.course();
        let off = places.iter().zip(points).map(|(&place, &point)| apart(course.place(place), point));
        let off = off.fold(0.0, |worst: f64, off| if off > worst || off.is_nan() { off } else { worst });
        Self { row, off }
    }

    /// The same ends, and the curve for which the sum of the squared distances is least (Gauss-Newton).
    fn bent(&self, points: &[Point], places: &[u32]) -> Self {
        let (start, end) = (self.row.start, self.row.end);
        let chord = apart(start, end);
        let middle = points[points.len() / 2];
        let height =
            ((end.y - start.y) * (middle.x - start.x) - (end.x - start.x) * (middle.y - start.y)) / chord;
        let mut curve = if height.is_finite() { height } else { 0.0 };
        let nudge = chord * 1e-5;
        for _ in 0..STEPS {
            let here = Row { curve, ..self.row.clone() }.course();
            let there = Row { curve: curve + nudge, ..self.row.clone() }.course();
            let (mut gain, mut weight) = (0.0, 0.0);
            for (&place, point) in places.iter().zip(points) {
                let (a, b) = (here.place(place), there.place(place));
                let (x, y) = ((b.x - a.x) / nudge, (b.y - a.y) / nudge);
                gain += x * (point.x - a.x) + y * (point.y - a.y);
                weight += x * x + y * y;
            }
            if !(weight > 0.0 && (gain / weight).is_finite()) {
                break;
            }
            curve += gain / weight;
        }
        Self::of(Row { curve: rounded(curve), ..self.row.clone() }, points, places)
    }

    /// Start and end moved by what the seats are off on average, if that is better.
    fn moved(self, points: &[Point], places: &[u32]) -> Self {
        let course = self.row.course();
        let total = f64::from(places.last().copied().unwrap_or(1).max(1));
        let count = points.len() as f64;
        let (mut f1, mut f2) = (0.0, 0.0);
        let (mut x0, mut x1, mut y0, mut y1) = (0.0, 0.0, 0.0, 0.0);
        for (&place, point) in places.iter().zip(points) {
            let (f, expected) = (f64::from(place) / total, course.place(place));
            let (x, y) = (point.x - expected.x, point.y - expected.y);
            (f1, f2) = (f1 + f, f2 + f * f);
            (x0, x1, y0, y1) = (x0 + x, x1 + f * x, y0 + y, y1 + f * y);
        }
        let square = count * f2 - f1 * f1;
        let line = |sum: f64, moment: f64| {
            let slope = (count * moment - f1 * sum) / square;
            ((sum - slope * f1) / count, slope)
        };
        let ((x, dx), (y, dy)) = (line(x0, x1), line(y0, y1));
        let (start, end) = (self.row.start, self.row.end);
        let start = rounded_point(Point { x: start.x + x, y: start.y + y });
        let end = rounded_point(Point { x: end.x + x + dx, y: end.y + y + dy });
        let moved = Self::of(Row { start, end, ..self.row.clone() }, points, places);
        if moved.off < self.off { moved } else { self }
    }
}

/// The rule that numbers most of the seats as they are.
fn numbering(texts: &[&str]) -> Numbering {
    let count = u32::try_from(texts.len()).unwrap_or(u32::MAX);
    let parsed: Vec<_> = texts.iter().map(|text| parse(text)).collect();
    let known: Vec<usize> = (0..texts.len()).filter(|&at| parsed[at].is_some()).collect();
    let mut anchors: Vec<usize> =
        [known.first(), known.get(known.len() / 2), known.last()].into_iter().flatten().copied().collect();
    anchors.dedup();
    let mut best = (texts.len(), Numbering::default());
    let schemes = [Scheme::Sequential, Scheme::Odd, Scheme::CentreOut];
    let rules = schemes.into_iter().flat_map(|scheme| [(scheme, false), (scheme, true)]);
    for ((scheme, descending), &anchor) in rules.flat_map(|rule| anchors.iter().map(move |at| (rule, at))) {
        let Some((prefix, value, letters)) = parsed[anchor] else { continue };
        let mut rule = Numbering {
            scheme,
            descending,
            start: Some(0),
            prefix: prefix.into(),
            letters,
            ..Numbering::default()
        };
        let nth = u32::try_from(anchor).unwrap_or(u32::MAX);
        let offset = u32::try_from(rule.number(nth, count)).unwrap_or(u32::MAX);
        let Some(start) = value.checked_sub(offset).filter(|&start| start <= NUMBER_START_MAX) else {
            continue;
        };
        if scheme == Scheme::Odd && start % 2 == 0 {
            rule.scheme = Scheme::Even;
        }
        rule.start = None;
        rule.start = (start != rule.first()).then_some(start);
        let same = |nth: u32, parsed: &Parsed<'_>| {
            parsed.is_some_and(|parsed| {
                parsed.0 == rule.prefix
                    && parsed.2 == letters
                    && u64::from(parsed.1) == rule.number(nth, count)
            })
        };
        let wrong = (0..).zip(&parsed).filter(|(nth, parsed)| !same(*nth, parsed)).count();
        if wrong < best.0 {
            best = (wrong, rule);
        }
        if wrong == 0 {
            break;
        }
    }
    best.1
}

/// A text, the number after it, and whether letters say it.
type Parsed<'a> = Option<(&'a str, u32, bool)>;

fn parse(text: &str) -> Parsed<'_> {
    let prefix = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &text[prefix.len()..];
    // No numbering has a longer one, and a rule's is tried on each seat of the row.
    if clipped(prefix, LABEL_CHARS_MAX).len() < prefix.len() {
        return None;
    }
    if !digits.is_empty() {
        let again = digits == "0" || !digits.starts_with('0');
        return digits.parse().ok().filter(|_| again).map(|value| (prefix, value, false));
    }
    // A = 1 … Z = 26, AA = 27. Longer words are names.
    let is_number = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let value = || text.bytes().fold(0, |value, byte| value * 26 + u32::from(byte - b'A') + 1);
    is_number.then(|| ("", value(), true))
}

pub(super) fn most_common<'a>(texts: impl Iterator<Item = &'a str>) -> &'a str {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for text in texts {
        match counts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => counts.push((text, 1)),
        }
    }
    // Of equals the first.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or("", |(text, _)| text)
}

pub(super) fn apart(a: Point, b: Point) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// Whether all points lie on one line or arc, as they come or as they lie.
pub(super) fn is_one_row(points: &[Point]) -> bool {
    let seats: Vec<Place> = points.iter().map(|&at| Place { at, ..Place::default() }).collect();
    best_order(&seats).1.len() == 1
}
