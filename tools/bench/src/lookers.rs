//! Clients that look on, and the one who changes seats. They share the machine with the server, so they do as little as
//! possible: of each chunk only the diff is read.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use eventflow_core::seat_map::{Diff, SeatStatus};
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
};

use crate::{
    api::Client,
    wire::{self, find},
};

/// Seats of one hold; the first one is looked for.
pub const GROUP: u32 = 4;
/// Streams that are opened at one time.
const OPENERS: usize = 50;
/// All streams must have begun, and every change must have come, within this time.
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);

/// What the lookers and the one who changes seats share.
pub struct Scene {
    began: Instant,
    /// When the hold of a group was asked for, in nanoseconds since the beginning.
    asked: Vec<AtomicU64>,
    /// Streams that have had their snapshot.
    open: AtomicUsize,
    /// Changes that have come, over all streams.
    seen: AtomicU64,
    /// Chunks with a diff that have come, over all streams.
    frames: AtomicU64,
}

impl Scene {
    pub fn new(seats: u32) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            asked: (0..seats / GROUP).map(|_| AtomicU64::new(0)).collect(),
            open: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
            frames: AtomicU64::new(0),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Changes seen and frames read so far, over all streams.
    pub fn counts(&self) -> (u64, u64) {
        (self.seen.load(Ordering::Acquire), self.frames.load(Ordering::Acquire))
    }

    /// Notes what a diff brings. Of several changes the one that waited longest counts for the frame.
    fn note(&self, diff: &Diff, latency: &mut Histogram<u64>) -> Result<()> {
        let now = self.now();
        let mut longest = None;
        let mut seen = 0;
        for &(seat, status) in diff.seats() {
            if status != SeatStatus::Held || seat.0 % GROUP != 0 {
                continue;
            }
            let asked = self.asked[(seat.0 / GROUP) as usize].load(Ordering::Acquire);
            longest = longest.max(Some(now.saturating_sub(asked)));
            seen += 1;
        }
        if let Some(longest) = longest {
            latency.record(longest)?;
        }
        self.seen.fetch_add(seen, Ordering::AcqRel);
        self.frames.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

/// Clients that look on, until they are told to stop.
pub struct Lookers {
    phase: watch::Sender<Phase>,
    threads: Vec<std::thread::JoinHandle<Result<Vec<Histogram<u64>>>>>,
}

/// Latencies belong to the phase in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Calm = 0,
    Burst = 1,
    Stop = 2,
}

impl Lookers {
    /// Opens `count` streams of an event and waits until all have their snapshot.
    pub async fn open(
        scene: &Arc<Scene>,
        address: SocketAddr,
        event: &str,
        key: &str,
        count: usize,
    ) -> Result<Self> {
        let phase = watch::Sender::new(Phase::Calm);
        let mut request = Vec::new();
        wire::request(&mut request, "GET", &format!("/v1/events/{event}/availability/stream"), key, None);
        let threads = (0..2)
            .map(|part| {
                let (scene, request, phase) = (scene.clone(), request.clone(), phase.subscribe());
                let count = (count + part) / 2;
                std::thread::spawn(move || thread(&scene, address, &request, count, &phase))
            })
            .collect();
        let lookers = Self { phase, threads };
        let began = Instant::now();
        while scene.open.load(Ordering::Acquire) < count {
            if began.elapsed() > LIMIT || lookers.threads.iter().any(std::thread::JoinHandle::is_finished) {
                lookers.stop().await?;
                bail!("only {} of {count} streams were opened", scene.open.load(Ordering::Acquire));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(lookers)
    }

    pub fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Closes the streams. Latencies in nanoseconds: in the calm, in the burst.
    pub async fn stop(self) -> Result<[Histogram<u64>; 2]> {
        self.phase.send_replace(Phase::Stop);
        let mut all = [Histogram::new(3)?, Histogram::new(3)?];
        for thread in self.threads {
            let parts = tokio::task::spawn_blocking(move || thread.join())
                .await?
                .map_err(|_| anyhow::anyhow!("a thread of lookers panicked"))??;
            for (sum, part) in all.iter_mut().zip(&parts) {
                sum.add(part)?;
            }
        }
        Ok(all)
    }
}

fn thread(
    scene: &Arc<Scene>,
    address: SocketAddr,
    request: &[u8],
    count: usize,
    phase: &watch::Receiver<Phase>,
) -> Result<Vec<Histogram<u64>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let turns = Arc::new(tokio::sync::Semaphore::new(OPENERS));
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let (scene, request, phase, turns) =
                (scene.clone(), request.to_vec(), phase.clone(), turns.clone());
            tasks.spawn(async move { look(&scene, address, &request, phase, &turns).await });
        }
        let mut all = vec![Histogram::new(3)?, Histogram::new(3)?];
        while let Some(latencies) = tasks.join_next().await {
            for (sum, part) in all.iter_mut().zip(&latencies??) {
                sum.add(part)?;
            }
        }
        Ok(all)
    })
}

