//! The state of every seat at 2 bits each, in memory and on the wire.
//!
//! Snapshot: `EFA1`, number of seats (u32), revision (u64), number of standing areas (u16), then four seats to a byte,
//! the seat with the lowest index in the low bits, then the places left in each area (u32). Numbers are big-endian.
//! Unused bits of the last byte of seats are zero. 100,000 seats are 25,018 bytes. What changed after a snapshot comes
//! as a [`Diff`](super::Diff).

use super::{AREAS_MAX, Diff, SEATS_MAX, SeatIndex, layout::wide};
use crate::lean::Gather;

const MAGIC: [u8; 4] = *b"EFA1";
const HEADER_LEN: usize = 18;
const AREA_LEN: usize = 4;
const SEATS_PER_BYTE: usize = 4;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SeatStatus {
    #[default]
    Free = 0,
    /// In a cart or in checkout.
    Held = 1,
    Sold = 2,
    /// Withdrawn from sale by the organizer.
    Blocked = 3,
}

impl SeatStatus {
    pub const ALL: [SeatStatus; 4] = [Self::Free, Self::Held, Self::Sold, Self::Blocked];

    pub(super) const fn from_low_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Free,
            1 => Self::Held,
            2 => Self::Sold,
            _ => Self::Blocked,
        }
    }
}

/// The states of all seats of an event, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses {
    seats: u32,
    packed: Vec<u8>,
}

/// States as they were at a revision of the event's availability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub revision: u64,
    pub statuses: Statuses,
    /// Places left in each standing area, in the order of [`Layout::ga_areas`](super::Layout::ga_areas).
    pub areas: Vec<u32>,
}

/// Why bytes are no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    #[error("the snapshot ends within its header")]
    Truncated,
    #[error("the bytes do not start with EFA1")]
    Magic,
    #[error("{0} seats are more than a map can have")]
    TooManySeats(u32),
    #[error("{0} standing areas are more than a map can have")]
    TooManyAreas(u16),
    #[error("expected {expected} bytes, got {actual}")]
    Length { expected: usize, actual: usize },
    #[error("unused bits of the last byte are set")]
    Padding,
}

/// Why a diff does not fit the snapshot that it is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiffMismatch {
    /// Changes in between are missing: ask for a snapshot.
    #[error("the diff goes on from revision {base}, but the state is at {revision}")]
    Gap { base: u64, revision: u64 },
    #[error("the diff names a place that the map does not have")]
    UnknownPlace,
}

impl Statuses {
    /// All seats free.
    ///
    /// # Panics
    /// With more than [`SEATS_MAX`] seats, which no layout has.
    pub fn new(seats: u32) -> Self {
        assert!(wide(seats) <= SEATS_MAX, "a layout has at most {SEATS_MAX} seats");
        Self { seats, packed: vec![0; packed_len(seats)] }
    }

    pub fn len(&self) -> u32 {
        self.seats
    }
    pub fn is_empty(&self) -> bool {
        self.seats == 0
    }

    /// `None` for a seat that the map does not have.
    pub fn get(&self, seat: SeatIndex) -> Option<SeatStatus> {
        let (byte, shift) = slot(seat);
        (seat.0 < self.seats).then(|| SeatStatus::from_low_bits(self.packed[byte] >> shift))
    }

    /// Sets a state and returns the one before; `None`, and nothing changes, for a seat that the map does not have.
    pub fn set(&mut self, seat: SeatIndex, status: SeatStatus) -> Option<SeatStatus> {
        let before = self.get(seat)?;
        let (byte, shift) = slot(seat);
        self.packed[byte] = self.packed[byte] & !(3 << shift) | (status as u8) << shift;
        Some(before)
    }

    pub fn is_free(&self, seat: SeatIndex) -> bool {
        self.get(seat) == Some(SeatStatus::Free)
    }

    pub fn iter(&self) -> impl Iterator<Item = SeatStatus> {
        (0..self.seats).map(|seat| {
            let (byte, shift) = slot(SeatIndex(seat));
            SeatStatus::from_low_bits(self.packed[byte] >> shift)
        })
    }

    /// The number of seats in this state.
    pub fn count(&self, status: SeatStatus) -> u32 {
        (0..self.seats).filter(|&seat| self.get(SeatIndex(seat)) == Some(status)).map(|_| 1).sum()
    }

    /// The snapshot on the wire; `areas` are the places left in each standing area.
    ///
    /// # Panics
    /// With more than [`AREAS_MAX`] areas, which no layout has.
    pub fn encode(&self, revision: u64, areas: &[u32]) -> Vec<u8> {
        assert!(areas.len() <= AREAS_MAX, "a layout has at most {AREAS_MAX} areas");
        let count = u16::try_from(areas.len()).expect("the limit of areas is below 2^16");
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.packed.len() + AREA_LEN * areas.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.seats.to_be_bytes());
        bytes.extend_from_slice(&revision.to_be_bytes());
        bytes.extend_from_slice(&count.to_be_bytes());
        bytes.extend_from_slice(&self.packed);
        for left in areas {
            bytes.extend_from_slice(&left.to_be_bytes());
        }
        bytes
    }
}

