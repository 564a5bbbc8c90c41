//! Tables that are sold as a whole.

use super::super::{Layout, LayoutRow, RowKind, SeatIndex};
use crate::lean::Gather;

pub(in crate::seat_map) fn is_whole(row: &LayoutRow) -> bool {
    matches!(row.kind, RowKind::Table { whole: true, .. })
}

/// The chairs that are missing of tables that the pick, in seat order, has a part of.
pub(super) fn missing(layout: &Layout, picked: &[SeatIndex]) -> Vec<SeatIndex> {
    let row = |seat: SeatIndex| layout.seat(seat).map(|seat| seat.row);
    let tables = picked.chunk_by(|&a, &b| row(a) == row(b)).filter_map(|part| {
        let table = part.first().and_then(|&seat| layout.row_of(seat));
        table.filter(|table| is_whole(table)).map(|table| (table, part))
    });
    let chairs = |(table, part): (&LayoutRow, &[SeatIndex])| {
        let is_missing = |seat: &SeatIndex| part.binary_search(seat).is_err();
        table.seats.clone().map(SeatIndex).filter(is_missing).gather()
    };
    tables.flat_map(chairs).gather()
}
