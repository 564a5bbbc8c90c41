//! Points between two effects, at which a process can be told to die: around every commit, every script in Redis and every
//! call of the provider. `cargo xtask torture --failpoints` ends a sale at each of them in turn. Debug builds only: in a
//! release build passing a point does nothing, and nothing reads the environment variable.

/// Dies if this is the point that `EVENTFLOW_ABORT_AT` counts to, with no farewell, as a crash would.
#[cfg(debug_assertions)]
pub fn pass(point: &str) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    };
    static AT: OnceLock<Option<u64>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let at = AT.get_or_init(|| std::env::var("EVENTFLOW_ABORT_AT").ok()?.parse().ok());
    let Some(at) = *at else { return };
    let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if number == at {
        tracing::error!(point, number, "this server dies here, as it was told to");
        std::process::abort();
    }
}

/// Nobody dies in a release build.
#[cfg(not(debug_assertions))]
pub const fn pass(_point: &str) {}
