//! `cargo xtask bench`: what the API does in a second and what that costs, beside what HTTP, Redis and Postgres can do by
//! themselves, all in one run on one machine.

mod api;
mod calls;
mod floor;
mod hall;
mod load;
mod lookers;
mod onsale;
mod process;
mod raw;
mod report;
mod stream;
mod wire;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use calls::{Answers, Hold, Order, Pay, Places, Race, Same, Scan, Script, Supply, race_order};
use hall::{Hall, Map};
use load::{Caller, Outcome, Plan, Target};
use process::{Cpu, Floor, Server, Sockets, cpu};
use raw::{MINIMAL_HOLD, PLACE, Pending, Postgres, Redis};
use report::{Cell, Report};

const WARM: Duration = Duration::from_millis(400);
/// Seats of one event; of the events for settlements and holds; of the race.
const SEATS: u32 = 20_000;
const MANY_SEATS: u32 = 40_000;
const RACE_SEATS: u32 = 200;
const RACE_BUYERS: usize = 640;
const RACE_CONNECTIONS: usize = 64;
/// Every this many seats of the event whose availability is read, four are held.
const HELD_EVERY: u32 = 40;
/// Places of the largest order.
const ORDER_MAX: usize = 100;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Topic {
    /// The HTTP floor: poem, JSON in and out, nothing else
    Floor,
    /// A hold of four seats in Redis alone: the least script, and the server's own
    Redis,
    /// Settlements in Postgres alone, by pgbench
    Postgres,
    /// POST /v1/events/{id}/holds with four seats
    Hold,
    /// GET /v1/events/{id}/availability, as JSON, binary and not modified
    Availability,
    /// GET /v1/events/{id}/availability/stream: 1,000 who look on while one buyer, then eight, hold seats
    Stream,
    /// Holds of four seats with no plugin, one and three (`cargo xtask bench --plugins`)
    Plugins,
    /// POST /v1/orders with two seats, paid by hand, tickets in the answer; and with two standing places
    Order,
    /// POST /v1/orders/{id}/pay of pending orders
    Settle,
    /// POST /v1/check-ins with one scan
    Scan,
    /// 640 buyers on 64 connections, pairs out of 200 seats
    Race,
    /// The time to be ready when the databases are up
    Boot,
}

/// Measures the API of EventFlow beside the raw limits of HTTP, Redis and Postgres on the same machine.
///
/// Starts `eventflow serve` on a data directory of its own, with private Postgres and Redis, and ends everything that it
/// started. The whole run takes three to four minutes. Stop what else runs on the machine: CPU is the limit.
#[derive(Parser)]
#[command(name = "eventflow-bench", max_term_width = 110, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Measure only these; ratios need both of their sides
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Topic>,
    /// Connections
    #[arg(long, value_delimiter = ',', default_value = "1,8,50", value_parser = clap::value_parser!(u16).range(1..=1000))]
    connections: Vec<u16>,
    /// Streams that are open at one time
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=8000))]
    streams: u16,
    /// Where the JSON file goes; what concerns streams also goes to `stream.json` beside it
    #[arg(long, value_name = "FILE", default_value = "target/bench/api.json")]
    out: PathBuf,
    /// The server's program; default: `eventflow` beside this program
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Environment of the server, as EVENTFLOW_DATABASE_POOL=16
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    #[command(subcommand)]
    command: Option<Part>,
}

