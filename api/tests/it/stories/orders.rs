//! What an order may be of, who may have it, how long it waits, and how it is given back.

use serde_json::{Value, json};

use crate::support::{
    Event, Platform, Tenant, list,
    shop::{in_secs, items, seat_map},
    text,
};

async fn free_event(tenant: &Tenant, terms: Value) -> Event {
    let mut event = tenant.draft_event_of(seat_map(10, 0), terms).await;
    event.add_tier(json!({ "name": "Seat", "category": "a", "price_minor": 0, "fee_minor": 0 })).await;
    event.publish().await.ok();
    event
}

/// The order of a hold as a buyer with this address.
fn as_buyer(event: &Event, hold: &Value, email: &str) -> Value {
    let mut order = event.order_of(hold);
    order["buyer"]["email"] = json!(email);
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cost_nothing_is_given_back_and_its_places_come_free() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = free_event(&tenant, json!({})).await;
    let hold = event.hold(&[0, 1]).await.created();
    let order = event.order_stripe(&hold).await.created();
    assert_eq!(order["state"], "paid");
    let refunds = format!("/v1/orders/{}/refunds", text(&order, "id"));
    let first = json!({ "item_ids": [order["items"][0]["id"]] });
    let refund = tenant.api.post(&refunds, first).await.created();
    assert_eq!((&refund["state"], &refund["amount_minor"]), (&json!("succeeded"), &json!(0)));
    let now = tenant.order(&order["id"]).await;
    assert_eq!(now["state"], "partially_refunded", "the other ticket is good");
    let states: Vec<&str> = list(&now, "tickets").iter().map(|ticket| text(ticket, "state")).collect();
    assert_eq!(states, ["void", "valid"]);
    tenant.api.post(&refunds, json!({})).await.created();
    assert_eq!(tenant.order(&order["id"]).await["state"], "refunded");
    tenant.api.post(&refunds, json!({})).await.refused(409, "order_state");
    event.availability_until("both seats are free", |a| a["totals"]["free"] == 10 || a["free"] == 10).await;
    event.order_manual(&[0, 1]).await.created();
    platform.check_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_mailbox_has_one_limit_however_it_is_written() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = free_event(&tenant, json!({ "max_per_buyer": 1 })).await;
    let hold = event.hold(&[0]).await.created();
    event.page.post("/v1/orders", as_buyer(&event, &hold, "mallory@bücher.example")).await.created();
    let hold = event.hold(&[1]).await.created();
    for email in ["MALLORY@bücher.example", "mallory@xn--bcher-kva.example", "mallory@bu\u{308}cher.example"]
    {
        let answer = event.page.post("/v1/orders", as_buyer(&event, &hold, email)).await;
        answer.refused(409, "hold_limit");
    }
    for email in ["\"mallory\"@bücher.example", "m\\allory@bücher.example", "mallory@bücher.example."] {
        let answer = event.page.post("/v1/orders", as_buyer(&event, &hold, email)).await;
        answer.refused(400, "invalid_request");
    }
    event.page.post("/v1/orders", as_buyer(&event, &hold, "another@bücher.example")).await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_box_office_does_not_count_against_a_buyer() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(10, 0, json!({ "max_per_buyer": 2 })).await;
    event.order_manual(&[0, 1]).await.created();
    let hold = event.hold(&[2, 3]).await.created();
    event.order_stripe(&hold).await.created();
    let hold = event.hold(&[4]).await.created();
    event.order_stripe(&hold).await.refused(409, "hold_limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_pays_in_another_mode_than_the_tenants() {
    let platform = Platform::start().await;
    let new = json!({
        "name": "Opera", "currency": "EUR", "time_zone": "Europe/Berlin", "livemode": true,
        "owner": { "email": "owner@opera.example", "name": "Ada Lovelace" }, "origins": ["https://opera.example"],
    });
    let founded = platform.bootstrap().post("/v1/tenants", new).await.created();
    let api = platform.anybody().with_token(text(&founded, "secret_key"));
    let page = api.with_token(text(&founded, "publishable_key"));
    let tenant = Tenant { id: text(&founded["tenant"], "id").to_owned(), api, page };
    let event = tenant.seated_event(10).await;
    let hold = event.hold(&[0]).await.created();
    let problem = event.order_stripe(&hold).await.refused(502, "payment_unavailable");
    assert!(text(&problem, "detail").contains("live"), "{problem}");
    event.order_manual(&[1]).await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_waits_for_days_and_not_beyond_its_event() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let mut invoice = event.manual(json!({ "items": items(&[0]) }));
    invoice["manual_method"] = json!("invoice");
    let order = tenant.api.post("/v1/orders", invoice).await.created();
    assert_eq!(order["state"], "pending");
    let until: chrono::DateTime<chrono::Utc> = text(&order, "pay_until").parse().unwrap();
    let left = until - chrono::Utc::now();
    assert!(left.num_days() == 6, "until the event, in seven days: {left}");

    // Once the event is cancelled, nobody takes the money for it.
    tenant.api.post(&event.path("/cancel"), json!({ "reason": "The soloist is ill." })).await.ok();
    let pay = format!("/v1/orders/{}/pay", text(&order, "id"));
    tenant.api.act(&pay).await.refused(409, "order_state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_not_extended_beyond_the_sale() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let hold = event.hold(&[0]).await.created();
    let extend = format!("/v1/holds/{}/extend", text(&hold, "id"));
    let buyer = event.page.with_token(text(&hold, "token"));
    buyer.act(&extend).await.ok();
    tenant
        .api
        .patch(&event.path(""), json!({ "sale_starts_at": in_secs(-60), "sale_ends_at": in_secs(-1) }))
        .await
        .ok();
    buyer.act(&extend).await.refused(409, "not_on_sale");
    // What was begun in time may be finished.
    event.order_stripe(&hold).await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_does_not_lead_to_the_shop_of_somebody_else() {
    let platform = Platform::start().await;
    let (tenant, other) = (platform.tenant().await, platform.tenant().await);
    let (event, foreign) = (tenant.seated_event(10).await, other.seated_event(10).await);
    let hold = event.hold(&[0]).await.created();
    let mut order = event.order_of(&hold);
    order["success_url"] = json!(format!("{}/e/{}?key=ef_pk_x", platform.app.origin, foreign.id));
    event.page.post("/v1/orders", order.clone()).await.refused(422, "return_url_denied");
    order["success_url"] = json!(format!("{}/e/{}?paid=1", platform.app.origin, event.id));
    event.page.post("/v1/orders", order).await.created();
}
