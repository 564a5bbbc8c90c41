//! Side by side.

use super::{
    super::{Layout, RowKind, SeatIndex},
    companions,
};
use crate::lean::Gather;

/// The seats that are not beside the largest group of the pick. Beside each other are the seats of one row without a seat
/// between them, whatever aisle there is; the chairs of one table; and a companion and the place for a wheelchair that it
/// belongs to.
pub(super) fn apart(layout: &Layout, picked: &[SeatIndex]) -> Vec<SeatIndex> {
    // Each seat names its group by one of its members.
    let mut group: Vec<usize> = (0..picked.len()).gather();
    for at in 1..picked.len() {
        for before in 0..at {
            if group[before] != group[at] && beside(layout, picked[before], picked[at]) {
                let (from, to) = (group[at], group[before]);
                group.iter_mut().filter(|name| **name == from).for_each(|name| *name = to);
            }
        }
    }
    let size = |name: usize| group.iter().filter(|&&other| other == name).count();
    // The first of the largest.
    let largest = group.iter().copied().max_by_key(|&name| (size(name), usize::MAX - name));
    picked.iter().zip(&group).filter(|&(_, &name)| Some(name) != largest).map(|(&seat, _)| seat).gather()
}

fn beside(layout: &Layout, before: SeatIndex, after: SeatIndex) -> bool {
    let (Some(a), Some(b)) = (layout.seat(before), layout.seat(after)) else { return false };
    if a.row == b.row {
        let is_table = layout.row_of(before).is_some_and(|row| matches!(row.kind, RowKind::Table { .. }));
        return is_table || before.0.abs_diff(after.0) == 1;
    }
    companions::belong_together(a, b)
}
