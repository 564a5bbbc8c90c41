//! Refunds: money back, in parts or whole.

use chrono::{DateTime, Utc};
use eventflow_core::{Id, Refusal, id};
use eventflow_store::refunds::{self, RefundRow, Wanted};
use poem_openapi::{
    Object, OpenApi,
    param::Path,
    payload::Json,
    types::{Example, ToJSON},
};
use serde_json::Value;

use super::Tag;
use crate::{
    auth::Call,
    checkout,
    problem::Failure,
    wire::{Created, Page, Ref, Text},
};

/// A refund.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Refund {
    id: Ref<id::Refund>,
    order_id: Ref<id::Order>,
    amount_minor: i64,
    /// ISO 4217.
    currency: String,
    /// `pending`, `unknown` (asked, and no answer yet: we find out), `succeeded` or `failed`.
    state: String,
    reason: String,
    /// The items whose tickets were given back.
    item_ids: Vec<Ref<id::OrderItem>>,
    /// Why it failed.
    failure: Option<String>,
    created_at: DateTime<Utc>,
}

/// What to give back: everything that is left, an amount, or the tickets of some items.
#[derive(Debug, Object)]
#[oai(example)]
struct NewRefund {
    /// An amount; the tickets stay valid unless it is everything.
    #[oai(validator(minimum(value = "1"), maximum(value = "10000000000")))]
    amount_minor: Option<i64>,
    /// Items whose tickets are void from now on, and whose places come free.
    #[oai(default, validator(max_items = 100))]
    item_ids: Vec<Ref<id::OrderItem>>,
    #[oai(default)]
    reason: Text<0, 200>,
}

impl Example for NewRefund {
    fn example() -> Self {
        Self { amount_minor: Some(500), item_ids: vec![], reason: Text("goodwill".into()) }
    }
}

fn shape(row: RefundRow) -> Refund {
    Refund {
        id: row.id.into(),
        order_id: row.order_id.into(),
        amount_minor: row.amount_minor,
        currency: row.currency,
        state: row.state,
        reason: row.reason,
        item_ids: row.item_ids.into_iter().map(Into::into).collect(),
        failure: Some(row.failure).filter(|failure| !failure.is_empty()),
        created_at: row.created_at,
    }
}

fn wanted(new: &NewRefund) -> Result<Wanted, Refusal> {
    if new.reason.0 == "late_payment" {
        return Err(Refusal::invalid(
            "reason",
            "`late_payment` is our own word for payments that came too late.",
        ));
    }
    match (new.amount_minor, new.item_ids.is_empty()) {
        (Some(_), false) => Err(Refusal::invalid("amount_minor", "Name an amount, or items; not both.")),
        (Some(amount), true) => Ok(Wanted::Amount(amount)),
        (None, true) => Ok(Wanted::Everything),
        (None, false) => {
            let mut ids: Vec<_> = new.item_ids.iter().map(|id| id.uuid()).collect();
            ids.sort_unstable();
            ids.dedup();
            Ok(Wanted::Items(ids))
        }
    }
}

/// The refund as lists have it, for webhooks.
pub(super) async fn object(call: Call, id: Id<id::Refund>) -> Result<Option<Value>, Failure> {
    let row = call.read(async |tx| refunds::get(tx, id.uuid()).await).await?;
    Ok(shape(row).to_json())
}

pub struct Refunds;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Orders")]
impl Refunds {
    /// Refund an order.
    ///
    /// A full refund makes all tickets void and frees their places. The answer says how far it got: a refund that the
    /// provider did not confirm yet is `pending` or `unknown` and is followed up.
    #[oai(path = "/orders/:order_id/refunds", method = "post", operation_id = "refunds.create")]
    async fn create(
        &self,
        call: Call,
        order_id: Path<Ref<id::Order>>,
        body: Json<NewRefund>,
    ) -> Result<Created<Refund>, Failure> {
        let (wanted, reason) = (wanted(&body.0)?, body.0.reason.0);
        let refund = call
            .write(async |tx| refunds::create(tx, order_id.0.0, &wanted, &reason).await.map(shape))
            .await?;
        call.app.wake_mirror();
        if refund.state != "pending" {
            return Ok(Created::Created(Json(refund)));
        }
        // Whatever happens here, the job of the refund goes on with it.
        if let Err(error) = checkout::send_refund(&call.app, &call.scope, refund.id.uuid()).await {
            tracing::warn!(error = %error, "a refund could not be sent at once");
        }
        let row = call.read(async |tx| refunds::get(tx, refund.id.uuid()).await).await?;
        Ok(Created::Created(Json(shape(row))))
    }

    /// List the refunds of an order.
    #[oai(path = "/orders/:order_id/refunds", method = "get", operation_id = "refunds.list")]
    async fn list(&self, call: Call, order_id: Path<Ref<id::Order>>) -> Result<Json<Page<Refund>>, Failure> {
        let rows = call
            .read(async |tx| {
                eventflow_store::orders::row(tx, order_id.0.0).await?;
                refunds::list(tx, order_id.0.0).await
            })
            .await?;
        Ok(Json(Page { data: rows.into_iter().map(shape).collect(), next_cursor: None }))
    }
}
