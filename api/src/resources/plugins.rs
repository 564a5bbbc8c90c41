//! Plugins: WebAssembly components of the tenant, their versions, and where they act.

mod dry_run;
mod installations;
mod receipts;
mod values;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use eventflow_core::{ErrorCode, Id, Refusal, id};
use eventflow_plugin_host::{Hook, InstallError, Manifest, limits};
use eventflow_store::{Error, plugins as stored};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::{Binary, Json},
    types::{Example, ToJSON},
};
use serde_json::Value;

use super::Tag;
use crate::{
    auth::Call,
    plugins::off_thread,
    problem::Failure,
    wire::{Created, NoContent, Page, Ref},
};

pub use installations::Installations;
pub use receipts::Receipts;
pub use values::Values;

/// A moment at which the platform calls a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum PluginHook {
    /// A price is worked out.
    Pricing,
    /// What to fetch before that, and before a cart is judged.
    CartRequests,
    /// A cart is about to become an order.
    Validation,
    /// Something happened, and messages are sent.
    Notification,
    /// What to fetch before that.
    NoticeRequests,
    /// A ticket is laid out.
    Ticket,
}

impl PluginHook {
    pub(super) const fn host(self) -> Hook {
        match self {
            Self::Pricing => Hook::Pricing,
            Self::CartRequests => Hook::CartRequests,
            Self::Validation => Hook::Validation,
            Self::Notification => Hook::Notification,
            Self::NoticeRequests => Hook::NoticeRequests,
            Self::Ticket => Hook::Ticket,
        }
    }

    /// As it stands in the database.
    fn read(text: &str) -> Option<Self> {
        let all = [
            Self::Pricing,
            Self::CartRequests,
            Self::Validation,
            Self::Notification,
            Self::NoticeRequests,
            Self::Ticket,
        ];
        all.into_iter().find(|hook| hook.host().name() == text)
    }
}

/// A version of a plugin: what was uploaded, never changed.
#[derive(Debug, Object)]
struct PluginVersion {
    id: Ref<id::PluginVersion>,
    plugin_id: Ref<id::Plugin>,
    /// The plugin's name, as its manifest says.
    name: String,
    /// As its manifest says.
    version: String,
    description: String,
    /// What it exports.
    hooks: Vec<PluginHook>,
    /// The JSON Schema of its settings; empty when it has none.
    config_schema: BTreeMap<String, Value>,
    /// Whether it asks for the key-value store.
    key_value: bool,
    /// Hosts that it asks to have fetched from.
    http_hosts: Vec<String>,
    /// SHA-256 of the component, in hexadecimal digits.
    wasm_sha256: String,
    /// Whether it is called now.
    is_published: bool,
    /// Who uploaded it.
    created_by: String,
    created_at: DateTime<Utc>,
}

/// A plugin of the tenant.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Plugin {
    id: Ref<id::Plugin>,
    /// Unique for the tenant.
    name: String,
    /// Plugins are asked one after the other, in this order.
    position: i32,
    /// The version that is called; absent until one is published.
    version: Option<PluginVersion>,
    /// The version before it: a rollback goes back to it.
    previous_version_id: Option<Ref<id::PluginVersion>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The order in which plugins are asked: each sees what the ones before it changed.
#[derive(Debug, Object)]
#[oai(example)]
struct PluginOrder {
    /// All plugins, each once.
    #[oai(validator(max_items = 50))]
    plugin_ids: Vec<Ref<id::Plugin>>,
}

impl Example for PluginOrder {
    fn example() -> Self {
        Self { plugin_ids: vec![uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057).into()] }
    }
}

/// The version to call from now on.
#[derive(Debug, Object)]
#[oai(example)]
struct Publication {
    version_id: Ref<id::PluginVersion>,
}

impl Example for Publication {
    fn example() -> Self {
        Self { version_id: uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057).into() }
    }
}

/// The manifest of a stored version.
fn manifest(version: &stored::Version) -> Result<Manifest, Error> {
    serde_json::from_value(version.manifest.clone())
        .map_err(|error| Error::Corrupt(format!("manifest of a plugin: {error}")))
}

fn shape_version(plugin: &stored::Plugin, version: stored::Version) -> Result<PluginVersion, Error> {
    let manifest = manifest(&version)?;
    Ok(PluginVersion {
        id: version.id.into(),
        plugin_id: version.plugin_id.into(),
        name: plugin.name.clone(),
        version: version.version,
        description: manifest.description,
        hooks: version.hooks.iter().filter_map(|hook| PluginHook::read(hook)).collect(),
        config_schema: members(manifest.config_schema.unwrap_or_default()),
        key_value: manifest.key_value,
        http_hosts: manifest.http_hosts,
        wasm_sha256: hex::encode(version.wasm_sha256),
        is_published: plugin.version_id == Some(version.id),
        created_by: version.created_by,
        created_at: version.created_at,
    })
}