impl FromIterator<SeatStatus> for Statuses {
    fn from_iter<I: IntoIterator<Item = SeatStatus>>(statuses: I) -> Self {
        let states: Vec<SeatStatus> = statuses.into_iter().collect();
        let mut packed = Self::new(u32::try_from(states.len()).unwrap_or(u32::MAX));
        for (seat, &status) in (0..).map(SeatIndex).zip(&states) {
            packed.set(seat, status);
        }
        packed
    }
}

impl Snapshot {
    /// Everything free, at revision 0. `areas` are the places in each standing area.
    pub fn new(seats: u32, areas: Vec<u32>) -> Self {
        Self { revision: 0, statuses: Statuses::new(seats), areas }
    }

    pub fn encode(&self) -> Vec<u8> {
        self.statuses.encode(self.revision, &self.areas)
    }

    /// Reads a snapshot; only what [`Statuses::encode`] can write is accepted.
    pub fn decode(bytes: &[u8]) -> Result<Self, StatusError> {
        let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(StatusError::Truncated)?;
        if *magic != MAGIC {
            return Err(StatusError::Magic);
        }
        let (seats, rest) = rest.split_first_chunk::<4>().ok_or(StatusError::Truncated)?;
        let (revision, rest) = rest.split_first_chunk::<8>().ok_or(StatusError::Truncated)?;
        let (areas, rest) = rest.split_first_chunk::<2>().ok_or(StatusError::Truncated)?;
        let (seats, areas) = (u32::from_be_bytes(*seats), u16::from_be_bytes(*areas));
        if wide(seats) > SEATS_MAX {
            return Err(StatusError::TooManySeats(seats));
        }
        if usize::from(areas) > AREAS_MAX {
            return Err(StatusError::TooManyAreas(areas));
        }
        let (packed, left) = (packed_len(seats), AREA_LEN * usize::from(areas));
        if rest.len() != packed + left {
            return Err(StatusError::Length { expected: HEADER_LEN + packed + left, actual: bytes.len() });
        }
        let (packed, left) = rest.split_at(packed);
        let used_in_last = seats % 4;
        if used_in_last != 0 && packed.last().is_some_and(|&last| last >> (2 * used_in_last) != 0) {
            return Err(StatusError::Padding);
        }
        let (left, _) = left.as_chunks();
        Ok(Self {
            revision: u64::from_be_bytes(*revision),
            statuses: Statuses { seats, packed: packed.to_vec() },
            areas: left.iter().map(|&left| u32::from_be_bytes(left)).gather(),
        })
    }

    /// Brings the state from the diff's base to its revision. A diff that tells nothing new changes nothing; on an error
    /// nothing has changed either.
    pub fn apply(&mut self, diff: &Diff) -> Result<(), DiffMismatch> {
        if diff.revision() <= self.revision {
            return Ok(());
        }
        if diff.base() != self.revision {
            return Err(DiffMismatch::Gap { base: diff.base(), revision: self.revision });
        }
        let known = |seat: SeatIndex| seat.0 < self.statuses.len();
        if !diff.seats().iter().all(|&(seat, _)| known(seat))
            || !diff.areas().iter().all(|&(area, _)| usize::from(area) < self.areas.len())
        {
            return Err(DiffMismatch::UnknownPlace);
        }
        for &(seat, status) in diff.seats() {
            self.statuses.set(seat, status);
        }
        for &(area, left) in diff.areas() {
            self.areas[usize::from(area)] = left;
        }
        self.revision = diff.revision();
        Ok(())
    }
}

fn packed_len(seats: u32) -> usize {
    wide(seats).div_ceil(SEATS_PER_BYTE)
}

