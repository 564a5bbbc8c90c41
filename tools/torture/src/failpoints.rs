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
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    checked,
    client::Ask,
    schedule::Schedule,
    shop::AREA,
    world::{Variant, World},
};

/// A sale has fewer points; a server that dies at each of so many is told to die for ever.
const POINTS_MAX: u64 = 400;
/// And it has more than this.
const POINTS_MIN: u64 = 90;
/// How long one sale may take, with a server that comes back.
const PATIENCE: Duration = Duration::from_secs(40);

/// Sales until one has come to its end without a death, at each `every`-th point; true when nothing is wrong afterwards.
pub async fn run(program: &Path, artefacts: &Path, variant: &Variant, every: u64) -> Result<bool> {
    let schedule = Schedule { seed: 0, seconds: 0, buyers: 1, steps: Vec::new() };
    let world = World::start(program, artefacts, &schedule, variant).await?;
    for (point, ends) in (1..=POINTS_MAX).step_by(usize::try_from(every)?).zip(0..) {
        // Points before the server is ready are those of its start.
        let mut died = !world.live_until(point).await?;
        if died {
            world.revive().await?;
        }
        let (sold, ended) = watch::channel(false);
        let keeper = tokio::spawn(keep_alive(world.clone(), ended));
        world.client.give_up_at(Instant::now() + PATIENCE);
        let sale = async {
            sell(&world, usize::try_from(point % 2)?).await?;
            // What follows a sale in the background has points, too.
            ensure!(world.come_to_rest(PATIENCE).await?, "it did not come to rest");
            Ok(())
        };
        sale.await.with_context(|| format!("the sale that ended at point {point} did not go on"))?;
        sold.send_replace(true);
        died |= keeper.await??;
        if !died {
            return finish(world, artefacts, &schedule, ends, every).await;
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

async fn finish(
    world: Arc<World>,
    artefacts: &Path,
    schedule: &Schedule,
    ends: u64,
    every: u64,
) -> Result<bool> {
    // The last server still counts, and may come to its point while everything is brought to rest.
    let deaths = deaths(artefacts)?;
    let report = checked(&world, artefacts, schedule, Instant::now(), true).await?;
    report.print();
    println!("\nthe server died at {ends} points of a sale, once at each");
    for (point, count) in &deaths {
        println!("  {count:>6}  {point}");
    }
    // A server that ended of itself has another reason, which has to be looked into.
    let told: u64 = deaths.values().sum();
    if told != ends {
        println!("it was told to die {told} times only; see {}", artefacts.display());
    }
    let is_enough = ends * every >= POINTS_MIN;
    if !is_enough {
        println!(
            "too few to say something: a sale has {POINTS_MIN} points at least (is this a debug build?)"
        );
    }
    Ok(report.is_good() && told == ends && is_enough)
}

/// How often it was which point, as the server's last words say.
fn deaths(artefacts: &Path) -> Result<BTreeMap<String, u64>> {
    let log = fs::read_to_string(artefacts.join("server-0.log"))?;
    let mut deaths = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("dies here")) {
        let point = line.split('"').nth(1).unwrap_or("a point without a name");
        *deaths.entry(point.to_owned()).or_default() += 1;
    }
    Ok(deaths)
}

/// A hold, an order, a payment, tickets, a scan, and one ticket given back.
async fn sell(world: &World, at: usize) -> Result<()> {
    let shop = &world.shops[at];
    let keys: Vec<String> = (0..4).map(|_| Uuid::now_v7().to_string()).collect();
    let wanted = json!({ "items": [{ "ga_area": AREA, "quantity": 2 }] });
    let path = format!("/v1/events/{}/holds", shop.event);
    let hold = ask(world, Ask::post(&path, &shop.publishable, &keys[0], wanted)).await?;
    let buyer = json!({ "email": format!("{}@example.org", keys[0]), "name": "Grace Hopper" });
    let order = json!({ "hold_id": hold["id"], "hold_token": hold["token"], "buyer": buyer });
    let order = ask(world, Ask::post("/v1/orders", &shop.publishable, &keys[1], order)).await?;
    let session = order["checkout_url"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    world.sandbox(&format!("sessions/{session}/pay"), json!({ "card": "4242424242424242" })).await;
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap_or_default());
    let began = Instant::now();
    let paid = loop {
        let now = ask(world, Ask::get(&path, &shop.secret)).await?;
        if now["state"] == "paid" {
            break now;
        }
        if began.elapsed() > PATIENCE {
            bail!("the order is still {}", now["state"]);
        }
        // What the dead server had leased would be due only when its lease ends.
        world.hurry().await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let code = &paid["tickets"][0]["token"];
    let scan = json!({ "scans": [{ "id": Uuid::now_v7(), "token": code }] });
    ask(world, Ask { key: None, ..Ask::post("/v1/check-ins", &shop.scanners[0], "", scan) }).await?;
    let back = json!({ "item_ids": [paid["items"][1]["id"]] });
    ask(world, Ask::post(&format!("{path}/refunds"), &shop.secret, &keys[2], back)).await?;
    Ok(())
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