async fn look(
    scene: &Scene,
    address: SocketAddr,
    request: &[u8],
    mut phase: watch::Receiver<Phase>,
    turns: &tokio::sync::Semaphore,
) -> Result<[Histogram<u64>; 2]> {
    let mut latencies = [Histogram::new(3)?, Histogram::new(3)?];
    let turn = turns.acquire().await?;
    let mut stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.write_all(request).await?;
    let mut buffer = Vec::with_capacity(8 * 1024);
    let mut turn = Some(turn);
    loop {
        tokio::select! {
            read = stream.read_buf(&mut buffer) => {
                if read? == 0 {
                    bail!("a stream ended: {}", String::from_utf8_lossy(&buffer[..buffer.len().min(300)]));
                }
            }
            _ = phase.wait_for(|phase| *phase == Phase::Stop) => return Ok(latencies),
        }
        let now = *phase.borrow();
        if turn.is_some() {
            // Head and snapshot.
            if !buffer.starts_with(b"HTTP/1.1 200") && buffer.len() >= 12 {
                bail!("no stream: {}", String::from_utf8_lossy(&buffer[..buffer.len().min(600)]));
            }
            let Some(snapshot) = find(&buffer, b"event: snapshot\n") else { continue };
            let Some(end) = find(&buffer[snapshot..], b"\n\n") else { continue };
            buffer.drain(..snapshot + end + 2);
            scene.open.fetch_add(1, Ordering::AcqRel);
            turn = None;
        }
        while let Some(end) = find(&buffer, b"\n\n") {
            if let Some(diff) = diff_in(&buffer[..end])? {
                scene.note(&diff, &mut latencies[(now as usize).min(1)])?;
            }
            buffer.drain(..end + 2);
        }
    }
}

/// The diff of an event. A chunk of HTTP is one event here, so its length stands before it.
pub fn diff_in(event: &[u8]) -> Result<Option<Diff>> {
    if find(event, b"event: snapshot\n").is_some() {
        bail!("a stream began anew");
    }
    if find(event, b"event: diff\n").is_none() {
        return Ok(None);
    }
    let data = find(event, b"data: ").context("a diff without data")? + 6;
    let data = event[data..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(Some(Diff::decode(&BASE64.decode(data).context("no base64")?)?))
}

/// Holds group after group of an event as one buyer, noting when each was asked for.
pub struct Changer {
    scene: Arc<Scene>,
    client: Client,
    path: String,
    next: Arc<AtomicUsize>,
}

impl Changer {
    pub async fn new(
        scene: &Arc<Scene>,
        address: SocketAddr,
        event: &str,
        key: &str,
        next: &Arc<AtomicUsize>,
    ) -> Result<Self> {
        let client = Client::connect(address, key).await?;
        let path = format!("/v1/events/{event}/holds");
        Ok(Self { scene: scene.clone(), client, path, next: next.clone() })
    }

    /// False when everything is held.
    pub async fn change(&mut self) -> Result<bool> {
        let group = self.next.fetch_add(1, Ordering::AcqRel);
        let Some(asked) = self.scene.asked.get(group) else { return Ok(false) };
        let first = u32::try_from(group)? * GROUP;
        let items: Vec<_> = (first..first + GROUP).map(|seat| json!({ "seat": seat })).collect();
        asked.store(self.scene.now(), Ordering::Release);
        self.client.post(&self.path, &json!({ "items": items })).await?;
        Ok(true)
    }
}

/// Waits until every one of `streams` has seen `changes`.
pub async fn all_seen(scene: &Scene, changes: usize, streams: usize) -> Result<()> {
    let expected = (changes * streams) as u64;
    let began = Instant::now();
    while scene.seen.load(Ordering::Acquire) < expected {
        if began.elapsed() > LIMIT {
            bail!("{} of {expected} changes were seen", scene.seen.load(Ordering::Acquire));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use eventflow_core::seat_map::SeatIndex;

    use super::*;

    #[test]
    fn a_diff_is_found_in_its_chunk() {
        let diff = Diff::new(1, 2, [(SeatIndex(4), SeatStatus::Held)], []);
        let event = format!("\r\n4a\r\nevent: diff\nid: 2\ndata: {}", BASE64.encode(diff.encode()));
        assert_eq!(diff_in(event.as_bytes()).unwrap(), Some(diff));
        assert_eq!(diff_in(b"\r\n6\r\n: hb").unwrap(), None);
        assert!(diff_in(b"event: snapshot\nid: 1\ndata: ").is_err());
    }
}