fn slot(seat: SeatIndex) -> (usize, u32) {
    (seat.position() / SEATS_PER_BYTE, seat.0 % 4 * 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_golden_snapshot() {
        use SeatStatus::*;
        let statuses: Statuses = [Held, Free, Sold, Blocked, Sold].into_iter().collect();
        let bytes = statuses.encode(258, &[7, 65_537]);
        assert_eq!(bytes, b"EFA1\0\0\0\x05\0\0\0\0\0\0\x01\x02\0\x02\xe1\x02\0\0\0\x07\0\x01\0\x01");
        let snapshot = Snapshot::decode(&bytes).unwrap();
        assert_eq!((statuses.count(Sold), statuses.count(Free)), (2, 1));
        assert_eq!(snapshot, Snapshot { revision: 258, statuses, areas: vec![7, 65_537] });
    }

    #[test]
    fn states_change_one_by_one() {
        let mut statuses = Statuses::new(6);
        assert_eq!(statuses.set(SeatIndex(4), SeatStatus::Blocked), Some(SeatStatus::Free));
        assert_eq!(statuses.set(SeatIndex(4), SeatStatus::Held), Some(SeatStatus::Blocked));
        assert_eq!(statuses.set(SeatIndex(6), SeatStatus::Held), None);
        assert_eq!(statuses.get(SeatIndex(6)), None);
        assert!(
            statuses.is_free(SeatIndex(5))
                && !statuses.is_free(SeatIndex(4))
                && !statuses.is_free(SeatIndex(6))
        );
        assert_eq!(statuses.count(SeatStatus::Free), 5);
    }

    #[test]
    fn a_hundred_thousand_seats_are_25_kilobytes() {
        assert_eq!(Statuses::new(100_000).encode(u64::MAX, &[]).len(), 25_018);
    }

    #[test]
    fn other_bytes_are_refused() {
        let good = Statuses::new(5).encode(1, &[9]);
        assert_eq!(Snapshot::decode(b""), Err(StatusError::Truncated));
        assert_eq!(Snapshot::decode(&good[..17]), Err(StatusError::Truncated));
        assert_eq!(Snapshot::decode(&good[..23]), Err(StatusError::Length { expected: 24, actual: 23 }));
        let longer = [&good[..], &[0]].concat();
        assert_eq!(Snapshot::decode(&longer), Err(StatusError::Length { expected: 24, actual: 25 }));
        let with = |at: usize, new: &[u8]| {
            let mut bytes = good.clone();
            bytes[at..at + new.len()].copy_from_slice(new);
            Snapshot::decode(&bytes)
        };
        assert_eq!(with(0, b"X"), Err(StatusError::Magic));
        assert_eq!(with(19, &[4]), Err(StatusError::Padding));
        assert_eq!(with(4, &u32::MAX.to_be_bytes()), Err(StatusError::TooManySeats(u32::MAX)));
        assert_eq!(with(16, &u16::MAX.to_be_bytes()), Err(StatusError::TooManyAreas(u16::MAX)));
    }

    #[test]
    fn diffs_apply_in_order_and_whole_or_not_at_all() {
        let seat = |index| (SeatIndex(index), SeatStatus::Sold);
        let mut state = Snapshot { revision: 10, ..Snapshot::new(4, vec![100]) };
        assert_eq!(state.apply(&Diff::new(10, 12, [seat(3)], [(0, 98)])), Ok(()));
        let sold: Statuses = [SeatStatus::Free; 3].into_iter().chain([SeatStatus::Sold]).collect();
        let expected = Snapshot { revision: 12, statuses: sold, areas: vec![98] };
        assert_eq!(state, expected);
        // Told twice, and out of a gap.
        assert_eq!(state.apply(&Diff::new(10, 12, [(SeatIndex(3), SeatStatus::Free)], [])), Ok(()));
        let gap = DiffMismatch::Gap { base: 13, revision: 12 };
        assert_eq!(state.apply(&Diff::new(13, 14, [seat(1)], [])), Err(gap));
        assert_eq!(state.apply(&Diff::new(12, 13, [seat(1), seat(4)], [])), Err(DiffMismatch::UnknownPlace));
        assert_eq!(state.apply(&Diff::new(12, 13, [seat(1)], [(1, 0)])), Err(DiffMismatch::UnknownPlace));
        assert_eq!(state, expected);
    }

    fn states() -> impl Strategy<Value = Vec<SeatStatus>> {
        prop::collection::vec(prop::sample::select(SeatStatus::ALL.to_vec()), 0..70)
    }

    proptest! {
        #[test]
        fn snapshots_survive_the_round_trip(
            states in states(), revision: u64, areas in prop::collection::vec(any::<u32>(), 0..4),
        ) {
            let snapshot = Snapshot { revision, statuses: states.iter().copied().collect(), areas };
            prop_assert_eq!(&Snapshot::decode(&snapshot.encode()).unwrap(), &snapshot);
            prop_assert_eq!(snapshot.statuses.iter().collect::<Vec<_>>(), states);
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(
            tail in prop::collection::vec(any::<u8>(), 0..16), seats in 0..40_u32, areas in 0..3_u16,
        ) {
            let (seats, areas) = (seats.to_be_bytes(), areas.to_be_bytes());
            let bytes = [&MAGIC[..], &seats, &7_u64.to_be_bytes(), &areas, &tail].concat();
            if let Ok(snapshot) = Snapshot::decode(&bytes) {
                prop_assert_eq!(snapshot.encode(), bytes);
            }
        }

        #[test]
        fn any_state_is_reached_by_the_diff_to_it(before in states(), seed: u64) {
            let mut turn = seed;
            let statuses = before.iter().map(|&status| {
                turn = turn.rotate_left(7).wrapping_mul(31);
                if turn & 1 == 0 { status } else { SeatStatus::from_low_bits((turn >> 8) as u8) }
            });
            let after = Snapshot { revision: 9, statuses: statuses.collect(), areas: vec![1, 5] };
            let mut state = Snapshot { revision: 3, statuses: before.into_iter().collect(), areas: vec![1, 2] };
            let diff = Diff::between(&state, &after);
            prop_assert_eq!(diff.areas(), [(1, 5)]);
            state.apply(&Diff::decode(&diff.encode()).unwrap()).unwrap();
            prop_assert_eq!(state, after);
        }
    }
}
