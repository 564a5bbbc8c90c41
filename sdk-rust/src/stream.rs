//! What is free, live. The stream goes on after its connection is lost, from the revision that it has; after a gap it
//! begins anew with a snapshot.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use eventflow_core::seat_map::{Diff, DiffMismatch, SeatIndex, SeatStatus, Snapshot};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};

use crate::call::{self, check_ids};
use crate::generated::core;
use crate::nouns::Events;
use crate::send::{self, CallOptions};
use crate::sse::{EventParser, ServerSentEvent, TooLong};
use crate::{Client, Error, RequestFacts, retry};

const OPERATION: &str = "availability.stream";
/// The server says something every 15 seconds; silence for longer is a dead connection.
const SILENCE: Duration = Duration::from_secs(40);
/// After an end that was none of ours: connections of many viewers end together, and should not come back together.
const RETURN: Duration = Duration::from_millis(250);
/// The first pause after a failure, unless the server wishes another.
const RETRY: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Beyond, `BACKOFF_MAX` is reached whatever the first pause was.
const DOUBLINGS_MAX: u32 = 15;

/// What happened. `states` is the whole.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AvailabilityEvent {
    /// Everything, at the beginning and whenever the changes in between are not known.
    Snapshot { states: Arc<Snapshot> },
    /// What is different since the event before.
    Diff { states: Arc<Snapshot>, seats: Vec<SeatChange>, areas: Vec<AreaChange> },
    /// Prices, blocks, rules or the state of the event changed: read the event and its price tiers again.
    Offer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatChange {
    pub seat: SeatIndex,
    pub before: SeatStatus,
    pub after: SeatStatus,
}

/// Places left in a standing area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AreaChange {
    pub area: u16,
    pub before: u32,
    pub after: u32,
}

#[derive(Clone, Default)]
pub struct StreamOptions {
    /// Another credential than the client's.
    pub token: Option<String>,
    /// Failed attempts in a row after which the stream ends with the last error. Never, unless given.
    pub retries: Option<u32>,
    /// Without a word from the server for so long, the connection counts as lost. 40 seconds unless given.
    pub silence: Option<Duration>,
}

/// The events of one event, until somebody drops it or may not look on any more. After an error it is over.
pub struct AvailabilityStream {
    events: BoxStream<'static, Result<AvailabilityEvent, Error>>,
}

impl Events<'_> {
    /// What is free, live: a snapshot, then what changes.
    pub fn stream(&self, event_id: &str, options: StreamOptions) -> AvailabilityStream {
        let watcher = Watcher {
            client: self.client.clone(),
            event_id: event_id.to_owned(),
            options,
            states: None,
            connection: None,
            failures: 0,
            retry: RETRY,
        };
        let events = stream::unfold(Some(watcher), async |watcher| {
            let mut watcher = watcher?;
            match watcher.next().await {
                Ok(event) => Some((Ok(event), Some(watcher))),
                Err(error) => Some((Err(error), None)),
            }
        });
        AvailabilityStream { events: events.boxed() }
    }
}

/// Without the token.
impl fmt::Debug for StreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { retries, silence, .. } = self;
        f.debug_struct("StreamOptions")
            .field("retries", retries)
            .field("silence", silence)
            .finish_non_exhaustive()
    }
}

impl Stream for AvailabilityStream {
    type Item = Result<AvailabilityEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_next_unpin(context)
    }
}

struct Watcher {
    client: Client,
    event_id: String,
    options: StreamOptions,
    /// What was told last, at its revision.
    states: Option<Arc<Snapshot>>,
    connection: Option<Connection>,
    /// In a row.
    failures: u32,
    /// The first pause after a failure.
    retry: Duration,
}

struct Connection {
    pieces: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send + Sync>>,
    parser: EventParser,
    /// Complete, and not told yet.
    waiting: VecDeque<ServerSentEvent>,
    request: RequestFacts,
}

/// What an event of the server means for us.
enum News {
    Event(AvailabilityEvent),
    /// It tells nothing new.
    Nothing,
    /// Only a snapshot helps.
    Gap,
}

impl Watcher {
    async fn next(&mut self) -> Result<AvailabilityEvent, Error> {
        loop {
            let event = self.connection.as_mut().and_then(|connection| connection.waiting.pop_front());
            let result = match event {
                Some(event) => match self.take(&event) {
                    Ok(News::Event(event)) => return Ok(event),
                    Ok(News::Nothing) => continue,
                    Ok(News::Gap) => {
                        (self.connection, self.states) = (None, None);
                        rest().await;
                        continue;
                    }
                    Err(error) => Err(error),
                },
                None => self.read().await,
            };
            if let Err(error) = result {
                self.connection = None;
                self.come_again(error).await?;
            }
        }
    }