fn members(value: Value) -> BTreeMap<String, Value> {
    match value {
        Value::Object(members) => members.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

async fn shape(tx: &mut eventflow_store::Tx, plugin: stored::Plugin) -> Result<Plugin, Error> {
    let version = match plugin.version_id {
        Some(version) => Some(shape_version(&plugin, stored::version(tx, plugin.id.into(), version).await?)?),
        None => None,
    };
    Ok(Plugin {
        id: plugin.id.into(),
        name: plugin.name,
        position: plugin.position,
        version,
        previous_version_id: plugin.previous_version_id.map(Into::into),
        created_at: plugin.created_at,
        updated_at: plugin.updated_at,
    })
}

/// What is wrong with an upload, for its author.
fn invalid(error: &InstallError) -> Refusal {
    let mut text = error.to_string();
    text.truncate(text.floor_char_boundary(2_000));
    Refusal::new(ErrorCode::PluginInvalid, text)
}

/// Refuses a version that the plugin's installations do not fit.
async fn check_fits(
    tx: &mut eventflow_store::Tx,
    plugin: &stored::Plugin,
    version: &stored::Version,
) -> Result<(), Error> {
    for installation in stored::installations::list(tx, plugin.id.into()).await? {
        if installation.enabled {
            let hooks: Vec<String> = members(installation.hooks.clone()).into_keys().collect();
            let (config, hosts) = (&installation.config, &installation.http_hosts);
            let granted = installation.key_value_granted;
            installations::check(&version.hooks, &manifest(version)?, config, &hooks, granted, hosts).map_err(
                |refusal| {
                    let detail = format!(
                        "{} Version {} does not fit how the plugin is installed: disable it, publish, then set what fits.",
                        refusal.detail, version.version
                    );
                    Refusal { detail, ..refusal }
                },
            )?;
        }
    }
    Ok(())
}

/// The plugin, for webhooks.
pub(super) async fn object(call: Call, id: Id<id::Plugin>) -> Result<Option<Value>, Failure> {
    Ok(Plugins.get(call, Path(Ref(id))).await?.0.to_json())
}

pub struct Plugins;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Plugins")]
impl Plugins {
    /// List the plugins, in the order in which they are asked.
    #[oai(path = "/plugins", method = "get", operation_id = "plugins.list")]
    async fn list(&self, call: Call) -> Result<Json<Page<Plugin>>, Failure> {
        let list = async |tx: &mut eventflow_store::Tx| {
            let mut data = Vec::new();
            for plugin in stored::list(tx).await? {
                data.push(shape(tx, plugin).await?);
            }
            Ok(data)
        };
        Ok(Json(Page { data: call.read(list).await?, next_cursor: None }))
    }

    /// Upload a version of a plugin.
    ///
    /// The body is the component that `eventflow plugin build` writes, 4 MiB at most (24 MiB if it only decides about
    /// messages). Its manifest says which plugin it is
    /// a version of; the first version makes the plugin. It is read, compiled with limits, started and run on its own
    /// fixtures before anything is stored. The same file again is the version that is there.
    #[oai(path = "/plugins", method = "post", operation_id = "plugins.upload")]
    async fn upload(
        &self,
        call: Call,
        /// Whether it is called from now on.
        publish: Query<Option<bool>>,
        component: Binary<Bytes>,
    ) -> Result<Created<PluginVersion>, Failure> {
        let _turn = call.app.plugins.turn(call.tenant()).await?;
        let host = call.app.plugins.host()?;
        let wasm = component.0;
        let plugin = off_thread({
            let wasm = wasm.clone();
            move || host.install(&wasm)
        });
        let plugin = Arc::new(plugin.await?.map_err(|error| invalid(&error))?);
        let new = stored::NewVersion {
            name: plugin.manifest.name.clone(),
            version: plugin.manifest.version.clone(),
            wasm: wasm.to_vec(),
            wasm_sha256: plugin.hash,
            manifest: serde_json::to_value(&plugin.manifest)
                .map_err(|error| Error::Corrupt(error.to_string()))?,
            hooks: plugin.hooks().map(|hook| hook.name().to_owned()).collect(),
        };
        let version = call.write(async |tx| {
            let (mut plugin, version) = stored::upload(tx, new).await?;
            if publish.0 == Some(true) {
                check_fits(tx, &plugin, &version).await?;
                plugin = stored::publish(tx, &plugin, &version).await?;
            }
            shape_version(&plugin, version)
        });
        let version = version.await?;
        call.app.plugins.forget(call.tenant());
        Ok(Created::Created(Json(version)))
    }

    /// Get a plugin.
    #[oai(path = "/plugins/:plugin_id", method = "get", operation_id = "plugins.get")]
    async fn get(&self, call: Call, plugin_id: Path<Ref<id::Plugin>>) -> Result<Json<Plugin>, Failure> {
        let get = async |tx: &mut eventflow_store::Tx| {
            let plugin = stored::get(tx, plugin_id.0.0).await?;
            shape(tx, plugin).await
        };
        Ok(Json(call.read(get).await?))
    }

    /// Delete a plugin, with its versions, settings, values and receipts.
    ///
    /// What it changed of orders stays on them.
    #[oai(path = "/plugins/:plugin_id", method = "delete", operation_id = "plugins.delete")]
    async fn delete(&self, call: Call, plugin_id: Path<Ref<id::Plugin>>) -> Result<NoContent, Failure> {
        call.write_silently(async |tx| stored::delete(tx, plugin_id.0.0).await).await?;
        call.app.plugins.remove(call.tenant(), plugin_id.0.0);
        Ok(NoContent::Done)
    }

    /// Set the order in which plugins are asked.
    #[oai(path = "/plugin-order", method = "put", operation_id = "plugins.reorder")]
    async fn reorder(&self, call: Call, body: Json<PluginOrder>) -> Result<Json<Page<Plugin>>, Failure> {
        let order: Vec<uuid::Uuid> = body.0.plugin_ids.into_iter().map(Ref::uuid).collect();
        let reorder = async |tx: &mut eventflow_store::Tx| {
            let mut data = Vec::new();
            for plugin in stored::reorder(tx, &order).await? {
                data.push(shape(tx, plugin).await?);
            }
            Ok(Page { data, next_cursor: None })
        };
        let page = call.write(reorder).await?;
        call.app.plugins.forget(call.tenant());
        Ok(Json(page))
    }

    /// List the versions of a plugin, newest first.
    ///
    /// The last 20 are kept, and those that are called or were called before.
    #[oai(path = "/plugins/:plugin_id/versions", method = "get", operation_id = "plugin_versions.list")]
    async fn versions(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
    ) -> Result<Json<Page<PluginVersion>>, Failure> {
        let list = async |tx: &mut eventflow_store::Tx| {
            let plugin = stored::get(tx, plugin_id.0.0).await?;
            let versions = stored::versions(tx, plugin_id.0.0).await?;
            versions.into_iter().map(|version| shape_version(&plugin, version)).collect()
        };
        Ok(Json(Page { data: call.read(list).await?, next_cursor: None }))
    }

    /// Call a version from now on.
    ///
    /// The next price is worked out with it; the version before is kept for a rollback.
    #[oai(path = "/plugins/:plugin_id/publish", method = "post", operation_id = "plugins.publish")]
    async fn publish(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        body: Json<Publication>,
    ) -> Result<Json<Plugin>, Failure> {
        let publish = async |tx: &mut eventflow_store::Tx| {
            let plugin = stored::lock(tx, plugin_id.0.0).await?;
            let version = stored::version(tx, plugin_id.0.0, body.0.version_id.uuid()).await?;
            check_fits(tx, &plugin, &version).await?;
            let plugin = stored::publish(tx, &plugin, &version).await?;
            shape(tx, plugin).await
        };
        let plugin = call.write(publish).await?;
        call.app.plugins.forget(call.tenant());
        Ok(Json(plugin))
    }

    /// Go back to the version that was called before.
    ///
    /// Once more goes forward again.
    #[oai(path = "/plugins/:plugin_id/rollback", method = "post", operation_id = "plugins.rollback")]
    async fn rollback(&self, call: Call, plugin_id: Path<Ref<id::Plugin>>) -> Result<Json<Plugin>, Failure> {
        let rollback = async |tx: &mut eventflow_store::Tx| {
            let plugin = stored::lock(tx, plugin_id.0.0).await?;
            if let Some(earlier) = plugin.previous_version_id {
                let version = stored::version(tx, plugin_id.0.0, earlier).await?;
                check_fits(tx, &plugin, &version).await?;
            }
            let plugin = stored::rollback(tx, &plugin).await?;
            shape(tx, plugin).await
        };
        let plugin = call.write(rollback).await?;
        call.app.plugins.forget(call.tenant());
        Ok(Json(plugin))
    }

    /// Run a version on a real hold, without any effect.
    ///
    /// The answer says what it would change, and what the call took.
    #[oai(path = "/plugins/:plugin_id/dry-run", method = "post", operation_id = "plugins.dry_run")]
    async fn dry_run(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        body: Json<dry_run::NewDryRun>,
    ) -> Result<Json<dry_run::DryRun>, Failure> {
        dry_run::run(&call, plugin_id.0.0, body.0).await.map(Json)
    }
}

/// Refuses settings that are larger than a call may read.
fn check_config_size(config: &Value) -> Result<(), Refusal> {
    let bytes = config.to_string().len();
    if bytes <= limits::CONFIG_BYTES_MAX {
        return Ok(());
    }
    let detail =
        format!("The settings have {bytes} bytes; at most {} are allowed.", limits::CONFIG_BYTES_MAX);
    Err(Refusal::new(ErrorCode::PluginConfigInvalid, detail).param("config"))
}
