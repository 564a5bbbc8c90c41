//! `cargo xtask widget`: the seat picker as it is served. Rust becomes WebAssembly (`embed-widget/pkg`),
//! TypeScript becomes a few modules, and both become `embed-widget/dist`: an evergreen loader
//! under `v1/` and immutable files in a directory that is named after their contents.

pub mod bench;
mod bundle;
mod dist;
pub mod e2e;
mod engine;
mod size;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::install::{self, Need};
use crate::{packages, process, repository};

pub const NEEDS: &[Need] = &[Need::WasmTarget, Need::Node];
/// Everything that can change a byte of the result.
const INPUTS: [&str; 13] = [
    "Cargo.lock",
    "Cargo.toml",
    "rust-toolchain.toml",
    "core/Cargo.toml",
    "core/src",
    "embed-widget/Cargo.toml",
    "embed-widget/package-lock.json",
    "embed-widget/tsconfig.json",
    "embed-widget/raster",
    "embed-widget/src",
    "embed-widget/ts",
    "xtask/src/widget",
    "xtask/Cargo.toml",
];

/// The folder of the widget in the checkout.
pub fn folder() -> PathBuf {
    repository::root().join("embed-widget")
}

#[derive(Args, Debug)]
pub struct Options {
    /// Also keep the limits of size, and check and test the TypeScript
    #[arg(long)]
    check: bool,
}

/// `cargo xtask widget`
pub fn run(options: &Options) -> Result<()> {
    install::install(NEEDS)?;
    if options.check {
        return check();
    }
    build()?;
    size::print(&dist::Manifest::read(&dist_folder())?);
    Ok(())
}

/// Builds, and fails when the result is too large or its TypeScript is wrong.
pub fn check() -> Result<()> {
    build()?;
    size::gate()?;
    check_typescript()
}

/// Builds what changed: nothing, when no input did.
pub fn build() -> Result<()> {
    let inputs = fingerprint()?;
    let stamp = repository::target().join("xtask/widget-inputs");
    let built = dist_folder().join(dist::MANIFEST).is_file();
    if built && fs::read_to_string(&stamp).is_ok_and(|before| before == inputs) {
        return Ok(());
    }
    let modules = packages::npm_install_beside("widget", &folder())?;
    engine::build()?;
    let bundle = bundle::Bundler::new(&modules);
    dist::write(&bundle, &dist_folder())?;
    fs::create_dir_all(stamp.parent().expect("the note lies in a directory"))?;
    Ok(fs::write(stamp, inputs)?)
}

/// Types and unit tests of the TypeScript.
fn check_typescript() -> Result<()> {
    let modules = packages::npm_install_beside("widget", &folder())?;
    let mut compiler = Command::new(modules.join(".bin/tsc"));
    compiler.args(["--noEmit", "-p", "."]).current_dir(folder());
    process::run("tsc --noEmit (widget)", compiler)?;
    let tests = repository::target().join("widget-tests");
    let files = bundle::Bundler::new(&modules).tests(&tests)?;
    let mut node = Command::new("node");
    node.arg("--test").args(files).current_dir(folder());
    process::run("unit tests of the widget's TypeScript", node)
}

fn dist_folder() -> PathBuf {
    folder().join("dist")
}

/// One line for each input: its path and the hash of its contents.
fn fingerprint() -> Result<String> {
    let mut files = Vec::new();
    for input in INPUTS {
        collect(&repository::root().join(input), &mut files)?;
    }
    let mut lines = String::new();
    for file in files {
        let contents = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        lines.push_str(&format!("{} {}\n", dist::short_hash(&[&contents]), file.display()));
    }
    Ok(lines)
}

/// The files of a path, in a stable order; none when there is nothing.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
    }
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        entries.sort();
        for entry in entries {
            collect(&entry, files)?;
        }
    }
    Ok(())
}
