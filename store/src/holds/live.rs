//! Live availability: the state of every place of an event in the memory of this process, fed by the event's stream in
//! Redis. Reads are answered from bytes that were built before; neither Redis nor Postgres sees them.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use eventflow_core::{
    Id, id,
    seat_map::{Diff, SeatIndex, SeatStatus, Statuses},
};
use tokio::sync::{Notify, OnceCell, watch};

use super::{
    Holds, follow,
    frames::{Frame, Pending, Ring},
    scripts::{self, Answer, on},
};
use crate::{db::Scope, error::Result, offers::Offer, prepared::Prepared};

/// An event that nobody asked about for this long is no longer followed.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// Frames are made for so long after the last stream ended: its client may come back.
const RESUME: Duration = Duration::from_secs(60);

/// A diff of so many bytes is not large, however few seats there are.
const SMALL: usize = 1_024;

/// Places left in an area.
#[derive(Debug, Clone)]
pub struct AreaLeft {
    pub key: String,
    pub capacity: u32,
    pub left: u32,
}

/// Availability at one moment, ready to be sent.
#[derive(Debug)]
pub struct Availability {
    /// Grows with every change; made from the stream's id.
    pub revision: u64,
    pub statuses: Statuses,
    pub areas: Vec<AreaLeft>,
    /// The compact form: 2 bits a seat.
    pub compact: Prepared,
    /// The JSON answer, written by the resource when it is first asked for.
    pub json: OnceCell<Prepared>,
    /// The compact form as an event of a stream, likewise.
    pub event: std::sync::OnceLock<Bytes>,
}

/// One followed event.
pub struct Live {
    pub(super) tenant: Id<id::Tenant>,
    pub(super) state: Mutex<State>,
    /// Whose turn it is to rank.
    pub(super) ranking: Mutex<()>,
    /// Rings when somebody has tried some seats.
    pub(super) tried: tokio::sync::Notify,
    /// When the truth was last read by those who rank.
    pub(super) truth: tokio::sync::Mutex<Option<Instant>>,
    current: ArcSwap<Availability>,
    dirty: AtomicBool,
    last_read: Mutex<Instant>,
    area_keys: Vec<(String, u32)>,
    /// Rings when there is something for the next frame.
    pub(super) news: Notify,
    /// Rings when the stream was read on.
    heard: Notify,
    /// Rings when what Redis says does not go on from what is known.
    pub(super) lost: Notify,
    /// Wakes the streams.
    pub(super) signal: watch::Sender<Signal>,
}

/// What streams wait for: a frame, a break, an end; or a sign of life when there was nothing for a while.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signal {
    pub(super) beats: u64,
}

pub(super) struct State {
    /// What pickers believe: the stream's word, and what this process knows before the stream says so.
    pub(super) statuses: Statuses,
    /// What the stream says, up to `last_id`: the same at every server.
    told: Statuses,
    areas_left: Vec<u32>,
    /// Seats that pickers of this process are trying to take at this moment: others look elsewhere.
    pub(super) trying: HashSet<u32>,
    /// Pickers at work, for their spread.
    pub(super) pickers: u32,
    pub(super) last_id: (u64, u64),
    /// Redis's memory of the event; another one is another stream.
    pub(super) boot: String,
    pending: Pending,
    pub(super) ring: Ring,
    pub(super) streams: u32,
    /// When the last stream ended.
    pub(super) last_stream: Option<Instant>,
    /// No longer followed.
    pub(super) ended: bool,
}

impl Live {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Availability as of now, from memory.
    pub fn availability(&self) -> Arc<Availability> {
        if let Ok(mut last) = self.last_read.try_lock() {
            *last = Instant::now();
        }
        if self.dirty.load(Ordering::Acquire) {
            return self.refreshed(&self.lock());
        }
        self.current.load_full()
    }

    /// Availability of exactly this state; it is built once.
    pub(super) fn refreshed(&self, state: &State) -> Arc<Availability> {
        if self.dirty.swap(false, Ordering::AcqRel) {
            self.current.store(Arc::new(state.build(&self.area_keys)));
        }
        self.current.load_full()
    }

    /// True from then on, when nobody has looked for long: who comes now begins anew.
    pub(super) fn end_if_idle(&self) -> bool {
        let idle = self.last_read.lock().map_or(true, |last| last.elapsed() > IDLE);
        let mut state = self.lock();
        state.ended |= idle && state.streams == 0;
        state.ended
    }

    /// Each seat as far as this process knows, and the places left in each area.
    pub(super) fn counted(&self) -> (Statuses, Vec<u32>) {
        let state = self.lock();
        (state.statuses.clone(), state.areas_left.clone())
    }

