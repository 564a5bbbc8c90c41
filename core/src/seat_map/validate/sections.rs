//! The checks of sections with their rows, tables and booths.

use std::{borrow::Cow, collections::HashSet};

use super::{
    FindingCode, outlines,
    report::{Keys, Place, Report},
};
use crate::seat_map::document::*;

/// What a row may be too long by: coordinates and pitch are rounded.
const OVERFLOW_TOLERANCE: f64 = 1.001;

pub(super) fn check(report: &mut Report, map: &SeatMap, keys: &Keys<'_>) {
    let mut section_keys = HashSet::new();
    for (index, section) in map.sections.iter().enumerate() {
        let place = Place::WHOLE.item("sections", index);
        check_section(report, place, section, keys);
        if !section_keys.insert(section.key.as_str()) {
            let message = format!("The key “{}” is used by another section.", section.key);
            report.add(FindingCode::DuplicateSection, place, message);
        }
        let mut labels = Labels { seen: HashSet::new() };
        for ((index, row), label) in section.rows.iter().enumerate().zip(section.row_labels()) {
            let place = place.item("rows", index);
            check_row(report, place, row, keys);
            labels.check(report, place, label);
        }
        for (index, table) in section.tables.iter().enumerate() {
            let place = place.item("tables", index);
            check_table(report, place, table, keys);
            labels.check(report, place, Cow::from(&table.label));
        }
        for (index, booth) in section.booths.iter().enumerate() {
            let place = place.item("booths", index);
            check_booth(report, place, booth, keys);
            labels.check(report, place, Cow::from(&booth.label));
        }
    }
}

/// Places of a row or table that are not left out, however often and wherever the document says it.
pub(super) fn seats_of(count: u32, rules: &[SeatRule]) -> u64 {
    let mut left_out: Vec<u32> = rules
        .iter()
        .filter(|rule| rule.skip && (1..=count).contains(&rule.position))
        .map(|rule| rule.position)
        .collect();
    left_out.sort_unstable();
    left_out.dedup();
    u64::from(count) - left_out.len() as u64
}

/// The labels of a section's rows, tables and booths: people find their seat by them, so no two are alike.
struct Labels<'a> {
    seen: HashSet<Cow<'a, str>>,
}

impl<'a> Labels<'a> {
    fn check(&mut self, report: &mut Report, place: Place<'_>, label: Cow<'a, str>) {
        report.text(place, &label, LABEL_CHARS_MAX);
        if self.seen.contains(&label) {
            let message = format!("The section has another row, table or booth “{label}”.");
            report.add(FindingCode::DuplicateRow, place, message);
        } else {
            self.seen.insert(label);
        }
    }
}

fn check_section(report: &mut Report, place: Place<'_>, section: &Section, keys: &Keys<'_>) {
    report.text(place.field("key"), &section.key, LABEL_CHARS_MAX);
    report.text(place.field("name"), &section.name, NAME_CHARS_MAX);
    report.floor(place.field("floor"), section.floor.as_ref(), keys);
    report.zone(place.field("zone"), section.zone.as_ref(), keys);
    report.shown(place.field("entrance"), section.entrance.as_ref(), NAME_CHARS_MAX);
    report.url(place.field("view"), section.view.as_ref());
    outlines::check(report, place.field("outline"), &section.outline);
    if section.rows.is_empty() && section.tables.is_empty() && section.booths.is_empty() {
        report.add(FindingCode::EmptySection, place, "The section has no places.");
    }
    if let Some(rule) = &section.row_labels {
        let place = place.field("row_labels");
        let letters = rule.style == LabelStyle::Letters;
        check_letters(report, place, letters, &rule.skip);
        let wrong = match rule {
            _ if rule.start > NUMBER_START_MAX => {
                Some(format!("Labels start at {NUMBER_START_MAX} at most."))
            }
            _ if !(1..=NUMBER_STEP_MAX).contains(&rule.step) => {
                Some(format!("Labels are 1 to {NUMBER_STEP_MAX} apart."))
            }
            _ if letters && rule.start == 0 => Some("The first letter is number 1.".to_owned()),
            _ => None,
        };
        if let Some(message) = wrong {
            report.add(FindingCode::InvalidNumbering, place, message);
        }
    }
}

fn check_row(report: &mut Report, place: Place<'_>, row: &Row, keys: &Keys<'_>) {
    report.shown(place.field("shown"), row.shown.as_ref(), LABEL_CHARS_MAX);
    report.category(place, &row.category, keys);
    report.url(place.field("view"), row.view.as_ref());
    report.point(place, row.start);
    report.point(place, row.end);
    let chord = (row.end.x - row.start.x).hypot(row.end.y - row.start.y);
    // A deeper arc would turn back on itself. NaN fails the comparison too.
    if row.curve != 0.0
        && !matches!(row.curve.abs().partial_cmp(&(chord / 2.0)), Some(order) if order.is_le())
    {
        let message = "The curve is at most half the distance from start to end: a half circle.";
        report.add(FindingCode::InvalidCurve, place, message);
    }
    if row.spacing.is_some_and(|spacing| !(0.01..=COORDINATE_MAX).contains(&spacing)) {
        let message = format!("The distance of neighbours lies between 0.01 and {COORDINATE_MAX}.");
        report.add(FindingCode::InvalidSpacing, place.field("spacing"), message);
    } else if row.spacing.is_some() && row.count > 1 && row.course().share() > OVERFLOW_TOLERANCE {
        let message = "At this distance of neighbours the row is longer than from its start to its end.";
        report.add(FindingCode::RowOverflows, place, message);
    } else if row.spacing.is_some() && row.count > 1 && chord == 0.0 {
        let message = "A row with a distance of neighbours needs an end that is not its start.";
        report.add(FindingCode::InvalidSpacing, place.field("spacing"), message);
    }
    if row.count > ROW_PLACES_MAX {
        let message = format!("{} places in a row; at most {ROW_PLACES_MAX} are allowed.", row.count);
        report.add(FindingCode::TooMany, place, message);
    } else if seats_of(row.count, &row.seats) == 0 {
        report.add(FindingCode::EmptyRow, place, "The row has no seats.");
    }
    check_numbering(report, place.field("numbering"), &row.numbering);
    check_rules(report, place, row.count, &row.seats, keys);
}

