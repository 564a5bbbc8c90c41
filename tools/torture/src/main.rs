//! `eventflow-torture`: sells while everything breaks, and says afterwards which invariants hold. `cargo xtask torture`
//! builds the server, the sandbox and this.
#![expect(clippy::print_stdout, reason = "a command-line program speaks through stdout")]

mod buyers;
mod client;
mod failpoints;
mod late;
mod machines;
mod mutants;
mod partner;
mod proxy;
mod report;
mod rivals;
mod scanners;
mod schedule;
mod secrets;
mod shop;
mod table;
mod world;

use std::{
    collections::BTreeSet,
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use eventflow_torture::checker::{Circumstances, check, logs};
use futures_util::{StreamExt, stream};

use crate::{
    report::Report,
    schedule::{KINDS, Schedule},
    table::Table,
    world::{Variant, World},
};

/// Everything has come to rest within this time, or something hangs. A payment whose creation the provider answers with the
/// same error again and again is looked for in its list 90 s after it began.
const DRAIN: Duration = Duration::from_secs(150);

/// The same when nobody helps: the longest pause of a job is five minutes, and one may follow another.
const DRAIN_UNAIDED: Duration = Duration::from_secs(900);

/// Sells while everything breaks, then checks what must be true. Exit code 1: an invariant does not hold.
#[derive(Parser)]
#[command(name = "eventflow-torture", max_term_width = 110)]
struct Arguments {
    /// Where chance begins; the same seed breaks the same things at the same moments
    #[arg(long)]
    seed: Option<u64>,
    /// More seeds, one run each: `1,2,3`, or `1..20`, which are twenty
    #[arg(long, value_name = "N", value_delimiter = ',', conflicts_with = "seed")]
    seeds: Vec<String>,
    /// Runs beside each other; most of the time of each is waiting
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    at_once: u8,
    /// Write a line for each seed into a table for people, as soon as its run is over
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "docs/benchmarks/torture.md")]
    table: Option<PathBuf>,
    /// How long the sale lasts
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Buyers at one time
    #[arg(long, default_value_t = 20)]
    buyers: usize,
    /// Only these kinds of faults; `none` for none
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    faults: Vec<String>,
    /// Replay the schedule of an earlier run: target/torture/<seed>/schedule.json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "seconds", "faults", "buyers"])]
    schedule: Option<PathBuf>,
    /// Break the program itself, one thing at a time, and see that the checker turns red (a debug build only)
    #[arg(long)]
    mutants: bool,
    /// End one sale at every point between two effects, and see that it goes on (a debug build only)
    #[arg(long, conflicts_with = "mutants")]
    failpoints: bool,
    /// At each N-th point only
    #[arg(long, value_name = "N", requires = "failpoints", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Only these of the mutants
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "mutants")]
    only: Vec<String>,
    /// Help nothing to come to rest: no server is started again, no deadline moved, no clock off. Takes minutes more
    #[arg(long, conflicts_with_all = ["mutants", "failpoints", "schedule"])]
    unaided: bool,
    /// Say which kinds of faults there are
    #[arg(long)]
    list: bool,
    /// The server. Default: `eventflow` beside this program
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where logs, schedules and reports go
    #[arg(long, value_name = "DIR", default_value = "target/torture")]
    out: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.list {
        for (kind, number, what) in KINDS {
            println!("{kind:<15} {number:<4} {what}");
        }
        return Ok(true);
    }
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("eventflow"),
    };
    if !program.is_file() {
        bail!(
            "there is no {}: `cargo xtask torture` builds it, or name it with --program",
            program.display()
        );
    }
    if arguments.mutants {
        return mutants::run(&program, &arguments.out, &arguments.only, arguments.at_once.into()).await;
    }
    let drain = if arguments.unaided { DRAIN_UNAIDED } else { DRAIN };
    let variant = Variant { drain, is_unaided: arguments.unaided, ..Variant::default() };
    if arguments.failpoints {
        let artefacts = arguments.out.join("failpoints");
        prepare(&artefacts)?;
        return failpoints::run(&program, &artefacts, &variant, arguments.every).await;
    }
    let mut good = true;
    let table = |file: &PathBuf| Table::begin(file, arguments.seconds, arguments.buyers);
    let mut table = arguments.table.as_ref().map(table);
    let runs = stream::iter(schedules(arguments)?).map(async |schedule| {
        let artefacts = arguments.out.join(schedule.seed.to_string());
        let report = torture(&program, &artefacts, &schedule, &variant).await;
        (schedule, artefacts, report)
    });
    let mut runs = pin!(runs.buffered(arguments.at_once.into()));
    while let Some((schedule, artefacts, report)) = runs.next().await {
        // Those that are left are worth their time, whatever happened to this one.
        if let Some(table) = &mut table {
            table.add(schedule.seed, &report)?;
        }
        match report {
            Ok(report) => {
                report.print();
                good &= report.is_good();
            }
            Err(error) => {
                println!("error: {error:#}");
                good = false;
            }
        }
        println!("artefacts: {}", artefacts.display());
    }
    Ok(good)
}

