//! Plugins of a tenant: what was uploaded, which version is called, and in which order. What a component is and does is
//! decided elsewhere; here it is bytes with a name.

pub mod installations;
pub mod receipts;
pub mod secrets;
pub mod values;

use chrono::{DateTime, Utc};
use diesel::{dsl::max, prelude::*};
use diesel_async::RunQueryDsl;
use eventflow_core::{ErrorCode, Id, Refusal, id};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, OrNotFound, Result},
    schema::{plugin_receipts, plugin_revisions, plugin_statistics, plugin_versions, plugins},
    statement,
};

/// Plugins of a tenant: they are asked one after the other.
pub const PLUGINS_MAX: i64 = 50;
/// Versions that are kept of a plugin; older ones that are neither called nor the one before are forgotten.
pub const VERSIONS_MAX: usize = 20;

/// Components of all versions of a tenant together.
const STORED_BYTES_MAX: i64 = 256 << 20;
/// Components of the versions that are called: each is in the memory of every server, three times as large.
const CALLED_BYTES_MAX: i64 = 64 << 20;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = plugins)]
pub struct Plugin {
    pub id: Uuid,
    pub name: String,
    pub position: i32,
    pub version_id: Option<Uuid>,
    pub previous_version_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A version without its bytes.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = plugin_versions)]
pub struct Version {
    pub id: Uuid,
    pub plugin_id: Uuid,
    pub version: String,
    pub wasm_sha256: Vec<u8>,
    pub manifest: Value,
    pub hooks: Vec<String>,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
}

/// What was uploaded, once it has been read and tried.
#[derive(Debug, Clone)]
pub struct NewVersion {
    pub name: String,
    pub version: String,
    pub wasm: Vec<u8>,
    pub wasm_sha256: [u8; 32],
    pub manifest: Value,
    pub hooks: Vec<String>,
}

/// Adds a version; the plugin of that name is made with its first one. The same bytes again are the version that is there.
pub async fn upload(tx: &mut Tx, new: NewVersion) -> Result<(Plugin, Version)> {
    let plugin = plugin_of(tx, &new.name).await?;
    let known: Option<Version> = plugin_versions::table
        .filter(plugin_versions::tenant_id.eq(tx.tenant()).and(plugin_versions::plugin_id.eq(plugin.id)))
        .filter(plugin_versions::version.eq(&new.version))
        .select(Version::as_select())
        .first(&mut **tx)
        .await
        .optional()?;
    if let Some(known) = known {
        if known.wasm_sha256 == new.wasm_sha256 {
            return Ok((plugin, known));
        }
        let detail = format!(
            "{} {} exists with other contents. Raise `version` in plugin.json, then upload again.",
            new.name, new.version
        );
        return Err(Refusal::new(ErrorCode::AlreadyExists, detail).param("version").into());
    }
    let actor = tx.scope.actor.to_string();
    let version = diesel::insert_into(plugin_versions::table)
        .values((
            plugin_versions::tenant_id.eq(tx.tenant()),
            plugin_versions::id.eq(new_uuid()),
            plugin_versions::plugin_id.eq(plugin.id),
            plugin_versions::version.eq(new.version),
            plugin_versions::wasm.eq(new.wasm),
            plugin_versions::wasm_sha256.eq(new.wasm_sha256.as_slice()),
            plugin_versions::manifest.eq(new.manifest),
            plugin_versions::hooks.eq(new.hooks),
            plugin_versions::created_by.eq(actor),
        ))
        .returning(Version::as_returning())
        .get_result(&mut **tx)
        .await?;
    forget_old(tx, &plugin).await?;
    check_room(tx).await?;
    let detail = json!({
        "name": plugin.name, "version": version.version, "wasm_sha256": hex::encode(&version.wasm_sha256),
    });
    audit_log::record(tx, "plugins.upload", Id::<id::Plugin>::from(plugin.id), detail).await?;
    Ok((plugin, version))
}

