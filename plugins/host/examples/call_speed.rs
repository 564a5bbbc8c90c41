//! How fast plugins are called: a fresh instance for each call, a cart of eight lines, one thread.
//!
//!     cargo run --release -p eventflow-plugin-host --example call_speed
//!
//! Writes `target/bench/plugins.json` and fails below the bars: p99 under a millisecond, 10,000 calls a second per core.

#![expect(clippy::print_stdout, reason = "a command-line program speaks through stdout")]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use eventflow_plugin_host::{Host, Outcome, Plugin, Settings, compiler_main, hooks::Pricing, values::Cart};
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

const MEASURE: Duration = Duration::from_secs(3);
const WARM_UP: usize = 2_000;
const P99_BAR_US: f64 = 1_000.0;
const CALLS_PER_S_BAR: f64 = 10_000.0;
const COMPILER: &str = "compile";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(COMPILER) {
        return compiler_main();
    }
    match measure_all() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all() -> Result<bool, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).map_or_else(|| root.join("target"), PathBuf::from);
    let built = eventflow_plugin_build::build(&root.join("examples/plugins"), Some(&target.join("plugins")))?;
    let cache = target.join("bench/cwasm");
    let _old = fs::remove_dir_all(&cache);
    let host = Host::new(&cache, move || {
        let mut command = Command::new(&program);
        command.arg(COMPILER);
        command
    })?;
    println!(
        "{:<16} {:>9} {:>8} {:>8} {:>8} {:>9} {:>8} {:>9} {:>9}",
        "plugin", "wasm B", "live ms", "p50 us", "p99 us", "calls/s", "fuel", "memory B", "cached us"
    );
    let mut results = Map::new();
    let mut is_fast = true;
    let mut plugins: Vec<(&str, Vec<u8>)> = Vec::new();
    for name in ["hello", "demand-pricing", "group-discount"] {
        let built = built.iter().find(|plugin| plugin.name == name).ok_or("an example is missing")?;
        plugins.push((name, built.component.clone()));
    }
    // The one in JavaScript is there after `cargo xtask plugins`, which needs Node.js.
    plugins.extend(fs::read(target.join("plugins/last-minute.wasm")).ok().map(|wasm| ("last-minute", wasm)));
    for (name, component) in &plugins {
        let name = *name;
        let began = Instant::now();
        let plugin = host.install(component)?;
        let live_ms = began.elapsed().as_secs_f64() * 1e3;
        let began = Instant::now();
        host.restore(component)?;
        let restore_us = began.elapsed().as_secs_f64() * 1e6;
        let speed = measure(&host, &plugin)?;
        println!(
            "{name:<16} {:>9} {live_ms:>8.1} {:>8.1} {:>8.1} {:>9.0} {:>8} {:>9} {restore_us:>9.0}",
            component.len(),
            speed.p50_us,
            speed.p99_us,
            speed.calls_per_s,
            speed.fuel,
            speed.memory_bytes
        );
        // The names that others read are those of the plugins that do real work; the bars are for Rust.
        let prefix = match name {
            "demand-pricing" => "rust".to_owned(),
            "last-minute" => "js".to_owned(),
            other => other.replace('-', "_"),
        };
        is_fast &= prefix == "js" || (speed.p99_us < P99_BAR_US && speed.calls_per_s > CALLS_PER_S_BAR);
        for (what, value) in [
            ("p50_us", json!(speed.p50_us)),
            ("p99_us", json!(speed.p99_us)),
            ("calls_per_s", json!(speed.calls_per_s.round())),
            ("fuel", json!(speed.fuel)),
            ("instance_bytes", json!(speed.memory_bytes)),
            ("upload_to_live_ms", json!(live_ms)),
        ] {
            results.insert(format!("{prefix}_{what}"), value);
        }
    }
    let directory = target.join("bench");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("plugins.json"), serde_json::to_string_pretty(&results)?)?;
    println!(
        "bars: p99 under {P99_BAR_US} us, more than {CALLS_PER_S_BAR} calls/s: {}",
        if is_fast { "kept" } else { "missed" }
    );
    Ok(is_fast)
}

struct Speed {
    p50_us: f64,
    p99_us: f64,
    /// Of one thread: per core.
    calls_per_s: f64,
    fuel: u64,
    memory_bytes: usize,
}

fn measure(host: &Host, plugin: &Plugin) -> Result<Speed, Box<dyn Error>> {
    let fixture = plugin.manifest.fixtures.first().ok_or("the example has no fixture")?;
    let mut cart: Cart = serde_json::from_value(fixture.input.clone())?;
    let line = cart.lines.first().cloned().ok_or("the fixture has no line")?;
    cart.lines = vec![line; 8];
    let settings = Settings::new(&with_defaults(&fixture.config), None)?;
    let call = || plugin.call::<Pricing>(host.engine(), &settings, &cart);
    (0..WARM_UP).for_each(|_| drop(call()));
    let last = call().receipt;
    if last.outcome != Outcome::Answered {
        return Err(format!("{:?}: {}", last.outcome, last.detail).into());
    }
    let mut nanos = Histogram::<u64>::new(3)?;
    let began = Instant::now();
    while began.elapsed() < MEASURE {
        let call_began = Instant::now();
        let answer = call().answer;
        nanos.record(u64::try_from(call_began.elapsed().as_nanos())?)?;
        drop(answer);
    }
    let micros = |quantile: f64| Duration::from_nanos(nanos.value_at_quantile(quantile)).as_secs_f64() * 1e6;
    Ok(Speed {
        p50_us: micros(0.5),
        p99_us: micros(0.99),
        calls_per_s: f64::from(u32::try_from(nanos.len())?) / began.elapsed().as_secs_f64(),
        fuel: last.fuel,
        memory_bytes: last.memory_bytes,
    })
}

fn with_defaults(config: &Value) -> Value {
    if config.is_null() { json!({}) } else { config.clone() }
}