#[derive(clap::Subcommand)]
enum Part {
    /// The HTTP floor as a process of its own (started by a run)
    #[command(hide = true)]
    FloorServer,
    /// A crowd of virtual buyers at an arena whose sale opens (`cargo xtask bench --onsale`)
    Onsale(onsale::Options),
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[expect(clippy::print_stderr, reason = "the last words of a command line program")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // As many threads as the server has.
    let many = || runtime(tokio::runtime::Builder::new_multi_thread());
    let result = match &arguments.command {
        Some(Part::FloorServer) => many().and_then(|runtime| runtime.block_on(floor::serve())),
        Some(Part::Onsale(options)) => many().and_then(|runtime| runtime.block_on(onsale(options))),
        None => runtime(tokio::runtime::Builder::new_current_thread())
            .and_then(|runtime| runtime.block_on(bench(&arguments))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn runtime(mut builder: tokio::runtime::Builder) -> Result<tokio::runtime::Runtime> {
    Ok(builder.enable_all().build()?)
}

async fn bench(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let mut report = Report::default();
    report.say("commit", &commit().await);
    report.set("load_average", process::load_average());
    let program = program(arguments.server.as_ref())?;
    with_server(&program, &arguments.settings, async |server, data_dir, took| {
        report.set("first_boot_ms", took.as_secs_f64() * 1e3);
        let mut bench = Bench::new(arguments, &program, data_dir, server, &mut report).await?;
        let result =
            bench.all().await.with_context(|| format!("the server's last words:\n{}", server.last_words()));
        for warning in server.warnings().into_iter().take(5) {
            report.notes.push(format!("the server's log: {warning}"));
        }
        report.set("load_average_after", process::load_average());
        result
    })
    .await?;
    report.set("run_seconds", began.elapsed().as_secs_f64());
    report.ratios();
    report.print();
    report.write(&arguments.out)?;
    step(&format!("written to {} after {:.0} s", arguments.out.display(), began.elapsed().as_secs_f64()));
    if report.failures.is_empty() { Ok(()) } else { bail!("not every answer was as expected") }
}

async fn onsale(options: &onsale::Options) -> Result<()> {
    let program = program(options.server.as_ref())?;
    // Buyers have addresses of their own: the limits of visitors hold as they do for people.
    let mut settings = vec![("EVENTFLOW_RATE_LIMIT_SCALE".to_owned(), "1".to_owned())];
    settings.extend(options.settings.iter().cloned());
    let commit = commit().await;
    let failures = with_server(&program, &settings, async |server, _, _| {
        let run = onsale::run(options, server, &commit).await;
        run.with_context(|| format!("the server's last words:\n{}", server.last_words()))
    })
    .await?;
    if failures.is_empty() { Ok(()) } else { bail!("not everything was right:\n{}", failures.join("\n")) }
}

fn program(given: Option<&PathBuf>) -> Result<PathBuf> {
    let program = match given {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("eventflow"),
    };
    if !program.is_file() {
        bail!("there is no {}; `cargo xtask bench` builds it", program.display());
    }
    Ok(program)
}

/// Starts the server on a data directory of its own, and ends it and removes that whatever happens. `work` gets the server,
/// the directory and the time that the start took.
async fn with_server<T>(
    program: &Path,
    settings: &[(String, String)],
    work: impl AsyncFnOnce(&Server, &Path, Duration) -> Result<T>,
) -> Result<T> {
    let data_dir = std::env::temp_dir().join(format!("eventflow-bench-{}", std::process::id()));
    let environment: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    step("starting the server and its databases");
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let run = async {
        let (server, took) = Server::start(program, &data_dir, &environment, &[]).await?;
        let result = work(&server, &data_dir, took).await;
        step("stopping the server and its databases");
        server.stop().await?;
        result
    };
    // Dropping the run asks the server to end; the kernel does the same if we end first.
    let result = tokio::select! {
        result = run => result,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("interrupted")),
    };
    let removed = std::fs::remove_dir_all(&data_dir);
    let result = result?;
    removed.context("the data directory cannot be removed")?;
    Ok(result)
}

async fn commit() -> String {
    let output =
        tokio::process::Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output();
    output.await.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Of an odd number of values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[expect(clippy::print_stdout, reason = "a person watches")]
fn step(text: &str) {
    println!("  … {text}");
    let _ = std::io::stdout().flush();
}

struct Bench<'a> {
    arguments: &'a Arguments,
    program: &'a Path,
    data_dir: &'a Path,
    server: &'a Server,
    sockets: Sockets,
    hall: Hall,
    report: &'a mut Report,
}

impl<'a> Bench<'a> {
    async fn new(
        arguments: &'a Arguments,
        program: &'a Path,
        data_dir: &'a Path,
        server: &'a Server,
        report: &'a mut Report,
    ) -> Result<Self> {
        let sockets = Sockets::of(server.id)?;
        let hall = Hall::found(server.address).await?;
        Ok(Self { arguments, program, data_dir, server, sockets, hall, report })
    }

    async fn all(&mut self) -> Result<()> {
        // Plugins have to be built first: `cargo xtask bench --plugins` does.
        let all = self.arguments.only.is_empty();
        let wanted = |topic| all && topic != Topic::Plugins || self.arguments.only.contains(&topic);
        let topics: Vec<Topic> =
            Topic::value_variants().iter().copied().filter(|topic| wanted(*topic)).collect();
        self.report.set("server_rss_start_mib", process::memory_mib(self.server.id).0);
        for topic in topics {
            match topic {
                Topic::Floor => self.floor().await?,
                Topic::Redis => self.redis().await?,
                Topic::Postgres => self.postgres().await?,
                Topic::Hold => self.holds().await?,
                Topic::Availability => self.availability().await?,
                Topic::Stream => self.streams().await?,
                Topic::Plugins => self.plugins().await?,
                Topic::Order => self.orders().await?,
                Topic::Settle => self.settle().await?,
                Topic::Scan => self.scans().await?,
                Topic::Race => self.races().await?,
                Topic::Boot => self.boot().await?,
            }
            let (now, peak) = process::memory_mib(self.server.id);
            self.report.set(format!("server_rss_after_{}_mib", format!("{topic:?}").to_lowercase()), now);
            self.report.set("server_rss_mib", now);
            self.report.set("server_rss_peak_mib", peak);
        }
        Ok(())
    }

    fn run_time(&self) -> Duration {
        Duration::from_secs(self.arguments.seconds)
    }

    /// How many calls a cell may make at most, at a rate that is not reached.
    fn supply(&self, per_second: usize) -> usize {
        ((self.run_time() + WARM).as_secs_f64() * per_second as f64) as usize
    }

    fn connections(&self) -> Vec<usize> {
        self.arguments.connections.iter().map(|n| usize::from(*n)).collect()
    }

    fn peak(&self) -> usize {
        self.connections().into_iter().max().unwrap_or(1)
    }

    async fn cell(
        &mut self,
        name: &'static str,
        process: u32,
        target: Target,
        connections: usize,
        caller: impl Fn(usize) -> Box<dyn Caller>,
    ) -> Result<()> {
        let plan = Plan { connections, warm: WARM, run: self.run_time() };
        let (outcome, cpu) =
            measure(process, &target, plan, caller).await.with_context(|| name.to_owned())?;
        let errors = if outcome.errors > 0 { format!(", {} ERRORS", outcome.errors) } else { String::new() };
        let (rate, p95) = (outcome.per_second(), outcome.millis(0.95));
        step(&format!("{name:<17} {connections:>3} connections {rate:>9.0}/s, p95 {p95:.2} ms{errors}"));
        self.report.add(Cell { name, outcome, cpu });
        Ok(())
    }

    async fn ours(
        &mut self,
        name: &'static str,
        connections: usize,
        caller: impl Fn(usize) -> Box<dyn Caller>,
    ) -> Result<()> {
        self.cell(name, self.server.id, Target::Http(self.server.address), connections, caller).await
    }

    async fn floor(&mut self) -> Result<()> {
        let floor = Floor::start().await?;
        for connections in self.connections() {
            let places = Places::new(vec!["floor".into(); 10_000], MANY_SEATS, 4);
            let caller = |_| -> Box<dyn Caller> {
                Box::new(Hold { places: places.clone(), key: self.hall.secret_key.clone() })
            };
            let caller = &caller;
            let plan = Plan { connections, warm: WARM, run: self.run_time() };
            let (outcome, cpu) = measure(floor.id, &Target::Http(floor.address), plan, caller).await?;
            step(&format!(
                "{:<17} {connections:>3} connections {:>9.0}/s",
                "http_floor",
                outcome.per_second()
            ));
            self.report.add(Cell { name: "http_floor", outcome, cpu });
        }
        floor.stop().await
    }

    async fn redis(&mut self) -> Result<()> {
        let mut redis = Redis::connect(&self.sockets.redis).await?;
        for (name, text, key, whole) in
            [("redis_hold", MINIMAL_HOLD, "bench", false), ("redis_place", PLACE, "{bench}", true)]
        {
            let sha = redis.load(text).await?;
            redis.run(&["SET", "{bench}:boot", "1"]).await?;
            let target = Target::Redis(self.sockets.redis.clone());
            let caller = move |at: usize| -> Box<dyn Caller> {
                let random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(at as u64 + 1);
                Box::new(Script { sha: sha.clone(), seats: 100_000, random, whole, key })
            };
            self.cell(name, self.server.id, target, self.peak(), caller).await?;
        }
        self.forget_redis().await
    }

    /// Redis must not fill up with the holds of earlier phases; what is sold it learns again from Postgres.
    async fn forget_redis(&self) -> Result<()> {
        Redis::connect(&self.sockets.redis).await?.run(&["FLUSHALL"]).await.map(drop)
    }

    async fn postgres(&mut self) -> Result<()> {
        step("preparing pending orders");
        let map = self.hall.seats(MANY_SEATS).await?;
        for (phase, name, served) in [(1, "pg_settle_tps", false), (2, "pg_settle_served_tps", true)] {
            let postgres = Postgres { sockets: &self.sockets };
            let wanted = self.supply(6_000) as u64;
            let pending = Pending::prepare(&mut self.hall, &postgres, &map, phase, wanted).await?;
            // Nothing but pgbench and Postgres shall work.
            self.server.pause(true);
            let script = self.data_dir.join("settle.pgbench");
            let rate = async {
                postgres.run("ANALYZE; CHECKPOINT").await?;
                let before = cpu(self.server.id);
                let rate = pending.settle(&postgres, served, self.run_time(), &script).await?;
                let used = cpu(self.server.id).since(&before).postgres;
                pending.forget(&postgres).await?;
                Ok::<_, anyhow::Error>((rate, used))
            }
            .await;
            self.server.pause(false);
            let (rate, used) = rate?;
            step(&format!("{name:<21} 16 clients {rate:>9.0}/s"));
            self.report.set(name, rate);
            self.report
                .set(format!("{name}_postgres_cpu_us"), used * 1e6 / (rate * self.run_time().as_secs_f64()));
        }
        Ok(())
    }

    async fn holds(&mut self) -> Result<()> {
        step("making events for holds");
        let map = self.hall.seats(MANY_SEATS).await?;
        for connections in self.connections() {
            let rate = if connections == 1 { 8_000 } else { 30_000 };
            let events = self.supply(rate).div_ceil(MANY_SEATS as usize / 4);
            let events = self.hall.events(&map, events).await?;
            // As a partner's server: visitors of a page are bounded by their network, and this machine is one.
            let (places, key) = (Places::new(events, map.seats, 4), self.hall.secret_key.clone());
            self.ours("hold", connections, |_| Box::new(Hold { places: places.clone(), key: key.clone() }))
                .await?;
            self.forget_redis().await?;
        }
        Ok(())
    }

    /// Holds at the peak, in turns: what a plugin costs is a share of what the same server does a moment before and after.
    async fn plugins(&mut self) -> Result<()> {
        step("making events for holds with plugins");
        let target = self.program.ancestors().nth(2).context("no target directory")?.join("plugins");
        let plugins = self.hall.plugins(&target).await?;
        let map = self.hall.seats(MANY_SEATS).await?;
        let rounds = 5;
        let mut rates: [Vec<f64>; 3] = Default::default();
        for round in 0..rounds {
            for (at, (name, count)) in
                [("hold_no_plugin", 0), ("hold_one_plugin", 1), ("hold_three_plugins", 3)]
                    .into_iter()
                    .enumerate()
            {
                let events = self.supply(30_000).div_ceil(MANY_SEATS as usize / 4);
                let events = self.hall.events(&map, events).await?;
                self.hall.install(&plugins, count).await?;
                let (places, key) = (Places::new(events, map.seats, 4), self.hall.secret_key.clone());
                let caller =
                    |_| -> Box<dyn Caller> { Box::new(Hold { places: places.clone(), key: key.clone() }) };
                self.ours(name, self.peak(), caller).await?;
                rates[at].push(self.report.get(&format!("{name}_rps")).unwrap_or(0.0));
                self.forget_redis().await?;
                step(&format!("round {} of {rounds}", round + 1));
            }
        }
        self.hall.install(&plugins, 0).await?;
        let [none, one, three] = rates.map(median);
        self.report.set("hold_cost_one_plugin_ratio", 1.0 - one / none.max(1.0));
        self.report.set("hold_cost_three_plugins_ratio", 1.0 - three / none.max(1.0));
        Ok(())
    }

    async fn availability(&mut self) -> Result<()> {
        let map = self.hall.seats(SEATS).await?;
        let event = self.hall.event(&map).await?;
        let mut client = self.hall.client().await?;
        for first in (0..SEATS).step_by(HELD_EVERY as usize) {
            let items: Vec<Value> = (first..first + 4).map(|seat| json!({ "seat": seat })).collect();
            client.post(&format!("/v1/events/{event}/holds"), &json!({ "items": items })).await?;
        }
        // The stream tells the server of the last hold before anything is measured.
        tokio::time::sleep(WARM).await;
        let path = format!("/v1/events/{event}/availability");
        let revision = client.get(&path).await?["revision"].as_u64().context("no revision")?;
        let key = &self.hall.publishable_key.clone();
        let request = |path: &str| {
            let mut request = Vec::new();
            wire::request(&mut request, "GET", path, key, None);
            request
        };
        let plain = request(&path);
        let binary = request(&format!("{path}.bin"));
        let mut conditional = plain.clone();
        conditional.truncate(conditional.len() - 2);
        conditional.extend_from_slice(format!("if-none-match: \"{revision:x}\"\r\n\r\n").as_bytes());
        for (name, request, status) in [
            ("availability", plain, 200),
            ("availability_bin", binary, 200),
            ("availability_304", conditional, 304),
        ] {
            for connections in self.connections() {
                self.ours(name, connections, |_| Box::new(Same { request: request.clone(), status })).await?;
            }
        }
        self.forget_redis().await
    }

    async fn orders(&mut self) -> Result<()> {
        let (seats, floor) = (self.hall.seats(SEATS).await?, self.hall.floor().await?);
        // A database that has sold something: its plans are not those of empty tables.
        self.tickets(&floor, 100 * ORDER_MAX).await?;
        for (name, map, standing) in [("order", &seats, false), ("order_standing", &floor, true)] {
            for connections in self.connections() {
                let per_event = if standing { MANY_SEATS * 10 } else { SEATS };
                let events = self.supply(3_000).div_ceil(per_event as usize / 2);
                let events = self.hall.events(map, events).await?;
                let (places, key) = (Places::new(events, per_event, 2), self.hall.secret_key.clone());
                let caller = |_| -> Box<dyn Caller> {
                    Box::new(Order { places: places.clone(), key: key.clone(), standing })
                };
                self.analyze().await?;
                self.ours(name, connections, caller).await?;
            }
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<()> {
        let map = self.hall.seats(MANY_SEATS).await?;
        for (phase, connections) in (10..).zip(self.connections()) {
            let wanted = self.supply(if connections == 1 { 1_500 } else { 4_000 }) as u64;
            let postgres = Postgres { sockets: &self.sockets };
            let pending = Pending::prepare(&mut self.hall, &postgres, &map, phase, wanted).await?;
            let (orders, key) = (Supply::new(pending.ids()), self.hall.secret_key.clone());
            self.analyze().await?;
            self.ours("settle", connections, |_| Box::new(Pay { orders: orders.clone(), key: key.clone() }))
                .await?;
        }
        Ok(())
    }

    /// Statistics as autovacuum makes them in a database that has run for a while.
    async fn analyze(&self) -> Result<()> {
        Postgres { sockets: &self.sockets }.run("ANALYZE").await.map(drop)
    }

    async fn scans(&mut self) -> Result<()> {
        step("selling tickets to scan");
        let floor = self.hall.floor().await?;
        for connections in self.connections() {
            let rate = match connections {
                1 => 1_500,
                2..=16 => 3_500,
                _ => 7_000,
            };
            let (token, tickets) = self.tickets(&floor, self.supply(rate)).await?;
            let tickets = Supply::new(tickets);
            self.ours("scan", connections, |_| {
                Box::new(Scan { tickets: tickets.clone(), token: token.clone() })
            })
            .await?;
        }
        Ok(())
    }

    /// The token of a device, and the codes of tickets for its list.
    async fn tickets(&mut self, floor: &Map, wanted: usize) -> Result<(String, Vec<String>)> {
        let event = self.hall.event(floor).await?;
        let mut client = self.hall.client().await?;
        let list = client.make("/v1/check-in-lists", &json!({ "event_id": event, "name": "Main" })).await?;
        let device = json!({ "name": "Scanner", "gate": "North" });
        let device = client.post(&format!("/v1/check-in-lists/{list}/devices"), &device).await?;
        let body = json!({
            "event_id": event, "provider": "manual", "buyer": { "email": "", "name": "" },
            "items": [{ "ga_area": "floor", "quantity": ORDER_MAX }],
        });
        let mut tickets = Vec::with_capacity(wanted);
        while tickets.len() < wanted {
            let order = client.post("/v1/orders", &body).await?;
            let sold = order["tickets"].as_array().context("no tickets")?;
            tickets.extend(sold.iter().filter_map(|ticket| ticket["token"].as_str().map(str::to_owned)));
        }
        Ok((api::text(&device, "/token")?, tickets))
    }

    async fn races(&mut self) -> Result<()> {
        let map = self.hall.seats(RACE_SEATS).await?;
        // Once unmeasured: connections of the pools and prepared statements are those of a server that has been running.
        self.race(&map, "warm", false).await?;
        self.analyze().await?;
        self.race(&map, "race_explicit", false).await?;
        self.race(&map, "race_best", true).await
    }

    async fn race(&mut self, map: &Map, name: &str, best: bool) -> Result<()> {
        let event = self.hall.event(map).await?;
        let pairs = RACE_SEATS as usize / 2;
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % pairs * 2
        };
        let buyers =
            Supply::new((0..RACE_BUYERS).map(|_| race_order(&event, (!best).then(&mut draw))).collect());
        let answers: Answers = Arc::default();
        let plan = Plan { connections: RACE_CONNECTIONS, warm: Duration::ZERO, run: Duration::from_secs(60) };
        let key = self.hall.secret_key.clone();
        let caller = |_| -> Box<dyn Caller> {
            Box::new(Race { buyers: buyers.clone(), key: key.clone(), answers: answers.clone() })
        };
        let (outcome, _) = measure(self.server.id, &Target::Http(self.server.address), plan, caller).await?;
        let answers = answers.lock().unwrap_or_else(|e| e.into_inner());
        let mut sold: Vec<u64> = Vec::new();
        for (_, body) in answers.iter().filter(|(status, _)| *status == 201) {
            let order: Value = serde_json::from_slice(body)?;
            sold.extend(
                order["items"].as_array().into_iter().flatten().filter_map(|item| item["seat"].as_u64()),
            );
        }
        let all = sold.len();
        sold.sort_unstable();
        sold.dedup();
        let refused = answers.iter().filter(|(status, _)| *status == 409).count();
        let broken = answers.iter().filter(|(status, _)| *status >= 500).count();
        if answers.len() != RACE_BUYERS || name != "warm" && outcome.errors > 0 {
            let complaint = outcome.complaints.first().cloned().unwrap_or_default();
            self.report.failures.push(format!(
                "{name}: {} answers, {} errors, as {complaint}",
                answers.len(),
                outcome.errors
            ));
        }
        if name == "warm" {
            return Ok(());
        }
        step(&format!(
            "{name:<17} {RACE_BUYERS} buyers: {:.3} s, {} seats sold, {} twice, {refused} refused, {broken} x 5xx, p95 {:.1} ms",
            outcome.seconds,
            sold.len(),
            all - sold.len(),
            outcome.millis(0.95)
        ));
        self.report.set(format!("{name}_seconds"), outcome.seconds);
        self.report.set(format!("{name}_p95_ms"), outcome.millis(0.95));
        self.report.set(format!("{name}_sold"), sold.len() as f64);
        self.report.set(format!("{name}_doubles"), (all - sold.len()) as f64);
        self.report.set(format!("{name}_5xx"), broken as f64);
        Ok(())
    }

    /// A second server on the databases of the first.
    async fn boot(&mut self) -> Result<()> {
        let key = std::fs::read_to_string(self.data_dir.join("master.key"))?;
        let encode = |path: &Path| path.display().to_string().replace('%', "%25");
        let database = |role: &str| {
            format!("postgres://{role}@/eventflow?host={}&port=5432", encode(&self.sockets.postgres))
        };
        let environment = [
            ("DATABASE_URL", database("ef_login")),
            ("DATABASE_OWNER_URL", database("ef_owner")),
            ("REDIS_URL", format!("redis+unix://{}", encode(&self.sockets.redis))),
            ("EVENTFLOW_MASTER_KEY", key.trim().to_owned()),
        ];
        let folder = self.data_dir.join("second");
        let (server, took) =
            Server::start(self.program, &folder, &environment, &["--without-worker"]).await?;
        step(&format!("boot with its databases up: {:.0} ms", took.as_secs_f64() * 1e3));
        self.report.set("boot_ms", took.as_secs_f64() * 1e3);
        server.stop().await
    }
}

async fn measure(
    process: u32,
    target: &Target,
    plan: Plan,
    caller: impl Fn(usize) -> Box<dyn Caller>,
) -> Result<(Outcome, Cpu)> {
    let mut marks = Vec::new();
    let outcome = load::run(target, plan, caller, || marks.push(cpu(process))).await?;
    let used = match marks.as_slice() {
        [first, .., last] => last.since(first),
        _ => Cpu::default(),
    };
    Ok((outcome, used))
}
