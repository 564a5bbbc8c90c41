//! What is sold in a run: two tenants, of whom one has an account of its own at the provider, with seats that are wanted and
//! few, standing places, and a door.

use anyhow::{Result, bail};
use eventflow_torture::checker::{uuid_of, webhooks::Endpoint};
use serde_json::{Value, json};

use crate::{
    client::{Ask, Client},
    machines::BOOTSTRAP_TOKEN,
};

/// The account of the second tenant.
pub const ACCOUNT: &str = "acct_torture";
/// An account at the same provider whose owner sells nothing here.
pub const STRANGER: &str = "acct_stranger";
/// The standing area with places enough.
pub const AREA: &str = "floor";
/// The one whose places everybody wants.
pub const FEW: &str = "pit";
const FEW_PLACES: u32 = 6;
/// One place, of which rivals meet.
pub const BOX: &str = "box";
/// One address may have so many places.
const PER_BUYER: u32 = 6;
const SCANNERS: usize = 3;
/// Programs of the partner that webhooks of both tenants are sent to: of each one that is told everything, and one that is
/// told of money, with the whole object.
pub const PROGRAMS: usize = 4;
const OF_MONEY: [&str; 5] =
    ["order.paid", "order.refunded", "order.partially_refunded", "refund.created", "refund.succeeded"];

/// A tenant with an event on sale.
pub struct Shop {
    pub secret: String,
    pub publishable: String,
    pub event: String,
    pub seats: u32,
    /// Tokens of the scanners at its door.
    pub scanners: Vec<String>,
    /// Where webhooks go, and the ids of these endpoints.
    pub endpoints: Vec<(Endpoint, String)>,
}

/// How an event differs.
pub struct Terms {
    pub seats: u32,
    pub places: u32,
    pub account: &'static str,
    pub checkout_secs: u32,
    pub hold_secs: u32,
}

