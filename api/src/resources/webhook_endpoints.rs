//! Webhook endpoints: where a tenant is told what happens.

use chrono::{DateTime, Utc};
use eventflow_core::{Refusal, event_types::EventType, id};
use eventflow_store::webhook_endpoints::{self as endpoints, Endpoint, EndpointChange, Keys, NewEndpoint};
use poem_openapi::{Enum, Object, OpenApi, param::Path, payload::Json, types::Example};

use super::{Tag, secrets};
use crate::{
    auth::Call,
    problem::Failure,
    shapes::EventTypeName,
    webhooks::signature,
    wire::{Created, NoContent, Page, Ref, Text},
};

/// What a payload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum WebhookPayload {
    /// The type and ids, unless more is asked for. Get what they name when you need it.
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
    /// Until then keys before a rotation sign too.
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
    /// `https://`, and a host on the public internet. It is kept in its normal form.
    url: Text<1, 2000>,
    #[oai(default)]
    description: Text<0, 200>,
    /// Only these types; all when there is none.
    #[oai(default, validator(max_items = 100))]
    event_types: Vec<EventTypeName>,
    payload: Option<WebhookPayload>,
}

impl Example for NewWebhookEndpoint {
    fn example() -> Self {
        Self {
            url: Text("https://hooks.example.org/eventflow".into()),
            description: Text("Accounting".into()),
            event_types: vec![EventTypeName(EventType::OrderPaid), EventTypeName(EventType::RefundSucceeded)],
            payload: Some(WebhookPayload::Thin),
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
        previous_keys_until: endpoint.previous_until.last().copied().filter(|until| *until > Utc::now()),
        failing_since: endpoint.failing_since,
        created_at: endpoint.created_at,
        updated_at: endpoint.updated_at,
    }
}

fn shape_made((endpoint, keys): (Endpoint, Keys)) -> MadeWebhookEndpoint {
    MadeWebhookEndpoint { webhook_endpoint: shape(endpoint), secret: signature::secret_text(&keys) }
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

fn checked_url(call: &Call, url: &str) -> Result<String, Refusal> {
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
    /// with a status from 200 to 299 within 15 seconds; anything else is tried again for three days. An endpoint that
    /// is slow and fails has 5 seconds, until it succeeds. Messages to one that takes more than 2 seconds may come later.
    #[oai(path = "/webhook-endpoints", method = "post", operation_id = "webhook_endpoints.create")]
    async fn create(
        &self,
        call: Call,
        body: Json<NewWebhookEndpoint>,
    ) -> Result<Created<MadeWebhookEndpoint>, Failure> {
        let body = body.0;
        let new = NewEndpoint {
            url: checked_url(&call, &body.url)?,
            description: body.description.0,
            event_types: types(&body.event_types),
            payload: payload(body.payload.unwrap_or(WebhookPayload::Thin)),
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
        let change = EndpointChange {
            url: patch.url.map(|url| checked_url(&call, &url)).transpose()?,
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
                // What it was counts too: else it is made thin, taken, and made fat again.
                check_rights(&call, &endpoints::get_locked(tx, webhook_endpoint_id.0.0).await?)?;
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
    /// For 24 hours messages have the signatures of the keys before it too; the third rotation within that time is refused.
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
            let made = endpoints::rotate(tx, &call.app.sealer, webhook_endpoint_id.0.0).await?;
            // Whoever has the secret can write what the receiver believes.
            check_rights(&call, &made.0)?;
            Ok(shape_made(made))
        })
        .await?;
        Ok(Json(made))
    }
}
