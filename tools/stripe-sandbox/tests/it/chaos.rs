use chrono::Utc;
use eventflow_payments::signature::{SignatureError, verify};
use secrecy::SecretString;
use serde_json::json;

use crate::world::{Received, SECRET, World, id, session_form};

const COMPLETED: &str = "checkout.session.completed";

fn check(received: &Received) -> Result<(), SignatureError> {
    verify(&received.signature, &received.body, &[SecretString::from(SECRET)], Utc::now().timestamp())
        .map(|_| ())
}

fn count(all: &[Received], kind: &str) -> usize {
    all.iter().filter(|one| one.event["type"] == kind).count()
}

#[tokio::test]
async fn dropped_events_stay_readable() {
    let world = World::new().await;
    world.chaos(json!({"fault": "webhook_drop", "match": COMPLETED, "next": 1})).await;
    let lost = world.paid().await;
    let heard = world.paid().await;
    let event = world.event(COMPLETED).await;
    assert_eq!(event.event["data"]["object"]["id"], heard["id"]);
    let listed = world.get(&format!("/v1/events?type={COMPLETED}")).await.ok();
    assert_eq!(listed["data"][1]["data"]["object"]["id"], lost["id"]);
    assert_eq!(world.look("journal?kind=webhook_dropped").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn duplicates_share_their_id() {
    let world = World::new().await;
    world.chaos(json!({"fault": "webhook_duplicate", "copies": 2, "match": COMPLETED})).await;
    world.paid().await;
    let received = world.received(|all| count(all, COMPLETED) == 3).await;
    let ids: Vec<_> =
        received.iter().filter(|one| one.event["type"] == COMPLETED).map(|one| id(&one.event)).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[tokio::test]
async fn delayed_events_are_overtaken() {
    let world = World::new().await;
    world.chaos(json!({"fault": "webhook_delay", "ms": 400, "match": "charge.", "next": 1})).await;
    world.paid().await;
    let received = world.received(|all| all.len() == 3).await;
    assert_eq!(received[2].event["type"], "charge.succeeded");
}

#[tokio::test]
async fn reordering_loses_nothing() {
    let world = World::new().await;
    world.chaos(json!({"fault": "webhook_reorder", "ms": 300, "seed": 3})).await;
    world.paid().await;
    world.received(|all| all.len() == 3).await;
}

#[tokio::test]
async fn bad_signatures_are_bad_and_two_are_good() {
    let world = World::new().await;
    world.chaos(json!({"fault": "webhook_wrong_secret", "match": "charge."})).await;
    world.chaos(json!({"fault": "webhook_two_v1", "match": "payment_intent."})).await;
    world.chaos(json!({"fault": "webhook_old_timestamp", "secs": 600, "match": COMPLETED})).await;
    world.paid().await;
    assert_eq!(check(&world.event("charge.succeeded").await), Err(SignatureError::Mismatch));
    let two = world.event("payment_intent.succeeded").await;
    assert_eq!((two.signature.matches("v1=").count(), check(&two)), (2, Ok(())));
    assert!(matches!(check(&world.event(COMPLETED).await), Err(SignatureError::Stale(600..=610))));
}

#[tokio::test]
async fn forged_events_lie() {
    let world = World::new().await;
    world.chaos(json!({"fault": "webhook_forge", "next": 1})).await;
    let session = world.session().await;
    let forged = world.event(COMPLETED).await;
    assert_eq!(check(&forged), Err(SignatureError::Mismatch));
    assert_eq!(forged.event["data"]["object"]["payment_status"], "paid");
    assert_eq!(world.get(&format!("/v1/checkout/sessions/{}", id(&session))).await.ok()["status"], "open");
    // With the right secret only reading back helps.
    let path = format!("sessions/{}/forge", id(&session));
    world
        .control(&path, json!({"signed": true, "type": "checkout.session.async_payment_succeeded"}))
        .await
        .ok();
    let signed = world.event("checkout.session.async_payment_succeeded").await;
    assert_eq!(check(&signed), Ok(()));
    assert!(world.get("/v1/events").await.ok()["data"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_reset_connection_hides_what_happened() {
    let world = World::new().await;
    let now = world.look("clock").await["now"].as_i64().unwrap();
    let create = async || {
        let request = world.form("/v1/checkout/sessions", &session_form(now + 1900));
        request.header("idempotency-key", "cs:1").send().await
    };
    world.chaos(json!({"fault": "api_reset_before", "next": 1})).await;
    assert!(create().await.is_err());
    assert_eq!(world.look("sessions").await["data"].as_array().unwrap().len(), 0);
    world.chaos(json!({"fault": "api_reset_after", "next": 1})).await;
    assert!(create().await.is_err());
    assert_eq!(world.look("sessions").await["data"].as_array().unwrap().len(), 1);
    let replayed = create().await.unwrap();
    assert_eq!(replayed.headers()["idempotent-replayed"], "true");
    assert_eq!(replayed.status(), 200);
}

#[tokio::test]
async fn rules_are_checked_and_cleared() {
    let world = World::new().await;
    world.control("chaos", json!({"fault": "nonsense"})).await.refused(400, "nonsense");
    world.control("chaos", json!({"fault": "webhook_drop", "rate": 2})).await.refused(400, "between 0 and 1");
    world.chaos(json!({"fault": "api_unavailable"})).await;
    world.get("/v1/events").await.refused(503, "unavailable");
    world.request(reqwest::Method::DELETE, "/_sandbox/chaos").send().await.unwrap();
    world.get("/v1/events").await.ok();
    let foreign =
        world.request(reqwest::Method::POST, "/_sandbox/reset").header("sec-fetch-site", "cross-site");
    crate::world::send(foreign).await.refused(403, "other sites");
}
