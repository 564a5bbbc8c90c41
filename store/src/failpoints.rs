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
        let on_the_way = on_the_way();
        tracing::error!(point, number, on_the_way, "this server dies here, as it was told to");
        std::process::abort();
    }
}

/// The lines of ours that led to this point, the nearest first; those of every transaction are left out.
#[cfg(debug_assertions)]
fn on_the_way() -> String {
    /// More of them say nothing more.
    const NEAREST: usize = 3;
    let root = env!("CARGO_MANIFEST_DIR").trim_end_matches("store");
    let all = std::backtrace::Backtrace::force_capture().to_string();
    let lines = all.lines().filter_map(|line| line.trim().strip_prefix("at "));
    let ours = lines.filter_map(|line| {
        let line = line.strip_prefix("./").or_else(|| line.strip_prefix(root))?;
        let is_ours = line.contains("/src/");
        let is_way =
            is_ours && !line.starts_with("store/src/failpoints.rs") && !line.starts_with("store/src/db.rs");
        // Without the column.
        is_way.then(|| line.rsplit_once(':').map_or(line, |(line, _)| line))
    });
    ours.take(NEAREST).collect::<Vec<_>>().join(" < ")
}

/// Nobody dies in a release build.
#[cfg(not(debug_assertions))]
pub const fn pass(_point: &str) {}
