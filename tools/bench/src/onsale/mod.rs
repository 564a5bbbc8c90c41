//! The topic `onsale`: an arena is opened at one moment, and thousands of virtual buyers want its seats. Everything goes
//! through the API, from addresses of this machine only.

mod arena;
mod buyer;
mod page;
mod plots;
mod record;
mod samples;
mod steady;
mod truth;
mod visitor;
mod watch;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use chrono::{TimeDelta, Utc};
use clap::{Args, ValueEnum};
use rand::{SeedableRng, rngs::StdRng};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    hall::Hall,
    process::{self, Server, Sockets},
    raw::Postgres,
    report::Report,
    step,
};
use arena::Arena;
use record::{Op, Quantiles, Record, Slowest};
use samples::Sample;
use truth::{Books, Truth};
use watch::Lags;

/// Everything is made, and known to the server, this long before the sale opens; longer for large arenas.
const MADE_BEFORE: Duration = Duration::from_secs(2);
const SEATS_MADE_PER_SECOND: u32 = 20_000;
/// Buyers who have chosen may finish when a run is over.
const FINISH: Duration = Duration::from_secs(90);
/// The mirror brings the last sales into the snapshot.
const SETTLED_TRIES: u32 = 50;
const SETTLED_PAUSE: Duration = Duration::from_millis(100);
/// The busiest seconds in a row that count as the peak; and the slowest ones that are held against the bar.
const PEAK_SECONDS: usize = 10;
/// In no such stretch may the 95th percentile of an operation be above this.
pub const BAR_MS: f64 = 120.0;
/// The long run of `--memory`, and the buyers who come in each of its seconds: two fifths of an arena of 100,000 seats.
const STEADY_SECONDS: u64 = 600;
const STEADY_RATE: u32 = 30;
/// Buyers in each second at arenas of different sizes.
const GROWTH_RATE: u32 = 40;
/// The share of visits that end with tickets while half of the seats are left; of the others most think better of it.
const SERVED_MIN: f64 = 0.75;
/// A seller's rate is measured until so much of the house is sold: the rest waits for what people give back.
const MOST: f64 = 0.95;

/// What can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// A crowd waits for the opening
    Closed,
    /// People come at a rate of their own, whatever the server does, until everything is sold
    Open,
    /// Far more people wait for the opening than one machine can serve at once; the bar is not for them
    Crowd,
    /// The same rate at arenas of different sizes
    Seats,
    /// Different rates at the same arena
    Rates,
    /// The same rate for ten minutes; see `--memory`
    #[value(skip)]
    Steady,
}

#[derive(Args)]
pub struct Options {
    /// A sale of some seconds, to see that everything works; says nothing about speed
    #[arg(long)]
    quick: bool,
    /// The same seed makes the same crowd
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seats of the arena
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(500..=100_000))]
    seats: u32,
    /// Buyers who wait for the opening
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    buyers: u32,
    /// Buyers who come in each second of the open model
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    rate: u32,
    /// Buyers who wait for the opening together, and are too many
    #[arg(long, default_value_t = 9_000, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    crowd: u32,
    /// Only buyers who come at the same rate for ten minutes, and whether the memory of the server stays flat
    #[arg(long, conflicts_with = "only")]
    memory: bool,
    /// Run only these
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    /// Where the JSON file goes
    #[arg(long, value_name = "FILE", default_value = "target/bench/onsale.json")]
    out: PathBuf,
    /// Where the report and its plots go. Default: docs/benchmarks, or target/bench/onsale with --quick or --only
    #[arg(long, value_name = "DIRECTORY")]
    report: Option<PathBuf>,
    /// The server's program; default: `eventflow` beside this program
    #[arg(long, value_name = "FILE")]
    pub server: Option<PathBuf>,
    /// Environment of the server, as EVENTFLOW_DATABASE_POOL=16
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = crate::setting)]
    pub settings: Vec<(String, String)>,
}

/// How people come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Model {
    /// So many are there when the sale opens, and begin after their time of reaction, on average this one.
    Closed { buyers: u32, reaction: Duration },
    /// So many come in each second, at random moments.
    Open { per_second: u32 },
}

