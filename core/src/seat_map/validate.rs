//! What is wrong with a seat map. Errors keep a map from being published, warnings do not.

use std::collections::HashSet;

use serde::Serialize;

use super::{SeatIndex, Traits, document::*, layout::Layout};

/// Findings of one severity that are reported; the rest is left out. Nobody reads more before mending the first.
pub const FINDINGS_MAX: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

macro_rules! finding_codes {
    ($($name:ident = $code:literal, $severity:ident;)*) => {
        /// What kind of finding it is. Codes are stable: editors translate them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        pub enum FindingCode { $(#[serde(rename = $code)] $name),* }

        impl FindingCode {
            pub const ALL: &[FindingCode] = &[$(FindingCode::$name),*];
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $code),* } }
            pub const fn severity(self) -> Severity { match self { $(Self::$name => Severity::$severity),* } }
        }
    };
}

finding_codes! {
    EmptyMap = "empty_map", Error;
    TooMany = "too_many", Error;
    MissingText = "missing_text", Error;
    TextTooLong = "text_too_long", Error;
    InvalidText = "invalid_text", Error;
    InvalidColor = "invalid_color", Error;
    InvalidCoordinate = "invalid_coordinate", Error;
    InvalidCurve = "invalid_curve", Error;
    InvalidNumbering = "invalid_numbering", Error;
    InvalidPosition = "invalid_position", Error;
    InvalidCapacity = "invalid_capacity", Error;
    InvalidOutline = "invalid_outline", Error;
    UnknownCategory = "unknown_category", Error;
    DuplicateCategory = "duplicate_category", Error;
    DuplicateSection = "duplicate_section", Error;
    DuplicateRow = "duplicate_row", Error;
    DuplicateSeat = "duplicate_seat", Error;
    DuplicateArea = "duplicate_area", Error;
    EmptySection = "empty_section", Error;
    EmptyRow = "empty_row", Error;
    MissingFocalPoint = "missing_focal_point", Warning;
    UnusedCategory = "unused_category", Warning;
    CompanionAlone = "companion_alone", Warning;
    OverlappingSeats = "overlapping_seats", Warning;
}

/// Something to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub code: FindingCode,
    /// Where in the document, as `sections[2].rows[0]`; empty for the whole document.
    pub object: String,
    pub message: String,
}

/// A map may be published when it has no errors.
pub fn is_publishable(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity != Severity::Error)
}

/// Everything that is wrong with the map, errors first, in document order.
pub fn validate(map: &SeatMap) -> Vec<Finding> {
    let mut report = Report::default();
    report.text("name", &map.name, NAME_CHARS_MAX);
    check_categories(&mut report, map);
    check_areas(&mut report, map);
    check_sections(&mut report, map);
    check_whole(&mut report, map);
    if !report.oversized {
        check_seats(&mut report, map);
    }
    report.errors.append(&mut report.warnings);
    report.errors
}

/// Collects findings and holds the checks that many objects share.
#[derive(Default)]
struct Report {
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
    /// A limit is exceeded: the seats are not laid out.
    oversized: bool,
}

impl Report {
    fn add(&mut self, code: FindingCode, object: impl Into<String>, message: impl Into<String>) {
        self.oversized |= matches!(code, FindingCode::TooMany | FindingCode::TextTooLong);
        let severity = code.severity();
        let findings = if severity == Severity::Error { &mut self.errors } else { &mut self.warnings };
        // A map beyond the limits must not hide that behind hundreds of other findings: it takes the place of the last.
        let first_limit = code == FindingCode::TooMany && findings.iter().all(|finding| finding.code != code);
        if findings.len() == FINDINGS_MAX && first_limit {
            findings.pop();
        }
        if findings.len() < FINDINGS_MAX {
            findings.push(Finding { severity, code, object: object.into(), message: message.into() });
        }
    }

