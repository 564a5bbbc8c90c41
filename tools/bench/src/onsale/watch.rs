//! Buyers who look on while they choose, and how long a hold needs to them: from the moment that Redis took it, which the
//! hold says, to the frame that names its seats. Both are times of this machine's one clock.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chrono::{DateTime, Utc};
use eventflow_core::seat_map::{SeatStatus, Snapshot};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Sale, record::Quantiles, visitor};
use crate::{
    lookers,
    wire::{self, find},
};

/// Longer lags are noted as this one.
const LAG_MAX_MICROS: u64 = 60_000_000;

/// Lags over all streams.
pub struct Lags {
    /// When each seat was held for the first time, in microseconds since 1970; 0 while it was not. Later holds of a seat do
    /// not count: nothing in a frame says of which hold it tells.
    first: Vec<AtomicU64>,
    open: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    seconds: Vec<Histogram<u64>>,
    frames: u64,
    streams: u64,
    anew: u64,
}

fn micros(time: DateTime<Utc>) -> u64 {
    u64::try_from(time.timestamp_micros()).unwrap_or_default()
}

impl Lags {
    pub fn new(seats: u32) -> Self {
        let first = (0..seats).map(|_| AtomicU64::new(0)).collect();
        Self { first, open: AtomicU64::new(0), seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These seats were held at that time.
    pub fn committed(&self, seats: impl Iterator<Item = u32>, at: DateTime<Utc>) {
        for slot in seats.filter_map(|seat| self.first.get(seat as usize)) {
            let _ = slot.compare_exchange(0, micros(at), Ordering::AcqRel, Ordering::Acquire);
        }
    }

    fn note(&self, lag: u64, second: usize) {
        let (mut seen, lag) = (self.seen(), lag.min(LAG_MAX_MICROS));
        while seen.seconds.len() <= second {
            let Ok(histogram) = Histogram::new_with_max(LAG_MAX_MICROS, 3) else { return };
            seen.seconds.push(histogram);
        }
        seen.seconds[second].saturating_record(lag);
    }

    pub fn quantiles(&self) -> Result<Quantiles> {
        let mut all = Histogram::new_with_max(LAG_MAX_MICROS, 3)?;
        for second in &self.seen().seconds {
            all.add(second)?;
        }
        Ok(Quantiles::of(&all))
    }

    /// For each second after the opening.
    pub fn seconds(&self) -> Vec<Quantiles> {
        self.seen().seconds.iter().map(Quantiles::of).collect()
    }

    /// Streams that were opened, frames that came over all of them, and streams that had to begin anew.
    pub fn counts(&self) -> [u64; 3] {
        let seen = self.seen();
        [seen.streams, seen.frames, seen.anew]
    }

    /// Streams that are open now.
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Acquire)
    }
}

/// One stream.
struct Watcher<'a> {
    sale: &'a Sale,
    since: u64,
    /// Seats that were named before, or not free at the beginning.
    known: Vec<bool>,
    /// Seats that a frame named before the answer to their hold came, and when it did.
    early: Vec<(usize, u64)>,
}

impl<'a> Watcher<'a> {
    /// Begins with a snapshot.
    fn new(sale: &'a Sale, event: &[u8]) -> Result<Self> {
        Ok(Self { sale, since: micros(Utc::now()), known: not_free(event)?, early: Vec::new() })
    }

    /// Notes of what a frame tells the hold that waited longest.
    fn frame(&mut self, event: &[u8]) -> Result<()> {
        if find(event, b"event: snapshot\n").is_some() {
            self.sale.lags.seen().anew += 1;
            *self = Self::new(self.sale, event)?;
            return Ok(());
        }
        let Some(diff) = lookers::diff_in(event)? else { return Ok(()) };
        let now = micros(Utc::now());
        self.sale.lags.seen().frames += 1;
        for &(seat, status) in diff.seats() {
            let seat = seat.0 as usize;
            if status == SeatStatus::Held && self.known.get(seat) == Some(&false) {
                self.early.push((seat, now));
            }
            if let Some(known) = self.known.get_mut(seat) {
                *known = true;
            }
        }
        let (lags, since) = (&self.sale.lags, self.since);
        let mut longest = None;
        self.early.retain(|&(seat, came)| {
            let held = lags.first[seat].load(Ordering::Acquire);
            if held >= since {
                longest = longest.max(Some(came.saturating_sub(held)));
            }
            held == 0
        });
        if let Some(longest) = longest {
            let second = self.sale.record.opened.elapsed().as_secs();
            lags.note(longest, usize::try_from(second)?);
        }
        Ok(())
    }
}

/// Looks on until it is aborted. What goes wrong is told to the record.
pub async fn follow(sale: Arc<Sale>, from: Ipv4Addr) {
    let _open = Open::new(&sale.lags);
    if let Err(error) = read(&sale, from).await {
        sale.record.fault(format!("a stream: {error:#}"));
    }
}

/// Counts itself for as long as it lives.
struct Open<'a>(&'a Lags);

impl<'a> Open<'a> {
    fn new(lags: &'a Lags) -> Self {
        lags.open.fetch_add(1, Ordering::AcqRel);
        lags.seen().streams += 1;
        Self(lags)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn read(sale: &Sale, from: Ipv4Addr) -> Result<()> {
    let mut stream = visitor::connect(sale.server, from).await?;
    let mut request = Vec::new();
    let path = format!("/v1/events/{}/availability/stream", sale.event);
    wire::request(&mut request, "GET", &path, &sale.key, None);
    stream.write_all(&request).await?;
    let mut buffer = Vec::with_capacity(8 * 1024);
    let mut watcher: Option<Watcher<'_>> = None;
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            bail!("it ended: {}", String::from_utf8_lossy(&buffer[..buffer.len().min(300)]));
        }
        if let Some(watcher) = &mut watcher {
            while let Some(end) = find(&buffer, b"\n\n") {
                watcher.frame(&buffer[..end])?;
                buffer.drain(..end + 2);
            }
        } else {
            if buffer.len() >= 12 && !buffer.starts_with(b"HTTP/1.1 200") {
                bail!("it was refused: {}", String::from_utf8_lossy(&buffer[..buffer.len().min(600)]));
            }
            let Some(begin) = find(&buffer, b"event: snapshot\n") else { continue };
            let Some(end) = find(&buffer[begin..], b"\n\n") else { continue };
            watcher = Some(Watcher::new(sale, &buffer[begin..begin + end])?);
            buffer.drain(..begin + end + 2);
        }
    }
}

/// Whether each seat of a snapshot's event is not free.
fn not_free(event: &[u8]) -> Result<Vec<bool>> {
    let data = find(event, b"data: ").context("a snapshot without data")? + 6;
    let data = event[data..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let snapshot = Snapshot::decode(&BASE64.decode(data)?)?;
    Ok(snapshot.statuses.iter().map(|status| status != SeatStatus::Free).collect())
}
