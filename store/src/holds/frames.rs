//! Frames: what changed in a moment, made once for everybody who looks, and the last ones kept for who comes back. A frame
//! names every place that the event's stream named since the frame before, whatever its state was: so it also brings
//! somebody up to date who stands between two frames, because another server cut the stream elsewhere.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use eventflow_core::seat_map::{Diff, SeatIndex, SeatStatus};

/// Frames kept for one event, and the bytes that they may have: half a minute of the busiest sale, hours of a calm one.
const FRAMES_MAX: usize = 1_024;
const BYTES_MAX: usize = 256 * 1024;
/// What a frame costs beyond its diff, about.
const FRAME_COST: usize = 160;
/// Where the base stands in an `EFD1`.
const BASE: std::ops::Range<usize> = 4..12;

/// What changed between two revisions.
#[derive(Debug)]
pub struct Frame {
    base: u64,
    pub revision: u64,
    /// `EFD1`, from `base`.
    diff: Vec<u8>,
    /// Prices, blocks, rules or the state of the event changed too.
    pub offer: bool,
    /// The frame as the resource sends it from `base`, written when it is first asked for.
    text: OnceLock<Bytes>,
}

impl Frame {
    pub(super) fn new(diff: &Diff, offer: bool) -> Self {
        Self {
            base: diff.base(),
            revision: diff.revision(),
            diff: diff.encode(),
            offer,
            text: OnceLock::new(),
        }
    }

    /// The frame for somebody who is at revision `at`, written by `write` from the diff; the same bytes for all who are where
    /// the frame begins.
    pub fn text(&self, at: u64, write: impl FnOnce(&[u8]) -> Bytes) -> Bytes {
        if at == self.base {
            return self.text.get_or_init(|| write(&self.diff)).clone();
        }
        let mut diff = self.diff.clone();
        diff[BASE].copy_from_slice(&at.to_be_bytes());
        write(&diff)
    }

    pub(super) fn len(&self) -> usize {
        self.diff.len()
    }

    fn cost(&self) -> usize {
        // The text is base64.
        self.diff.len() * 5 / 2 + FRAME_COST
    }
}

/// What changed since the last frame.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) seats: Vec<(SeatIndex, SeatStatus)>,
    pub(super) areas: Vec<(u16, u32)>,
    pub(super) offer: bool,
}

/// The next frame of somebody.
#[derive(Debug)]
pub(super) enum Next {
    Frame(Arc<Frame>),
    /// There is nothing newer.
    None,
    /// It is no longer kept.
    Lost,
}

/// The last frames. They are numbered without gaps, also over a break.
#[derive(Debug)]
pub(super) struct Ring {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    /// The number of the frame that stands first, or will.
    first: u64,
    /// The revision from which the first frame goes on.
    base: u64,
    /// The revision after the last frame.
    pub(super) revision: u64,
    /// Grows when the chain breaks: who is older needs a snapshot.
    pub(super) chain: u64,
}

impl Ring {
    pub(super) fn new(revision: u64) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, first: 0, base: revision, revision, chain: 0 }
    }

    /// The number of the next frame.
    pub(super) fn end(&self) -> u64 {
        self.first + u64::try_from(self.frames.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.revision = frame.revision;
        self.bytes += frame.cost();
        self.frames.push_back(Arc::new(frame));
        while self.frames.len() > FRAMES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.bytes -= oldest.cost();
            self.first += 1;
            self.base = oldest.revision;
        }
    }

    /// No frame leads to what comes now.
    pub(super) fn break_off(&mut self, revision: u64) {
        self.first = self.end();
        self.frames.clear();
        (self.bytes, self.base, self.revision) = (0, revision, revision);
        self.chain += 1;
    }

    /// The number of the frame that goes on from a revision which somebody has, when all since then are kept.
    pub(super) fn after(&self, revision: u64) -> Option<u64> {
        let known = (self.base..=self.revision).contains(&revision);
        let older = self.frames.partition_point(|frame| frame.revision <= revision);
        known.then(|| self.first + u64::try_from(older).unwrap_or(u64::MAX))
    }

    pub(super) fn get(&self, number: u64) -> Next {
        let Some(position) = number.checked_sub(self.first) else { return Next::Lost };
        let frame = usize::try_from(position).ok().and_then(|position| self.frames.get(position));
        frame.map_or(Next::None, |frame| Next::Frame(frame.clone()))
    }
}