    fn text(&mut self, object: &str, text: &str, chars_max: usize) {
        if text.trim().is_empty() {
            self.add(FindingCode::MissingText, object, "A text is missing here.");
        }
        self.optional_text(object, text, chars_max);
    }

    fn optional_text(&mut self, object: &str, text: &str, chars_max: usize) {
        // Bytes are an upper bound of characters, and nearly always enough to know.
        if text.len() > chars_max && text.chars().count() > chars_max {
            self.add(
                FindingCode::TextTooLong,
                object,
                format!("At most {chars_max} characters are allowed."),
            );
        }
        if text.chars().any(char::is_control) {
            self.add(FindingCode::InvalidText, object, "Control characters are not allowed.");
        } else if !text.is_empty() && text.trim().len() != text.len() {
            self.add(FindingCode::InvalidText, object, "Spaces at the beginning or end are not allowed.");
        }
    }

    fn at_most(&mut self, object: &str, what: &str, count: usize, max: usize) {
        if count > max {
            self.add(FindingCode::TooMany, object, format!("{count} {what}; at most {max} are allowed."));
        }
    }

    fn point(&mut self, object: &str, point: Point) {
        // NaN fails the comparison too.
        if ![point.x, point.y].iter().all(|value| value.abs() <= COORDINATE_MAX) {
            let message = format!("Coordinates lie between -{COORDINATE_MAX} and {COORDINATE_MAX}.");
            self.add(FindingCode::InvalidCoordinate, object, message);
        }
    }

    fn category(&mut self, object: &str, key: &str, keys: &HashSet<&str>) {
        if !keys.contains(key) {
            let message = format!("There is no category with the key “{key}”.");
            self.add(FindingCode::UnknownCategory, object, message);
        }
    }
}

fn check_whole(report: &mut Report, map: &SeatMap) {
    let rows: usize = map.sections.iter().map(|section| section.rows.len()).sum();
    let places: u64 = map.sections.iter().flat_map(|section| &section.rows).map(seats_of).sum();
    report.at_most("sections", "sections", map.sections.len(), SECTIONS_MAX);
    report.at_most("sections", "rows", rows, ROWS_MAX);
    report.at_most("sections", "seats", usize::try_from(places).unwrap_or(usize::MAX), SEATS_MAX);
    if map.sections.is_empty() && map.ga_areas.is_empty() {
        report.add(FindingCode::EmptyMap, "", "The map has neither seats nor standing areas.");
    }
    match map.focal_point {
        Some(point) => report.point("focal_point", point),
        None if map.sections.is_empty() => {}
        None => report.add(
            FindingCode::MissingFocalPoint,
            "focal_point",
            "Without a focal point the best available seats are the first of the document.",
        ),
    }
}

fn check_categories(report: &mut Report, map: &SeatMap) {
    report.at_most("categories", "categories", map.categories.len(), CATEGORIES_MAX);
    let of_rows = map.sections.iter().flat_map(|section| &section.rows).flat_map(|row| {
        let own = row.seats.iter().filter(|rule| !rule.skip).filter_map(|rule| rule.category.as_deref());
        own.chain([row.category.as_str()])
    });
    let of_tables = map.sections.iter().flat_map(|section| &section.tables).flat_map(|table| {
        let own = table.seats.iter().filter(|rule| !rule.skip).filter_map(|rule| rule.category.as_deref());
        own.chain([table.category.as_str()])
    });
    let of_booths =
        map.sections.iter().flat_map(|section| &section.booths).map(|booth| booth.category.as_str());
    let of_places = of_rows.chain(of_tables).chain(of_booths);
    let used: HashSet<&str> =
        of_places.chain(map.ga_areas.iter().map(|area| area.category.as_str())).collect();
    let mut keys = HashSet::new();
    for (index, category) in map.categories.iter().enumerate() {
        let object = format!("categories[{index}]");
        report.text(&format!("{object}.key"), &category.key, LABEL_CHARS_MAX);
        report.text(&format!("{object}.name"), &category.name, NAME_CHARS_MAX);
        if !is_color(&category.color) {
            let message = "A colour is written as #rrggbb, with six hexadecimal digits.";
            report.add(FindingCode::InvalidColor, format!("{object}.color"), message);
        }
        if !keys.insert(category.key.as_str()) {
            let message = format!("The key “{}” is used by another category.", category.key);
            report.add(FindingCode::DuplicateCategory, object, message);
        } else if !used.contains(category.key.as_str()) {
            let message = format!("No seat and no area is of the category “{}”.", category.name);
            report.add(FindingCode::UnusedCategory, object, message);
        }
    }
}

