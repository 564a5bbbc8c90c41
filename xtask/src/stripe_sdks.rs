//! Stripe's official SDKs, pointed at the sandbox by its base URL. The scripts lie with the sandbox; this installs the
//! pinned SDKs and runs them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{packages, process, repository};

const FOLDER: &str = "tools/stripe-sandbox/tests/official";
/// Compares the sandbox's answers with Stripe's own OpenAPI document, which is not ours to ship.
const SPEC_CHECK: &str = "spec_check.py";
const SPEC_VARIABLE: &str = "STRIPE_SPEC";

/// Runs every script; says what was left out and why.
pub fn run() -> Result<Option<String>> {
    let folder = repository::root().join(FOLDER);
    let javascript = packages::npm_install("stripe-sdk-js", &folder)?;
    let python = packages::pip_install("stripe-sdk-python", &folder.join("requirements.txt"))?;
    let mut names: Vec<String> = fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    let mut ran = 0;
    let mut skipped = None;
    for name in names {
        let mut command = match Path::new(&name).extension().and_then(|extension| extension.to_str()) {
            Some("mjs" | "js") => {
                // Modules are looked up beside the script that imports them.
                fs::copy(folder.join(&name), javascript.join(&name))
                    .with_context(|| format!("cannot copy {name}"))?;
                let mut node = Command::new("node");
                node.arg(javascript.join(&name));
                node
            }
            Some("py") if name == SPEC_CHECK && std::env::var_os(SPEC_VARIABLE).is_none() => {
                skipped =
                    Some(format!("{SPEC_CHECK}: set {SPEC_VARIABLE} to Stripe's OpenAPI document to run it"));
                continue;
            }
            Some("py") => {
                let mut interpreter = Command::new(python.join("bin/python"));
                interpreter.arg(folder.join(&name)).env("PYTHONDONTWRITEBYTECODE", "1");
                interpreter
            }
            _ => continue,
        };
        command
            .current_dir(repository::root())
            .env("STRIPE_SANDBOX_PROGRAM", repository::binary("stripe-sandbox"));
        process::run(&name, command)?;
        ran += 1;
    }
    if ran == 0 {
        bail!("there are no scripts in {FOLDER}");
    }
    Ok(skipped)
}