/// How long holds and checkouts last, and how long people take on average to choose, to fill in the form, and to pay.
#[derive(Debug, Clone, Copy)]
pub struct SaleTerms {
    hold_secs: u32,
    checkout_secs: u32,
    choose: Duration,
    form: Duration,
    card: Duration,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Plan {
    part: Part,
    name: String,
    seats: u32,
    model: Model,
    terms: SaleTerms,
    limit: Duration,
    /// Held against [`BAR_MS`].
    has_bar: bool,
}

/// A sale while it runs: what all its buyers share.
pub struct Sale {
    server: SocketAddr,
    server_id: u32,
    key: String,
    event: String,
    arena: Arena,
    terms: SaleTerms,
    seed: u64,
    /// The number of the first buyer among all of the whole program, and how many there may be.
    first_visitor: u32,
    crowd: u32,
    record: Record,
    lags: Lags,
    over: AtomicBool,
    left: AtomicBool,
    here: AtomicU64,
}

/// Somebody who is there.
struct Here<'a>(&'a AtomicU64);

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sale {
    fn enter(&self) -> Here<'_> {
        self.here.fetch_add(1, Ordering::AcqRel);
        Here(&self.here)
    }

    fn here(&self) -> u64 {
        self.here.load(Ordering::Acquire)
    }

    /// Nobody begins anything new.
    fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn everybody_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }
}

/// What came of a run.
pub struct Outcome {
    plan: Plan,
    sale: Arc<Sale>,
    samples: Vec<Sample>,
    /// After the last buyer has left.
    last: Sample,
    truth: Truth,
    lag: Quantiles,
}

impl Outcome {
    /// Seconds until as many seats as this were sold.
    fn sold_after(&self, seats: f64) -> Option<f64> {
        self.samples.iter().chain([&self.last]).find(|sample| f64::from(sample.sold) >= seats).map(|s| s.at)
    }

    fn sold_out_after(&self) -> Option<f64> {
        self.sold_after(self.plan.seats.into())
    }

    /// Seconds until nothing was free for the first time.
    fn taken_after(&self) -> Option<f64> {
        self.samples.iter().find(|sample| sample.free == 0).map(|sample| sample.at)
    }

    /// Seats sold in a second, until most were.
    fn seats_per_second(&self) -> f64 {
        let most = f64::from(self.last.sold) * MOST;
        self.sold_after(most).map_or(0.0, |after| most / after.max(1.0))
    }

    fn peak(&self) -> std::ops::Range<u64> {
        // Who is still waited for after the end is no part of it.
        let end = self.samples.last().map_or(1.0, |sample| sample.at);
        self.sale.record.peak(PEAK_SECONDS, end as usize)
    }

    /// The slowest stretch of each operation of the API, the slowest one first.
    fn slowest(&self) -> Vec<Slowest> {
        let of = |op| self.sale.record.slowest(op, PEAK_SECONDS);
        let mut slowest: Vec<Slowest> = Op::OURS.into_iter().filter_map(of).collect();
        slowest.sort_by(|left, right| right.p95_ms.total_cmp(&left.p95_ms));
        slowest
    }

    /// Operations above the bar, in runs that are held against it.
    fn above_the_bar(&self) -> Vec<Slowest> {
        let mut slowest = self.slowest();
        slowest.retain(|stretch| self.plan.has_bar && stretch.p95_ms > BAR_MS);
        slowest
    }

    /// CPU of the platform for each order that was paid, in milliseconds; and the sandbox's.
    fn cost(&self) -> (f64, f64) {
        let orders = self.truth.books.paid_orders.max(1) as f64;
        let first = self.samples.first().unwrap_or(&self.last);
        let used = self.last.cpu.since(&first.cpu);
        (used.platform() * 1e3 / orders, used.sandbox * 1e3 / orders)
    }

    /// A sale that refuses everybody is quick, and no sale.
    fn too_few(&self) -> Option<String> {
        let ended = self.sale.record.endings();
        let with_tickets = ended.get(buyer::HAS_TICKETS).copied().unwrap_or_default();
        let visits: u64 =
            ended.iter().filter(|(how, _)| **how != buyer::RUN_ENDED).map(|(_, count)| count).sum();
        let is_left = self.last.sold < self.plan.seats / 2;
        let too_few = self.plan.has_bar && is_left && (with_tickets as f64) < SERVED_MIN * visits as f64;
        too_few.then(|| {
            format!(
                "only {with_tickets} of {visits} visits ended with tickets, and half of the seats are left"
            )
        })
    }

