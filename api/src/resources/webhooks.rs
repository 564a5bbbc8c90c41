//! Webhooks that providers send us. A webhook is a hint: its signature is verified on the raw bytes, it is stored once,
//! and a worker reads from the provider what is true.

use std::sync::Arc;

use chrono::Utc;
use eventflow_core::{ErrorCode, Refusal};
use eventflow_payments::{parse_event, signature, signature::SignatureError};
use eventflow_store::{
    failpoints,
    mutants::{self, Mutant},
    provider_events::{self, Received},
};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::Header,
    payload::Json,
    types::{Any, Example},
};
use serde_json::{Value, json};

use super::Tag;
use crate::{
    auth::{Call, RequestFacts},
    problem::Failure,
    wire::Text,
    worker,
};

/// An event of Stripe. All of it is Stripe's; these are the members that it always has.
#[derive(Debug, Object)]
#[oai(example)]
struct StripeEvent {
    id: Text<1, 255>,
    /// As `checkout.session.completed`.
    #[oai(rename = "type")]
    kind: Text<1, 255>,
    data: Any<Value>,
}

impl Example for StripeEvent {
    fn example() -> Self {
        Self {
            id: Text("evt_1OaBcDeFgHiJkLmN".into()),
            kind: Text("checkout.session.completed".into()),
            data: Any(json!({ "object": { "id": "cs_test_a1B2c3", "object": "checkout.session" } })),
        }
    }
}

/// The event arrived.
#[derive(Debug, Object)]
struct WebhookReceipt {
    /// `stored`, `duplicate` or `ignored` (it concerns no payment of ours).
    status: String,
}

pub struct Webhooks;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Platform")]
impl Webhooks {
    /// Receive an event of Stripe.
    ///
    /// For Stripe only. The body is the event as JSON, signed in the header `Stripe-Signature`.
    #[oai(path = "/webhooks/stripe", method = "post", operation_id = "webhooks.stripe")]
    async fn stripe(
        &self,
        call: Call,
        #[oai(name = "Stripe-Signature", validator(max_length = 4096))] stripe_signature: Header<
            Option<String>,
        >,
        facts: Data<&Arc<RequestFacts>>,
        _event: Json<StripeEvent>,
    ) -> Result<Json<WebhookReceipt>, Failure> {
        let header = stripe_signature.0.unwrap_or_default();
        let secrets = &call.app.webhook_secrets;
        // The signature is over the bytes as they came.
        let raw: &[u8] = &facts.body;
        let verified = signature::verify(&header, raw, secrets, Utc::now().timestamp());
        if let Err(error) = verified
            && !(mutants::is(Mutant::StaleWebhooks) && matches!(error, SignatureError::Stale(_)))
        {
            tracing::warn!(error = %error, "a webhook was refused");
            let detail = "The signature does not fit the body, no known secret was used, or the clock is off by 5 minutes.";
            return Err(Refusal::new(ErrorCode::SignatureInvalid, detail).param("Stripe-Signature").into());
        }
        let event = parse_event(raw)
            .map_err(|_| Refusal::new(ErrorCode::InvalidRequest, "The body is not an event of Stripe."))?;
        let account = event.account.clone().unwrap_or_default();
        failpoints::pass("before an event is stored");
        let received = provider_events::receive(&call.app.db, &worker::new_event(&event, &account)).await?;
        let status = match received {
            Received::New => {
                call.app.wake_jobs();
                "stored"
            }
            Received::Duplicate => "duplicate",
            Received::Foreign => {
                tracing::warn!(event.kind = event.kind, "an event concerns no payment of ours");
                "ignored"
            }
        };
        Ok(Json(WebhookReceipt { status: status.into() }))
    }
}
