//! Components of Python: componentize-py puts the source beside CPython, runs its imports once, and calls whatever it
//! imports of WASI a trap.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{BuildError, put_interface, read};

/// Builds `src/plugin.py` for the world `python-plugin` of `wit/world.wit`; the interface is put beside that.
pub fn component(project: &Path) -> Result<Vec<u8>, BuildError> {
    let project =
        project.canonicalize().map_err(|error| BuildError::File { path: project.to_owned(), error })?;
    let environment = match environment(&project) {
        Some(environment) => environment,
        None => install(&project)?,
    };
    put_interface(&project.join("wit/deps/eventflow-plugin-1.0.0"))?;
    let output = environment.join(format!(".plugin-{}.wasm", std::process::id()));
    let mut tool = Command::new(tool(&environment));
    tool.args(["--wit-path", "wit", "--world", "python-plugin", "componentize", "--stub-wasi"])
        .args(["--python-path", "src", "--output"])
        .arg(&output)
        .arg("plugin")
        // Where it looks for the author's packages.
        .env("VIRTUAL_ENV", &environment)
        .current_dir(&project);
    run(tool).map_err(BuildError::Python)?;
    let component = read(&output);
    let _removed = fs::remove_file(&output);
    component
}

/// The environment with the tool: in the project, or in a directory above it.
fn environment(project: &Path) -> Option<PathBuf> {
    project
        .ancestors()
        .map(|directory| directory.join(".venv"))
        .find(|environment| tool(environment).exists())
}

fn tool(environment: &Path) -> PathBuf {
    environment.join("bin/componentize-py")
}

/// Makes an environment with what `requirements.txt` names.
fn install(project: &Path) -> Result<PathBuf, BuildError> {
    let environment = project.join(".venv");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(&environment);
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["install", "--disable-pip-version-check", "--no-input", "--quiet", "-r", "requirements.txt"])
        .current_dir(project);
    run(venv).and_then(|()| run(pip)).map_err(BuildError::PythonPackages)?;
    Ok(environment)
}

/// Its last words, if it fails.
fn run(mut command: Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = command.output().map_err(|error| format!("{program}: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let words = [ended.stdout, ended.stderr].concat();
    Err(format!("{program}: {}", String::from_utf8_lossy(&words).trim()))
}
