//! Money that comes late: an order is closed by mistake and paid afterwards. It gets its seat again, or the money goes back,
//! once, when somebody else has the seat by then.

use std::time::Duration;

use eventflow_core::{Id, id};
use eventflow_torture::checker::{mistake, rows};
use serde_json::json;
use uuid::Uuid;

use crate::{
    buyers::{GOOD_CARD, session_of},
    client::Ask,
    machines::execute,
    rivals::{hold, order},
    shop::Shop,
    world::World,
};

/// Redis hears of the seat that came free; how often somebody tries to get it.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// True when it was paid late. `is_taken`: the seat is somebody else's by then.
pub async fn pay(world: &World, shop: &Shop, is_taken: bool) -> bool {
    let Some(held) = hold(world, shop, 0, json!({ "best_available": { "quantity": 1 } })).await else {
        return false;
    };
    let Some(made) = order(world, shop, 0, &held).await else { return false };
    let (Some(session), Some(id)) = (session_of(&made), made["id"].as_str()) else { return false };
    let Ok(id) = id.parse::<Id<id::Order>>() else { return false };
    if execute(&world.postgres_url, &mistake::lapse(id)).await.is_err() {
        return false;
    }
    let seat = &held["items"][0]["seat"];
    if is_taken && !take(world, shop, seat).await {
        return false;
    }
    let is_closed = format!("SELECT id FROM orders WHERE id = '{}' AND state = 'expired'", id.uuid());
    let is_closed = rows(&world.postgres_url, &is_closed).await.is_ok_and(|rows| !rows.is_empty());
    let paid = world.sandbox(&format!("sessions/{session}/pay"), json!({ "card": GOOD_CARD })).await;
    is_closed && paid.is_some()
}

/// At the box office, as soon as the seat is free.
async fn take(world: &World, shop: &Shop, seat: &serde_json::Value) -> bool {
    let key = Uuid::now_v7().to_string();
    for _ in 0..TRIES {
        let body = json!({
            "event_id": shop.event, "items": [{ "seat": seat }], "provider": "manual", "buyer": {},
        });
        let ask = Ask::post("/v1/orders", &shop.secret, &key, body);
        if world.client.ask_one(1, ask).await.is_some_and(|answer| answer.is_good()) {
            return true;
        }
        tokio::time::sleep(PAUSE).await;
    }
    false
}
