//! Fixtures: calls with known answers, which a plugin brings along.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    call::{Call, InputError, Outcome, Receipt},
    engine::Engine,
    hooks::{HookType, with_hook},
    manifest::Fixture,
    plugin::Plugin,
    settings::{Settings, SettingsError},
    upload::Hook,
};

/// What is wrong with a fixture, or with the plugin.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct FixtureError {
    pub name: String,
    pub problem: FixtureProblem,
    /// What the call took, if there was one.
    pub receipt: Option<Box<Receipt>>,
}

#[derive(Debug, thiserror::Error)]
pub enum FixtureProblem {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("the settings do not fit the plugin's schema: {}", .0.join("; "))]
    Config(Vec<String>),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("the call ended as {outcome}: {detail}")]
    Outcome { outcome: Outcome, detail: String },
    #[error("expected the error `{expected}`, got {got}")]
    Error { expected: String, got: String },
    #[error("expected {expected}\n     got {got}")]
    Output { expected: Value, got: Value },
    #[error("the expected output does not fit the hook: {0}")]
    Expected(serde_json::Error),
    #[error("it took {fuel} instructions, the fixture allows {max}")]
    Fuel { fuel: u64, max: u64 },
}

impl Plugin {
    /// Runs all fixtures and answers their receipts, or the first one that fails.
    pub fn run_fixtures(&self, engine: &Engine) -> Result<Vec<Receipt>, FixtureError> {
        self.manifest.fixtures.iter().map(|fixture| self.run_fixture(engine, fixture)).collect()
    }

    /// Runs one fixture.
    pub fn run_fixture(&self, engine: &Engine, fixture: &Fixture) -> Result<Receipt, FixtureError> {
        let fail = |problem, receipt: Option<Receipt>| FixtureError {
            name: fixture.name.clone(),
            problem,
            receipt: receipt.map(Box::new),
        };
        let call = self.try_fixture(engine, fixture).map_err(|problem| fail(problem, None))?;
        match judge(fixture, &call) {
            Ok(()) => Ok(call.receipt),
            Err(problem) => Err(fail(problem, Some(call.receipt))),
        }
    }

    fn try_fixture(&self, engine: &Engine, fixture: &Fixture) -> Result<Call<Value>, FixtureProblem> {
        if !fixture.config.is_null() {
            self.manifest.check_config(&fixture.config).map_err(FixtureProblem::Config)?;
        }
        let settings = fixture.settings()?;
        Ok(self.call_json(engine, fixture.hook, &settings, &fixture.input)?)
    }
}

impl Fixture {
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        Settings::new(&self.config, Some(Arc::new(self.key_values.clone())))
    }
}

fn judge(fixture: &Fixture, call: &Call<Value>) -> Result<(), FixtureProblem> {
    let receipt = &call.receipt;
    if let Some(expected) = &fixture.error {
        if receipt.outcome != Outcome::Declined || receipt.detail != *expected {
            let got = match &call.answer {
                Some(answer) => answer.to_string(),
                None => format!("{}: {}", receipt.outcome, receipt.detail),
            };
            return Err(FixtureProblem::Error { expected: expected.clone(), got });
        }
    } else {
        let Some(answer) = &call.answer else {
            let (outcome, detail) = (receipt.outcome, receipt.detail.clone());
            return Err(FixtureProblem::Outcome { outcome, detail });
        };
        if let Some(expected) = &fixture.output {
            let expected = normal(fixture.hook, expected)?;
            if expected != *answer {
                return Err(FixtureProblem::Output { expected, got: answer.clone() });
            }
        }
    }
    match fixture.max_fuel {
        Some(max) if receipt.fuel > max => Err(FixtureProblem::Fuel { fuel: receipt.fuel, max }),
        _ => Ok(()),
    }
}

/// An expected answer as the platform would write it: fields that are empty may be left out or not.
fn normal(hook: Hook, expected: &Value) -> Result<Value, FixtureProblem> {
    let normal = with_hook!(hook, H => {
        <H as HookType>::Output::deserialize(expected).and_then(serde_json::to_value)
    });
    normal.map_err(FixtureProblem::Expected)
}
