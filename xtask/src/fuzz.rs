//! `cargo xtask fuzz`: every fuzz target for a while, on what the targets before it found.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::install::{self, Need};
use crate::{process, repository};

/// Crates of targets, beside the crates that they test.
const CRATES: [&str; 3] = ["core/fuzz", "api/fuzz", "plugins/host/fuzz"];
/// One input that takes longer is a finding: what strangers send is read in milliseconds.
const INPUT_SECS: u32 = 10;
/// Of one target.
const MEMORY_MIB: u32 = 2_048;

#[derive(Args, Debug)]
pub struct Options {
    /// For how long each target runs
    #[arg(long, value_name = "S", default_value_t = 30)]
    seconds: u32,
    /// Run only these; all unless given
    targets: Vec<String>,
}

struct Target {
    name: String,
    /// Where its crate is.
    directory: PathBuf,
}

pub fn run(options: &Options) -> Result<()> {
    let all = targets()?;
    let names: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
    if let Some(unknown) = options.targets.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no target `{unknown}`; the targets are {}", names.join(", "));
    }
    install::install(&[Need::Compiler, Need::CargoFuzz])?;
    let chosen =
        all.iter().filter(|target| options.targets.is_empty() || options.targets.contains(&target.name));
    let mut failed = vec![];
    for target in chosen {
        if let Err(error) = target.run(options.seconds) {
            println!("error: {error:#}");
            failed.push(target.name.as_str());
        }
    }
    ensure!(failed.is_empty(), "inputs that break {} lie in `artifacts` of their crates", failed.join(", "));
    Ok(())
}

/// One for each file in `fuzz_targets`.
fn targets() -> Result<Vec<Target>> {
    let mut found = vec![];
    for directory in CRATES.map(|path| repository::root().join(path)) {
        for file in fs::read_dir(directory.join("fuzz_targets"))? {
            let path = file?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).context("a target without a name")?;
            found.push(Target { name: name.to_owned(), directory: directory.clone() });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

impl Target {
    fn run(&self, seconds: u32) -> Result<()> {
        // What runs here are the versions that the server has.
        fs::copy(repository::root().join("Cargo.lock"), self.directory.join("Cargo.lock"))?;
        process::run(&format!("fuzz {}: build", self.name), self.command("build")?)?;
        let corpus = self.directory.join("corpus").join(&self.name);
        fs::create_dir_all(&corpus)?;
        let mut command = self.command("run")?;
        command.arg(corpus).args(self.samples()).arg("--");
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-timeout={INPUT_SECS}"));
        command.arg(format!("-rss_limit_mb={MEMORY_MIB}"));
        process::run(&format!("fuzz {}: {seconds} s", self.name), command)
    }

    /// No sanitizer: the code under test has no `unsafe`, and so the stable compiler does. What is looked for are
    /// assertions that fail, panics, overflows, and what takes too long or too much memory.
    fn command(&self, what: &str) -> Result<Command> {
        let mut command = Command::new(install::cargo_fuzz().context("cargo-fuzz is not installed")?);
        command.args(["fuzz", what, "--sanitizer", "none", "--codegen-units", "16", "--fuzz-dir"]);
        command.arg(&self.directory).arg("--target-dir").arg(repository::target().join("fuzz"));
        command.arg(&self.name).current_dir(repository::root());
        Ok(command)
    }

    /// Those of its crate; uploads of plugins are made by `cargo xtask plugins`.
    fn samples(&self) -> Vec<PathBuf> {
        let own = self.directory.join("seeds").join(&self.name);
        let of_plugins = self.directory.starts_with(repository::root().join("plugins"));
        let uploads = of_plugins.then(|| repository::target().join("plugins"));
        [Some(own), uploads].into_iter().flatten().filter(|path| path.is_dir()).collect()
    }
}
