use std::path::PathBuf;

use serde_json::json;

use crate::world::{World, id, send, session_form};

/// A file of its own in the build's folder for test files.
fn file(name: &str) -> PathBuf {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.jsonl", std::process::id()));
    _ = std::fs::remove_file(&path);
    path
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let path = file("restart");
    let world = World::with(|config| config.state = Some(path.clone())).await;
    let now = world.look("clock").await["now"].as_i64().unwrap();
    let form = session_form(now + 1900);
    let session =
        send(world.form("/v1/checkout/sessions", &form).header("idempotency-key", "cs:1")).await.ok();
    let paid = world.paid().await;
    world.control("clock", json!({"advance_secs": 100})).await.ok();
    let journal = world.look("journal?kind=session_created").await;
    drop(world);
    // A kill tears the last line.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(br#"{"change":"object","acc"#);
    std::fs::write(&path, bytes).unwrap();

    let world = World::with(|config| config.state = Some(path.clone())).await;
    assert_eq!(world.look("journal?kind=session_created").await, journal);
    assert_eq!(world.look("clock").await["offset_secs"], 100);
    let read = world.get(&format!("/v1/checkout/sessions/{}", id(&paid))).await.ok();
    assert_eq!(read, paid);
    let again = send(world.form("/v1/checkout/sessions", &form).header("idempotency-key", "cs:1")).await;
    assert!(again.replayed);
    assert_eq!(again.ok()["id"], session["id"]);
    world.control("clock", json!({"advance_secs": 1900})).await.ok();
    world.pay(&session, "4242424242424242").await.refused(400, "expired");
    world.control("reset", json!({})).await.ok();
    drop(world);

    let world = World::with(|config| config.state = Some(path.clone())).await;
    assert!(world.look("sessions").await["data"].as_array().unwrap().is_empty());
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_webhook_that_was_not_delivered_is_sent_after_the_restart() {
    let path = file("webhooks");
    let world = World::with(|config| config.state = Some(path.clone())).await;
    world.chaos(json!({"fault": "webhook_delay", "ms": 1000})).await;
    let paid = world.paid().await;
    assert_eq!(world.look("deliveries").await["pending"], 3);
    drop(world);
    let world = World::with(|config| config.state = Some(path.clone())).await;
    let event = world.event("checkout.session.completed").await;
    assert_eq!(event.event["data"]["object"]["id"], paid["id"]);
    std::fs::remove_file(&path).unwrap();
}
