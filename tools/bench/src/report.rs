//! The results: a table for people, bars with pass or fail, and one flat JSON object for programs.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::{load::Outcome, process::Cpu};

/// One operation at one number of connections.
pub struct Cell {
    pub name: &'static str,
    pub outcome: Outcome,
    pub cpu: Cpu,
}

impl Cell {
    fn micros(&self, seconds: f64) -> f64 {
        // CPU of wrong answers belongs to the right ones: that is what they cost.
        seconds * 1e6 / self.outcome.good.max(1) as f64
    }
}

#[derive(Default)]
pub struct Report {
    values: Map<String, Value>,
    pub cells: Vec<Cell>,
    pub failures: Vec<String>,
    /// What a reader should know and what is no failure.
    pub notes: Vec<String>,
}

/// The HTTP floor of the machine on the day when pretix was measured on it: at 50 connections, requests in a second.
const REFERENCE_FLOOR: f64 = 133_600.0;
/// pretix 2026.8 on the same kind of machine, tuned in its favour.
const PRETIX_ORDERS: f64 = 9.7;
const PRETIX_ORDER_P50_MS: f64 = 821.0;
const PRETIX_SCANS: f64 = 29.8;

enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    pub fn set(&mut self, name: impl Into<String>, value: f64) {
        // Four significant places say all that such a measurement knows.
        let rounded = format!("{value:.4}").parse().unwrap_or(value);
        self.values.insert(name.into(), json!(rounded));
    }

    pub fn say(&mut self, name: &str, text: &str) {
        self.values.insert(name.to_owned(), json!(text));
    }

    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).and_then(Value::as_f64)
    }

    pub fn add(&mut self, cell: Cell) {
        let at = format!("{}_c{}", cell.name, cell.outcome.connections);
        let rate = cell.outcome.per_second();
        self.set(format!("{at}_rps"), rate);
        for (label, quantile) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            self.set(format!("{at}_{label}_ms"), cell.outcome.millis(quantile));
        }
        self.set(format!("{at}_errors"), cell.outcome.errors as f64);
        self.set(format!("{at}_cpu_us"), cell.micros(cell.cpu.platform()));
        self.set(format!("{at}_server_cpu_us"), cell.micros(cell.cpu.server));
        self.set(format!("{at}_postgres_cpu_us"), cell.micros(cell.cpu.postgres));
        self.set(format!("{at}_redis_cpu_us"), cell.micros(cell.cpu.redis));
        // The peak has the short name.
        if cell.outcome.connections >= self.peak(cell.name) {
            self.set(format!("{}_rps", cell.name), rate);
            self.set(format!("{}_p95_ms", cell.name), cell.outcome.millis(0.95));
            self.set(format!("{}_cpu_us", cell.name), cell.micros(cell.cpu.platform()));
        }
        if cell.outcome.errors > 0 {
            let complaint = cell.outcome.complaints.first().cloned().unwrap_or_default();
            self.failures.push(format!("{at}: {} errors, as {complaint}", cell.outcome.errors));
        }
        self.cells.push(cell);
    }

    fn peak(&self, name: &str) -> usize {
        let same = self.cells.iter().filter(|cell| cell.name == name);
        same.map(|cell| cell.outcome.connections).max().unwrap_or(0)
    }

    /// Ratios of what was measured; what was not measured is left out.
    pub fn ratios(&mut self) {
        if let (Some(floor), Some(redis)) = (self.get("http_floor_rps"), self.get("redis_hold_rps")) {
            self.set("hold_limit_rps", 1.0 / (1.0 / floor + 1.0 / redis));
        }
        for (name, part, whole) in [
            ("hold_to_limit_ratio", "hold_rps", "hold_limit_rps"),
            ("redis_place_to_minimal_ratio", "redis_place_rps", "redis_hold_rps"),
            ("settle_to_pg_ratio", "settle_rps", "pg_settle_tps"),
            ("settle_to_pg_served_ratio", "settle_rps", "pg_settle_served_tps"),
            ("availability_to_floor_ratio", "availability_rps", "http_floor_rps"),
            ("availability_bin_to_floor_ratio", "availability_bin_rps", "http_floor_rps"),
            ("availability_304_to_floor_ratio", "availability_304_rps", "http_floor_rps"),
        ] {
            if let (Some(part), Some(whole)) = (self.get(part), self.get(whole)) {
                self.set(name, part / whole);
            }
        }
        for (name, part, whole) in [
            ("machine_speed", "http_floor_rps", REFERENCE_FLOOR),
            ("order_to_pretix_ratio", "order_rps", PRETIX_ORDERS),
            ("order_p50_to_pretix_ratio", "order_c8_p50_ms", PRETIX_ORDER_P50_MS),
            ("scan_to_pretix_ratio", "scan_rps", PRETIX_SCANS),
        ] {
            if let Some(part) = self.get(part) {
                self.set(name, part / whole);
            }
        }
        // Another name for the same, which others read.
        if let Some(rate) = self.get("settle_rps") {
            self.set("settle_tps", rate);
        }
    }

    /// The bars that were not reached, printed with those that were.
    #[expect(clippy::print_stdout, reason = "the table is the output of this program")]
    pub fn print(&self) {
        println!(
            "\n{:<17}{:>5}{:>10}{:>9}{:>9}{:>9}{:>7}  {:>8}{:>8}{:>8}{:>7}{:>9}",
            "",
            "conn",
            "per s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "errors",
            "CPU us",
            "server",
            "Postgr",
            "Redis",
            "loadgen"
        );
        let mut last = "";
        for cell in &self.cells {
            let outcome = &cell.outcome;
            println!(
                "{:<17}{:>5}{:>10.0}{:>9.2}{:>9.2}{:>9.2}{:>7}  {:>8.1}{:>8.1}{:>8.1}{:>7.1}{:>9.1}",
                if cell.name == last { "" } else { cell.name },
                outcome.connections,
                outcome.per_second(),
                outcome.millis(0.5),
                outcome.millis(0.95),
                outcome.millis(0.99),
                outcome.errors,
                cell.micros(cell.cpu.platform()),
                cell.micros(cell.cpu.server),
                cell.micros(cell.cpu.postgres),
                cell.micros(cell.cpu.redis),
                cell.micros(cell.cpu.generator),
            );
            last = cell.name;
        }
        for (name, what) in [
            ("pg_settle_tps", "settlements a second by pgbench, one round trip each, 16 clients"),
            ("pg_settle_served_tps", "the same by pgbench, statement by statement as the server"),
            ("hold_limit_rps", "limit of a hold: 1 / (1/floor + 1/Redis)"),
            ("boot_ms", "from the start to ready, ms, with its databases up"),
            ("first_boot_ms", "from nothing to ready, ms: cluster, migrations, sandbox"),
            ("server_rss_mib", "memory of the server at the end, MiB"),
            ("server_rss_peak_mib", "and at most"),
        ] {
            if let Some(value) = self.get(name) {
                println!("{value:>12.0}  {what}");
            }
        }
        if let Some(speed) = self.get("machine_speed") {
            println!("{speed:>12.2}  speed of this machine: its HTTP floor to that of the reference machine");
        }
        println!("\nBars (ratios of this run; load average {:.1})", self.get("load_average").unwrap_or(0.0));
        for (name, bar, what) in BARS {
            let Some(value) = self.get(name) else { continue };
            let (passed, sign, bound) = match bar {
                Bar::AtLeast(bound) => (value >= *bound, ">=", bound),
                Bar::AtMost(bound) => (value <= *bound, "<=", bound),
            };
            let verdict = if passed { "pass" } else { "FAIL" };
            println!("  {verdict}  {value:>10.3} {sign} {bound:<8} {what}");
            // What was measured elsewhere, or in seconds, depends on how fast this machine is today. The verdict does not.
            if let Some(speed) = self.get("machine_speed").filter(|_| OF_THE_MACHINE.contains(name)) {
                let scaled = match bar {
                    Bar::AtLeast(_) => value / speed,
                    Bar::AtMost(_) => value * speed,
                };
                println!(
                    "        {scaled:>10.3} reckoned, not measured: if it scaled as the HTTP floor does"
                );
            }
        }
        for note in &self.notes {
            println!("  note  {note}");
        }
        for failure in &self.failures {
            println!("  FAIL  {failure}");
        }
    }

    /// Writes the values whose names begin with one of these.
    pub fn write_some(&self, path: &Path, names: &[&str]) -> Result<()> {
        let wanted = |name: &String| names.iter().any(|begin| name.starts_with(begin));
        let some = self.values.iter().filter(|(name, _)| wanted(name));
        let values = some.map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { values, ..Self::default() }.write(path)
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_string_pretty(&self.values)?;
        std::fs::write(path, format!("{text}\n")).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Bars whose figure is no ratio of one run.
const OF_THE_MACHINE: &[&str] = &[
    "hold_p95_ms",
    "latency_p95_ms",
    "order_to_pretix_ratio",
    "order_p50_to_pretix_ratio",
    "order_cpu_us",
    "order_p95_ms",
    "scan_to_pretix_ratio",
    "race_explicit_seconds",
    "race_best_seconds",
];

const BARS: &[(&str, Bar, &str)] = &[
    ("hold_to_limit_ratio", Bar::AtLeast(0.4), "4-seat hold to the limit (stretch 0.6)"),
    ("hold_p95_ms", Bar::AtMost(20.0), "p95 of a hold at 50 connections, ms"),
    ("hold_cost_one_plugin_ratio", Bar::AtMost(0.1), "throughput of holds that one plugin costs"),
    ("settle_to_pg_ratio", Bar::AtLeast(0.5), "settle to pgbench in one round trip (stretch 0.7)"),
    ("settle_to_pg_served_ratio", Bar::AtLeast(0.5), "settle to pgbench statement by statement"),
    ("availability_to_floor_ratio", Bar::AtLeast(0.5), "availability, JSON, to the HTTP floor"),
    ("availability_bin_to_floor_ratio", Bar::AtLeast(0.5), "availability, 2 bits a seat, to the HTTP floor"),
    ("availability_304_to_floor_ratio", Bar::AtLeast(0.5), "availability, not modified, to the HTTP floor"),
    ("latency_p95_ms", Bar::AtMost(250.0), "a change to everybody who looks on, p95, ms"),
    ("order_to_pretix_ratio", Bar::AtLeast(100.0), "whole orders to pretix (stretch 150)"),
    ("order_p50_to_pretix_ratio", Bar::AtMost(0.02), "p50 of an order at 8 connections to pretix"),
    ("order_cpu_us", Bar::AtMost(1000.0), "CPU of an order over all processes, us"),
    ("order_p95_ms", Bar::AtMost(120.0), "p95 of an order at 50 connections, ms (aim 20)"),
    ("scan_to_pretix_ratio", Bar::AtLeast(100.0), "check-ins to pretix"),
    ("race_explicit_seconds", Bar::AtMost(0.5), "race for pairs by name, seconds"),
    ("race_explicit_doubles", Bar::AtMost(0.0), "seats sold twice in it"),
    ("race_explicit_5xx", Bar::AtMost(0.0), "5xx in it"),
    ("race_best_seconds", Bar::AtMost(0.5), "race for the best pairs, seconds"),
    ("race_best_doubles", Bar::AtMost(0.0), "seats sold twice in it"),
    ("race_best_5xx", Bar::AtMost(0.0), "5xx in it"),
    ("race_best_sold", Bar::AtLeast(200.0), "seats sold in it, of 200"),
    ("server_rss_peak_mib", Bar::AtMost(150.0), "memory of the server, MiB"),
    ("boot_ms", Bar::AtMost(2000.0), "boot with its databases up, ms"),
];
