//! Availability as a stream of server-sent events: the state once, then what changes, to everybody who looks.

use std::{
    io,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::{BufMut, Bytes, BytesMut};
use eventflow_core::{ErrorCode, Refusal, id};
use eventflow_store::holds::{Availability, End, Frame, News, Stream};
use poem::{Body, IntoResponse};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path},
    payload::{Payload, Response},
    registry::{MetaSchema, MetaSchemaRef},
};
use tokio::sync::watch;

use super::{Tag, availability};
use crate::{auth::Call, problem::Failure, streams::Place, wire::Ref};

/// A browser that lost the stream comes again after this time.
const RETRY: &str = "retry: 2000\n\n";
/// Of the largest revision.
const REVISION_DIGITS: usize = 20;
const HEARTBEAT: &str = ": hb\n\n";
const OFFER: &str = "event: offer\ndata: {}\n\n";
/// A stream ends after this time, and its client comes again: by then a buyer's token may have ended. Spread, so that
/// those who came together do not come again together.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
const SPREAD_SECS: u64 = 10 * 60;
/// How often the beginning is tried when the event has just ceased to be followed.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(5);

#[derive(ApiResponse)]
enum Answer {
    /// Server-sent events without an end: `snapshot`, then `diff` and `offer`.
    #[oai(status = 200)]
    Events(Events),
}

/// Server-sent events.
struct Events(Body);

impl Payload for Events {
    const CONTENT_TYPE: &'static str = "text/event-stream";

    fn schema_ref() -> MetaSchemaRef {
        let text = |description: &'static str| {
            let mut schema = MetaSchema::new("string");
            schema.description = Some(description);
            schema
        };
        let mut kind = text("What this is.");
        kind.enum_items = ["snapshot", "diff", "offer"].map(Into::into).to_vec();
        let mut id =
            text("The revision; send the last one as `Last-Event-ID` to go on from there. `offer` has none.");
        id.max_length = Some(REVISION_DIGITS);
        let data = text("Base64 of an `EFA1` snapshot or of an `EFD1` diff; `{}` of an offer.");
        let members = [("event", kind), ("id", id), ("data", data)];
        let mut event = MetaSchema::new("object");
        event.description = Some("One event; comments are signs of life.");
        event.required = vec!["event", "data"];
        event.properties = members
            .into_iter()
            .map(|(name, schema)| (name, MetaSchemaRef::Inline(Box::new(schema))))
            .collect();
        MetaSchemaRef::Inline(Box::new(event))
    }
}

impl IntoResponse for Events {
    fn into_response(self) -> poem::Response {
        poem::Response::builder().content_type(Self::CONTENT_TYPE).body(self.0)
    }
}

pub struct AvailabilityStreams;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Sales")]
impl AvailabilityStreams {
    /// Watch what is free, as it changes.
    ///
    /// Server-sent events. `snapshot` comes first: base64 of the same bytes as `availability.bin`. Then `diff`: what changed
    /// since the event before; many changes of a moment share one. `offer` says that prices, blocks, rules or the state of
    /// the event changed: read the event and its price tiers again, after a random part of a second, because everybody
    /// hears of it.
    ///
    /// The id of an event is the revision: with the last one as `Last-Event-ID` a client that lost the stream gets what it
    /// missed, or `offer` and a `snapshot` when that is no longer kept. A `snapshot` may also come later; it replaces what
    /// was before. A comment comes when nothing happened for 15 seconds. A client that does not read is cut, and every
    /// stream ends after half an hour or more, or soon after its key: come again. `EventSource` cannot send `Authorization`: read the stream with
    /// `fetch`.
    ///
    /// A diff is base64 of `EFD1`, the revision that it goes on from and the one that it leads to (u64, big-endian), then
    /// LEB128 numbers: how many seats, and for each, in ascending order, the seats between it and the one before times 4
    /// plus its new state; how many standing areas, and for each the areas in between and the places left.
    #[oai(
        path = "/events/:event_id/availability/stream",
        method = "get",
        operation_id = "availability.stream"
    )]
    async fn stream(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        /// The id of the last event that you have.
        #[oai(name = "Last-Event-ID", validator(maximum(value = "9007199254740991")))]
        last_event_id: Header<Option<u64>>,
    ) -> Result<Response<Answer>, Failure> {
        let place = call.app.streams.admit(&call)?;
        let stream = begin(&call, event_id.0.0, last_event_id.0).await?;
        let sender = Sender {
            stream,
            closing: call.app.streams.closing(),
            opened: Instant::now(),
            lifetime: LIFETIME + Duration::from_secs(rand::random_range(0..SPREAD_SECS)),
            patience: Duration::from_secs(call.app.config.patience_secs),
            given: Instant::now(),
            place,
        };
        let retry = futures_util::stream::iter([Ok(Bytes::from_static(RETRY.as_bytes()))]);
        let events = futures_util::stream::unfold(Some(sender), async |sender| sender?.step().await);
        let body = Body::from_bytes_stream(futures_util::StreamExt::chain(retry, events));
        Ok(Response::new(Answer::Events(Events(body)))
            // Neither kept nor held back nor packed on the way.
            .header("Cache-Control", "no-store, no-transform")
            .header("X-Accel-Buffering", "no"))
    }
}

