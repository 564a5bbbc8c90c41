//! What a run says at its end: what was sold, what broke, what was checked, and the verdict.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use eventflow_torture::checker::{Found, INVARIANTS, logs, rows};
use serde_json::{Value, json};

use crate::{
    machines,
    schedule::{KINDS, Schedule},
};

/// Violations printed of one invariant; the file has them all.
const PRINTED: usize = 4;
/// What has to have happened in a run of all faults, or its silence says little: a count and the least of it.
const FLOORS: [(&str, u64); 18] = [
    ("orders paid at the provider", 20),
    ("orders lapsed or cancelled", 3),
    ("refunds succeeded", 1),
    ("scans stored", 5),
    ("forged events", 1),
    ("spies", 1),
    ("double clicks", 3),
    ("paid at the deadline, or too late", 1),
    ("webhooks taken", 20),
    ("webhooks not taken", 3),
    ("rivals who met", 1),
    ("rivals of an area who met", 1),
    ("orders refused: hold_limit", 1),
    ("holds refused: sold_out", 1),
    ("sold when faults were over, unaided", 4),
    ("late payments", 1),
    ("faults of the provider that struck", 3),
    ("faults of webhooks that struck", 3),
];

const SOLD: &str = "SELECT (SELECT count(*) FROM orders) AS \"orders made\",
    (SELECT count(*) FROM orders WHERE paid_at IS NOT NULL) AS \"orders paid\",
    (SELECT count(*) FROM orders WHERE paid_at IS NOT NULL AND provider = 'stripe') AS \"orders paid at the provider\",
    (SELECT count(*) FROM orders WHERE state IN ('expired', 'cancelled')) AS \"orders lapsed or cancelled\",
    (SELECT count(*) FROM orders WHERE state = 'needs_review') AS \"orders for a person\",
    (SELECT count(*) FROM tickets) AS \"tickets issued\",
    (SELECT count(*) FROM refunds WHERE state = 'succeeded') AS \"refunds succeeded\",
    (SELECT count(*) FROM refunds WHERE reason = 'late_payment') AS \"late payments given back\",
    (SELECT count(*) FROM orders WHERE state IN ('disputed', 'charged_back')) AS \"orders disputed\",
    (SELECT count(*) FROM provider_events) AS \"provider events\",
    (SELECT count(*) FROM scans) AS \"scans stored\",
    (SELECT count(*) FROM admissions) AS \"admissions\"";

/// How many struck.
fn of_faults(counts: &BTreeMap<String, u64>) -> u64 {
    counts.iter().filter(|(name, _)| name.starts_with("fault ")).map(|(_, count)| count).sum()
}

pub struct Report {
    schedule: Schedule,
    pub found: Found,
    /// What happened, as often as it did.
    pub counts: BTreeMap<String, u64>,
    /// What did not come to rest in time.
    left: BTreeMap<String, i64>,
    pub took: Duration,
}

impl Report {
    pub async fn new(
        schedule: &Schedule,
        found: Found,
        mut counts: BTreeMap<String, u64>,
        left: BTreeMap<String, i64>,
        postgres_url: &str,
        took: Duration,
    ) -> Result<Self> {
        let sold = rows(postgres_url, SOLD).await?.pop().unwrap_or_default();
        for (name, count) in sold.as_object().into_iter().flatten() {
            counts.insert(name.clone(), count.as_u64().unwrap_or_default());
        }
        let deadline = ["paid at the deadline", "too late to pay"];
        let deadline = deadline.iter().filter_map(|name| counts.get(*name)).sum();
        counts.insert("paid at the deadline, or too late".into(), deadline);
        counts.insert("faults".into(), of_faults(&counts));
        let struck =
            |what: &str| counts.iter().filter(|(name, _)| name.starts_with(what)).map(|(_, n)| n).sum();
        let (provider, webhooks): (u64, u64) = (struck("struck api"), struck("struck webhook"));
        counts.insert("faults of the provider that struck".into(), provider);
        counts.insert("faults of webhooks that struck".into(), webhooks);
        // Lines of logs are no rows.
        let rows = found.looked_at.iter().filter(|((invariant, _), _)| *invariant != logs::RULE.0);
        counts.insert("rows checked".into(), rows.map(|(_, count)| count).sum());
        counts.insert("violations".into(), u64::try_from(found.violations.len())?);
        Ok(Self { schedule: schedule.clone(), found, counts, left, took })
    }

    /// Every invariant holds, and enough has happened for that to mean something.
    pub fn is_good(&self) -> bool {
        self.found.violations.is_empty() && self.shortfalls().is_empty() && self.left.is_empty()
    }

