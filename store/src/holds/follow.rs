//! Following an event: its stream in Redis is read into the live state, changes become frames, and expired holds are tidied
//! up at the moment when they expire, so that everybody who looks sees their places become free.

use std::{sync::Arc, time::Duration};

use eventflow_core::{Id, id};
use redis::{
    AsyncCommands,
    streams::{StreamId, StreamReadOptions, StreamReadReply},
};
use tokio::time;

use super::{
    Holds, Live, frames,
    live::parse_id,
    scripts::{self, Answer, on, tag},
};
use crate::{
    db::Scope,
    error::{Error, Result},
};

/// Entries read from the stream at once.
const READ_COUNT: usize = 500;
/// How long one read of the stream waits for news.
const READ_WAIT_MS: usize = 5_000;
/// A read that takes longer than this has no Redis at its other end.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// After news the follower waits so long before it reads on: at a sale's peak one read brings many changes.
const PACE: Duration = Duration::from_millis(5);
/// After an error the follower takes a breath.
const BREATH: Duration = Duration::from_millis(200);
/// A stream on which nothing happens shows a sign of life this often.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Expired holds dropped in one run of the script: it blocks Redis for well under a millisecond.
const SWEEP_BATCH: u64 = 100;
/// Expiries are looked for at least this often, and not more often than that.
const SWEEP_MOST: Duration = Duration::from_secs(1);
const SWEEP_LEAST: Duration = Duration::from_millis(5);
/// The stream itself tells of another memory of Redis, unless its clock went back: after so many looks it is not waited for.
const FOREIGN_MAX: u32 = 3;

/// Follows an event until nobody asks about it any more.
pub(super) async fn follow(holds: Arc<Holds>, scope: Scope, event: Id<id::Event>, live: Arc<Live>) {
    let following = Following { holds, scope, event, live };
    tokio::select! {
        () = following.read() => {}
        () = following.publish() => {}
        () = following.sweep() => {}
    }
}

struct Following {
    holds: Arc<Holds>,
    scope: Scope,
    event: Id<id::Event>,
    live: Arc<Live>,
}

/// However it ends: nobody may look at a state that is no longer kept up to date.
impl Drop for Following {
    fn drop(&mut self) {
        self.holds.live.remove_if(&self.event.uuid(), |_, live| Arc::ptr_eq(live, &self.live));
        self.live.end();
    }
}

type Connection = redis::aio::MultiplexedConnection;

impl Following {
    async fn read(&self) {
        // The state that was just read is gone on from.
        let mut connection = self.holds.gate.dedicated().await.ok();
        while !self.live.end_if_idle() {
            let step = async {
                match connection.take() {
                    Some(connection) => self.read_on(connection).await,
                    // A new connection may have missed what happened: begin with the whole state.
                    None => self.begin_again().await,
                }
            };
            let result = tokio::select! {
                result = step => result,
                () = self.live.lost.notified() => Ok(None),
            };
            match result {
                Ok(next) => connection = next,
                Err(error) => {
                    tracing::warn!(error = %error, event.id = %self.event, "the stream of an event is interrupted");
                    time::sleep(BREATH).await;
                }
            }
        }
    }

    async fn begin_again(&self) -> Result<Option<Connection>> {
        let connection = self.holds.gate.dedicated().await?;
        let offer = self.holds.offer(&self.scope, self.event).await?;
        self.live.replace(self.holds.snapshot(&offer).await?);
        Ok(Some(connection))
    }

