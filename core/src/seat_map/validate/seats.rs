//! The checks that need every seat in its place.

use std::collections::HashSet;

use super::{
    FindingCode, overlaps,
    report::{Place, Report},
};
use crate::seat_map::{Layout, LayoutRow, RowKind, SeatIndex, SeatTrait, layout::wide};

pub(super) fn check(report: &mut Report, layout: &Layout) {
    let ordinals = ordinals(layout);
    let mut add = |code: FindingCode, seat: SeatIndex, message: String| {
        let Some(seat) = layout.seat(seat) else { return };
        let section = Place::WHOLE.item("sections", usize::from(seat.section));
        let (name, nth) = ordinals[wide(seat.row)];
        report.add(code, section.item(name, nth), message);
    };
    for (first, second) in layout.duplicate_labels() {
        add(
            FindingCode::DuplicateSeat,
            second,
            format!("Two seats have the label “{}”.", layout.label(first)),
        );
    }
    for row in layout.rows() {
        if let Some(seat) = lonely_companion(layout, row) {
            let label = layout.label(seat);
            let message = format!("The companion's seat {label} has no place for a wheelchair beside it.");
            add(FindingCode::CompanionAlone, seat, message);
        }
    }
    let mut seen = HashSet::new();
    for (first, second) in overlaps::overlapping(layout) {
        let row = |seat| layout.seat(seat).map(|seat| seat.row);
        // One finding for two rows that lie on each other.
        if seen.insert((row(first), row(second))) {
            let message = format!("The seats {} and {} overlap.", layout.label(first), layout.label(second));
            add(FindingCode::OverlappingSeats, second, message);
        }
    }
}

/// The first companion's seat of the row that is not side by side with a wheelchair place, or with another companion's
/// seat that is.
fn lonely_companion(layout: &Layout, row: &LayoutRow) -> Option<SeatIndex> {
    let is = |seat: SeatIndex, wanted| layout.seat(seat).is_some_and(|seat| seat.traits.contains(wanted));
    let companions: Vec<SeatIndex> =
        row.seats.clone().map(SeatIndex).filter(|&seat| is(seat, SeatTrait::Companion)).collect();
    // Towards one side, over other companions. A ring of companions ends where it began.
    let reaches = |from: SeatIndex, next: &dyn Fn(SeatIndex) -> Option<SeatIndex>| {
        let mut at = from;
        loop {
            match next(at) {
                Some(seat) if is(seat, SeatTrait::Wheelchair) => return true,
                Some(seat) if seat != from && is(seat, SeatTrait::Companion) => at = seat,
                _ => return false,
            }
        }
    };
    // A row of companions only would make every walk as long as the row: one walk settles all that it passes.
    let mut settled: Option<SeatIndex> = None;
    companions.into_iter().find(|&seat| {
        let (before, _) = layout.neighbours(seat);
        let follows = before.is_some() && before == settled;
        let fine = follows
            || reaches(seat, &|at| layout.neighbours(at).0)
            || reaches(seat, &|at| layout.neighbours(at).1);
        if fine {
            settled = Some(seat);
        }
        !fine
    })
}

/// Which row, table or booth of its section each row of the layout is.
fn ordinals(layout: &Layout) -> Vec<(&'static str, usize)> {
    let name = |kind: &RowKind| match kind {
        RowKind::Row => "rows",
        RowKind::Table { .. } => "tables",
        RowKind::Booth { .. } => "booths",
    };
    let mut ordinals: Vec<(&'static str, usize)> = Vec::with_capacity(layout.rows().len());
    let mut section = None;
    for row in layout.rows() {
        let name = name(&row.kind);
        let nth = match ordinals.last() {
            Some(&(before, nth)) if section == Some(row.section) && before == name => nth + 1,
            _ => 0,
        };
        ordinals.push((name, nth));
        section = Some(row.section);
    }
    ordinals
}