async fn begin(
    call: &Call,
    event: eventflow_core::Id<id::Event>,
    revision: Option<u64>,
) -> Result<Stream, Failure> {
    for _ in 0..TRIES {
        if let Some(stream) = availability::live(call, event).await?.stream(revision) {
            return Ok(stream);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let detail = "The event is being taken up at this moment. Try again.";
    Err(Refusal::new(ErrorCode::Unavailable, detail).retry_after(1).into())
}

/// One client.
struct Sender {
    stream: Stream,
    closing: watch::Receiver<bool>,
    opened: Instant,
    lifetime: Duration,
    patience: Duration,
    /// When the connection took the last event.
    given: Instant,
    place: Place,
}

type Step = Option<(io::Result<Bytes>, Option<Sender>)>;

impl Sender {
    /// The next bytes. The connection asks for them as soon as it has room: when that took long, the client is slow.
    async fn step(mut self) -> Step {
        if self.given.elapsed() > self.patience {
            return cut("the client of a stream is too slow");
        }
        if self.opened.elapsed() > self.lifetime {
            return None;
        }
        let news = tokio::select! {
            biased;
            _ = self.closing.wait_for(|closing| *closing) => return None,
            () = self.place.revoked() => return None,
            news = self.stream.next() => news,
        };
        let bytes = match news {
            Ok(News::Snapshot { state, anew }) => snapshot(&state, anew),
            Ok(News::Frame { frame, at }) => text_of(&frame, at),
            Ok(News::Beat) => Bytes::from_static(HEARTBEAT.as_bytes()),
            Err(End::Unfollowed) => return None,
            Err(End::Behind) => return cut("the client of a stream fell behind"),
        };
        self.given = Instant::now();
        Some((Ok(bytes), Some(self)))
    }
}

/// The connection is broken off: the client sees that this is no proper end.
fn cut(reason: &'static str) -> Step {
    tracing::debug!(reason, "a stream is cut");
    Some((Err(io::Error::new(io::ErrorKind::TimedOut, reason)), None))
}

fn snapshot(state: &Availability, anew: bool) -> Bytes {
    let text = state.event.get_or_init(|| written("snapshot", state.revision, state.compact.plain())).clone();
    if !anew {
        return text;
    }
    let mut both = BytesMut::with_capacity(OFFER.len() + text.len());
    both.put_slice(OFFER.as_bytes());
    both.put(text);
    both.freeze()
}

fn text_of(frame: &Frame, at: u64) -> Bytes {
    frame.text(at, |diff| {
        let event = written("diff", frame.revision, diff);
        if frame.offer {
            // First, because who is cut off in between comes again with an older id and gets both.
            return [OFFER.as_bytes(), &event].concat().into();
        }
        event
    })
}

fn written(kind: &str, revision: u64, data: &[u8]) -> Bytes {
    format!("event: {kind}\nid: {revision}\ndata: {}\n\n", BASE64.encode(data)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_four_lines() {
        assert_eq!(written("diff", 7, b"EFD1"), "event: diff\nid: 7\ndata: RUZEMQ==\n\n");
    }
}
