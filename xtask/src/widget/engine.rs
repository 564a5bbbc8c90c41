//! The engine: the crate `embed-widget` for wasm32, with wasm-bindgen's glue. The glue is made by the library behind
//! wasm-bindgen's own command line, in the version of the lock file: no program has to be fetched or kept in step.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::{process, repository};

const PACKAGE: &str = "eventflow-embed-widget";
const LIBRARY: &str = "eventflow_embed_widget";
const TARGET: &str = "wasm32-unknown-unknown";
/// Of the glue and everything it is made with: `engine.js`, `engine.d.ts`, `engine_bg.wasm`.
const NAME: &str = "engine";
pub const WASM: &str = "engine_bg.wasm";
/// Vector instructions: in every browser since 2023 (Safari 16.4 was the last).
const FEATURES: &str = "-Ctarget-feature=+simd128,-reference-types";
/// The standard library is built along, without the texts of panics, which nobody reads in a browser: a panic traps. It
/// makes the module a fifth smaller. The compiler calls both unstable; `rust-toolchain.toml` pins the compiler.
const STANDARD_LIBRARY: [&str; 2] = ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"];
const TRAPS: &str = "-Zunstable-options -Cpanic=immediate-abort";

/// Where the glue lies; TypeScript imports it from here.
pub fn folder() -> PathBuf {
    super::folder().join("pkg")
}

pub fn build() -> Result<()> {
    let mut cargo =
        repository::cargo(&["build", "-p", PACKAGE, "--lib", "--target", TARGET, "--profile", "widget"]);
    cargo.args(STANDARD_LIBRARY).env("RUSTC_BOOTSTRAP", "1");
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags()?);
    process::run("engine for wasm32", cargo)?;
    let module = repository::target().join(TARGET).join("widget").join(LIBRARY).with_extension("wasm");
    let mut glue = Bindgen::new();
    glue.input_path(&module).out_name(NAME).web(true)?.typescript(false);
    glue.remove_name_section(true).remove_producers_section(true);
    // Made aside, then moved: whoever reads the folder meanwhile sees the old files or the new ones.
    let aside = folder().with_extension("new");
    fs::remove_dir_all(&aside).ok();
    glue.generate(&aside).context("wasm-bindgen refuses the engine")?;
    fs::remove_dir_all(folder()).ok();
    fs::rename(&aside, folder())?;
    Ok(())
}

/// Panic messages name source files: with the paths of the machine in them, two machines would not build the same bytes.
fn flags() -> Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    let root = repository::root();
    let mut flags = format!("{FEATURES} {TRAPS}");
    for (path, name) in [(Some(root), "."), (home, "cargo")] {
        let Some(path) = path else { continue };
        let path = path.to_str().context("the checkout's path is not Unicode")?;
        if path.contains(' ') {
            bail!("the path {path} has a space; rustc's flags cannot carry it");
        }
        flags.push_str(&format!(" --remap-path-prefix={path}={name}"));
    }
    Ok(flags)
}
