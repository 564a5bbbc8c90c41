//! One key, one effect, one answer.

use serde_json::json;

use crate::support::{Options, Platform, list, shop::items, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_gets_the_same_answer_and_has_no_effect() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let (venue, order) = (
        json!({ "name": "Hall", "time_zone": "Europe/Berlin" }),
        event.manual(json!({ "items": items(&[0, 1]) })),
    );
    for (path, body, count) in
        [("/v1/venues", venue, "venues WHERE name = 'Hall'"), ("/v1/orders", order, "orders")]
    {
        let keyed = tenant.api.with_key("once");
        // Another path with the same key is another request.
        let keyed = if path == "/v1/orders" { tenant.api.with_key("once-order") } else { keyed };
        let first = keyed.post(path, body.clone()).await.created();
        for _ in 0..3 {
            assert_eq!(keyed.post(path, body.clone()).await.created(), first);
        }
        assert_eq!(platform.number(&format!("SELECT count(*) FROM {count}")).await, 1);
        let mut other = body.clone();
        other["nothing"] = json!(1);
        keyed.post(path, other).await.refused(422, "idempotency_conflict");
        keyed.post(&format!("{path}?x=1"), body).await.refused(422, "idempotency_conflict");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_and_a_checkout_are_repeated_too() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let page = tenant.page.with_key("key-of-the-one-hold");
    let body = json!({ "items": items(&[0, 1]) });
    let hold = page.post(&event.path("/holds"), body.clone()).await.created();
    let again = page.post(&event.path("/holds"), body).await.created();
    assert_eq!((&hold["id"], &hold["expires_at"]), (&again["id"], &again["expires_at"]));
    page.post(&event.path("/holds"), json!({ "items": items(&[3]) }))
        .await
        .refused(422, "idempotency_conflict");

    let keyed = tenant.page.with_key("key-of-the-one-order");
    let order = keyed.post("/v1/orders", event.order_of(&hold)).await.created();
    let again = keyed.post("/v1/orders", event.order_of(&hold)).await.created();
    assert_eq!((&order["id"], text(&order, "checkout_url")), (&again["id"], text(&again, "checkout_url")));
    let sessions = platform.sandbox.control.get("/_sandbox/sessions").await.ok();
    assert_eq!(list(&sessions, "data").len(), 1, "one session at the provider");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_works_and_the_others_wait_or_are_told_so() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let keyed = tenant.api.with_key("at-once");
    let body = event.manual(json!({ "best_available": { "quantity": 2 } }));
    let answers =
        futures_util::future::join_all((0..12).map(|_| keyed.post("/v1/orders", body.clone()))).await;
    let mut orders = std::collections::BTreeSet::new();
    for answer in answers {
        match answer.status {
            201 => drop(orders.insert(text(&answer.created(), "id").to_owned())),
            _ => {
                assert!(!answer.header("retry-after").is_empty(), "{answer}");
                answer.refused(409, "idempotency_in_flight");
            }
        }
    }
    assert_eq!(orders.len(), 1);
    assert_eq!(platform.number("SELECT count(*) FROM orders").await, 1);
    assert_eq!(platform.number("SELECT count(*) FROM tickets").await, 2);
    // Later, everybody gets the answer.
    assert!(orders.contains(text(&keyed.post("/v1/orders", body).await.created(), "id")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_told_at_once() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let body = json!({ "name": "Slow", "time_zone": "Europe/Berlin" });
    // The first request waits for a lock on its way; the second one must not wait for the first.
    let url = platform.database.admin_url.clone();
    use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
    let mut blocker = AsyncPgConnection::establish(&url).await.unwrap();
    blocker.batch_execute("BEGIN; LOCK TABLE venues IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let keyed = tenant.api.with_key("slow");
    let first = tokio::spawn({
        let (keyed, body) = (keyed.clone(), body.clone());
        async move { keyed.post("/v1/venues", body).await }
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    crate::support::wait_until("the first request to wait", async || platform.number(waiting).await > 0)
        .await;
    let began = std::time::Instant::now();
    keyed.post("/v1/venues", body.clone()).await.refused(409, "idempotency_in_flight");
    assert!(began.elapsed().as_millis() < 1_500, "waited {:?}", began.elapsed());
    blocker.batch_execute("COMMIT").await.unwrap();
    let made = first.await.unwrap().created();
    assert_eq!(keyed.post("/v1/venues", body).await.created(), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_may_be_tried_again_with_the_same_key() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let taken = event.hold(&[0]).await.created();
    let keyed = tenant.api.with_key("again");
    let body = event.manual(json!({ "items": items(&[0]) }));
    keyed.post("/v1/orders", body.clone()).await.refused(409, "seats_taken");
    let buyer = tenant.page.with_token(text(&taken, "token"));
    buyer.delete(&format!("/v1/holds/{}", text(&taken, "id"))).await.done();
    keyed.post("/v1/orders", body).await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_two_callers_never_meet_and_secrets_are_sealed() {
    let platform = Platform::with(Options { worker: false, ..Options::default() }).await;
    let (a, b) = (platform.tenant().await, platform.tenant().await);
    let body = json!({ "name": "Hall", "time_zone": "Europe/Berlin" });
    let first = a.api.with_key("same").post("/v1/venues", body.clone()).await.created();
    let second = b.api.with_key("same").post("/v1/venues", body.clone()).await.created();
    let third = a.key(&["venues:write"]).await.with_key("same").post("/v1/venues", body).await.created();
    assert!(first["id"] != second["id"] && first["id"] != third["id"] && second["id"] != third["id"]);

    let new = json!({ "kind": "secret", "name": "Sealed", "scopes": ["events:read"] });
    let made = a.api.with_key("sealed").post("/v1/api-keys", new.clone()).await.created();
    assert_eq!(a.api.with_key("sealed").post("/v1/api-keys", new).await.created(), made);
    let stored = json!(platform.rows("SELECT response FROM idempotency_keys").await).to_string();
    let token = text(&made, "token");
    assert!(
        !stored.contains(token) && !stored.contains(&token[token.len() - 20..]),
        "a token lies in the clear"
    );
}

/// All visitors of a page share its key, and a repetition is answered with the token of the first: nobody may guess one.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_visitors_of_a_page_send_is_too_long_to_be_guessed() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let hold = json!({ "items": items(&[0]) });
    for short in ["1", "hold", "fifteen-letters"] {
        let refused = tenant.page.with_key(short).post(&event.path("/holds"), hold.clone()).await;
        let problem = refused.refused(400, "invalid_header");
        assert_eq!(problem["param"], "Idempotency-Key");
        assert!(text(&problem, "detail").contains("16"), "{problem}");
    }
    tenant.page.with_key("sixteen-letters-").post(&event.path("/holds"), hold).await.created();
    // A server and a buyer's token have keys of their own.
    let made =
        tenant.api.with_key("1").post(&event.path("/holds"), json!({ "items": items(&[1]) })).await.created();
    let buyer = tenant.page.with_token(text(&made, "token"));
    buyer.with_key("1").act(&format!("/v1/holds/{}/extend", text(&made, "id"))).await.ok();
}
