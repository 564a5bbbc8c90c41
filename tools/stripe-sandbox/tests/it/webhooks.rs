use std::sync::atomic::Ordering;

use chrono::Utc;
use eventflow_payments::parse_event;
use eventflow_payments::signature::{SignatureError, Verified, verify};
use secrecy::SecretString;
use serde_json::json;

use crate::world::{ACCOUNT, CONNECT_SECRET, Received, SECRET, World, id, kinds, send, session_form};

fn check(received: &Received) -> Result<Verified, SignatureError> {
    let secrets = [SecretString::from(SECRET), SecretString::from(CONNECT_SECRET)];
    verify(&received.signature, &received.body, &secrets, Utc::now().timestamp())
}

#[tokio::test]
async fn a_payment_is_announced_and_signed() {
    let world = World::new().await;
    let session = world.paid().await;
    let received = world.received(|all| all.len() == 3).await;
    let mut types = kinds(&received);
    types.sort_unstable();
    assert_eq!(types, ["charge.succeeded", "checkout.session.completed", "payment_intent.succeeded"]);
    for one in &received {
        assert_eq!(check(one).unwrap().secret, 0);
    }
    let completed = world.event("checkout.session.completed").await;
    let event = parse_event(&completed.body).unwrap();
    assert_eq!(event.object_id.as_deref(), Some(id(&session)));
    assert_eq!(event.payment_intent(), session["payment_intent"].as_str());
    assert!(!event.livemode && event.account.is_none());
}

#[tokio::test]
async fn connected_accounts_have_their_own_secret() {
    let world = World::new().await;
    let now = world.look("clock").await["now"].as_i64().unwrap();
    let create =
        world.form("/v1/checkout/sessions", &session_form(now + 1900)).header("stripe-account", ACCOUNT);
    let session = send(create).await.ok();
    world.pay(&session, "4242424242424242").await.ok();
    let completed = world.event("checkout.session.completed").await;
    assert_eq!(check(&completed).unwrap().secret, 1);
    assert_eq!(completed.event["account"], ACCOUNT);
}

#[tokio::test]
async fn a_failing_receiver_is_asked_again() {
    let world = World::new().await;
    world.shop.answer.store(503, Ordering::SeqCst);
    let session = world.paid().await;
    let of_session = |all: &[Received]| {
        all.iter().filter(|one| one.event["data"]["object"]["id"] == session["id"]).count()
    };
    world.received(|all| of_session(all) >= 2).await;
    world.shop.answer.store(200, Ordering::SeqCst);
    let received = world.received(|all| of_session(all) >= 3).await;
    let ids: Vec<_> = received
        .iter()
        .filter(|one| one.event["data"]["object"]["id"] == session["id"])
        .map(|one| id(&one.event))
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    let attempts = world.look(&format!("journal?kind=webhook_attempt&id={}", ids[0])).await;
    assert_eq!(attempts["data"][0]["data"]["status"], 503);
}

#[tokio::test]
async fn an_event_can_be_sent_again() {
    let world = World::new().await;
    world.paid().await;
    let first = world.event("checkout.session.completed").await;
    world.control(&format!("events/{}/redeliver", id(&first.event)), json!({})).await.ok();
    let same = |all: &[Received]| all.iter().filter(|one| one.event["id"] == first.event["id"]).count();
    world.received(|all| same(all) == 2).await;
    world.control("events/evt_none/redeliver", json!({})).await.refused(404, "No such");
}

#[tokio::test]
async fn webhooks_can_move_but_never_leave_the_machine() {
    let world = World::with(|config| config.webhook_url = None).await;
    world.paid().await;
    let secret = "whsec_later";
    world
        .control("webhook", json!({"url": "http://example.org/", "secret": secret}))
        .await
        .refused(400, "loopback");
    world.control("webhook", json!({"url": world.shop.url, "secret": secret})).await.ok();
    world.paid().await;
    let received = world.event("checkout.session.completed").await;
    let secrets = [SecretString::from(secret)];
    assert!(verify(&received.signature, &received.body, &secrets, Utc::now().timestamp()).is_ok());
}
