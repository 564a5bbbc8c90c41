//! The audit log: who changed what.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use eventflow_core::id;
use eventflow_store::audit_log;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use serde_json::Value;

use super::Tag;
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Cursor, Page, Ref, Text, Window},
};

/// A change.
#[derive(Debug, Object)]
struct AuditEntry {
    id: Ref<id::Audit>,
    /// The key or device that made the change, `bootstrap`, or `system:` and the worker.
    actor: String,
    /// The operation, as `venues.update`.
    action: String,
    /// The object that was changed.
    object_id: String,
    /// More about the change, by action; neither personal data nor secrets.
    detail: BTreeMap<String, Value>,
    /// The request that made the change; empty for workers.
    request_id: String,
    at: DateTime<Utc>,
}

fn shape(entry: audit_log::Entry) -> AuditEntry {
    AuditEntry {
        id: entry.id.into(),
        actor: entry.actor,
        action: entry.action,
        object_id: entry.object_id,
        detail: super::members(entry.detail),
        request_id: entry.request_id,
        at: entry.at,
    }
}

pub struct AuditLog;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Tenants")]
impl AuditLog {
    /// List changes, newest first.
    #[oai(path = "/audit-log", method = "get", operation_id = "audit_log.list")]
    async fn list(
        &self,
        call: Call,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
        /// Only changes of this object.
        object_id: Query<Option<Text<1, 80>>>,
    ) -> Result<Json<Page<AuditEntry>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let object_id = object_id.0.as_deref();
        let rows =
            call.read(async |tx| audit_log::list(tx, window.fetch(), window.after, object_id).await).await?;
        Ok(Json(window.page(rows, |entry| entry.id, shape)))
    }
}
