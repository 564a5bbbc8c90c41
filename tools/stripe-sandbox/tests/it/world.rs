//! A running sandbox, a shop that receives its webhooks, and short words for calling both.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use poem::listener::TcpAcceptor;
use poem::{Endpoint, Request, Response, Server};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use stripe_sandbox::{Config, Handle, start};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub const KEY: &str = "sk_test_world";
pub const SECRET: &str = "whsec_platform";
pub const CONNECT_SECRET: &str = "whsec_connect";
pub const ACCOUNT: &str = "acct_organizer";
/// Nothing here takes longer; a test that waits has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub sandbox: Handle,
    pub shop: Arc<Shop>,
    pub http: Client,
    receiver: JoinHandle<()>,
}

/// Receives webhooks.
pub struct Shop {
    pub url: String,
    received: Mutex<Vec<Received>>,
    arrived: Notify,
    /// What it answers.
    pub answer: AtomicU16,
}

#[derive(Debug, Clone)]
pub struct Received {
    pub signature: String,
    pub body: Vec<u8>,
    pub event: Value,
}

/// Status and body.
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub replayed: bool,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub fn refused(self, status: u16, message: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        let text = self.body["error"]["message"].as_str().unwrap_or_default();
        assert!(text.contains(message), "{text:?} does not say {message:?}");
        self.body["error"].clone()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let shop = Arc::new(Shop {
            url: format!("http://{}/webhooks", listener.local_addr().unwrap()),
            received: Mutex::default(),
            arrived: Notify::new(),
            answer: AtomicU16::new(200),
        });
        let server = Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap());
        let endpoint = Receiver(shop.clone());
        let receiver = tokio::spawn(async move { server.run(endpoint).await.unwrap() });
        let mut config = Config {
            webhook_url: Some(shop.url.clone()),
            webhook_secret: SECRET.into(),
            connect_webhook_secret: Some(CONNECT_SECRET.into()),
            accounts: vec![ACCOUNT.into()],
            ..Config::new(KEY)
        };
        change(&mut config);
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { sandbox: start(config).await.unwrap(), shop, http, receiver }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.sandbox.url())).bearer_auth(KEY)
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, form: &str) -> Answer {
        send(self.form(path, form)).await
    }

    pub fn form(&self, path: &str, form: &str) -> RequestBuilder {
        self.request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned())
    }

    /// The control API.
    pub async fn control(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, &format!("/_sandbox/{path}")).json(&body)).await
    }

    pub async fn look(&self, path: &str) -> Value {
        self.get(&format!("/_sandbox/{path}")).await.ok()
    }

    pub async fn chaos(&self, rule: Value) {
        self.control("chaos", rule).await.ok();
    }

    /// A session over 42.00 EUR that ends in 31 minutes.
    pub async fn session(&self) -> Value {
        let now = self.look("clock").await["now"].as_i64().unwrap();
        self.post("/v1/checkout/sessions", &session_form(now + 31 * 60)).await.ok()
    }

    /// A paid session.
    pub async fn paid(&self) -> Value {
        let session = self.session().await;
        self.pay(&session, "4242424242424242").await.ok()["session"].clone()
    }

    pub async fn pay(&self, session: &Value, card: &str) -> Answer {
        self.control(&format!("sessions/{}/pay", id(session)), json!({"card": card})).await
    }

    /// Waits until the shop has received what the predicate looks for.
    pub async fn received(&self, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let waiting = async {
            loop {
                let arrived = self.shop.arrived.notified();
                let received = self.shop.received.lock().unwrap().clone();
                if enough(&received) {
                    return received;
                }
                arrived.await;
            }
        };
        let result = tokio::time::timeout(PATIENCE, waiting).await;
        result.unwrap_or_else(|_| panic!("only got {:?}", kinds(&self.shop.received.lock().unwrap())))
    }

    /// The first event of a type that arrives.
    pub async fn event(&self, kind: &str) -> Received {
        let received = self.received(|all| all.iter().any(|one| one.event["type"] == kind)).await;
        received.into_iter().find(|one| one.event["type"] == kind).unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.receiver.abort();
    }
}

struct Receiver(Arc<Shop>);

impl Endpoint for Receiver {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let body = request.take_body().into_vec().await?;
        let signature = request.header("stripe-signature").unwrap_or_default().to_owned();
        let event = serde_json::from_slice(&body).unwrap();
        self.0.received.lock().unwrap().push(Received { signature, body, event });
        self.0.arrived.notify_waiters();
        let status = self.0.answer.load(Ordering::SeqCst);
        Ok(Response::builder().status(status.try_into().unwrap()).finish())
    }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
    Answer { status, body, replayed }
}

pub fn session_form(expires_at: i64) -> String {
    format!(
        "mode=payment&client_reference_id=ord_1&metadata[order_id]=ord_1&payment_intent_data[metadata][order_id]=ord_1\
         &line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=2000\
         &line_items[0][price_data][product_data][name]=Row+A&line_items[0][quantity]=2\
         &line_items[1][price_data][currency]=eur&line_items[1][price_data][unit_amount]=200\
         &line_items[1][price_data][product_data][name]=Fee&line_items[1][quantity]=1\
         &success_url=https://shop.example/done?session={{CHECKOUT_SESSION_ID}}\
         &cancel_url=https://shop.example/back&customer_email=guest%40example.org&expires_at={expires_at}"
    )
}

pub fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

pub fn kinds(received: &[Received]) -> Vec<&str> {
    received.iter().map(|one| one.event["type"].as_str().unwrap()).collect()
}
