//! Packages of npm and PyPI that only this repository uses: pinned by committed files, installed once for each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{process, repository};

/// Installs the locked packages of `source` into `target/tools/<name>`, once for each lock file.
pub fn npm_install(name: &str, source: &Path) -> Result<PathBuf> {
    let directory = repository::tools().join(name);
    once(&directory, &lock_of(source)?, || {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), directory.join(file))?;
        }
        npm_ci(name, &directory)
    })?;
    Ok(directory)
}

/// Installs the locked packages into `<source>/node_modules`, where editors, TypeScript and bundlers look for them.
pub fn npm_install_beside(name: &str, source: &Path) -> Result<PathBuf> {
    let modules = source.join("node_modules");
    once(&modules, &lock_of(source)?, || npm_ci(name, source))?;
    Ok(modules)
}

/// A virtual environment with the pinned packages of a requirements file in `target/tools/<name>`.
pub fn pip_install(name: &str, requirements: &Path) -> Result<PathBuf> {
    let directory = repository::tools().join(name);
    pip_install_into(name, &directory, requirements)?;
    Ok(directory)
}

/// The same, in this directory.
pub fn pip_install_into(name: &str, directory: &Path, requirements: &Path) -> Result<()> {
    let pinned =
        fs::read_to_string(requirements).with_context(|| format!("no {}", requirements.display()))?;
    once(directory, &pinned, || {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(directory);
        process::run(&format!("python environment ({name})"), venv)?;
        let mut pip = Command::new(directory.join("bin/pip"));
        pip.args(["install", "--disable-pip-version-check", "--no-input", "-r"]).arg(requirements);
        process::run(&format!("python packages ({name})"), pip)
    })
}

fn lock_of(source: &Path) -> Result<String> {
    fs::read_to_string(source.join("package-lock.json"))
        .with_context(|| format!("{} has no package-lock.json", source.display()))
}

fn npm_ci(name: &str, directory: &Path) -> Result<()> {
    let mut command = Command::new("npm");
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(directory);
    process::run(&format!("npm packages ({name})"), command)
}

/// Runs `install` unless it has already succeeded for the same text. The note of that lies in the directory, so that
/// it goes when the directory goes.
fn once(directory: &Path, text: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = directory.join(".installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(());
    }
    fs::create_dir_all(directory)?;
    install()?;
    fs::write(stamp, text)?;
    Ok(())
}
