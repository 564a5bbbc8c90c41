//! The list of findings, and the checks that many objects share.

use std::{collections::HashSet, fmt};

use super::{FINDINGS_MAX, Finding, FindingCode, Severity};
use crate::seat_map::document::*;

/// Where an object is in the document: `sections[2].rows[0]`. Written out only when there is something to say about it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    name: &'static str,
    index: Option<usize>,
}

impl<'a> Place<'a> {
    /// The document itself.
    pub(super) const WHOLE: Place<'static> = Place { parent: None, name: "", index: None };

    pub(super) const fn field(&'a self, name: &'static str) -> Self {
        Place { parent: Some(self), name, index: None }
    }

    pub(super) const fn item(&'a self, name: &'static str, index: usize) -> Self {
        Place { parent: Some(self), name, index: Some(index) }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if parent.parent.is_some() {
                f.write_str(".")?;
            }
        }
        f.write_str(self.name)?;
        self.index.map_or(Ok(()), |index| write!(f, "[{index}]"))
    }
}

/// The keys that other objects refer to.
pub(super) struct Keys<'a> {
    categories: HashSet<&'a str>,
    floors: HashSet<&'a str>,
    zones: HashSet<&'a str>,
}

impl<'a> Keys<'a> {
    pub(super) fn of(map: &'a SeatMap) -> Self {
        Self {
            categories: map.categories.iter().map(|category| category.key.as_str()).collect(),
            floors: map.floors.iter().map(|floor| floor.key.as_str()).collect(),
            zones: map.zones.iter().map(|zone| zone.key.as_str()).collect(),
        }
    }
}

#[derive(Default)]
pub(super) struct Report {
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
    oversized: bool,
}

