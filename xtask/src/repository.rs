//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the checkout.
pub fn root() -> PathBuf {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).parent().expect("xtask lies in the checkout").to_owned()
}

/// The target directory, wherever the configuration of cargo puts it: this program lies in `<target>/debug`.
pub fn target() -> PathBuf {
    let program = std::env::current_exe().ok();
    let target = program.as_deref().and_then(|program| program.parent()?.parent());
    target.map_or_else(|| root().join("target"), Path::to_owned)
}

/// Programs and packages that only this repository uses.
pub fn tools() -> PathBuf {
    target().join("tools")
}

/// A binary of the workspace's debug build.
pub fn binary(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// The cargo that runs us, in the root of the checkout.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Builds what the demo, the contract and the SDK tests run.
pub fn build_binaries() -> anyhow::Result<()> {
    crate::process::run("build the workspace's binaries", cargo(&["build", "--workspace", "--bins"]))
}
