//! Everything of one run: machines, proxies, the sandbox, the shops; and its way from the first fault to rest.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use eventflow_torture::checker::{Places, under_way, uuid_of, webhooks};
use futures_util::future::{join_all, try_join_all};
use serde_json::{Value, json};
use tokio::{sync::Mutex, task::JoinSet};

use crate::{
    buyers,
    client::{Ask, Client},
    late,
    machines::{Dependencies, Postgres, Redis, STRIPE_KEY, Server, WEBHOOK_SECRET, execute, loopback},
    partner::{Manner, Partner},
    proxy::{Link, Proxy},
    rivals, scanners,
    schedule::{Fault, Schedule, Wire},
    shop::{ACCOUNT, AREA, PROGRAMS, STRANGER, Shop, Terms},
};

/// So long a receiver misbehaves beyond its time, for a webhook to meet it.
/// Longer than an endpoint waits for a sender that died.
const MET_WAIT: Duration = Duration::from_secs(45);
/// So long something to tell it is waited for.
const SOLD_WAIT: Duration = Duration::from_secs(3);
pub const SERVERS: usize = 2;
/// Faults are over: a server that does not answer by now has not recovered.
const RECOVERY: Duration = Duration::from_secs(30);
/// From a hold to its tickets, beside nothing but what faults have left to do.
const SELLS_AGAIN: Duration = Duration::from_secs(20);
/// How long clients ask on when the run is over.
const LAST_ASKS: Duration = Duration::from_secs(8);
/// A server is given this long to end when it is asked to.
const STOP: Duration = Duration::from_secs(25);
/// What needs a moment without other faults is tried so often.
const TRIES: usize = 6;
const TRY_PAUSE_MS: u64 = 300;
/// Orders lapse after this time, so that some do in a short run.
const CHECKOUT_SECS: u32 = 6;
const HOLD_SECS: u32 = 5;

/// What failed or waits for its next look is due now; first deadlines come when they come. Whoever works on one keeps it.
const HURRY: &str = "UPDATE jobs SET run_at = now() WHERE id IN (SELECT id FROM jobs
    WHERE run_at > now() AND (attempts > 0 OR kind IN ('poll', 'refund')) FOR UPDATE SKIP LOCKED)";
/// Receivers of webhooks are well again: whoever waits for that need not. Nobody may be sending.
const HURRY_WEBHOOKS: &str = "UPDATE webhook_deliveries SET next_attempt_at = now() WHERE state = 'pending';
    UPDATE webhook_endpoints SET due_at = now(), blocked_until = NULL";
/// Everything comes when it comes.
const NO_HURRY: &str = "SELECT 1";
/// A server with another clock has set other deadlines.
const HURRY_ALL: &str = "UPDATE jobs SET run_at = now() WHERE id IN (SELECT id FROM jobs
    WHERE run_at > now() FOR UPDATE SKIP LOCKED)";

/// How a run differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct Variant {
    /// For the servers.
    pub environment: Vec<(String, String)>,
    /// Done to the database before the sale.
    pub sql: &'static str,
    /// What is left after this time is left.
    pub drain: Duration,
    /// In the end nothing is started again, and no deadline moved.
    pub is_unaided: bool,
}

struct Wires {
    postgres: Proxy,
    redis: Proxy,
    stripe: Proxy,
    clients: Proxy,
}

pub struct World {
    pub seed: u64,
    pub client: Client,
    pub shops: Vec<Shop>,
    postgres: Mutex<Postgres>,
    redis: Mutex<Redis>,
    servers: Vec<Mutex<Server>>,
    wires: Vec<Wires>,
    /// Webhooks go to whichever server takes them.
    hooks: Proxy,
    /// Who is told what happens.
    partner: Partner,
    /// One fault at a time for each of its programs.
    programs: [Mutex<()>; PROGRAMS],
    sandbox: stripe_sandbox::Handle,
    control: reqwest::Client,
    pub postgres_url: String,
    redis_url: String,
    redis_client: redis::Client,
    home: PathBuf,
    variant: Variant,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}

