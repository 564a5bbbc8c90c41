//! The demo's data, planted through the API as any integrator would. What was made is remembered in
//! `<data dir>/demo.json`, and every call carries an idempotency key of this data directory: an interrupted or
//! repeated seeding continues where it was.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::api::{Api, list, random_key, text};
use super::server::Server;
use crate::repository;

const FOLDER: &str = "examples/demo-venue";
/// The keys of the two events in `events.json`.
const CONCERT: &str = "auferstehung";
const PARTY: &str = "nachtklang";
/// Sales of the demo began yesterday: it can be tried at once, whatever the clocks say.
const SALE_STARTED_DAYS_AGO: u64 = 1;
const DAY_SECS: u64 = 86_400;
/// Concerts start in the evening, local time of the demo venue being one or two hours ahead.
const START_HOUR_UTC: u64 = 18;

/// The keys and ids of the demo.
#[derive(Debug)]
pub struct Seed {
    pub tenant_id: String,
    pub secret_key: String,
    pub publishable_key: String,
    pub concert_id: String,
    pub party_id: String,
    pub concert_list_id: String,
}

impl Seed {
    /// Makes what is not there yet.
    pub fn plant(server: &Server, data_dir: &Path) -> Result<Seed> {
        let mut memory = Memory::open(data_dir)?;
        let tenant_id = memory.tenant(server)?;
        let secret_key = memory.get("secret_key")?;
        let api = Api::new(server.url(), &secret_key);
        api.get("/v1/tenant")
            .context("the remembered demo tenant is gone; `cargo xtask demo --fresh` starts over")?;

        let venue_id = memory.make(&api, "venue_id", "/v1/venues", &venue()?)?;
        let mut events = Map::new();
        for event in read("events.json")?.as_array().context("events.json is not a list")? {
            let key = text(event, "/key")?;
            let map_id = memory.seat_map(&api, &venue_id, &text(event, "/seat_map")?)?;
            let id = memory.event(&api, &key, event, &new_event(event, &venue_id, &map_id)?)?;
            events.insert(key, Value::String(id));
        }
        let events = Value::Object(events);
        let concert_id = text(&events, &format!("/{CONCERT}"))?;
        let party_id = text(&events, &format!("/{PARTY}"))?;
        let list = json!({ "event_id": concert_id, "name": "Haupteingang (Main entrance)" });
        let concert_list_id = memory.make(&api, "concert_list_id", "/v1/check-in-lists", &list)?;
        let publishable_key = memory.get("publishable_key")?;
        Ok(Seed { tenant_id, secret_key, publishable_key, concert_id, party_id, concert_list_id })
    }

    /// The publishable key for the pages of an origin.
    pub fn key_for(&self, server: &Server, data_dir: &Path, origin: &str) -> Result<String> {
        let mut memory = Memory::open(data_dir)?;
        let name = format!("key for {origin}");
        if let Ok(key) = memory.get(&name) {
            return Ok(key);
        }
        let api = Api::new(server.url(), &self.secret_key);
        let body = json!({ "kind": "publishable", "name": "Lindenhainer Musiktage", "origins": [origin] });
        let made = api.post_once("/v1/api-keys", &body, &memory.key(&name)?)?;
        let key = text(&made, "/token")?;
        memory.remember([(&name, key.clone())])?;
        Ok(key)
    }
}

/// The file groups the address; the API has its lines beside the name.
fn venue() -> Result<Value> {
    let mut venue = read("venue.json")?;
    let fields = venue.as_object_mut().context("venue.json is not an object")?;
    if let Some(Value::Object(address)) = fields.remove("address") {
        fields.extend(address);
    }
    Ok(venue)
}

fn new_event(event: &Value, venue_id: &str, seat_map_id: &str) -> Result<Value> {
    let number = |name: &str| event[name].as_u64().with_context(|| format!("events.json: no number {name}"));
    let today = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / DAY_SECS;
    let starts = (today + number("starts_in_days")?) * DAY_SECS + START_HOUR_UTC * 3600;
    Ok(json!({
        "venue_id": venue_id,
        "seat_map_id": seat_map_id,
        "name": event["name"],
        "description": event["description"],
        "currency": event["currency"],
        "time_zone": event["time_zone"],
        "starts_at": timestamp(starts),
        "ends_at": timestamp(starts + number("duration_minutes")? * 60),
        "sale_starts_at": timestamp((today - SALE_STARTED_DAYS_AGO) * DAY_SECS),
        "sale_ends_at": timestamp(starts),
        "max_per_buyer": event["max_per_buyer"],
        "hold_ttl_secs": event["hold_ttl_secs"],
        "seat_rules": event["seat_rules"],
    }))
}

pub(super) fn read(name: &str) -> Result<Value> {
    let path = repository::root().join(FOLDER).join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {FOLDER}/{name}"))?;
    serde_json::from_str(&text).with_context(|| format!("{FOLDER}/{name} is not JSON"))
}

/// `<data dir>/demo.json`: a flat object of texts, written after each thing that was made.
pub(super) struct Memory {
    path: PathBuf,
    made: Map<String, Value>,
}

