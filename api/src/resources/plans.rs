//! Plans: where every seat is and what it is called, in the compact form that the picker reads.

use std::sync::Arc;

use eventflow_core::{Refusal, id, seat_map::Layout};
use eventflow_store::seat_maps::{self, DRAFT};
use poem::{Body, Request};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::{Binary, Response},
};

use super::Tag;
use crate::{auth::Call, encodings::Encoded, plans, problem::Failure, wire::Ref};

/// A version never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// What only the organizer may read is nothing for a cache that others are served from.
const IMMUTABLE_PRIVATE: &str = "private, max-age=31536000, immutable";
/// What is the newest one today, may not be it tomorrow.
const REVALIDATE: &str = "no-cache";

#[derive(ApiResponse)]
enum Plan {
    /// The layout in the compact form `EFP1` (`eventflow_core::seat_map::plan` reads and writes it): floors, zones, sections,
    /// rows with places and labels, tables, booths, standing areas, drawing.
    #[oai(status = 200, content_type = "application/vnd.eventflow.plan")]
    Bytes(Binary<Body>, #[oai(header = "ETag")] String),
    /// The client has this plan already, as its `If-None-Match` says.
    #[oai(status = 304)]
    NotModified(#[oai(header = "ETag")] String),
}

fn answer(request: &Request, plan: &Encoded, cache: &str) -> Response<Plan> {
    let choice = plan.choose(request.headers());
    let response = if plan.is_known(request.headers()) {
        Response::new(Plan::NotModified(choice.etag))
    } else {
        let bytes = Plan::Bytes(Binary(Body::from_bytes(choice.bytes)), choice.etag);
        match choice.encoding {
            Some(encoding) => Response::new(bytes).header("Content-Encoding", encoding),
            None => Response::new(bytes),
        }
    };
    response.header("Cache-Control", cache).header("Vary", "Accept-Encoding")
}

pub struct Plans;

#[OpenApi(prefix_path = "/v1")]
impl Plans {
    /// Get the plan of an event: what the seat picker draws.
    ///
    /// With `version` the answer may be kept for ever; the event says which version it sells. Compressed as the client
    /// accepts it.
    #[oai(path = "/events/:event_id/plan", method = "get", operation_id = "plans.get", tag = "Tag::Sales")]
    async fn get(
        &self,
        call: Call,
        request: &Request,
        event_id: Path<Ref<id::Event>>,
        /// A version of the event's seat map, as in `seat_map_version`; never a newer one than the event sells.
        #[oai(validator(minimum(value = "1"), maximum(value = "2147483647")))]
        version: Query<Option<i32>>,
    ) -> Result<Response<Plan>, Failure> {
        call.require_event(event_id.0.0)?;
        let offer = call.app.holds.offer(&call.scope, event_id.0.0).await?;
        let (map, sold) = (offer.event.seat_map_id, offer.event.seat_map_version);
        let wanted = version.0.unwrap_or(sold);
        let layout = match wanted {
            wanted if wanted == sold => offer.layout.clone(),
            wanted if wanted > sold => {
                return Err(Refusal::not_found("version of the event's seat map").into());
            }
            wanted => call.read(async |tx| call.app.holds.offers.layout(tx, map, wanted).await).await?,
        };
        let plan = call.app.plans.of_version(map, wanted, layout).await?;
        Ok(answer(request, &plan, if version.0.is_some() { IMMUTABLE } else { REVALIDATE }))
    }

    /// Get the plan of a seat map.
    #[oai(
        path = "/seat-maps/:seat_map_id/plan",
        method = "get",
        operation_id = "seat_maps.plan",
        tag = "Tag::SeatMaps"
    )]
    async fn of_map(
        &self,
        call: Call,
        request: &Request,
        seat_map_id: Path<Ref<id::SeatMap>>,
        /// Which version; 0 is the draft. Without it the newest published version or, when there is none, the draft.
        #[oai(validator(minimum(value = "0"), maximum(value = "2147483647")))]
        version: Query<Option<i32>>,
    ) -> Result<Response<Plan>, Failure> {
        let (version_of_layout, layout) = layout(&call, seat_map_id.0.0, version.0).await?;
        if version_of_layout == DRAFT {
            return Ok(answer(request, &*plans::encode(layout).await?, REVALIDATE));
        }
        let plan = call.app.plans.of_version(seat_map_id.0.uuid(), version_of_layout, layout).await?;
        Ok(answer(request, &plan, if version.0.is_some() { IMMUTABLE_PRIVATE } else { REVALIDATE }))
    }
}

/// The version that is meant, and its layout.
pub(super) async fn layout(
    call: &Call,
    map: eventflow_core::Id<id::SeatMap>,
    version: Option<i32>,
) -> Result<(i32, Arc<Layout>), Failure> {
    let found = call
        .read(async |tx| {
            let version = seat_maps::meant(tx, map, version).await?;
            if version == DRAFT {
                return Ok((version, Arc::new(seat_maps::draft(tx, map).await?.layout)));
            }
            Ok((version, call.app.holds.offers.layout(tx, map.uuid(), version).await?))
        })
        .await?;
    Ok(found)
}