fn check_areas(report: &mut Report, map: &SeatMap) {
    report.at_most("ga_areas", "standing areas", map.ga_areas.len(), AREAS_MAX);
    let categories: HashSet<&str> = map.categories.iter().map(|category| category.key.as_str()).collect();
    let mut keys = HashSet::new();
    for (index, area) in map.ga_areas.iter().enumerate() {
        let object = format!("ga_areas[{index}]");
        report.text(&format!("{object}.key"), &area.key, LABEL_CHARS_MAX);
        report.text(&format!("{object}.name"), &area.name, NAME_CHARS_MAX);
        report.category(&object, &area.category, &categories);
        if !(1..=AREA_CAPACITY_MAX).contains(&area.capacity) {
            let message = format!("The capacity lies between 1 and {AREA_CAPACITY_MAX}.");
            report.add(FindingCode::InvalidCapacity, format!("{object}.capacity"), message);
        }
        if !area.points.is_empty() && !(3..=OUTLINE_POINTS_MAX).contains(&area.points.len()) {
            let message = format!("An outline has 3 to {OUTLINE_POINTS_MAX} points, or none at all.");
            report.add(FindingCode::InvalidOutline, format!("{object}.points"), message);
        }
        for &point in area.points.iter().take(OUTLINE_POINTS_MAX) {
            report.point(&format!("{object}.points"), point);
        }
        if !keys.insert(area.key.as_str()) {
            let message = format!("The key “{}” is used by another area.", area.key);
            report.add(FindingCode::DuplicateArea, object, message);
        }
    }
}

fn check_sections(report: &mut Report, map: &SeatMap) {
    let categories: HashSet<&str> = map.categories.iter().map(|category| category.key.as_str()).collect();
    let mut keys = HashSet::new();
    for (index, section) in map.sections.iter().enumerate() {
        let object = format!("sections[{index}]");
        report.text(&format!("{object}.key"), &section.key, LABEL_CHARS_MAX);
        report.text(&format!("{object}.name"), &section.name, NAME_CHARS_MAX);
        if section.rows.is_empty() && section.tables.is_empty() && section.booths.is_empty() {
            report.add(FindingCode::EmptySection, object.as_str(), "The section has no places.");
        }
        if !keys.insert(section.key.as_str()) {
            let message = format!("The key “{}” is used by another section.", section.key);
            report.add(FindingCode::DuplicateSection, object.as_str(), message);
        }
        let mut labels = HashSet::new();
        for ((index, row), label) in section.rows.iter().enumerate().zip(section.row_labels()) {
            let object = format!("{object}.rows[{index}]");
            report.text(&object, &label, LABEL_CHARS_MAX);
            check_row(report, &object, row, &categories);
            if !labels.insert(label.into_owned()) {
                let message = format!("The section has another row “{}”.", row.label);
                report.add(FindingCode::DuplicateRow, object, message);
            }
        }
    }
}

