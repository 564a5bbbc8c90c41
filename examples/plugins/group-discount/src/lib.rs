//! So many tickets of one tier, so much off each of them.

use eventflow_plugin::{
    config,
    pricing::{Adjustment, Cart, percent},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    tickets: usize,
    percent: i32,
}

fn quote(cart: Cart) -> Result<Vec<Adjustment>, String> {
    let settings: Settings = config::read()?;
    let label = cart.text(&[("en", "Group discount"), ("de", "Gruppenrabatt"), ("pl", "Zniżka grupowa")]);
    let mut adjustments = Vec::new();
    for tier in &cart.tiers {
        let count = cart.lines.iter().filter(|line| line.tier_id == tier.id).count();
        let reached = settings.steps.iter().filter(|step| step.tickets <= count);
        let Some(step) = reached.max_by_key(|step| step.tickets) else { continue };
        let lines = cart.lines.iter().enumerate().filter(|(_, line)| line.tier_id == tier.id);
        adjustments.extend(lines.map(|(index, _)| {
            Adjustment::line(index, percent(-step.percent), label)
                .because(format!("{count} tickets of {}, from {} on", tier.name, step.tickets))
        }));
    }
    Ok(adjustments)
}

eventflow_plugin::export!(pricing = quote);