/// The plugin of this name, locked; it is made if there is none.
async fn plugin_of(tx: &mut Tx, name: &str) -> Result<Plugin> {
    let find = plugins::table
        .filter(plugins::tenant_id.eq(tx.tenant()).and(plugins::name.eq(name.to_owned())))
        .select(Plugin::as_select())
        .for_update();
    if let Some(plugin) = find.clone().first(&mut **tx).await.optional()? {
        return Ok(plugin);
    }
    let of_tenant = plugins::table.filter(plugins::tenant_id.eq(tx.tenant()));
    let (count, last): (i64, Option<i32>) =
        of_tenant.select((diesel::dsl::count_star(), max(plugins::position))).first(&mut **tx).await?;
    if count >= PLUGINS_MAX {
        let detail = format!("A tenant has at most {PLUGINS_MAX} plugins; delete one that is not used.");
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    diesel::insert_into(plugins::table)
        .values((
            plugins::tenant_id.eq(tx.tenant()),
            plugins::id.eq(new_uuid()),
            plugins::name.eq(name),
            plugins::position.eq(last.unwrap_or(0) + 1),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)
        .await?;
    Ok(find.first(&mut **tx).await?)
}

#[derive(diesel::QueryableByName)]
struct Room {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    stored: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    called: i64,
}

async fn check_room(tx: &mut Tx) -> Result<()> {
    let room: Room = statement!(
        "SELECT coalesce(sum(octet_length(v.wasm)), 0)::bigint AS stored, \
           coalesce(sum(octet_length(v.wasm)) FILTER (WHERE v.id = p.version_id), 0)::bigint AS called \
         FROM plugin_versions v JOIN plugins p ON p.tenant_id = v.tenant_id AND p.id = v.plugin_id \
         WHERE v.tenant_id = ?",
        tx.tenant()
    )
    .get_result(&mut **tx)
    .await?;
    let full = |what: &str, max: i64| {
        let detail = format!("The plugins {what} have more than {} MiB together; delete some.", max >> 20);
        Err(Error::refused(ErrorCode::LimitReached, detail))
    };
    match room {
        Room { called, .. } if called > CALLED_BYTES_MAX => full("that are called", CALLED_BYTES_MAX),
        Room { stored, .. } if stored > STORED_BYTES_MAX => full("of a tenant", STORED_BYTES_MAX),
        _ => Ok(()),
    }
}

async fn forget_old(tx: &mut Tx, plugin: &Plugin) -> Result<()> {
    let kept: Vec<Uuid> = [plugin.version_id, plugin.previous_version_id].into_iter().flatten().collect();
    let all: Vec<Uuid> = plugin_versions::table
        .filter(plugin_versions::tenant_id.eq(tx.tenant()).and(plugin_versions::plugin_id.eq(plugin.id)))
        .order(plugin_versions::id.desc())
        .select(plugin_versions::id)
        .load(&mut **tx)
        .await?;
    let old: Vec<Uuid> = all.into_iter().skip(VERSIONS_MAX).filter(|id| !kept.contains(id)).collect();
    diesel::delete(plugin_versions::table)
        .filter(plugin_versions::tenant_id.eq(tx.tenant()).and(plugin_versions::id.eq_any(old)))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// In the order in which they are asked.
pub async fn list(tx: &mut Tx) -> Result<Vec<Plugin>> {
    let list = plugins::table
        .filter(plugins::tenant_id.eq(tx.tenant()))
        .order((plugins::position, plugins::id))
        .select(Plugin::as_select());
    Ok(list.load(&mut **tx).await?)
}

pub async fn get(tx: &mut Tx, id: Id<id::Plugin>) -> Result<Plugin> {
    plugins::table
        .find((tx.tenant(), id.uuid()))
        .select(Plugin::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("plugin")
}

/// The plugin, locked until the transaction ends: every change of it begins here.
pub async fn lock(tx: &mut Tx, id: Id<id::Plugin>) -> Result<Plugin> {
    plugins::table
        .find((tx.tenant(), id.uuid()))
        .select(Plugin::as_select())
        .for_update()
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("plugin")
}

/// Versions of a plugin, newest first; there are few.
pub async fn versions(tx: &mut Tx, plugin: Id<id::Plugin>) -> Result<Vec<Version>> {
    let list = plugin_versions::table
        .filter(plugin_versions::tenant_id.eq(tx.tenant()).and(plugin_versions::plugin_id.eq(plugin.uuid())))
        .order(plugin_versions::id.desc())
        .select(Version::as_select());
    Ok(list.load(&mut **tx).await?)
}

pub async fn version(tx: &mut Tx, plugin: Id<id::Plugin>, id: Uuid) -> Result<Version> {
    plugin_versions::table
        .find((tx.tenant(), id))
        .filter(plugin_versions::plugin_id.eq(plugin.uuid()))
        .select(Version::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("plugin version")
}

/// The component of a version.
pub async fn wasm(tx: &mut Tx, version: Uuid) -> Result<Vec<u8>> {
    plugin_versions::table
        .find((tx.tenant(), version))
        .select(plugin_versions::wasm)
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("plugin version")
}

/// From now on this version is called; the one before is kept for [`rollback`].
pub async fn publish(tx: &mut Tx, plugin: &Plugin, version: &Version) -> Result<Plugin> {
    if plugin.version_id == Some(version.id) {
        return Ok(plugin.clone());
    }
    call_version(tx, plugin, version.id, plugin.version_id, "plugins.publish").await
}

/// Goes back to the version before; once more goes forward again.
pub async fn rollback(tx: &mut Tx, plugin: &Plugin) -> Result<Plugin> {
    let earlier = plugin.previous_version_id.ok_or_else(|| {
        Error::refused(ErrorCode::Conflict, "No version of this plugin was published before the present one.")
    })?;
    call_version(tx, plugin, earlier, plugin.version_id, "plugins.rollback").await
}

async fn call_version(
    tx: &mut Tx,
    plugin: &Plugin,
    version: Uuid,
    previous: Option<Uuid>,
    action: &str,
) -> Result<Plugin> {
    let changed = diesel::update(plugins::table.find((tx.tenant(), plugin.id)))
        .set((
            plugins::version_id.eq(version),
            plugins::previous_version_id.eq(previous),
            plugins::updated_at.eq(diesel::dsl::now),
        ))
        .returning(Plugin::as_returning())
        .get_result(&mut **tx)
        .await?;
    check_room(tx).await?;
    touch(tx).await?;
    let detail = json!({ "version_id": Id::<id::PluginVersion>::from(version) });
    audit_log::record(tx, action, Id::<id::Plugin>::from(plugin.id), detail).await?;
    Ok(changed)
}

/// Sets the order in which plugins are asked; all of them have to be named, each once.
pub async fn reorder(tx: &mut Tx, order: &[Uuid]) -> Result<Vec<Plugin>> {
    let known = list(tx).await?;
    let mut asked = order.to_vec();
    asked.sort_unstable();
    let mut all: Vec<Uuid> = known.iter().map(|plugin| plugin.id).collect();
    all.sort_unstable();
    if asked.iter().any(|id| !all.contains(id)) {
        return Err(Error::Refused(Refusal::not_found("plugin")));
    }
    if asked != all {
        let detail = format!("Name each of your {} plugins once.", all.len());
        return Err(Refusal::invalid("plugin_ids", detail).into());
    }
    let positions: Vec<i32> = (1..).take(order.len()).collect();
    statement!(
        "UPDATE plugins p SET position = o.position, updated_at = now() \
         FROM unnest(?::uuid[], ?::int[]) AS o(id, position) WHERE p.tenant_id = ? AND p.id = o.id",
        order.to_vec(),
        positions,
        tx.tenant()
    )
    .execute(&mut **tx)
    .await?;
    touch(tx).await?;
    audit_log::record(tx, "plugins.reorder", tx.scope.tenant, json!({ "plugins": order.len() })).await?;
    list(tx).await
}

/// Deletes a plugin with everything that it keeps. What it changed of orders stays on them.
pub async fn delete(tx: &mut Tx, id: Id<id::Plugin>) -> Result<()> {
    let plugin = lock(tx, id).await?;
    let tenant = tx.tenant();
    diesel::delete(plugins::table.find((tenant, plugin.id))).execute(&mut **tx).await?;
    diesel::delete(plugin_receipts::table)
        .filter(plugin_receipts::tenant_id.eq(tenant).and(plugin_receipts::plugin_id.eq(plugin.id)))
        .execute(&mut **tx)
        .await?;
    diesel::delete(plugin_statistics::table)
        .filter(plugin_statistics::tenant_id.eq(tenant).and(plugin_statistics::plugin_id.eq(plugin.id)))
        .execute(&mut **tx)
        .await?;
    touch(tx).await?;
    audit_log::record(tx, "plugins.delete", id, json!({ "name": plugin.name })).await
}

/// Counts a change of what plugins do: every server reads them again, and a price that was worked out before is worked out
/// once more.
pub(crate) async fn touch(tx: &mut Tx) -> Result<()> {
    diesel::insert_into(plugin_revisions::table)
        .values((plugin_revisions::tenant_id.eq(tx.tenant()), plugin_revisions::revision.eq(1)))
        .on_conflict(plugin_revisions::tenant_id)
        .do_update()
        .set(plugin_revisions::revision.eq(plugin_revisions::revision + 1))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Counts what plugins keep for themselves: every server reads it again, claims do not wait for it.
async fn touch_values(tx: &mut Tx) -> Result<()> {
    diesel::update(plugin_revisions::table.find(tx.tenant()))
        .set(plugin_revisions::values_revision.eq(plugin_revisions::values_revision + 1))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What the plugins of a tenant are: compared with what is in memory. All 0 for a tenant that never had one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = plugin_revisions)]
pub struct Revision {
    /// What claims compare.
    pub revision: i64,
    pub values_revision: i64,
}

pub async fn revision(tx: &mut Tx) -> Result<Revision> {
    let revision = plugin_revisions::table.find(tx.tenant()).select(Revision::as_select());
    Ok(revision.first(&mut **tx).await.optional()?.unwrap_or_default())
}

/// A plugin that is called: its published version, and where it is installed.
#[derive(Debug, Clone)]
pub struct Called {
    pub plugin: Plugin,
    pub version: Version,
    pub installations: Vec<installations::Installation>,
    /// Key-value pairs; read only if an installation has the grant.
    pub values: Vec<(String, String)>,
}

/// Everything that is called, in order, with the revision that it belongs to.
pub async fn called(tx: &mut Tx) -> Result<(Revision, Vec<Called>)> {
    // First: a change after it makes the next look read again.
    let revision = revision(tx).await?;
    if revision == Revision::default() {
        return Ok((revision, Vec::new()));
    }
    let mut called = Vec::new();
    for plugin in list(tx).await? {
        let Some(version_id) = plugin.version_id else { continue };
        let installations = installations::list(tx, plugin.id.into()).await?;
        if !installations.iter().any(|installation| installation.enabled) {
            continue;
        }
        let version = version(tx, plugin.id.into(), version_id).await?;
        let granted = installations.iter().any(|one| one.enabled && one.key_value_granted);
        let values = if granted { values::all(tx, plugin.id).await? } else { Vec::new() };
        called.push(Called { plugin, version, installations, values });
    }
    Ok((revision, called))
}
