//! A client that does not give up: it repeats what may have got lost, under the same key and at the other server, and keeps
//! what it was told.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use eventflow_torture::checker::Violation;
use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

/// No answer in this time is none.
const PATIENCE: Duration = Duration::from_secs(6);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(120);

/// What all clients together have seen.
#[derive(Default)]
pub struct History {
    inner: Mutex<Seen>,
}

#[derive(Default)]
pub struct Seen {
    /// Idempotency key and answer.
    pub acknowledged: Vec<(String, Value)>,
    /// Scans and what was decided.
    pub scans: Vec<(Uuid, String)>,
    /// What nobody should have been told.
    pub violations: Vec<Violation>,
    /// How often what happened.
    pub counts: BTreeMap<String, u64>,
    /// Codes of tickets, for the doors.
    pub codes: Vec<String>,
}

impl History {
    pub fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn count(&self, what: &str) {
        self.with(|seen| *seen.counts.entry(what.to_owned()).or_default() += 1);
    }

    pub fn wrong(&self, invariant: &'static str, what: String) {
        self.with(|seen| seen.violations.push(Violation { invariant, what }));
    }
}

pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// What is asked.
#[derive(Clone)]
pub struct Ask<'a> {
    pub method: Method,
    pub path: &'a str,
    pub token: &'a str,
    pub key: Option<&'a str>,
    pub body: Option<Value>,
}

impl<'a> Ask<'a> {
    pub fn get(path: &'a str, token: &'a str) -> Self {
        Self { method: Method::GET, path, token, key: None, body: None }
    }

    pub fn post(path: &'a str, token: &'a str, key: &'a str, body: Value) -> Self {
        Self { method: Method::POST, path, token, key: Some(key), body: Some(body) }
    }
}

pub struct Client {
    http: reqwest::Client,
    /// The servers' addresses as `http://…`.
    servers: Vec<String>,
    pub history: History,
    /// When whoever still waits gives up.
    gives_up: Mutex<Option<Instant>>,
}

impl Client {
    pub fn new(servers: Vec<String>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .context("no HTTP client")?;
        Ok(Self { http, servers, history: History::default(), gives_up: Mutex::default() })
    }

    pub fn give_up_at(&self, moment: Instant) {
        *self.gives_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(moment);
    }

    fn has_given_up(&self) -> bool {
        let moment = *self.gives_up.lock().unwrap_or_else(PoisonError::into_inner);
        moment.is_some_and(|moment| Instant::now() >= moment)
    }

    /// One attempt at one server; nothing when the answer did not come within `patience`.
    pub async fn attempt(&self, server: usize, ask: &Ask<'_>, patience: Duration) -> Option<Answer> {
        let url = format!("{}{}", self.servers[server % self.servers.len()], ask.path);
        let mut request = self.http.request(ask.method.clone(), url).timeout(patience).bearer_auth(ask.token);
        if let Some(key) = ask.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        self.history.count("requests");
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.ok()?;
        if status >= 500 {
            self.history.count(&format!("answers {status}"));
        }
        // Whatever is away: the server knows what is, and says that it is not its own fault.
        if status == 500 {
            let what = format!("{} {} was answered with 500", ask.method, ask.path);
            self.history.wrong("I15", what);
        }
        Some(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
    }

    /// Until there is an answer that says yes or no. Nothing: it is not known what became of it.
    pub async fn ask(&self, first: usize, ask: Ask<'_>) -> Option<Answer> {
        self.ask_in_turn(first, 1, ask).await
    }

    /// The same, always at one server.
    pub async fn ask_one(&self, server: usize, ask: Ask<'_>) -> Option<Answer> {
        self.ask_in_turn(server, 0, ask).await
    }

    async fn ask_in_turn(&self, first: usize, stride: usize, ask: Ask<'_>) -> Option<Answer> {
        for number in 0.. {
            if let Some(answer) = self.attempt(first + number * stride, &ask, PATIENCE).await {
                let not_yet =
                    answer.status >= 500 || answer.status == 429 || answer.code() == "idempotency_in_flight";
                if !not_yet {
                    if answer.is_good() {
                        self.acknowledge(&ask, &answer);
                    }
                    return Some(answer);
                }
            } else {
                self.history.count("answers lost");
            }
            if self.has_given_up() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.history.count("unknown outcomes");
        None
    }

    /// Orders and refunds are kept for ever, and so are the answers about them; holds live in Redis.
    fn acknowledge(&self, ask: &Ask<'_>, answer: &Answer) {
        let Some(key) = ask.key else { return };
        let told = match answer.body["id"].as_str().unwrap_or_default().split('_').next() {
            Some("ord") if ask.path == "/v1/orders" => answer.body.clone(),
            // Repeated, the answer says how far the refund has come.
            Some("ref") => {
                let mut told = answer.body.clone();
                if let Some(fields) = told.as_object_mut() {
                    fields.remove("state");
                    fields.remove("failure");
                }
                told
            }
            _ => return,
        };
        self.history.with(|seen| seen.acknowledged.push((key.to_owned(), told)));
    }
}