fn check_table(report: &mut Report, place: Place<'_>, table: &Table, keys: &Keys<'_>) {
    report.shown(place.field("shown"), table.shown.as_ref(), LABEL_CHARS_MAX);
    report.category(place, &table.category, keys);
    report.url(place.field("view"), table.view.as_ref());
    report.point(place, table.centre);
    report.rotation(place.field("rotation"), table.rotation);
    let most = match table.shape {
        TableShape::Round { radius, chairs } => {
            report.size(place.field("shape"), radius);
            chairs
        }
        TableShape::Rectangle { width, height, sides } => {
            report.size(place.field("shape"), width);
            report.size(place.field("shape"), height);
            sides.into_iter().max().unwrap_or(0)
        }
    };
    if most > TABLE_CHAIRS_MAX {
        let message =
            format!("{most} chairs at a table or one side of it; at most {TABLE_CHAIRS_MAX} are allowed.");
        report.add(FindingCode::TooMany, place, message);
    } else if seats_of(table.count(), &table.seats) == 0 {
        report.add(FindingCode::EmptyRow, place, "The table has no chairs.");
    }
    check_numbering(report, place.field("numbering"), &table.numbering);
    check_rules(report, place, table.count(), &table.seats, keys);
}

fn check_booth(report: &mut Report, place: Place<'_>, booth: &Booth, keys: &Keys<'_>) {
    report.shown(place.field("shown"), booth.shown.as_ref(), LABEL_CHARS_MAX);
    report.category(place, &booth.category, keys);
    report.url(place.field("view"), booth.view.as_ref());
    report.point(place, booth.centre);
    report.size(place.field("width"), booth.width);
    report.size(place.field("height"), booth.height);
    report.rotation(place.field("rotation"), booth.rotation);
}

fn check_rules(report: &mut Report, place: Place<'_>, count: u32, rules: &[SeatRule], keys: &Keys<'_>) {
    // Editors write them in order; then nothing needs to be remembered.
    let in_order = rules.is_sorted_by(|a, b| a.position < b.position);
    let mut positions = HashSet::new();
    for (index, rule) in rules.iter().enumerate() {
        let place = place.item("seats", index);
        if let Some(label) = &rule.label {
            report.text(place, label, LABEL_CHARS_MAX);
        }
        report.shown(place.field("shown"), rule.shown.as_ref(), LABEL_CHARS_MAX);
        report.url(place.field("view"), rule.view.as_ref());
        if let Some(category) = &rule.category {
            report.category(place, category, keys);
        }
        if !(1..=count).contains(&rule.position) {
            let message = format!("Position {}; the positions are 1 to {count}.", rule.position);
            report.add(FindingCode::InvalidPosition, place, message);
        } else if !in_order && !positions.insert(rule.position) {
            let message = format!("Position {} is described twice.", rule.position);
            report.add(FindingCode::InvalidPosition, place, message);
        }
    }
}

fn check_numbering(report: &mut Report, place: Place<'_>, numbering: &Numbering) {
    report.optional_text(place, &numbering.prefix, LABEL_CHARS_MAX / 2);
    check_letters(report, place, numbering.letters, &numbering.skip);
    let first = numbering.first();
    let wrong = match numbering.scheme {
        _ if first > NUMBER_START_MAX => Some(format!("Numbers start at {NUMBER_START_MAX} at most.")),
        _ if numbering.letters && first == 0 => Some("The first letter is number 1.".to_owned()),
        Scheme::Odd if first.is_multiple_of(2) => Some(format!("Odd numbers cannot start at {first}.")),
        Scheme::Even if !first.is_multiple_of(2) => Some(format!("Even numbers cannot start at {first}.")),
        _ => None,
    };
    if let Some(message) = wrong {
        report.add(FindingCode::InvalidNumbering, place, message);
    }
}

/// Letters that are left out: few enough that two remain to count with, and none without letters.
fn check_letters(report: &mut Report, place: Place<'_>, letters: bool, left_out: &str) {
    let distinct: HashSet<char> = left_out.chars().collect();
    let valid = left_out.chars().all(|letter| letter.is_ascii_uppercase())
        && distinct.len() == left_out.chars().count()
        && distinct.len() <= LETTERS_LEFT_OUT_MAX
        && (letters || left_out.is_empty());
    if !valid {
        let message = format!(
            "Letters to leave out are at most {LETTERS_LEFT_OUT_MAX} different ones from A to Z, where letters are used."
        );
        report.add(FindingCode::InvalidNumbering, place.field("skip"), message);
    }
}
