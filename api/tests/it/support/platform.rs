//! A whole platform for one test.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use clap::Parser;
use diesel::{QueryableByName, sql_types::Jsonb};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use eventflow_api::{
    app::App,
    boot::{self, Databases, Payments, Running},
    config::Config,
};
use eventflow_payments::StripeProvider;
use serde_json::{Value, json};

use super::{
    client::Client,
    engines::{Database, engines, execute},
    sandbox::{SECRET_KEY, Sandbox, WEBHOOK_SECRET},
    shop::Tenant,
    text,
};

pub const BOOTSTRAP: &str = "bootstrap-of-the-tests";
const MASTER_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

const PUBLIC_URL: &str = "http://tickets.example.org";

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    config: Config,
}

/// Dropping it removes the database.
pub struct Platform {
    /// `http://127.0.0.1:…`
    pub url: String,
    pub app: Arc<App>,
    pub sandbox: Sandbox,
    pub database: Database,
    tenants: AtomicU32,
    running: Option<Running>,
    /// Other servers on the same databases; a server that is dropped stops.
    others: Mutex<Vec<Running>>,
}

/// What a test may want otherwise.
pub struct Options {
    /// Whether jobs are done; without it the inbox, the outbox and deadlines stand still.
    pub worker: bool,
    /// 0 is no limits, 1 the limits of production.
    pub rate_limit_scale: u32,
    /// `http://…` of a Redis that is not the shared one.
    pub redis_url: Option<String>,
    /// `false`: neither Stripe nor the sandbox is configured.
    pub payments: bool,
    /// More arguments of `eventflow serve`.
    pub arguments: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { worker: true, rate_limit_scale: 0, redis_url: None, payments: true, arguments: vec![] }
    }
}

impl Platform {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let (database, sandbox) = (engines().database().await, Sandbox::start().await);
        let (app, running) = serve(&database, &sandbox, &options).await;
        let url = format!("http://{}", running.address);
        sandbox.send_webhooks_to(&url).await;
        Self {
            url,
            app,
            sandbox,
            database,
            tenants: AtomicU32::new(1),
            running: Some(running),
            others: Mutex::default(),
        }
    }

    /// Another server on the same databases, as behind a load balancer; it runs until the test ends.
    pub async fn another_server(&self, options: Options) -> Client {
        self.try_another_server(options).await.unwrap()
    }

    /// As [`Platform::another_server`]; `Err` when it refuses to start.
    pub async fn try_another_server(&self, options: Options) -> anyhow::Result<Client> {
        let (_, running) = try_serve(&self.database, &self.sandbox, &options).await?;
        let client = Client::new(&format!("http://{}", running.address), "");
        self.others.lock().unwrap().push(running);
        Ok(client)
    }

    /// Ends requests and jobs under way, then the server.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// After [`Platform::stop`]: the server again, on another port.
    pub async fn start_again(&mut self, options: Options) {
        let (app, running) = serve(&self.database, &self.sandbox, &options).await;
        self.url = format!("http://{}", running.address);
        (self.app, self.running) = (app, Some(running));
        self.sandbox.send_webhooks_to(&self.url).await;
    }

    /// A client without a credential.
    pub fn anybody(&self) -> Client {
        Client::new(&self.url, "")
    }

    /// A client with the bootstrap token.
    pub fn bootstrap(&self) -> Client {
        Client::new(&self.url, BOOTSTRAP)
    }

    /// A new tenant with its two keys.
    pub async fn tenant(&self) -> Tenant {
        let number = self.tenants.fetch_add(1, Ordering::Relaxed);
        let founded = self
            .bootstrap()
            .post(
                "/v1/tenants",
                json!({
                    "name": format!("Philharmonie {number}"), "currency": "EUR", "time_zone": "Europe/Berlin",
                    "owner": { "email": format!("owner{number}@example.org"), "name": "Ada Lovelace" },
                    "origins": ["https://tickets.example.org"],
                }),
            )
            .await
            .created();
        let api = Client::new(&self.url, text(&founded, "secret_key"));
        let page = api.with_token(text(&founded, "publishable_key"));
        Tenant { id: text(&founded["tenant"], "id").to_owned(), api, page }
    }

    /// The rows of a query, each as a JSON object, read past row-level security.
    pub async fn rows(&self, sql: &str) -> Vec<Value> {
        rows(&self.database.admin_url, sql).await.unwrap()
    }

    /// The one value of a query such as `SELECT count(*) AS n FROM …`.
    pub async fn number(&self, sql: &str) -> i64 {
        let rows = self.rows(sql).await;
        let row = rows.as_slice().first().and_then(Value::as_object).unwrap();
        row.values().next().and_then(Value::as_i64).unwrap_or_else(|| panic!("{sql}: {row:?}"))
    }

    /// Every job is due now.
    pub async fn hurry_jobs(&self) {
        hurry_jobs(&self.database.admin_url).await;
    }

    /// Waits until Redis has heard of everything that was committed.
    pub async fn mirrored(&self) {
        super::wait_until("the mirror", async || self.number("SELECT count(*) FROM outbox").await == 0).await;
    }

    /// Runs SQL past row-level security: moves a deadline, spoils a row.
    pub async fn sql(&self, sql: &str) {
        execute(&self.database.admin_url, sql).await.unwrap();
    }
}

