//! Several servers on the same databases, and a server that comes back.

use serde_json::json;

use crate::support::{Options, Platform, items, list, text, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_sell_one_hall() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(6).await;
    // It has no worker: what it knows of the others comes through Redis and Postgres.
    let other = platform.another_server(Options { worker: false, ..Options::default() }).await;
    let page = other.with_token(&tenant.page.token);
    let hold = async |seats: &[u32]| page.post(&event.path("/holds"), json!({ "items": items(seats) })).await;

    event.hold(&[0]).await.created();
    hold(&[0, 1]).await.refused(409, "seats_taken");
    let theirs = hold(&[1]).await.created();
    event.hold(&[1]).await.refused(409, "seats_taken");
    // A hold of one server is ordered at the other one.
    let order = event.order_stripe(&theirs).await.created();
    platform.sandbox.pay(&order).await;
    tenant.order_in_state(&order["id"], "paid").await;
    wait_until("the other server to see the sale", async || {
        page.get(&event.path("/availability")).await.ok()["sold_seats"] == json!([1])
    })
    .await;

    // What is changed at one server is seen at the other one.
    let block = json!({ "action": "block", "seats": [2] });
    tenant.api.patch(&event.path("/seats"), block).await.ok();
    wait_until("the other server to see the block", async || {
        page.get(&event.path("/availability")).await.ok()["blocked_seats"] == json!([2])
    })
    .await;
    let tier = format!("/v1/price-tiers/{}", event.tiers[0]);
    tenant.api.patch(&tier, json!({ "price_minor": 1_000 })).await.ok();
    wait_until("the new price", async || {
        let held = hold(&[3]).await.created();
        page.with_token(text(&held, "token"))
            .delete(&format!("/v1/holds/{}", text(&held, "id")))
            .await
            .done();
        held["totals"]["total_minor"] == 1_150
    })
    .await;
    tenant.api.post(&event.path("/cancel"), json!({ "reason": "The conductor is ill" })).await.ok();
    wait_until("the end of the sale", async || hold(&[5]).await.body["code"] == "not_on_sale").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_ends_at_every_server() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let other = platform.another_server(Options { worker: false, ..Options::default() }).await;
    let clerk = tenant.key(&["venues:read"]).await;
    let there = other.with_token(&clerk.token);
    there.get("/v1/venues").await.ok();
    let keys = tenant.api.get("/v1/api-keys").await.ok();
    let key = list(&keys, "data").iter().find(|key| key["name"] == "Limited").unwrap();
    tenant.api.delete(&format!("/v1/api-keys/{}", text(key, "id"))).await.done();
    clerk.get("/v1/venues").await.refused(401, "unauthenticated");
    wait_until("the other server to notice", async || there.get("/v1/venues").await.status == 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_again_knows_everything() {
    let mut platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(6).await;
    let (hold, waiting) = (event.hold(&[0]).await.created(), event.hold(&[1]).await.created());
    let pending = event.order_stripe(&waiting).await.created();
    platform.stop().await;
    // Paid while nobody listens: the webhook is lost or late.
    platform.sandbox.pay(&pending).await;
    platform.start_again(Options::default()).await;

    let at = |client: &crate::support::Client| crate::support::Client::new(&platform.url, &client.token);
    let (api, page) = (at(&tenant.api), at(&tenant.page));
    let order = format!("/v1/orders/{}", text(&pending, "id"));
    let buyer = page.with_token(text(&pending, "buyer_token"));
    buyer.act(&format!("{order}/refresh")).await.ok();
    wait_until("the order to be paid", async || api.get(&order).await.ok()["state"] == "paid").await;
    // Tokens and holds of before are good.
    let path = format!("/v1/holds/{}", text(&hold, "id"));
    assert_eq!(page.with_token(text(&hold, "token")).get(&path).await.ok()["status"], "active");
    page.post("/v1/orders", event.order_of(&hold)).await.created();
    let taken = json!({ "items": items(&[0]) });
    page.post(&event.path("/holds"), taken).await.refused(409, "seats_taken");
}
