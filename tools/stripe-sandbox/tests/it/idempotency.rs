use serde_json::json;

use crate::world::{ACCOUNT, World, id, send, session_form};

#[tokio::test]
async fn the_same_key_gives_the_same_answer_once() {
    let world = World::new().await;
    let now = world.look("clock").await["now"].as_i64().unwrap();
    let form = session_form(now + 1900);
    let create =
        |form: &str| send(world.form("/v1/checkout/sessions", form).header("idempotency-key", "cs:1:1"));
    let first = create(&form).await;
    assert!(!first.replayed);
    let first = first.ok();
    // The order of the fields does not matter.
    let mut fields: Vec<_> = form.split('&').collect();
    fields.reverse();
    let second = create(&fields.join("&")).await;
    assert!(second.replayed);
    assert_eq!(second.ok(), first);
    let other = create(&form.replace("2000", "2001")).await.refused(400, "same parameters");
    assert_eq!(other["type"], "idempotency_error");
    let sessions = world.look("sessions").await;
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1);
    // A key belongs to its account, and lives for a day.
    let elsewhere = world.form("/v1/checkout/sessions", &form);
    let elsewhere = elsewhere.header("idempotency-key", "cs:1:1").header("stripe-account", ACCOUNT);
    assert_ne!(id(&send(elsewhere).await.ok()), id(&first));
    world.control("clock", json!({"advance_secs": 24 * 3600})).await.ok();
    let later = create(&session_form(now + 24 * 3600 + 1900)).await;
    assert!(!later.replayed && later.status == 200);
}

#[tokio::test]
async fn a_key_in_use_is_a_conflict() {
    let world = World::new().await;
    let session = world.paid().await;
    let form = format!("payment_intent={}", session["payment_intent"].as_str().unwrap());
    world.chaos(json!({"fault": "api_latency", "ms": 300, "match": "POST /v1/refunds"})).await;
    let refund = || send(world.form("/v1/refunds", &form).header("idempotency-key", "rf:1"));
    let (one, two) = tokio::join!(refund(), refund());
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert!(refund().await.replayed);
}

#[tokio::test]
async fn a_500_after_the_effect_is_repeated() {
    let world = World::new().await;
    let session = world.paid().await;
    let intent = session["payment_intent"].as_str().unwrap();
    let form = format!("payment_intent={intent}");
    world.chaos(json!({"fault": "api_error_after_effect", "match": "POST /v1/refunds", "next": 1})).await;
    let refund = || send(world.form("/v1/refunds", &form).header("idempotency-key", "rf:1"));
    assert_eq!(refund().await.status, 500);
    let again = refund().await;
    assert!(again.status == 500 && again.replayed);
    // Reading back reveals it.
    let list = world.get(&format!("/v1/refunds?payment_intent={intent}")).await.ok();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_never_began_is_not_remembered() {
    let world = World::new().await;
    let session = world.paid().await;
    let form = format!("payment_intent={}", session["payment_intent"].as_str().unwrap());
    let refund = |form: String| send(world.form("/v1/refunds", &form).header("idempotency-key", "rf:1"));
    refund(format!("{form}&amount=many")).await.refused(400, "Invalid integer");
    for fault in ["api_unavailable", "api_rate_limited", "api_locked"] {
        world.chaos(json!({"fault": fault, "next": 1})).await;
        assert!(matches!(refund(form.clone()).await.status, 503 | 429 | 409), "{fault}");
    }
    let refunded = refund(form.clone()).await;
    assert!(!refunded.replayed);
    refunded.ok();
    // A refusal by the state was executed, so it is.
    let over = || send(world.form("/v1/refunds", &form).header("idempotency-key", "rf:2"));
    over().await.refused(400, "already been refunded");
    assert!(over().await.replayed);
    let long = world.form("/v1/refunds", &form).header("idempotency-key", "k".repeat(256));
    send(long).await.refused(400, "255");
}