fn check_row(report: &mut Report, object: &str, row: &Row, categories: &HashSet<&str>) {
    report.category(object, &row.category, categories);
    report.point(object, row.start);
    report.point(object, row.end);
    let chord = (row.end.x - row.start.x).hypot(row.end.y - row.start.y);
    // A deeper arc would turn back on itself. NaN fails the comparison too.
    if row.curve != 0.0
        && !matches!(row.curve.abs().partial_cmp(&(chord / 2.0)), Some(order) if order.is_le())
    {
        let message = "The curve is at most half the distance from start to end: a half circle.";
        report.add(FindingCode::InvalidCurve, object, message);
    }
    if row.count > ROW_PLACES_MAX {
        let message = format!("{} places in a row; at most {ROW_PLACES_MAX} are allowed.", row.count);
        report.add(FindingCode::TooMany, object, message);
    } else if seats_of(row) == 0 {
        report.add(FindingCode::EmptyRow, object, "The row has no seats.");
    }
    check_numbering(report, object, &row.numbering);

    let mut positions = HashSet::new();
    for (index, rule) in row.seats.iter().enumerate() {
        let object = format!("{object}.seats[{index}]");
        if let Some(label) = &rule.label {
            report.text(&object, label, LABEL_CHARS_MAX);
        }
        if let Some(category) = &rule.category {
            report.category(&object, category, categories);
        }
        if !(1..=row.count).contains(&rule.position) {
            let message = format!("Position {}; the row has positions 1 to {}.", rule.position, row.count);
            report.add(FindingCode::InvalidPosition, object, message);
        } else if !positions.insert(rule.position) {
            let message = format!("Position {} is described twice.", rule.position);
            report.add(FindingCode::InvalidPosition, object, message);
        }
    }
}

fn check_numbering(report: &mut Report, object: &str, numbering: &Numbering) {
    let object = format!("{object}.numbering");
    report.optional_text(&object, &numbering.prefix, LABEL_CHARS_MAX / 2);
    let first = numbering.first();
    let wrong = match numbering.scheme {
        _ if first > NUMBER_START_MAX => Some(format!("Numbers start at {NUMBER_START_MAX} at most.")),
        Scheme::Odd if first.is_multiple_of(2) => Some(format!("Odd numbers cannot start at {first}.")),
        Scheme::Even if !first.is_multiple_of(2) => Some(format!("Even numbers cannot start at {first}.")),
        _ => None,
    };
    if let Some(message) = wrong {
        report.add(FindingCode::InvalidNumbering, object, message);
    }
}

/// The checks that need every seat in its place.
fn check_seats(report: &mut Report, map: &SeatMap) {
    let layout = Layout::compile(map);
    for (first, second) in layout.duplicate_labels() {
        let message = format!("Two seats have the label “{}”.", layout.label(first));
        report.add(FindingCode::DuplicateSeat, path(&layout, second), message);
    }
    let traits_of = |row: &super::LayoutRow| {
        row.seats
            .clone()
            .filter_map(|seat| layout.seat(SeatIndex(seat)))
            .fold(Traits::NONE, |all, seat| Traits::from_bits(all.bits() | seat.traits.bits()))
    };
    for row in layout.rows() {
        let traits = traits_of(row);
        if traits.contains(SeatTrait::Companion) && !traits.contains(SeatTrait::Wheelchair) {
            let message = "The row has a companion's seat, but no place for a wheelchair.";
            report.add(FindingCode::CompanionAlone, path(&layout, SeatIndex(row.seats.start)), message);
        }
    }
    let mut seen = HashSet::new();
    for (first, second) in overlapping(&layout, overlap_distance(map)) {
        let row = |seat| layout.seat(seat).map(|seat| seat.row);
        // One finding for two rows that lie on each other.
        if seen.insert((row(first), row(second))) {
            let message = format!("The seats {} and {} overlap.", layout.label(first), layout.label(second));
            report.add(FindingCode::OverlappingSeats, path(&layout, second), message);
        }
    }
}

