//! Webhook endpoints, and the deliveries to them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use eventflow_core::{Refusal, event_types::EventType, id};
use eventflow_store::{
    webhook_deliveries::{self as deliveries, Delivery, Filter},
    webhook_endpoints::{self as endpoints, Endpoint, EndpointChange, Keys, NewEndpoint},
};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Example,
};
use serde_json::Value;

use super::{Tag, secrets};
use crate::{
    auth::Call,
    problem::Failure,
    shapes::EventTypeName,
    webhooks::signature,
    wire::{Created, Cursor, NoContent, Page, Ref, Text, Window},
};

/// What a payload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
#[oai(rename_all = "snake_case")]
enum WebhookPayload {
    /// The type and ids. Get what they name when you need it.
    #[default]
    Thin,
    /// Also `data.object`, as the `GET` of the resource answers it when the message is sent. Whoever makes such an endpoint
    /// needs the permissions to read what it is told of.
    Fat,
}

/// Whether an endpoint is told what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum WebhookEndpointState {
    Enabled,
    /// Somebody paused it. It keeps its place in the log, and gets what happened meanwhile when it goes on.
    Paused,
    /// The platform gave it up; `disabled_reason` says why.
    Disabled,
}

/// How an endpoint is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum WebhookEndpointSwitch {
    /// Goes on where it stopped.
    Enabled,
    Paused,
}

/// Where a tenant is told what happens.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct WebhookEndpoint {
    id: Ref<id::WebhookEndpoint>,
    url: String,
    description: String,
    /// Types of `GET /v1/event-types`; empty for all, with those to come.
    event_types: Vec<String>,
    payload: WebhookPayload,
    state: WebhookEndpointState,
    disabled_reason: Option<String>,
    /// `whpk_…`: verifies the signatures `v1a`, instead of the secret.
    public_key: String,
    /// Until then the keys before the last rotation sign too.
    previous_keys_until: Option<DateTime<Utc>>,
    /// Since when every attempt failed. After five days the endpoint is disabled.
    failing_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A new webhook endpoint.
#[derive(Debug, Object)]
#[oai(example)]
struct NewWebhookEndpoint {
    /// `https://`, and a host on the public internet.
    url: Text<1, 2000>,
    #[oai(default)]
    description: Text<0, 200>,
    /// Only these types; all when there is none.
    #[oai(default, validator(max_items = 100))]
    event_types: Vec<EventTypeName>,
    #[oai(default)]
    payload: WebhookPayload,
}

impl Example for NewWebhookEndpoint {
    fn example() -> Self {
        Self {
            url: Text("https://hooks.example.org/eventflow".into()),
            description: Text("Accounting".into()),
            event_types: vec![EventTypeName(EventType::OrderPaid), EventTypeName(EventType::RefundSucceeded)],
            payload: WebhookPayload::Thin,
        }
    }
}

/// The fields to change; absent ones stay as they are.
#[derive(Debug, Default, Object)]
#[oai(example)]
struct WebhookEndpointPatch {
    url: Option<Text<1, 2000>>,
    description: Option<Text<0, 200>>,
    #[oai(validator(max_items = 100))]
    event_types: Option<Vec<EventTypeName>>,
    payload: Option<WebhookPayload>,
    state: Option<WebhookEndpointSwitch>,
}

impl Example for WebhookEndpointPatch {
    fn example() -> Self {
        Self { state: Some(WebhookEndpointSwitch::Paused), ..Self::default() }
    }
}

