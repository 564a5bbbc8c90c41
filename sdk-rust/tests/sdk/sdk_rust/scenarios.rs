//! `tools/sdk-scenarios`: what every SDK must do, through the typed methods of this one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use eventflow_sdk::nouns::query;
use eventflow_sdk::webhooks::{self, Event, Message, WebhookError};
use eventflow_sdk::{Call, Client, Error, Page, Pages, tickets};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::support::{Receiver, World, pay};

const SCENARIOS: &str = include_str!("../../../../tools/sdk-scenarios/scenarios.json");
/// Longer than anything takes that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
struct Table {
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    call: Option<String>,
    pay: Option<Value>,
    verify_ticket: Option<Value>,
    verify_webhook: Option<Value>,
    receive_webhook: Option<Value>,
    #[serde(default)]
    path: BTreeMap<String, Value>,
    #[serde(default)]
    query: Map<String, Value>,
    body: Option<Value>,
    token: Option<Value>,
    idempotency_key: Option<Value>,
    r#as: Option<String>,
    #[serde(default)]
    expect: BTreeMap<String, Value>,
    #[serde(default)]
    length: BTreeMap<String, usize>,
    #[serde(default)]
    until: BTreeMap<String, Value>,
    error: Option<Value>,
}

/// An answer, or the `error` of a step.
type Outcome = Result<Value, Value>;

/// What is known in a scenario: the world, and answers by their names.
struct Known {
    client: Client,
    receiver: Receiver,
    values: Map<String, Value>,
}

#[tokio::test]
async fn every_scenario_goes_as_it_is_written() {
    let world = World::get().await;
    let table: Table = serde_json::from_str(SCENARIOS).unwrap();
    assert!(!table.scenarios.is_empty());
    for scenario in &table.scenarios {
        let receiver = Receiver::start().await;
        let mut values = Map::new();
        values.insert("event_id".to_owned(), world.event().await.into());
        values.insert("webhook_url".to_owned(), receiver.url.clone().into());
        let mut known = Known { client: world.client(), receiver, values };
        for (number, step) in scenario.steps.iter().enumerate() {
            known
                .go(step)
                .await
                .unwrap_or_else(|why| panic!("{}: step {}: {why}", scenario.name, number + 1));
        }
    }
}

