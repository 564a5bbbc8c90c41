//! Streams of availability: somebody who looks on. A stream keeps nothing but where it is; what it sends is made once for
//! all. Who falls behind what is kept is told so, and nobody is waited for.

use std::{sync::Arc, time::Instant};

use tokio::sync::watch;

use super::{
    Live,
    frames::{Frame, Next},
    live::{Availability, Signal},
};

/// What comes next on a stream.
#[derive(Debug)]
pub enum News {
    /// The whole state. `anew`: what was sent before does not lead to it, and more than places may have changed.
    Snapshot { state: Arc<Availability>, anew: bool },
    /// What changed since revision `at`.
    Frame { frame: Arc<Frame>, at: u64 },
    /// Nothing changed for a while.
    Beat,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The event is no longer followed here.
    Unfollowed,
    /// So slow that what comes next is no longer kept.
    Behind,
}

/// One stream. While it is there, the event is followed.
pub struct Stream {
    live: Arc<Live>,
    signal: watch::Receiver<Signal>,
    /// The state to begin with.
    first: Option<News>,
    /// The revision that was sent last, and the number of the frame that comes next.
    at: u64,
    next: u64,
    chain: u64,
    beats: u64,
}

impl Live {
    /// Begins a stream: with what changed since `revision`, if that is still kept, or with the whole state. `None` when the
    /// event has just ceased to be followed: ask for its live state again.
    pub fn stream(self: &Arc<Self>, revision: Option<u64>) -> Option<Stream> {
        let signal = self.signal.subscribe();
        let beats = signal.borrow().beats;
        let mut state = self.lock();
        if state.ended {
            return None;
        }
        state.streams += 1;
        let resumed = revision.and_then(|at| Some((at, state.ring.after(at)?)));
        let (at, next, first) = match resumed {
            Some((at, next)) => (at, next, None),
            None => {
                let news = News::Snapshot { state: self.refreshed(&state), anew: revision.is_some() };
                (state.revision(), state.ring.end(), Some(news))
            }
        };
        let chain = state.ring.chain;
        drop(state);
        Some(Stream { live: self.clone(), signal, first, at, next, chain, beats })
    }
}

impl Stream {
    /// Waits for what comes next. May be dropped and called again.
    pub async fn next(&mut self) -> Result<News, End> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        loop {
            if let Some(news) = self.ready()? {
                return Ok(news);
            }
            self.signal.changed().await.map_err(|_| End::Unfollowed)?;
            let beats = self.signal.borrow_and_update().beats;
            if beats != std::mem::replace(&mut self.beats, beats) {
                return Ok(self.ready()?.unwrap_or(News::Beat));
            }
        }
    }

    fn ready(&mut self) -> Result<Option<News>, End> {
        let state = self.live.lock();
        if state.ended {
            return Err(End::Unfollowed);
        }
        if state.ring.chain != self.chain {
            (self.at, self.next, self.chain) = (state.revision(), state.ring.end(), state.ring.chain);
            return Ok(Some(News::Snapshot { state: self.live.refreshed(&state), anew: true }));
        }
        loop {
            match state.ring.get(self.next) {
                Next::Lost => return Err(End::Behind),
                Next::None => return Ok(None),
                Next::Frame(frame) => {
                    self.next += 1;
                    // The snapshot was newer than the frame that was under way.
                    if frame.revision > self.at {
                        let at = std::mem::replace(&mut self.at, frame.revision);
                        return Ok(Some(News::Frame { frame, at }));
                    }
                }
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.live.lock();
        state.streams -= 1;
        state.last_stream = Some(Instant::now());
    }
}
