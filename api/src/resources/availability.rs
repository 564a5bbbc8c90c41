//! Availability: what is free at this moment, from the memory of the server.

use std::{marker::PhantomData, sync::Arc};

use bytes::Bytes;
use eventflow_core::id;
use eventflow_store::{
    holds::{AreaLeft, Availability as Live, Live as Followed},
    prepared::Prepared,
};
use poem::{Body, IntoResponse};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path},
    payload::{Binary, Json, Payload, Response},
    registry::{MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};

use super::Tag;
use crate::{
    auth::Call,
    encodings::{Accepted, coded, current_etag, etag},
    problem::Failure,
    wire::Ref,
};

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

fn shape(event: eventflow_core::Id<id::Event>, live: &Live) -> Availability {
    let mut by_status = [const { Vec::new() }; 4];
    for (index, status) in (0_u32..).zip(live.statuses.iter()) {
        by_status[status as usize].push(index);
    }
    let [free, held_seats, sold_seats, blocked_seats] = by_status;
    let count = |seats: &Vec<u32>| u32::try_from(seats.len()).unwrap_or(u32::MAX);
    let area = |area: &AreaLeft| AreaAvailability {
        ga_area: area.key.clone(),
        capacity: area.capacity,
        left: area.left,
    };
    Availability {
        event_id: Ref(event),
        revision: live.revision,
        free: count(&free),
        held: count(&held_seats),
        sold: count(&sold_seats),
        blocked: count(&blocked_seats),
        held_seats,
        sold_seats,
        blocked_seats,
        ga_areas: live.areas.iter().map(area).collect(),
    }
}

/// The live state of an event of the caller. Once it is followed, only memory is read.
pub(super) async fn live(
    call: &Call,
    event: eventflow_core::Id<id::Event>,
) -> Result<Arc<Followed>, Failure> {
    call.require_event(event)?;
    if let Some(live) = call.app.holds.followed(call.tenant(), event) {
        return Ok(live);
    }
    let offer = call.app.holds.offer(&call.scope, event).await?;
    Ok(call.app.holds.live(&call.scope, &offer).await?)
}

/// The JSON text of a moment, written once and off the threads that serve requests.
async fn json(event: eventflow_core::Id<id::Event>, live: &Arc<Live>) -> Result<&Prepared, Failure> {
    let write = || async {
        let live = live.clone();
        tokio::task::spawn_blocking(move || Prepared::new(shape(event, &live).to_json_string())).await
    };
    live.json
        .get_or_try_init(write)
        .await
        .map_err(|error| Failure::from(eventflow_store::Error::Corrupt(error.to_string())))
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
        accepted: Accepted,
    ) -> Result<Response<Answer>, Failure> {
        let live = live(&call, event_id.0.0).await?.availability();
        let tag = format!("{:x}", live.revision);
        if let Some(etag) = current_etag(if_none_match.0.as_deref(), &tag) {
            return Ok(caching(Response::new(Answer::NotModified(etag))));
        }
        let (text, coding) = json(event_id.0.0, &live).await?.coded(accepted.0).await;
        let answer = Answer::Json(Written(text, PhantomData), etag(&tag, coding));
        Ok(coded(caching(Response::new(answer)), coding))
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
        accepted: Accepted,
    ) -> Result<Response<Snapshot>, Failure> {
        let live = live(&call, event_id.0.0).await?.availability();
        let tag = format!("{:x}", live.revision);
        if let Some(etag) = current_etag(if_none_match.0.as_deref(), &tag) {
            return Ok(caching(Response::new(Snapshot::NotModified(etag))));
        }
        let (bytes, coding) = live.compact.coded(accepted.0).await;
        let answer = Snapshot::Bytes(Binary(Body::from_bytes(bytes)), etag(&tag, coding));
        Ok(coded(caching(Response::new(answer)), coding))
    }
}

/// Caches may keep it, and must ask each time whether it still holds.
fn caching<T>(response: Response<T>) -> Response<T> {
    response.header("Cache-Control", "no-cache").header("Vary", "Accept-Encoding")
}