/// Seats overlap when their centres are nearer than half the usual distance of neighbours (the median over the rows),
/// so that the check fits every scale. In hundredths of a plan unit.
fn overlap_distance(map: &SeatMap) -> i64 {
    let rows = map.sections.iter().flat_map(|section| &section.rows).filter(|row| row.count > 1);
    let mut steps: Vec<f64> = rows
        .map(|row| {
            let (a, b) = (row.place(0), row.place(1));
            (a.x - b.x).hypot(a.y - b.y)
        })
        .filter(|&step| step > 0.0)
        .collect();
    let middle = steps.len() / 2;
    let median = if steps.is_empty() { 0.0 } else { *steps.select_nth_unstable_by(middle, f64::total_cmp).1 };
    ((median * 50.0) as i64).max(1)
}

/// Pairs of seats whose centres are nearer than `distance`, at most two for each seat: the plan is cut into strips as
/// high as the distance, and each seat is compared with those right of it in its strip and around it in the next.
fn overlapping(layout: &Layout, distance: i64) -> Vec<(SeatIndex, SeatIndex)> {
    let lowest = layout.seats().iter().map(|seat| i64::from(seat.y)).min().unwrap_or(0);
    let mut order: Vec<(i64, i32, SeatIndex)> = layout
        .seats()
        .iter()
        .map(|seat| ((i64::from(seat.y) - lowest) / distance, seat.x, seat.index))
        .collect();
    order.sort_unstable();
    let seats = layout.seats();
    let mut pairs = Vec::new();
    let mut ahead = 0;
    for (at, &(strip, x, seat)) in order.iter().enumerate() {
        let (x, y) = (i64::from(x), i64::from(seats[seat.position()].y));
        while order.get(ahead).is_some_and(|other| (other.0, i64::from(other.1)) <= (strip + 1, x - distance))
        {
            ahead += 1;
        }
        for (from, strip) in [(at + 1, strip), (ahead, strip + 1)] {
            let right = order[from..]
                .iter()
                .take_while(|other| other.0 == strip && i64::from(other.1) - x < distance);
            let mut others = right.map(|other| &seats[other.2.position()]);
            let hit = others.find(|other| {
                let (dx, dy) = (i64::from(other.x) - x, i64::from(other.y) - y);
                dx * dx + dy * dy < distance * distance
            });
            pairs.extend(hit.map(|other| (seat.min(other.index), seat.max(other.index))));
        }
    }
    pairs.sort_unstable();
    pairs
}

/// The path of the row that the seat is in.
fn path(layout: &Layout, seat: SeatIndex) -> String {
    let place = layout.seat(seat).and_then(|seat| {
        let first = layout.sections().get(usize::from(seat.section))?.rows.start;
        Some((seat.section, seat.row - first))
    });
    place.map_or_else(String::new, |(section, row)| format!("sections[{section}].rows[{row}]"))
}