    /// Tells pickers what is known to be true before the stream says so.
    pub(super) fn mark(&self, seats: &[u32], status: SeatStatus) {
        let mut state = self.lock();
        for &seat in seats {
            state.statuses.set(SeatIndex(seat), status);
        }
    }

    /// Takes over a state that does not go on from the one before.
    pub(super) fn replace(&self, fresh: State) {
        let mut state = self.lock();
        state.statuses = fresh.statuses;
        state.told = fresh.told;
        state.areas_left = fresh.areas_left;
        state.last_id = fresh.last_id;
        state.boot = fresh.boot;
        state.pending = Pending::default();
        let revision = state.revision();
        state.ring.break_off(revision);
        self.dirty.store(true, Ordering::Release);
        drop(state);
        self.signal.send_modify(|_| {});
        self.heard.notify_waiters();
    }

    /// Takes over one entry of the stream.
    pub(super) fn apply(&self, id: (u64, u64), changes: &str, areas: &str, offer: bool) {
        let mut state = self.lock();
        state.apply(changes, areas);
        state.pending.offer |= offer;
        state.last_id = id;
        self.dirty.store(true, Ordering::Release);
        drop(state);
        self.news.notify_one();
        self.heard.notify_waiters();
    }

    /// What the stream says up to entry `last` at least, once it was read so far, is what pickers believe. False when it was
    /// not in this time.
    pub(super) async fn catch_up(&self, last: (u64, u64), time: Duration) -> bool {
        let caught_up = async {
            loop {
                let heard = self.heard.notified();
                {
                    let mut state = self.lock();
                    if state.last_id >= last {
                        state.statuses = state.told.clone();
                        return;
                    }
                }
                heard.await;
            }
        };
        tokio::time::timeout(time, caught_up).await.is_ok()
    }

    /// Makes a frame of what has changed since the last one.
    pub(super) fn publish(&self) {
        let mut state = self.lock();
        let pending = std::mem::take(&mut state.pending);
        let (base, revision) = (state.ring.revision, state.revision());
        let watched = state.streams > 0 || state.last_stream.is_some_and(|last| last.elapsed() < RESUME);
        if revision == base || !watched {
            if revision != base {
                state.ring.break_off(revision);
            }
            return;
        }
        let frame = Frame::new(&Diff::new(base, revision, pending.seats, pending.areas), pending.offer);
        let seats = usize::try_from(state.told.len()).unwrap_or(usize::MAX);
        let whole = seats / 4 + 4 * state.areas_left.len();
        if frame.len() > whole.max(SMALL) {
            // A snapshot says the same in fewer bytes.
            state.ring.break_off(revision);
        } else {
            state.ring.push(frame);
        }
        drop(state);
        self.signal.send_modify(|_| {});
    }

    /// Ends the streams: the event is no longer followed.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.signal.send_modify(|_| {});
    }
}

impl State {
    pub(super) fn revision(&self) -> u64 {
        revision(self.last_id)
    }

    fn build(&self, areas: &[(String, u32)]) -> Availability {
        let areas = areas.iter().zip(&self.areas_left);
        Availability {
            revision: self.revision(),
            statuses: self.told.clone(),
            areas: areas
                .map(|((key, capacity), &left)| AreaLeft { key: key.clone(), capacity: *capacity, left })
                .collect(),
            compact: Prepared::new(self.told.encode(self.revision(), &self.areas_left)),
            json: OnceCell::new(),
            event: std::sync::OnceLock::new(),
        }
    }

    /// `c`: `<status>:<seat>,…;…`, `g`: `<area>:<left>;…`
    fn apply(&mut self, changes: &str, areas: &str) {
        for (status, seats) in changes.split(';').filter_map(|part| part.split_once(':')) {
            let status = match status {
                "0" => SeatStatus::Free,
                "1" => SeatStatus::Held,
                "2" => SeatStatus::Sold,
                _ => SeatStatus::Blocked,
            };
            for seat in scripts::list(seats).into_iter().map(SeatIndex) {
                self.statuses.set(seat, status);
                if self.told.set(seat, status).is_some() {
                    self.pending.seats.push((seat, status));
                }
            }
        }
        for (area, left) in areas.split(';').filter_map(|part| part.split_once(':')) {
            let (Ok(area), Ok(left)) = (area.parse::<u16>(), left.parse()) else { continue };
            if let Some(slot) = self.areas_left.get_mut(usize::from(area)) {
                *slot = left;
                self.pending.areas.push((area, left));
            }
        }
    }
}

/// A stream id as one number: 4,096 changes per millisecond keep their order, and JavaScript can hold it.
fn revision((millis, sequence): (u64, u64)) -> u64 {
    millis * 4096 + sequence.min(4095)
}

pub(super) fn parse_id(text: &str) -> (u64, u64) {
    text.split_once('-').map_or((0, 0), |(ms, seq)| (ms.parse().unwrap_or(0), seq.parse().unwrap_or(0)))
}

