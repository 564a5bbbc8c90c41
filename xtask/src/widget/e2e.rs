//! The picker as people use it: a platform with the demo's events, the partner's site on another origin, and Chromium.
//! The scenarios are `embed-widget/e2e`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use super::{bench, folder};
use crate::demo::{
    self,
    seed::Seed,
    server::{Ports, Server},
};
use crate::{install, packages, plugins, process, repository};

/// Scenarios at a time: browsers are heavy, and some scenarios measure time.
const AT_ONCE: &str = "--test-concurrency=1";

/// Every scenario, with binaries and a widget that are built already.
pub fn test() -> Result<()> {
    with_world("e2e", |world| {
        let mut files = Vec::new();
        super::collect(&folder().join("e2e"), &mut files)?;
        files.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
        let mut node = Command::new("node");
        node.args(["--test", AT_ONCE]).args(files).current_dir(folder()).env("EVENTFLOW_E2E", world);
        process::run("scenarios in the browser", node)
    })
}

/// `cargo xtask screenshots`: pictures of the picker for people to look at, in `target/screenshots`.
pub fn screenshots() -> Result<()> {
    install::install(install::SERVER)?;
    install::install(super::NEEDS)?;
    install::install(&[install::Need::Chromium])?;
    super::build()?;
    repository::build_binaries()?;
    bench::write_data()?;
    with_world("screenshots", |world| {
        let mut node = Command::new("node");
        node.arg("e2e/screenshots.mjs").current_dir(folder()).env("EVENTFLOW_E2E", world);
        process::run("screenshots", node)
    })?;
    println!("the pictures lie in {}", repository::target().join("screenshots").display());
    Ok(())
}

/// Milliseconds to a picker that answers, with the largest ground. The server is the debug build.
pub fn interactive() -> Result<serde_json::Value> {
    let mut numbers = None;
    with_world("interactive", |world| {
        let mut node = Command::new("node");
        node.arg("bench/interactive.mjs").current_dir(folder()).env("EVENTFLOW_E2E", world);
        numbers = Some(serde_json::from_slice(&process::output(node)?)?);
        Ok(())
    })?;
    numbers.context("no numbers")
}

/// Starts everything, and calls `run` with the file that says where it is.
fn with_world(name: &str, run: impl FnOnce(&PathBuf) -> Result<()>) -> Result<()> {
    packages::npm_install_beside("widget", &folder())?;
    let plugins = plugins::build_rust()?;
    let output = repository::target().join(name);
    fs::remove_dir_all(&output).ok();
    let data = demo::TemporaryData::new(name)?;
    let ports = Ports::free()?;
    let server = Server::start_unlimited(data.path(), ports)?;
    let done = Seed::plant(&server, data.path()).and_then(|seed| {
        let site = demo::open_site(&server, &seed, data.path(), ports.site)?;
        let world = json!({
            "platform": server.url(),
            "site": site,
            "secret_key": seed.secret_key,
            "publishable_key": seed.publishable_key,
            "concert": seed.concert_id,
            "party": seed.party_id,
            "chromium": install::chromium().context("no Chromium")?,
            "output": output,
            "stadium": bench::stadium(),
            "plugins": plugins,
        });
        let file = data.path().join("world.json");
        fs::write(&file, world.to_string())?;
        run(&file)
    });
    if done.is_err() {
        println!("the end of the server's log:\n{}", process::tail(server.log(), 20));
    }
    server.stop().and(done)
}
