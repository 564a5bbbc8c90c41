//! Availability: what is free at this moment, from the memory of the server.

use std::{marker::PhantomData, sync::Arc};

use bytes::Bytes;
use eventflow_core::id;
use eventflow_store::holds::Availability as Live;
use poem::{Body, IntoResponse};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path},
    payload::{Binary, Json, Payload, Response},
    registry::{MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};

use super::Tag;
use crate::{auth::Call, problem::Failure, wire::Ref};

/// Places left in a general admission area.
#[derive(Debug, Object)]
struct AreaAvailability {
    ga_area: String,
    capacity: u32,
    left: u32,
}

/// What is free. Seats that stand in none of the lists are free.
#[derive(Debug, Object)]
struct Availability {
    event_id: Ref<id::Event>,
    /// Grows with every change; the same number as in the compact snapshot.
    #[oai(validator(maximum(value = "9007199254740991")))]
    revision: u64,
    free: u32,
    held: u32,
    sold: u32,
    blocked: u32,
    /// Dense indexes of seats that somebody holds or has in checkout.
    held_seats: Vec<u32>,
    sold_seats: Vec<u32>,
    blocked_seats: Vec<u32>,
    ga_areas: Vec<AreaAvailability>,
}

#[derive(ApiResponse)]
enum Snapshot {
    /// `EFA1`, the number of seats (u32), the revision (u64), the number of standing areas (u16); then 2 bits a seat:
    /// seat 0 stands in the low bits of the first byte; 0 free, 1 held, 2 sold, 3 blocked; then the places left in each
    /// standing area (u32). Numbers are big-endian.
    #[oai(status = 200, content_type = "application/vnd.eventflow.availability")]
    Bytes(Binary<Body>, #[oai(header = "ETag")] String),
    /// Nothing has changed since the `ETag` that the client sent.
    #[oai(status = 304)]
    NotModified(#[oai(header = "ETag")] String),
}

#[derive(ApiResponse)]
enum Answer {
    /// What is free.
    #[oai(status = 200)]
    Json(Written<Availability>, #[oai(header = "ETag")] String),
    /// Nothing has changed since the `ETag` that the client sent.
    #[oai(status = 304)]
    NotModified(#[oai(header = "ETag")] String),
}

/// The JSON text of a `T`, written before.
struct Written<T>(Bytes, PhantomData<fn() -> T>);

impl<T: Type> Payload for Written<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T> IntoResponse for Written<T> {
    fn into_response(self) -> poem::Response {
        poem::Response::builder().content_type("application/json; charset=utf-8").body(self.0)
    }
}

/// Bytes of an availability that are sent without a copy.
struct Part(Arc<Live>, fn(&Live) -> &[u8]);

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        (self.1)(&self.0)
    }
}

fn part(live: Arc<Live>, bytes: fn(&Live) -> &[u8]) -> Bytes {
    Bytes::from_owner(Part(live, bytes))
}

fn shape(event: eventflow_core::Id<id::Event>, live: &Live) -> Availability {
    Availability {
        event_id: Ref(event),
        revision: live.revision,
        free: live.free,
        held: live.held,
        sold: live.sold,
        blocked: live.blocked,
        held_seats: live.held_seats.clone(),
        sold_seats: live.sold_seats.clone(),
        blocked_seats: live.blocked_seats.clone(),
        ga_areas: live
            .areas
            .iter()
            .map(|area| AreaAvailability {
                ga_area: area.key.clone(),
                capacity: area.capacity,
                left: area.left,
            })
            .collect(),
    }
}

fn etag(live: &Live) -> String {
    format!("\"{:x}\"", live.revision)
}

fn matches(given: Option<&str>, etag: &str) -> bool {
    given.is_some_and(|given| {
        given.split(',').any(|one| one.trim().trim_start_matches("W/") == etag || one.trim() == "*")
    })
}

async fn live(call: &Call, event: eventflow_core::Id<id::Event>) -> Result<Arc<Live>, Failure> {
    let offer = call.app.holds.offer(&call.scope, event).await?;
    Ok(call.app.holds.live(&call.scope, &offer).await?.availability())
}

pub struct Availabilities;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Sales")]
impl Availabilities {
    /// Get what is free, as JSON.
    #[oai(path = "/events/:event_id/availability", method = "get", operation_id = "availability.get")]
    async fn get(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        /// The `ETag` that you have: if it still holds, the answer is 304 without a body.
        #[oai(name = "If-None-Match", validator(max_length = 1000))]
        if_none_match: Header<Option<String>>,
    ) -> Result<Response<Answer>, Failure> {
        let live = live(&call, event_id.0.0).await?;
        let etag = etag(&live);
        if matches(if_none_match.0.as_deref(), &etag) {
            return Ok(revalidate(Response::new(Answer::NotModified(etag))));
        }
        // One JSON text serves everybody until the next change.
        let _ = live.json.get_or_init(|| shape(event_id.0.0, &live).to_json_string().into_bytes());
        let text = part(live, |live| live.json.get().map_or(&[], Vec::as_slice));
        Ok(revalidate(Response::new(Answer::Json(Written(text, PhantomData), etag))))
    }

    /// Get what is free, in 2 bits a seat.
    #[oai(
        path = "/events/:event_id/availability.bin",
        method = "get",
        operation_id = "availability.snapshot"
    )]
    async fn snapshot(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        /// The `ETag` that you have: if it still holds, the answer is 304 without a body.
        #[oai(name = "If-None-Match", validator(max_length = 1000))]
        if_none_match: Header<Option<String>>,
    ) -> Result<Response<Snapshot>, Failure> {
        let live = live(&call, event_id.0.0).await?;
        let etag = etag(&live);
        let answer = if matches(if_none_match.0.as_deref(), &etag) {
            Snapshot::NotModified(etag)
        } else {
            Snapshot::Bytes(Binary(Body::from_bytes(part(live, |live| &live.compact))), etag)
        };
        Ok(revalidate(Response::new(answer)))
    }
}

/// Caches may keep it, and must ask each time whether it still holds.
fn revalidate<T>(response: Response<T>) -> Response<T> {
    response.header("Cache-Control", "no-cache")
}