impl Holds {
    /// The live state of an event that this process follows already. Asks nobody.
    pub fn followed(&self, tenant: Id<id::Tenant>, event: Id<id::Event>) -> Option<Arc<Live>> {
        self.live.get(&event.uuid()).filter(|live| live.tenant == tenant).map(|live| live.clone())
    }

    /// The live state of an event; the first call reads it from Redis and begins to follow the stream.
    pub async fn live(self: &Arc<Self>, scope: &Scope, offer: &Arc<Offer>) -> Result<Arc<Live>> {
        if let Some(live) = self.live.get(&offer.event.id) {
            return Ok(live.clone());
        }
        let state = self.snapshot(offer).await?;
        let areas = offer.layout.ga_areas().iter().zip(&offer.area_capacity);
        let area_keys: Vec<_> = areas.map(|(area, &capacity)| (area.key.clone(), capacity)).collect();
        let live = Arc::new(Live {
            tenant: offer.tenant,
            current: ArcSwap::from_pointee(state.build(&area_keys)),
            state: Mutex::new(state),
            ranking: Mutex::new(()),
            tried: tokio::sync::Notify::new(),
            truth: tokio::sync::Mutex::default(),
            dirty: AtomicBool::new(false),
            last_read: Mutex::new(Instant::now()),
            area_keys,
            news: Notify::new(),
            heard: Notify::new(),
            lost: Notify::new(),
            signal: watch::Sender::new(Signal::default()),
        });
        match self.live.entry(offer.event.id) {
            // Another request was faster: its follower serves both.
            dashmap::Entry::Occupied(entry) => Ok(entry.get().clone()),
            dashmap::Entry::Vacant(entry) => {
                entry.insert(live.clone());
                tokio::spawn(follow::follow(self.clone(), scope.clone(), offer.event_id(), live.clone()));
                Ok(live)
            }
        }
    }

    /// The state of an event in Redis at one moment.
    pub(super) async fn snapshot(&self, offer: &Offer) -> Result<State> {
        let answer = self.run(offer, &on(&scripts::SNAPSHOT, offer.event_id())).await?;
        if version_of_map(&answer)? > offer.event.seat_map_version {
            // The event has moved, and we were told nothing yet: whoever comes again reads the new offer.
            self.offers.drop(offer.tenant, offer.event_id());
            return Err(scripts::rebuilding());
        }
        state_of(offer, &answer)
    }
}

/// The version that Redis was told of; 0 while the event has never moved.
fn version_of_map(answer: &Answer) -> Result<i32> {
    let fields = answer.flat(5)?;
    let field = fields.chunks_exact(2).find(|pair| pair[0] == "map");
    Ok(field.and_then(|pair| pair[1].parse().ok()).unwrap_or_default())
}

fn state_of(offer: &Offer, answer: &Answer) -> Result<State> {
    let now: u64 = answer.number(3)?;
    let mut statuses = Statuses::new(offer.layout.seat_count());
    for pair in answer.flat(4)?.chunks_exact(2) {
        let Ok(seat) = pair[0].parse() else { continue };
        let status = match pair[1].split_once(':') {
            Some(("s", _)) => SeatStatus::Sold,
            Some(("c", _)) => SeatStatus::Held,
            Some((expiry, _)) if expiry.parse::<u64>().is_ok_and(|expiry| expiry <= now) => SeatStatus::Free,
            Some(_) => SeatStatus::Held,
            None => SeatStatus::Blocked,
        };
        statuses.set(SeatIndex(seat), status);
    }
    let mut areas = vec![(0_i64, 0_i64); offer.layout.ga_areas().len()];
    for pair in answer.flat(5)?.chunks_exact(2) {
        let (Some((field, area)), Ok(value)) = (pair[0].split_once(':'), pair[1].parse::<i64>()) else {
            continue;
        };
        let Ok(area) = area.parse::<usize>() else { continue };
        let Some(slot) = areas.get_mut(area) else { continue };
        match field {
            "cap" => slot.0 += value,
            // Whoever has some of an area for one party has it all.
            "taken" | "held" if value > 0 && offer.is_for_one_party(area) => slot.1 = i64::MAX / 2,
            "taken" | "held" => slot.1 += value,
            _ => {}
        }
    }
    let last_id = parse_id(&answer.text(2)?);
    Ok(State {
        told: statuses.clone(),
        statuses,
        areas_left: areas.iter().map(|(cap, used)| u32::try_from(cap - used).unwrap_or(0)).collect(),
        trying: HashSet::new(),
        pickers: 0,
        last_id,
        boot: answer.text(1)?,
        pending: Pending::default(),
        ring: Ring::new(revision(last_id)),
        streams: 0,
        last_stream: None,
        ended: false,
    })
}
