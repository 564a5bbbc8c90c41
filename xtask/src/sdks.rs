//! The client SDKs: what is generated from the contract, and their tests against a platform of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::install::{self, Need};
use crate::{packages, process, repository, rust_sdk};

const JAVASCRIPT: &str = "sdk-js";

/// `cargo xtask codegen`: with `check` a difference is an error, else it is written.
pub fn generate(check: bool) -> Result<()> {
    rust_sdk::generate(check)?;
    install::install(&[Need::Node])?;
    let arguments: &[&str] = if check { &["run", "generate", "--", "--check"] } else { &["run", "generate"] };
    process::run("generate the JavaScript SDK", npm(&javascript()?, arguments))
}

/// Generated files, types, sizes, and every test of the JavaScript SDK, with its package in Node, a page and a worker.
pub fn test_javascript() -> Result<()> {
    let mut command = npm(&javascript()?, &["test"]);
    command.env("EVENTFLOW_PROGRAM", repository::binary("eventflow"));
    if let Some(chromium) = install::chromium() {
        command.env("CHROMIUM", chromium);
    }
    process::run("the JavaScript SDK", command)
}

/// Every test of the Rust SDK with its examples, against a platform of its own. What is generated is compared first.
pub fn test_rust() -> Result<()> {
    rust_sdk::generate(true)?;
    repository::build_binaries()?;
    let command = repository::cargo(&["test", "--workspace", "--test", "sdk"]);
    process::run("the Rust SDK", command)
}

/// The folder of the JavaScript SDK, with its tools installed.
fn javascript() -> Result<PathBuf> {
    let folder = repository::root().join(JAVASCRIPT);
    packages::npm_install_beside("JavaScript SDK", &folder)?;
    Ok(folder)
}

fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(folder);
    command
}
