//! A layout as few bytes: what a browser loads to draw a plan and to name its seats.
//!
//! `EFP1`, then the streams below, each with its length before it. Numbers are LEB128; those that may be negative are
//! zigzag (0, -1, 1, -2 …); an index that may be absent is one more, with 0 for none, and so is the length of a text that
//! may be absent. Like things stand together, so that gzip and brotli find what repeats.
//!
//! | stream | what |
//! |---|---|
//! | structure | lists of categories, floors, zones, sections, rows, areas, shapes, texts, icons, images, the focal point |
//! | texts | every text of the structure, in the order in which it is read |
//! | places | of each row its gaps and, as second differences to the rows before, the ends and the turn of its [`course`] |
//! | residuals | of each seat between the ends of a course, how far it is from there: 4 bits for x and y, more if 15 |
//! | numbers | of each row its numbers, as a progression, as differences or as texts |
//! | runs | categories of all seats and then traits, as lengths and values; displayed numbers; views |
//!
//! What follows from that is not written: technical labels, bounds, distances. Reading trusts nothing: whatever bytes
//! come, it returns a layout within the limits of [a document](super::SeatMap), or a [`PlanError`].

mod course;
mod fit;
mod numbering;
mod read;
mod write;

use super::bytes::Malformed;

const MAGIC: [u8; 4] = *b"EFP1";
const STREAMS: usize = 6;
/// Bits of the byte that each row has in the structure.
mod flags {
    pub(super) const KIND: u8 = 0b11;
    pub(super) const ROW: u8 = 0;
    pub(super) const ROUND: u8 = 1;
    pub(super) const RECTANGLE: u8 = 2;
    pub(super) const BOOTH: u8 = 3;
    pub(super) const RING: u8 = 1 << 2;
    pub(super) const WHOLE: u8 = 1 << 3;
    pub(super) const SHOWN: u8 = 1 << 4;
    pub(super) const VIEW: u8 = 1 << 5;
    /// Each run of neighbours has a course of its own; else one course leads over the gaps.
    pub(super) const SPLIT: u8 = 1 << 6;
}

/// Why bytes are no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the plan ends too early")]
    Truncated,
    #[error("the bytes do not start with EFP1")]
    Magic,
    #[error("a number is too large, or written longer than it needs")]
    Number,
    #[error("the plan has more of something than a map may have")]
    TooMany,
    #[error("a text is not UTF-8")]
    Text,
    #[error("the plan refers to something that it does not have")]
    Reference,
    #[error("the plan contains something of an unknown kind")]
    Kind,
    #[error("a place lies outside of every plan")]
    Coordinate,
    #[error("bytes follow after the plan")]
    Trailing,
}

impl From<Malformed> for PlanError {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Truncated => Self::Truncated,
            Malformed::Number => Self::Number,
        }
    }
}

/// Small numbers for values near zero on both sides.
fn zigzag(value: i32) -> u32 {
    (value.cast_unsigned() << 1) ^ (value >> 31).cast_unsigned()
}

fn unzigzag(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// A value that goes on changing as it did: what is written is how its change differs from the last one. Arithmetic
/// wraps, so that it is exact for whatever comes.
#[derive(Debug, Clone, Copy, Default)]
struct Trend {
    value: i32,
    step: i32,
}

impl Trend {
    fn surprise(&mut self, value: i32) -> i32 {
        let step = value.wrapping_sub(self.value);
        let surprise = step.wrapping_sub(self.step);
        *self = Self { value, step };
        surprise
    }

    fn follow(&mut self, surprise: i32) -> i32 {
        self.step = self.step.wrapping_add(surprise);
        self.value = self.value.wrapping_add(self.step);
        self.value
    }
}

/// How courses change from row to row: start x and y, from there to the end, turn.
type Trends = [Trend; 5];

/// How many of them describe a course of so many seats.
fn parameters(seats: usize) -> usize {
    match seats {
        0 | 1 => 2,
        2 => 4,
        _ => 5,
    }
}

fn index_number(index: Option<u16>) -> u32 {
    index.map_or(0, |index| u32::from(index) + 1)
}

#[cfg(test)]
mod tests;
