//! The program is broken on purpose, one thing at a time, and the checker has to name the invariant that this breaks; the
//! program as it is goes through the same and must break none. What each mutant does stands in `store/src/mutants.rs`;
//! only debug builds have them.

use std::{path::Path, pin::pin, time::Duration};

use anyhow::{Result, bail};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{
    schedule::{Fault, Schedule, Step},
    torture,
    world::Variant,
};

const SECONDS: u64 = 9;
const BUYERS: usize = 20;
/// A mutant may never come to rest.
const DRAIN: Duration = Duration::from_secs(14);
/// The first mutant's; each has its own.
const SEED: u64 = 900;

struct Mutant {
    /// As in `EVENTFLOW_MUTANT`.
    name: &'static str,
    about: &'static str,
    /// The invariants of which one must turn red; none: all stay green.
    breaks: &'static [&'static str],
    /// What the database lacks.
    sql: &'static str,
    steps: fn() -> Vec<Step>,
}

impl Mutant {
    fn seed(&self) -> u64 {
        SEED + MUTANTS
            .iter()
            .zip(0..)
            .find(|(other, _)| other.name == self.name)
            .map_or(0, |(_, number)| number)
    }
}

const MUTANTS: [Mutant; 9] = [
    Mutant { name: "none", about: "the program as it is", breaks: &[], sql: "", steps: everything },
    Mutant {
        name: "double-claims",
        about: "no unique index of live claims",
        breaks: &["I1", "I2"],
        sql: "DROP INDEX seat_claims_event_id_seat_index_key",
        steps: rivals,
    },
    Mutant {
        name: "full-pools",
        about: "a pool of standing places is filled beyond its capacity",
        breaks: &["I3"],
        sql: "ALTER TABLE ga_pools DROP CONSTRAINT ga_pools_taken_check",
        steps: rivals_of_areas,
    },
    Mutant {
        name: "any-number",
        about: "an address gets as many places as it likes",
        breaks: &["I18"],
        sql: "",
        steps: Vec::new,
    },
    Mutant {
        name: "own-timer",
        about: "places are released on our own timer",
        breaks: &["I9"],
        sql: "",
        steps: Vec::new,
    },
    Mutant {
        name: "any-account",
        about: "an event's account is not looked at",
        breaks: &["I11"],
        sql: "",
        steps: Vec::new,
    },
    Mutant {
        name: "unkeyed-refunds",
        about: "refunds are sent without a key of their own",
        breaks: &["I6"],
        sql: "",
        steps: lost_refunds,
    },
    Mutant {
        name: "stale-webhooks",
        about: "old signatures are believed",
        breaks: &["I11"],
        sql: "",
        steps: stale_webhooks,
    },
    Mutant {
        name: "any-tenant",
        about: "orders are found without their tenant, and no row-level security",
        breaks: &["I12"],
        sql: "ALTER TABLE orders DISABLE ROW LEVEL SECURITY; ALTER TABLE order_items DISABLE ROW LEVEL SECURITY;
            ALTER TABLE payments DISABLE ROW LEVEL SECURITY; ALTER TABLE tickets DISABLE ROW LEVEL SECURITY",
        steps: Vec::new,
    },
];

/// Two orders of one place meet, four times.
fn meet(is_standing: bool) -> Vec<Step> {
    let at = |number: u64| 500 + 1_800 * number;
    (0..4).map(|number| Step { at_ms: at(number), fault: Fault::Rivals { shop: 0, is_standing } }).collect()
}

fn rivals() -> Vec<Step> {
    meet(false)
}

fn rivals_of_areas() -> Vec<Step> {
    meet(true)
}

fn everything() -> Vec<Step> {
    [rivals(), rivals_of_areas(), lost_refunds(), stale_webhooks()].concat()
}

fn rule(rule: Value) -> Vec<Step> {
    vec![Step { at_ms: 0, fault: Fault::Sandbox { rule } }]
}

fn lost_refunds() -> Vec<Step> {
    rule(json!({ "fault": "api_error_after_effect", "match": "POST /v1/refunds", "rate": 0.7, "seed": 5 }))
}

fn stale_webhooks() -> Vec<Step> {
    rule(json!({ "fault": "webhook_old_timestamp", "secs": 900, "rate": 0.2, "seed": 5 }))
}

/// A table of the mutants; true when each turned red where it had to, and what is none did not.
pub async fn run(program: &Path, out: &Path, only: &[String], at_once: usize) -> Result<bool> {
    if let Some(unknown) = only.iter().find(|name| MUTANTS.iter().all(|mutant| mutant.name != **name)) {
        bail!("there is no mutant `{unknown}`");
    }
    let chosen =
        MUTANTS.iter().filter(|mutant| only.is_empty() || only.iter().any(|name| name == mutant.name));
    let mut runs = pin!(stream::iter(chosen).map(|mutant| judge(program, out, mutant)).buffered(at_once));
    let mut lines = Vec::new();
    let mut all_right = true;
    while let Some(judged) = runs.next().await {
        let (is_right, line) = judged?;
        all_right &= is_right;
        lines.push(line);
    }
    println!("\n{:<16} {:<9} {:<8} {:<16} for example", "mutant", "", "must", "turned red");
    for line in &lines {
        println!("{line}");
    }
    Ok(all_right)
}

/// Whether it turned red where it has to, and its line of the table.
async fn judge(program: &Path, out: &Path, mutant: &Mutant) -> Result<(bool, String)> {
    let schedule =
        Schedule { seed: mutant.seed(), seconds: SECONDS, buyers: BUYERS, steps: (mutant.steps)() };
    let variant = Variant {
        environment: vec![("EVENTFLOW_MUTANT".into(), mutant.name.into())],
        sql: mutant.sql,
        drain: if mutant.breaks.is_empty() { crate::DRAIN } else { DRAIN },
        ..Variant::default()
    };
    println!("the mutant {}: {}", mutant.name, mutant.about);
    let artefacts = out.join(format!("mutant-{}", mutant.name));
    let report = torture(program, &artefacts, &schedule, &variant).await?;
    let mut red: Vec<&str> = report.found.violations.iter().map(|violation| violation.invariant).collect();
    red.dedup();
    let is_found = red.iter().any(|invariant| mutant.breaks.contains(invariant));
    let (is_right, verdict) = match (mutant.breaks.is_empty(), is_found) {
        (true, _) if red.is_empty() => (true, "good"),
        (true, _) => (false, "NOT GOOD"),
        (false, true) => (true, "found"),
        (false, false) => (false, "NOT FOUND"),
    };
    let example = report
        .found
        .violations
        .iter()
        .find(|violation| mutant.breaks.is_empty() || mutant.breaks.contains(&violation.invariant));
    let example: String = example.map(|v| v.what.chars().take(160).collect()).unwrap_or_default();
    let line = format!(
        "{:<16} {:<9} {:<8} {:<16} {example}",
        mutant.name,
        verdict,
        mutant.breaks.join(" "),
        red.join(" "),
    );
    Ok((is_right, line))
}
