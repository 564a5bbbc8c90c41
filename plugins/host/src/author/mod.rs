//! What an author does with a plugin on their own machine: the commands of `eventflow plugin`, with the very host that the
//! platform runs. Each answers the text to show.

pub mod command;
mod new;
mod report;

pub use new::{NewError, Template, create};

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
    #[error("{0}")]
    Failed(String),
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
    let fixture = read_fixture(input)?;
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

/// Runs a recording again and compares: the answer, and the fuel if it is the same component.
pub fn replay(component: &Path, recording: &Path) -> Result<String, AuthorError> {
    let recorded: Recording = parse(recording)?;
    let workshop = Workshop::open(component)?;
    let (answer, receipt) = workshop.call(&recorded.call)?;
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

fn read_fixture(path: &Path) -> Result<Fixture, AuthorError> {
    let value: Value = parse(path)?;
    // A recording is a fixture with a receipt.
    let is_recording = value.get("receipt").is_some();
    let json = |error| AuthorError::Json { path: path.to_owned(), error };
    if is_recording {
        return Ok(serde_json::from_value::<Recording>(value).map_err(json)?.call);
    }
    serde_json::from_value(value).map_err(json)
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, AuthorError> {
    serde_json::from_slice(&read(path)?).map_err(|error| AuthorError::Json { path: path.to_owned(), error })
}

fn read(path: &Path) -> Result<Vec<u8>, AuthorError> {
    fs::read(path).map_err(|error| AuthorError::File { path: path.to_owned(), error })
}