/// Places of the row that are not left out, however often and wherever the document says it.
fn seats_of(row: &Row) -> u64 {
    let left_out: HashSet<u32> = row
        .seats
        .iter()
        .filter(|rule| rule.skip && (1..=row.count).contains(&rule.position))
        .map(|rule| rule.position)
        .collect();
    u64::from(row.count) - left_out.len() as u64
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::samples, *};

    /// The findings after a change to a flawless map of three rows.
    fn after(change: impl FnOnce(&mut SeatMap)) -> Vec<(&'static str, String)> {
        let mut map = samples::hall(3, 6);
        assert_eq!(validate(&map), []);
        change(&mut map);
        let findings = validate(&map);
        assert_eq!(is_publishable(&findings), findings.iter().all(|f| f.severity == Severity::Warning));
        findings.into_iter().map(|finding| (finding.code.as_str(), finding.object)).collect()
    }

    fn found(code: &'static str, object: &str) -> Vec<(&'static str, String)> {
        vec![(code, object.to_string())]
    }

    fn area(key: &str) -> GaArea {
        GaArea {
            key: key.into(),
            name: "Floor".into(),
            category: "a".into(),
            capacity: 100,
            ..GaArea::default()
        }
    }

    #[test]
    fn texts() {
        assert_eq!(after(|m| m.name.clear()), found("missing_text", "name"));
        assert_eq!(after(|m| m.name = "x".repeat(201)), found("text_too_long", "name"));
        assert_eq!(after(|m| m.name = "ü".repeat(200)), []);
        assert_eq!(after(|m| m.name = "a\u{7}".into()), found("invalid_text", "name"));
        assert_eq!(after(|m| m.sections[0].key = " ".into())[0], ("missing_text", "sections[0].key".into()));
        assert_eq!(
            after(|m| m.sections[0].rows[1].label.clear()),
            found("missing_text", "sections[0].rows[1]")
        );
        let long = |m: &mut SeatMap| m.sections[0].rows[1].label = "x".repeat(41);
        assert_eq!(after(long), found("text_too_long", "sections[0].rows[1]"));
        let seat = |m: &mut SeatMap| {
            m.sections[0].rows[0].seats = vec![SeatRule { label: Some(String::new()), ..samples::rule(1) }];
        };
        assert_eq!(after(seat), found("missing_text", "sections[0].rows[0].seats[0]"));
    }

    #[test]
    fn categories() {
        let extra = |key: &str| Category { key: key.into(), name: "X".into(), color: "#ABCDEF".into() };
        assert_eq!(after(|m| m.categories.push(extra("a"))), found("duplicate_category", "categories[1]"));
        assert_eq!(after(|m| m.categories.push(extra("b"))), found("unused_category", "categories[1]"));
        for color in ["red", "#12345", "#1234567", "#12345g", "123456#"] {
            let findings = after(|m| m.categories[0].color = color.into());
            assert_eq!(findings, found("invalid_color", "categories[0].color"));
        }
        assert_eq!(
            after(|m| m.sections[0].rows[2].category = "b".into()),
            found("unknown_category", "sections[0].rows[2]")
        );
        let seat = |m: &mut SeatMap| {
            m.sections[0].rows[0].seats = vec![SeatRule { category: Some("z".into()), ..samples::rule(1) }];
        };
        assert_eq!(after(seat), found("unknown_category", "sections[0].rows[0].seats[0]"));
    }

    #[test]
    fn duplicates() {
        assert_eq!(
            after(|m| m.sections[0].rows[2].label = "1".into()),
            [
                ("duplicate_row", "sections[0].rows[2]".to_string()),
                ("duplicate_seat", "sections[0].rows[2]".to_string()),
                ("duplicate_seat", "sections[0].rows[2]".to_string()),
                ("duplicate_seat", "sections[0].rows[2]".to_string()),
                ("duplicate_seat", "sections[0].rows[2]".to_string()),
                ("duplicate_seat", "sections[0].rows[2]".to_string()),
                ("duplicate_seat", "sections[0].rows[2]".to_string()),
            ]
        );
        let seat = |m: &mut SeatMap| {
            m.sections[0].rows[0].seats = vec![SeatRule { label: Some("4".into()), ..samples::rule(1) }];
        };
        assert_eq!(after(seat), found("duplicate_seat", "sections[0].rows[0]"));
        let section = |m: &mut SeatMap| {
            let mut copy = m.sections[0].clone();
            copy.rows.truncate(1);
            copy.rows[0].label = "9".into();
            copy.rows[0].start.y = 9_000.0;
            copy.rows[0].end.y = 9_000.0;
            m.sections.push(copy);
        };
        assert_eq!(after(section), found("duplicate_section", "sections[1]"));
        assert_eq!(
            after(|m| m.ga_areas = vec![area("f"), area("f")]),
            found("duplicate_area", "ga_areas[1]")
        );
    }

    #[test]
    fn the_same_label_from_different_sections_is_found() {
        let hyphens = |m: &mut SeatMap| {
            let mut other = m.sections[0].clone();
            other.key = "P-1".into();
            other.rows.truncate(1);
            other.rows[0].label = "2".into();
            other.rows[0].count = 1;
            other.rows[0].start.y = 9_000.0;
            m.sections.push(other);
            m.sections[0].rows[0].label = "1-2".into();
        };
        assert_eq!(after(hyphens), found("duplicate_seat", "sections[1].rows[0]"));
    }

    #[test]
    fn geometry() {
        let first = found("invalid_coordinate", "sections[0].rows[0]");
        assert_eq!(after(|m| m.sections[0].rows[0].start.x = f64::INFINITY)[0], first[0]);
        assert_eq!(after(|m| m.sections[0].rows[0].end.y = -1_000_001.0)[0], first[0]);
        assert_eq!(
            after(|m| m.sections[0].rows[0].curve = 126.0),
            found("invalid_curve", "sections[0].rows[0]")
        );
        assert_eq!(after(|m| m.sections[0].rows[0].curve = f64::NAN)[0].0, "invalid_curve");
        assert_eq!(after(|m| m.sections[0].rows[0].curve = -20.0), []);
        assert_eq!(after(|m| m.focal_point = None), found("missing_focal_point", "focal_point"));
        assert_eq!(
            after(|m| m.focal_point = Some(Point { x: 0.0, y: 2e6 })),
            found("invalid_coordinate", "focal_point")
        );
    }

    #[test]
    fn overlaps_are_found_at_every_scale() {
        let shift = |scale: f64, dy: f64| {
            move |m: &mut SeatMap| {
                for row in &mut m.sections[0].rows {
                    for point in [&mut row.start, &mut row.end] {
                        *point = Point { x: point.x * scale, y: point.y * scale };
                    }
                }
                let y = m.sections[0].rows[0].start.y + dy * scale;
                m.sections[0].rows[1].start = Point { x: 5.0 * scale, y };
                m.sections[0].rows[1].end = Point { x: 255.0 * scale, y };
            }
        };
        for scale in [0.02, 1.0, 100.0] {
            let overlap = found("overlapping_seats", "sections[0].rows[1]");
            assert_eq!(after(shift(scale, 0.0)), overlap);
            assert_eq!(after(shift(scale, -20.0)), overlap);
            assert_eq!(after(shift(scale, 30.0)), []);
        }
        let all_on_one_point = |m: &mut SeatMap| m.sections[0].rows[0].end = m.sections[0].rows[0].start;
        assert_eq!(after(all_on_one_point), found("overlapping_seats", "sections[0].rows[0]"));
    }

    #[test]
    fn emptiness() {
        assert_eq!(after(|m| m.sections[0].rows.clear())[0], ("empty_section", "sections[0]".into()));
        assert_eq!(
            after(|m| m.sections[0].rows[0].count = 0)[0],
            ("empty_row", "sections[0].rows[0]".into())
        );
        let skipped = |m: &mut SeatMap| m.sections[0].rows[0].seats = (1..=6).map(samples::skip).collect();
        assert_eq!(after(skipped), found("empty_row", "sections[0].rows[0]"));
        assert_eq!(after(|m| m.sections.clear())[0], ("empty_map", String::new()));
        let standing_only = |m: &mut SeatMap| {
            m.sections.clear();
            m.focal_point = None;
            m.ga_areas = vec![area("f")];
        };
        assert_eq!(after(standing_only), []);
    }

    #[test]
    fn numbering_and_positions() {
        let numbering = |scheme, start| {
            move |m: &mut SeatMap| {
                m.sections[0].rows[0].numbering =
                    Numbering { scheme, start: Some(start), ..Numbering::default() }
            }
        };
        let wrong = found("invalid_numbering", "sections[0].rows[0].numbering");
        assert_eq!(after(numbering(Scheme::Odd, 2)), wrong);
        assert_eq!(after(numbering(Scheme::Even, 1)), wrong);
        assert_eq!(after(numbering(Scheme::Sequential, 100_001)), wrong);
        assert_eq!(after(numbering(Scheme::Odd, 11)), []);
        for positions in [vec![0], vec![7], vec![3, 3]] {
            let at = format!("sections[0].rows[0].seats[{}]", positions.len() - 1);
            let seats = |m: &mut SeatMap| {
                m.sections[0].rows[0].seats = positions.iter().copied().map(samples::rule).collect();
            };
            assert_eq!(after(seats), found("invalid_position", &at));
        }
    }

    #[test]
    fn areas() {
        for capacity in [0, 1_000_001] {
            let findings = after(|m| m.ga_areas = vec![GaArea { capacity, ..area("f") }]);
            assert_eq!(findings, found("invalid_capacity", "ga_areas[0].capacity"));
        }
        let line = |m: &mut SeatMap| {
            m.ga_areas = vec![GaArea { points: vec![Point { x: 0.0, y: 0.0 }; 2], ..area("f") }];
        };
        assert_eq!(after(line), found("invalid_outline", "ga_areas[0].points"));
        let unknown = |m: &mut SeatMap| m.ga_areas = vec![GaArea { category: "z".into(), ..area("f") }];
        assert_eq!(after(unknown), found("unknown_category", "ga_areas[0]"));
    }

    #[test]
    fn companions_need_a_wheelchair_place_in_their_row() {
        let companion = samples::with_trait(2, SeatTrait::Companion);
        let alone = |m: &mut SeatMap| m.sections[0].rows[1].seats = vec![companion.clone()];
        assert_eq!(after(alone), found("companion_alone", "sections[0].rows[1]"));
        let both = |m: &mut SeatMap| {
            m.sections[0].rows[1].seats =
                vec![samples::with_trait(1, SeatTrait::Wheelchair), companion.clone()];
        };
        assert_eq!(after(both), []);
    }

    #[test]
    fn limits() {
        assert_eq!(after(|m| m.sections[0].rows[0].count = 2_001), found("too_many", "sections[0].rows[0]"));
        assert_eq!(after(|m| m.sections[0].rows[0].count = u32::MAX)[0].0, "too_many");
        let rows = |m: &mut SeatMap| m.sections[0].rows = vec![samples::row("1", 0.0, 2_000); 101];
        let findings = after(rows);
        assert!(findings.contains(&("too_many", "sections".to_string())));
        assert!(findings.iter().all(|(code, _)| ["too_many", "duplicate_row"].contains(code)));
        let many = |m: &mut SeatMap| m.sections[0].rows = vec![samples::row("1", 0.0, 1); 20_001];
        assert_eq!(after(many).len(), FINDINGS_MAX);
    }

    #[test]
    fn codes_are_unique() {
        let codes: HashSet<_> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), FindingCode::ALL.len());
    }

    proptest! {
        #[test]
        fn sample_maps_are_publishable(map in samples::maps()) {
            prop_assert!(is_publishable(&validate(&map)));
        }

        #[test]
        fn the_sweep_finds_what_comparing_all_finds(
            points in prop::collection::vec((0..60_i32, 0..60_i32), 2..40),
        ) {
            let rows = points.iter().zip(1..).map(|(&(x, y), n)| {
                let at = Point { x: f64::from(x), y: f64::from(y) };
                Row { start: at, end: at, ..samples::row(&format!("{n}"), 0.0, 1) }
            });
            let layout = Layout::compile(&samples::map_of(rows.collect()));
            let near = |a: &(i32, i32), b: &(i32, i32)| (a.0 - b.0).pow(2) + (a.1 - b.1).pow(2) < 25;
            let any = points.iter().enumerate().any(|(i, a)| points[i + 1..].iter().any(|b| near(a, b)));
            let pairs = overlapping(&layout, 500);
            prop_assert_eq!(!pairs.is_empty(), any);
            for (a, b) in pairs {
                prop_assert!(near(&points[a.position()], &points[b.position()]));
            }
        }
    }
}
