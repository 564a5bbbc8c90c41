//! What changed between two revisions of an event's availability.
//!
//! `EFD1`, the revision that the changes go on from and the one that they lead to (u64, big-endian), then LEB128 numbers:
//! how many seats, and for each, in ascending order, the seats between it and the one before times 4 plus its new state;
//! how many standing areas, and for each the areas between and the places left. A seat takes three bytes at most.

use super::{
    AREAS_MAX, SEATS_MAX, SeatIndex, SeatStatus, Snapshot,
    bytes::{Malformed, Reader, put},
    layout::wide,
};

const MAGIC: [u8; 4] = *b"EFD1";

/// New states of some places. Each is named once, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    base: u64,
    revision: u64,
    seats: Vec<(SeatIndex, SeatStatus)>,
    areas: Vec<(u16, u32)>,
}

/// Why bytes are no diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    #[error("the diff ends too early")]
    Truncated,
    #[error("the bytes do not start with EFD1")]
    Magic,
    #[error("a number is too large, or written longer than it needs")]
    Number,
    #[error("the diff names places beyond what a map can have")]
    TooMany,
    #[error("bytes follow after the diff")]
    Trailing,
}

impl From<Malformed> for DiffError {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Truncated => Self::Truncated,
            Malformed::Number => Self::Number,
        }
    }
}

impl Diff {
    /// The changes in the order in which they happened: of several to one place the last counts.
    ///
    /// # Panics
    /// With a place that no layout has: from [`SEATS_MAX`] or [`AREAS_MAX`] on.
    pub fn new(
        base: u64,
        revision: u64,
        seats: impl IntoIterator<Item = (SeatIndex, SeatStatus)>,
        areas: impl IntoIterator<Item = (u16, u32)>,
    ) -> Self {
        let (seats, areas) = (last_of_each(seats), last_of_each(areas));
        assert!(seats.last().is_none_or(|last| last.0.position() < SEATS_MAX), "a seat that no layout has");
        assert!(
            areas.last().is_none_or(|last| usize::from(last.0) < AREAS_MAX),
            "an area that no layout has"
        );
        Self { base, revision, seats, areas }
    }

    /// What leads from one state of a map to another.
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let seats = (0..).map(SeatIndex).zip(after.statuses.iter()).zip(before.statuses.iter());
        let seats = seats.filter(|((_, new), old)| new != old).map(|(change, _)| change);
        let areas = (0..).zip(after.areas.iter().copied()).zip(&before.areas);
        let areas = areas.filter(|((_, new), old)| new != *old).map(|(change, _)| change);
        Self::new(before.revision, after.revision, seats, areas)
    }

    /// The revision that the changes go on from.
    pub fn base(&self) -> u64 {
        self.base
    }
    pub fn revision(&self) -> u64 {
        self.revision
    }
    pub fn seats(&self) -> &[(SeatIndex, SeatStatus)] {
        &self.seats
    }
    /// Standing areas and the places left in them.
    pub fn areas(&self) -> &[(u16, u32)] {
        &self.areas
    }
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty() && self.areas.is_empty()
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24 + 3 * self.seats.len() + 8 * self.areas.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.base.to_be_bytes());
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        put(&mut bytes, count(self.seats.len()));
        let mut next = 0;
        for &(SeatIndex(seat), status) in &self.seats {
            put(&mut bytes, (seat - next) << 2 | status as u32);
            next = seat + 1;
        }
        put(&mut bytes, count(self.areas.len()));
        let mut next = 0;
        for &(area, left) in &self.areas {
            put(&mut bytes, u32::from(area) - next);
            put(&mut bytes, left);
            next = u32::from(area) + 1;
        }
        bytes
    }

    /// Reads a diff; only what [`Diff::encode`] can write is accepted.
    pub fn decode(bytes: &[u8]) -> Result<Self, DiffError> {
        let mut reader = Reader(bytes);
        if reader.array()? != MAGIC {
            return Err(DiffError::Magic);
        }
        let (base, revision) = (u64::from_be_bytes(reader.array()?), u64::from_be_bytes(reader.array()?));
        let mut seats = Vec::new();
        let mut next = 0;
        for _ in 0..reader.number()? {
            let change = reader.number()?;
            let seat = below(next + (change >> 2), SEATS_MAX)?;
            seats.push((SeatIndex(seat), SeatStatus::from_low_bits((change & 3) as u8)));
            next = seat + 1;
        }
        let mut areas = Vec::new();
        let mut next = 0_u32;
        for _ in 0..reader.number()? {
            let area = below(next.saturating_add(reader.number()?), AREAS_MAX)?;
            areas.push((u16::try_from(area).map_err(|_| DiffError::TooMany)?, reader.number()?));
            next = area + 1;
        }
        if !reader.is_empty() {
            return Err(DiffError::Trailing);
        }
        Ok(Self { base, revision, seats, areas })
    }
}

