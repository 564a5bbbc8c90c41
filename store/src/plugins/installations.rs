//! Where a plugin acts: at all events of the tenant, or at one event, which then goes before.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{ErrorCode, Id, id};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, OrNotFound, Result},
    events::{self, View},
    schema::plugin_installations,
};

/// Installations of a plugin: one for all events, and some events of their own.
pub const INSTALLATIONS_MAX: i64 = 500;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = plugin_installations)]
pub struct Installation {
    pub plugin_id: Uuid,
    /// Nothing: all events.
    pub event_id: Option<Uuid>,
    pub enabled: bool,
    /// Hook -> `refuse` or `skip`.
    pub hooks: Value,
    pub config: Value,
    pub key_value_granted: bool,
    pub http_hosts: Vec<String>,
    pub updated_at: DateTime<Utc>,
}

impl Installation {
    /// What a failure of the hook means; nothing if the hook is not called.
    pub fn policy(&self, hook: &str) -> Option<&str> {
        self.hooks.get(hook).and_then(Value::as_str)
    }
}

/// How a plugin is installed.
#[derive(Debug, Clone)]
pub struct NewInstallation {
    pub event: Option<Id<id::Event>>,
    pub enabled: bool,
    pub hooks: BTreeMap<String, String>,
    pub config: Value,
    pub key_value_granted: bool,
    pub http_hosts: Vec<String>,
}

pub async fn list(tx: &mut Tx, plugin: Id<id::Plugin>) -> Result<Vec<Installation>> {
    let list = plugin_installations::table
        .filter(
            plugin_installations::tenant_id
                .eq(tx.tenant())
                .and(plugin_installations::plugin_id.eq(plugin.uuid())),
        )
        .order(plugin_installations::event_id.asc().nulls_first())
        .select(Installation::as_select());
    Ok(list.load(&mut **tx).await?)
}

/// Installs a plugin, or changes how it is installed. The caller has checked the settings against the plugin.
pub async fn put(tx: &mut Tx, plugin: Id<id::Plugin>, new: NewInstallation) -> Result<Installation> {
    if let Some(event) = new.event {
        events::get(tx, event, View::Organizer).await?;
    }
    let of_plugin = plugin_installations::tenant_id
        .eq(tx.tenant())
        .and(plugin_installations::plugin_id.eq(plugin.uuid()));
    let event = new.event.map(Id::uuid);
    // One that is there may always be changed.
    let others = plugin_installations::event_id.is_distinct_from(event);
    let others = plugin_installations::table.filter(of_plugin.and(others));
    let count: i64 = others.count().get_result(&mut **tx).await?;
    if count >= INSTALLATIONS_MAX {
        let detail =
            format!("A plugin is installed at most {INSTALLATIONS_MAX} times; install it for all events.");
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    let values = (
        plugin_installations::enabled.eq(new.enabled),
        plugin_installations::hooks.eq(json!(new.hooks)),
        plugin_installations::config.eq(new.config),
        plugin_installations::key_value_granted.eq(new.key_value_granted),
        plugin_installations::http_hosts.eq(new.http_hosts),
        plugin_installations::updated_at.eq(Utc::now()),
    );
    let installation: Installation = diesel::insert_into(plugin_installations::table)
        .values((
            plugin_installations::tenant_id.eq(tx.tenant()),
            plugin_installations::id.eq(new_uuid()),
            plugin_installations::plugin_id.eq(plugin.uuid()),
            plugin_installations::event_id.eq(event),
            values.clone(),
        ))
        .on_conflict(diesel::dsl::sql::<diesel::sql_types::Untyped>("(tenant_id, plugin_id, event_id)"))
        .do_update()
        .set(values)
        .returning(Installation::as_returning())
        .get_result(&mut **tx)
        .await?;
    super::touch(tx).await?;
    let detail = json!({
        "event_id": new.event.map(|event| event.to_string()), "enabled": installation.enabled,
        "hooks": installation.hooks, "key_value": installation.key_value_granted,
        "http_hosts": installation.http_hosts,
    });
    audit_log::record(tx, "plugins.install", plugin, detail).await?;
    Ok(installation)
}

pub async fn delete(tx: &mut Tx, plugin: Id<id::Plugin>, event: Option<Id<id::Event>>) -> Result<()> {
    let event = event.map(Id::uuid);
    let deleted = diesel::delete(plugin_installations::table)
        .filter(
            plugin_installations::tenant_id
                .eq(tx.tenant())
                .and(plugin_installations::plugin_id.eq(plugin.uuid()))
                .and(plugin_installations::event_id.is_not_distinct_from(event)),
        )
        .execute(&mut **tx)
        .await?;
    Some(deleted)
        .filter(|&count| count > 0)
        .ok_or(diesel::NotFound)
        .optional()
        .or_not_found("installation")?;
    super::touch(tx).await?;
    let detail = json!({ "event_id": event.map(|event| Id::<id::Event>::from(event).to_string()) });
    audit_log::record(tx, "plugins.uninstall", plugin, detail).await
}
