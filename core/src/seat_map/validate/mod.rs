//! What is wrong with a seat map. Errors keep a map from being published, warnings do not.

mod outlines;
mod overlaps;
mod parts;
mod report;
mod seats;
mod sections;

use serde::Serialize;

use super::{document::SeatMap, layout::Layout};
use report::{Keys, Report};

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
    InvalidUrl = "invalid_url", Error;
    InvalidColor = "invalid_color", Error;
    InvalidCoordinate = "invalid_coordinate", Error;
    InvalidSize = "invalid_size", Error;
    InvalidRotation = "invalid_rotation", Error;
    InvalidCurve = "invalid_curve", Error;
    InvalidSpacing = "invalid_spacing", Error;
    InvalidNumbering = "invalid_numbering", Error;
    InvalidPosition = "invalid_position", Error;
    InvalidCapacity = "invalid_capacity", Error;
    InvalidOccupancy = "invalid_occupancy", Error;
    InvalidOutline = "invalid_outline", Error;
    Uncategorised = "uncategorised", Error;
    UnknownCategory = "unknown_category", Error;
    UnknownFloor = "unknown_floor", Error;
    UnknownZone = "unknown_zone", Error;
    DuplicateCategory = "duplicate_category", Error;
    DuplicateFloor = "duplicate_floor", Error;
    DuplicateZone = "duplicate_zone", Error;
    DuplicateSection = "duplicate_section", Error;
    DuplicateRow = "duplicate_row", Error;
    DuplicateSeat = "duplicate_seat", Error;
    DuplicateArea = "duplicate_area", Error;
    EmptySection = "empty_section", Error;
    EmptyRow = "empty_row", Error;
    MissingFocalPoint = "missing_focal_point", Warning;
    MissingFloor = "missing_floor", Warning;
    EmptyFloor = "empty_floor", Warning;
    EmptyZone = "empty_zone", Warning;
    UnusedCategory = "unused_category", Warning;
    RowOverflows = "row_overflows", Warning;
    CrossedOutline = "crossed_outline", Warning;
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
    examine(map).0
}

/// As [`validate`], with the layout that it looked at.
pub fn examine(map: &SeatMap) -> (Vec<Finding>, Layout) {
    let mut report = Report::default();
    let keys = Keys::of(map);
    parts::check(&mut report, map, &keys);
    sections::check(&mut report, map, &keys);
    parts::check_whole(&mut report, map);
    let layout = Layout::compile(map);
    if !report.oversized() {
        seats::check(&mut report, &layout);
    }
    (report.into_findings(), layout)
}

#[cfg(test)]
mod tests;