impl World {
    /// Databases, sandbox and both servers, with two shops that sell.
    pub async fn start(
        program: &Path,
        artefacts: &Path,
        schedule: &Schedule,
        variant: &Variant,
    ) -> Result<Arc<Self>> {
        let home =
            std::env::temp_dir().join(format!("eventflow-torture-{}-{}", std::process::id(), schedule.seed));
        fs::create_dir_all(&home)?;
        let log = |name: &str| artefacts.join(format!("{name}.log"));
        let postgres = Postgres::start(&home, log("postgres")).await?;
        let redis = Redis::start(&home, log("redis")).await?;
        let sandbox = stripe_sandbox::start(stripe_sandbox::Config {
            webhook_secret: WEBHOOK_SECRET.into(),
            allow_short_sessions: true,
            accounts: vec![ACCOUNT.into(), STRANGER.into()],
            ..stripe_sandbox::Config::new(STRIPE_KEY)
        })
        .await?;
        let (mut servers, mut wires) = (Vec::new(), Vec::new());
        for number in 0..SERVERS {
            let (postgres_link, redis_link) =
                (Proxy::start(&[postgres.address()]).await?, Proxy::start(&[redis.address()]).await?);
            let stripe_link = Proxy::start(&[sandbox.address]).await?;
            let dependencies = Dependencies {
                postgres: postgres_link.address,
                owner_url: postgres.owner_url(),
                redis: redis_link.address,
                stripe: stripe_link.address,
            };
            let name = format!("server-{number}");
            let mut server = Server::new(program, &home.join(&name), log(&name), dependencies)?;
            server.environment.clone_from(&variant.environment);
            if number == 1 {
                server.with_clock()?;
            }
            server.spawn()?;
            server.ready().await?;
            let clients = Proxy::start(&[server.address()]).await?;
            wires.push(Wires { postgres: postgres_link, redis: redis_link, stripe: stripe_link, clients });
            servers.push(server);
        }
        let addresses: Vec<_> = servers.iter().map(Server::address).collect();
        let hooks = Proxy::start(&addresses).await?;
        let client =
            Client::new(wires.iter().map(|wires| format!("http://{}", wires.clients.address)).collect())?;
        let partner = Partner::start(PROGRAMS).await?;
        let seats = (160, 80);
        let terms = |seats, account| Terms {
            seats,
            places: 400,
            account,
            checkout_secs: CHECKOUT_SECS,
            hold_secs: HOLD_SECS,
        };
        let shops = vec![
            Shop::open(&client, "Philharmonie", &terms(seats.0, ""), [0, 1].map(|n| partner.url(n))).await?,
            Shop::open(&client, "Kammerspiele", &terms(seats.1, ACCOUNT), [2, 3].map(|n| partner.url(n)))
                .await?,
        ];
        if !variant.sql.is_empty() {
            execute(&postgres.admin_url(), variant.sql).await?;
        }
        let world = Self {
            seed: schedule.seed,
            client,
            shops,
            postgres_url: postgres.admin_url(),
            redis_url: redis.url(),
            redis_client: redis::Client::open(redis.url())?,
            postgres: Mutex::new(postgres),
            redis: Mutex::new(redis),
            servers: servers.into_iter().map(Mutex::new).collect(),
            wires,
            sandbox,
            control: reqwest::Client::builder().no_proxy().build()?,
            home,
            variant: variant.clone(),
            hooks,
            partner,
            programs: Default::default(),
        };
        world.send_webhooks_to(world.hooks.address).await;
        Ok(Arc::new(world))
    }

    async fn send_webhooks_to(&self, address: std::net::SocketAddr) {
        let url = format!("http://{address}/v1/webhooks/stripe");
        self.sandbox("webhook", json!({ "url": url, "secret": WEBHOOK_SECRET })).await;
    }

