//! The plugins of all tenants in this server: which versions are called at which events, with which settings. The database
//! says so; what is in memory is compared with it by a revision, here every few seconds and in every claim.

mod cart;
pub mod fetch;
pub mod messages;
pub mod prices;
mod receipts;
pub mod tickets;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Command,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use dashmap::DashMap;
use eventflow_core::{ErrorCode, Id, Refusal, id};
use eventflow_plugin_host::{
    FailurePolicy, Hook, Host, InstallError, Key, KeyValues, Plugin, Settings, Step,
};
use eventflow_store::{
    Error, Result, Scope,
    plugins::{self as stored, Called, Revision, installations::Installation},
    recent::Recent,
};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    app::App,
    config::Config,
    shares::{Part, Shares},
};

use fetch::Fetcher;
pub use receipts::{Receipts, recording, row};

/// What is known of a tenant's plugins is compared with the database after so long. A change through this server is seen
/// at once, and an order is always made with what the database says.
const KNOWN_FOR: Duration = Duration::from_secs(2);
/// Tenants whose plugins are kept in memory, at most; beyond it they are read anew.
const TENANTS_MAX: usize = 10_000;

/// Plugins that are compiled or tried at one time, by this server.
const TURNS: usize = 2;
/// Compiling a large one takes seconds.
const TURN_WAIT: Duration = Duration::from_secs(20);
const TURN_RETRY_SECS: u32 = 10;
/// A plugin that could not be restored is tried again after so long: compiling takes seconds of a processor.
const RESTORE_AGAIN: Duration = Duration::from_secs(30);
/// Calls are short; a tenant whose plugins are slow waits for its own.
const CALL_WAIT: Duration = Duration::from_secs(1);

/// Plugins in this process. A server without any never starts the engine.
pub struct Plugins {
    cache: PathBuf,
    /// Compiles uploads, when it is not this very program.
    compiler: Option<PathBuf>,
    host: OnceLock<Result<Arc<Host>, String>>,
    tenants: Recent<Uuid, Arc<Installed>>,
    /// Who reads the plugins of a tenant again: one at a time, so that what is read last is what counts.
    reading: DashMap<Uuid, Arc<Mutex<()>>>,
    pub receipts: Receipts,
    pub fetcher: Fetcher,
    /// Turns at what takes a processor for long: compiling an upload, and trying a version.
    turns: Shares,
    /// Turns at prices. More calls at one time than cores only take each other's: of the pool of threads that block, a few
    /// stay warm.
    calls: Shares,
}

/// The plugins of one tenant, as of a revision.
#[derive(Default)]
pub struct Installed {
    pub revision: Revision,
    /// When a plugin could not be restored: it is tried again later.
    failed_at: Option<Instant>,
    /// In the organizer's order.
    plugins: Vec<One>,
}

struct One {
    key: Key,
    name: String,
    version: String,
    /// Its own for an event, else the one for all.
    for_all: Option<Place>,
    for_events: BTreeMap<Uuid, Place>,
}

/// A plugin at an event, or at all of them.
struct Place {
    enabled: bool,
    hooks: BTreeMap<Hook, FailurePolicy>,
    settings: Settings,
    http_hosts: Vec<String>,
}

/// A plugin that is called for a hook.
#[derive(Clone)]
pub struct Turn {
    pub step: Step,
    pub version: String,
    /// Whether it wants to have something fetched first, and from which hosts it may.
    pub fetches: Option<Vec<String>>,
}