    /// What went wrong.
    fn failures(&self) -> Vec<String> {
        let faults = self.sale.record.faults();
        let above = self.above_the_bar();
        let slow = above.iter().map(|slow| {
            format!(
                "{}: p95 {:.0} ms in its slowest {PEAK_SECONDS} s; the bar is {BAR_MS} ms (a slower machine serves fewer: --buyers, --rate)",
                slow.op.name(),
                slow.p95_ms
            )
        });
        let wrong = self.truth.wrong.iter().chain(&faults).cloned().chain(slow).chain(self.too_few());
        wrong.map(|what| format!("{}: {what}", self.plan.name)).collect()
    }
}

fn plans(options: &Options) -> Vec<Plan> {
    let seconds = Duration::from_secs;
    let main = SaleTerms {
        hold_secs: 30,
        checkout_secs: 30,
        choose: seconds(6),
        form: seconds(8),
        card: seconds(6),
    };
    let brisk = SaleTerms { choose: seconds(1), form: seconds(1), card: seconds(1), ..main };
    let hurried = SaleTerms {
        hold_secs: 5,
        checkout_secs: 5,
        choose: Duration::from_millis(300),
        form: Duration::from_millis(200),
        card: Duration::from_millis(200),
    };
    let plan = |part, name: String, seats, model, terms, limit| Plan {
        part,
        name,
        seats,
        model,
        terms,
        limit: seconds(limit),
        has_bar: !options.quick && matches!(part, Part::Closed | Part::Open),
    };
    let closed = |buyers, reaction| Model::Closed { buyers, reaction: seconds(reaction) };
    let open = |per_second| Model::Open { per_second };
    let rates = |rate: u32| format!("{rate} buyers/s");
    let sizes = |seats: u32| format!("{seats} seats");
    if options.memory {
        // Seats are left at the end: the load is the same all the time.
        let limit = if options.quick { 20 } else { STEADY_SECONDS };
        return vec![plan(Part::Steady, "steady".into(), 100_000, open(STEADY_RATE), brisk, limit)];
    }
    if options.quick {
        return vec![
            plan(Part::Closed, "closed".into(), 500, closed(260, 1), hurried, 90),
            plan(Part::Open, "open".into(), 500, open(40), hurried, 4),
            plan(Part::Seats, sizes(2_000), 2_000, open(30), hurried, 2),
            plan(Part::Rates, rates(30), 500, open(30), hurried, 2),
        ];
    }
    let mut plans = vec![
        plan(Part::Closed, "closed".into(), options.seats, closed(options.buyers, 5), main, 110),
        plan(Part::Open, "open".into(), options.seats, open(options.rate), main, 600),
        plan(Part::Crowd, "crowd".into(), options.seats, closed(options.crowd, 5), main, 300),
    ];
    plans.extend(
        [2_000, 20_000, 100_000]
            .map(|seats| plan(Part::Seats, sizes(seats), seats, open(GROWTH_RATE), brisk, 15)),
    );
    plans.extend(
        [20, 40, 80, 160].map(|rate| plan(Part::Rates, rates(rate), options.seats, open(rate), brisk, 15)),
    );
    plans.retain(|plan| options.only.is_empty() || options.only.contains(&plan.part));
    plans
}

/// Runs everything, and writes the report. Returns what went wrong.
pub async fn run(options: &Options, server: &Server, commit: &str) -> Result<Vec<String>> {
    process::allow_open_files();
    let sockets = Sockets::of(server.id)?;
    let hall = Hall::found(server.address).await?;
    let (mut outcomes, mut visitors) = (Vec::new(), 0);
    for plan in plans(options) {
        step(&format!("{}: an arena of {} seats", plan.name, plan.seats));
        let outcome = sell(&plan, options.seed, visitors, &hall, server, &sockets)
            .await
            .with_context(|| plan.name.clone())?;
        visitors += outcome.sale.crowd + 1;
        step(&page::line(&outcome));
        outcomes.push(outcome);
    }
    let mut failures: Vec<String> = outcomes.iter().flat_map(Outcome::failures).collect();
    failures.extend(server.warnings().into_iter().take(5).map(|line| format!("the server's log: {line}")));
    step("every invariant, over all sales");
    let (found, busy) = truth::invariants(server, &sockets).await?;
    if busy > 0 {
        failures.push(format!("{busy} things were still under way when everybody had left"));
    }
    failures.extend(
        found
            .violations
            .iter()
            .take(20)
            .map(|violation| format!("{}: {}", violation.invariant, violation.what)),
    );
    let mut report = Report::default();
    report.say("commit", commit);
    page::values(&mut report, &outcomes);
    let out = if options.memory { options.out.with_file_name("memory.json") } else { options.out.clone() };
    report.write(&out)?;
    failures.extend(outcomes.iter().filter(|outcome| outcome.plan.part == Part::Steady).filter_map(
        |outcome| {
            let memory = steady::Memory::of(outcome);
            step(&memory.line());
            (!memory.is_flat()).then(|| memory.line())
        },
    ));
    let partly = options.quick || !options.only.is_empty();
    let folder = match &options.report {
        Some(folder) => folder.as_path(),
        None => Path::new(if partly { "target/bench/onsale" } else { "docs/benchmarks" }),
    };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    plots::write(folder, &outcomes)?;
    match outcomes.first() {
        Some(outcome) if options.memory => steady::write(&folder.join("memory.md"), outcome, commit)?,
        _ => page::write(&folder.join("onsale.md"), &outcomes, &found, options, commit)?,
    }
    step(&format!("written to {} and {}", out.display(), folder.display()));
    Ok(failures)
}

