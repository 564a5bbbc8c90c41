//! The state of every seat at 2 bits each, in memory and on the wire.
//!
//! Snapshot: `EFA1`, number of seats (u32), revision (u64), both big-endian, then four seats to a byte, the seat with
//! the lowest index in the low bits. Unused bits of the last byte are zero. 100,000 seats are 25,016 bytes.

use super::{SEATS_MAX, SeatIndex, layout::wide};

const MAGIC: [u8; 4] = *b"EFA1";
const HEADER_LEN: usize = 16;
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

    const fn from_low_bits(bits: u8) -> Self {
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
    #[error("expected {expected} bytes, got {actual}")]
    Length { expected: usize, actual: usize },
    #[error("unused bits of the last byte are set")]
    Padding,
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

    /// The snapshot on the wire.
    pub fn encode(&self, revision: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.packed.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.seats.to_be_bytes());
        bytes.extend_from_slice(&revision.to_be_bytes());
        bytes.extend_from_slice(&self.packed);
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
    /// Reads a snapshot; only what [`Statuses::encode`] can write is accepted.
    pub fn decode(bytes: &[u8]) -> Result<Self, StatusError> {
        let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(StatusError::Truncated)?;
        if *magic != MAGIC {
            return Err(StatusError::Magic);
        }
        let (seats, rest) = rest.split_first_chunk::<4>().ok_or(StatusError::Truncated)?;
        let (revision, packed) = rest.split_first_chunk::<8>().ok_or(StatusError::Truncated)?;
        let seats = u32::from_be_bytes(*seats);
        if wide(seats) > SEATS_MAX {
            return Err(StatusError::TooManySeats(seats));
        }
        let expected = packed_len(seats);
        if packed.len() != expected {
            return Err(StatusError::Length { expected: HEADER_LEN + expected, actual: bytes.len() });
        }
        let used_in_last = seats % 4;
        if used_in_last != 0 && packed.last().is_some_and(|&last| last >> (2 * used_in_last) != 0) {
            return Err(StatusError::Padding);
        }
        let statuses = Statuses { seats, packed: packed.to_vec() };
        Ok(Self { revision: u64::from_be_bytes(*revision), statuses })
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
        let bytes = statuses.encode(258);
        assert_eq!(bytes, b"EFA1\0\0\0\x05\0\0\0\0\0\0\x01\x02\xe1\x02");
        let snapshot = Snapshot::decode(&bytes).unwrap();
        assert_eq!((snapshot.revision, &snapshot.statuses), (258, &statuses));
        assert_eq!((statuses.count(Sold), statuses.count(Free)), (2, 1));
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
        assert_eq!(Statuses::new(100_000).encode(u64::MAX).len(), 25_016);
    }

    #[test]
    fn other_bytes_are_refused() {
        let good = Statuses::new(5).encode(1);
        assert_eq!(Snapshot::decode(b""), Err(StatusError::Truncated));
        assert_eq!(Snapshot::decode(&good[..15]), Err(StatusError::Truncated));
        assert_eq!(Snapshot::decode(&good[..17]), Err(StatusError::Length { expected: 18, actual: 17 }));
        let longer = [&good[..], &[0]].concat();
        assert_eq!(Snapshot::decode(&longer), Err(StatusError::Length { expected: 18, actual: 19 }));
        let mut bytes = good.clone();
        bytes[0] = b'X';
        assert_eq!(Snapshot::decode(&bytes), Err(StatusError::Magic));
        let mut bytes = good.clone();
        bytes[17] = 4;
        assert_eq!(Snapshot::decode(&bytes), Err(StatusError::Padding));
        let mut bytes = good;
        bytes[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(Snapshot::decode(&bytes), Err(StatusError::TooManySeats(u32::MAX)));
    }

    proptest! {
        #[test]
        fn snapshots_survive_the_round_trip(
            states in prop::collection::vec(prop::sample::select(SeatStatus::ALL.to_vec()), 0..70),
            revision: u64,
        ) {
            let statuses: Statuses = states.iter().copied().collect();
            let snapshot = Snapshot::decode(&statuses.encode(revision)).unwrap();
            prop_assert_eq!(snapshot.revision, revision);
            prop_assert_eq!(snapshot.statuses.iter().collect::<Vec<_>>(), states);
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(
            tail in prop::collection::vec(any::<u8>(), 0..12), seats in 0..40_u32,
        ) {
            let bytes = [&MAGIC[..], &seats.to_be_bytes(), &7_u64.to_be_bytes(), &tail].concat();
            if let Ok(snapshot) = Snapshot::decode(&bytes) {
                prop_assert_eq!(snapshot.statuses.encode(snapshot.revision), bytes);
            }
        }
    }
}
