//! A tenant, its events, and a buyer's way through them.

use serde_json::{Value, json};

use super::{Answer, Client, example, list, text, wait_for};

/// What a seat and a standing place cost, fee and 7 % tax included.
pub const SEAT_MINOR: i64 = 4_200;
pub const FEE_MINOR: i64 = 150;
pub const PLACE_MINOR: i64 = SEAT_MINOR + FEE_MINOR;
/// The key of the standing area.
pub const AREA: &str = "floor";

pub struct Tenant {
    pub id: String,
    /// The organizer's server: a secret key with every permission.
    pub api: Client,
    /// The shop's page: a publishable key.
    pub page: Client,
}

pub struct Event {
    pub id: String,
    pub venue_id: String,
    pub seat_map_id: String,
    /// Ids of the price tiers, in the order in which they were made.
    pub tiers: Vec<String>,
    pub api: Client,
    pub page: Client,
}

/// A document with `seats` seats in two rows of the section `P` (the first row gets the odd one; more rows from 4,000 seats
/// on, which is what two can have), categories `a` and `b`
/// of which `a` is used, and a standing area when `capacity` is not 0.
pub fn seat_map(seats: u32, capacity: u32) -> Value {
    let row = |label: &str, y: u32, count: u32| {
        json!({
            "label": label, "category": "a", "count": count,
            "start": { "x": 0, "y": y }, "end": { "x": 60 * count.max(2), "y": y },
        })
    };
    let count = seats.div_ceil(2_000).max(2);
    let rows: Vec<_> = (0..count)
        .map(|at| (at, seats / count + u32::from(at < seats % count)))
        .filter(|(_, seats)| *seats > 0)
        .map(|(at, seats)| row(&(at + 1).to_string(), at * 90, seats))
        .collect();
    let mut document = json!({
        "format": "eventflow.seat-map/1", "name": "Chamber hall",
        "categories": [
            { "key": "a", "name": "Category A", "color": "#aa0000" },
            { "key": "b", "name": "Category B", "color": "#00aa00" },
        ],
        "focal_point": { "x": 300, "y": -300 },
    });
    if !rows.is_empty() {
        document["sections"] = json!([{ "key": "P", "name": "Stalls", "rows": rows }]);
    }
    if capacity > 0 {
        document["ga_areas"] =
            json!([{ "key": AREA, "name": "Standing", "category": "b", "capacity": capacity }]);
    }
    document
}

