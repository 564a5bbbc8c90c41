//! A plugin that can be called: linked and tried.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use wasmtime::component::{ComponentExportIndex, Instance, InstancePre};

use crate::{
    call::{self, Patience},
    compile::{CompileError, Compiled},
    engine::Engine,
    facts::Memory,
    fixtures::FixtureError,
    hooks::{HookType, with_hook},
    limits,
    manifest::Manifest,
    settings::Settings,
    state::State,
    upload::{Hook, Upload, UploadError},
};

/// Why an upload did not become a plugin.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error("it cannot be loaded: {problem}. A plugin has at most 4 memories, {memory} bytes of them in all, and 8 tables of {elements} elements", problem = .0, memory = limits::MEMORY_BYTES_MAX, elements = limits::TABLE_ELEMENTS_MAX)]
    Load(String),
    #[error("it does not fit the interface of this platform, build it again with the current SDK: {0}")]
    Link(String),
    #[error("`{hook}` does not have the types of {version}, build it again with the current SDK: {problem}", hook = .0.interface(), version = crate::upload::VERSION, problem = .1)]
    Types(Hook, String),
    #[error("it fails when it is started: {0}")]
    Start(String),
    #[error("a fixture fails: {0}")]
    Fixture(#[from] FixtureError),
}

/// Whoever was kept too long tries no sooner again.
const LONG_FOR: Duration = Duration::from_secs(60);

/// A version of a plugin, ready for calls from any thread. It keeps nothing between calls.
pub struct Plugin {
    pub manifest: Manifest,
    /// SHA-256 of the component.
    pub hash: [u8; 32],
    pub(crate) pre: InstancePre<State>,
    pub(crate) hooks: BTreeMap<Hook, ComponentExportIndex>,
    pub(crate) answers: Memory,
    /// When a call took longer than a thread that serves requests may be kept.
    pub(crate) long_at: Mutex<Option<Instant>>,
}

impl Plugin {
    /// Links the compiled upload, starts it once and compares the types of every hook: that it links says nothing about
    /// its records. Does not run its fixtures.
    pub fn load(engine: &Engine, upload: &Upload, compiled: &Compiled) -> Result<Self, InstallError> {
        let link = |error: wasmtime::Error| InstallError::Link(format!("{error:#}"));
        let component =
            compiled.component(engine).map_err(|error| InstallError::Load(format!("{error:#}")))?;
        let pre = engine.linker().instantiate_pre(&component).map_err(link)?;
        let hooks = upload
            .hooks
            .iter()
            .map(|(hook, name)| {
                let export = component
                    .get_export_index(None, name)
                    .and_then(|instance| component.get_export_index(Some(&instance), hook.function()));
                export.map(|export| (*hook, export)).ok_or_else(|| {
                    InstallError::Types(*hook, format!("the function `{}` is missing", hook.function()))
                })
            })
            .collect::<Result<_, _>>()?;
        let plugin = Self {
            manifest: upload.manifest.clone(),
            hash: upload.hash,
            pre,
            hooks,
            answers: Memory::default(),
            long_at: Mutex::default(),
        };
        plugin.start_once(engine)?;
        Ok(plugin)
    }

    pub fn has(&self, hook: Hook) -> bool {
        self.hooks.contains_key(&hook)
    }

    /// Whether a call took long a moment ago: the next one probably does, too.
    pub(crate) fn is_long(&self) -> bool {
        let at = *self.long_at.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| at.elapsed() < LONG_FOR)
    }

    pub(crate) fn was_long(&self) {
        *self.long_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    pub fn hooks(&self) -> impl Iterator<Item = Hook> {
        self.hooks.keys().copied()
    }

    fn start_once(&self, engine: &Engine) -> Result<(), InstallError> {
        let mut store = call::store(engine, &Settings::default(), false, 0, Patience::Full);
        let instance = self
            .pre
            .instantiate(&mut store)
            .map_err(|error| InstallError::Start(format!("{error:#}").replace('\n', " ")))?;
        for (hook, export) in &self.hooks {
            let fits = with_hook!(hook, H => fits::<H>(&instance, &mut store, export));
            fits.map_err(|error| InstallError::Types(*hook, format!("{error:#}")))?;
        }
        Ok(())
    }
}

fn fits<H: HookType>(
    instance: &Instance,
    store: &mut wasmtime::Store<State>,
    export: &ComponentExportIndex,
) -> wasmtime::Result<()> {
    instance.get_typed_func::<(&H::Input,), (Result<H::Output, String>,)>(store, export).map(drop)
}
