//! The key-value store of a plugin.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{ErrorCode, Id, id};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::Tx,
    error::{Error, OrNotFound, Result},
    schema::plugin_values,
};

/// Keys of a plugin. All of its values are in the memory of every server that calls it.
pub const KEYS_MAX: i64 = 1_000;
/// All keys and values of a plugin together.
pub const BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = plugin_values)]
pub struct Entry {
    pub key: String,
    pub value: String,
    pub updated_at: DateTime<Utc>,
}

/// All of them, for a call.
pub async fn all(tx: &mut Tx, plugin: Uuid) -> Result<Vec<(String, String)>> {
    let rows = plugin_values::table
        .filter(plugin_values::tenant_id.eq(tx.tenant()).and(plugin_values::plugin_id.eq(plugin)))
        .select((plugin_values::key, plugin_values::value));
    Ok(rows.load(&mut **tx).await?)
}

/// By key, those behind `after`.
pub async fn list(
    tx: &mut Tx,
    plugin: Id<id::Plugin>,
    limit: i64,
    after: Option<&str>,
) -> Result<Vec<Entry>> {
    super::get(tx, plugin).await?;
    let mut rows = plugin_values::table
        .filter(plugin_values::tenant_id.eq(tx.tenant()).and(plugin_values::plugin_id.eq(plugin.uuid())))
        .order(plugin_values::key)
        .limit(limit)
        .select(Entry::as_select())
        .into_boxed();
    if let Some(after) = after {
        rows = rows.filter(plugin_values::key.gt(after.to_owned()));
    }
    Ok(rows.load(&mut **tx).await?)
}

pub async fn get(tx: &mut Tx, plugin: Id<id::Plugin>, key: &str) -> Result<Entry> {
    plugin_values::table
        .find((tx.tenant(), plugin.uuid(), key))
        .select(Entry::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("value")
}

/// Sets a value on behalf of the organizer.
pub async fn put(tx: &mut Tx, plugin: Id<id::Plugin>, key: &str, value: &str) -> Result<Entry> {
    let row = super::lock(tx, plugin).await?;
    set(tx, row.id, key, value).await?;
    check_size(tx, row.id).await?;
    super::touch(tx).await?;
    audit_log::record(tx, "plugins.put_value", plugin, json!({ "key": key })).await?;
    get(tx, plugin, key).await
}

pub async fn delete(tx: &mut Tx, plugin: Id<id::Plugin>, key: &str) -> Result<()> {
    get(tx, plugin, key).await?;
    set(tx, plugin.uuid(), key, "").await?;
    super::touch(tx).await?;
    audit_log::record(tx, "plugins.delete_value", plugin, json!({ "key": key })).await
}

/// What a call of the plugin set; an empty value removes its key. Claims do not wait for it: no price depends on it at once.
pub async fn write(
    tx: &mut Tx,
    plugin: Uuid,
    writes: impl IntoIterator<Item = (String, String)>,
) -> Result<()> {
    for (key, value) in writes {
        set(tx, plugin, &key, &value).await?;
    }
    check_size(tx, plugin).await?;
    super::touch_values(tx).await
}

async fn set(tx: &mut Tx, plugin: Uuid, key: &str, value: &str) -> Result<()> {
    if value.is_empty() {
        diesel::delete(plugin_values::table.find((tx.tenant(), plugin, key))).execute(&mut **tx).await?;
        return Ok(());
    }
    let changed = (plugin_values::value.eq(value), plugin_values::updated_at.eq(diesel::dsl::now));
    diesel::insert_into(plugin_values::table)
        .values((
            plugin_values::tenant_id.eq(tx.tenant()),
            plugin_values::plugin_id.eq(plugin),
            plugin_values::key.eq(key),
            plugin_values::value.eq(value),
        ))
        .on_conflict((plugin_values::tenant_id, plugin_values::plugin_id, plugin_values::key))
        .do_update()
        .set(changed)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn check_size(tx: &mut Tx, plugin: Uuid) -> Result<()> {
    let all = all(tx, plugin).await?;
    let bytes: usize = all.iter().map(|(key, value)| key.len() + value.len()).sum();
    if i64::try_from(all.len()).unwrap_or(i64::MAX) > KEYS_MAX || bytes > BYTES_MAX {
        let detail = format!("A plugin keeps at most {KEYS_MAX} values of {BYTES_MAX} bytes together.");
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    Ok(())
}
