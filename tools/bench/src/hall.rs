//! What is sold: a tenant with seat maps, and as many fresh events as the phases need. Made through the API.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context, Result};
use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    api::{Client, text},
    process::BOOTSTRAP_TOKEN,
};

const ROW: u32 = 100;
/// Longer than a run: nothing expires while it is measured.
const TTL_SECS: u32 = 3600;
const WARM_TRIES: u32 = 50;
const WARM_PAUSE: Duration = Duration::from_millis(50);

/// The credentials and seat maps.
pub struct Hall {
    pub address: SocketAddr,
    pub secret_key: String,
    pub publishable_key: String,
    pub tenant: String,
    venue: String,
    events: u32,
}

/// A published seat map.
#[derive(Debug, Clone)]
pub struct Map {
    id: String,
    pub seats: u32,
}

impl Hall {
    pub async fn found(address: SocketAddr) -> Result<Self> {
        let mut client = Client::connect(address, BOOTSTRAP_TOKEN).await?;
        let tenant = json!({
            "name": "Bench Hall", "currency": "EUR", "time_zone": "Europe/Berlin",
            "owner": { "name": "Ada", "email": "ada@bench.example" },
        });
        let made = client.post("/v1/tenants", &tenant).await?;
        let secret_key = text(&made, "/secret_key")?;
        let mut client = Client::connect(address, &secret_key).await?;
        let venue =
            client.make("/v1/venues", &json!({ "name": "Hall", "time_zone": "Europe/Berlin" })).await?;
        Ok(Self {
            address,
            publishable_key: text(&made, "/publishable_key")?,
            tenant: text(&made, "/tenant/id")?,
            secret_key,
            venue,
            events: 0,
        })
    }

    /// Uploads the plugins that are measured, which `cargo xtask plugins` has built.
    pub async fn plugins(&self, built: &Path) -> Result<Vec<(String, Value)>> {
        let steps = json!({ "steps": [{ "tickets": 4, "percent": 10 }] });
        let demand = json!({
            "floor_percent": 50, "cap_percent": 200, "time": [{ "days": 1000, "percent": -10 }],
            "demand": [{ "sold_percent": 0, "percent": 5 }],
        });
        let family = json!({
            "adult_tiers": ["Adult"], "child_tiers": ["Child"], "adults": 2, "children": 2, "price_minor": 10_000,
        });
        let mut plugins = Vec::new();
        for (name, config) in
            [("demand-pricing", demand), ("group-discount", steps), ("family-bundle", family)]
        {
            let path = built.join(format!("{name}.wasm"));
            let component = std::fs::read(&path).with_context(|| {
                format!("{} is not there; `cargo xtask plugins` builds it", path.display())
            })?;
            let mut client = self.client().await?;
            let version = client.upload("/v1/plugins?publish=true", &component).await?;
            plugins.push((text(&version, "/plugin_id")?, config));
        }
        Ok(plugins)
    }

    /// The first so many of the plugins are called, the others not.
    pub async fn install(&self, plugins: &[(String, Value)], count: usize) -> Result<()> {
        let mut client = self.client().await?;
        for (at, (id, config)) in plugins.iter().enumerate() {
            let how = json!({ "enabled": at < count, "config": config });
            client.put(&format!("/v1/plugins/{id}/installation"), &how).await?;
        }
        Ok(())
    }

    pub async fn client(&self) -> Result<Client> {
        Client::connect(self.address, &self.secret_key).await
    }

    /// A hall of rows of 100, in one category.
    pub async fn seats(&self, seats: u32) -> Result<Map> {
        let rows: Vec<Value> = (0..seats.div_ceil(ROW))
            .map(|row| {
                let (y, count) = (f64::from(row) * 90.0 + 500.0, ROW.min(seats - row * ROW));
                json!({
                    "label": (row + 1).to_string(), "category": "a", "count": count,
                    "start": { "x": -2750.0, "y": y }, "end": { "x": 2750.0, "y": y },
                })
            })
            .collect();
        let document = json!({
            "format": "eventflow.seat-map/1", "name": format!("{seats} seats"),
            "categories": [{ "key": "a", "name": "Category A", "color": "#aa3300" }],
            "focal_point": { "x": 0, "y": 0 },
            "sections": [{ "key": "S", "name": "Stalls", "rows": rows }],
        });
        Ok(Map { id: self.publish(document).await?, seats })
    }

    /// A floor without seats.
    pub async fn floor(&self) -> Result<Map> {
        let document = json!({
            "format": "eventflow.seat-map/1", "name": "Floor",
            "categories": [{ "key": "a", "name": "Standing", "color": "#0033aa" }],
            "ga_areas": [{ "key": "floor", "name": "Floor", "category": "a", "capacity": 1_000_000, "points": [] }],
        });
        Ok(Map { id: self.publish(document).await?, seats: 0 })
    }

    pub async fn publish(&self, document: Value) -> Result<String> {
        let mut client = self.client().await?;
        let path = format!("/v1/venues/{}/seat-maps", self.venue);
        let id = client.make(&path, &json!({ "name": document["name"], "document": document })).await?;
        client.post(&format!("/v1/seat-maps/{id}/publish"), &json!({})).await?;
        Ok(id)
    }

    /// A published event of that map, on sale; its offer, its keys in Redis and its live state are warm.
    pub async fn event(&mut self, map: &Map) -> Result<String> {
        self.events += 1;
        let at =
            |hours: i64| (Utc::now() + TimeDelta::hours(hours)).to_rfc3339_opts(SecondsFormat::Secs, true);
        let event = json!({
            "seat_map_id": map.id, "name": format!("Night {}", self.events),
            "starts_at": at(24), "ends_at": at(27), "sale_starts_at": at(-1),
            "max_per_hold": 100, "max_per_buyer": 1000, "hold_ttl_secs": TTL_SECS, "checkout_secs": 86_400,
        });
        let mut client = self.client().await?;
        let id = client.make("/v1/events", &event).await?;
        let place = if map.seats > 0 { ("category", "a") } else { ("ga_area", "floor") };
        let tier = json!({
            "name": "Adult", place.0: place.1, "price_minor": 4_200, "fee_minor": 150, "tax_rate_bps": 700,
        });
        client.post(&format!("/v1/events/{id}/price-tiers"), &tier).await?;
        client.post(&format!("/v1/events/{id}/publish"), &json!({})).await?;
        self.warm(&mut client, &id).await?;
        Ok(id)
    }

    /// The mirror hears of a publication at the same moment; whoever comes second is asked to come again.
    pub async fn warm(&self, client: &mut Client, event: &str) -> Result<()> {
        let path = format!("/v1/events/{event}/availability");
        for _ in 0..WARM_TRIES {
            if client.status("GET", &path).await? == 200 {
                return Ok(());
            }
            tokio::time::sleep(WARM_PAUSE).await;
        }
        client.get(&path).await.map(drop)
    }

    pub async fn events(&mut self, map: &Map, count: usize) -> Result<Vec<String>> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.event(map).await?);
        }
        Ok(events)
    }
}