fn schedules(arguments: &Arguments) -> Result<Vec<Schedule>> {
    if let Some(file) = &arguments.schedule {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let schedule = serde_json::from_slice(&text);
        return Ok(vec![schedule.with_context(|| format!("{} is no schedule", file.display()))?]);
    }
    let known: BTreeSet<&str> = KINDS.iter().map(|(kind, ..)| *kind).collect();
    let mut kinds = BTreeSet::new();
    for name in &arguments.faults {
        match known.get(name.as_str()) {
            Some(kind) => _ = kinds.insert(*kind),
            None if name == "none" => {}
            None => bail!("there is no fault `{name}`; --list names them"),
        }
    }
    if arguments.faults.is_empty() {
        kinds = known;
    }
    if arguments.unaided {
        // What an hour's wrong clock has put off is due in an hour.
        kinds.remove("clock");
    }
    let mut seeds: Vec<u64> = arguments.seed.into_iter().collect();
    for text in &arguments.seeds {
        seeds.extend(seeds_of(text).with_context(|| format!("`{text}` names no seeds; try 7, or 1..20"))?);
    }
    if seeds.is_empty() {
        seeds.push(rand::random::<u32>().into());
    }
    // Runs of one seed would share their directories.
    let mut known = BTreeSet::new();
    seeds.retain(|seed| known.insert(*seed));
    let length = Duration::from_secs(arguments.seconds);
    Ok(seeds.into_iter().map(|seed| Schedule::draw(seed, length, arguments.buyers, &kinds)).collect())
}

/// One number, or the first and the last of several.
fn seeds_of(text: &str) -> Result<RangeInclusive<u64>> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    Ok(first.parse()?..=last.parse()?)
}

/// One run: sells, breaks, lets everything come to rest, and checks.
async fn torture(program: &Path, artefacts: &Path, schedule: &Schedule, variant: &Variant) -> Result<Report> {
    prepare(artefacts)?;
    fs::write(artefacts.join("schedule.json"), serde_json::to_string_pretty(schedule)?)?;
    let began = Instant::now();
    let world = World::start(program, artefacts, schedule, variant).await?;
    world.sell(schedule).await?;
    let clock_was_off = schedule.steps.iter().any(|step| step.fault.kind() == "clock");
    checked(&world, artefacts, schedule, began, clock_was_off).await
}

/// An empty directory.
fn prepare(artefacts: &Path) -> Result<()> {
    if artefacts.exists() {
        fs::remove_dir_all(artefacts)?;
    }
    Ok(fs::create_dir_all(artefacts)?)
}

/// Lets everything come to rest, and holds the invariants against it.
async fn checked(
    world: &World,
    artefacts: &Path,
    schedule: &Schedule,
    began: Instant,
    hurry: bool,
) -> Result<Report> {
    let left = world.drain(hurry).await?;
    world.keep(artefacts).await?;
    let circumstances = world.client.history.with(|seen| Circumstances {
        quiescent: true,
        drained: true,
        acknowledged: seen.acknowledged.clone(),
        scans: seen.scans.clone(),
        interruptions: seen.counts.get("interruptions").copied().unwrap_or_default(),
        endpoints: world.endpoints(),
        webhooks: world.webhooks(),
        ..Circumstances::default()
    });
    let places = world.places();
    let mut found = check(&places.places(), &circumstances).await?;
    logs::check(&mut found, &secrets::logs(artefacts)?, &secrets::of(world))?;
    world.client.history.with(|seen| found.violations.append(&mut seen.violations));
    let mut counts = world.client.history.with(|seen| seen.counts.clone());
    let taken = circumstances.webhooks.iter().filter(|request| request.taken.is_some()).count();
    counts.insert("webhooks taken".into(), u64::try_from(taken)?);
    counts.insert("webhooks not taken".into(), u64::try_from(circumstances.webhooks.len() - taken)?);
    let report = Report::new(schedule, found, counts, left, &world.postgres_url, began.elapsed()).await?;
    fs::write(artefacts.join("report.json"), serde_json::to_string_pretty(&report.as_json())?)?;
    world.stop().await?;
    Ok(report)
}
