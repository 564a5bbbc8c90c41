//! Plugins over the API: uploaded, installed, and felt in prices.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Event, Options, Platform, Tenant, example, items, list,
    plugins::components::pricing,
    shop::{FEE_MINOR, PLACE_MINOR, SEAT_MINOR, in_secs},
    text, uuid_of, wait_for, wait_until,
};

/// A tenth of the price of a seat; fees stay.
const TENTH: i64 = SEAT_MINOR / 10;

fn of(plugin: &Value, rest: &str) -> String {
    format!("/v1/plugins/{}{rest}", text(plugin, "plugin_id"))
}

async fn install(tenant: &Tenant, plugin: &Value, how: Value) -> Value {
    tenant.api.put(&of(plugin, "/installation"), how).await.ok()
}

async fn total(event: &Event, seats: &[u32]) -> i64 {
    event.hold(seats).await.created()["totals"]["total_minor"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_changes_and_is_itemised_from_the_hold_to_the_ledger() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let plugin = tenant.upload("hello").await;
    assert_eq!((text(&plugin, "name"), &plugin["is_published"]), ("hello", &json!(true)));
    assert_eq!(plugin["hooks"], json!(["pricing"]));
    assert_eq!(total(&event, &[0]).await, PLACE_MINOR, "nothing is installed yet");
    install(&tenant, &plugin, json!({})).await;

    let new = json!({ "items": items(&[1, 2]), "locale": "de" });
    let hold = tenant.page.post(&event.path("/holds"), new).await.created();
    assert_eq!(hold["totals"]["total_minor"], 2 * (PLACE_MINOR - TENTH), "{hold}");
    let adjustment = json!({ "item": 0, "label": "Hallo", "amount_minor": -TENTH });
    assert_eq!(list(&hold, "adjustments")[0], adjustment, "pages are told no more than the buyer needs");
    assert_eq!(hold["items"][1]["list_total_minor"], PLACE_MINOR);
    assert_eq!(hold["items"][1]["total_minor"], PLACE_MINOR - TENTH);
    assert_eq!(hold["is_degraded"], false);

    let mut order = event.order_of(&hold);
    order["expected_total_minor"] = json!(2 * PLACE_MINOR);
    let problem = tenant.page.post("/v1/orders", order.clone()).await.refused(409, "price_changed");
    assert_eq!(problem["param"], "expected_total_minor");
    order["expected_total_minor"] = hold["totals"]["total_minor"].clone();
    let order = tenant.page.post("/v1/orders", order).await.created();
    assert_eq!(order["payment"]["amount_minor"], 2 * (PLACE_MINOR - TENTH));
    platform.sandbox.pay(&order).await;
    let paid = tenant.order_in_state(&order["id"], "paid").await;
    let adjustment = &list(&paid, "adjustments")[1];
    assert_eq!((&adjustment["plugin"], &adjustment["version"]), (&json!("hello"), &json!("1.0.0")), "{paid}");

    let receipts =
        tenant.api.get(&of(&plugin, &format!("/receipts?subject={}", text(&paid, "id")))).await.ok();
    let receipt = format!("/v1/plugin-receipts/{}", text(&list(&receipts, "data")[0], "id"));
    let recording = tenant.api.get(&receipt).await.ok()["recording"].clone();
    assert_eq!(recording["output"][0]["label"], "Hallo", "what it answered can be compared: {recording}");

    let ledger = format!("/v1/ledger?order_id={}", text(&paid, "id"));
    let entries = tenant.api.get(&ledger).await.ok();
    let sum: i64 = list(&entries, "data").iter().map(|entry| entry["amount_minor"].as_i64().unwrap()).sum();
    assert_eq!(sum, 0, "{entries}");
    let revenue: Vec<(i64, &str)> = list(&entries, "data")
        .iter()
        .filter(|entry| entry["account"] == "ticket_revenue")
        .map(|entry| (entry["amount_minor"].as_i64().unwrap(), entry["note"].as_str().unwrap_or_default()))
        .collect();
    let net = |gross: i64| gross - (gross * 700 + 10_700 / 2) / 10_700;
    assert_eq!(revenue.iter().filter(|(_, note)| *note == "Hallo").count(), 2, "{revenue:?}");
    let all: i64 = revenue.iter().map(|(amount, _)| amount).sum();
    let parts = paid["totals"]["price_minor"].as_i64().unwrap();
    assert_eq!(all, -parts);
    let base = revenue.iter().find(|(_, note)| note.is_empty()).unwrap().0;
    assert!(
        (-base - 2 * (net(PLACE_MINOR) - net(FEE_MINOR))).abs() <= 2,
        "the organizer's own price: {revenue:?}"
    );

    let refund = json!({ "reason": "rain" });
    tenant.api.post(&format!("/v1/orders/{}/refunds", text(&paid, "id")), refund).await.created();
    tenant.order_in_state(&paid["id"], "refunded").await;
    let revenue = format!(
        "SELECT sum(amount_minor)::bigint AS count FROM ledger_entries WHERE order_id = '{}' AND account = 'ticket_revenue'",
        uuid_of(text(&paid, "id"))
    );
    assert_eq!(platform.number(&revenue).await, 0, "what was paid goes back, not what was listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_come_and_go_without_a_restart_and_all_servers_follow() {
    let platform = Platform::start().await;
    let other = platform.another_server(Options::default()).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(200).await;
    let plugin = tenant.upload("hello").await;
    install(&tenant, &plugin, json!({})).await;
    assert_eq!(event.hold_best(1).await.created()["totals"]["total_minor"], PLACE_MINOR - TENTH);
    assert_eq!(tenant.upload("hello").await["id"], plugin["id"], "the same file is the same version");

    let dearer = changed("hello", "1.1.0", b"Hello", b"HELLO");
    let newer = tenant.upload_bytes(dearer).await.created();
    let label = async || {
        let hold = event.hold_best(1).await.created();
        text(&list(&hold, "adjustments")[0], "label").to_owned()
    };
    assert_eq!(label().await, "HELLO", "the next price");
    let elsewhere = other.with_token(&tenant.page.token);
    wait_until("the other server to follow", async || {
        let best = json!({ "best_available": { "quantity": 1 } });
        let hold = elsewhere.post(&event.path("/holds"), best).await.created();
        list(&hold, "adjustments").first().is_some_and(|first| text(first, "label") == "HELLO")
    })
    .await;
    let back = tenant.api.act(&of(&plugin, "/rollback")).await.ok();
    assert_eq!((&back["version"]["id"], &back["previous_version_id"]), (&plugin["id"], &newer["id"]));
    assert_eq!(label().await, "Hello");
    tenant.api.act(&of(&plugin, "/rollback")).await.ok();
    assert_eq!(label().await, "HELLO", "and forward again");
    let other_bytes = changed("hello", "1.1.0", b"Hello", b"hELLO");
    tenant.upload_bytes(other_bytes).await.refused(409, "already_exists");
    tenant.api.post(&of(&plugin, "/publish"), json!({ "version_id": plugin["id"] })).await.ok();
    assert_eq!(label().await, "Hello");

    let off = json!({ "enabled": false });
    tenant.api.put(&of(&plugin, &format!("/installation?event_id={}", event.id)), off).await.ok();
    assert_eq!(
        event.hold_best(1).await.created()["totals"]["total_minor"],
        PLACE_MINOR,
        "this event is left alone"
    );
    tenant.api.delete(&of(&plugin, &format!("/installation?event_id={}", event.id))).await.done();
    assert_eq!(label().await, "Hello");
    tenant.api.delete(&of(&plugin, "")).await.done();
    assert_eq!(event.hold_best(1).await.created()["totals"]["total_minor"], PLACE_MINOR);
    let actions = tenant.api.get("/v1/audit-log?limit=100").await.ok();
    for action in
        ["plugins.upload", "plugins.publish", "plugins.rollback", "plugins.install", "plugins.delete"]
    {
        assert!(list(&actions, "data").iter().any(|entry| entry["action"] == action), "{action}");
    }
}

/// An example as another version, with a text of its code replaced by one as long.
fn changed(name: &str, version: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut component = example(name);
    replace(&mut component, b"\"version\":\"1.0.0\"", format!("\"version\":\"{version}\"").as_bytes());
    replace(&mut component, from, to);
    component
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> =
        bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from).map(|(i, _)| i).collect();
    assert!(!places.is_empty(), "{}", String::from_utf8_lossy(from));
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_made_with_what_is_true_now() {
    let platform = Platform::start().await;
    let other = platform.another_server(Options::default()).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let plugin = tenant.upload("group-discount").await;
    let how = |percent: i32| json!({ "config": { "steps": [{ "tickets": 2, "percent": percent }] } });
    install(&tenant, &plugin, how(20)).await;
    let hold = event.hold(&[0, 1]).await.created();
    let total = 2 * (PLACE_MINOR - 2 * TENTH);
    assert_eq!(hold["totals"]["total_minor"], total);
    // The other server still knows the settings of this moment; then they change.
    let there = other.with_token(&tenant.page.token);
    let mut order = event.order_of(&hold);
    order["expected_total_minor"] = json!(total);
    install(&tenant, &plugin, how(10)).await;
    there.post("/v1/orders", order.clone()).await.refused(409, "price_changed");
    order["expected_total_minor"] = json!(2 * (PLACE_MINOR - TENTH));
    let made = there.post("/v1/orders", order).await.created();
    assert_eq!(
        made["totals"]["total_minor"],
        2 * (PLACE_MINOR - TENTH),
        "the hold was given back, and bought"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_held_against_the_schema_and_limits_against_the_plugin() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let plugin = tenant.upload("group-discount").await;
    let refused = async |how: Value, param: &str| {
        let answer = tenant.api.put(&of(&plugin, "/installation"), how).await;
        let problem = answer.refused(422, "plugin_config_invalid");
        assert_eq!(problem["param"], param, "{problem}");
    };
    refused(json!({}), "config").await;
    refused(json!({ "config": { "steps": [], "x\u{0}": 1 } }), "config").await;
    refused(json!({ "config": { "steps": [{ "tickets": 1, "percent": 10 }] } }), "config").await;
    let steps = json!({ "steps": [{ "tickets": 2, "percent": 90 }] });
    // Settings beside `config` are nobody's: what the plugin needs is missing.
    tenant.api.put(&of(&plugin, "/installation"), steps.clone()).await.refused(422, "plugin_config_invalid");
    refused(json!({ "config": steps, "hooks": [{ "hook": "notification" }] }), "hooks").await;
    refused(json!({ "config": steps, "key_value": true }), "key_value").await;
    refused(json!({ "config": steps, "http_hosts": ["evil.example"] }), "http_hosts").await;
    install(&tenant, &plugin, json!({ "config": steps })).await;
    tenant.api.put(&event.path("/price-limits"), json!({ "floor_bps": 8_000 })).await.ok();
    let hold = tenant.api.post(&event.path("/holds"), json!({ "items": items(&[0, 1]) })).await.created();
    assert_eq!(hold["totals"]["total_minor"], 2 * (PLACE_MINOR - 2 * TENTH), "never below the floor");
    assert_eq!(list(&hold, "adjustments")[0]["is_limited"], true);
    let limits = json!({ "floor_bps": 0, "cap_bps": 10_000, "discount_max_minor": 100 });
    tenant.api.put(&event.path("/price-limits"), limits.clone()).await.ok();
    assert_eq!(tenant.api.get(&event.path("/price-limits")).await.ok(), limits);
    assert_eq!(total(&event, &[2, 3]).await, 2 * PLACE_MINOR - 100);
    tenant
        .api
        .put(&event.path("/price-limits"), json!({ "cap_bps": 9_000 }))
        .await
        .refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_have_a_price_of_their_own_and_a_sale_to_themselves() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let plugin = tenant.upload("member-price").await;
    let how = json!({
        "key_value": true, "config": { "percent": 50, "tickets_per_code": 1, "members_only": true },
    });
    install(&tenant, &plugin, how).await;
    let codes = json!({ "value": "FRIENDS-26\nSTAFF-26" });
    tenant.api.put(&of(&plugin, "/values/codes"), codes).await.ok();
    assert_eq!(text(&tenant.api.get(&of(&plugin, "/values")).await.ok()["data"][0], "key"), "codes");
    let anybody = event.hold(&[0, 1]).await.created();
    assert_eq!(anybody["totals"]["total_minor"], 2 * PLACE_MINOR);
    let problem = event.order_stripe(&anybody).await.refused(422, "cart_refused");
    assert_eq!(problem["objects"], json!(["members_only"]));
    assert_eq!(problem["detail"], "This sale is for members: please enter your code.");

    let new = json!({ "items": items(&[2, 3]), "codes": [" friends-26 ", "wrong"], "locale": "de-AT" });
    let member = tenant.page.post(&event.path("/holds"), new).await.created();
    assert_eq!(member["totals"]["total_minor"], 2 * PLACE_MINOR - SEAT_MINOR / 2);
    assert_eq!(list(&member, "adjustments")[0]["label"], "Mitgliederpreis");
    let order = event.order_stripe(&member).await.created();
    assert_eq!(order["totals"]["total_minor"], 2 * PLACE_MINOR - SEAT_MINOR / 2);
    // The hold that was refused is still the buyer's.
    let path = format!("/v1/holds/{}", text(&anybody, "id"));
    tenant.page.with_token(text(&anybody, "token")).get(&path).await.ok();
    let direct = json!({ "items": items(&[5]), "codes": ["STAFF-26"] });
    let sold = tenant.api.post("/v1/orders", event.manual(direct)).await.created();
    assert_eq!(sold["totals"]["total_minor"], PLACE_MINOR - SEAT_MINOR / 2);
    let twice = json!({ "hold_id": member["id"], "codes": ["STAFF-26"], "buyer": {} });
    tenant.api.post("/v1/orders", twice).await.refused(400, "invalid_request");
    tenant.api.delete(&of(&plugin, "/values/codes")).await.done();
    let new = json!({ "items": items(&[6]), "codes": ["FRIENDS-26"] });
    let late = tenant.page.post(&event.path("/holds"), new).await.created();
    assert_eq!(late["totals"]["total_minor"], PLACE_MINOR, "the code is gone");
    for new in [
        json!({ "codes": [""] }),
        json!({ "codes": ["a", "b", "c", "d", "e", "f"] }),
        json!({ "locale": "?!" }),
    ] {
        let mut with_items = new;
        with_items["items"] = items(&[7]);
        tenant.page.post(&event.path("/holds"), with_items).await.refused(400, "invalid_request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_fails_degrades_looks_and_stops_orders_unless_it_may_be_skipped() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(30).await;
    let plugin = tenant.upload_bytes(pricing("unreachable")).await.created();
    install(&tenant, &plugin, json!({})).await;
    let hold = event.hold(&[0]).await.created();
    assert_eq!((&hold["is_degraded"], &hold["totals"]["total_minor"]), (&json!(true), &json!(PLACE_MINOR)));
    let answer = event.order_stripe(&hold).await;
    assert!(!answer.header("retry-after").is_empty());
    answer.refused(409, "price_unconfirmed");
    let path = format!("/v1/holds/{}", text(&hold, "id"));
    let buyer = tenant.page.with_token(text(&hold, "token"));
    assert_eq!(buyer.get(&path).await.ok()["status"], "active", "the buyer keeps the seat");
    let skip = json!({ "hooks": [{ "hook": "pricing", "on_failure": "skip" }] });
    install(&tenant, &plugin, skip).await;
    let order = event.order_stripe(&hold).await.created();
    assert_eq!((&order["is_degraded"], &order["totals"]["total_minor"]), (&json!(true), &json!(PLACE_MINOR)));

    // The receipts: of the order at once, of looks and of what was refused after a moment.
    let receipts = wait_for("the receipts", async || {
        let page = tenant.api.get(&of(&plugin, "/receipts?outcome=trapped&limit=100")).await.ok();
        Some(page).filter(|page| list(page, "data").len() >= 4)
    })
    .await;
    let subject = text(&order, "id");
    let of_order: Vec<&Value> =
        list(&receipts, "data").iter().filter(|receipt| receipt["subject"] == subject).collect();
    assert_eq!(of_order.len(), 2, "refused, then made: {receipts}");
    let receipt = tenant.api.get(&format!("/v1/plugin-receipts/{}", text(of_order[0], "id"))).await.ok();
    assert_eq!(receipt["recording"]["input"]["preview"], false);
    assert_eq!(receipt["recording"]["receipt"]["outcome"], "trapped");
    assert!(text(&receipt["receipt"], "detail").contains("trap"), "{receipt}");
    // Calls go on failing: then the plugin is left alone for a while, and counted all the same.
    for seat in 1..22 {
        event.hold(&[seat]).await.created();
    }
    let statistics = wait_for("the statistics", async || {
        let statistics = tenant.api.get(&of(&plugin, "/statistics")).await.ok();
        Some(statistics).filter(|s| s["calls"].as_i64() >= Some(25))
    })
    .await;
    let outcomes: Vec<&str> =
        list(&statistics, "by_outcome").iter().map(|row| text(row, "outcome")).collect();
    assert!(outcomes.contains(&"suspended") && outcomes.contains(&"trapped"), "{statistics}");
    assert_eq!(statistics["failures"], statistics["calls"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plugin_is_refused_with_advice() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let upload = async |bytes: &[u8]| tenant.upload_bytes(bytes.to_vec()).await;
    for (bytes, advice) in [
        (&b"#!/bin/sh\n"[..], "eventflow plugin build"),
        (b"\x7fELF\x02\x01\x01", "native code"),
        (b"\0asm\x01\0\0\0", "core WebAssembly module"),
        (b"", "no WebAssembly"),
        (&[0xff; 100], "no WebAssembly"),
    ] {
        let problem = upload(bytes).await.refused(422, "plugin_invalid");
        assert!(text(&problem, "detail").contains(advice), "{problem}");
    }
    let large = vec![0; 25 << 20];
    upload(&large).await.refused(413, "payload_too_large");
    let cut = &example("hello")[..20_000];
    upload(cut).await.refused(422, "plugin_invalid");
    assert_eq!(tenant.api.get("/v1/plugins").await.ok()["data"], json!([]), "nothing was stored");
    let page =
        tenant.page.send_bytes(Method::POST, "/v1/plugins", "application/octet-stream", example("hello"));
    page.await.refused(403, "permission_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_and_changes_nothing_and_plugins_follow_each_other() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let hold = event.hold(&[0, 1]).await.created();
    let group = tenant.upload("group-discount").await;
    let config = json!({ "steps": [{ "tickets": 2, "percent": 20 }] });
    let mut ask = json!({ "event_id": event.id, "hold_id": hold["id"], "config": config });
    let dry = tenant.api.post(&of(&group, "/dry-run"), ask.clone()).await.ok();
    assert_eq!(dry["outcome"], "answered", "{dry}");
    assert_eq!(dry["totals"]["total_minor"], 2 * (PLACE_MINOR - 2 * TENTH));
    assert!(dry["receipt"]["fuel"].as_i64() > Some(0));
    ask["config"] = json!({ "steps": [] });
    tenant.api.post(&of(&group, "/dry-run"), ask).await.refused(422, "plugin_config_invalid");
    assert_eq!(total(&event, &[2, 3]).await, 2 * PLACE_MINOR);

    install(&tenant, &group, json!({ "config": config })).await;
    let hello = tenant.upload("hello").await;
    install(&tenant, &hello, json!({})).await;
    let after = |price: i64, percent: i64| price - price * percent / 100;
    let ticket = after(after(SEAT_MINOR, 20), 10) + FEE_MINOR;
    assert_eq!(total(&event, &[4, 5]).await, 2 * ticket, "a tenth of what the group left");
    let labels = async |seats: &[u32]| {
        let hold = event.hold(seats).await.created();
        list(&hold, "adjustments").iter().map(|a| text(a, "label").to_owned()).collect::<Vec<_>>()
    };
    let first = labels(&[6, 7]).await[0].clone();
    let order = json!({ "plugin_ids": [hello["plugin_id"], group["plugin_id"]] });
    let plugins = tenant.api.put("/v1/plugin-order", order).await.ok();
    assert_eq!(list(&plugins, "data")[0]["id"], hello["plugin_id"]);
    let labels = labels(&[8, 9]).await;
    assert_eq!((&*labels[0], &labels[2]), ("Hello", &first), "{labels:?}");
    tenant
        .api
        .put("/v1/plugin-order", json!({ "plugin_ids": [hello["plugin_id"]] }))
        .await
        .refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_survives_a_restart_and_answers_the_same() {
    let mut platform = Platform::start().await;
    let tenant = platform.tenant().await;
    // So that the days until then do not change while the test runs.
    let terms = json!({ "starts_at": in_secs(10 * 86_400 - 3_600), "ends_at": in_secs(10 * 86_400) });
    let event = tenant.event(20, 0, terms).await;
    let plugin = tenant.upload("demand-pricing").await;
    let config = json!({ "floor_percent": 50, "cap_percent": 200, "demand": [
        { "sold_percent": 0, "percent": 0 }, { "sold_percent": 10, "percent": 25 },
    ]});
    install(&tenant, &plugin, json!({ "config": config })).await;
    let before = event.hold(&[0]).await.created();
    assert_eq!(before["totals"]["total_minor"], PLACE_MINOR);
    event.order_manual(&[5, 6, 7, 8]).await.created();
    let dearer = wait_for("demand to be seen", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let hold =
            tenant.api.get(&format!("/v1/holds/{}?event_id={}", text(&before, "id"), event.id)).await.ok();
        Some(hold).filter(|hold| hold["totals"]["total_minor"] != PLACE_MINOR)
    })
    .await;
    assert_eq!(dearer["totals"]["total_minor"], PLACE_MINOR + SEAT_MINOR / 4, "{dearer}");
    assert_eq!(text(&list(&dearer, "adjustments")[0], "label"), "High demand");
    assert!(text(&list(&dearer, "adjustments")[0], "reason").starts_with("20 % sold"), "{dearer}");

    platform.stop().await;
    platform.start_again(Options::default()).await;
    let api = platform.anybody().with_token(&tenant.api.token);
    let path = format!("/v1/holds/{}?event_id={}", text(&before, "id"), event.id);
    let after = api.get(&path).await.ok();
    assert_eq!(after["adjustments"], dearer["adjustments"]);
    let fuel = wait_for("the receipts of both", async || {
        let page = api.get(&of(&plugin, "/receipts?limit=100")).await.ok();
        let of_price = |receipt: &&Value| receipt["subject"] == before["id"];
        let fuel: Vec<i64> = list(&page, "data")
            .iter()
            .filter(of_price)
            .map(|receipt| receipt["receipt"]["fuel"].as_i64().unwrap())
            .collect();
        Some(fuel).filter(|fuel| fuel.len() >= 3)
    })
    .await;
    assert_eq!(fuel[0], fuel[1], "equal fuel before and after: {fuel:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_fetches_for_a_plugin_with_a_secret_that_it_never_sees() {
    let (address, asked) = partner().await;
    let arguments = vec!["--plugin-http-instead".to_owned(), address.to_string()];
    let platform = Platform::with(Options { arguments, ..Options::default() }).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let plugin = tenant.upload("partner-price").await;
    let how = |hosts: Value| json!({ "config": { "percent": 50 }, "http_hosts": hosts });
    let total = async |seat: u32, code: &str| {
        let new = json!({ "items": items(&[seat]), "codes": [code] });
        let hold = tenant.page.post(&event.path("/holds"), new).await.created();
        (hold["totals"]["total_minor"].as_i64().unwrap(), hold["is_degraded"].as_bool().unwrap())
    };
    let half = PLACE_MINOR - SEAT_MINOR / 2;
    install(&tenant, &plugin, how(json!([]))).await;
    assert_eq!(total(0, "GOOD").await, (PLACE_MINOR, false), "the host is not allowed");
    assert!(asked.lock().unwrap().is_empty());
    install(&tenant, &plugin, how(json!(["members.partner.example"]))).await;
    assert_eq!(total(1, "GOOD").await, (PLACE_MINOR, false), "there is no such secret yet");
    tenant.api.put(&of(&plugin, "/secrets/PARTNER_KEY"), json!({ "value": "hush" })).await.ok();
    assert_eq!(total(2, "GOOD").await, (half, false));
    let names = tenant.api.get(&of(&plugin, "/secrets")).await.ok();
    assert!(!names.to_string().contains("hush"), "{names}");
    assert_eq!(total(3, "GOOD").await, (half, false), "from the cache");
    assert_eq!(total(4, "BAD").await, (PLACE_MINOR, false));
    assert_eq!(total(5, "REDIRECT").await, (PLACE_MINOR, false), "nobody is followed");
    assert_eq!(total(6, "HUGE").await, (PLACE_MINOR, false));
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked, ["/codes/GOOD hush", "/codes/BAD hush", "/codes/REDIRECT hush", "/codes/HUGE hush"]);
}

type Asked = std::sync::Arc<std::sync::Mutex<Vec<String>>>;

/// A partner's server: what it was asked, with the key that came along.
async fn partner() -> (std::net::SocketAddr, Asked) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Asked::default());
    let seen = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let key = request.lines().find_map(|line| line.strip_prefix("x-api-key: ")).unwrap_or_default();
            seen.lock().unwrap().push(format!("{path} {key}"));
            let (status, body) = match path.as_str() {
                "/codes/GOOD" => ("200 OK", "{\"member\": true}".to_owned()),
                "/codes/REDIRECT" => ("302 Found\r\nlocation: /codes/GOOD", String::new()),
                "/codes/HUGE" => ("200 OK", " ".repeat(200_000)),
                _ => ("200 OK", "{\"member\": false}".to_owned()),
            };
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_what_plugins_make_of_them_and_fail_by_their_policy() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let letter = tenant.upload("confirmation").await;
    let config = json!({ "languages": ["en", "de"], "house": "Philharmonie", "colour": "#123456" });
    install(&tenant, &letter, json!({ "config": config })).await;
    let chat = tenant.upload("chat-message").await;
    install(&tenant, &chat, json!({ "key_value": true, "config": {} })).await;
    let order = event.order_manual(&[0, 1]).await.created();
    let messages_of = async |order: &Value, count: usize| {
        let path = format!("/v1/messages?order_id={}", text(order, "id"));
        let page = wait_for("the messages", async || {
            Some(tenant.api.get(&path).await.ok()).filter(|page| list(page, "data").len() >= count)
        });
        list(&page.await, "data").to_vec()
    };
    let messages = messages_of(&order, 2).await;
    let channels: Vec<&str> = messages.iter().map(|message| text(message, "channel")).collect();
    assert_eq!(channels, ["email", "chat"], "{messages:?}");
    assert!(text(&messages[0], "subject").starts_with("Your tickets / Ihre Karten"), "{messages:?}");
    let values = tenant.api.get(&of(&chat, "/values")).await.ok();
    let first = list(&values, "data")[0].clone();
    event.order_manual(&[2]).await.created();
    wait_until("the count of the chat's plugin to grow", async || {
        let values = tenant.api.get(&of(&chat, "/values")).await.ok();
        list(&values, "data")[0]["value"] != first["value"]
    })
    .await;
    let receipts = tenant.api.get(&of(&letter, "/receipts?hook=notification")).await.ok();
    let receipt = list(&receipts, "data").iter().find(|receipt| receipt["subject"] == order["id"]).unwrap();
    let receipt = tenant.api.get(&format!("/v1/plugin-receipts/{}", text(receipt, "id"))).await.ok();
    assert!(!receipt["recording"].is_null(), "{receipt}");
    assert!(!receipt.to_string().contains("#token="), "the link to the tickets opens doors: {receipt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_says_what_plugins_add_to_it() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let order = event.order_manual(&[0]).await.created();
    let path = format!("/v1/tickets/{}", text(&list(&order, "tickets")[0], "id"));
    assert_eq!(tenant.api.get(&path).await.ok()["fields"], json!([]));
    let plugin = tenant.upload("gate-hint").await;
    install(&tenant, &plugin, json!({ "config": { "gates": {}, "otherwise": "North" } })).await;
    let field = json!({ "key": "gate", "label": "Gate", "value": "North", "place": "header" });
    assert_eq!(tenant.api.get(&path).await.ok()["fields"], json!([field]));
}