    /// Reads what is new. `None`: the state must be read as a whole again.
    async fn read_on(&self, mut connection: Connection) -> Result<Option<Connection>> {
        let (millis, sequence) = self.live.lock().last_id;
        let options = StreamReadOptions::default().block(READ_WAIT_MS).count(READ_COUNT);
        let log = format!("{}:log", tag(self.event));
        let (keys, ids) = ([&log], [format!("{millis}-{sequence}")]);
        let read = connection.xread_options(&keys, &ids, &options);
        let reply: Option<StreamReadReply> =
            time::timeout(READ_LIMIT, read).await.map_err(|_| silent())?.map_err(Error::from)?;
        let entries: Vec<StreamId> =
            reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect();
        // Far behind: entries in between may have been cut off.
        if entries.len() == READ_COUNT && oldest(&mut connection, &log).await? > (millis, sequence) {
            return Ok(None);
        }
        for entry in &entries {
            let kind = entry.get::<String>("k");
            if kind.as_deref() == Some("boot") {
                return Ok(None);
            }
            if kind.as_deref() == Some("map") {
                // Another number of places: who looks next begins anew, with the new offer.
                self.holds.offers.drop(self.scope.tenant, self.event);
                self.live.end();
                return Ok(None);
            }
            if kind.is_some() {
                self.holds.offers.drop(self.scope.tenant, self.event);
            }
            let changes: String = entry.get("c").unwrap_or_default();
            let areas: String = entry.get("g").unwrap_or_default();
            self.live.apply(parse_id(&entry.id), &changes, &areas, kind.is_some());
        }
        if !entries.is_empty() {
            time::sleep(PACE).await;
        }
        Ok(Some(connection))
    }

    /// The first change after a quiet time makes a frame at once; those that follow it share the next one.
    async fn publish(&self) {
        loop {
            match time::timeout(HEARTBEAT, self.live.news.notified()).await {
                Ok(()) => self.live.publish(),
                Err(_) => self.live.signal.send_modify(|signal| signal.beats += 1),
            }
            let streams = self.live.lock().streams;
            time::sleep(frames::period(streams)).await;
        }
    }

    /// Every server that follows an event tidies it up; whoever is first announces to all.
    async fn sweep(&self) {
        let mut foreign = 0;
        loop {
            let pause = match self.sweep_once().await {
                Ok(Swept { next, ours, .. }) => {
                    foreign = if ours { 0 } else { foreign + 1 };
                    next
                }
                Err(error) => {
                    tracing::debug!(error = %error, event.id = %self.event, "expired holds cannot be tidied up now");
                    SWEEP_MOST
                }
            };
            if foreign == FOREIGN_MAX {
                self.live.lost.notify_one();
                foreign = 0;
            }
            time::sleep(pause.clamp(SWEEP_LEAST, SWEEP_MOST)).await;
        }
    }

    async fn sweep_once(&self) -> Result<Swept> {
        if let Some(swept) = self.holds.sweep(self.event, &self.live).await? {
            return Ok(swept);
        }
        // Nobody else may come who notices.
        let offer = self.holds.offer(&self.scope, self.event).await?;
        self.holds.rebuild(&offer).await?;
        Ok(Swept { next: SWEEP_MOST, ours: true, last: (0, 0) })
    }
}

/// What Redis said when holds that had expired were dropped.
pub(super) struct Swept {
    /// Until then nothing expires.
    next: Duration,
    /// Whether Redis still has the memory that we follow.
    pub(super) ours: bool,
    /// The newest entry of the event's stream.
    pub(super) last: (u64, u64),
}

impl Swept {
    /// Nothing is left that has expired.
    pub(super) fn is_done(&self) -> bool {
        !self.next.is_zero()
    }
}

impl Holds {
    /// Drops holds that have expired, a few at most. `None` when Redis does not know the event.
    pub(super) async fn sweep(&self, event: Id<id::Event>, live: &Live) -> Result<Option<Swept>> {
        let mut invocation = on(&scripts::SWEEP, event);
        invocation.arg(SWEEP_BATCH);
        let answer = Answer::of(self.gate.run(&invocation).await?)?;
        if answer.word()? == "forgot" {
            return Ok(None);
        }
        let ours = answer.text(1)? == live.lock().boot;
        let next = answer.text(2)?.parse().map_or(SWEEP_MOST, Duration::from_millis);
        Ok(Some(Swept { next, ours, last: parse_id(&answer.text(3)?) }))
    }
}

/// The id of the oldest entry that the stream still has.
async fn oldest(connection: &mut Connection, log: &str) -> Result<(u64, u64)> {
    let reply: redis::streams::StreamRangeReply =
        time::timeout(READ_LIMIT, connection.xrange_count(log, "-", "+", 1))
            .await
            .map_err(|_| silent())??;
    Ok(reply.ids.first().map_or((0, 0), |entry| parse_id(&entry.id)))
}

fn silent() -> Error {
    Error::Redis(redis::RedisError::from((redis::ErrorKind::Io, "no answer in time")))
}