/// An endpoint and its secret, which is told this once.
#[derive(Debug, Object)]
struct MadeWebhookEndpoint {
    webhook_endpoint: WebhookEndpoint,
    /// `whsec_…`: verifies the signatures `v1`.
    secret: String,
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

fn shape(endpoint: Endpoint) -> WebhookEndpoint {
    WebhookEndpoint {
        id: endpoint.id.into(),
        url: endpoint.url,
        description: endpoint.description,
        event_types: endpoint.event_types,
        payload: if endpoint.payload == endpoints::FAT { WebhookPayload::Fat } else { WebhookPayload::Thin },
        state: match endpoint.state.as_str() {
            endpoints::ENABLED => WebhookEndpointState::Enabled,
            endpoints::PAUSED => WebhookEndpointState::Paused,
            _ => WebhookEndpointState::Disabled,
        },
        disabled_reason: Some(endpoint.disabled_reason).filter(|reason| !reason.is_empty()),
        public_key: signature::public_key_text(&endpoint.public_key),
        previous_keys_until: endpoint.previous_until.filter(|until| *until > Utc::now()),
        failing_since: endpoint.failing_since,
        created_at: endpoint.created_at,
        updated_at: endpoint.updated_at,
    }
}

fn shape_made((endpoint, keys): (Endpoint, Keys)) -> MadeWebhookEndpoint {
    MadeWebhookEndpoint { webhook_endpoint: shape(endpoint), secret: signature::secret_text(&keys) }
}

fn shape_delivery(row: Delivery) -> WebhookDelivery {
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

const fn payload(payload: WebhookPayload) -> &'static str {
    match payload {
        WebhookPayload::Thin => endpoints::THIN,
        WebhookPayload::Fat => endpoints::FAT,
    }
}

/// In the order of the table, each once.
fn types(asked: &[EventTypeName]) -> Vec<String> {
    let known = EventType::ALL.iter().filter(|kind| asked.iter().any(|asked| asked.0 == **kind));
    known.map(ToString::to_string).collect()
}

fn check_url(call: &Call, url: &str) -> Result<(), Refusal> {
    call.app.sender.check(url).map_err(|why| Refusal::invalid("url", why))
}

/// Nobody has objects sent to them that they may not read; whoever changes an endpoint can point it at themselves.
fn check_rights(call: &Call, endpoint: &Endpoint) -> Result<(), Refusal> {
    if endpoint.payload != endpoints::FAT {
        return Ok(());
    }
    let told = |kind: &&EventType| {
        endpoint.event_types.is_empty() || endpoint.event_types.iter().any(|text| text == kind.as_str())
    };
    EventType::ALL.iter().filter(told).try_for_each(|kind| call.require(kind.resource().permission()))
}

pub struct WebhookEndpoints;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Webhooks")]
impl WebhookEndpoints {
    /// List webhook endpoints.
    #[oai(path = "/webhook-endpoints", method = "get", operation_id = "webhook_endpoints.list")]
    async fn list(&self, call: Call) -> Result<Json<Page<WebhookEndpoint>>, Failure> {
        let rows = call.read(async |tx| endpoints::list(tx).await).await?;
        Ok(Json(Page { data: rows.into_iter().map(shape).collect(), next_cursor: None }))
    }

    /// Create a webhook endpoint.
    ///
    /// It is told what happens from now on, at least once each, by messages with the signatures of Standard Webhooks. Answer
    /// with a status from 200 to 299 within 15 seconds; anything else is tried again for three days.
    #[oai(path = "/webhook-endpoints", method = "post", operation_id = "webhook_endpoints.create")]
    async fn create(
        &self,
        call: Call,
        body: Json<NewWebhookEndpoint>,
    ) -> Result<Created<MadeWebhookEndpoint>, Failure> {
        let body = body.0;
        check_url(&call, &body.url)?;
        let new = NewEndpoint {
            url: body.url.0,
            description: body.description.0,
            event_types: types(&body.event_types),
            payload: payload(body.payload),
        };
        let made = secrets::write(&call, async |tx| {
            let made = endpoints::create(tx, &call.app.sealer, new).await?;
            check_rights(&call, &made.0)?;
            Ok(shape_made(made))
        })
        .await?;
        Ok(Created::Created(Json(made)))
    }

