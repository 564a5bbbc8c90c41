//! `cargo xtask bench`: release binaries, then the benchmark program of `tools/bench`.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{install, process, repository};

pub fn run(arguments: &[String]) -> Result<()> {
    install::install(install::SERVER)?;
    install::install(&[install::Need::Pgbench])?;
    // The package of the server, not the whole workspace: a release build is long.
    let packages = ["-p", "eventflow-api", "-p", "stripe-sandbox", "-p", "eventflow-bench"];
    process::run(
        "build the release binaries",
        repository::cargo(&[&["build", "--release"][..], &packages].concat()),
    )?;
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
