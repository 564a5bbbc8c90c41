//! Makes an uploadable component of a plugin's sources: cargo builds the core module, wit-component makes it a component,
//! and `plugin.json` with the fixtures is put into it. No program but cargo is needed.
//!
//! A project is a directory with `plugin.json`, calls with known answers in `fixtures/*.json`, and either `Cargo.toml`, or
//! `wit/world.wit` with `src/plugin.js`, which componentize-qjs makes a component of, or with `src/plugin.py`, which
//! componentize-py does.

mod javascript;
mod python;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use wit_component::ComponentEncoder;

/// The custom section that carries a plugin's manifest.
pub const MANIFEST_SECTION: &str = "eventflow-plugin";

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}: {error}", .path.display())]
    Json { path: PathBuf, error: serde_json::Error },
    #[error("cargo cannot be run: {0}")]
    Cargo(io::Error),
    #[error(
        "cargo failed; its messages are above. If the target is missing: rustup target add wasm32-unknown-unknown"
    )]
    Failed,
    #[error("cargo made no .wasm file. In Cargo.toml: [lib] crate-type = [\"cdylib\"]")]
    NoModule,
    #[error("componentize-qjs is not installed. In the project, or in a directory above it: npm install")]
    NoTool,
    #[error("componentize-qjs cannot be run, it needs Node.js: {0}")]
    Node(io::Error),
    #[error("componentize-qjs refuses the plugin:\n{0}")]
    JavaScript(String),
    #[error("componentize-py refuses the plugin:\n{0}")]
    Python(String),
    #[error(
        "componentize-py cannot be installed; it needs Python 3.10 with venv, and the network once: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt\n{0}"
    )]
    PythonPackages(String),
    #[error("the module does not become a component: {0}")]
    Component(String),
}

/// A project that is built.
#[derive(Debug, Clone)]
pub struct Built {
    pub directory: PathBuf,
    /// The name in `plugin.json`.
    pub name: String,
    pub component: Vec<u8>,
}

/// The interface as this version of the platform has it: names of files and their texts.
pub const WIT: [(&str, &str); 7] = [
    ("imports.wit", include_str!("../../wit/eventflow-plugin-1.0.0/imports.wit")),
    ("notification.wit", include_str!("../../wit/eventflow-plugin-1.0.0/notification.wit")),
    ("pricing.wit", include_str!("../../wit/eventflow-plugin-1.0.0/pricing.wit")),
    ("ticket.wit", include_str!("../../wit/eventflow-plugin-1.0.0/ticket.wit")),
    ("types.wit", include_str!("../../wit/eventflow-plugin-1.0.0/types.wit")),
    ("validation.wit", include_str!("../../wit/eventflow-plugin-1.0.0/validation.wit")),
    ("worlds.wit", include_str!("../../wit/eventflow-plugin-1.0.0/worlds.wit")),
];

/// Builds the project in `directory`, or each one of a cargo workspace. `target_directory` is where cargo works, if not in
/// the project.
pub fn build(directory: &Path, target_directory: Option<&Path>) -> Result<Vec<Built>, BuildError> {
    if directory.join("src/plugin.js").exists() {
        let component = javascript::component(directory)?;
        return Ok(vec![with_its_manifest(directory, &component)?]);
    }
    if directory.join("src/plugin.py").exists() {
        let component = python::component(directory)?;
        return Ok(vec![with_its_manifest(directory, &component)?]);
    }
    let modules = cargo_build(directory, target_directory)?;
    if modules.is_empty() {
        return Err(BuildError::NoModule);
    }
    modules.iter().map(|(project, module)| with_its_manifest(project, &component(&read(module)?)?)).collect()
}

fn with_its_manifest(project: &Path, component: &[u8]) -> Result<Built, BuildError> {
    let manifest = manifest(project)?;
    Ok(Built {
        directory: project.to_owned(),
        name: manifest["name"].as_str().unwrap_or_default().to_owned(),
        component: with_manifest(component, manifest.to_string().as_bytes()),
    })
}

/// `plugin.json` with the fixtures in it, each under its file's name.
pub fn manifest(project: &Path) -> Result<Value, BuildError> {
    let mut manifest = read_json(&project.join("plugin.json"))?;
    let directory = project.join("fixtures");
    let mut files = match fs::read_dir(&directory) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| BuildError::File { path: directory, error })?,
        Err(_) => Vec::new(),
    };
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let fixtures = files
        .iter()
        .map(|file| {
            let mut fixture = read_json(file)?;
            let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            if let (Some(fixture), Some(name)) = (fixture.as_object_mut(), name) {
                fixture.entry("name").or_insert(json!(name));
            }
            Ok(fixture)
        })
        .collect::<Result<Vec<_>, BuildError>>()?;
    if let (Some(manifest), false) = (manifest.as_object_mut(), fixtures.is_empty()) {
        manifest.insert("fixtures".to_owned(), Value::Array(fixtures));
    }
    Ok(manifest)
}

/// Makes a component of a core module that was built with the SDK.
pub fn component(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let mut encoder = ComponentEncoder::default().validate(true);
    encoder = encoder.module(module).map_err(|error| BuildError::Component(format!("{error:#}")))?;
    encoder.encode().map_err(|error| BuildError::Component(format!("{error:#}")))
}

/// Adds a manifest to a component: one more custom section at its end.
pub fn with_manifest(component: &[u8], manifest: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    write_leb(&mut content, MANIFEST_SECTION.len());
    content.extend_from_slice(MANIFEST_SECTION.as_bytes());
    content.extend_from_slice(manifest);
    let mut bytes = component.to_vec();
    bytes.push(0);
    write_leb(&mut bytes, content.len());
    bytes.extend_from_slice(&content);
    bytes
}

fn write_leb(bytes: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
}

/// Runs cargo; answers the directory and the module of each plugin that it built.
fn cargo_build(directory: &Path, target: Option<&Path>) -> Result<Vec<(PathBuf, PathBuf)>, BuildError> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--target", "wasm32-unknown-unknown"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(directory)
        .stderr(Stdio::inherit());
    if let Some(target) = target {
        cargo.arg("--target-dir").arg(target);
    }
    // Flags of the build that runs us, such as those of a coverage run, are not for the guest.
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(flags);
    }
    let output = cargo.stdout(Stdio::piped()).output().map_err(BuildError::Cargo)?;
    if !output.status.success() {
        return Err(BuildError::Failed);
    }
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let artifacts = messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    Ok(artifacts.filter_map(|message| module_of(&message)).collect())
}

/// What cargo says about one artifact, if it is the module of a plugin.
fn module_of(message: &Value) -> Option<(PathBuf, PathBuf)> {
    let is_module = message["target"]["crate_types"].as_array()?.iter().any(|kind| kind == "cdylib");
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str).map(PathBuf::from);
    let module = files.into_iter().find(|file| file.extension().is_some_and(|kind| kind == "wasm"))?;
    is_module.then(|| manifest.parent().map(|directory| (directory.to_owned(), module))).flatten()
}

/// Puts the interface where tools of other languages look for it.
fn put_interface(directory: &Path) -> Result<(), BuildError> {
    let file = |path: &Path, error| BuildError::File { path: path.to_owned(), error };
    fs::create_dir_all(directory).map_err(|error| file(directory, error))?;
    WIT.iter().try_for_each(|(name, text)| {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| file(&path, error))
    })
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|error| BuildError::File { path: path.to_owned(), error })
}

fn read_json(path: &Path) -> Result<Value, BuildError> {
    serde_json::from_slice(&read(path)?).map_err(|error| BuildError::Json { path: path.to_owned(), error })
}