    /// Redis knows of everything but this hold of one place.
    pub async fn forget_hold(&self, event: &str, hold: &Value) -> Result<()> {
        let event = format!("{{{}}}", uuid_of(event)?.simple());
        let id = uuid_of(hold["id"].as_str().unwrap_or_default())?.simple().to_string();
        let mut connection = self.redis_client.get_multiplexed_async_connection().await?;
        let mut commands = redis::pipe();
        commands.del(format!("{event}:hold:{id}")).zrem(format!("{event}:holds"), &id);
        if let Some(seat) = hold["items"][0]["seat"].as_u64() {
            commands.hdel(format!("{event}:seats"), seat);
        } else {
            let areas: String = redis::cmd("HGET")
                .arg(format!("{event}:hold:{id}"))
                .arg("g")
                .query_async(&mut connection)
                .await?;
            let (area, _) = areas.split_once(':').context("the hold has no area")?;
            commands.hincr(format!("{event}:ga"), format!("held:{area}"), -1);
        }
        Ok(commands.query_async(&mut connection).await?)
    }

    /// Everything: events, holds, what is sold.
    pub async fn redis_forgets(&self) -> Result<()> {
        self.redis.lock().await.forget().await
    }

    /// Whether Redis keeps the hold for an order.
    pub async fn is_in_checkout(&self, event: &str, hold: &str) -> Result<bool> {
        let (event, hold) = (uuid_of(event)?, uuid_of(hold)?);
        let key = format!("{{{}}}:hold:{}", event.simple(), hold.simple());
        let mut connection = self.redis_client.get_multiplexed_async_connection().await?;
        Ok(redis::cmd("HEXISTS").arg(key).arg("o").query_async(&mut connection).await?)
    }

    pub fn places(&self) -> PlacesOwned {
        PlacesOwned {
            postgres: self.postgres_url.clone(),
            redis: self.redis_url.clone(),
            sandbox: self.sandbox.url(),
        }
    }

