//! Secrets of a plugin, such as the key of a partner's interface: the platform puts them into requests, the plugin never
//! sees them, and nobody can read them back.

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
    schema::plugin_secrets,
    seal::Sealer,
};

/// Secrets of a plugin: a few partners with a few keys each.
pub const SECRETS_MAX: i64 = 20;

/// A secret without its value.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = plugin_secrets)]
pub struct Secret {
    pub name: String,
    pub updated_at: DateTime<Utc>,
}

pub async fn list(tx: &mut Tx, plugin: Id<id::Plugin>) -> Result<Vec<Secret>> {
    super::get(tx, plugin).await?;
    let rows = plugin_secrets::table
        .filter(plugin_secrets::tenant_id.eq(tx.tenant()).and(plugin_secrets::plugin_id.eq(plugin.uuid())))
        .order(plugin_secrets::name)
        .select(Secret::as_select());
    Ok(rows.load(&mut **tx).await?)
}

pub async fn put(
    tx: &mut Tx,
    sealer: &Sealer,
    plugin: Id<id::Plugin>,
    name: &str,
    value: &str,
) -> Result<Secret> {
    super::lock(tx, plugin).await?;
    let sealed = sealer.seal(value.as_bytes(), &context(tx, plugin.uuid(), name))?;
    let changed = (plugin_secrets::sealed.eq(&sealed), plugin_secrets::updated_at.eq(diesel::dsl::now));
    let secret = diesel::insert_into(plugin_secrets::table)
        .values((
            plugin_secrets::tenant_id.eq(tx.tenant()),
            plugin_secrets::plugin_id.eq(plugin.uuid()),
            plugin_secrets::name.eq(name),
            plugin_secrets::sealed.eq(&sealed),
        ))
        .on_conflict((plugin_secrets::tenant_id, plugin_secrets::plugin_id, plugin_secrets::name))
        .do_update()
        .set(changed)
        .returning(Secret::as_returning())
        .get_result(&mut **tx)
        .await?;
    let count: i64 = plugin_secrets::table
        .filter(plugin_secrets::tenant_id.eq(tx.tenant()).and(plugin_secrets::plugin_id.eq(plugin.uuid())))
        .count()
        .get_result(&mut **tx)
        .await?;
    if count > SECRETS_MAX {
        let detail = format!("A plugin has at most {SECRETS_MAX} secrets.");
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    audit_log::record(tx, "plugins.put_secret", plugin, json!({ "name": name })).await?;
    Ok(secret)
}

pub async fn delete(tx: &mut Tx, plugin: Id<id::Plugin>, name: &str) -> Result<()> {
    let row = plugin_secrets::table.find((tx.tenant(), plugin.uuid(), name));
    let deleted = diesel::delete(row).execute(&mut **tx).await?;
    Some(deleted).filter(|&count| count > 0).ok_or(diesel::NotFound).optional().or_not_found("secret")?;
    audit_log::record(tx, "plugins.delete_secret", plugin, json!({ "name": name })).await
}

/// The values, opened: for the requests that the platform makes.
pub async fn open(tx: &mut Tx, sealer: &Sealer, plugin: Uuid) -> Result<Vec<(String, String)>> {
    let rows: Vec<(String, Vec<u8>)> = plugin_secrets::table
        .filter(plugin_secrets::tenant_id.eq(tx.tenant()).and(plugin_secrets::plugin_id.eq(plugin)))
        .select((plugin_secrets::name, plugin_secrets::sealed))
        .load(&mut **tx)
        .await?;
    let mut opened = Vec::with_capacity(rows.len());
    for (name, sealed) in rows {
        let value = sealer.open(&sealed, &context(tx, plugin, &name))?;
        let value = String::from_utf8(value).map_err(|_| Error::Corrupt(format!("secret `{name}`")))?;
        opened.push((name, value));
    }
    Ok(opened)
}

fn context(tx: &Tx, plugin: Uuid, name: &str) -> Vec<u8> {
    [b"plugin secret ".as_slice(), tx.tenant().as_bytes(), plugin.as_bytes(), name.as_bytes()].concat()
}
