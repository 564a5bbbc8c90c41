//! `cargo xtask bench`: release binaries, then the benchmark program of `tools/bench`.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::{install, plugins, process, repository};

/// Calls of plugins by themselves, then holds with none, one and three; all figures in `target/bench/plugins.json`.
pub fn plugins(arguments: &[String]) -> Result<()> {
    plugins::run()?;
    build()?;
    let example = ["run", "--release", "-p", "eventflow-plugin-host", "--example", "call_speed"];
    let status = repository::cargo(&example).status().context("cannot start cargo")?;
    let missed = !status.success();
    let file = |name: &str| repository::target().join("bench").join(name);
    let (calls, holds) = (file("plugins.json"), file("plugins-holds.json"));
    let mine = ["--only", "plugins", "--out", &holds.display().to_string()].map(str::to_owned);
    let measured = measure(&[&mine[..], arguments].concat());
    if holds.is_file() {
        let read = |path: &Path| -> Result<Map<String, Value>> {
            Ok(serde_json::from_slice(&std::fs::read(path)?)?)
        };
        let mut all = read(&calls)?;
        all.extend(read(&holds)?);
        std::fs::write(&calls, serde_json::to_string_pretty(&all)?)?;
    }
    measured?;
    if missed { bail!("calls of plugins are slower than their bars") } else { Ok(()) }
}

/// A crowd of virtual buyers at the opening of a sale.
pub fn onsale(arguments: &[String]) -> Result<()> {
    build()?;
    measure(&[&["onsale".to_owned()][..], arguments].concat())
}

pub fn run(arguments: &[String]) -> Result<()> {
    build()?;
    measure(arguments)
}

fn build() -> Result<()> {
    install::install(install::SERVER)?;
    install::install(&[install::Need::Pgbench])?;
    // The package of the server, not the whole workspace: a release build is long.
    let packages = ["-p", "eventflow-api", "-p", "stripe-sandbox", "-p", "eventflow-bench"];
    process::run(
        "build the release binaries",
        repository::cargo(&[&["build", "--release"][..], &packages].concat()),
    )?;
    check_release(&repository::target().join("release/eventflow"))
}

/// What debug builds have for the torture must not be in a program that people run.
fn check_release(program: &Path) -> Result<()> {
    let bytes = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    for switch in ["EVENTFLOW_MUTANT", "EVENTFLOW_ABORT_AT"] {
        if bytes.windows(switch.len()).any(|window| window == switch.as_bytes()) {
            bail!("the release build knows {switch}; only debug builds may");
        }
    }
    Ok(())
}

fn measure(arguments: &[String]) -> Result<()> {
    let program = repository::target().join("release/eventflow-bench");
    // Its tables are for people: the terminal is its own.
    let status = Command::new(&program)
        .args(arguments)
        .current_dir(repository::root())
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    if !status.success() {
        bail!("the benchmark failed ({status})");
    }
    Ok(())
}