/// Between two frames passes this time at least, so that a sale of thousands in a second makes few of them; more when many
/// look, because each frame is written to each of them.
pub(super) fn period(streams: u32) -> Duration {
    const LEAST: Duration = Duration::from_millis(25);
    const MOST: Duration = Duration::from_millis(200);
    const A_STREAM: Duration = Duration::from_micros(25);
    (LEAST + A_STREAM.saturating_mul(streams)).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(base: u64, revision: u64, seats: u32) -> Frame {
        let seats = (0..seats).map(|seat| (SeatIndex(seat), SeatStatus::Held));
        Frame::new(&Diff::new(base, revision, seats, []), false)
    }

    fn revision_at(ring: &Ring, number: u64) -> Option<u64> {
        match ring.get(number) {
            Next::Frame(frame) => Some(frame.revision),
            _ => None,
        }
    }

    #[test]
    fn whoever_is_within_what_is_kept_goes_on_from_there() {
        let mut ring = Ring::new(100);
        for revision in [110, 120, 130] {
            ring.push(frame(revision - 10, revision, 1));
        }
        for (at, next) in
            [(100, Some(110)), (109, Some(110)), (110, Some(120)), (125, Some(130)), (130, None)]
        {
            let number = ring.after(at).unwrap();
            assert_eq!(revision_at(&ring, number), next, "{at}");
        }
        // Before the beginning, and from a future.
        assert_eq!((ring.after(99), ring.after(131)), (None, None));
    }

    #[test]
    fn old_frames_give_way_by_number_and_by_size() {
        let mut ring = Ring::new(0);
        for revision in 1..=2_000 {
            ring.push(frame(revision - 1, revision, 1));
        }
        assert_eq!(ring.frames.len(), FRAMES_MAX);
        let oldest = 2_000 - u64::try_from(FRAMES_MAX).unwrap();
        assert_eq!((ring.after(oldest - 1), ring.after(oldest).is_some()), (None, true));
        assert!(matches!(ring.get(0), Next::Lost));
        for revision in 2_001..=2_100 {
            ring.push(frame(revision - 1, revision, 3_000));
        }
        assert!(ring.bytes <= BYTES_MAX && ring.frames.len() < 100, "{} frames", ring.frames.len());
        let costs: usize = ring.frames.iter().map(|frame| frame.cost()).sum();
        assert_eq!((ring.bytes, revision_at(&ring, ring.end() - 1)), (costs, Some(2_100)));
    }

    #[test]
    fn a_break_forgets_and_numbers_go_on() {
        let mut ring = Ring::new(5);
        ring.push(frame(5, 6, 1));
        let (number, chain) = (ring.end(), ring.chain);
        ring.break_off(50);
        assert_eq!((ring.end(), ring.after(6), ring.chain > chain), (number, None, true));
        ring.push(frame(50, 51, 1));
        assert_eq!((revision_at(&ring, number), ring.after(50)), (Some(51), Some(number)));
    }

    #[test]
    fn a_frame_is_written_once_and_again_only_for_who_is_elsewhere() {
        let frame = frame(10, 20, 2);
        let base_of = |bytes: &[u8]| Diff::decode(bytes).unwrap().base();
        let write = |diff: &[u8]| Bytes::copy_from_slice(diff);
        let first = frame.text(10, write);
        assert_eq!((base_of(&first), frame.text(10, |_| Bytes::new()).as_ptr()), (10, first.as_ptr()));
        assert_eq!(base_of(&frame.text(15, write)), 15);
    }

    #[test]
    fn many_who_look_get_fewer_frames() {
        assert_eq!(period(0), Duration::from_millis(25));
        assert_eq!(period(1_000), Duration::from_millis(50));
        assert_eq!(period(u32::MAX), Duration::from_millis(200));
    }
}
