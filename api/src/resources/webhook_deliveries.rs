//! Deliveries to webhook endpoints: what came of them, and delivering once more.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use eventflow_core::{Refusal, id};
use eventflow_store::webhook_deliveries::{self as deliveries, Delivery, Filter};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Example,
};
use serde_json::Value;

use super::Tag;
use crate::{
    auth::Call,
    problem::Failure,
    shapes::EventTypeName,
    wire::{Created, Cursor, Page, Ref, Window},
};

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum WebhookDeliveryState {
    /// On its way; tried again by itself.
    Pending,
    /// The endpoint answered with a status from 200 to 299.
    Delivered,
    /// Given up after three days.
    Failed,
}

impl WebhookDeliveryState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => deliveries::PENDING,
            Self::Delivered => deliveries::DELIVERED,
            Self::Failed => deliveries::FAILED,
        }
    }

    fn read(text: &str) -> Self {
        let all = [Self::Pending, Self::Delivered, Self::Failed];
        // The database has a check of the same names.
        all.into_iter().find(|state| state.as_str() == text).unwrap_or(Self::Failed)
    }
}

/// An entry of the log on its way to an endpoint. What is said of the answer is that of the last attempt.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct WebhookDelivery {
    id: Ref<id::WebhookDelivery>,
    webhook_endpoint_id: Ref<id::WebhookEndpoint>,
    /// The `webhook-id`.
    entry_id: Ref<id::LogEntry>,
    #[oai(rename = "type")]
    kind: String,
    resource_id: String,
    detail: BTreeMap<String, Value>,
    /// When it happened.
    timestamp: DateTime<Utc>,
    state: WebhookDeliveryState,
    attempts: u32,
    /// Of a pending one. It waits longer while its endpoint is paused, or fails at everything.
    next_attempt_at: Option<DateTime<Utc>>,
    attempted_at: Option<DateTime<Utc>>,
    /// The HTTP status of the answer; absent when there was none.
    status: Option<u16>,
    duration_ms: Option<u32>,
    /// The first 1,024 bytes of the answer.
    response: Option<String>,
    /// What went wrong.
    last_error: Option<String>,
    created_at: DateTime<Utc>,
}

/// What to deliver once more.
#[derive(Debug, Object)]
#[oai(example)]
struct NewReplay {
    /// What happened from this moment on.
    since: DateTime<Utc>,
    /// And before this one; now unless given.
    until: Option<DateTime<Utc>>,
    /// Only what the endpoint has not taken, nor waits for.
    #[oai(default = "yes")]
    only_missing: bool,
}

fn yes() -> bool {
    true
}

impl Example for NewReplay {
    fn example() -> Self {
        Self {
            since: DateTime::from_timestamp_nanos(1_764_108_000_000_000_000),
            until: None,
            only_missing: true,
        }
    }
}

/// What is delivered once more.
#[derive(Debug, Object)]
struct Replay {
    /// How many entries of the log.
    entries: u32,
}

fn shape(row: Delivery) -> WebhookDelivery {
    let state = WebhookDeliveryState::read(&row.state);
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    WebhookDelivery {
        id: row.id.into(),
        webhook_endpoint_id: row.endpoint_id.into(),
        entry_id: row.entry_id.into(),
        kind: row.event_type,
        resource_id: row.resource_id,
        detail: super::members(row.detail),
        timestamp: row.occurred_at,
        next_attempt_at: Some(row.next_attempt_at).filter(|_| state == WebhookDeliveryState::Pending),
        state,
        attempts: u32::try_from(row.attempts).unwrap_or_default(),
        attempted_at: row.attempted_at,
        status: row.status.and_then(|status| u16::try_from(status).ok()),
        duration_ms: row.duration_ms.and_then(|millis| u32::try_from(millis).ok()),
        response: text(row.response),
        last_error: text(row.last_error),
        created_at: row.created_at,
    }
}

