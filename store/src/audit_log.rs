//! The audit log: who changed what, written in the transaction of the change. Rows are only ever added.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{Tx, new_uuid},
    error::Result,
    schema::audit_log,
};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = audit_log)]
pub struct Entry {
    pub id: Uuid,
    pub actor: String,
    pub action: String,
    pub object_id: String,
    pub detail: Value,
    pub request_id: String,
    pub at: DateTime<Utc>,
}

/// Records that the actor of the transaction did `action` (an operation id, as `venues.create`) to an object.
/// `detail` never holds personal data or secrets.
pub async fn record(tx: &mut Tx, action: &str, object_id: impl ToString, detail: Value) -> Result<()> {
    let scope = tx.scope.clone();
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::tenant_id.eq(tx.tenant()),
            audit_log::id.eq(new_uuid()),
            audit_log::actor.eq(&*scope.actor),
            audit_log::action.eq(action),
            audit_log::object_id.eq(object_id.to_string()),
            audit_log::detail.eq(detail),
            audit_log::request_id.eq(&*scope.request_id),
        ))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Entries, newest first.
pub async fn list(
    tx: &mut Tx,
    limit: i64,
    before: Option<Uuid>,
    object_id: Option<&str>,
) -> Result<Vec<Entry>> {
    let mut query = audit_log::table
        .filter(audit_log::tenant_id.eq(tx.tenant()))
        .order(audit_log::id.desc())
        .limit(limit)
        .select(Entry::as_select())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(audit_log::id.lt(before));
    }
    if let Some(object_id) = object_id {
        query = query.filter(audit_log::object_id.eq(object_id.to_owned()));
    }
    Ok(query.load(&mut **tx).await?)
}
