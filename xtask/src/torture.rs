//! `cargo xtask torture`: the server, the sandbox and the program of `tools/torture`, as debug builds.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::install::{self, Need};
use crate::{process, repository};

/// Of the test command: three runs that anybody can repeat.
const SEEDS: &str = "1,2,3";
const SECONDS: &str = "20";
/// Of a sale's points (330 or so), the server dies at each so-many-th.
const EVERY: &str = "32";

pub fn run(arguments: &[String]) -> Result<()> {
    install::install(install::SERVER)?;
    if let Err(missing) = install::install(&[Need::Faketime]) {
        println!("!!!!!! no server will have a wrong clock: {missing}");
    }
    // The whole workspace: with a part of it, other features would be built.
    process::run("build the workspace", repository::cargo(&["build", "--workspace", "--bins"]))?;
    start(arguments)
}

/// The steps of `cargo xtask test`.
pub fn check() -> Result<()> {
    // One after the other: in so short a run each needs the machine to sell enough.
    run(&["--seeds", SEEDS, "--seconds", SECONDS, "--at-once", "1"].map(str::to_owned))
}

pub fn mutants() -> Result<()> {
    run(&["--mutants".to_owned()])
}

pub fn failpoints() -> Result<()> {
    run(&["--failpoints", "--every", EVERY].map(str::to_owned))
}

fn start(arguments: &[String]) -> Result<()> {
    let program = repository::target().join("debug/eventflow-torture");
    let out = repository::target().join("torture");
    let mut command = Command::new(&program);
    command.arg("--out").arg(out).args(arguments).current_dir(repository::root());
    // What it prints is for people: the terminal is its own.
    let status = command.status().with_context(|| format!("cannot start {}", program.display()))?;
    if !status.success() {
        bail!("the torture found something, or too little ({status})");
    }
    Ok(())
}
