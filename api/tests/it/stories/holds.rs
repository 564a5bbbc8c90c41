//! A cart: placed, extended, released, limited, expired.

use serde_json::{Value, json};

use crate::support::{
    Options, Platform, list,
    shop::{AREA, PLACE_MINOR, items},
    text, uuid_of, wait_until,
};

fn moment(value: &Value) -> chrono::DateTime<chrono::Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_placed_extended_and_released_by_its_buyer() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(10, 5, json!({ "hold_ttl_secs": 60, "hold_cap_secs": 3_600 })).await;
    let wanted =
        json!({ "items": [{ "seat": 0 }, { "label": "P-1-2" }, { "ga_area": AREA, "quantity": 2 }] });
    let hold = tenant.page.post(&event.path("/holds"), wanted).await.created();
    assert_eq!(hold["totals"]["total_minor"], 4 * PLACE_MINOR);
    let totals = &hold["totals"];
    let sum: i64 =
        ["price_minor", "fee_minor", "tax_minor"].iter().map(|part| totals[part].as_i64().unwrap()).sum();
    assert_eq!(sum, 4 * PLACE_MINOR);
    let life = moment(&hold["expires_at"]) - moment(&hold["server_time"]);
    assert!((50..=60).contains(&life.num_seconds()), "{hold}");
    let lost = event.hold(&[0, 1, 2]).await.refused(409, "seats_taken");
    assert_eq!(lost["objects"], json!(["P-1-1", "P-1-2"]), "every lost seat is named");
    let left = event.availability_until("the hold", |a| a["held"] == 2).await;
    assert_eq!(left["ga_areas"][0]["left"], 3);

    let path = format!("/v1/holds/{}", text(&hold, "id"));
    let buyer = tenant.page.with_token(text(&hold, "token"));
    assert_eq!(buyer.get(&path).await.ok()["items"], hold["items"]);
    assert_eq!(tenant.api.get(&format!("{path}?event_id={}", event.id)).await.ok()["id"], hold["id"]);
    let extended = buyer.act(&format!("{path}/extend")).await.ok();
    assert!(
        moment(&extended["expires_at"]) >= moment(&hold["expires_at"]) && extended["extensions"] == 1,
        "{extended}"
    );
    buyer.delete(&path).await.done();
    buyer.get(&path).await.refused(404, "not_found");
    // The buyer's token says that there was one; a server that names a hold by chance is told less.
    buyer.act(&format!("{path}/extend")).await.refused(409, "hold_expired");
    let by_server = format!("{path}/extend?event_id={}", text(&hold, "event_id"));
    tenant.api.act(&by_server).await.refused(404, "not_found");
    event.availability_until("the release", |a| a["held"] == 0 && a["ga_areas"][0]["left"] == 5).await;
    event.hold(&[0, 1]).await.created();
}

