//! From a seat map to an event on sale, and what the organizer changes then.

use serde_json::{Value, json};

use crate::support::{
    Platform, list,
    shop::{AREA, in_secs, items, seat_map},
    text,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_map_is_validated_published_and_never_changes() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let venue = tenant.venue().await;
    let maps = format!("/v1/venues/{venue}/seat-maps");
    let mut broken = seat_map(10, 0);
    broken["sections"][0]["rows"][0]["category"] = json!("nowhere");
    let map = tenant.api.post(&maps, json!({ "name": "Hall", "document": broken })).await.created();
    assert!(list(&map, "findings").iter().any(|finding| finding["severity"] == "error"), "{map}");
    let path = format!("/v1/seat-maps/{}", text(&map, "id"));
    let verdict = tenant.api.act(&format!("{path}/validate")).await.ok();
    assert_eq!(verdict["publishable"], false, "{verdict}");
    tenant.api.act(&format!("{path}/publish")).await.refused(422, "seat_map_invalid");

    // Mended, by somebody who saw the draft; somebody who did not is told so.
    let mended = json!({ "document": seat_map(10, 0), "draft_revision": map["draft_revision"] });
    let draft = tenant.api.patch(&path, mended.clone()).await.ok();
    tenant.api.patch(&path, mended).await.refused(409, "conflict");
    assert_eq!(tenant.api.act(&format!("{path}/validate")).await.ok()["publishable"], true);
    let published = tenant.api.act(&format!("{path}/publish")).await.ok();
    assert_eq!((&published["published_version"], &published["seat_count"]), (&json!(1), &json!(10)));
    assert_eq!(
        tenant.api.act(&format!("{path}/publish")).await.ok()["published_version"],
        1,
        "nothing to publish"
    );

    let next = json!({ "document": seat_map(12, 0), "draft_revision": draft["draft_revision"] });
    tenant.api.patch(&path, next).await.ok();
    assert_eq!(tenant.api.act(&format!("{path}/publish")).await.ok()["published_version"], 2);
    let count =
        async |version: &str| tenant.api.get(&format!("{path}{version}")).await.ok()["seat_count"].clone();
    assert_eq!(
        (count("?version=1").await, count("?version=2").await, count("").await),
        (json!(10), json!(12), json!(12))
    );
    tenant.api.get(&format!("{path}?version=3")).await.refused(404, "not_found");
    // What we show can be sent back.
    let shown = tenant.api.get(&format!("{path}?version=1")).await.ok();
    let copy =
        tenant.api.post(&maps, json!({ "name": "Copy", "document": shown["document"] })).await.created();
    assert_eq!(copy["document"], shown["document"]);

    let unknown =
        json!({ "name": "Hall", "document": { "format": "eventflow.seat-map/1", "name": "x", "seets": [] } });
    let refused = tenant.api.post(&maps, unknown).await;
    refused.check_problem();
    assert!([400, 422].contains(&refused.status), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_published_when_it_is_ready() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let venue = tenant.venue().await;
    let draft = tenant
        .api
        .post(
            &format!("/v1/venues/{venue}/seat-maps"),
            json!({ "name": "Hall", "document": seat_map(6, 20) }),
        )
        .await
        .created();
    let map = text(&draft, "id");
    let new = |terms: Value| {
        let mut event = json!({ "seat_map_id": map, "name": "Mahler 2", "starts_at": in_secs(86_400), "ends_at": in_secs(90_000) });
        for (name, value) in terms.as_object().unwrap() {
            event[name] = value.clone();
        }
        event
    };
    for (terms, param) in [
        (json!({ "ends_at": in_secs(3_600) }), "ends_at"),
        (json!({ "sale_starts_at": in_secs(9_000), "sale_ends_at": in_secs(8_000) }), "sale_ends_at"),
        (json!({ "hold_ttl_secs": 600, "hold_cap_secs": 300 }), "hold_cap_secs"),
        (json!({ "currency": "XXQ" }), "currency"),
        (json!({ "time_zone": "Mars/Base" }), "time_zone"),
    ] {
        let problem = tenant.api.post("/v1/events", new(terms)).await.refused(400, "invalid_request");
        assert_eq!(problem["param"], param, "{problem}");
    }
    let event = tenant.api.post("/v1/events", new(json!({}))).await.created();
    let path = format!("/v1/events/{}", text(&event, "id"));
    assert_eq!(
        (&event["state"], &event["currency"], &event["time_zone"]),
        (&json!("draft"), &json!("EUR"), &json!("Europe/Berlin"))
    );
    // Nobody outside sees a draft.
    tenant.page.get(&path).await.refused(404, "not_found");
    assert_eq!(tenant.page.get("/v1/events").await.ok()["data"], json!([]));

    let publish = async || tenant.api.post(&format!("{path}/publish"), json!({})).await;
    publish().await.refused(409, "event_not_ready");
    tenant.api.act(&format!("/v1/seat-maps/{map}/publish")).await.ok();
    publish().await.refused(409, "event_not_ready");
    let tiers = format!("{path}/price-tiers");
    let tier = json!({ "name": "Seat", "category": "a", "price_minor": 1000 });
    tenant.api.post(&tiers, tier.clone()).await.created();
    publish().await.refused(409, "event_not_ready");
    tenant.api.post(&tiers, tier).await.refused(409, "already_exists");
    for bad in [
        json!({ "name": "X", "category": "nowhere", "price_minor": 1 }),
        json!({ "name": "X", "ga_area": "nowhere", "price_minor": 1 }),
        json!({ "name": "X", "price_minor": 1 }),
        json!({ "name": "X", "category": "a", "ga_area": AREA, "price_minor": 1 }),
        json!({ "name": "X", "category": "a", "price_minor": -1 }),
        json!({ "name": "X", "category": "a", "price_minor": 1, "tax_rate_bps": 10_001 }),
    ] {
        tenant.api.post(&tiers, bad).await.refused(400, "invalid_request");
    }
    let standing = json!({ "name": "Standing", "ga_area": AREA, "price_minor": 500, "active": false });
    let standing = tenant.api.post(&tiers, standing).await.created();
    publish().await.refused(409, "event_not_ready");
    tenant
        .api
        .patch(&format!("/v1/price-tiers/{}", text(&standing, "id")), json!({ "active": true }))
        .await
        .ok();
    let published = publish().await.ok();
    assert_eq!((&published["state"], &published["seat_map_version"]), (&json!("published"), &json!(1)));
    publish().await.refused(409, "conflict");
    tenant.page.get(&path).await.ok();
    for fixed in [json!({ "currency": "USD" }), json!({ "seat_map_id": map })] {
        tenant.api.patch(&path, fixed).await.refused(409, "conflict");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_seats_are_not_sold_and_re_tiered_ones_cost_otherwise() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let mut event = tenant.draft_event(10, 10, json!({})).await;
    event.add_tier(json!({ "name": "Premium", "category": "b", "price_minor": 9_900 })).await;
    event.publish().await.ok();
    let seats = event.path("/seats");
    assert_eq!(event.availability().await["free"], 10);

    let block = json!({ "action": "block", "seats": [0, 1], "labels": ["P-1-3"], "reason": "Camera" });
    assert_eq!(tenant.api.patch(&seats, block.clone()).await.ok()["changed"], 3);
    assert_eq!(tenant.api.patch(&seats, block).await.ok()["changed"], 0, "they are blocked already");
    let now = event.availability_until("the blocked seats", |a| a["blocked"] == 3).await;
    assert_eq!((&now["free"], &now["blocked_seats"]), (&json!(7), &json!([0, 1, 2])));
    let lost = event.hold(&[1, 5]).await.refused(409, "seats_taken");
    assert_eq!(lost["objects"], json!(["P-1-2"]));
    event.order_manual(&[0]).await.refused(409, "seats_taken");

    tenant.api.patch(&seats, json!({ "action": "unblock", "seats": [1] })).await.ok();
    event.availability_until("the unblocked seat", |a| a["blocked"] == 2).await;
    event.hold(&[1]).await.created();

    let re_tier = json!({ "action": "re_tier", "seats": [9], "category": "b" });
    tenant.api.patch(&seats, re_tier).await.ok();
    let hold = crate::support::wait_for("the new price", async || {
        let hold = event.hold(&[9]).await.created();
        tenant
            .page
            .with_token(text(&hold, "token"))
            .delete(&format!("/v1/holds/{}", text(&hold, "id")))
            .await
            .done();
        (hold["items"][0]["tier_name"] == "Premium").then_some(hold)
    })
    .await;
    assert_eq!(hold["totals"]["total_minor"], 9_900 + 150);

    // What is sold stays as it was sold.
    event.order_manual(&[5]).await.created();
    let sold = json!({ "action": "block", "seats": [4, 5] });
    assert_eq!(tenant.api.patch(&seats, sold).await.refused(409, "seats_taken")["objects"], json!(["P-2-1"]));
    tenant.api.patch(&seats, json!({ "action": "block", "seats": [99] })).await.refused(422, "unknown_seat");
    tenant
        .api
        .patch(&seats, json!({ "action": "re_tier", "seats": [3] }))
        .await
        .refused(400, "invalid_request");
    tenant
        .api
        .patch(&seats, json!({ "action": "re_tier", "seats": [3], "category": "z" }))
        .await
        .refused(400, "invalid_request");
    tenant.api.patch(&seats, json!({ "action": "block" })).await.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn availability_is_told_in_two_bits_a_seat_and_only_when_it_changed() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(9).await;
    event.hold(&[1]).await.created();
    event.order_manual(&[2]).await.created();
    tenant.api.patch(&event.path("/seats"), json!({ "action": "block", "seats": [8] })).await.ok();
    event
        .availability_until("one of each", |a| {
            (&a["held"], &a["sold"], &a["blocked"]) == (&json!(1), &json!(1), &json!(1))
        })
        .await;

    let snapshot = tenant.page.get(&event.path("/availability.bin")).await.status(200);
    assert_eq!(snapshot.header("content-type"), "application/vnd.eventflow.availability");
    assert_eq!((&snapshot.bytes[..4], &snapshot.bytes[4..8]), (&b"EFA1"[..], &9u32.to_be_bytes()[..]));
    let status = |seat: usize| (snapshot.bytes[18 + seat / 4] >> (2 * (seat % 4))) & 3;
    assert_eq!((0..9).map(status).collect::<Vec<_>>(), [0, 1, 2, 0, 0, 0, 0, 0, 3]);
    for path in ["/availability", "/availability.bin"] {
        let answer = tenant.page.get(&event.path(path)).await.status(200);
        let etag = answer.header("etag").to_owned();
        let same = tenant.page.with_header("if-none-match", &etag).get(&event.path(path)).await.status(304);
        assert!(same.bytes.is_empty() && same.header("etag") == etag);
    }
    let etag = tenant.page.get(&event.path("/availability")).await.header("etag").to_owned();
    event.hold(&[5]).await.created();
    crate::support::wait_until("a new snapshot", async || {
        tenant.page.with_header("if-none-match", &etag).get(&event.path("/availability")).await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_before_and_after_the_sale_and_of_a_cancelled_event() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let later = tenant.event(4, 0, json!({ "sale_starts_at": in_secs(3_600) })).await;
    later.hold(&[0]).await.refused(409, "not_on_sale");
    let draft = tenant.draft_event(4, 0, json!({})).await;
    tenant.api.post(&draft.path("/holds"), json!({ "items": items(&[0]) })).await.refused(409, "not_on_sale");
    draft.api.post(&draft.path("/cancel"), json!({ "reason": "no" })).await.refused(409, "conflict");

    let event = tenant.seated_event(4).await;
    let (hold, order) = (event.hold(&[0]).await.created(), event.order_manual(&[1]).await.created());
    tenant.api.post(&event.path("/cancel"), json!({ "reason": "The conductor is ill" })).await.ok();
    event.hold(&[2]).await.refused(409, "not_on_sale");
    event.order_stripe(&hold).await.refused(409, "not_on_sale");
    event.order_manual(&[3]).await.refused(409, "not_on_sale");
    assert_eq!(tenant.order(&order["id"]).await["state"], "paid", "orders stay as they are");
    tenant.api.patch(&event.path(""), json!({ "name": "Cancelled: Mahler" })).await.ok();
    tenant.api.patch(&event.path(""), json!({ "max_per_hold": 2 })).await.refused(409, "conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_tier_that_was_sold_is_switched_off_not_deleted() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let mut event = tenant.draft_event(4, 0, json!({})).await;
    let reduced = event.add_tier(json!({ "name": "Reduced", "category": "a", "price_minor": 1_000 })).await;
    event.publish().await.ok();
    let item = json!([{ "seat": 0, "price_tier_id": reduced }]);
    let order = tenant.api.post("/v1/orders", event.manual(json!({ "items": item }))).await.created();
    assert_eq!(order["totals"]["total_minor"], 1_150);
    let path = format!("/v1/price-tiers/{reduced}");
    tenant.api.delete(&path).await.refused(409, "conflict");
    tenant.api.patch(&path, json!({ "active": false })).await.ok();
    assert_eq!(list(&tenant.page.get(&event.path("/price-tiers")).await.ok(), "data").len(), 1);
    assert_eq!(list(&tenant.api.get(&event.path("/price-tiers")).await.ok(), "data").len(), 2);
    let spare = event.add_tier(json!({ "name": "Spare", "category": "a" })).await;
    tenant.api.delete(&format!("/v1/price-tiers/{spare}")).await.done();
    tenant.api.delete(&format!("/v1/price-tiers/{spare}")).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seats_of_an_event_come_in_pages() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(25).await;
    let (mut seen, mut cursor) = (vec![], String::new());
    loop {
        let page = tenant.page.get(&event.path(&format!("/seats?limit=10{cursor}"))).await.ok();
        seen.extend(list(&page, "data").iter().map(|seat| seat["seat"].as_u64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, (0..25).collect::<Vec<_>>());
    let section = tenant.page.get(&event.path("/seats?section=P&limit=1000")).await.ok();
    assert_eq!(list(&section, "data").len(), 25);
    assert_eq!(list(&section, "data")[13]["label"], "P-2-1");
}