async fn make(client: &Client, path: &str, token: &str, body: Value) -> Result<Value> {
    let key = uuid::Uuid::now_v7().to_string();
    match client.ask(0, Ask::post(path, token, &key, body)).await {
        Some(answer) if answer.is_good() => Ok(answer.body),
        Some(answer) => bail!("{path} was answered with {}: {}", answer.status, answer.body),
        None => bail!("{path} was not answered"),
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

async fn endpoint(client: &Client, secret: &str, new: Value) -> Result<(Endpoint, String)> {
    let made = make(client, "/v1/webhook-endpoints", secret, new).await?;
    let of = &made["webhook_endpoint"];
    let id = text(of, "id");
    let endpoint =
        Endpoint { id: uuid_of(&id)?, secret: text(&made, "secret"), public_key: text(of, "public_key") };
    Ok((endpoint, id))
}

fn seat_map(terms: &Terms) -> Value {
    let row = |label: &str, y: u32| {
        let count = terms.seats / 2;
        json!({
            "label": label, "category": "a", "count": count,
            "start": { "x": 0, "y": y }, "end": { "x": 60 * count, "y": y },
        })
    };
    json!({
        "format": "eventflow.seat-map/1", "name": "Hall",
        "categories": [
            { "key": "a", "name": "Category A", "color": "#aa0000" },
            { "key": "b", "name": "Category B", "color": "#00aa00" },
        ],
        "focal_point": { "x": 300, "y": -300 },
        "sections": [{ "key": "P", "name": "Stalls", "rows": [row("1", 0), row("2", 90)] }],
        "ga_areas": [
            { "key": AREA, "name": "Standing", "category": "b", "capacity": terms.places },
            { "key": FEW, "name": "Before the stage", "category": "b", "capacity": FEW_PLACES },
            { "key": BOX, "name": "The box", "category": "b", "capacity": 1 },
        ],
    })
}

impl Shop {
    pub async fn open(client: &Client, name: &str, terms: &Terms, hooks: [String; 2]) -> Result<Self> {
        let founder = json!({
            "name": name, "currency": "EUR", "time_zone": "Europe/Berlin", "origins": ["https://tickets.example.org"],
            "owner": { "email": "owner@example.org", "name": "Ada Lovelace" },
        });
        let founded = make(client, "/v1/tenants", BOOTSTRAP_TOKEN, founder).await?;
        let secret = text(&founded, "secret_key");
        let id = text(&founded["tenant"], "id");
        if !terms.account.is_empty() {
            let patch = |path: String, token: String, body: Value| async move {
                let ask = Ask {
                    method: reqwest::Method::PATCH,
                    path: &path,
                    token: &token,
                    key: None,
                    body: Some(body),
                };
                match client.ask(0, ask).await {
                    Some(answer) if answer.is_good() => Ok(()),
                    answer => {
                        bail!("{path} failed: {}", answer.map(|answer| answer.body).unwrap_or_default())
                    }
                }
            };
            patch("/v1/tenant".into(), secret.clone(), json!({ "stripe_account": terms.account })).await?;
            let share = json!({ "application_fee_bps": 250 });
            patch(format!("/v1/tenants/{id}"), BOOTSTRAP_TOKEN.into(), share).await?;
        }
        let [all, money] = hooks;
        let endpoints = vec![
            endpoint(client, &secret, json!({ "url": all })).await?,
            endpoint(client, &secret, json!({ "url": money, "event_types": OF_MONEY, "payload": "fat" }))
                .await?,
        ];
        let venue = json!({ "name": name, "time_zone": "Europe/Berlin", "city": "Berlin", "country": "DE" });
        let venue = text(&make(client, "/v1/venues", &secret, venue).await?, "id");
        let map = json!({ "name": "Hall", "document": seat_map(terms) });
        let map = text(&make(client, &format!("/v1/venues/{venue}/seat-maps"), &secret, map).await?, "id");
        make(client, &format!("/v1/seat-maps/{map}/publish"), &secret, json!({})).await?;
        let at = |days| (chrono::Utc::now() + chrono::TimeDelta::days(days)).to_rfc3339();
        let event = json!({
            "seat_map_id": map, "name": "Mahler: Symphony No. 2", "max_per_hold": PER_BUYER, "max_per_buyer": PER_BUYER,
            "seat_rules": { "orphans": "off" }, "starts_at": at(7), "ends_at": at(8),
            // Begun by every clock of the run.
            "sale_starts_at": at(-1),
            "checkout_secs": terms.checkout_secs, "hold_ttl_secs": terms.hold_secs,
            "delayed_payments": !terms.account.is_empty(),
        });
        let event = text(&make(client, "/v1/events", &secret, event).await?, "id");
        let tiers = [
            json!({ "name": "Seat", "category": "a" }),
            json!({ "name": "Standing", "ga_area": AREA }),
            json!({ "name": "Before the stage", "ga_area": FEW }),
            json!({ "name": "The box", "ga_area": BOX }),
        ];
        for mut tier in tiers {
            tier["price_minor"] = json!(4_200);
            tier["fee_minor"] = json!(150);
            tier["tax_rate_bps"] = json!(700);
            make(client, &format!("/v1/events/{event}/price-tiers"), &secret, tier).await?;
        }
        make(client, &format!("/v1/events/{event}/publish"), &secret, json!({})).await?;
        let list = json!({ "event_id": event, "name": "Main entrance" });
        let list = text(&make(client, "/v1/check-in-lists", &secret, list).await?, "id");
        let mut scanners = Vec::new();
        for number in 0..SCANNERS {
            let device = json!({ "name": format!("Scanner {number}"), "gate": "North" });
            let path = format!("/v1/check-in-lists/{list}/devices");
            scanners.push(text(&make(client, &path, &secret, device).await?, "token"));
        }
        let publishable = text(&founded, "publishable_key");
        Ok(Self { secret, publishable, event, seats: terms.seats, scanners, endpoints })
    }
}