impl Known {
    async fn go(&mut self, step: &Step) -> Result<(), String> {
        let began = Instant::now();
        let answer = loop {
            let answer = match (self.take(step).await, &step.error) {
                (Ok(answer), None) => answer,
                (Err(error), Some(expected)) => return contains(&error, &self.resolved(expected)),
                (outcome, expected) => return Err(format!("{outcome:?}, but expected is {expected:?}")),
            };
            match self.compare(&answer, &step.until) {
                Ok(()) => break answer,
                Err(why) if began.elapsed() > PATIENCE => return Err(why),
                Err(_) => tokio::time::sleep(POLL).await,
            }
        };
        self.compare(&answer, &step.expect)?;
        for (path, length) in &step.length {
            let found = at(&answer, path).and_then(Value::as_array).map(Vec::len);
            if found != Some(*length) {
                return Err(format!("{path} has {found:?} entries, not {length}"));
            }
        }
        if let Some(name) = &step.r#as {
            self.values.insert(name.clone(), answer);
        }
        Ok(())
    }

    async fn take(&self, step: &Step) -> Outcome {
        let kinds = (&step.call, &step.pay, &step.verify_ticket, &step.verify_webhook, &step.receive_webhook);
        match kinds {
            (Some(operation), None, None, None, None) => {
                self.call(operation, step).await.map_err(|error| refusal(&error))
            }
            (None, Some(page), None, None, None) => {
                pay(text(&self.resolved(page)["checkout_url"])).await;
                Ok(Value::Null)
            }
            (None, None, Some(ticket), None, None) => self.ticket(text(&self.resolved(ticket)["text"])).await,
            (None, None, None, Some(message), None) => webhook(&self.resolved(message)),
            (None, None, None, None, Some(wanted)) => self.receive(&self.resolved(wanted)).await,
            _ => panic!(
                "a step is one of `call`, `pay`, `verify_ticket`, `verify_webhook` and `receive_webhook`"
            ),
        }
    }

    /// The operations of the table, each as a method. An operation that is new there is new here.
    async fn call(&self, operation: &str, step: &Step) -> Result<Value, Error> {
        let client = &self.client;
        let id = |name: &str| text(&self.resolved(&step.path[name])).to_owned();
        match operation {
            "check_in_lists.create" => self.one(client.check_in_lists().create(&self.body(step)), step).await,
            "check_ins.create" => self.one(client.check_ins().create(&self.body(step)), step).await,
            "devices.create" => {
                self.one(client.devices().create(&id("list_id"), &self.body(step)), step).await
            }
            "holds.create" => self.one(client.holds().create(&id("event_id"), &self.body(step)), step).await,
            "holds.extend" => self.one(client.holds().extend(&id("hold_id")), step).await,
            "orders.create" => self.one(client.orders().create(&self.body(step)), step).await,
            "orders.get" => self.one(client.orders().get(&id("order_id")), step).await,
            "orders.list" => {
                let query = query::OrdersList {
                    event_id: self.parameter(step, "event_id"),
                    state: self.parameter(step, "state"),
                    ..query::OrdersList::default()
                };
                self.page(client.orders().list().query(query), step).await
            }
            "orders.refresh" => self.one(client.orders().refresh(&id("order_id")), step).await,
            "refunds.create" => {
                self.one(client.refunds().create(&id("order_id"), &self.body(step)), step).await
            }
            "tickets.get" => self.one(client.tickets().get(&id("ticket_id")), step).await,
            "tickets.list" => {
                let query = query::TicketsList {
                    order_id: self.parameter(step, "order_id"),
                    event_id: self.parameter(step, "event_id"),
                };
                self.page(client.tickets().list().query(query), step).await
            }
            "tickets.void" => self.one(client.tickets().void(&id("ticket_id"), &self.body(step)), step).await,
            "venues.create" => self.one(client.venues().create(&self.body(step)), step).await,
            "webhook_endpoints.create" => {
                self.one(client.webhook_endpoints().create(&self.body(step)), step).await
            }
            "webhook_endpoints.delete" => {
                self.one(client.webhook_endpoints().delete(&id("webhook_endpoint_id")), step).await
            }
            other => panic!("{other} is new in the table: call it here"),
        }
    }

    async fn one<T: Serialize + Send + 'static, Q: Send + 'static>(
        &self,
        mut call: Call<'_, T, Q>,
        step: &Step,
    ) -> Result<Value, Error> {
        if let Some(token) = &step.token {
            call = call.token(text(&self.resolved(token)));
        }
        if let Some(key) = &step.idempotency_key {
            call = call.idempotency_key(text(&self.resolved(key)));
        }
        call.await.map(|answer| serde_json::to_value(answer).unwrap())
    }

    async fn page<T, Q>(&self, mut pages: Pages<'_, T, Q>, step: &Step) -> Result<Value, Error>
    where
        T: Serialize + Send + 'static,
        Q: Clone + Send + Sync + 'static,
    {
        if let Some(token) = &step.token {
            pages = pages.token(text(&self.resolved(token)));
        }
        let Page { data, next_cursor } = pages.await?;
        Ok(json!({ "data": data, "next_cursor": next_cursor }))
    }

    async fn ticket(&self, code: &str) -> Outcome {
        let keys = self.client.ticket_keys().list().all(100).await.unwrap();
        let token = tickets::verify(code, &tickets::key_ring(&keys).unwrap());
        let token = token.map_err(|error| json!({ "code": error.code() }))?;
        Ok(json!({ "id": tickets::ticket_id(&token), "flags": token.flags.names().collect::<Vec<_>>() }))
    }

    async fn receive(&self, wanted: &Value) -> Outcome {
        let message = self.receiver.message(text(&wanted["type"]), text(&wanted["about"])).await;
        let mut body = message.body;
        if wanted["is_tampered"] == true {
            *body.last_mut().unwrap() = b' ';
        }
        let verified = webhooks::verify(&body, &message.headers, &texts(&wanted["secrets"]));
        if let Ok(Message { payload: Event::Other(value), .. }) = &verified {
            panic!("the contract does not have {value}");
        }
        told(verified)
    }

    /// A body as its type: a field that the type does not have would be lost on the way.
    fn body<T: DeserializeOwned + Serialize>(&self, step: &Step) -> T {
        let body = self.resolved(step.body.as_ref().unwrap());
        let typed = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(serde_json::to_value(&typed).unwrap(), body);
        typed
    }

    fn parameter<T: DeserializeOwned>(&self, step: &Step, name: &str) -> Option<T> {
        step.query.get(name).map(|value| serde_json::from_value(self.resolved(value)).unwrap())
    }

    fn compare(&self, answer: &Value, expected: &BTreeMap<String, Value>) -> Result<(), String> {
        for (path, expected) in expected {
            let (found, expected) = (at(answer, path), self.resolved(expected));
            if found != Some(&expected) {
                return Err(format!("{path} is {found:?}, not {expected}"));
            }
        }
        Ok(())
    }

    /// With what references refer to.
    fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text == "$new_id" => uuid::Uuid::now_v7().to_string().into(),
            Value::String(text) => {
                match text.strip_prefix('$').map(|path| path.split_once('.').unwrap_or((path, ""))) {
                    Some((name, path)) => {
                        let value = self.values.get(name).and_then(|value| at(value, path));
                        value.unwrap_or_else(|| panic!("{text} is not known")).clone()
                    }
                    None => value.clone(),
                }
            }
            Value::Array(values) => values.iter().map(|value| self.resolved(value)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.resolved(value))).collect()
            }
            other => other.clone(),
        }
    }
}

