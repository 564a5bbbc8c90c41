//! `cargo xtask plugins`: the example plugins as components, in `target/plugins`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{install, install::Need, packages, process, repository};

pub const NEEDS: &[Need] = &[Need::Compiler, Need::WasmTarget, Need::Node];
/// What builds those in Rust.
pub const RUST_NEEDS: &[Need] = &[Need::Compiler, Need::WasmTarget];

const RUST: &str = "examples/plugins";
const JAVASCRIPT: &str = "examples/plugins-js";
const JAVASCRIPT_PLUGINS: [&str; 2] = ["last-minute", "house-mail"];

/// Builds every example and says where it is.
pub fn run() -> Result<()> {
    install::install(NEEDS)?;
    let javascript = repository::root().join(JAVASCRIPT);
    packages::npm_install_beside("example plugins", &javascript)?;
    let mut files = build(&repository::root().join(RUST))?;
    for name in JAVASCRIPT_PLUGINS {
        files.extend(build(&javascript.join(name))?);
    }
    for file in files {
        println!("{:>8} bytes  {}", fs::metadata(&file)?.len(), file.display());
    }
    Ok(())
}

/// Builds the examples in Rust; returns where their components lie, each as `<name>.wasm`.
pub fn build_rust() -> Result<PathBuf> {
    build(&repository::root().join(RUST))?;
    Ok(folder())
}

fn folder() -> PathBuf {
    repository::target().join("plugins")
}

/// The components of a project.
fn build(project: &Path) -> Result<Vec<PathBuf>> {
    let target = folder();
    let mut files = Vec::new();
    for built in eventflow_plugin_build::build(project, Some(&target))? {
        let file = target.join(format!("{}.wasm", built.name));
        fs::write(&file, &built.component).with_context(|| format!("cannot write {}", file.display()))?;
        files.push(file);
    }
    Ok(files)
}

/// Format and lints of the examples, which are no part of the workspace; then [`run`], and the fixtures of those that the
/// host's own tests do not build.
pub fn check() -> Result<()> {
    let target = folder();
    for arguments in
        [&["fmt", "--all", "--", "--check"][..], &["clippy", "--workspace", "--", "-D", "warnings"]]
    {
        let mut command = repository::cargo(arguments);
        command.current_dir(repository::root().join(RUST));
        command.env("CARGO_TARGET_DIR", &target).env("CARGO_BUILD_TARGET", "wasm32-unknown-unknown");
        process::run(&format!("cargo {} of the example plugins", arguments[0]), command)?;
    }
    run()?;
    repository::build_binaries()?;
    for name in JAVASCRIPT_PLUGINS {
        author(&format!("fixtures of {name}"), &target, &["test", "--plugin", &format!("{name}.wasm")])?;
    }
    // What a stranger in JavaScript begins with; the one in Rust is a test of the host.
    let project = target.join("template-js");
    if project.exists() {
        fs::remove_dir_all(&project)?;
    }
    author("a new plugin in JavaScript", &target, &["new", "template-js", "--template", "js"])?;
    packages::npm_install_beside("new plugin", &project)?;
    author("its test", &target, &["test", "--plugin", "template-js"])
}

/// One of the author's commands, by the program that the whole workspace has built: built alone it has other features.
fn author(label: &str, directory: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(repository::binary("eventflow-plugin"));
    command.args(arguments).current_dir(directory);
    process::run(label, command)
}