/// An RFC 3339 time some seconds from now.
pub fn in_secs(secs: i64) -> String {
    (chrono::Utc::now() + chrono::TimeDelta::seconds(secs)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A buyer that an order names.
pub fn buyer() -> Value {
    json!({ "email": "grace@example.org", "name": "Grace Hopper" })
}

impl Tenant {
    pub async fn venue(&self) -> String {
        let venue = json!({ "name": "Philharmonie", "time_zone": "Europe/Berlin", "city": "Berlin", "country": "DE" });
        text(&self.api.post("/v1/venues", venue).await.created(), "id").to_owned()
    }

    /// A seat map of the venue, published.
    pub async fn published_map(&self, venue: &str, document: Value) -> String {
        let new = json!({ "name": "Chamber hall", "document": document });
        let map = self.api.post(&format!("/v1/venues/{venue}/seat-maps"), new).await.created();
        let id = text(&map, "id").to_owned();
        self.api.act(&format!("/v1/seat-maps/{id}/publish")).await.ok();
        id
    }

    /// A draft in a week from now, with tiers for what the map has; `terms` go over the defaults. Buyers may leave single
    /// seats: stories hold the seats they like.
    pub async fn draft_event(&self, seats: u32, capacity: u32, terms: Value) -> Event {
        let mut event = self.draft_event_of(seat_map(seats, capacity), terms).await;
        if seats > 0 {
            event.add_tier(json!({ "name": "Seat", "category": "a" })).await;
        }
        if capacity > 0 {
            event.add_tier(json!({ "name": "Standing", "ga_area": AREA })).await;
        }
        event
    }

    /// A draft of that map, without tiers.
    pub async fn draft_event_of(&self, document: Value, terms: Value) -> Event {
        let venue_id = self.venue().await;
        let seat_map_id = self.published_map(&venue_id, document).await;
        let mut new = json!({
            "seat_map_id": seat_map_id, "name": "Mahler: Symphony No. 2", "max_per_hold": 100, "max_per_buyer": 1000,
            "seat_rules": { "orphans": "off" },
            "starts_at": in_secs(7 * 86_400), "ends_at": in_secs(7 * 86_400 + 9_000),
        });
        for (name, value) in terms.as_object().into_iter().flatten() {
            new[name] = value.clone();
        }
        let event = self.api.post("/v1/events", new).await.created();
        Event {
            id: text(&event, "id").to_owned(),
            venue_id,
            seat_map_id,
            tiers: vec![],
            api: self.api.clone(),
            page: self.page.clone(),
        }
    }

    /// On sale with these terms.
    pub async fn event(&self, seats: u32, capacity: u32, terms: Value) -> Event {
        let event = self.draft_event(seats, capacity, terms).await;
        event.publish().await.ok();
        event
    }

    /// On sale: `seats` numbered seats in two rows.
    pub async fn seated_event(&self, seats: u32) -> Event {
        self.event(seats, 0, json!({})).await
    }

    /// On sale: `capacity` standing places.
    pub async fn ga_event(&self, capacity: u32) -> Event {
        self.event(0, capacity, json!({})).await
    }

    /// A secret key with only these permissions.
    pub async fn key(&self, scopes: &[&str]) -> Client {
        let new = json!({ "kind": "secret", "name": "Limited", "scopes": scopes });
        let made = self.api.post("/v1/api-keys", new).await.created();
        self.api.with_token(text(&made, "token"))
    }

    /// Uploads a plugin of `examples/plugins`, and has it called.
    pub async fn upload(&self, name: &str) -> Value {
        self.upload_bytes(example(name)).await.created()
    }

    pub async fn upload_bytes(&self, component: Vec<u8>) -> Answer {
        let path = "/v1/plugins?publish=true";
        self.api.send_bytes(reqwest::Method::POST, path, "application/octet-stream", component).await
    }

    pub async fn order(&self, id: &Value) -> Value {
        self.api.get(&format!("/v1/orders/{}", id.as_str().unwrap())).await.ok()
    }

    /// Waits for a state of an order.
    pub async fn order_in_state(&self, id: &Value, state: &str) -> Value {
        wait_for(&format!("the order to be {state}"), async || {
            Some(self.order(id).await).filter(|order| order["state"] == state)
        })
        .await
    }
}

impl Event {
    /// `POST …/price-tiers` with the usual price; the fields given go over it.
    pub async fn add_tier(&mut self, fields: Value) -> String {
        let mut tier = json!({ "price_minor": SEAT_MINOR, "fee_minor": FEE_MINOR, "tax_rate_bps": 700 });
        for (name, value) in fields.as_object().into_iter().flatten() {
            tier[name] = value.clone();
        }
        let tier = self.api.post(&self.path("/price-tiers"), tier).await.created();
        let id = text(&tier, "id").to_owned();
        self.tiers.push(id.clone());
        id
    }

    pub async fn publish(&self) -> Answer {
        self.api.post(&self.path("/publish"), json!({})).await
    }

    /// `/v1/events/<id><rest>`
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/events/{}{rest}", self.id)
    }

    /// Holds seats by index, as a visitor.
    pub async fn hold(&self, seats: &[u32]) -> Answer {
        self.page.post(&self.path("/holds"), json!({ "items": items(seats) })).await
    }

    /// Holds standing places, as a visitor.
    pub async fn hold_places(&self, quantity: u32) -> Answer {
        let items = json!([{ "ga_area": AREA, "quantity": quantity }]);
        self.page.post(&self.path("/holds"), json!({ "items": items })).await
    }

    /// Holds the best seats, as a visitor.
    pub async fn hold_best(&self, quantity: u32) -> Answer {
        self.page.post(&self.path("/holds"), json!({ "best_available": { "quantity": quantity } })).await
    }

    /// The buyer of a hold goes to the checkout of Stripe.
    pub async fn order_stripe(&self, hold: &Value) -> Answer {
        self.page.post("/v1/orders", self.order_of(hold)).await
    }

    /// The body of an order of a hold.
    pub fn order_of(&self, hold: &Value) -> Value {
        json!({ "hold_id": hold["id"], "hold_token": hold["token"], "buyer": buyer() })
    }

    /// The box office sells seats for cash, at once.
    pub async fn order_manual(&self, seats: &[u32]) -> Answer {
        self.api.post("/v1/orders", self.manual(json!({ "items": items(seats) }))).await
    }

    /// The body of a direct order for cash; `wanted` has `items` or `best_available`.
    pub fn manual(&self, wanted: Value) -> Value {
        let mut order = json!({ "event_id": self.id, "provider": "manual", "buyer": buyer() });
        for (name, value) in wanted.as_object().into_iter().flatten() {
            order[name] = value.clone();
        }
        order
    }

    pub async fn availability(&self) -> Value {
        self.page.get(&self.path("/availability")).await.ok()
    }

    /// Availability once it says what `expected` looks for: it follows sales with a delay.
    pub async fn availability_until(&self, what: &str, expected: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, async || Some(self.availability().await).filter(|a| expected(a))).await
    }

    /// A check-in list of the event and a scanner on it: the list's id, and the scanner.
    pub async fn door(&self, fields: Value) -> (String, Client) {
        let mut new = json!({ "event_id": self.id, "name": "Main entrance" });
        for (name, value) in fields.as_object().into_iter().flatten() {
            new[name] = value.clone();
        }
        let id = text(&self.api.post("/v1/check-in-lists", new).await.created(), "id").to_owned();
        let device = json!({ "name": "Scanner 1", "gate": "North" });
        let made = self.api.post(&format!("/v1/check-in-lists/{id}/devices"), device).await.created();
        (id, self.api.with_token(text(&made, "token")))
    }
}

/// The items of a hold or an order for these seats.
pub fn items(seats: &[u32]) -> Value {
    seats.iter().map(|seat| json!({ "seat": seat })).collect()
}

/// The codes of an order's tickets.
#[track_caller]
pub fn codes(order: &Value) -> Vec<String> {
    list(order, "tickets").iter().map(|ticket| text(ticket, "token").to_owned()).collect()
}
