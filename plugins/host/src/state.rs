//! What belongs to one call: its budgets, its log, its view of settings and values; and the functions that a plugin may
//! call, which are all there is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wasmtime::{ResourceLimiter, StoreContextMut, component::Linker};

use crate::{limits, settings::Settings, values::Level};

/// One line of a plugin's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub level: Level,
    pub message: String,
}

/// The data of a store.
pub(crate) struct State {
    settings: Settings,
    may_write: bool,
    pub writes: BTreeMap<String, String>,
    pub log: Vec<LogLine>,
    log_bytes_left: usize,
    /// Lines that are not in the log, or not whole.
    pub log_cut: u32,
    pub host_calls: u32,
    pub memory: Memory,
}

/// A budget that only the host counts was used up.
#[derive(Debug, thiserror::Error)]
#[error("more than {max} calls of the host", max = limits::HOST_CALLS_MAX)]
pub(crate) struct TooManyHostCalls;

impl State {
    pub fn new(settings: Settings, may_write: bool) -> Self {
        Self {
            settings,
            may_write,
            writes: BTreeMap::new(),
            log: Vec::new(),
            log_bytes_left: limits::LOG_BYTES_MAX,
            log_cut: 0,
            host_calls: 0,
            memory: Memory::default(),
        }
    }

    fn count(&mut self) -> wasmtime::Result<()> {
        self.host_calls += 1;
        if self.host_calls > limits::HOST_CALLS_MAX { Err(TooManyHostCalls.into()) } else { Ok(()) }
    }

    fn write_log(&mut self, level: Level, mut message: String) {
        if self.log.len() >= limits::LOG_LINES_MAX || self.log_bytes_left == 0 {
            self.log_cut += 1;
            return;
        }
        if message.len() > self.log_bytes_left {
            message.truncate(message.floor_char_boundary(self.log_bytes_left));
            self.log_bytes_left = 0;
            self.log_cut += 1;
        }
        self.log_bytes_left = self.log_bytes_left.saturating_sub(message.len());
        self.log.push(LogLine { level, message });
    }

    fn value(&self, key: &str) -> Option<String> {
        match self.writes.get(key) {
            Some(value) => Some(value.clone()).filter(|value| !value.is_empty()),
            None => self.settings.value(key).map(str::to_owned),
        }
    }

    fn set_value(&mut self, key: String, value: String) -> Result<(), String> {
        if !self.settings.has_key_values() {
            return Err("the organizer did not grant the key-value store".to_owned());
        }
        if !self.may_write {
            return Err("values can be set by the notification hook only".to_owned());
        }
        if key.is_empty() || key.len() > limits::KEY_BYTES_MAX || value.len() > limits::VALUE_BYTES_MAX {
            let (key, value) = (limits::KEY_BYTES_MAX, limits::VALUE_BYTES_MAX);
            return Err(format!("a key has 1 to {key} bytes, a value at most {value}"));
        }
        if key.contains('\0') || value.contains('\0') {
            return Err("the character U+0000 cannot be kept".to_owned());
        }
        if self.writes.len() >= limits::WRITES_MAX && !self.writes.contains_key(&key) {
            return Err(format!("a call sets at most {} values", limits::WRITES_MAX));
        }
        self.writes.insert(key, value);
        Ok(())
    }
}

/// Puts the imports of `eventflow:plugin` into a linker. What is not here cannot be called.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut log = linker.instance("eventflow:plugin/log@1.0.0")?;
    log.func_wrap("write", |mut store: StoreContextMut<'_, State>, (level, message): (Level, String)| {
        let state = store.data_mut();
        state.count()?;
        state.write_log(level, message);
        Ok(())
    })?;
    let mut config = linker.instance("eventflow:plugin/config@1.0.0")?;
    config.func_wrap("get", |mut store: StoreContextMut<'_, State>, (key,): (String,)| {
        let state = store.data_mut();
        state.count()?;
        Ok((state.settings.get(&key).map(str::to_owned),))
    })?;
    config.func_wrap("all", |mut store: StoreContextMut<'_, State>, (): ()| {
        let state = store.data_mut();
        state.count()?;
        Ok((state.settings.all().to_owned(),))
    })?;
    let mut key_value = linker.instance("eventflow:plugin/key-value@1.0.0")?;
    key_value.func_wrap("get", |mut store: StoreContextMut<'_, State>, (key,): (String,)| {
        let state = store.data_mut();
        state.count()?;
        Ok((state.value(&key),))
    })?;
    key_value.func_wrap("set", |mut store: StoreContextMut<'_, State>, (key, value): (String, String)| {
        let state = store.data_mut();
        state.count()?;
        Ok((state.set_value(key, value),))
    })
}

/// Memory of one call, over all core modules that the component is made of.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    bytes: usize,
    /// A guest that gets no memory usually ends itself; this tells why.
    pub was_refused: bool,
}

impl Memory {
    /// Memories never shrink: this is the most that the call had.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        if bytes > limits::MEMORY_BYTES_MAX {
            self.was_refused = true;
            return Ok(false);
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= limits::TABLE_ELEMENTS_MAX)
    }
}