/// A server of a newer version says what it has done in words that this one does not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_understands_is_read_from_postgres() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    event.hold(&[0]).await.created();
    let (of, id) = (uuid_of(&tenant.id), uuid_of(&event.id));
    let blocked = format!(
        "INSERT INTO seat_blocks (tenant_id, event_id, seat_index, reason) VALUES ('{of}', '{id}', 5, 'camera'); \
         INSERT INTO outbox (tenant_id, event_id, kind, payload) VALUES ('{of}', '{id}', 'seats.changed', '{{\"rows\": [1]}}')"
    );
    platform.sql(&blocked).await;
    platform.mirrored().await;
    event.hold(&[5]).await.refused(409, "seats_taken");
    event.availability_until("the block", |a| a["blocked"] == 1).await;
    event.hold(&[6]).await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyers_token_opens_its_own_hold_only() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let (mine, theirs) = (event.hold(&[0]).await.created(), event.hold(&[1]).await.created());
    let me = tenant.page.with_token(text(&mine, "token"));
    let path = format!("/v1/holds/{}", text(&theirs, "id"));
    me.get(&path).await.refused(404, "not_found");
    me.act(&format!("{path}/extend")).await.refused(404, "not_found");
    me.delete(&path).await.refused(404, "not_found");
    me.post("/v1/orders", json!({ "hold_id": theirs["id"], "buyer": { "email": "a@example.org" } }))
        .await
        .refused(404, "not_found");
    let swapped = json!({ "hold_id": theirs["id"], "hold_token": mine["token"], "buyer": { "email": "a@example.org" } });
    tenant.page.post("/v1/orders", swapped).await.refused(409, "hold_expired");
    // Whoever names another event than the hold's means something else.
    let elsewhere = tenant.seated_event(1).await;
    let mixed = json!({ "hold_id": mine["id"], "hold_token": mine["token"], "event_id": elsewhere.id, "buyer": { "email": "a@example.org" } });
    let problem = tenant.page.post("/v1/orders", mixed).await.refused(400, "invalid_request");
    assert_eq!(problem["param"], "event_id");
    let problem = me.get("/v1/holds/evt_1").await.refused(400, "invalid_id");
    assert_eq!(problem["param"], "hold_id", "{problem}");
    // A token that was tampered with is nobody's.
    let token = text(&mine, "token");
    let (head, tail) = token.rsplit_once('.').unwrap();
    let flipped: String = tail.chars().rev().collect();
    for forged in [format!("{head}.{flipped}"), format!("{head}."), format!("{}x.{tail}", head)] {
        tenant.page.with_token(&forged).get(&path).await.refused(401, "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_can_be_extended_up_to_its_cap() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(4, 0, json!({ "hold_ttl_secs": 60, "hold_cap_secs": 62 })).await;
    let hold = event.hold(&[0]).await.created();
    let buyer = tenant.page.with_token(text(&hold, "token"));
    let path = format!("/v1/holds/{}/extend", text(&hold, "id"));
    let mut last = hold.clone();
    wait_until("the cap", async || {
        let answer = buyer.act(&path).await;
        if answer.status != 200 {
            answer.refused(409, "extension_limit");
            return true;
        }
        last = answer.ok();
        assert!(moment(&last["expires_at"]) <= moment(&hold["extendable_until"]), "{last}");
        false
    })
    .await;
    // The default leaves room for at least ten extensions.
    let usual = tenant.seated_event(4).await;
    let hold = usual.hold(&[0]).await.created();
    let (ttl, cap) = (
        moment(&hold["expires_at"]) - moment(&hold["created_at"]),
        moment(&hold["extendable_until"]) - moment(&hold["created_at"]),
    );
    assert!(cap.num_seconds() >= 11 * ttl.num_seconds(), "{hold}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_hold_is_free_for_others_and_worth_nothing() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(4, 0, json!({ "hold_ttl_secs": 5, "hold_cap_secs": 5 })).await;
    let hold = event.hold(&[0]).await.created();
    event.hold(&[0]).await.refused(409, "seats_taken");
    wait_until("the hold to expire", async || event.hold(&[0]).await.status == 201).await;
    event.order_stripe(&hold).await.refused(409, "hold_expired");
    assert_eq!(platform.number("SELECT count(*) FROM orders").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_per_hold_and_per_buyer_are_kept() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(20, 50, json!({ "max_per_hold": 4, "max_per_buyer": 6 })).await;
    event.hold(&[0, 1, 2, 3, 4]).await.refused(409, "hold_limit");
    event.hold_places(5).await.refused(409, "hold_limit");
    event.hold_best(5).await.refused(409, "hold_limit");
    let place = async |buyer: &str, seats: &[u32]| {
        tenant.page.post(&event.path("/holds"), json!({ "items": items(seats), "buyer": buyer })).await
    };
    place("visitor-1", &[0, 1, 2, 3]).await.created();
    place("visitor-1", &[4, 5, 6]).await.refused(409, "hold_limit");
    let second = place("visitor-1", &[4, 5]).await.created();
    place("visitor-1", &[7]).await.refused(409, "hold_limit");
    place("visitor-2", &[7, 8, 9, 10]).await.created();
    // What is given back can be taken again.
    tenant
        .page
        .with_token(text(&second, "token"))
        .delete(&format!("/v1/holds/{}", text(&second, "id")))
        .await
        .done();
    place("visitor-1", &[4, 5]).await.created();
    // Nothing was taken by what was refused.
    assert_eq!(event.availability_until("ten held seats", |a| a["held"] == 10).await["free"], 10);
}

/// The name of a buyer is free text: it may look like a network and never counts for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_no_network() {
    let arguments = ["--trusted-proxies", "127.0.0.1"].map(str::to_owned).to_vec();
    let platform = Platform::with(Options { arguments, ..Options::default() }).await;
    let tenant = platform.tenant().await;
    // A network may hold five times as many.
    let event = tenant.event(40, 0, json!({ "max_per_hold": 2 })).await;
    let place = async |address: &str, buyer: &str, first: u32| {
        let body = json!({ "items": items(&[first, first + 1]), "buyer": buyer });
        tenant.page.with_header("x-forwarded-for", address).post(&event.path("/holds"), body).await
    };
    let victim = "203.0.113.60";
    for n in 0..5 {
        place("203.0.113.61", &format!("@{victim}"), 2 * n).await.created();
        place("203.0.113.62", victim, 10 + 2 * n).await.created();
    }
    let hold = place(victim, "", 20).await.created();
    let buyer = tenant.page.with_token(text(&hold, "token"));
    let path = format!("/v1/holds/{}", text(&hold, "id"));
    buyer.act(&format!("{path}/extend")).await.ok();
    for n in 1..5 {
        place(victim, "", 20 + 2 * n).await.created();
    }
    // What is extended counts still, and what is given back does not.
    place(victim, "", 30).await.refused(409, "hold_limit");
    buyer.delete(&path).await.done();
    place(victim, "", 30).await.created();
}

/// Whoever invents a name for each order has no more places than whoever gives none.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_not_paid_counts_against_its_network() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(40, 0, json!({ "max_per_hold": 2 })).await;
    let mut orders = Vec::new();
    for n in 0..5 {
        let hold = event.hold(&[2 * n, 2 * n + 1]).await.created();
        let mut order = event.order_of(&hold);
        order["buyer"] = json!({ "email": format!("visitor-{n}@example.org"), "name": "Grace Hopper" });
        orders.push(tenant.page.post("/v1/orders", order).await.created());
        platform.mirrored().await;
    }
    event.hold(&[10, 11]).await.refused(409, "hold_limit");
    // What is paid no longer counts, and what is given up.
    platform.sandbox.pay(&orders[0]).await;
    tenant.order_in_state(&orders[0]["id"], "paid").await;
    platform.mirrored().await;
    event.hold(&[10, 11]).await.created();
    event.hold(&[12, 13]).await.refused(409, "hold_limit");
    let buyer = tenant.page.with_token(text(&orders[1], "buyer_token"));
    buyer.act(&format!("/v1/orders/{}/cancel", text(&orders[1], "id"))).await.ok();
    platform.mirrored().await;
    event.hold(&[12, 13]).await.created();
    platform.check_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_held_is_named() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(6, 3, json!({})).await;
    let hold = async |body: Value| tenant.page.post(&event.path("/holds"), body).await;
    hold(json!({})).await.refused(400, "invalid_request");
    hold(json!({ "items": [{}] })).await.refused(400, "invalid_request");
    hold(json!({ "items": [{ "seat": 0, "ga_area": AREA }] })).await.refused(400, "invalid_request");
    hold(json!({ "items": [{ "seat": 0 }, { "label": "P-1-1" }] })).await.refused(400, "invalid_request");
    hold(json!({ "items": [{ "seat": 600 }] })).await.refused(422, "unknown_seat");
    hold(json!({ "items": [{ "label": "Z-1-1" }] })).await.refused(422, "unknown_seat");
    hold(json!({ "items": [{ "ga_area": "nowhere" }] })).await.refused(422, "unknown_seat");
    let standing = &event.tiers[1];
    hold(json!({ "items": [{ "seat": 0, "price_tier_id": standing }] }))
        .await
        .refused(422, "unknown_price_tier");
    hold(json!({ "items": [{ "ga_area": AREA, "quantity": 4 }] })).await.refused(409, "sold_out");
    hold(json!({ "items": [{ "ga_area": AREA, "quantity": 2 }, { "ga_area": AREA, "quantity": 2 }] }))
        .await
        .refused(409, "sold_out");
    hold(json!({ "best_available": { "quantity": 7 } })).await.refused(409, "sold_out");
    assert_eq!(event.availability().await["held"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_seats_are_together_in_one_row() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let hold = event.hold_best(3).await.created();
    let mut seats: Vec<i64> =
        list(&hold, "items").iter().map(|item| item["seat"].as_i64().unwrap()).collect();
    seats.sort_unstable();
    assert!(
        seats[0] + 1 == seats[1] && seats[1] + 1 == seats[2] && seats[0] / 10 == seats[2] / 10,
        "{seats:?}"
    );
    let twice = tenant
        .page
        .post(&event.path("/holds"), json!({ "best_available": { "quantity": 2, "section": "P" } }))
        .await
        .created();
    assert!(list(&twice, "items").iter().all(|item| !seats.contains(&item["seat"].as_i64().unwrap())));
    let nowhere = json!({ "best_available": { "quantity": 2, "section": "Z" } });
    tenant.page.post(&event.path("/holds"), nowhere).await.refused(422, "unknown_seat");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_in_checkout_belongs_to_its_order() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let hold = event.hold(&[0]).await.created();
    let order = event.order_stripe(&hold).await.created();
    let buyer = tenant.page.with_token(text(&hold, "token"));
    let path = format!("/v1/holds/{}", text(&hold, "id"));
    // The hold is the order's by now, or gone: either way it gives nothing back.
    let release = buyer.delete(&path).await;
    assert!([404, 409].contains(&release.status), "{release}");
    event.hold(&[0]).await.refused(409, "seats_taken");
    assert_eq!(tenant.order(&order["id"]).await["state"], "pending");
    let owner = tenant.page.with_token(text(&order, "buyer_token"));
    let cancelled = owner.act(&format!("/v1/orders/{}/cancel", text(&order, "id"))).await.ok();
    assert_eq!(cancelled["state"], "cancelled");
    event.availability_until("the seat to be free again", |a| a["free"] == 4).await;
    event.hold(&[0]).await.created();
}

/// The answer is made of what was written, not read back: it must be the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_answered_as_it_is_stored() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(8).await;
    let hold = event.hold(&[3, 0, 1]).await.created();
    let by_card = event.order_stripe(&hold).await.created();
    let by_invoice =
        event.manual(json!({ "items": items(&[5, 6]), "manual_method": "invoice", "locale": "de" }));
    let by_invoice = tenant.api.post("/v1/orders", by_invoice).await.created();
    for mut made in [by_card, by_invoice] {
        let stored = tenant.order(&made["id"]).await;
        made.as_object_mut().unwrap().remove("buyer_token").expect("a token");
        assert_eq!(made, stored);
    }
}

/// Two orders of one buyer take turns at their limit. Who waits too long is told, and leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_who_waits_for_another_order_too_long_is_told_so() {
    use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let hold = event.hold(&[0]).await.created();
    let order = event.order_of(&hold);
    let mut other = AsyncPgConnection::establish(&platform.database.admin_url).await.unwrap();
    let event_id = platform.rows("SELECT id::text FROM events").await[0]["id"].as_str().unwrap().to_owned();
    let email = text(&order["buyer"], "email");
    let turn = format!("pg_advisory_xact_lock(hashtextextended(lower('{email}{event_id}'), 2))");
    other.batch_execute(&format!("BEGIN; SELECT {turn}")).await.unwrap();
    let answer = event.page.post("/v1/orders", order.clone()).await;
    answer.refused(503, "unavailable");
    assert_eq!(platform.number("SELECT count(*) FROM orders").await, 0);
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%' \
        AND query NOT LIKE '%advisory%'";
    assert_eq!(platform.number(open).await, 0, "a transaction is left open");
    other.batch_execute("ROLLBACK").await.unwrap();
    event.page.post("/v1/orders", order).await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_nothing_is_held_and_everything_else_goes_on() {
    // A Redis of nobody. The server may refuse to start with it; when it starts, it tells everybody to come back.
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let redis_url = Some("redis://127.0.0.1:1".into());
    let options = Options { redis_url, rate_limit_scale: 1, ..Options::default() };
    let Ok(lonely) = platform.try_another_server(options).await else { return };
    let page = lonely.with_token(&tenant.page.token);
    let answer = page.post(&event.path("/holds"), json!({ "items": items(&[0]) })).await;
    assert!(!answer.header("retry-after").is_empty(), "{answer}");
    answer.refused(503, "unavailable");
    lonely.with_token(&tenant.api.token).get("/v1/venues").await.ok();
    event.hold(&[0]).await.created();
}