/// Ascending places, each once, with what was said last about it.
fn last_of_each<K: Ord + Copy, V>(changes: impl IntoIterator<Item = (K, V)>) -> Vec<(K, V)> {
    let mut changes: Vec<(K, V)> = changes.into_iter().collect();
    changes.reverse();
    changes.sort_by_key(|change| change.0);
    changes.dedup_by_key(|change| change.0);
    changes
}

fn below(place: u32, limit: usize) -> Result<u32, DiffError> {
    if wide(place) < limit { Ok(place) } else { Err(DiffError::TooMany) }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).expect("the limits of a map are below 2^32")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seat(index: u32, status: SeatStatus) -> (SeatIndex, SeatStatus) {
        (SeatIndex(index), status)
    }

    #[test]
    fn the_golden_diff() {
        use SeatStatus::*;
        let changes = [seat(300, Sold), seat(2, Held), seat(301, Free), seat(2, Blocked)];
        let diff = Diff::new(1, 258, changes, [(4, 200), (0, 0)]);
        assert_eq!(diff.seats(), [seat(2, Blocked), seat(300, Sold), seat(301, Free)]);
        let bytes = diff.encode();
        let header = *b"EFD1\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x01\x02";
        assert_eq!(bytes, [&header[..], &[3, 0x0b, 0xa6, 0x09, 0, 2, 0, 0, 3, 0xc8, 1]].concat());
        assert_eq!(Diff::decode(&bytes), Ok(diff));
        assert_eq!(Diff::new(7, 8, [], []).encode().len(), 22);
    }

    #[test]
    fn a_seat_takes_three_bytes_at_most() {
        let last = u32::try_from(SEATS_MAX).unwrap() - 1;
        assert_eq!(Diff::new(0, 1, [seat(last, SeatStatus::Blocked)], []).encode().len(), 22 + 3);
        // A burst all over a stadium.
        let burst = (0..1_000).map(|n| seat(n * 100 + n % 7, SeatStatus::Held));
        assert!(Diff::new(0, 1, burst, []).encode().len() <= 22 + 1 + 2 * 1_000);
    }

    #[test]
    fn other_bytes_are_refused() {
        let good = Diff::new(1, 2, [seat(5, SeatStatus::Sold)], [(1, 3)]).encode();
        for end in 0..good.len() {
            assert_eq!(Diff::decode(&good[..end]), Err(DiffError::Truncated));
        }
        assert_eq!(Diff::decode(&[&good[..], &[0]].concat()), Err(DiffError::Trailing));
        let head = &good[..20];
        let with = |tail: &[u8]| Diff::decode(&[head, tail].concat());
        assert_eq!(with(&[1, 0x80, 0, 0]), Err(DiffError::Number));
        assert_eq!(with(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]), Err(DiffError::TooMany));
        assert_eq!(with(&[0, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]), Err(DiffError::TooMany));
        assert_eq!(with(&[0, 1, 0xf4, 3, 0]), Err(DiffError::TooMany));
        assert_eq!(with(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Err(DiffError::Truncated));
        assert_eq!(Diff::decode(&[b"EFA1", &good[4..]].concat()), Err(DiffError::Magic));
    }

    proptest! {
        #[test]
        fn diffs_survive_the_round_trip(
            base: u64, revision: u64,
            seats in prop::collection::vec((0..200_000_u32, prop::sample::select(SeatStatus::ALL.to_vec())), 0..40),
            areas in prop::collection::vec((0..500_u16, any::<u32>()), 0..6),
        ) {
            let diff = Diff::new(base, revision, seats.into_iter().map(|(n, status)| seat(n, status)), areas);
            prop_assert_eq!(Diff::decode(&diff.encode()), Ok(diff));
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(
            tail in prop::collection::vec(prop_oneof![0..9_u8, any::<u8>()], 0..16),
        ) {
            let bytes = [&MAGIC[..], &[0; 16], &tail].concat();
            if let Ok(diff) = Diff::decode(&bytes) {
                prop_assert_eq!(diff.encode(), bytes);
            }
        }
    }
}
