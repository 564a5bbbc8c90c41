//! Moving the focus with keys, by geometry.
//!
//! Within a row a key goes to the next seat of the row that lies in its direction, so a row can be walked from end to
//! end however it bends. Across rows it goes to the seat that is nearest in its direction. Home and End go to the ends of the
//! row and, from there, on to the row before and after, so that every seat can be reached whatever the plan looks like.

use eventflow_core::seat_map::{Layout, LayoutRow, Seat, SeatIndex};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Left,
    Right,
    Up,
    Down,
    /// To the start of the row, or of the row before.
    RowStart,
    /// To the end of the row, or of the row after.
    RowEnd,
    PreviousSection,
    NextSection,
}

/// How far a seat may lie beside the direction for each step along it.
const SPREAD: i64 = 2;
/// What a step beside the direction costs, squared, in steps along it.
const ASIDE_COST: i64 = 5;

/// The seat that a key leads to; `None` where there is nothing in that direction. `reachable` says which seats may have
/// the focus, `same_floor` which sections are in view together.
pub fn neighbour(
    layout: &Layout,
    from: SeatIndex,
    direction: Direction,
    reachable: &impl Fn(SeatIndex) -> bool,
    same_floor: &impl Fn(u16) -> bool,
) -> Option<SeatIndex> {
    let seat = layout.seat(from)?;
    let row = layout.row_of(from)?;
    let aim = match direction {
        Direction::Left => (-1, 0),
        Direction::Right => (1, 0),
        Direction::Up => (0, -1),
        Direction::Down => (0, 1),
        Direction::RowStart => {
            let first = row.seats.clone().map(SeatIndex).find(|&seat| reachable(seat));
            return first.filter(|&first| first != from).or_else(|| {
                let before = rows_before(layout, seat.row);
                before.filter_map(|row| row.seats.clone().map(SeatIndex).find(|&seat| reachable(seat))).next()
            });
        }
        Direction::RowEnd => {
            let last = row.seats.clone().rev().map(SeatIndex).find(|&seat| reachable(seat));
            return last.filter(|&last| last != from).or_else(|| {
                let after = layout.rows().get(seat.row as usize + 1..).unwrap_or(&[]).iter();
                after
                    .filter_map(|row| row.seats.clone().rev().map(SeatIndex).find(|&seat| reachable(seat)))
                    .next()
            });
        }
        Direction::PreviousSection | Direction::NextSection => {
            return section_beside(layout, seat.section, direction == Direction::NextSection, reachable);
        }
    };
    along_row(layout, seat, row, aim, reachable).or_else(|| across(layout, seat, aim, reachable, same_floor))
}

/// The next seat of the row towards its start or end, whichever lies more in the direction.
fn along_row(
    layout: &Layout,
    seat: &Seat,
    row: &LayoutRow,
    aim: (i64, i64),
    reachable: &impl Fn(SeatIndex) -> bool,
) -> Option<SeatIndex> {
    let here = seat.index.0;
    let mut after = (here + 1..row.seats.end).chain(if row.ring { row.seats.start..here } else { 0..0 });
    let mut before =
        (row.seats.start..here).rev().chain((if row.ring { here + 1..row.seats.end } else { 0..0 }).rev());
    let next = after.find(|&at| reachable(SeatIndex(at)));
    let previous = before.find(|&at| reachable(SeatIndex(at)));
    let towards = |at: u32| {
        let other = layout.seat(SeatIndex(at))?;
        let (dx, dy) = offset(seat, other);
        let (along, aside) = (dx * aim.0 + dy * aim.1, (dx * aim.1 - dy * aim.0).abs());
        // Less than half a right angle away from the direction.
        (along > 0 && along >= aside).then_some((along, aside, other.index))
    };
    let candidates = [next.and_then(towards), previous.and_then(towards)];
    // The straighter one: aside by along is smaller.
    let best = candidates.into_iter().flatten().reduce(|a, b| if b.1 * a.0 < a.1 * b.0 { b } else { a });
    best.map(|(_, _, seat)| seat)
}

/// The nearest seat of the floor in a direction, seats beside the direction being farther than they are.
fn across(
    layout: &Layout,
    seat: &Seat,
    aim: (i64, i64),
    reachable: &impl Fn(SeatIndex) -> bool,
    same_floor: &impl Fn(u16) -> bool,
) -> Option<SeatIndex> {
    let mut best: Option<(i64, SeatIndex)> = None;
    for other in layout.seats() {
        let (dx, dy) = offset(seat, other);
        let (along, aside) = (dx * aim.0 + dy * aim.1, (dx * aim.1 - dy * aim.0).abs());
        if along <= 0 || aside > SPREAD * along {
            continue;
        }
        let cost = along * along + ASIDE_COST * aside * aside;
        if best.is_none_or(|(least, _)| cost < least)
            && other.row != seat.row
            && reachable(other.index)
            && same_floor(other.section)
        {
            best = Some((cost, other.index));
        }
    }
    best.map(|(_, seat)| seat)
}

fn offset(from: &Seat, to: &Seat) -> (i64, i64) {
    (i64::from(to.x) - i64::from(from.x), i64::from(to.y) - i64::from(from.y))
}

fn rows_before(layout: &Layout, row: u32) -> impl Iterator<Item = &LayoutRow> {
    layout.rows().get(..row as usize).unwrap_or(&[]).iter().rev()
}

/// The first seat of the nearest section before or after that has one.
fn section_beside(
    layout: &Layout,
    from: u16,
    forward: bool,
    reachable: &impl Fn(SeatIndex) -> bool,
) -> Option<SeatIndex> {
    let first = |section: usize| {
        let rows = layout.sections().get(section)?.rows.clone();
        let rows = layout.rows().get(rows.start as usize..rows.end as usize)?;
        rows.iter().flat_map(|row| row.seats.clone()).map(SeatIndex).find(|&seat| reachable(seat))
    };
    let from = usize::from(from);
    if forward {
        (from + 1..layout.sections().len()).find_map(first)
    } else {
        (0..from).rev().find_map(first)
    }
}

#[cfg(test)]
mod tests;
