//! Says on each ticket which gate is the nearest to its seat.

use std::collections::BTreeMap;

use eventflow_plugin::{
    config,
    ticket::{Facts, Field, Place},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    gates: BTreeMap<String, String>,
    otherwise: Option<String>,
}

fn fields(facts: Facts) -> Result<Vec<Field>, String> {
    let settings: Settings = config::read()?;
    let section = facts.seat.map(|seat| seat.section).unwrap_or_default();
    let gate = settings.gates.get(&section).or(settings.otherwise.as_ref());
    let label = if facts.locale.starts_with("de") { "Eingang" } else { "Gate" };
    let field = |gate: &String| Field {
        key: "gate".to_owned(),
        label: label.to_owned(),
        value: gate.clone(),
        place: Place::Header,
    };
    Ok(gate.map(field).into_iter().collect())
}

eventflow_plugin::export!(ticket = fields);
