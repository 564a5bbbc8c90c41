//! The plugins of all tenants in one process: from bytes to published versions, and from a call to its receipt.

use std::{
    collections::HashMap,
    path::Path,
    process::Command,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Instant,
};

use uuid::Uuid;

use crate::{
    breaker::{BreakerState, Breakers},
    cache::Cache,
    call::{Call, Outcome, Patience, TooLong},
    compile::Compiled,
    engine::Engine,
    hooks::HookType,
    limits,
    places::Places,
    plugin::{InstallError, Plugin},
    settings::Settings,
    upload::{Hook, Upload},
};

/// A plugin of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub tenant: Uuid,
    pub plugin: Uuid,
}

/// The version that is called, and the one before it. Calls that run keep the version that they began with.
#[derive(Clone)]
pub struct Published {
    pub plugin: Arc<Plugin>,
    pub previous: Option<Arc<Plugin>>,
    /// Grows with every publication and rollback of this process.
    pub generation: u64,
}

/// There is nothing to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no earlier version")]
pub struct RollbackError;

pub struct Host {
    engine: Engine,
    cache: Cache,
    compiler: Box<dyn Fn() -> Command + Send + Sync>,
    /// Compilers take a gigabyte at worst: one at a time.
    compiling: Mutex<()>,
    published: RwLock<HashMap<Key, Published>>,
    places: Places,
    breakers: Breakers,
}