    /// The next piece of the connection, which is made if there is none.
    async fn read(&mut self) -> Result<(), Error> {
        let Some(connection) = &mut self.connection else {
            self.connection = Some(self.open().await?);
            return Ok(());
        };
        let silence = self.options.silence.unwrap_or(SILENCE);
        let reason = match tokio::time::timeout(silence, connection.pieces.next()).await {
            Ok(Some(Ok(piece))) => {
                self.failures = 0;
                match connection.parser.push(&piece) {
                    Ok(events) => {
                        connection.waiting.extend(events);
                        self.retry = connection.parser.retry.unwrap_or(self.retry);
                        return Ok(());
                    }
                    Err(TooLong) => "an event has no end".to_owned(),
                }
            }
            Ok(None) => {
                self.connection = None;
                rest().await;
                return Ok(());
            }
            Ok(Some(Err(error))) => send::reason(error),
            Err(_) => format!("nothing came for {} ms", silence.as_millis()),
        };
        let request = Box::new(connection.request.clone());
        Err(Error::Connection { reason: format!("the stream broke off: {reason}"), request })
    }

    async fn open(&self) -> Result<Connection, Error> {
        let mut headers = vec![("accept".to_owned(), "text/event-stream".to_owned())];
        if let Some(states) = &self.states {
            headers.push(("last-event-id".to_owned(), states.revision.to_string()));
        }
        let options = CallOptions {
            token: self.options.token.clone(),
            // Repetitions go on where the stream is then.
            retries: Some(0),
            headers,
            is_stream: true,
            ..CallOptions::default()
        };
        check_ids(OPERATION, &[("event_id", &self.event_id)])?;
        let run = async |core: core::Client| call::value(core.availability_stream(&self.event_id).await);
        let (answer, request) = send::send(&self.client, OPERATION, options, run).await?;
        Ok(Connection {
            pieces: Box::pin(answer.bytes_stream()),
            parser: EventParser::default(),
            waiting: VecDeque::new(),
            request,
        })
    }

    fn take(&mut self, event: &ServerSentEvent) -> Result<News, Error> {
        match event.kind.as_str() {
            "offer" => Ok(News::Event(AvailabilityEvent::Offer)),
            "snapshot" => {
                let bytes = self.decode(event)?;
                let snapshot = Snapshot::decode(&bytes).map_err(|error| self.unreadable(&error))?;
                let states = Arc::clone(self.states.insert(Arc::new(snapshot)));
                Ok(News::Event(AvailabilityEvent::Snapshot { states }))
            }
            "diff" => {
                let bytes = self.decode(event)?;
                let diff = Diff::decode(&bytes).map_err(|error| self.unreadable(&error))?;
                Ok(self.apply(&diff))
            }
            // Of another time.
            _ => Ok(News::Nothing),
        }
    }

    fn apply(&mut self, diff: &Diff) -> News {
        let Some(states) = &mut self.states else { return News::Gap };
        if diff.revision() <= states.revision {
            return News::Nothing;
        }
        let seats = diff.seats().iter().filter_map(|&(seat, after)| {
            let before = states.statuses.get(seat)?;
            // A diff may name what has become the same again.
            (before != after).then_some(SeatChange { seat, before, after })
        });
        let areas = diff.areas().iter().filter_map(|&(area, after)| {
            let before = *states.areas.get(usize::from(area))?;
            (before != after).then_some(AreaChange { area, before, after })
        });
        let (seats, areas): (Vec<_>, Vec<_>) = (seats.collect(), areas.collect());
        // Copied only while somebody keeps the event before.
        match Arc::make_mut(states).apply(diff) {
            Ok(()) if seats.is_empty() && areas.is_empty() => News::Nothing,
            Ok(()) => News::Event(AvailabilityEvent::Diff { states: Arc::clone(states), seats, areas }),
            Err(DiffMismatch::Gap { .. } | DiffMismatch::UnknownPlace) => News::Gap,
        }
    }

    fn decode(&self, event: &ServerSentEvent) -> Result<Vec<u8>, Error> {
        STANDARD.decode(&event.data).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &dyn std::error::Error) -> Error {
        let request = self.connection.as_ref().map(|connection| connection.request.clone());
        match request {
            Some(request) => Error::Unreadable { reason: error.to_string(), request: Box::new(request) },
            None => Error::Usage(error.to_string()),
        }
    }

    /// Waits after a failure; hands back what cannot pass.
    async fn come_again(&mut self, error: Error) -> Result<(), Error> {
        self.failures += 1;
        if !retry::is_passing(&error) || self.options.retries.is_some_and(|retries| self.failures > retries) {
            return Err(error);
        }
        let asked = error.api().map_or(Duration::ZERO, |error| error.retry_after);
        let backoff = self.retry * 2_u32.pow((self.failures - 1).min(DOUBLINGS_MAX));
        let pause = retry::later(asked, backoff.min(BACKOFF_MAX), rand::random());
        if let Some(on_retry) = &self.client.shared().on_retry {
            on_retry(&error, pause);
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

async fn rest() {
    tokio::time::sleep(RETURN.mul_f64(rand::random())).await;
}
