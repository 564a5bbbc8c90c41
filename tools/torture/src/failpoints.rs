//! One sale, ended at every point: between any two effects the server dies once, comes back, and the sale goes on. In the end
//! every invariant holds.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    buyers::{DISPUTED, GOOD_CARD, key, session_of, text},
    checked,
    client::Ask,
    schedule::Schedule,
    shop::{AREA, Shop},
    world::{Variant, World},
};

/// A sale has fewer points; a server that dies at each of so many is told to die for ever.
const POINTS_MAX: u64 = 1_000;
/// And it has more than this.
const POINTS_MIN: u64 = 180;
/// How long one sale may take, with a server that comes back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sales that go on beside each other, most of whose time is waiting; each has a server, databases and points of its own.
const LANES: usize = 2;

/// What one lane comes to.
struct Ended {
    /// Points at which the server died.
    points: u64,
    /// How often it was which, as the server's last words say.
    deaths: BTreeMap<String, u64>,
    is_good: bool,
}

/// Sales until one has come to its end without a death, at each `every`-th point; true when nothing is wrong afterwards.
pub async fn run(program: &Path, artefacts: &Path, variant: &Variant, every: u64) -> Result<bool> {
    let lanes = (0..LANES).map(async |number| {
        let artefacts = artefacts.join(number.to_string());
        fs::create_dir(&artefacts)?;
        let first = 1 + u64::try_from(number)? * every;
        let points = (first..=POINTS_MAX).step_by(usize::try_from(every)? * LANES);
        lane(program, &artefacts, variant, number, points).await
    });
    let lanes = try_join_all(lanes).await?;
    let points: u64 = lanes.iter().map(|lane| lane.points).sum();
    let mut deaths: BTreeMap<&str, u64> = BTreeMap::new();
    for (place, count) in lanes.iter().flat_map(|lane| &lane.deaths) {
        *deaths.entry(place).or_default() += count;
    }
    let places = deaths.len();
    println!("\nthe server died at {points} points of a sale, once at each; they lie at {places} places");
    for (place, count) in &deaths {
        println!("  {count:>6}  {place}");
    }
    // A server that ended of itself has another reason, which has to be looked into.
    let told: u64 = deaths.values().sum();
    if told != points {
        println!("it was told to die {told} times only; see {}", artefacts.display());
    }
    let is_enough = points * every >= POINTS_MIN;
    if !is_enough {
        println!(
            "too few to say something: a sale has {POINTS_MIN} points at least (is this a debug build?)"
        );
    }
    Ok(lanes.iter().all(|lane| lane.is_good) && told == points && is_enough)
}

async fn lane(
    program: &Path,
    artefacts: &Path,
    variant: &Variant,
    number: usize,
    points: impl Iterator<Item = u64>,
) -> Result<Ended> {
    let schedule = Schedule { seed: u64::try_from(number)?, seconds: 0, buyers: 1, steps: Vec::new() };
    let world = World::start(program, artefacts, &schedule, variant).await?;
    for (ends, point) in points.enumerate() {
        // Points before the server is ready are those of its start.
        let mut died = !world.live_until(point).await?;
        if died {
            world.revive().await?;
        }
        let (sold, ended) = watch::channel(false);
        let keeper = tokio::spawn(keep_alive(world.clone(), ended));
        world.client.give_up_at(Instant::now() + PATIENCE);
        let sale = async {
            sell(&world, ends % 2).await?;
            // What follows a sale in the background has points, too.
            ensure!(world.come_to_rest(PATIENCE).await?, "it did not come to rest");
            Ok(())
        };
        sale.await.with_context(|| format!("the sale that ended at point {point} did not go on"))?;
        sold.send_replace(true);
        died |= keeper.await??;
        if !died {
            // The last server still counts, and may come to its point while everything is brought to rest.
            let deaths = deaths(artefacts)?;
            let report = checked(&world, artefacts, &schedule, Instant::now(), true).await?;
            report.print();
            return Ok(Ended { points: u64::try_from(ends)?, deaths, is_good: report.is_good() });
        }
    }
    bail!("a sale has more than {POINTS_MAX} points")
}

