//! The seat rule that keeps single seats from being left over.
//!
//! Places for wheelchairs and their companions are sold on their own terms: they are never orphans, and they are no
//! company for the seat beside them.

use super::{
    super::{Layout, SeatIndex},
    Orphans, RESERVED,
    gaps::Gap,
    tables::is_whole,
};

/// How many rows before and behind its own a buyer is sent to look for a better place. Bounds the work in huge sections.
const REACH_ROWS: u32 = 30;

/// The seats that picking `picked` would leave alone: free, without a free neighbour, and not alone already before.
/// `free` is the state before the pick. In seat order; empty when the pick is fine.
pub fn leaves_orphan(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    picked: &[SeatIndex],
) -> Vec<SeatIndex> {
    let mut taken = picked.to_vec();
    taken.sort_unstable();
    orphans(layout, free, &taken, |_, _| true)
}

/// Of those seats the ones that the mode refuses. `picked` is in seat order.
pub(super) fn avoidable(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    picked: &[SeatIndex],
    mode: Orphans,
) -> Vec<SeatIndex> {
    if mode == Orphans::Off {
        return Vec::new();
    }
    let elsewhere =
        |of_gap: &[SeatIndex]| mode == Orphans::Strict && has_room_elsewhere(layout, free, picked, of_gap);
    orphans(layout, free, picked, |gap, of_gap| has_room(layout, gap, of_gap) || elsewhere(of_gap))
}

/// The single seats that the pick makes, of each gap for which `counts` says so, given the gap and the picked seats of
/// it.
fn orphans(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    picked: &[SeatIndex],
    counts: impl Fn(&Gap, &[SeatIndex]) -> bool,
) -> Vec<SeatIndex> {
    let taken = |seat: SeatIndex| picked.binary_search(&seat).is_ok();
    let open = |seat: SeatIndex| standard(layout, seat) && (free(seat) || taken(seat));
    let (mut gap, mut of_gap, mut orphans) = (Gap::default(), Vec::new(), Vec::new());
    for &seat in picked {
        if !standard(layout, seat) || gap.seats.contains(&seat) {
            continue;
        }
        gap.surround(layout, &open, seat);
        of_gap.clear();
        gap.seats.iter().filter(|&&seat| taken(seat)).for_each(|&seat| of_gap.push(seat));
        if gap.singles(&taken).next().is_some() && counts(&gap, &of_gap) {
            gap.singles(&taken).for_each(|seat| orphans.push(seat));
        }
    }
    orphans.sort_unstable();
    orphans.dedup();
    orphans
}

fn standard(layout: &Layout, seat: SeatIndex) -> bool {
    layout.seat(seat).is_some_and(|seat| !seat.traits.intersects(RESERVED))
}

/// The category of the seats, if they have one in common: who picked seats of two does not mind.
fn common_category(layout: &Layout, seats: &[SeatIndex]) -> Option<u16> {
    let mut categories = seats.iter().map(|&seat| layout.seat(seat).and_then(|seat| seat.category));
    let first = categories.next().flatten();
    first.filter(|_| categories.all(|category| category == first))
}

fn has_room(layout: &Layout, gap: &Gap, picked: &[SeatIndex]) -> bool {
    let category = common_category(layout, picked);
    let fits =
        |seat: SeatIndex| category.is_none() || layout.seat(seat).and_then(|seat| seat.category) == category;
    gap.has_room(picked.len(), &fits)
}

/// Whether a gap of the same section, near the row, that nothing was picked from has room for as many.
fn has_room_elsewhere(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    picked: &[SeatIndex],
    of_gap: &[SeatIndex],
) -> bool {
    let category = common_category(layout, of_gap);
    let Some(near) = of_gap.first().and_then(|&seat| layout.seat(seat)) else { return false };
    let fits =
        |seat: SeatIndex| category.is_none() || layout.seat(seat).and_then(|seat| seat.category) == category;
    let taken = |seat: SeatIndex| picked.binary_search(&seat).is_ok();
    let open = |seat: SeatIndex| standard(layout, seat) && (free(seat) || taken(seat));
    let mut gap = Gap::default();
    let reach = near.row.saturating_sub(REACH_ROWS)..=near.row.saturating_add(REACH_ROWS);
    let rows = reach.filter_map(|row| layout.rows().get(SeatIndex(row).position()));
    let rows = rows.filter(|row| row.section == near.section && !is_whole(row));
    for row in rows {
        for seat in row.seats.clone().map(SeatIndex) {
            // A gap begins where nobody free sits before; round a table that is free as a whole, at its first chair.
            let begins = || !layout.neighbours(seat).0.is_some_and(open) || seat.0 == row.seats.start;
            if open(seat) && begins() {
                gap.surround(layout, &open, seat);
                if gap.has_room(of_gap.len(), &fits) && !gap.seats.iter().any(|&seat| taken(seat)) {
                    return true;
                }
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::super::samples, *};
    use crate::seat_map::SeatTrait;

    fn orphans(row: &str, picked: &[u32]) -> Vec<u32> {
        let mut rule = samples::row("1", 0.0, row.len() as u32);
        for (position, place) in (1..).zip(row.chars()) {
            match place {
                '_' => rule.seats.push(samples::skip(position)),
                'w' => rule.seats.push(samples::with_trait(position, SeatTrait::Wheelchair)),
                _ => {}
            }
        }
        let layout = Layout::compile(&samples::map_of(vec![rule]));
        let states: Vec<char> = row.chars().filter(|&c| c != '_').collect();
        let picked: Vec<_> = picked.iter().copied().map(SeatIndex).collect();
        let found = leaves_orphan(&layout, &|seat| states[seat.position()] != 'x', &picked);
        found.into_iter().map(|seat| seat.0).collect()
    }

    #[test]
    fn single_seats_at_edges_gaps_and_beside_taken_seats_are_orphans() {
        assert_eq!(orphans("......", &[1, 2]), [0]);
        assert_eq!(orphans("......", &[0, 1]), [0_u32; 0]);
        assert_eq!(orphans("......", &[1, 4]), [0, 5]);
        assert_eq!(orphans("...x..", &[0, 1]), [2]);
        assert_eq!(orphans("..._..", &[0, 1]), [2]);
        assert_eq!(orphans("......", &[0, 2, 3]), [1]);
    }

    #[test]
    fn seats_that_were_alone_before_and_reserved_places_do_not_count() {
        assert_eq!(orphans(".x....", &[2, 3]), [0_u32; 0]);
        assert_eq!(orphans("w...", &[1, 2]), [3]);
        assert_eq!(orphans(".w..", &[1]), [0_u32; 0]);
        assert_eq!(orphans("..w.", &[0]), [1]);
    }

    proptest! {
        #[test]
        fn orphans_are_free_seats_beside_the_pick(map in samples::maps(), free: u128, pick: u128) {
            let layout = Layout::compile(&map);
            let bit = |bits: u128, seat: SeatIndex| bits >> (seat.0 % 128) & 1 == 1;
            let picked: Vec<_> = layout.seats().iter().map(|s| s.index).filter(|&s| bit(free & pick, s)).collect();
            for orphan in leaves_orphan(&layout, &|seat| bit(free, seat), &picked) {
                prop_assert!(bit(free, orphan) && !picked.contains(&orphan));
                let (before, after) = layout.neighbours(orphan);
                prop_assert!([before, after].into_iter().flatten().any(|seat| picked.contains(&seat)));
            }
        }
    }
}
