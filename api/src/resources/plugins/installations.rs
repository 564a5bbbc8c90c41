//! Where a plugin acts, and how it is set.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use eventflow_core::{ErrorCode, Id, Refusal, id};
use eventflow_plugin_host::{FailurePolicy, Manifest};
use eventflow_store::{
    Error, Tx,
    plugins::{self as stored, installations as placed},
};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Example,
};
use serde_json::{Value, json};

use super::{PluginHook, check_config_size, manifest, members};
use crate::{
    auth::Call,
    problem::Failure,
    resources::Tag,
    wire::{NoContent, Page, Ref, Text},
};

/// What a failure of a plugin means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum OnFailure {
    /// No order without it. Buyers who look see prices without it, marked `is_degraded`.
    Refuse,
    /// Go on without it.
    Skip,
}

impl OnFailure {
    const fn host(self) -> FailurePolicy {
        match self {
            Self::Refuse => FailurePolicy::Refuse,
            Self::Skip => FailurePolicy::Skip,
        }
    }

    /// Money and verdicts are not guessed; a message or a field of a ticket may be missing.
    const fn default_for(hook: PluginHook) -> Self {
        match hook {
            PluginHook::Pricing | PluginHook::Validation => Self::Refuse,
            _ => Self::Skip,
        }
    }
}

/// A hook that is called.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct InstalledHook {
    hook: PluginHook,
    /// Default: `refuse` for pricing and validation, else `skip`.
    on_failure: Option<OnFailure>,
}

/// Where and how a plugin acts.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct PluginInstallation {
    plugin_id: Ref<id::Plugin>,
    /// Absent: at all events that have no installation of their own.
    event_id: Option<Ref<id::Event>>,
    enabled: bool,
    hooks: Vec<InstalledHook>,
    /// The settings.
    config: BTreeMap<String, Value>,
    /// Whether it may read, and with notifications write, its key-value store.
    key_value: bool,
    /// Hosts that the platform fetches from on its behalf.
    http_hosts: Vec<String>,
    updated_at: DateTime<Utc>,
}

/// How to install a plugin. It replaces how the plugin was installed before.
#[derive(Debug, Object)]
#[oai(example)]
struct NewPluginInstallation {
    /// An installation that is not enabled keeps the plugin away from its event.
    #[oai(default = "yes")]
    enabled: bool,
    /// Default: every hook that the plugin exports.
    #[oai(validator(max_items = 6))]
    hooks: Option<Vec<InstalledHook>>,
    /// The settings, as the plugin's schema asks for.
    #[oai(default)]
    config: BTreeMap<String, Value>,
    /// Lets the plugin have its key-value store.
    #[oai(default)]
    key_value: bool,
    /// Of the hosts that the plugin asks for, those that the platform may fetch from.
    #[oai(default, validator(max_items = 20))]
    http_hosts: Vec<Text<1, 253>>,
}

fn yes() -> bool {
    true
}

impl Example for NewPluginInstallation {
    fn example() -> Self {
        Self {
            enabled: true,
            hooks: Some(vec![InstalledHook {
                hook: PluginHook::Pricing,
                on_failure: Some(OnFailure::Refuse),
            }]),
            config: BTreeMap::from([("percent".to_owned(), json!(10))]),
            key_value: false,
            http_hosts: vec![],
        }
    }
}

fn shape(row: placed::Installation) -> PluginInstallation {
    let hook = |(name, policy): (String, Value)| {
        let on_failure = if policy == "skip" { OnFailure::Skip } else { OnFailure::Refuse };
        Some(InstalledHook { hook: PluginHook::read(&name)?, on_failure: Some(on_failure) })
    };
    PluginInstallation {
        plugin_id: row.plugin_id.into(),
        event_id: row.event_id.map(Into::into),
        enabled: row.enabled,
        hooks: members(row.hooks).into_iter().filter_map(hook).collect(),
        config: members(row.config),
        key_value: row.key_value_granted,
        http_hosts: row.http_hosts,
        updated_at: row.updated_at,
    }
}