impl Memory {
    pub(super) fn open(data_dir: &Path) -> Result<Memory> {
        let path = data_dir.join("demo.json");
        let made = match fs::read_to_string(&path) {
            Ok(text) => {
                serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?
            }
            Err(_) => Map::new(),
        };
        let mut memory = Memory { path, made };
        if !memory.made.contains_key("run") {
            memory.remember([("run", random_key()?)])?;
        }
        Ok(memory)
    }

    pub(super) fn get(&self, name: &str) -> Result<String> {
        let found = self.made.get(name).and_then(Value::as_str);
        Ok(found.with_context(|| format!("{} has no {name}", self.path.display()))?.to_owned())
    }

    pub(super) fn remember<const N: usize>(&mut self, entries: [(&str, String); N]) -> Result<()> {
        self.made.extend(entries.map(|(name, value)| (name.to_owned(), Value::String(value))));
        let partial = self.path.with_extension("partial");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        writeln!(file, "{:#}", Value::Object(self.made.clone()))?;
        Ok(fs::rename(partial, &self.path)?)
    }

    /// The id of what is remembered under `name`, or of what this call makes.
    fn make(&mut self, api: &Api, name: &str, path: &str, body: &Value) -> Result<String> {
        if let Ok(id) = self.get(name) {
            return Ok(id);
        }
        let made = api.post_once(path, body, &self.key(name)?)?;
        let id = text(&made, "/id")?;
        self.remember([(name, id.clone())])?;
        Ok(id)
    }

    /// Something that is done once and has no id.
    fn act(&mut self, api: &Api, name: &str, path: &str) -> Result<()> {
        if self.get(name).is_err() {
            api.post_once(path, &json!({}), &self.key(name)?)?;
            self.remember([(name, "done".to_owned())])?;
        }
        Ok(())
    }

    fn tenant(&mut self, server: &Server) -> Result<String> {
        if let Ok(id) = self.get("tenant_id") {
            return Ok(id);
        }
        let api = Api::new(server.url(), server.bootstrap_token());
        let body = json!({
            "name": "Philharmonie Lindenhain gGmbH",
            "currency": "EUR",
            "time_zone": "Europe/Berlin",
            "owner": { "name": "Alma Mahler", "email": "alma@lindenhain.example" },
            "origins": [server.url()],
        });
        let made = api.post_once("/v1/tenants", &body, &self.key("tenant_id")?)?;
        let id = text(&made, "/tenant/id")?;
        let (secret, publishable) = (text(&made, "/secret_key")?, text(&made, "/publishable_key")?);
        if !secret.starts_with("ef_sk_test_") {
            bail!("the demo's tenant is not in test mode");
        }
        self.remember([("tenant_id", id.clone()), ("secret_key", secret), ("publishable_key", publishable)])?;
        Ok(id)
    }

    /// A published seat map, from a document of the folder.
    fn seat_map(&mut self, api: &Api, venue_id: &str, file: &str) -> Result<String> {
        let document = read(file)?;
        let body = json!({ "name": document["name"], "document": document });
        let id = self.make(api, &format!("{file} id"), &format!("/v1/venues/{venue_id}/seat-maps"), &body)?;
        self.act(api, &format!("{file} published"), &format!("/v1/seat-maps/{id}/publish"))?;
        Ok(id)
    }

    /// A published event with its price tiers.
    fn event(&mut self, api: &Api, key: &str, file: &Value, body: &Value) -> Result<String> {
        let id = self.make(api, &format!("{key} id"), "/v1/events", body)?;
        for (number, tier) in list(file, "/price_tiers")?.iter().enumerate() {
            self.make(
                api,
                &format!("{key} tier {number} id"),
                &format!("/v1/events/{id}/price-tiers"),
                tier,
            )?;
        }
        self.act(api, &format!("{key} published"), &format!("/v1/events/{id}/publish"))?;
        Ok(id)
    }

    fn key(&self, name: &str) -> Result<String> {
        Ok(format!("demo-{}-{}", self.get("run")?, name.replace(' ', "-")))
    }
}

/// RFC 3339 in UTC, from seconds since 1970 (the calendar of Howard Hinnant's `civil_from_days`).
pub fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / DAY_SECS + 719_468, seconds % DAY_SECS);
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_follow_the_calendar() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp(1_798_761_599), "2026-12-31T23:59:59Z");
    }

    #[test]
    fn the_files_of_the_demo_become_requests() {
        let venue = venue().unwrap();
        assert!(venue["address"].is_null() && venue["city"].is_string());
        let events = read("events.json").unwrap();
        for event in events.as_array().unwrap() {
            let body = new_event(event, "ven_1", "map_1").unwrap();
            assert!(body.as_object().unwrap().values().all(|value| !value.is_null()), "{body}");
            assert!(!list(event, "/price_tiers").unwrap().is_empty());
            read(event["seat_map"].as_str().unwrap()).unwrap();
        }
        let keys: Vec<_> =
            events.as_array().unwrap().iter().map(|event| event["key"].as_str().unwrap()).collect();
        assert_eq!(keys, [CONCERT, PARTY]);
    }
}