pub struct WebhookDeliveries;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Webhooks")]
impl WebhookDeliveries {
    /// List the deliveries to a webhook endpoint, newest first.
    ///
    /// Those that have ended are kept for 30 days.
    #[oai(
        path = "/webhook-endpoints/:webhook_endpoint_id/deliveries",
        method = "get",
        operation_id = "webhook_deliveries.list"
    )]
    async fn list(
        &self,
        call: Call,
        webhook_endpoint_id: Path<Ref<id::WebhookEndpoint>>,
        state: Query<Option<WebhookDeliveryState>>,
        /// Only deliveries of this type.
        #[oai(name = "type")]
        kind: Query<Option<EventTypeName>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<WebhookDelivery>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let filter = Filter {
            state: state.0.map(WebhookDeliveryState::as_str),
            event_type: kind.0.map(|kind| kind.0),
        };
        let rows = call
            .read(async |tx| {
                deliveries::list(tx, webhook_endpoint_id.0.0, &filter, window.fetch(), window.after).await
            })
            .await?;
        Ok(Json(window.page(rows, |row| row.id, shape)))
    }

    /// Get a delivery.
    #[oai(
        path = "/webhook-deliveries/:webhook_delivery_id",
        method = "get",
        operation_id = "webhook_deliveries.get"
    )]
    async fn get(
        &self,
        call: Call,
        webhook_delivery_id: Path<Ref<id::WebhookDelivery>>,
    ) -> Result<Json<WebhookDelivery>, Failure> {
        let delivery = call.read(async |tx| deliveries::get(tx, webhook_delivery_id.0.0).await).await?;
        Ok(Json(shape(delivery)))
    }

    /// Deliver an entry of the log once more.
    ///
    /// A new delivery with the same `webhook-id`.
    #[oai(
        path = "/webhook-deliveries/:webhook_delivery_id/replay",
        method = "post",
        operation_id = "webhook_deliveries.replay"
    )]
    async fn replay(
        &self,
        call: Call,
        webhook_delivery_id: Path<Ref<id::WebhookDelivery>>,
    ) -> Result<Created<WebhookDelivery>, Failure> {
        let delivery =
            call.write(async |tx| deliveries::replay(tx, webhook_delivery_id.0.0).await.map(shape)).await?;
        Ok(Created::Created(Json(delivery)))
    }

    /// Send a test to a webhook endpoint.
    ///
    /// A message of the type `webhook_endpoint.ping`, which only this endpoint gets; ask for the delivery to see what came of
    /// it. One that is paused gets it when it goes on.
    #[oai(
        path = "/webhook-endpoints/:webhook_endpoint_id/ping",
        method = "post",
        operation_id = "webhook_endpoints.ping"
    )]
    async fn ping(
        &self,
        call: Call,
        webhook_endpoint_id: Path<Ref<id::WebhookEndpoint>>,
    ) -> Result<Created<WebhookDelivery>, Failure> {
        let delivery =
            call.write(async |tx| deliveries::ping(tx, webhook_endpoint_id.0.0).await.map(shape)).await?;
        Ok(Created::Created(Json(delivery)))
    }

    /// Deliver what happened in a time once more.
    ///
    /// With the same `webhook-id`, so that a receiver that remembers them acts once. What the endpoint has not come to yet is
    /// not among it: that is delivered anyway.
    #[oai(
        path = "/webhook-endpoints/:webhook_endpoint_id/replay",
        method = "post",
        operation_id = "webhook_endpoints.replay"
    )]
    async fn replay_between(
        &self,
        call: Call,
        webhook_endpoint_id: Path<Ref<id::WebhookEndpoint>>,
        body: Json<NewReplay>,
    ) -> Result<Json<Replay>, Failure> {
        let NewReplay { since, until, only_missing } = body.0;
        if until.is_some_and(|until| since > until) {
            let detail = "The time begins after its end: `since` is before `until`.";
            return Err(Refusal::invalid("since", detail).into());
        }
        let until = until.unwrap_or_else(Utc::now);
        let replay = call
            .write(async |tx| {
                let time = (since, until);
                let entries =
                    deliveries::replay_between(tx, webhook_endpoint_id.0.0, time, only_missing).await?;
                Ok(Replay { entries: u32::try_from(entries).unwrap_or(u32::MAX) })
            })
            .await?;
        Ok(Json(replay))
    }
}
