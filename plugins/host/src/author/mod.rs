//! What an author does with a plugin on their own machine: the commands of `eventflow plugin`, with the very host that the
//! platform runs. Each answers the text to show.

pub mod command;
mod new;
mod push;
mod report;

pub use new::{NewError, Template, create};
pub use push::{PushError, Server, push};

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use eventflow_plugin_build::BuildError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    CompileError, Compiled, Engine, Fixture, FixtureError, InputError, InstallError, Plugin, Receipt,
    SettingsError, Upload, UploadError,
};

#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}: {error}", .path.display())]
    Json { path: PathBuf, error: serde_json::Error },
    #[error(transparent)]
    New(#[from] NewError),
    #[error("this machine cannot run plugins: {0}")]
    Engine(String),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error("the settings do not fit the schema: {}", .0.join("; "))]
    Config(Vec<String>),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Push(#[from] PushError),
    #[error("{0}")]
    Failed(String),
    #[error("{} has no receipt to compare with; `eventflow plugin run` shows what a call answers now", .0.display())]
    NoReceipt(PathBuf),
    #[error(
        "{}: of this call only the receipt was kept. Looks at carts that went well are kept whole only now and then; take a receipt that has a `recording`", .0.display()
    )]
    NotKept(PathBuf),
    #[error("which call? Name a fixture, such as: eventflow plugin run fixtures/four.json")]
    NoInput,
    #[error("there are no fixtures: put calls with known answers into fixtures/*.json")]
    NoFixtures,
}

/// A call as the platform keeps it, with all that it depended on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recording {
    pub receipt: Receipt,
    #[serde(flatten)]
    pub call: Fixture,
}

/// Builds a project and writes `<name>.wasm` into it; answers the file. `target` is where cargo works, if not in the project.
pub fn build(project: &Path, target: Option<&Path>) -> Result<PathBuf, AuthorError> {
    if !project.join("plugin.json").is_file() {
        let text = format!("there is no plugin.json in {}: go into a plugin, or name one", project.display());
        return Err(AuthorError::Failed(text));
    }
    let [built] = <[_; 1]>::try_from(eventflow_plugin_build::build(project, target)?)
        .map_err(|built| AuthorError::Failed(format!("{} plugins were built, expected one", built.len())))?;
    Upload::read(&built.component)?;
    let file = project.join(format!("{}.wasm", built.name));
    fs::write(&file, built.component).map_err(|error| AuthorError::File { path: file.clone(), error })?;
    Ok(file)
}

/// What a component is: hooks, imports, size, what its manifest asks for.
pub fn inspect(component: &Path) -> Result<String, AuthorError> {
    Ok(report::upload(&Upload::read(&read(component)?)?))
}

/// Runs a fixture or a recording once and shows answer and receipt.
pub fn run(component: &Path, input: &Path) -> Result<String, AuthorError> {
    let workshop = Workshop::open(component)?;
    let (_, fixture) = read_call(input)?;
    let (answer, receipt) = workshop.call(&fixture)?;
    Ok(report::call(answer.as_ref(), &receipt))
}

/// Runs all fixtures that the component carries; an error shows every one that fails.
pub fn test(component: &Path) -> Result<String, AuthorError> {
    let workshop = Workshop::open(component)?;
    let fixtures = &workshop.plugin.manifest.fixtures;
    if fixtures.is_empty() {
        return Err(AuthorError::NoFixtures);
    }
    let results: Vec<Result<Receipt, FixtureError>> =
        fixtures.iter().map(|fixture| workshop.plugin.run_fixture(&workshop.engine, fixture)).collect();
    let text = report::fixtures(fixtures, &results);
    if results.iter().all(Result::is_ok) { Ok(text) } else { Err(AuthorError::Failed(text)) }
}

/// Runs a recording again, bare or within a receipt of the API, and compares: the answer, and the fuel if it is the same
/// component.
pub fn replay(component: &Path, recording: &Path) -> Result<String, AuthorError> {
    let (Some(then), call) = read_call(recording)? else {
        return Err(AuthorError::NoReceipt(recording.to_owned()));
    };
    let workshop = Workshop::open(component)?;
    let (answer, receipt) = workshop.call(&call)?;
    let recorded = Recording { receipt: then, call };
    let (text, is_same) = report::replay(&recorded, answer.as_ref(), &receipt);
    if is_same { Ok(text) } else { Err(AuthorError::Failed(text)) }
}

/// Calls each fixture again and again for a while.
pub fn bench(component: &Path, time: Duration) -> Result<String, AuthorError> {
    let workshop = Workshop::open(component)?;
    let fixtures = workshop.plugin.manifest.fixtures.clone();
    if fixtures.is_empty() {
        return Err(AuthorError::NoFixtures);
    }
    let mut text = format!("{:<24} {:>9} {:>9} {:>11}\n", "fixture", "p50 us", "p99 us", "fuel");
    for fixture in &fixtures {
        let (mut micros, began) = (Vec::new(), Instant::now());
        let mut fuel = 0;
        while began.elapsed() < time || micros.is_empty() {
            let (_, receipt) = workshop.call(fixture)?;
            micros.push(receipt.micros);
            fuel = receipt.fuel;
        }
        micros.sort_unstable();
        let at = |percent: usize| micros[(micros.len() - 1) * percent / 100];
        let _written = writeln!(text, "{:<24} {:>9} {:>9} {fuel:>11}", fixture.name, at(50), at(99));
    }
    Ok(text)
}

/// A component that is loaded on the author's machine.
struct Workshop {
    engine: Engine,
    plugin: Plugin,
}

impl Workshop {
    fn open(component: &Path) -> Result<Self, AuthorError> {
        let upload = Upload::read(&read(component)?)?;
        let engine = Engine::new().map_err(|error| AuthorError::Engine(format!("{error:#}")))?;
        let plugin = Plugin::load(&engine, &upload, &Compiled::here(&upload)?)?;
        Ok(Self { engine, plugin })
    }

    fn call(&self, fixture: &Fixture) -> Result<(Option<Value>, Receipt), AuthorError> {
        if !fixture.config.is_null() {
            self.plugin.manifest.check_config(&fixture.config).map_err(AuthorError::Config)?;
        }
        let call = self.plugin.call_json(&self.engine, fixture.hook, &fixture.settings()?, &fixture.input)?;
        Ok((call.answer, call.receipt))
    }
}

/// A call in a file: with the receipt that the platform kept of it, or a fixture.
fn read_call(path: &Path) -> Result<(Option<Receipt>, Fixture), AuthorError> {
    let mut value: Value = parse(path)?;
    // As the API answers a receipt: the call is a part of it, unless it was not kept.
    match value.get_mut("recording").map(Value::take) {
        Some(recording) if !recording.is_null() => value = recording,
        None if value.get("outcome").is_none() => {}
        _ => return Err(AuthorError::NotKept(path.to_owned())),
    }
    let json = |error| AuthorError::Json { path: path.to_owned(), error };
    if value.get("receipt").is_some() {
        let Recording { receipt, call } = serde_json::from_value(value).map_err(json)?;
        return Ok((Some(receipt), call));
    }
    Ok((None, serde_json::from_value(value).map_err(json)?))
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, AuthorError> {
    serde_json::from_slice(&read(path)?).map_err(|error| AuthorError::Json { path: path.to_owned(), error })
}

fn read(path: &Path) -> Result<Vec<u8>, AuthorError> {
    fs::read(path).map_err(|error| AuthorError::File { path: path.to_owned(), error })
}