    /// Get a webhook endpoint.
    #[oai(
        path = "/webhook-endpoints/:webhook_endpoint_id",
        method = "get",
        operation_id = "webhook_endpoints.get"
    )]
    async fn get(
        &self,
        call: Call,
        webhook_endpoint_id: Path<Ref<id::WebhookEndpoint>>,
    ) -> Result<Json<WebhookEndpoint>, Failure> {
        let endpoint = call.read(async |tx| endpoints::get(tx, webhook_endpoint_id.0.0).await).await?;
        Ok(Json(shape(endpoint)))
    }

    /// Change, pause or enable a webhook endpoint.
    ///
    /// One that goes on gets what happened meanwhile. What it is told of counts from now on.
    #[oai(
        path = "/webhook-endpoints/:webhook_endpoint_id",
        method = "patch",
        operation_id = "webhook_endpoints.update"
    )]
    async fn update(
        &self,
        call: Call,
        webhook_endpoint_id: Path<Ref<id::WebhookEndpoint>>,
        body: Json<WebhookEndpointPatch>,
    ) -> Result<Json<WebhookEndpoint>, Failure> {
        let patch = body.0;
        if let Some(url) = &patch.url {
            check_url(&call, url)?;
        }
        let change = EndpointChange {
            url: patch.url.map(|url| url.0),
            description: patch.description.map(|text| text.0),
            event_types: patch.event_types.map(|asked| types(&asked)),
            payload: patch.payload.map(payload),
            state: patch.state.map(|switch| match switch {
                WebhookEndpointSwitch::Enabled => endpoints::ENABLED,
                WebhookEndpointSwitch::Paused => endpoints::PAUSED,
            }),
        };
        let endpoint = call
            .write(async |tx| {
                let endpoint = endpoints::update(tx, webhook_endpoint_id.0.0, change).await?;
                check_rights(&call, &endpoint)?;
                Ok(shape(endpoint))
            })
            .await?;
        Ok(Json(endpoint))
    }

    /// Delete a webhook endpoint with its deliveries.
    #[oai(
        path = "/webhook-endpoints/:webhook_endpoint_id",
        method = "delete",
        operation_id = "webhook_endpoints.delete"
    )]
    async fn delete(
        &self,
        call: Call,
        webhook_endpoint_id: Path<Ref<id::WebhookEndpoint>>,
    ) -> Result<NoContent, Failure> {
        call.write_silently(async |tx| endpoints::delete(tx, webhook_endpoint_id.0.0).await).await?;
        Ok(NoContent::Done)
    }

    /// Give a webhook endpoint a new secret and a new pair of keys.
    ///
    /// For 24 hours messages have the signatures of both.
    #[oai(
        path = "/webhook-endpoints/:webhook_endpoint_id/rotate",
        method = "post",
        operation_id = "webhook_endpoints.rotate"
    )]
    async fn rotate(
        &self,
        call: Call,
        webhook_endpoint_id: Path<Ref<id::WebhookEndpoint>>,
    ) -> Result<Json<MadeWebhookEndpoint>, Failure> {
        let made = secrets::write(&call, async |tx| {
            endpoints::rotate(tx, &call.app.sealer, webhook_endpoint_id.0.0).await.map(shape_made)
        })
        .await?;
        Ok(Json(made))
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
        let delivery = call
            .write(async |tx| deliveries::ping(tx, webhook_endpoint_id.0.0).await.map(shape_delivery))
            .await?;
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
    async fn replay(
        &self,
        call: Call,
        webhook_endpoint_id: Path<Ref<id::WebhookEndpoint>>,
        body: Json<NewReplay>,
    ) -> Result<Json<Replay>, Failure> {
        let NewReplay { since, until, only_missing } = body.0;
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
        Ok(Json(window.page(rows, |row| row.id, shape_delivery)))
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
        Ok(Json(shape_delivery(delivery)))
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
        let delivery = call
            .write(async |tx| deliveries::replay(tx, webhook_delivery_id.0.0).await.map(shape_delivery))
            .await?;
        Ok(Created::Created(Json(delivery)))
    }
}
