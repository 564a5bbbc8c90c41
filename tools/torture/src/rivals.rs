//! Two orders of one place that meet: while one is being written slowly, Redis forgets that anybody holds it, as a replica
//! does that takes over without the last writes, and the other server sells it again. Only the database can keep them apart.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    buyers::{GOOD_CARD, session_of},
    client::Ask,
    proxy::{Link, Proxy},
    shop::{BOX, Shop},
    world::World,
};

/// Each piece on the way between the first server and Postgres takes so much longer. An order is several of them, so that
/// it takes a second, and whoever comes meanwhile has time enough; much more would leave it no connection of the pool.
const SLOW_MS: u64 = 60;
/// The first order is in Redis by now, or something else has broken it.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

/// Each is served by another server, and pays if there is an order to pay; who gets the only place of an area alone leaves
/// it to the next. `link` leads from the first server to Postgres. True when they met.
pub async fn meet(world: &World, shop: &Shop, link: &Proxy, is_standing: bool) -> bool {
    let of_box = json!({ "items": [{ "ga_area": BOX, "quantity": 1 }] });
    let any_seat = json!({ "best_available": { "quantity": 1 } });
    let _turn = link.turn().await;
    let wanted = if is_standing { of_box.clone() } else { any_seat };
    let Some(first) = hold(world, shop, 0, wanted).await else { return false };
    let mut met = false;
    link.set(Link::Slow(SLOW_MS));
    let rival = async {
        // Redis may be gone altogether.
        let is_under_way = wait_for_checkout(world, shop, &first).await;
        if !is_under_way || world.forget_hold(&shop.event, &first).await.is_err() {
            return None;
        }
        let seat = json!({ "items": [{ "seat": first["items"][0]["seat"] }] });
        let second = hold(world, shop, 1, if is_standing { of_box } else { seat }).await?;
        // The first one is still under way: from here on nothing but a claim keeps them apart.
        met = true;
        world.client.history.count(if is_standing { "rivals of an area who met" } else { "rivals who met" });
        order(world, shop, 1, &second).await
    };
    let (one, other) = tokio::join!(order(world, shop, 0, &first), rival);
    link.set(Link::Good);
    let orders: Vec<Value> = [one, other].into_iter().flatten().collect();
    if orders.len() > 1 {
        world.client.history.count("rivals who both have an order");
    }
    if let ([alone], true) = (&*orders, is_standing) {
        let cancel = format!("/v1/orders/{}/cancel", alone["id"].as_str().unwrap_or_default());
        let key = Uuid::now_v7().to_string();
        let token = alone["buyer_token"].as_str().unwrap_or_default();
        world.client.ask(0, Ask::post(&cancel, token, &key, json!({}))).await;
        return met;
    }
    for order in &orders {
        if let Some(session) = session_of(order) {
            world.sandbox(&format!("sessions/{session}/pay"), json!({ "card": GOOD_CARD })).await;
        }
    }
    met
}

pub async fn hold(world: &World, shop: &Shop, server: usize, wanted: Value) -> Option<Value> {
    let (path, key) = (format!("/v1/events/{}/holds", shop.event), Uuid::now_v7().to_string());
    let answer = world.client.ask_one(server, Ask::post(&path, &shop.publishable, &key, wanted)).await?;
    answer.is_good().then_some(answer.body)
}

pub async fn order(world: &World, shop: &Shop, server: usize, hold: &Value) -> Option<Value> {
    let key = Uuid::now_v7().to_string();
    let buyer = json!({ "email": format!("{key}@example.org"), "name": "Grace Hopper" });
    let body = json!({ "hold_id": hold["id"], "hold_token": hold["token"], "buyer": buyer });
    let answer = world.client.ask_one(server, Ask::post("/v1/orders", &shop.publishable, &key, body)).await?;
    answer.is_good().then_some(answer.body)
}

/// Until the hold is pinned for its order: the next step of that is the claim.
async fn wait_for_checkout(world: &World, shop: &Shop, hold: &Value) -> bool {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let id = hold["id"].as_str().unwrap_or_default();
        if world.is_in_checkout(&shop.event, id).await.unwrap_or(false) {
            return true;
        }
        tokio::time::sleep(LOOK).await;
    }
    false
}