/// Whether a version of a plugin, with these hooks and this manifest, can be installed so.
pub(super) fn check(
    exported: &[String],
    manifest: &Manifest,
    config: &Value,
    hooks: &[String],
    key_value: bool,
    http_hosts: &[String],
) -> Result<(), Refusal> {
    check_config_size(config)?;
    manifest.check_config(config).map_err(|problems| {
        Refusal::new(ErrorCode::PluginConfigInvalid, format!("{}.", problems.join("; "))).param("config")
    })?;
    let refuse =
        |param: &str, detail: String| Refusal::new(ErrorCode::PluginConfigInvalid, detail).param(param);
    if let Some(hook) = hooks.iter().find(|hook| !exported.contains(hook)) {
        let detail = format!("The plugin has no hook `{hook}`; it has {}.", exported.join(", "));
        return Err(refuse("hooks", detail));
    }
    if key_value && !manifest.key_value {
        return Err(refuse("key_value", "The plugin does not ask for the key-value store.".to_owned()));
    }
    if let Some(host) = http_hosts.iter().find(|host| !manifest.http_hosts.contains(host)) {
        let asked = match manifest.http_hosts.join(", ") {
            none if none.is_empty() => "none".to_owned(),
            some => some,
        };
        return Err(refuse("http_hosts", format!("The plugin does not ask for `{host}`, but for: {asked}.")));
    }
    Ok(())
}

/// The version that settings are held against: the one that is called, else the newest.
async fn current(tx: &mut Tx, plugin: &stored::Plugin) -> Result<stored::Version, Error> {
    match plugin.version_id {
        Some(version) => stored::version(tx, plugin.id.into(), version).await,
        None => {
            let newest = stored::versions(tx, plugin.id.into()).await?.into_iter().next();
            newest.ok_or_else(|| Error::Refused(Refusal::not_found("plugin version")))
        }
    }
}

async fn install(
    tx: &mut Tx,
    id: Id<id::Plugin>,
    event: Option<Id<id::Event>>,
    new: NewPluginInstallation,
) -> Result<PluginInstallation, Error> {
    let plugin = stored::lock(tx, id).await?;
    let version = current(tx, &plugin).await?;
    let named = |hook: &InstalledHook| {
        let policy = hook.on_failure.unwrap_or(OnFailure::default_for(hook.hook));
        (
            hook.hook.host().name().to_owned(),
            if policy.host() == FailurePolicy::Skip { "skip" } else { "refuse" }.to_owned(),
        )
    };
    let all = || {
        let hooks = version.hooks.iter().filter_map(|hook| PluginHook::read(hook));
        hooks.map(|hook| InstalledHook { hook, on_failure: None }).collect()
    };
    let hooks: BTreeMap<String, String> = new.hooks.unwrap_or_else(all).iter().map(named).collect();
    let config = json!(new.config);
    let http_hosts: Vec<String> = new.http_hosts.into_iter().map(|host| host.0).collect();
    let names: Vec<String> = hooks.keys().cloned().collect();
    check(&version.hooks, &manifest(&version)?, &config, &names, new.key_value, &http_hosts)?;
    let installation = placed::NewInstallation {
        event,
        enabled: new.enabled,
        hooks,
        config,
        key_value_granted: new.key_value,
        http_hosts,
    };
    placed::put(tx, id, installation).await.map(shape)
}

pub struct Installations;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Plugins")]
impl Installations {
    /// List where a plugin acts.
    #[oai(
        path = "/plugins/:plugin_id/installations",
        method = "get",
        operation_id = "plugin_installations.list"
    )]
    async fn list(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
    ) -> Result<Json<Page<PluginInstallation>>, Failure> {
        let list = async |tx: &mut Tx| {
            stored::get(tx, plugin_id.0.0).await?;
            placed::list(tx, plugin_id.0.0).await
        };
        let data = call.read(list).await?.into_iter().map(shape).collect();
        Ok(Json(Page { data, next_cursor: None }))
    }

    /// Install a plugin, or change how it is installed.
    ///
    /// At all events, or with `event_id` at one, which then goes before. It acts from the next price on.
    #[oai(
        path = "/plugins/:plugin_id/installation",
        method = "put",
        operation_id = "plugin_installations.put"
    )]
    async fn put(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        event_id: Query<Option<Ref<id::Event>>>,
        body: Json<NewPluginInstallation>,
    ) -> Result<Json<PluginInstallation>, Failure> {
        let event = event_id.0.map(|event| event.0);
        let put = async |tx: &mut Tx| install(tx, plugin_id.0.0, event, body.0).await;
        let installation = call.write(put).await?;
        call.app.plugins.forget(call.tenant());
        Ok(Json(installation))
    }

    /// Take a plugin away, from all events or with `event_id` from one.
    #[oai(
        path = "/plugins/:plugin_id/installation",
        method = "delete",
        operation_id = "plugin_installations.delete"
    )]
    async fn delete(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        event_id: Query<Option<Ref<id::Event>>>,
    ) -> Result<NoContent, Failure> {
        let event = event_id.0.map(|event| event.0);
        let delete = async |tx: &mut Tx| {
            stored::lock(tx, plugin_id.0.0).await?;
            placed::delete(tx, plugin_id.0.0, event).await
        };
        call.write_silently(delete).await?;
        call.app.plugins.forget(call.tenant());
        Ok(NoContent::Done)
    }
}
