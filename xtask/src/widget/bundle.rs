//! esbuild: TypeScript to minified modules, and unit tests to files that Node can run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::folder;
use crate::{process, repository};

/// Modules that are loaded by URL, each under its own name.
const ENTRIES: [&str; 8] =
    ["element", "i18n/en", "i18n/de", "i18n/en-later", "i18n/de-later", "framed", "frame", "hosted"];
/// What is fetched after the first sight, and what it does not bring along, but imports from `element`, which exports it.
const LATER: &str = "later/later";
const OF_ELEMENT: [&str; 12] = [
    "api",
    "dom",
    "engine",
    "money",
    "places",
    "purchase",
    "session",
    "store",
    "ui/basket",
    "ui/grid",
    "ui/legend",
    "ui/view",
];
/// Style sheets, which modules import as texts by `styles/…`: esbuild minifies no text.
const STYLES: [&str; 2] = ["styles.css", "later/later.css"];
/// Syntax of 2022: private fields, top-level await. Browsers with WebAssembly's vector instructions have it.
const SYNTAX: &str = "--target=es2022";

pub struct Bundler {
    program: PathBuf,
}

impl Bundler {
    pub fn new(modules: &Path) -> Bundler {
        Bundler { program: modules.join(".bin/esbuild") }
    }

    /// All modules but the loader; returns esbuild's account of those that may belong to a first visit.
    pub fn modules(&self, output: &Path) -> Result<Value> {
        let entries: Vec<PathBuf> =
            ENTRIES.iter().map(|name| source(name)).filter(|path| path.is_file()).collect();
        if entries.is_empty() {
            bail!("embed-widget/ts has none of the entries {}", ENTRIES.join(", "));
        }
        let styles = self.styles()?;
        let account = repository::target().join("xtask/widget-metafile.json");
        let mut command = self.browser();
        command.arg(alias(&styles)).args(entries).arg("--entry-names=[name]");
        command
            .arg(format!("--metafile={}", account.display()))
            .arg(format!("--outdir={}", output.display()));
        process::run("bundle the widget", command)?;
        self.later(&styles, &output.join("later.js"))?;
        serde_json::from_slice(&fs::read(account)?).context("esbuild's metafile is not JSON")
    }

    fn later(&self, styles: &Path, output: &Path) -> Result<()> {
        let mut command = self.browser();
        command.arg(alias(styles)).arg(source(LATER)).arg(format!("--outfile={}", output.display()));
        command.args(OF_ELEMENT.map(|name| format!("--external:{}", source(name).display())));
        process::run("bundle what comes later", command)?;
        // What stays an import is of one of those modules, by whatever path esbuild names it.
        let text = fs::read_to_string(output)?;
        let mut parts = text.split("}from\"");
        let mut joined = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (_, rest) = part.split_once('"').context("an import without an end")?;
            joined.push_str("}from\"./element.js\"");
            joined.push_str(rest);
        }
        Ok(fs::write(output, joined)?)
    }

    /// The style sheets, minified; returns where they are.
    fn styles(&self) -> Result<PathBuf> {
        let (ts, output) = (folder().join("ts"), repository::target().join("xtask/widget-styles"));
        let mut command = Command::new(&self.program);
        command.args(STYLES.map(|name| ts.join(name))).args(["--minify", "--charset=utf8"]);
        command.arg(format!("--outbase={}", ts.display())).arg(format!("--outdir={}", output.display()));
        command.arg("--log-level=warning").current_dir(folder());
        process::run("minify the style sheets", command)?;
        Ok(output)
    }

    /// The loader, which knows where the modules lie and what their hashes are.
    pub fn loader(&self, base: &str, integrity: &Value, output: &Path) -> Result<()> {
        let mut command = self.browser();
        command.arg(source("loader")).arg(format!("--define:__EF_BASE__={}", Value::from(base)));
        command.arg(format!("--define:__EF_INTEGRITY__={integrity}"));
        command.arg(format!("--outfile={}", output.display()));
        process::run("bundle the loader", command)
    }

    /// Every `*.test.ts`, as a file for Node.
    pub fn tests(&self, output: &Path) -> Result<Vec<PathBuf>> {
        let mut sources = Vec::new();
        super::collect(&folder().join("ts"), &mut sources)?;
        sources.retain(|path| path.to_string_lossy().ends_with(".test.ts"));
        if sources.is_empty() {
            bail!("embed-widget/ts has no *.test.ts");
        }
        fs::remove_dir_all(output).ok();
        let mut command = Command::new(&self.program);
        command.args(&sources).args(["--bundle", "--platform=node", "--format=esm", "--target=node20"]);
        command.args(["--loader:.css=text", "--out-extension:.js=.mjs", "--sourcemap=inline"]);
        command.args(["--define:__EF_VERSION__=\"test\"", "--external:playwright-core"]);
        command.arg(alias(&folder().join("ts")));
        command.arg(format!("--outbase={}", folder().join("ts").display()));
        command.arg(format!("--outdir={}", output.display())).current_dir(folder());
        process::run("bundle the widget's unit tests", command)?;
        let mut files = Vec::new();
        super::collect(output, &mut files)?;
        Ok(files)
    }

    fn browser(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--bundle", "--minify", "--format=esm", "--platform=browser", SYNTAX]);
        command.args([
            "--charset=utf8",
            "--legal-comments=none",
            "--loader:.css=text",
            "--log-level=warning",
        ]);
        command.arg(format!("--define:__EF_VERSION__={}", Value::from(env!("CARGO_PKG_VERSION"))));
        command.current_dir(folder());
        command
    }
}

/// Where `styles/…` is.
fn alias(styles: &Path) -> String {
    format!("--alias:styles={}", styles.display())
}

fn source(name: &str) -> PathBuf {
    folder().join("ts").join(name).with_extension("ts")
}
