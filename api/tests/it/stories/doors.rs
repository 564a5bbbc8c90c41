//! At the door: lists, devices, scans, second scans, overrides.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Client, Platform, list,
    shop::{AREA, codes},
    text,
};

fn scan(code: &str) -> Value {
    json!({ "id": Uuid::now_v7(), "token": code })
}

async fn one(scanner: &Client, scan: Value) -> Value {
    scanner.post("/v1/check-ins", json!({ "scans": [scan] })).await.ok()["results"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_admits_once_and_the_second_gate_learns_where() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    let (door, north) = event.door(json!({})).await;
    let south = json!({ "name": "Scanner 2", "gate": "South" });
    let south = tenant.api.post(&format!("/v1/check-in-lists/{door}/devices"), south).await.created();
    let south = north.with_token(text(&south, "token"));
    let code = &codes(&order)[0];

    let first = one(&north, scan(code)).await;
    assert_eq!(
        (&first["outcome"], &first["entry_no"], &first["gate"]),
        (&json!("admitted"), &json!(1), &json!("North"))
    );
    assert_eq!(first["ticket"]["label"], order["items"][0]["label"]);
    let second = one(&south, scan(code)).await;
    assert_eq!((&second["outcome"], &second["gate"]), (&json!("already_admitted"), &json!("North")));
    assert_eq!(second["first_admitted_at"], first["first_admitted_at"]);

    // The same upload again, after a lost answer: the same decision, stored once.
    let scan = scan(code);
    let (a, b) = (one(&south, scan.clone()).await, one(&south, scan).await);
    assert_eq!(a, b);
    let stored = tenant.api.get(&format!("/v1/check-ins?check_in_list_id={door}")).await.ok();
    let outcomes: Vec<&str> = list(&stored, "data").iter().map(|row| text(row, "outcome")).collect();
    assert_eq!(outcomes, ["admitted", "already_admitted", "already_admitted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_scans_at_the_same_moment_one_admits() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    let (_, scanner) = event.door(json!({})).await;
    let code = &codes(&order)[0];
    let results = futures_util::future::join_all((0..20).map(|_| one(&scanner, scan(code)))).await;
    assert_eq!(results.iter().filter(|result| result["outcome"] == "admitted").count(), 1, "{results:?}");
    assert_eq!(
        results.iter().filter(|result| result["outcome"] == "already_admitted").count(),
        19,
        "{results:?}"
    );
    assert_eq!(platform.number("SELECT count(*) FROM scans").await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_codes_are_refused_each_for_its_reason() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(10, 5, json!({})).await;
    let order = event.order_manual(&[0, 1]).await.created();
    let elsewhere = tenant.seated_event(4).await.order_manual(&[0]).await.created();
    let stranger = platform.tenant().await.seated_event(4).await.order_manual(&[0]).await.created();
    let standing = json!({ "items": [{ "ga_area": AREA, "quantity": 1 }] });
    let standing = tenant.api.post("/v1/orders", event.manual(standing)).await.created();
    let void = format!("/v1/tickets/{}/void", text(&list(&order, "tickets")[1], "id"));
    tenant.api.post(&void, json!({ "reason": "Lost" })).await.ok();
    let (door, scanner) = event.door(json!({ "price_tier_ids": [event.tiers[0]] })).await;

    let good = codes(&order)[0].clone();
    let mut damaged = good.clone().into_bytes();
    // A letter in the middle of the signed part.
    damaged[40] = if damaged[40] == b'A' { b'B' } else { b'A' };
    let damaged = String::from_utf8(damaged).unwrap();
    let void = codes(&order).get(1).cloned().unwrap();
    for (code, reasons) in [
        ("hello", &["malformed"][..]),
        ("https://example.org/ticket/1", &["malformed"]),
        (damaged.as_str(), &["bad_signature", "malformed", "unknown_key"]),
        (codes(&elsewhere)[0].as_str(), &["wrong_event"]),
        (codes(&stranger)[0].as_str(), &["bad_signature", "unknown_key"]),
        (void.as_str(), &["void"]),
        (codes(&standing)[0].as_str(), &["wrong_list"]),
    ] {
        let result = one(&scanner, scan(code)).await;
        assert_eq!(result["outcome"], "refused", "{code}: {result}");
        assert!(reasons.contains(&text(&result, "reason")), "{code}: {result}");
        // A server that may override lifts only what can be lifted.
        let mut lifted = scan(code);
        lifted["override"] = json!({ "reason": "The guest is known" });
        let body = json!({ "check_in_list_id": door, "gate": "Desk", "scans": [lifted] });
        let result = tenant.api.post("/v1/check-ins", body).await.ok()["results"][0].clone();
        let expected = if reasons == ["wrong_list"] { "admitted" } else { "refused" };
        assert_eq!(result["outcome"], expected, "{code}: {result}");
    }
    assert_eq!(one(&scanner, scan(&good)).await["outcome"], "admitted");
    let log = tenant.api.get("/v1/audit-log?limit=100").await.ok();
    assert!(
        list(&log, "data").iter().any(|entry| text(entry, "action").starts_with("check_ins")),
        "an override is logged: {log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_needs_the_permission_and_a_reason() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    let (door, scanner) = event.door(json!({})).await;
    let code = &codes(&order)[0];
    one(&scanner, scan(code)).await;
    let mut again = scan(code);
    again["override"] = json!({ "reason": "Was outside to smoke" });
    let body = json!({ "check_in_list_id": door, "scans": [again] });
    scanner.post("/v1/check-ins", body.clone()).await.refused(403, "permission_denied");
    tenant
        .key(&["check_ins:write"])
        .await
        .post("/v1/check-ins", body.clone())
        .await
        .refused(403, "permission_denied");
    let mut silent = body.clone();
    silent["scans"][0]["override"]["reason"] = json!("");
    tenant.api.post("/v1/check-ins", silent).await.refused(400, "invalid_request");
    let result = tenant.api.post("/v1/check-ins", body).await.ok()["results"][0].clone();
    assert_eq!(
        (&result["outcome"], &result["overridden"], &result["entry_no"]),
        (&json!("admitted"), &json!(["already_admitted"]), &json!(2))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_goes_out_and_comes_back_where_the_list_allows_it() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    let (_, open) = event.door(json!({ "re_entry": true })).await;
    let (_, once) = event.door(json!({ "name": "VIP" })).await;
    let code = &codes(&order)[0];
    let exit = || {
        let mut exit = scan(code);
        exit["kind"] = json!("exit");
        exit
    };
    for (scanner, expected) in [
        (&open, ["admitted", "already_admitted", "admitted", "refused", "admitted"]),
        (&once, ["admitted", "already_admitted", "admitted", "refused", "already_admitted"]),
    ] {
        let results = [
            one(scanner, scan(code)).await,
            one(scanner, scan(code)).await,
            one(scanner, exit()).await,
            one(scanner, exit()).await,
            one(scanner, scan(code)).await,
        ];
        assert_eq!(results.each_ref().map(|result| text(result, "outcome")), expected, "{results:?}");
        assert_eq!(results[3]["reason"], "not_inside");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_works_at_its_own_list_until_it_is_revoked() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    let (door, scanner) = event.door(json!({})).await;
    let (other, _) = event.door(json!({ "name": "Other" })).await;
    tenant
        .api
        .post("/v1/check-in-lists", json!({ "event_id": event.id, "name": "Other" }))
        .await
        .refused(409, "already_exists");
    scanner.get(&format!("/v1/check-in-lists/{door}")).await.ok();
    scanner.get(&format!("/v1/check-in-lists/{other}")).await.refused(404, "not_found");
    let elsewhere = json!({ "check_in_list_id": other, "scans": [scan(&codes(&order)[0])] });
    scanner.post("/v1/check-ins", elsewhere).await.refused(404, "not_found");
    let by_number =
        json!({ "scans": [{ "id": Uuid::now_v7(), "ticket_id": list(&order, "tickets")[0]["id"] }] });
    scanner.post("/v1/check-ins", by_number).await.refused(400, "invalid_request");
    tenant.api.post("/v1/check-ins", json!({ "scans": [scan("x")] })).await.refused(400, "invalid_request");

    let devices = tenant.api.get(&format!("/v1/check-in-lists/{door}/devices")).await.ok();
    assert!(!devices.to_string().contains(&scanner.token), "a token is told once");
    tenant.api.delete(&format!("/v1/devices/{}", text(&list(&devices, "data")[0], "id"))).await.done();
    scanner.get(&format!("/v1/check-in-lists/{door}")).await.refused(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_scans_are_one_upload_and_more_are_refused() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(0, 200, json!({})).await;
    let hundred = json!({ "items": [{ "ga_area": AREA, "quantity": 100 }] });
    let orders = [
        tenant.api.post("/v1/orders", event.manual(hundred.clone())).await.created(),
        tenant.api.post("/v1/orders", event.manual(hundred)).await.created(),
    ];
    let (_, scanner) = event.door(json!({})).await;
    let mut scans: Vec<Value> = orders.iter().flat_map(codes).map(|code| scan(&code)).collect();
    let twice: Vec<Value> = orders.iter().flat_map(codes).map(|code| scan(&code)).collect();
    scans.extend(twice);
    scans.extend((0..100).map(|n| scan(&format!("no ticket {n}"))));
    let results = scanner.post("/v1/check-ins", json!({ "scans": scans })).await.ok();
    let outcome = |range: std::ops::Range<usize>| {
        let results = &list(&results, "results")[range];
        results
            .iter()
            .map(|result| text(result, "outcome").to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(outcome(0..200), ["admitted".to_owned()].into());
    assert_eq!(outcome(200..400), ["already_admitted".to_owned()].into());
    assert_eq!(outcome(400..500), ["refused".to_owned()].into());
    scans.push(scan("one more"));
    scanner.post("/v1/check-ins", json!({ "scans": scans })).await.refused(400, "invalid_request");
    scanner.post("/v1/check-ins", json!({ "scans": [] })).await.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_ticket_is_good_when_the_event_is_postponed() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    // The day of the event has come and gone.
    platform
        .sql(
            "UPDATE events SET sale_starts_at = now() - interval '9 days', sale_ends_at = now() - interval '5 days',
               starts_at = now() - interval '4 days', ends_at = now() - interval '3 days';
             UPDATE tickets SET not_before = now() - interval '8 days', not_after = now() - interval '2 days'",
        )
        .await;
    let path = format!("/v1/tickets/{}", text(&order["tickets"][0], "id"));
    let printed = tenant.api.get(&path).await.ok();
    let (_, scanner) = event.door(json!({})).await;
    let refused = one(&scanner, scan(text(&printed, "token"))).await;
    assert_eq!(
        (&refused["outcome"], &refused["reason"]),
        (&json!("refused"), &json!("expired")),
        "{refused}"
    );

    let later = json!({ "starts_at": crate::support::shop::in_secs(-60), "ends_at": crate::support::shop::in_secs(9_000) });
    tenant.api.patch(&event.path(""), later).await.ok();
    let now = tenant.api.get(&path).await.ok();
    assert_ne!(now["not_after"], printed["not_after"]);
    assert_eq!(one(&scanner, scan(text(&printed, "token"))).await["outcome"], "admitted");
    // An earlier end takes nobody's ticket away.
    tenant.api.patch(&event.path(""), json!({ "ends_at": crate::support::shop::in_secs(60) })).await.ok();
    assert_eq!(tenant.api.get(&path).await.ok()["not_after"], now["not_after"]);
}