/// Starts the server again when it has died, until the sale has ended; true when it died.
async fn keep_alive(world: Arc<World>, ended: watch::Receiver<bool>) -> Result<bool> {
    loop {
        // Asked first: a death before the end is seen afterwards.
        let is_last = *ended.borrow();
        if world.revive().await? {
            return Ok(true);
        }
        if is_last {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// How often it was which point, as the server's last words say.
fn deaths(artefacts: &Path) -> Result<BTreeMap<String, u64>> {
    let log = fs::read_to_string(artefacts.join("server-0.log"))?;
    let mut deaths = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("dies here")) {
        let said: Vec<&str> = line.split('"').collect();
        let (point, way) = (said.get(1).unwrap_or(&"a point without a name"), said.get(3).unwrap_or(&""));
        *deaths.entry(format!("{point}, in {way}")).or_default() += 1;
    }
    Ok(deaths)
}

/// One order that is left to lapse and one that is cancelled; one that is paid, scanned and given back in part; and one that
/// the buyer's bank disputes. Redis knows of nothing when it begins.
async fn sell(world: &World, at: usize) -> Result<()> {
    let shop = &world.shops[at];
    world.redis_forgets().await?;
    let left = order(world, shop, json!({ "best_available": { "quantity": 1 } })).await?;

    let regretted = order(world, shop, json!({ "best_available": { "quantity": 1 } })).await?;
    let cancel = format!("/v1/orders/{}/cancel", text(&regretted, "id"));
    ask(world, Ask::post(&cancel, text(&regretted, "buyer_token"), &key(), json!({}))).await?;

    let wanted = order(world, shop, json!({ "items": [{ "ga_area": AREA, "quantity": 2 }] })).await?;
    pay(world, &wanted, GOOD_CARD).await;
    let paid = becomes(world, shop, &wanted, "paid").await?;
    let code = &paid["tickets"][0]["token"];
    let scan = json!({ "scans": [{ "id": Uuid::now_v7(), "token": code }] });
    ask(world, Ask { key: None, ..Ask::post("/v1/check-ins", &shop.scanners[0], "", scan) }).await?;
    let back = json!({ "item_ids": [paid["items"][1]["id"]] });
    let refunds = format!("/v1/orders/{}/refunds", text(&paid, "id"));
    ask(world, Ask::post(&refunds, &shop.secret, &key(), back)).await?;

    let doubtful = order(world, shop, json!({ "items": [{ "ga_area": AREA, "quantity": 1 }] })).await?;
    pay(world, &doubtful, DISPUTED).await;
    becomes(world, shop, &doubtful, "disputed").await?;

    // Hurried before that, the one that is left would be looked at again and again.
    let until: DateTime<Utc> = text(&left, "pay_until").parse()?;
    tokio::time::sleep((until - Utc::now()).to_std().unwrap_or_default()).await;
    Ok(())
}

async fn order(world: &World, shop: &Shop, wanted: Value) -> Result<Value> {
    let holds = format!("/v1/events/{}/holds", shop.event);
    let hold = ask(world, Ask::post(&holds, &shop.publishable, &key(), wanted)).await?;
    let key = key();
    let buyer = json!({ "email": format!("{key}@example.org"), "name": "Grace Hopper" });
    let order = json!({ "hold_id": hold["id"], "hold_token": hold["token"], "buyer": buyer });
    ask(world, Ask::post("/v1/orders", &shop.publishable, &key, order)).await
}

async fn pay(world: &World, order: &Value, card: &str) {
    let session = session_of(order).unwrap_or_default();
    world.sandbox(&format!("sessions/{session}/pay"), json!({ "card": card })).await;
}

/// The order, when it has come to that state.
async fn becomes(world: &World, shop: &Shop, order: &Value, state: &str) -> Result<Value> {
    let path = format!("/v1/orders/{}", text(order, "id"));
    let began = Instant::now();
    loop {
        let now = ask(world, Ask::get(&path, &shop.secret)).await?;
        if now["state"] == *state {
            return Ok(now);
        }
        if began.elapsed() > PATIENCE {
            bail!("the order is still {}", now["state"]);
        }
        // What the dead server had leased would be due only when its lease ends.
        world.hurry().await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn ask(world: &World, ask: Ask<'_>) -> Result<Value> {
    let asked = format!("{} {}", ask.method, ask.path);
    // The other server is down.
    match world.client.ask_one(0, ask).await {
        Some(answer) if answer.is_good() => Ok(answer.body),
        Some(answer) => bail!("{asked} was answered with {}: {}", answer.status, answer.body),
        None => bail!("{asked} was not answered"),
    }
}
