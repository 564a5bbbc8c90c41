//! The body of a webhook: what happened, to what; and for endpoints that want it, the object as its `GET` answers it at this
//! moment. It is read when it is sent: a repetition has the newer state, and nothing personal is kept to wait.

use std::sync::Arc;

use eventflow_core::{Id, event_types::Resource, id};
use eventflow_store::{Result, Scope, webhook_deliveries::Delivery, webhook_endpoints::FAT};
use serde_json::{Value, json};

use crate::{app::App, auth::Call, problem::Failure, resources};

/// Larger objects are left out: receivers and what stands before them have limits of their own.
const OBJECT_BYTES_MAX: usize = 256 * 1024;

pub async fn body(app: &Arc<App>, scope: &Scope, payload: &str, delivery: &Delivery) -> Result<Vec<u8>> {
    let kind = delivery.event_type()?;
    let mut data = json!({
        "resource": kind.resource().as_str(),
        "id": delivery.resource_id,
        "detail": delivery.detail,
    });
    if payload == FAT
        && let Some(object) = object(app, scope, delivery, kind.resource()).await
    {
        data["object"] = object;
    }
    let body = json!({
        "id": Id::<id::LogEntry>::from(delivery.entry_id),
        "type": kind.as_str(),
        "timestamp": delivery.occurred_at,
        "tenant_id": scope.tenant,
        "data": data,
    });
    Ok(body.to_string().into_bytes())
}

/// `None` for what has no shape of its own, is deleted, is too large, or cannot be read now: receivers have its id.
async fn object(app: &Arc<App>, scope: &Scope, delivery: &Delivery, resource: Resource) -> Option<Value> {
    match resources::object(Call::of_worker(app, scope), resource, &delivery.resource_id).await {
        Ok(object) => object.filter(|object| object.to_string().len() <= OBJECT_BYTES_MAX),
        Err(Failure::NotFound(..)) => None,
        Err(failure) => {
            let problem = failure.problem();
            tracing::warn!(code = problem.code, "the object of a webhook cannot be read; it is sent without");
            None
        }
    }
}