    /// `POST /_sandbox/<path>`; nothing when it is refused, as for a session that has ended.
    pub async fn sandbox(&self, path: &str, body: Value) -> Option<Value> {
        let url = format!("{}/_sandbox/{path}", self.sandbox.url());
        let answer = self.control.post(url).json(&body).send().await.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    async fn sandbox_says(&self, path: &str) -> Result<Value> {
        let url = format!("{}/_sandbox/{path}", self.sandbox.url());
        Ok(self.control.get(url).send().await?.json().await?)
    }

    /// Everything at once: buyers, scanners and the faults of the schedule.
    pub async fn sell(self: &Arc<Self>, schedule: &Schedule) -> Result<()> {
        let began = Instant::now();
        let end = began + Duration::from_secs(schedule.seconds);
        self.client.give_up_at(end + LAST_ASKS);
        let mut crowd = JoinSet::new();
        for number in 0..schedule.buyers {
            let (world, number) = (self.clone(), u64::try_from(number)?);
            crowd.spawn(async move { buyers::run(&world, number, end).await });
        }
        for at in 0..self.shops.len() {
            for number in 0..self.shops[at].scanners.len() {
                let world = self.clone();
                crowd.spawn(async move { scanners::run(&world, &world.shops[at], number, end).await });
            }
        }
        let mut nemesis = JoinSet::new();
        for step in &schedule.steps {
            let (world, fault, at) = (self.clone(), step.fault.clone(), Duration::from_millis(step.at_ms));
            nemesis.spawn(async move {
                tokio::time::sleep(at).await;
                world.strike(&fault).await.with_context(|| format!("the fault {fault:?} could not be made"))
            });
        }
        let keeper = tokio::spawn({
            let world = self.clone();
            async move { world.keep_alive().await }
        });
        while let Some(step) = nemesis.join_next().await {
            step??;
        }
        tokio::time::sleep_until(end.into()).await;
        keeper.abort();
        self.heal().await?;
        while let Some(buyer) = crowd.join_next().await {
            buyer?;
        }
        self.sell_again().await;
        Ok(())
    }

    /// Faults are over, and nobody has helped: no server was started again for that, no deadline moved. Each server sells
    /// for each shop, from the hold to the tickets.
    async fn sell_again(&self) {
        self.client.give_up_at(Instant::now() + SELLS_AGAIN);
        let sales = (0..SERVERS).flat_map(|server| self.shops.iter().map(move |shop| (server, shop)));
        let sales = sales.map(async |(server, shop)| {
            if self.sell_one(shop, server).await.is_some() {
                self.client.history.count("sold when faults were over, unaided");
            } else {
                let waited = SELLS_AGAIN.as_secs();
                let what = format!("server {server} has not sold for {} within {waited} s", shop.event);
                self.client.history.wrong("I15", what);
            }
        });
        join_all(sales).await;
    }

    /// A standing place, paid with a good card: nothing when there are no tickets in time.
    async fn sell_one(&self, shop: &Shop, server: usize) -> Option<()> {
        let hold = rivals::hold(self, shop, server, json!({ "items": [{ "ga_area": AREA, "quantity": 1 }] }))
            .await?;
        let order = rivals::order(self, shop, server, &hold).await?;
        let paying = format!("sessions/{}/pay", buyers::session_of(&order)?);
        self.sandbox(&paying, json!({ "card": buyers::GOOD_CARD })).await?;
        let path = format!("/v1/orders/{}", order["id"].as_str()?);
        let began = Instant::now();
        while began.elapsed() < SELLS_AGAIN {
            let now = self.client.ask_one(server, Ask::get(&path, order["buyer_token"].as_str()?)).await?;
            if now.body["state"] == "paid" && now.body["tickets"].as_array().is_some_and(|all| all.len() == 1)
            {
                return Some(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        None
    }

    /// Only the first server goes on, and dies at the point that it counts to; true when it is ready before that.
    pub async fn live_until(&self, at: u64) -> Result<bool> {
        self.servers[1].lock().await.kill().await?;
        let mut server = self.servers[0].lock().await;
        server.kill().await?;
        self.client.history.count("interruptions");
        execute(&self.postgres_url, HURRY_WEBHOOKS).await?;
        server.spawn_mortal(at)?;
        Ok(server.ready().await.is_ok())
    }

    /// Starts the first server again if it has died; true when it had.
    pub async fn revive(&self) -> Result<bool> {
        let mut server = self.servers[0].lock().await;
        let died = server.has_ended();
        if died {
            self.client.history.count("interruptions");
            // What the dead one had leased would wait for half a minute.
            execute(&self.postgres_url, HURRY_WEBHOOKS).await?;
            server.spawn()?;
            server.ready().await?;
        }
        Ok(died)
    }

    /// A supervisor: a server that ended because a database was away at its start is started again.
    async fn keep_alive(&self) {
        loop {
            for server in &self.servers {
                // One that is held is down on purpose.
                if let Ok(mut server) = server.try_lock()
                    && server.revive().unwrap_or(false)
                {
                    self.client.history.count("servers revived");
                    self.client.history.count("interruptions");
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// That one, the other one, and so on: so often is tried what needs a moment of its own.
    fn shops_from(&self, first: usize) -> impl Iterator<Item = &Shop> {
        self.shops.iter().cycle().skip(first).take(TRIES)
    }

    fn count(&self, fault: &Fault) {
        self.client.history.count(&format!("fault {}", fault.kind()));
    }

    /// One fault, from its beginning to its end.
    async fn strike(&self, fault: &Fault) -> Result<()> {
        // Some are counted when they have come to something.
        if !matches!(
            fault,
            Fault::ClockSkew { .. }
                | Fault::DiskFull { .. }
                | Fault::Rivals { .. }
                | Fault::LatePayment { .. }
                | Fault::Partner { .. }
                | Fault::Wire { .. }
        ) {
            self.count(fault);
        }
        if fault.interrupts() {
            self.client.history.count("interruptions");
        }
        if matches!(fault, Fault::KillServer { .. } | Fault::RedisLoss | Fault::PostgresCrash { .. }) {
            self.client.history.count("hard kills");
        }
        let pause = |ms| tokio::time::sleep(Duration::from_millis(ms));
        match fault {
            Fault::KillServer { server, down_ms } => {
                let mut server = self.servers[*server].lock().await;
                server.kill().await?;
                pause(*down_ms).await;
                server.spawn()?;
            }
            Fault::RestartServer { server } => {
                let mut server = self.servers[*server].lock().await;
                server.stop(Duration::from_secs(5)).await?;
                server.spawn()?;
            }
            Fault::PauseServer { server, ms } => {
                let server = self.servers[*server].lock().await;
                server.pause(true);
                pause(*ms).await;
                server.pause(false);
            }
            Fault::RedisLoss => {
                let mut redis = self.redis.lock().await;
                redis.kill().await?;
                redis.start_again().await?;
            }
            Fault::RedisFlush => self.redis.lock().await.forget().await?,
            Fault::Rivals { shop, is_standing } => {
                // Something else may break the first order, Redis be away, a hall sold out.
                for shop in self.shops_from(*shop) {
                    let link = &self.wires[0].postgres;
                    if rivals::meet(self, shop, link, *is_standing).await {
                        self.count(fault);
                        break;
                    }
                    pause(TRY_PAUSE_MS).await;
                }
            }
            Fault::LatePayment { shop, is_taken } => {
                for shop in self.shops_from(*shop) {
                    if late::pay(self, shop, *is_taken).await {
                        self.count(fault);
                        self.client.history.count("late payments");
                        break;
                    }
                    pause(TRY_PAUSE_MS).await;
                }
            }
            Fault::RedisHang { ms } => {
                let redis = self.redis.lock().await;
                redis.pause(true);
                pause(*ms).await;
                redis.pause(false);
            }
            Fault::PostgresCrash { down_ms } => {
                let mut postgres = self.postgres.lock().await;
                postgres.crash().await?;
                pause(*down_ms).await;
                postgres.start_again().await?;
            }
            Fault::PostgresReadOnly { ms } => {
                let postgres = self.postgres.lock().await;
                let set = |value| format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
                execute(&postgres.admin_url(), &set("on")).await?;
                execute(&postgres.admin_url(), "SELECT pg_reload_conf()").await?;
                pause(*ms).await;
                execute(&postgres.admin_url(), &set("off")).await?;
                execute(&postgres.admin_url(), "SELECT pg_reload_conf()").await?;
            }
            Fault::DiskFull { ms } => {
                let mut postgres = self.postgres.lock().await;
                postgres.fill_disk(true).await?;
                self.count(fault);
                pause(*ms).await;
                postgres.fill_disk(false).await?;
                // A log that cannot be written ends Postgres; whoever made room starts it again.
                pause(200).await;
                if postgres.has_ended() {
                    self.client.history.count("Postgres ended by a full disk");
                    postgres.start_again().await?;
                }
            }
            Fault::Wire { wire, server, link, ms } => {
                let wires = &self.wires[*server];
                let proxy = match wire {
                    Wire::Postgres => &wires.postgres,
                    Wire::Redis => &wires.redis,
                    Wire::Stripe => &wires.stripe,
                    Wire::Clients => &wires.clients,
                };
                if proxy.disturb(*link, Duration::from_millis(*ms)).await {
                    self.count(fault);
                }
            }
            Fault::Sandbox { rule } => {
                self.sandbox("chaos", rule.clone()).await.context("the sandbox refuses the rule")?;
            }
            Fault::ClockSkew { secs, ms } => {
                // Without the lock: a file tells the time, whoever reads it.
                let clock = self.home.join("server-1").join("clock");
                if clock.is_file() {
                    self.count(fault);
                    fs::write(&clock, format!("{secs:+}\n"))?;
                    pause(*ms).await;
                    fs::write(&clock, "+0\n")?;
                } else {
                    self.client.history.count("skipped clock");
                }
            }
            Fault::Partner { program, manner, ms } => {
                let _turn = self.programs[*program].lock().await;
                let before = self.partner.requests_of(*program);
                self.partner.set(*program, *manner);
                pause(*ms).await;
                // Nobody has suffered from a receiver that nothing was sent to.
                let began = tokio::time::Instant::now();
                let is_met = || self.partner.requests_of(*program) > before;
                while !is_met() && began.elapsed() < MET_WAIT {
                    // In a short run the buyers may be gone by now.
                    let _ = tokio::time::timeout(SOLD_WAIT, self.sell_for_cash(*program)).await;
                    pause(1_000).await;
                }
                if is_met() {
                    self.count(fault);
                }
                self.partner.set(*program, Manner::Good);
                if *manner == Manner::Status(410) {
                    self.take_up_again(*program).await;
                }
            }
        }
        Ok(())
    }

    /// Faults are over. Whatever was broken must recover by itself.
    async fn heal(&self) -> Result<()> {
        let hits = self.sandbox_says("chaos").await?;
        for rule in hits["rules"].as_array().into_iter().flatten() {
            let name = format!("struck {}", rule["fault"].as_str().unwrap_or_default());
            let struck = rule["hits"].as_u64().unwrap_or_default();
            self.client.history.with(|seen| *seen.counts.entry(name).or_default() += struck);
        }
        self.control.delete(format!("{}/_sandbox/chaos", self.sandbox.url())).send().await?;
        for wires in &self.wires {
            for proxy in [&wires.postgres, &wires.redis, &wires.stripe, &wires.clients] {
                proxy.set(Link::Good);
            }
        }
        for (number, server) in self.servers.iter().enumerate() {
            let mut server = server.lock().await;
            server.revive()?;
            if tokio::time::timeout(RECOVERY, server.ready()).await.is_err() {
                let waited = RECOVERY.as_secs();
                self.client
                    .history
                    .wrong("I15", format!("server {number} has not recovered after {waited} s"));
            }
        }
        for program in 0..PROGRAMS {
            self.partner.set(program, Manner::Good);
            self.take_up_again(program).await;
        }
        Ok(())
    }

    /// Somebody sees that an endpoint was disabled, and puts that right.
    async fn take_up_again(&self, program: usize) {
        let per_shop = PROGRAMS / self.shops.len();
        let shop = &self.shops[program / per_shop];
        let path = format!("/v1/webhook-endpoints/{}", shop.endpoints[program % per_shop].1);
        let body = Some(json!({ "state": "enabled" }));
        let ask = Ask { method: reqwest::Method::PATCH, path: &path, token: &shop.secret, key: None, body };
        if !self.client.ask(0, ask).await.is_some_and(|answer| answer.is_good()) {
            self.client.history.count("endpoints not taken up again");
        }
    }

    /// A standing place, so that there is something to tell a program.
    async fn sell_for_cash(&self, program: usize) {
        let shop = &self.shops[program / (PROGRAMS / self.shops.len())];
        let items = json!([{ "ga_area": AREA, "quantity": 1 }]);
        let body = json!({ "event_id": shop.event, "provider": "manual", "buyer": {}, "items": items });
        let key = uuid::Uuid::now_v7().to_string();
        self.client.ask(0, Ask::post("/v1/orders", &shop.secret, &key, body)).await;
    }

    /// Every request that came to the partner.
    pub fn webhooks(&self) -> Vec<webhooks::Request> {
        self.partner.requests()
    }

    /// In the order of the partner's programs.
    pub fn endpoints(&self) -> Vec<webhooks::Endpoint> {
        self.shops.iter().flat_map(|shop| &shop.endpoints).map(|(endpoint, _)| endpoint.clone()).collect()
    }

    /// Until nothing is under way in the sale, with its deadlines moved to now, or the time is up; true when nothing is.
    pub async fn come_to_rest(&self, patience: Duration) -> Result<bool> {
        Ok(self.rest(HURRY_ALL, patience).await?.values().all(|count| *count == 0))
    }

    /// Until nothing is under way, or the time is up. How much still is, by name.
    async fn rest(&self, hurry: &str, patience: Duration) -> Result<BTreeMap<String, i64>> {
        let began = Instant::now();
        let mut calm = 0;
        loop {
            execute(&self.postgres_url, hurry).await?;
            tokio::time::sleep(Duration::from_millis(250)).await;
            let left = under_way(&self.postgres_url).await?;
            calm = if left.values().all(|count| *count == 0) { calm + 1 } else { 0 };
            if calm == 3 || began.elapsed() >= patience {
                return Ok(left);
            }
        }
    }

    /// What failed or was leased by the dead is due now.
    pub async fn hurry(&self) -> Result<()> {
        execute(&self.postgres_url, HURRY).await
    }

    /// Until nothing is under way any more, or the time is up; then the servers end. What is left, by name.
    pub async fn drain(&self, clock_was_off: bool) -> Result<BTreeMap<String, i64>> {
        let began = Instant::now();
        self.resolve_delayed().await?;
        if !self.variant.is_unaided {
            self.start_again().await?;
        }
        self.remind_redis().await;
        let patience = self.variant.drain.saturating_sub(began.elapsed());
        let hurry = match (self.variant.is_unaided, clock_was_off) {
            (true, _) => NO_HURRY,
            (false, true) => HURRY_ALL,
            (false, false) => HURRY,
        };
        let mut left = self.rest(hurry, patience).await?;
        let rested = began.elapsed().as_secs();
        self.client.history.with(|seen| seen.counts.insert("seconds until rest".into(), rested));
        // Late webhooks find nobody while the checker looks.
        self.send_webhooks_to(loopback(1)).await;
        try_join_all(self.servers.iter().map(async |server| server.lock().await.stop(STOP).await)).await?;
        if self.partner.strays() > 0 {
            self.client
                .history
                .wrong("I17", format!("{} webhooks followed a redirect", self.partner.strays()));
        }
        left.retain(|_, count| *count > 0);
        Ok(left)
    }

    /// A restarted server asks the provider at once for the events that no webhook brought.
    async fn start_again(&self) -> Result<()> {
        let mut servers = Vec::new();
        for server in &self.servers {
            servers.push(server.lock().await);
        }
        try_join_all(servers.iter_mut().map(|server| server.stop(STOP))).await?;
        execute(&self.postgres_url, HURRY_WEBHOOKS).await?;
        for server in &mut servers {
            server.spawn()?;
        }
        try_join_all(servers.iter_mut().map(|server| server.ready())).await?;
        Ok(())
    }

    /// What the provider and the clients say, for whoever looks into a violation.
    pub async fn keep(&self, artefacts: &Path) -> Result<()> {
        let journal = self.sandbox_says("journal").await?;
        fs::write(artefacts.join("journal.json"), serde_json::to_string_pretty(&journal)?)?;
        let answers = self.client.history.with(|seen| serde_json::to_string_pretty(&seen.acknowledged));
        Ok(fs::write(artefacts.join("answers.json"), answers?)?)
    }

    /// The banks decide about every delayed payment.
    async fn resolve_delayed(&self) -> Result<()> {
        let sessions = self.sandbox_says("sessions").await?;
        for entry in sessions["data"].as_array().into_iter().flatten() {
            let session = &entry["session"];
            if session["status"] == "complete" && session["payment_status"] == "unpaid" {
                let id = session["id"].as_str().unwrap_or_default();
                self.sandbox(&format!("sessions/{id}/resolve"), json!({})).await;
            }
        }
        Ok(())
    }

    /// A hold at each event makes a server teach Redis what it has forgotten.
    async fn remind_redis(&self) {
        self.client.give_up_at(Instant::now() + RECOVERY);
        for shop in &self.shops {
            let path = format!("/v1/events/{}/holds", shop.event);
            let key = uuid::Uuid::now_v7().to_string();
            let wanted = json!({ "best_available": { "quantity": 1 } });
            self.client.ask(0, Ask::post(&path, &shop.publishable, &key, wanted)).await;
        }
    }

    /// Ends what is left of the processes.
    pub async fn stop(&self) -> Result<()> {
        for server in &self.servers {
            server.lock().await.kill().await?;
        }
        self.redis.lock().await.kill().await?;
        self.postgres.lock().await.crash().await
    }
}

/// Where the checker looks.
pub struct PlacesOwned {
    postgres: String,
    redis: String,
    sandbox: String,
}

impl PlacesOwned {
    pub fn places(&self) -> Places<'_> {
        Places { postgres_url: &self.postgres, redis_url: &self.redis, sandbox_url: &self.sandbox }
    }
}
