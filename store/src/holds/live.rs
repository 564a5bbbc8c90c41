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
use eventflow_core::{
    Id, id,
    seat_map::{SeatIndex, SeatStatus, Statuses},
};
use redis::{
    AsyncCommands,
    streams::{StreamReadOptions, StreamReadReply},
};
use serde::Serialize;

use super::{
    Holds,
    scripts::{self, Answer, on, tag},
};
use crate::{
    db::Scope,
    error::{Error, Result},
    offers::Offer,
};

/// Entries read from the stream at once.
const READ_COUNT: usize = 500;
/// How long one read of the stream waits for news.
const READ_WAIT_MS: usize = 5_000;
/// An event that nobody asked about for this long is no longer followed.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// After an error the follower takes a breath.
const BREATH: Duration = Duration::from_millis(200);

/// Places left in an area.
#[derive(Debug, Clone, Serialize)]
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
    pub free: u32,
    pub held: u32,
    pub sold: u32,
    pub blocked: u32,
    /// What is not free, by status, as dense indexes.
    pub held_seats: Vec<u32>,
    pub sold_seats: Vec<u32>,
    pub blocked_seats: Vec<u32>,
    pub areas: Vec<AreaLeft>,
    /// The compact form: 2 bits a seat.
    pub compact: Vec<u8>,
    /// The JSON answer, built by the resource when it is first asked for.
    pub json: std::sync::OnceLock<Vec<u8>>,
}

/// One followed event.
pub struct Live {
    state: Mutex<State>,
    /// Whose turn it is to rank.
    pub(super) ranking: Mutex<()>,
    current: ArcSwap<Availability>,
    dirty: AtomicBool,
    last_read: Mutex<Instant>,
    area_keys: Vec<(String, u32)>,
}

pub(super) struct State {
    pub(super) statuses: Statuses,
    areas_left: Vec<u32>,
    /// Seats that pickers of this process are trying to take at this moment: others look elsewhere.
    pub(super) trying: HashSet<u32>,
    /// Pickers at work, for their spread.
    pub(super) pickers: u32,
    last_id: (u64, u64),
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
        if self.dirty.swap(false, Ordering::AcqRel) {
            let built = self.lock().build(&self.area_keys);
            self.current.store(Arc::new(built));
        }
        self.current.load_full()
    }

    fn is_idle(&self) -> bool {
        self.last_read.lock().map_or(true, |last| last.elapsed() > IDLE)
    }

    /// Applies what is known to be true before the stream says so.
    pub(super) fn mark(&self, seats: &[u32], status: SeatStatus) {
        let mut state = self.lock();
        for &seat in seats {
            state.statuses.set(SeatIndex(seat), status);
        }
        drop(state);
        self.dirty.store(true, Ordering::Release);
    }

    fn replace(&self, fresh: State) {
        let mut state = self.lock();
        state.statuses = fresh.statuses;
        state.areas_left = fresh.areas_left;
        state.last_id = fresh.last_id;
        drop(state);
        self.dirty.store(true, Ordering::Release);
    }
}

impl State {
    fn build(&self, areas: &[(String, u32)]) -> Availability {
        let mut by_status = [const { Vec::new() }; 4];
        for (index, status) in (0_u32..).zip(self.statuses.iter()) {
            by_status[status as usize].push(index);
        }
        let [free, held_seats, sold_seats, blocked_seats] = by_status;
        let count = |seats: &Vec<u32>| u32::try_from(seats.len()).unwrap_or(u32::MAX);
        let revision = revision(self.last_id);
        Availability {
            revision,
            free: count(&free),
            held: count(&held_seats),
            sold: count(&sold_seats),
            blocked: count(&blocked_seats),
            held_seats,
            sold_seats,
            blocked_seats,
            areas: areas
                .iter()
                .zip(&self.areas_left)
                .map(|((key, capacity), &left)| AreaLeft { key: key.clone(), capacity: *capacity, left })
                .collect(),
            compact: self.statuses.encode(revision, &self.areas_left),
            json: std::sync::OnceLock::new(),
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
            for seat in scripts::list(seats) {
                self.statuses.set(SeatIndex(seat), status);
            }
        }
        for (area, left) in areas.split(';').filter_map(|part| part.split_once(':')) {
            let slot = area.parse::<usize>().ok().and_then(|area| self.areas_left.get_mut(area));
            if let (Some(slot), Ok(left)) = (slot, left.parse()) {
                *slot = left;
            }
        }
    }
}

/// A stream id as one number: 4,096 changes per millisecond keep their order, and JavaScript can hold it.
fn revision((millis, sequence): (u64, u64)) -> u64 {
    millis * 4096 + sequence.min(4095)
}

