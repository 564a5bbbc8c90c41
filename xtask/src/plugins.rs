//! `cargo xtask plugins`: the example plugins as components, in `target/plugins`.

mod guide;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{install, install::Need, packages, process, repository};

pub const NEEDS: &[Need] = &[Need::Compiler, Need::WasmTarget, Need::Node];
/// Only a new plugin is in Python.
pub const CHECK_NEEDS: &[Need] = &[Need::Python];
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
    install::install(CHECK_NEEDS)?;
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
    // What strangers begin with, and what the guide shows them next.
    let rust = new_plugin("template-rust", "rust")?;
    fs::copy(repository::root().join(RUST).join("Cargo.lock"), rust.join("Cargo.lock"))?;
    let javascript = new_plugin("template-js", "js")?;
    packages::npm_install_beside("new plugin", &javascript)?;
    for (project, language) in [(&rust, "rust"), (&javascript, "js")] {
        author("its test", project, &["test"])?;
        for page in guide::PAGES {
            guide::put(page, language, project)?;
            author(&format!("the guide's {page} in {language}"), project, &["test"])?;
        }
    }
    let python = new_plugin("template-python", "python")?;
    // Above the project, where its build finds it the next time too.
    let environment = target.join(".venv");
    packages::pip_install_into("new plugin", &environment, &python.join("requirements.txt"))?;
    author("its test", &python, &["test"])?;
    compile_as_the_server_does(&python.join("template-python.wasm"))
}

/// The largest plugin that there is, within the limits on memory and time, in the server's own program.
fn compile_as_the_server_does(component: &Path) -> Result<()> {
    let mut compiler = Command::new(repository::binary("eventflow"));
    compiler.arg("plugin-compiler").env_clear().stdin(fs::File::open(component)?).stdout(Stdio::null());
    let status = compiler.status().context("cannot start eventflow")?;
    ensure!(status.success(), "`eventflow plugin-compiler` fails ({status}) with {}", component.display());
    Ok(())
}

/// A project of a template, below `target/plugins`.
fn new_plugin(name: &str, template: &str) -> Result<PathBuf> {
    let target = repository::target().join("plugins");
    let project = target.join(name);
    if project.exists() {
        fs::remove_dir_all(&project)?;
    }
    author(&format!("a new plugin: {template}"), &target, &["new", name, "--template", template])?;
    Ok(project)
}

/// One of the author's commands, by the program that the whole workspace has built: built alone it has other features.
fn author(label: &str, directory: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(repository::binary("eventflow-plugin"));
    // What is built for one new plugin serves the next one.
    command
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", repository::target().join("plugins"));
    process::run(label, command)
}
