//! The engine: the crate `embed-widget` for wasm32, with the exports that wasm-bindgen describes. They are made by the
//! library behind wasm-bindgen's own command line, in the version of the lock file: no program has to be fetched or kept in
//! step.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::{process, repository};

const PACKAGE: &str = "eventflow-embed-widget";
const LIBRARY: &str = "eventflow_embed_widget";
const TARGET: &str = "wasm32-unknown-unknown";
/// Of what wasm-bindgen makes. Nobody reads its glue, `engine.js`: `ts/picker.ts` speaks with the module itself.
const NAME: &str = "engine";
pub const WASM: &str = "engine_bg.wasm";
/// Vector instructions: in every browser since 2023 (Safari 16.4 was the last). The engine and JavaScript exchange numbers
/// only: without references the module needs no table of them, and no glue.
const FEATURES: &str = "-Ctarget-feature=+simd128,-reference-types";
/// The standard library is built along, without the texts of panics, which nobody reads in a browser: a panic traps. It
/// makes the module a fifth smaller. The compiler calls both unstable; `rust-toolchain.toml` pins the compiler.
const STANDARD_LIBRARY: [&str; 2] = ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"];
const TRAPS: &str = "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none";

/// Where the engine lies.
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
    let module = aside.join(WASM);
    fs::write(&module, plain(&fs::read(&module)?).context("the engine is no module")?)?;
    fs::remove_dir_all(folder()).ok();
    fs::rename(&aside, folder())?;
    Ok(())
}

/// A module without what only tools read: its custom sections.
fn plain(module: &[u8]) -> Option<Vec<u8>> {
    let (head, mut rest) = module.split_at_checked(8)?;
    let mut plain = head.to_vec();
    while let Some((&kind, after)) = rest.split_first() {
        // The length: seven bits a byte, the lowest first.
        let bytes = after.iter().position(|byte| byte & 0x80 == 0)? + 1;
        let length = after[..bytes].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        let (section, next) = rest.split_at_checked(1 + bytes + length)?;
        if kind != 0 {
            plain.extend_from_slice(section);
        }
        rest = next;
    }
    Some(plain)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_custom_sections_go() {
        let head = b"\0asm\x01\0\0\0";
        let long = [&[0, 0x81, 0x01][..], &[7; 129]].concat();
        let module = [&head[..], &[1, 1, 0], &long, &[3, 2, 1, 0]].concat();
        assert_eq!(plain(&module), Some([&head[..], &[1, 1, 0, 3, 2, 1, 0]].concat()));
        assert_eq!((plain(b"\0asm"), plain(&[&head[..], &[1, 9]].concat())), (None, None));
    }
}
