//! The organizer's limits on what plugins do to prices.

use eventflow_core::id;
use eventflow_store::price_limits;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json, types::Example};

use super::Tag;
use crate::{auth::Call, problem::Failure, wire::Ref};

/// How far plugins may go at an event. It holds whatever they say.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct PriceLimits {
    /// The least that a ticket costs, in basis points of its own price: 5000 is half of it. Default: 0.
    #[oai(default = "floor_bps", validator(minimum(value = "0"), maximum(value = "10000")))]
    floor_bps: i32,
    /// The most that it costs: 15000 is half as much again. Default: 20000.
    #[oai(default = "cap_bps", validator(minimum(value = "10000"), maximum(value = "100000")))]
    cap_bps: i32,
    /// The most that all discounts of a cart come to, in minor units of the event's currency. Default: no limit.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000000000")))]
    discount_max_minor: Option<i64>,
}

fn floor_bps() -> i32 {
    price_limits::FLOOR_BPS_DEFAULT
}

fn cap_bps() -> i32 {
    price_limits::CAP_BPS_DEFAULT
}

impl Example for PriceLimits {
    fn example() -> Self {
        Self { floor_bps: 5_000, cap_bps: 15_000, discount_max_minor: Some(10_000) }
    }
}

fn shape(limits: price_limits::PriceLimits) -> PriceLimits {
    let price_limits::PriceLimits { floor_bps, cap_bps, discount_max_minor } = limits;
    PriceLimits { floor_bps, cap_bps, discount_max_minor }
}

pub struct Limits;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Plugins")]
impl Limits {
    /// Get the limits on what plugins do to prices of an event.
    #[oai(path = "/events/:event_id/price-limits", method = "get", operation_id = "price_limits.get")]
    async fn get(&self, call: Call, event_id: Path<Ref<id::Event>>) -> Result<Json<PriceLimits>, Failure> {
        let limits = call.read(async |tx| price_limits::get(tx, event_id.0.0).await).await?;
        Ok(Json(shape(limits)))
    }

    /// Set the limits on what plugins do to prices of an event.
    #[oai(path = "/events/:event_id/price-limits", method = "put", operation_id = "price_limits.put")]
    async fn put(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        body: Json<PriceLimits>,
    ) -> Result<Json<PriceLimits>, Failure> {
        let PriceLimits { floor_bps, cap_bps, discount_max_minor } = body.0;
        let limits = price_limits::PriceLimits { floor_bps, cap_bps, discount_max_minor };
        let put = async |tx: &mut _| price_limits::put(tx, event_id.0.0, limits).await.map(shape);
        let limits = call.write(put).await?;
        call.app.event_changed(call.tenant(), event_id.0.0);
        Ok(Json(limits))
    }
}