impl Installed {
    /// Who is asked at an event, in order.
    pub fn turns(&self, event: Uuid, hook: Hook) -> Vec<Turn> {
        let turn = |one: &One| {
            let place = one.for_events.get(&event).or(one.for_all.as_ref()).filter(|place| place.enabled)?;
            let requests = match hook {
                Hook::Pricing | Hook::Validation => Hook::CartRequests,
                _ => Hook::NoticeRequests,
            };
            let step = Step {
                key: one.key,
                name: one.name.clone(),
                settings: place.settings.clone(),
                policy: *place.hooks.get(&hook)?,
            };
            let fetches = place.hooks.contains_key(&requests).then(|| place.http_hosts.clone());
            Some(Turn { step, version: one.version.clone(), fetches })
        };
        self.plugins.iter().filter_map(turn).collect()
    }
}

impl Plugins {
    /// Compiled code is kept below the data directory.
    pub fn new(config: &Config) -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            cache: config.data_dir.join("plugins"),
            compiler: config.plugin_compiler.clone(),
            host: OnceLock::new(),
            tenants: Recent::new(TENANTS_MAX),
            reading: DashMap::new(),
            receipts: Receipts::default(),
            fetcher: Fetcher::new(config.plugin_http_instead)?,
            turns: Shares::new(TURNS, 1, TURN_WAIT),
            calls: Shares::new(2 * cores, cores, CALL_WAIT),
        })
    }

    /// What runs plugins; it is started when the first one is needed.
    pub fn host(&self) -> Result<Arc<Host>> {
        let start = || {
            let program = self.compiler.clone().map_or_else(std::env::current_exe, Ok);
            let program = program.map_err(|error| error.to_string())?;
            let compiler = move || {
                let mut command = Command::new(&program);
                command.arg("plugin-compiler");
                command
            };
            Host::new(&self.cache, compiler).map(Arc::new).map_err(|error| error.to_string())
        };
        self.host.get_or_init(start).clone().map_err(|error| Error::Corrupt(format!("plugins: {error}")))
    }

    /// A turn at compiling or trying a plugin.
    ///
    /// # Errors
    /// `unavailable` when others, or the tenant's own uploads, took too long.
    pub async fn turn(&self, tenant: Id<id::Tenant>) -> Result<Part, Refusal> {
        self.turns.take(tenant, 1).await.ok_or_else(|| {
            let detail = "This server is compiling as many plugins as it can. Try again in a moment.";
            Refusal::new(ErrorCode::Unavailable, detail).retry_after(TURN_RETRY_SECS)
        })
    }

    /// Works out prices beside the threads that serve requests, a few at one time. Whoever waits too long goes on all the same:
    /// the host bounds the calls of each tenant.
    pub async fn call<T: Send + 'static>(
        &self,
        tenant: Id<id::Tenant>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let _turn = self.calls.take(tenant, 1).await;
        off_thread(work).await
    }

    /// The plugin is deleted.
    pub fn remove(&self, tenant: Id<id::Tenant>, plugin: Id<id::Plugin>) {
        self.forget(tenant);
        if let Some(Ok(host)) = self.host.get() {
            host.remove(Key { tenant: tenant.uuid(), plugin: plugin.uuid() });
        }
    }

    /// The tenant's plugins changed: whoever asks next reads them again.
    pub fn forget(&self, tenant: Id<id::Tenant>) {
        self.tenants.forget(&tenant.uuid());
    }

    /// The tenant's plugins.
    pub async fn of(&self, app: &App, scope: &Scope) -> Result<Arc<Installed>> {
        let tenant = scope.tenant.uuid();
        let begun = self.tenants.begin();
        let known = self.tenants.get_with_time(&tenant);
        if let Some((installed, at)) = &known {
            if at.elapsed() < KNOWN_FOR {
                return Ok(installed.clone());
            }
            // One of those who ask looks; the others go on with what is known.
            self.tenants.keep(tenant, installed.clone(), begun);
            let revision = app.db.run(scope, async |tx| stored::revision(tx).await).await?;
            if revision == installed.revision
                && installed.failed_at.is_none_or(|at| at.elapsed() < RESTORE_AGAIN)
            {
                return Ok(installed.clone());
            }
        }
        let reading = self.reading.entry(tenant).or_default().clone();
        let _alone = reading.lock().await;
        // Somebody else may have read them while we waited.
        let fresh = self
            .tenants
            .get(&tenant, KNOWN_FOR)
            .filter(|fresh| !known.as_ref().is_some_and(|(installed, _)| Arc::ptr_eq(installed, fresh)));
        if let Some(installed) = fresh {
            return Ok(installed);
        }
        let begun = self.tenants.begin();
        let (revision, called) = app.db.run(scope, async |tx| stored::called(tx).await).await?;
        let (mut plugins, mut failed_at) = (Vec::with_capacity(called.len()), None);
        for one in called {
            let key = Key { tenant, plugin: one.plugin.id };
            if !self.publish(app, scope, key, &one).await? {
                failed_at = Some(Instant::now());
            }
            plugins.push(read(key, one)?);
        }
        let installed = Arc::new(Installed { revision, failed_at, plugins });
        self.tenants.keep(tenant, installed.clone(), begun);
        Ok(installed)
    }

    /// Makes sure that the host calls the version that the database says; `false` when that cannot be had now.
    async fn publish(&self, app: &App, scope: &Scope, key: Key, called: &Called) -> Result<bool> {
        let host = self.host()?;
        let is_there = |host: &Host| {
            host.published(key)
                .is_some_and(|published| published.plugin.hash[..] == called.version.wasm_sha256)
        };
        if is_there(&host) {
            return Ok(true);
        }
        match self.restore(app, scope, called.version.id).await? {
            Ok(plugin) => {
                host.publish(key, Arc::new(plugin));
                Ok(true)
            }
            Err(error) => {
                // Whoever must not go without it is told so; the organizer sees why in the log of the server.
                tracing::error!(error = %error, plugin = %called.plugin.name, "a plugin cannot be restored");
                host.remove(key);
                Ok(false)
            }
        }
    }

    /// A version that was uploaded before, ready to be called.
    pub async fn restore(
        &self,
        app: &App,
        scope: &Scope,
        version: Uuid,
    ) -> Result<Result<Plugin, InstallError>> {
        let host = self.host()?;
        let wasm = app.db.run(scope, async |tx| stored::wasm(tx, version).await).await?;
        off_thread(move || host.restore(&wasm)).await
    }
}