impl Host {
    /// `compiler` starts a program that calls [`crate::compiler_main`], such as a hidden subcommand of this one.
    pub fn new(
        cache: &Path,
        compiler: impl Fn() -> Command + Send + Sync + 'static,
    ) -> Result<Self, HostError> {
        let engine = Engine::new().map_err(|error| HostError::Engine(format!("{error:#}")))?;
        Ok(Self {
            cache: Cache::open(cache, &engine)?,
            engine,
            compiler: Box::new(compiler),
            compiling: Mutex::default(),
            published: RwLock::default(),
            places: Places::default(),
            breakers: Breakers::default(),
        })
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Makes a plugin of an upload: reads, compiles (in a child, or from the cache), links, starts, and runs its fixtures.
    /// Blocks; nothing is published.
    pub fn install(&self, wasm: &[u8]) -> Result<Plugin, InstallError> {
        let upload = Upload::read(wasm)?;
        let (plugin, compiled) = self.load(&upload)?;
        plugin.run_fixtures(&self.engine)?;
        self.keep(&upload, compiled);
        Ok(plugin)
    }

    /// As [`Host::install`], for bytes that were installed before: after a restart, or on another server.
    pub fn restore(&self, wasm: &[u8]) -> Result<Plugin, InstallError> {
        let upload = Upload::read(wasm)?;
        let (plugin, compiled) = self.load(&upload)?;
        self.keep(&upload, compiled);
        Ok(plugin)
    }

    /// The plugin, and its code if that is not in the cache.
    fn load(&self, upload: &Upload) -> Result<(Plugin, Option<Compiled>), InstallError> {
        let cached = || {
            let compiled = self.cache.load(&upload.hash)?;
            Plugin::load(&self.engine, upload, &compiled).ok()
        };
        if let Some(plugin) = cached() {
            return Ok((plugin, None));
        }
        let _one_at_a_time = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever was here before may have compiled the same.
        if let Some(plugin) = cached() {
            return Ok((plugin, None));
        }
        let compiled = Compiled::in_child((self.compiler)(), upload)?;
        let plugin = Plugin::load(&self.engine, upload, &compiled)?;
        Ok((plugin, Some(compiled)))
    }

    fn keep(&self, upload: &Upload, compiled: Option<Compiled>) {
        // A cache that cannot be written costs time only.
        let _stored = compiled.map(|compiled| self.cache.store(&upload.hash, &compiled));
    }

    /// From now on calls go to this version; the one that was there is kept for [`Host::rollback`].
    pub fn publish(&self, key: Key, plugin: Arc<Plugin>) -> Published {
        let mut all = self.write();
        let before = all.remove(&key);
        let generation = before.as_ref().map_or(1, |before| before.generation + 1);
        let published = Published { plugin, previous: before.map(|before| before.plugin), generation };
        all.insert(key, published.clone());
        self.breakers.forget(key);
        published
    }

    /// Goes back to the version before; once more goes forward again.
    pub fn rollback(&self, key: Key) -> Result<Published, RollbackError> {
        let mut all = self.write();
        let now = all.get_mut(&key).ok_or(RollbackError)?;
        let earlier = now.previous.take().ok_or(RollbackError)?;
        now.previous = Some(std::mem::replace(&mut now.plugin, earlier));
        now.generation += 1;
        self.breakers.forget(key);
        Ok(now.clone())
    }

    pub fn remove(&self, key: Key) -> Option<Published> {
        self.breakers.forget(key);
        self.write().remove(&key)
    }

    pub fn published(&self, key: Key) -> Option<Published> {
        self.read().get(&key).cloned()
    }

    pub fn breaker(&self, key: Key, hook: Hook) -> BreakerState {
        self.breakers.state(key, hook, Instant::now())
    }

    /// Calls the published version; `None` if there is none. Blocks: see [`Plugin::call`].
    pub fn call<H: HookType>(
        &self,
        key: Key,
        settings: &Settings,
        input: &H::Input,
    ) -> Option<Call<H::Output>> {
        let plugin = self.plugin(key)?;
        Some(self.call_full::<H>(&plugin, key, settings, input))
    }

    pub(crate) fn plugin(&self, key: Key) -> Option<Arc<Plugin>> {
        self.read().get(&key).map(|published| published.plugin.clone())
    }

    /// A call of this version with as much patience as there is.
    pub(crate) fn call_within<H: HookType>(
        &self,
        plugin: &Plugin,
        step: (Key, &Settings),
        input: &H::Input,
        patience: Patience,
    ) -> Result<Call<H::Output>, TooLong> {
        let (key, settings) = step;
        if patience == Patience::Full {
            return Ok(self.call_full::<H>(plugin, key, settings, input));
        }
        let is_closed = self.breakers.state(key, H::HOOK, Instant::now()) == BreakerState::Closed;
        let place = self.places.take_now(key.tenant).filter(|_| is_closed && !plugin.is_long());
        let _place = place.ok_or(TooLong)?;
        let call = plugin.call_within::<H>(&self.engine, settings, input, patience);
        if matches!(call.receipt.outcome, Outcome::OutOfFuel | Outcome::OutOfTime) {
            plugin.was_long();
            return Err(TooLong);
        }
        if let Some(permit) = self.breakers.permit(key, H::HOOK, Instant::now()) {
            self.breakers.record(key, H::HOOK, permit, call.receipt.outcome.is_failure(), Instant::now());
        }
        Ok(call)
    }

    pub(crate) fn call_full<H: HookType>(
        &self,
        plugin: &Plugin,
        key: Key,
        settings: &Settings,
        input: &H::Input,
    ) -> Call<H::Output> {
        let not_called = |outcome, detail: &str| {
            let receipt = plugin.receipt(H::HOOK, limits::fuel(H::lines(input)));
            receipt.not_called(outcome, detail.to_owned())
        };
        let Some(permit) = self.breakers.permit(key, H::HOOK, Instant::now()) else {
            let detail =
                "it failed too often a moment ago; it is tried again soon, or at once with another version";
            return not_called(Outcome::Suspended, detail);
        };
        let Some(_place) = self.places.take(key.tenant) else {
            return not_called(Outcome::Busy, "too many calls of plugins at once");
        };
        let call = plugin.call::<H>(&self.engine, settings, input);
        self.breakers.record(key, H::HOOK, permit, call.receipt.outcome.is_failure(), Instant::now());
        call
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Key, Published>> {
        self.published.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Key, Published>> {
        self.published.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// This machine cannot run plugins.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("the engine does not start: {0}")]
    Engine(String),
    #[error("the cache of compiled plugins: {0}")]
    Cache(#[from] std::io::Error),
}
