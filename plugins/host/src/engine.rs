//! The engine: one configuration for compiling and for running, and the clock of the deadline.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::mpsc,
    thread,
    time::Duration,
};

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, component::Linker};

use crate::{
    limits,
    state::{self, State},
};

/// Runs components. One for each process: its pool of memory is made for all calls together.
pub struct Engine {
    inner: wasmtime::Engine,
    linker: Linker<State>,
    /// Dropping it stops the clock.
    _clock: mpsc::Sender<()>,
}

impl Engine {
    pub fn new() -> Result<Self, wasmtime::Error> {
        let mut config = config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        let inner = wasmtime::Engine::new(&config)?;
        let (clock, stopped) = mpsc::channel::<()>();
        let ticking = inner.clone();
        thread::Builder::new().name("plugin-clock".into()).spawn(move || {
            let tick = Duration::from_millis(limits::TICK_MS);
            while stopped.recv_timeout(tick) == Err(mpsc::RecvTimeoutError::Timeout) {
                ticking.increment_epoch();
            }
        })?;
        let mut linker = Linker::new(&inner);
        state::link(&mut linker)?;
        Ok(Self { inner, linker, _clock: clock })
    }

    pub(crate) fn linker(&self) -> &Linker<State> {
        &self.linker
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Stands for everything that compiled code depends on: this processor's features, wasmtime, our configuration.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.inner.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }
}

/// An engine that compiles only: without the pool, so that it fits into the compiler's small memory.
pub(crate) fn compiling() -> Result<wasmtime::Engine, wasmtime::Error> {
    wasmtime::Engine::new(&config())
}

/// Everything here is part of the compiled code or of what a guest can observe.
fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits::STACK_BYTES_MAX)
        // The same input gives the same bits: no payloads of NaN, no instruction that differs between processors, no
        // threads.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .concurrency_support(false)
        // Memory of one call, reserved at once and never moved; the guard catches small offsets beyond it.
        .memory_reservation(limits::MEMORY_BYTES_MAX as u64)
        .memory_guard_size(64 << 10)
        .memory_may_move(false)
        // Names of the guest's functions in a trap's message are for its author; addresses in our memory are not.
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    config
}

/// Slots of memory for calls that run at once. Counted per core module: a JavaScript guest is made of eleven, with three
/// memories.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let calls = limits::CALLS_AT_ONCE;
    pool.total_component_instances(calls)
        .total_core_instances(calls * 16)
        .total_memories(calls * 4)
        .total_tables(calls * 4)
        .max_core_instances_per_component(64)
        .max_memories_per_component(4)
        .max_tables_per_component(8)
        .max_memory_size(limits::MEMORY_BYTES_MAX)
        .table_elements(limits::TABLE_ELEMENTS_MAX)
        // What a call touched is wiped in place instead of being given back to the kernel and faulted in again, which is
        // most of the cost of a fresh instance.
        .linear_memory_keep_resident(512 << 10)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}