/// Runs what blocks beside the threads that serve requests.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Corrupt(format!("a plugin's call: {error}")))
}

fn read(key: Key, called: Called) -> Result<One> {
    let values: Arc<KeyValues> = Arc::new(called.values.into_iter().collect());
    let has_requests = |hook: Hook| called.version.hooks.iter().any(|name| *name == hook.name());
    let (mut for_all, mut for_events) = (None, BTreeMap::new());
    for installation in &called.installations {
        let mut place = place(installation, &values)?;
        // What is fetched belongs to the hook that it is fetched for: nobody enables it apart.
        for requests in [Hook::CartRequests, Hook::NoticeRequests] {
            if has_requests(requests) {
                place.hooks.insert(requests, FailurePolicy::Skip);
            }
        }
        match installation.event_id {
            Some(event) => {
                for_events.insert(event, place);
            }
            None => for_all = Some(place),
        }
    }
    let (name, version) = (called.plugin.name, called.version.version);
    Ok(One { key, name, version, for_all, for_events })
}

fn place(installation: &Installation, values: &Arc<KeyValues>) -> Result<Place> {
    let granted = installation.key_value_granted.then(|| values.clone());
    let settings = Settings::new(&installation.config, granted)
        .map_err(|error| Error::Corrupt(format!("settings of a plugin: {error}")))?;
    let hooks = serde_json::from_value(installation.hooks.clone())
        .map_err(|error| Error::Corrupt(format!("hooks of a plugin: {error}")))?;
    let http_hosts = installation.http_hosts.clone();
    Ok(Place { enabled: installation.enabled, hooks, settings, http_hosts })
}