    fn is_of_all_faults(&self) -> bool {
        let planned = |kind: &str| self.schedule.steps.iter().any(|step| step.fault.kind() == kind);
        KINDS.iter().all(|(kind, ..)| planned(kind))
    }

    pub fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or_default()
    }

    /// What should have happened and did not; a run of some faults only is not asked.
    fn shortfalls(&self) -> Vec<String> {
        if !self.is_of_all_faults() {
            return Vec::new();
        }
        let missed = KINDS
            .iter()
            .filter(|(kind, ..)| self.count(&format!("fault {kind}")) == 0)
            .map(|(kind, ..)| format!("the fault `{kind}` never came"));
        let few = FLOORS
            .iter()
            .filter(|(name, least)| self.count(name) < *least)
            .map(|(name, least)| format!("{name}: {} of {least} at least", self.count(name)));
        missed.chain(few).collect()
    }

    pub fn print(&self) {
        let Schedule { seed, seconds, buyers, steps } = &self.schedule;
        println!(
            "\nseed {seed}: {buyers} buyers for {seconds} s, {} faults; {:.0} s in all",
            steps.len(),
            self.took.as_secs_f64()
        );
        println!("\nfaults that came");
        for (kind, number, what) in KINDS {
            println!("  {number:<4} {kind:<15} {:>4}  {what}", self.count(&format!("fault {kind}")));
        }
        println!(
            "  F8   (buyers)        {:>4}  payments in the moment of the lapse",
            self.count("paid at the deadline, or too late")
        );
        println!(
            "  F14  (scanners)      {:>4}  scans uploaded late and more than once",
            self.count("uploads of scans")
        );
        if machines::faketime().is_none() {
            println!(
                "  F9   SKIPPED: libfaketime is not installed (Debian and Ubuntu: apt-get install faketime)"
            );
        }
        println!("\nwhat happened");
        for (name, count) in self.counts.iter().filter(|(name, _)| !name.starts_with("fault ")) {
            println!("  {count:>6}  {name}");
        }
        println!("\ninvariants");
        for (name, what) in INVARIANTS.into_iter().chain([logs::RULE]) {
            let wrong: Vec<&str> = self
                .found
                .violations
                .iter()
                .filter(|v| v.invariant == name)
                .map(|v| v.what.as_str())
                .collect();
            let looked_at: Vec<String> = self
                .found
                .looked_at
                .iter()
                .filter(|((invariant, _), _)| *invariant == name)
                .map(|((_, what), count)| format!("{count} {}", what.replace('_', " ")))
                .collect();
            let mark = if wrong.is_empty() { "ok".to_owned() } else { format!("{} VIOLATIONS", wrong.len()) };
            println!("  {name:<4} {mark:<4} {what} ({})", looked_at.join(", "));
            for line in wrong.iter().take(PRINTED) {
                println!("         {}", line.chars().take(400).collect::<String>());
            }
        }
        for (what, count) in &self.left {
            println!("  not at rest: {count} {what}");
        }
        let shortfalls = self.shortfalls();
        for shortfall in &shortfalls {
            println!("  too little happened: {shortfall}");
        }
        let verdict = match (self.found.violations.len(), shortfalls.is_empty()) {
            (0, true) if !self.is_of_all_faults() => {
                "every invariant holds; not all faults were asked for, so nobody asked whether enough happened".to_owned()
            }
            (0, true) => "every invariant holds".to_owned(),
            (0, false) => "no violation, but too little happened to say so".to_owned(),
            (count, _) => {
                format!("{count} violations; again with --seed {seed} --seconds {seconds} --buyers {buyers}")
            }
        };
        println!("\nverdict: {verdict}");
    }

    /// In a word or two.
    pub fn verdict(&self) -> &'static str {
        match (self.found.violations.is_empty(), self.shortfalls().is_empty()) {
            (true, true) => "every invariant holds",
            (true, false) => "too little",
            (false, _) => "VIOLATED",
        }
    }

    pub fn as_json(&self) -> Value {
        let violations: Vec<Value> = self
            .found
            .violations
            .iter()
            .map(|violation| json!({ "invariant": violation.invariant, "what": violation.what }))
            .collect();
        let looked_at: BTreeMap<String, u64> = self
            .found
            .looked_at
            .iter()
            .map(|((invariant, what), count)| (format!("{invariant} {what}"), *count))
            .collect();
        json!({
            "seed": self.schedule.seed, "seconds": self.schedule.seconds, "good": self.is_good(),
            "took_secs": self.took.as_secs_f64(), "violations": violations, "counts": self.counts,
            "looked_at": looked_at, "left": self.left, "shortfalls": self.shortfalls(),
        })
    }
}
