//! The server is killed between any two steps of a checkout. After a restart every order reaches its end: paid with
//! tickets, or lapsed with its seats free again.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    checker::{self, Circumstances, Places},
    support::{
        Client, Event, SECRET_KEY, Sandbox, Tenant, WEBHOOK_SECRET, hurry_jobs, items, list, rows,
        session_of, text, wait_for, wait_until,
    },
};

const BOOTSTRAP: &str = "bootstrap-of-the-crashes";
/// How long the provider is held up: longer than it takes to kill.
const HOLD_UP_MS: u64 = 3_000;

/// A platform whose server is a process of its own, so that it can die.
struct Mortal {
    database: crate::support::Database,
    sandbox: Sandbox,
    data: std::path::PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Mortal {
    async fn start() -> Self {
        let database = crate::support::engines().database().await;
        let data = std::env::temp_dir().join(format!("ef-crash-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(&data).unwrap();
        // A port of its own, the same after every restart: webhooks go there.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut mortal = Self { database, sandbox: Sandbox::start().await, data, port, server: None };
        mortal.sandbox.send_webhooks_to(&mortal.url()).await;
        mortal.restart().await;
        mortal
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn restart(&mut self) {
        self.kill();
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.data.join("server.log")).unwrap();
        let server = Command::new(env!("CARGO_BIN_EXE_eventflow"))
            .arg("serve")
            .env("EVENTFLOW_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("EVENTFLOW_DATA_DIR", &self.data)
            .env("EVENTFLOW_BOOTSTRAP_TOKEN", BOOTSTRAP)
            .env("EVENTFLOW_RATE_LIMIT_SCALE", "0")
            .env("EVENTFLOW_DATABASE_POOL", "4")
            .env("DATABASE_URL", &self.database.app_url)
            .env("DATABASE_OWNER_URL", &self.database.owner_url)
            .env("REDIS_URL", &self.database.redis_url)
            .env("STRIPE_SECRET_KEY", SECRET_KEY)
            .env("STRIPE_API_URL", self.sandbox.url())
            .env("STRIPE_WEBHOOK_SECRETS", WEBHOOK_SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(server);
        let client = Client::new(&self.url(), "");
        wait_until("the server", async || {
            client.try_send_bytes(Method::GET, "/openapi.json", None).await.is_ok()
        })
        .await;
    }

    /// `kill -9`: no drain, no farewell.
    fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    async fn tenant(&self) -> Tenant {
        let new = json!({
            "name": "Philharmonie", "currency": "EUR", "time_zone": "Europe/Berlin", "origins": [],
            "owner": { "email": "owner@example.org", "name": "Ada Lovelace" },
        });
        let founded = Client::new(&self.url(), BOOTSTRAP).post("/v1/tenants", new).await.created();
        let api = Client::new(&self.url(), text(&founded, "secret_key"));
        let page = api.with_token(text(&founded, "publishable_key"));
        Tenant { id: text(&founded["tenant"], "id").to_owned(), api, page }
    }

    async fn number(&self, sql: &str) -> i64 {
        rows(&self.database.admin_url, sql).await.unwrap()[0]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .as_i64()
            .unwrap()
    }

    /// Everything that would be due some day is due now, also what the dead server had leased.
    async fn hurry(&self) {
        hurry_jobs(&self.database.admin_url).await;
    }

    async fn chaos(&self, rule: Value) {
        self.sandbox.control.post("/_sandbox/chaos", rule).await.ok();
    }

    async fn calm(&self) {
        self.sandbox.control.delete("/_sandbox/chaos").await.ok();
    }

    /// All orders have ended, and nothing is wrong.
    async fn check(&self) {
        wait_for("every order to end", async || {
            self.hurry().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            let open = "SELECT count(*) FROM orders WHERE state IN ('pending', 'processing', 'refund_due')";
            (self.number(open).await == 0).then_some(())
        })
        .await;
        let places = Places {
            admin_url: &self.database.admin_url,
            redis_url: &self.database.redis_url,
            sandbox: &self.sandbox.control,
        };
        checker::settle(&places).await;
        let found =
            checker::check(&places, &Circumstances { quiescent: true, ..Circumstances::default() }).await;
        assert!(found.is_empty(), "{found:#?}");
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.data.join("server.log")).unwrap_or_default();
            let tail: Vec<_> = log.lines().rev().take(40).collect();
            eprintln!("the server's last words:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// One seat after the other: each test of a crash sells its own.
async fn on_sale(mortal: &Mortal) -> (Tenant, Event) {
    let tenant = mortal.tenant().await;
    let event = tenant.event(20, 0, json!({})).await;
    (tenant, event)
}

/// Sends a request that the server will not live to answer.
fn begin(client: &Client, path: &str, body: Value) -> tokio::task::JoinHandle<()> {
    let (client, path) = (client.clone(), path.to_owned());
    tokio::spawn(async move {
        let body = ("application/json", body.to_string().into_bytes());
        let _ = client.try_send_bytes(Method::POST, &path, Some(body)).await;
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_session_is_made() {
    let mut mortal = Mortal::start().await;
    let (tenant, event) = on_sale(&mortal).await;
    for comes_back in [true, false] {
        let seat = u32::from(comes_back);
        let hold = event.hold(&[seat]).await.created();
        let client = event.page.with_key(&format!("key-of-the-before-{comes_back}"));
        // The request reaches the provider, who takes its time; the claim is committed.
        mortal
            .chaos(json!({ "fault": "api_reset_before", "match": "POST /v1/checkout/sessions", "next": 3 }))
            .await;
        mortal.chaos(json!({ "fault": "api_latency", "ms": HOLD_UP_MS, "match": "POST /v1/checkout/sessions", "next": 3 })).await;
        let asked = begin(&client, "/v1/orders", event.order_of(&hold));
        let claims = format!("SELECT count(*) FROM seat_claims WHERE seat_index = {seat}");
        wait_until("the claim", async || mortal.number(&claims).await == 1).await;
        mortal.kill();
        asked.await.unwrap();
        mortal.calm().await;
        mortal.restart().await;
        if comes_back {
            // The dead server's call may still be under way at the provider.
            let order = persist(&client, "/v1/orders", event.order_of(&hold)).await;
            mortal.sandbox.pay(&order).await;
            let paid = tenant.order_in_state(&order["id"], "paid").await;
            assert_eq!(list(&paid, "tickets").len(), 1);
        }
    }
    mortal.check().await;
    event.hold(&[0]).await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_the_session_is_made_and_before_it_is_known() {
    let mut mortal = Mortal::start().await;
    let (tenant, event) = on_sale(&mortal).await;
    for (seat, next) in (0_u32..).zip(["comes back", "pays anyway", "never comes back"]) {
        let hold = event.hold(&[seat]).await.created();
        let client = event.page.with_key(&format!("key-of-the-after-{seat}"));
        let sessions = "/_sandbox/journal?kind=session_created";
        let before = list(&mortal.sandbox.control.get(sessions).await.ok(), "data").len();
        // The session is made; the server asks again and again for the answer.
        mortal
            .chaos(json!({ "fault": "api_reset_after", "match": "POST /v1/checkout/sessions", "next": 9 }))
            .await;
        let asked = begin(&client, "/v1/orders", event.order_of(&hold));
        wait_until("the session", async || {
            list(&mortal.sandbox.control.get(sessions).await.ok(), "data").len() == before + 1
        })
        .await;
        mortal.kill();
        asked.await.unwrap();
        mortal.calm().await;
        let created = mortal.sandbox.control.get(sessions).await.ok();
        let session = text(list(&created, "data").last().unwrap(), "id").to_owned();
        if next == "pays anyway" {
            // How could they? But the money must not be lost.
            mortal.sandbox.control.post(&format!("/_sandbox/sessions/{session}/pay"), json!({})).await.ok();
        }
        mortal.restart().await;
        if next == "comes back" {
            // The dead server's call may still be under way at the provider.
            let order = persist(&client, "/v1/orders", event.order_of(&hold)).await;
            assert_eq!(session_of(&order), session, "the same session, not another one");
            mortal.sandbox.pay(&order).await;
            tenant.order_in_state(&order["id"], "paid").await;
        }
    }
    mortal.check().await;
    let states =
        rows(&mortal.database.admin_url, "SELECT state FROM orders ORDER BY created_at").await.unwrap();
    let states: Vec<_> = states.iter().map(|row| text(row, "state")).collect();
    assert_eq!(states, ["paid", "paid", "expired"]);
    event.hold(&[2]).await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_payment_and_its_webhook() {
    let mut mortal = Mortal::start().await;
    let (tenant, event) = on_sale(&mortal).await;
    for lost in [false, true] {
        let hold = event.hold(&[u32::from(lost)]).await.created();
        let order = event.order_stripe(&hold).await.created();
        if lost {
            mortal.chaos(json!({ "fault": "webhook_drop" })).await;
        }
        mortal.kill();
        mortal.sandbox.pay(&order).await;
        mortal.restart().await;
        mortal.hurry().await;
        let paid = tenant.order_in_state(&order["id"], "paid").await;
        assert_eq!(list(&paid, "tickets").len(), 1);
    }
    mortal.calm().await;
    mortal.check().await;
}

/// The webhook is stored and acknowledged; the worker dies over it, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_during_the_settlement() {
    let mut mortal = Mortal::start().await;
    let (tenant, event) = on_sale(&mortal).await;
    let hold = event.hold(&[0, 1]).await.created();
    let order = event.order_stripe(&hold).await.created();
    mortal
        .chaos(json!({ "fault": "api_latency", "ms": HOLD_UP_MS, "match": "GET /v1/checkout/sessions" }))
        .await;
    mortal.sandbox.pay(&order).await;
    wait_until("the webhook", async || mortal.number("SELECT count(*) FROM provider_events").await > 0).await;
    for pause in [50, 400] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        mortal.restart().await;
        mortal.hurry().await;
    }
    mortal.kill();
    assert_eq!(mortal.number("SELECT count(*) FROM tickets").await, 0);
    mortal.calm().await;
    mortal.restart().await;
    mortal.hurry().await;
    let paid = tenant.order_in_state(&order["id"], "paid").await;
    assert_eq!(list(&paid, "tickets").len(), 2);
    mortal.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_an_order_lapses() {
    let mut mortal = Mortal::start().await;
    let (_, event) = on_sale(&mortal).await;
    for (seat, path) in (0_u32..).zip(["POST /v1/checkout/sessions/", "GET /v1/checkout/sessions/"]) {
        let hold = event.hold(&[seat]).await.created();
        event.order_stripe(&hold).await.created();
        mortal.chaos(json!({ "fault": "api_latency", "ms": HOLD_UP_MS, "match": path })).await;
        mortal.hurry().await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        mortal.kill();
        mortal.calm().await;
        mortal.restart().await;
    }
    mortal.check().await;
    assert_eq!(mortal.number("SELECT count(*) FROM orders WHERE state = 'expired'").await, 2);
    event.hold(&[0, 1]).await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_during_a_refund_gives_the_money_back_once() {
    let mut mortal = Mortal::start().await;
    let (tenant, event) = on_sale(&mortal).await;
    for (seat, fault) in (0_u32..).zip(["api_latency", "api_reset_after"]) {
        let hold = event.hold(&[seat]).await.created();
        let order = event.order_stripe(&hold).await.created();
        mortal.sandbox.pay(&order).await;
        tenant.order_in_state(&order["id"], "paid").await;
        mortal.chaos(json!({ "fault": fault, "ms": HOLD_UP_MS, "match": "POST /v1/refunds" })).await;
        let path = format!("/v1/orders/{}/refunds", text(&order, "id"));
        let asked = begin(&tenant.api.with_key(&format!("refund-{seat}")), &path, json!({}));
        wait_until("the refund", async || {
            mortal.number("SELECT count(*) FROM refunds").await == i64::from(seat) + 1
        })
        .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        mortal.kill();
        asked.await.unwrap();
        mortal.calm().await;
        mortal.restart().await;
        mortal.hurry().await;
        tenant.order_in_state(&order["id"], "refunded").await;
    }
    let made = mortal.sandbox.control.get("/_sandbox/journal?kind=refund_created").await.ok();
    assert_eq!(list(&made, "data").len(), 2);
    mortal.check().await;
}

/// Kills at whatever moment, while buyers buy; each of them repeats with the same key until there is an answer.
#[tokio::test(flavor = "multi_thread")]
async fn crashes_at_any_moment_of_a_busy_sale() {
    let mut mortal = Mortal::start().await;
    let (tenant, event) = on_sale(&mortal).await;
    let mut buyers = tokio::task::JoinSet::new();
    for seat in 0..20_u32 {
        let (page, api, hook) = (event.page.clone(), tenant.api.clone(), mortal.sandbox.control.clone());
        let (path, event_id) = (event.path("/holds"), event.id.clone());
        buyers.spawn(async move {
            tokio::time::sleep(Duration::from_millis(u64::from(seat) * 150)).await;
            let hold = persist(&page.with_key(&format!("key-of-the-hold-{seat}")), &path, json!({ "items": items(&[seat]) })).await;
            let mut body = json!({ "hold_id": hold["id"], "hold_token": hold["token"], "buyer": crate::support::buyer() });
            if seat % 3 == 0 {
                body["provider"] = json!("manual");
                body["event_id"] = json!(event_id);
            }
            let client = if seat % 3 == 0 { &api } else { &page };
            let order = persist(&client.with_key(&format!("key-of-the-order-{seat}")), "/v1/orders", body).await;
            if seat % 3 == 1 {
                hook.post(&format!("/_sandbox/sessions/{}/pay", session_of(&order)), json!({})).await.ok();
            }
        });
    }
    for pause in [700, 900, 1_100] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        mortal.restart().await;
    }
    while let Some(buyer) = buyers.join_next().await {
        buyer.unwrap();
    }
    mortal.check().await;
    // Thirds: paid at the counter, paid on the page, and never paid.
    assert_eq!(mortal.number("SELECT count(*) FROM orders WHERE state = 'paid'").await, 14);
    assert_eq!(mortal.number("SELECT count(*) FROM tickets WHERE state = 'valid'").await, 14);
}

/// Repeats a request with its key until the server lives to answer it.
async fn persist(client: &Client, path: &str, body: Value) -> Value {
    let began = std::time::Instant::now();
    loop {
        assert!(began.elapsed() < crate::support::PATIENCE, "nobody answers to {path}");
        let body = ("application/json", body.to_string().into_bytes());
        match client.try_send_bytes(Method::POST, path, Some(body)).await {
            Ok(answer) if answer.status == 201 => return answer.body,
            Ok(answer) => {
                let code = text(&answer.body, "code");
                let waits = ["unavailable", "payment_unavailable", "idempotency_in_flight", "rebuilding"];
                assert!(waits.contains(&code), "{answer}");
            }
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