fn webhook(message: &Value) -> Outcome {
    let headers = message["headers"].as_object().unwrap();
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), text(value).parse().unwrap())).collect();
    let now: DateTime<Utc> = text(&message["now"]).parse().unwrap();
    let body = text(&message["body"]).as_bytes();
    let tolerance = Duration::from_secs(300);
    told(webhooks::verify_at(body, &headers, &texts(&message["secrets"]), now, tolerance))
}

fn told(verified: Result<Message, WebhookError>) -> Outcome {
    match verified {
        Ok(Message { id, payload, .. }) => Ok(json!({ "id": id, "payload": payload })),
        Err(error) => Err(json!({ "code": error.code() })),
    }
}

fn refusal(error: &Error) -> Value {
    let class = match error {
        Error::InvalidRequest(_) => "invalid_request",
        Error::Authentication(_) => "authentication",
        Error::Permission(_) => "permission",
        Error::NotFound(_) => "not_found",
        Error::Conflict(_) => "conflict",
        Error::RateLimit(_) => "rate_limit",
        Error::Server(_) => "server",
        other => panic!("{other}"),
    };
    let api = error.api().unwrap();
    json!({ "class": class, "status": api.status, "code": api.code, "objects": api.objects, "param": api.param })
}

/// Whether every field of what is expected is so.
fn contains(found: &Value, expected: &Value) -> Result<(), String> {
    let differs = expected.as_object().unwrap().iter().find(|&(name, value)| found[name] != *value);
    differs.map_or(Ok(()), |(name, value)| Err(format!("{name} is {}, not {value}", found[name])))
}

/// A part by names and numbers with dots between them.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.').filter(|part| !part.is_empty());
    parts.try_fold(value, |value, part| match part.parse::<usize>() {
        Ok(index) => value.get(index),
        Err(_) => value.get(part),
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn texts(values: &Value) -> Vec<&str> {
    values.as_array().unwrap().iter().map(text).collect()
}
