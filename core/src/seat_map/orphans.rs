//! The seat rule that keeps single seats from being left over.
//!
//! Places for wheelchairs and their companions are sold on their own terms: they are never orphans, and they are no
//! company for the seat beside them.

use super::{Layout, SeatIndex, SeatTrait, Traits};

/// Traits whose places go to people who ask for them.
pub(super) const RESERVED: Traits =
    Traits::NONE.with(SeatTrait::Wheelchair).with(SeatTrait::Companion).with(SeatTrait::Accessible);

/// The seats that picking `picked` would leave alone: free, without a free neighbour, and not alone already before.
/// `free` is the state before the pick. In seat order; empty when the pick is fine.
pub fn leaves_orphan(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    picked: &[SeatIndex],
) -> Vec<SeatIndex> {
    let mut taken = picked.to_vec();
    taken.sort_unstable();
    let standard = |seat: SeatIndex| {
        layout.seats().get(seat.position()).is_some_and(|seat| !seat.traits.intersects(RESERVED))
    };
    let left = |seat: SeatIndex| standard(seat) && free(seat) && taken.binary_search(&seat).is_err();
    let alone = |seat: &SeatIndex| {
        let (before, after) = layout.neighbours(*seat);
        !before.is_some_and(left) && !after.is_some_and(left)
    };
    let mut orphans: Vec<SeatIndex> = picked
        .iter()
        .filter(|&&seat| standard(seat))
        .flat_map(|&seat| <[_; 2]>::from(layout.neighbours(seat)))
        .flatten()
        .filter(|&seat| left(seat))
        .filter(alone)
        .collect();
    orphans.sort_unstable();
    orphans.dedup();
    orphans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::samples, *};

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
