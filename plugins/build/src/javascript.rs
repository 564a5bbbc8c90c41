//! Components of JavaScript: componentize-qjs puts the source beside QuickJS and calls whatever it imports of WASI a trap.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{BuildError, put_interface, read};

/// Builds `src/plugin.js` for the world `plugin` of `wit/world.wit`; the interface is put beside that.
pub fn component(project: &Path) -> Result<Vec<u8>, BuildError> {
    let tool = tool(project).ok_or(BuildError::NoTool)?;
    put_interface(&project.join("wit/deps/eventflow-plugin-1.0.0"))?;
    let output = tool.with_file_name(format!(".plugin-{}.wasm", std::process::id()));
    let mut node = Command::new("node");
    node.arg(&tool)
        .args(["--wit", "wit", "--world", "plugin", "--js", "src/plugin.js", "--output"])
        .arg(&output)
        // Without asynchrony, which the platform does not have; small; and without WASI.
        .args(["--sync", "--stub-wasi", "--opt-size", "--minify"])
        .current_dir(project);
    let ended = node.output().map_err(BuildError::Node)?;
    if !ended.status.success() {
        let words = [ended.stdout, ended.stderr].concat();
        return Err(BuildError::JavaScript(String::from_utf8_lossy(&words).trim().to_owned()));
    }
    let component = read(&output);
    let _removed = fs::remove_file(&output);
    component
}

/// As node looks for packages: in the project, or in a directory above it.
fn tool(project: &Path) -> Option<PathBuf> {
    let project = project.canonicalize().ok()?;
    let tools = project.ancestors().map(|directory| directory.join("node_modules/componentize-qjs/cli.mjs"));
    tools.into_iter().find(|tool| tool.exists())
}