fn parse_id(text: &str) -> (u64, u64) {
    text.split_once('-').map_or((0, 0), |(ms, seq)| (ms.parse().unwrap_or(0), seq.parse().unwrap_or(0)))
}

impl Holds {
    /// The live state of an event; the first call reads it from Redis and begins to follow the stream.
    pub async fn live(self: &Arc<Self>, scope: &Scope, offer: &Arc<Offer>) -> Result<Arc<Live>> {
        if let Some(live) = self.live.get(&offer.event.id) {
            return Ok(live.clone());
        }
        let state = self.snapshot(offer).await?;
        let area_keys: Vec<_> = offer
            .layout
            .ga_areas()
            .iter()
            .zip(&offer.area_capacity)
            .map(|(a, &n)| (a.key.clone(), n))
            .collect();
        let live = Arc::new(Live {
            current: ArcSwap::from_pointee(state.build(&area_keys)),
            state: Mutex::new(state),
            ranking: Mutex::new(()),
            dirty: AtomicBool::new(false),
            last_read: Mutex::new(Instant::now()),
            area_keys,
        });
        match self.live.entry(offer.event.id) {
            // Another request was faster: its follower serves both.
            dashmap::Entry::Occupied(entry) => Ok(entry.get().clone()),
            dashmap::Entry::Vacant(entry) => {
                entry.insert(live.clone());
                tokio::spawn(follow(self.clone(), scope.clone(), offer.event_id(), live.clone()));
                Ok(live)
            }
        }
    }

    /// The state of an event in Redis at one moment.
    pub(super) async fn snapshot(&self, offer: &Offer) -> Result<State> {
        let answer = self.run(offer, &on(&scripts::SNAPSHOT, offer.event_id())).await?;
        state_of(offer, &answer)
    }
}

/// Follows the stream of an event until nobody asks about it any more.
async fn follow(holds: Arc<Holds>, scope: Scope, event: Id<id::Event>, live: Arc<Live>) {
    let mut connection = None;
    while !live.is_idle() {
        let result = match connection.take() {
            Some(connection) => read_on(&holds, &scope, event, &live, connection).await,
            // A new connection may have missed what happened: begin with the whole state.
            None => begin_again(&holds, &scope, event, &live).await,
        };
        match result {
            Ok(next) => connection = next,
            Err(error) => {
                tracing::warn!(error = %error, event.id = %event, "the stream of an event is interrupted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    holds.live.remove(&event.uuid());
}

type Connection = redis::aio::MultiplexedConnection;

async fn begin_again(
    holds: &Holds,
    scope: &Scope,
    event: Id<id::Event>,
    live: &Live,
) -> Result<Option<Connection>> {
    let connection = holds.gate.dedicated().await?;
    let offer = holds.offer(scope, event).await?;
    live.replace(holds.snapshot(&offer).await?);
    Ok(Some(connection))
}

/// Reads what is new. `None`: the state must be read as a whole again.
async fn read_on(
    holds: &Holds,
    scope: &Scope,
    event: Id<id::Event>,
    live: &Live,
    mut connection: Connection,
) -> Result<Option<Connection>> {
    let (millis, sequence) = live.lock().last_id;
    let options = StreamReadOptions::default().block(READ_WAIT_MS).count(READ_COUNT);
    let log = format!("{}:log", tag(event));
    let reply: Option<StreamReadReply> = connection
        .xread_options(&[&log], &[format!("{millis}-{sequence}")], &options)
        .await
        .map_err(Error::from)?;
    let mut restart = false;
    for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids) {
        match entry.get::<String>("k").as_deref() {
            Some("boot") => restart = true,
            Some(_) => holds.offers.drop(scope.tenant, event),
            None => {}
        }
        let changes: String = entry.get("c").unwrap_or_default();
        let areas: String = entry.get("g").unwrap_or_default();
        let mut state = live.lock();
        state.apply(&changes, &areas);
        state.last_id = parse_id(&entry.id);
        drop(state);
        live.dirty.store(true, Ordering::Release);
    }
    Ok((!restart).then_some(connection))
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
        let Some(slot) = area.parse::<usize>().ok().and_then(|area| areas.get_mut(area)) else { continue };
        match field {
            "cap" => slot.0 += value,
            "taken" | "held" => slot.1 += value,
            _ => {}
        }
    }
    Ok(State {
        statuses,
        areas_left: areas.iter().map(|(cap, used)| u32::try_from(cap - used).unwrap_or(0)).collect(),
        trying: HashSet::new(),
        pickers: 0,
        last_id: parse_id(&answer.text(2)?),
    })
}
