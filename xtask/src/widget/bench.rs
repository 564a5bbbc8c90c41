//! `cargo xtask bench --widget`: the engine beside pixi.js and konva in the browser of this machine. The harness is
//! `embed-widget/bench`; what it finds lies in `target/bench/widget.json`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::{e2e, folder};
use crate::install::{self, Need};
use crate::{packages, process, repository};

/// Seats of the plans that are measured.
const SIZES: [&str; 3] = ["10000", "50000", "100000"];
/// What the numbers of `widget.json` must keep: at most, or at least. The first four hold on any machine; the last two
/// mean an idle one.
const BARS: [(&str, Bar); 6] = [
    ("cpu_to_pixi_ratio", Bar::AtMost(0.25)),
    ("cpu_to_konva_ratio", Bar::AtMost(0.025)),
    ("gzip_bytes", Bar::AtMost(100_000.0)),
    ("hit_p99_us", Bar::AtMost(10.0)),
    ("interactive_ms", Bar::AtMost(500.0)),
    ("fps_p50", Bar::AtLeast(55.0)),
];

enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

/// Arguments go to `run.mjs`: `--only`, `--sizes`, `--ratios`, `--rounds`.
pub fn run(arguments: &[String]) -> Result<()> {
    install::install(install::SERVER)?;
    install::install(super::NEEDS)?;
    install::install(&[Need::Chromium])?;
    packages::npm_install_beside("widget bench", &folder().join("bench"))?;
    super::build()?;
    repository::build_binaries()?;
    let output = repository::target().join("bench");
    write_data()?;
    let numbers = output.join("widget.json");
    fs::remove_file(&numbers).ok();
    let status = Command::new("node")
        .arg("run.mjs")
        .arg("--data")
        .arg(data_folder())
        .arg("--pages")
        .arg(output.join("widget-pages"))
        .arg("--chromium")
        .arg(install::chromium().context("no Chromium")?)
        .arg("--output")
        .arg(&numbers)
        .args(arguments)
        .current_dir(folder().join("bench"))
        .status()
        .context("cannot start node")?;
    if !status.success() {
        bail!("the benchmark failed ({status})");
    }
    let mut measured: Map<String, Value> = serde_json::from_slice(&fs::read(&numbers)?)?;
    measured.insert("gzip_bytes".to_owned(), super::size::first_visit_bytes()?.into());
    measured.extend(e2e::interactive()?.as_object().cloned().unwrap_or_default());
    let measured = Value::from(measured);
    fs::write(&numbers, format!("{measured:#}\n"))?;
    compare(&measured);
    Ok(())
}

/// The plans, with states and changes, of every size.
pub fn write_data() -> Result<()> {
    let mut example =
        repository::cargo(&["run", "-p", "eventflow-embed-widget", "--example", "bench_data", "--"]);
    example.arg(data_folder()).args(SIZES);
    process::run("seats to draw", example)
}

/// The document of the largest ground.
pub fn stadium() -> PathBuf {
    data_folder().join(format!("stadium-{}.json", SIZES[SIZES.len() - 1]))
}

fn data_folder() -> PathBuf {
    repository::target().join("bench/widget-data")
}

/// Each bar with what was measured.
fn compare(numbers: &Value) {
    println!();
    for (name, bar) in BARS {
        let Some(measured) = numbers[name].as_f64() else { continue };
        let (kept, limit) = match bar {
            Bar::AtMost(limit) => (measured <= limit, format!("at most {limit}")),
            Bar::AtLeast(limit) => (measured >= limit, format!("at least {limit}")),
        };
        println!("{:>6}  {name} {measured} ({limit})", if kept { "ok" } else { "MISSED" });
    }
}