/// Makes every job due. A transaction for each: one that held several rows while it waits for another would end in a
/// deadlock with a worker that removes two jobs of an order.
pub async fn hurry_jobs(url: &str) {
    let one_by_one = "DO $$ DECLARE job bigint; BEGIN
        FOR job IN SELECT id FROM jobs WHERE run_at > now() LOOP
          UPDATE jobs SET run_at = now() WHERE id = job;
          COMMIT;
        END LOOP;
      END $$";
    execute(url, one_by_one).await.unwrap();
}

/// See [`Platform::rows`]; for any URL.
pub async fn rows(url: &str, sql: &str) -> Result<Vec<Value>, String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Jsonb)]
        row: Value,
    }
    let mut connection = AsyncPgConnection::establish(url).await.map_err(|error| error.to_string())?;
    let query = diesel::sql_query(format!("SELECT to_jsonb(q) AS row FROM ({sql}) q"));
    let rows: Vec<Row> = query.load(&mut connection).await.map_err(|error| error.to_string())?;
    Ok(rows.into_iter().map(|row| row.row).collect())
}

async fn serve(database: &Database, sandbox: &Sandbox, options: &Options) -> (Arc<App>, Running) {
    try_serve(database, sandbox, options).await.unwrap()
}

async fn try_serve(
    database: &Database,
    sandbox: &Sandbox,
    options: &Options,
) -> anyhow::Result<(Arc<App>, Running)> {
    let arguments = [
        "eventflow",
        "--listen",
        "127.0.0.1:0",
        "--master-key",
        MASTER_KEY,
        "--bootstrap-token",
        BOOTSTRAP,
        "--database-pool",
        "6",
        "--redis-pool",
        "6",
        "--data-dir",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/data"),
        "--plugin-compiler",
        env!("CARGO_BIN_EXE_eventflow"),
    ];
    let scale = options.rate_limit_scale.to_string();
    let arguments = arguments.into_iter().chain(["--rate-limit-scale", &scale]);
    let elsewhere = options.arguments.iter().any(|argument| argument == "--public-url");
    let arguments = arguments
        .chain(if elsewhere { [].as_slice() } else { &["--public-url", PUBLIC_URL] }.iter().copied());
    let arguments = arguments.chain(options.arguments.iter().map(String::as_str));
    let config = CommandLine::parse_from(arguments).config;
    let databases = Databases {
        owner_url: database.owner_url.clone().into(),
        app_url: database.app_url.clone().into(),
        redis_url: options.redis_url.clone().unwrap_or_else(|| database.redis_url.clone()).into(),
        embedded: None,
    };
    let stripe = StripeProvider::with_timeout(
        &SECRET_KEY.to_owned().into(),
        Some(&format!("{}/", sandbox.url())),
        Duration::from_secs(5),
    )
    .unwrap();
    let payments = Payments {
        provider: if options.payments { Some(Arc::new(stripe)) } else { None },
        webhook_secrets: vec![WEBHOOK_SECRET.to_owned().into()],
        sandbox: None,
    };
    let app = boot::app(config, &databases, &payments).await?;
    let running = boot::listen(app.clone(), options.worker).await?;
    Ok((app, running))
}