impl Report {
    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        self.errors.append(&mut self.warnings);
        self.errors
    }

    /// A limit is exceeded: the seats are not looked at.
    pub(super) fn oversized(&self) -> bool {
        self.oversized
    }

    pub(super) fn add(&mut self, code: FindingCode, place: Place<'_>, message: impl Into<String>) {
        self.oversized |= matches!(code, FindingCode::TooMany | FindingCode::TextTooLong);
        let severity = code.severity();
        let findings = if severity == Severity::Error { &mut self.errors } else { &mut self.warnings };
        // A map beyond the limits must not hide that behind hundreds of other findings: it takes the place of the last.
        let first_limit =
            || code == FindingCode::TooMany && findings.iter().all(|finding| finding.code != code);
        if findings.len() == FINDINGS_MAX && first_limit() {
            findings.pop();
        }
        if findings.len() < FINDINGS_MAX {
            findings.push(Finding { severity, code, object: place.to_string(), message: message.into() });
        }
    }

    pub(super) fn text(&mut self, place: Place<'_>, text: &str, chars_max: usize) {
        if text.trim().is_empty() {
            self.add(FindingCode::MissingText, place, "A text is missing here.");
        }
        self.optional_text(place, text, chars_max);
    }

    pub(super) fn optional_text(&mut self, place: Place<'_>, text: &str, chars_max: usize) {
        // Bytes are an upper bound of characters, and nearly always enough to know.
        if text.len() > chars_max && text.chars().count() > chars_max {
            let message = format!("At most {chars_max} characters are allowed.");
            self.add(FindingCode::TextTooLong, place, message);
        }
        if text.chars().any(char::is_control) {
            self.add(FindingCode::InvalidText, place, "Control characters are not allowed.");
        } else if !text.is_empty() && text.trim().len() != text.len() {
            self.add(FindingCode::InvalidText, place, "Spaces at the beginning or end are not allowed.");
        }
    }

    /// A displayed label or an entrance: absent, or a text.
    pub(super) fn shown(&mut self, place: Place<'_>, text: Option<&String>, chars_max: usize) {
        if let Some(text) = text {
            self.text(place, text, chars_max);
        }
    }

    /// Addresses of pictures: browsers fetch them, so they may not be anything else than `https`.
    pub(super) fn url(&mut self, place: Place<'_>, url: Option<&String>) {
        let Some(url) = url else { return };
        let host = url.strip_prefix("https://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(""));
        let clean = !url.chars().any(|c| c.is_whitespace() || c.is_control());
        if url.len() > URL_CHARS_MAX && url.chars().count() > URL_CHARS_MAX {
            let message = format!("At most {URL_CHARS_MAX} characters are allowed.");
            self.add(FindingCode::TextTooLong, place, message);
        } else if !clean || host.is_none_or(|host| host.is_empty() || host.contains('@')) {
            let message = "The address of a picture begins with https:// and a host, and has no spaces.";
            self.add(FindingCode::InvalidUrl, place, message);
        }
    }

    pub(super) fn at_most(&mut self, place: Place<'_>, what: &str, count: usize, max: usize) {
        if count > max {
            self.add(FindingCode::TooMany, place, format!("{count} {what}; at most {max} are allowed."));
        }
    }

    pub(super) fn point(&mut self, place: Place<'_>, point: Point) {
        // NaN fails the comparison too.
        if ![point.x, point.y].iter().all(|value| value.abs() <= COORDINATE_MAX) {
            let message = format!("Coordinates lie between -{COORDINATE_MAX} and {COORDINATE_MAX}.");
            self.add(FindingCode::InvalidCoordinate, place, message);
        }
    }

    pub(super) fn size(&mut self, place: Place<'_>, size: f64) {
        // A hundredth of a unit is the least that is drawn.
        if !(0.01..=COORDINATE_MAX).contains(&size) {
            let message = format!("Sizes lie between 0.01 and {COORDINATE_MAX}.");
            self.add(FindingCode::InvalidSize, place, message);
        }
    }

    pub(super) fn rotation(&mut self, place: Place<'_>, degrees: f64) {
        if !(-360.0..=360.0).contains(&degrees) {
            self.add(FindingCode::InvalidRotation, place, "Rotations lie between -360 and 360 degrees.");
        }
    }

    pub(super) fn color(&mut self, place: Place<'_>, color: &str) {
        let is_color = color
            .strip_prefix('#')
            .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
        if !is_color {
            let message = "A colour is written as #rrggbb, with six hexadecimal digits.";
            self.add(FindingCode::InvalidColor, place, message);
        }
    }

    pub(super) fn category(&mut self, place: Place<'_>, key: &str, keys: &Keys<'_>) {
        if key.is_empty() {
            self.add(FindingCode::Uncategorised, place, "Places without a category cannot be sold.");
        } else if !keys.categories.contains(key) {
            let message = format!("There is no category with the key “{key}”.");
            self.add(FindingCode::UnknownCategory, place, message);
        }
    }

    /// The floor of something that is on one floor.
    pub(super) fn floor(&mut self, place: Place<'_>, key: Option<&String>, keys: &Keys<'_>) {
        if key.is_none() && keys.floors.len() > 1 {
            let message = "The map has several floors, and this is on none: it is shown on the lowest.";
            self.add(FindingCode::MissingFloor, place, message);
        }
        self.any_floor(place, key, keys);
    }

    /// The floor of something that may be on all floors.
    pub(super) fn any_floor(&mut self, place: Place<'_>, key: Option<&String>, keys: &Keys<'_>) {
        if let Some(key) = key.filter(|key| !keys.floors.contains(key.as_str())) {
            let message = format!("There is no floor with the key “{key}”.");
            self.add(FindingCode::UnknownFloor, place, message);
        }
    }

    pub(super) fn zone(&mut self, place: Place<'_>, key: Option<&String>, keys: &Keys<'_>) {
        if let Some(key) = key.filter(|key| !keys.zones.contains(key.as_str())) {
            let message = format!("There is no zone with the key “{key}”.");
            self.add(FindingCode::UnknownZone, place, message);
        }
    }
}