async fn sell(
    plan: &Plan,
    seed: u64,
    first_visitor: u32,
    hall: &Hall,
    server: &Server,
    sockets: &Sockets,
) -> Result<Outcome> {
    let arena = Arena::new(plan.seats);
    let before = MADE_BEFORE + Duration::from_secs((plan.seats / SEATS_MADE_PER_SECOND).into());
    let opens = Utc::now() + TimeDelta::from_std(before)?;
    let event = arena.event(hall, plan.terms, opens).await?;
    // Statistics as autovacuum makes them in a database that has run for a while.
    Postgres { sockets }.run("ANALYZE").await?;
    let left = (opens - Utc::now())
        .to_std()
        .context("the arena took longer than planned; the sale is open already")?;
    let opened = Instant::now() + left;
    let crowd = match plan.model {
        Model::Closed { buyers, .. } => buyers,
        Model::Open { per_second } => per_second * u32::try_from(plan.limit.as_secs())? * 5 / 4 + 100,
    };
    let sale = Arc::new(Sale {
        server: server.address,
        server_id: server.id,
        key: hall.publishable_key.clone(),
        event,
        lags: Lags::new(arena.seats),
        arena,
        terms: plan.terms,
        seed,
        first_visitor,
        crowd,
        record: Record::new(opened.into_std()),
        over: AtomicBool::new(false),
        left: AtomicBool::new(false),
        here: AtomicU64::new(0),
    });
    tokio::time::sleep_until(opened).await;
    let samples = async {
        let samples = samples::take(&sale, plan.limit).await;
        sale.end();
        samples
    };
    let (samples, crowd) = tokio::join!(samples, crowd_of(&sale, plan, opened));
    crowd?;
    let mut seats = samples::Seats::new(&sale);
    let books = Books::read(sockets, &sale.event).await?;
    let mut last = seats.sample().await?;
    for _ in 0..SETTLED_TRIES {
        if u64::from(last.sold) == books.sold {
            break;
        }
        tokio::time::sleep(SETTLED_PAUSE).await;
        last = seats.sample().await?;
    }
    // Checkouts that were left go on ending meanwhile, which sells nothing.
    let truth = truth::judge(books, sale.record.seats(), last.sold);
    let lag = sale.lags.quantiles()?;
    Ok(Outcome { plan: plan.clone(), samples: samples?, last, truth, lag, sale })
}

/// Sends everybody on their way, and waits for them.
async fn crowd_of(sale: &Arc<Sale>, plan: &Plan, opened: Instant) -> Result<()> {
    let mut dice = StdRng::seed_from_u64(sale.seed);
    let mut buyers = JoinSet::new();
    let (mut due, mut number) = (opened, 0);
    while number < sale.crowd && !sale.is_over() {
        let draw = buyer::exponential(&mut dice);
        due = match plan.model {
            Model::Closed { reaction, .. } => opened + reaction.mul_f64(draw),
            Model::Open { per_second } => due + Duration::from_secs_f64(draw / f64::from(per_second)),
        };
        buyers.spawn(buyer::visit(sale.clone(), number, due));
        number += 1;
        if let Model::Open { .. } = plan.model {
            tokio::time::sleep_until(due).await;
            while buyers.try_join_next().is_some() {}
        }
    }
    let all = async { while buyers.join_next().await.is_some() {} };
    let left = plan.limit.saturating_sub(opened.elapsed());
    if tokio::time::timeout(left + FINISH, all).await.is_err() {
        bail!("{} buyers were still busy {} s after the end", sale.here(), FINISH.as_secs());
    }
    sale.left.store(true, Ordering::Release);
    Ok(())
}
