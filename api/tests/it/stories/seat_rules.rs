//! What an event asks of every hold: no single seats left over, side by side, companions, whole tables, mixes of tickets.

use serde_json::{Value, json};

use crate::support::{Event, Platform, Tenant, items, list, text};

/// Two rows of ten in the section `P`; a row of wheelchairs' and companions' places in `W`, a round table of six, one of
/// four that is sold as a whole, a lounge for twenty and a box for a party of two to five.
fn house() -> Value {
    let row = |label: &str, y: i32| {
        json!({
            "label": label, "category": "a", "count": 10, "start": { "x": 0, "y": y }, "end": { "x": 540, "y": y },
        })
    };
    let mut reserved = row("R", 300);
    reserved["seats"] = json!([
        { "position": 1, "traits": ["wheelchair"] }, { "position": 2, "traits": ["companion"] },
        { "position": 3, "traits": ["wheelchair"] }, { "position": 4, "traits": ["companion"] },
    ]);
    let table = |label: &str, x: i32, chairs: u32, sold: &str| {
        json!({
            "label": label, "category": "b", "centre": { "x": x, "y": 600 }, "sold": sold,
            "shape": { "kind": "round", "radius": 90, "chairs": chairs },
        })
    };
    json!({
        "format": "eventflow.seat-map/1", "name": "House",
        "categories": [
            { "key": "a", "name": "Seats", "color": "#aa0000" }, { "key": "b", "name": "Tables", "color": "#00aa00" },
            { "key": "c", "name": "Lounge", "color": "#0000aa" },
        ],
        "focal_point": { "x": 270, "y": -300 },
        "zones": [{ "key": "back", "name": "At the back" }],
        "sections": [
            { "key": "P", "name": "Stalls", "rows": [row("1", 0), row("2", 90)] },
            { "key": "W", "name": "Gangway", "zone": "back", "rows": [reserved] },
            {
                "key": "T", "name": "Tables", "zone": "back",
                "tables": [table("T1", 100, 6, "seats"), table("T2", 500, 4, "whole")],
            },
        ],
        "ga_areas": [
            { "key": "lounge", "name": "Lounge", "category": "c", "capacity": 20, "sold": { "kind": "whole" } },
            {
                "key": "box", "name": "Box", "category": "c", "capacity": 5,
                "sold": { "kind": "group", "min": 2, "max": 5 },
            },
        ],
    })
}

/// On sale under these rules.
async fn sale(tenant: &Tenant, rules: Value) -> Event {
    let mut event = tenant.draft_event_of(house(), json!({ "seat_rules": rules })).await;
    for (name, target, key) in [
        ("Seat", "category", "a"),
        ("Table", "category", "b"),
        ("Lounge", "ga_area", "lounge"),
        ("Box", "ga_area", "box"),
    ] {
        event.add_tier(json!({ "name": name, target: key })).await;
    }
    event.publish().await.ok();
    event
}

/// The rules that an answer says are broken, with the objects at fault.
#[track_caller]
fn broken(answer: crate::support::Answer) -> Vec<(String, Vec<String>)> {
    let problem = answer.refused(422, "seat_rules");
    let texts = |value: &Value| {
        value
            .as_array()
            .into_iter()
            .flatten()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for rule in list(&problem, "rules") {
        assert!(text(&problem, "detail").contains(text(rule, "detail")), "{problem}");
    }
    list(&problem, "rules")
        .iter()
        .map(|rule| (text(rule, "rule").to_owned(), texts(&rule["objects"])))
        .collect()
}

fn one(rule: &str, objects: &[&str]) -> Vec<(String, Vec<String>)> {
    vec![(rule.to_owned(), objects.iter().map(|&label| label.to_owned()).collect())]
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_set_changed_and_read_by_pages() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let terms = json!({ "seat_rules": {}, "max_per_hold": 10 });
    let mut event = tenant.draft_event_of(house(), terms).await;
    let defaults = json!({ "orphans": "lenient", "adjacent": false, "min_per_hold": 1, "companions": true });
    assert_eq!(tenant.api.get(&event.path("")).await.ok()["seat_rules"], defaults);
    let change = json!({ "seat_rules": { "orphans": "strict", "min_per_hold": 2 } });
    tenant.api.patch(&event.path(""), change).await.ok();
    let changed = json!({ "orphans": "strict", "adjacent": false, "min_per_hold": 2, "companions": true });
    assert_eq!(tenant.api.get(&event.path("")).await.ok()["seat_rules"], changed);
    let refused =
        async |rules: Value| tenant.api.patch(&event.path(""), json!({ "seat_rules": rules })).await;
    refused(json!({ "orphans": "sometimes" })).await.refused(400, "invalid_request");
    refused(json!({ "min_per_hold": 0 })).await.refused(400, "invalid_request");
    let too_many = refused(json!({ "min_per_hold": 11 })).await.refused(400, "invalid_request");
    assert_eq!(too_many["param"], "seat_rules.min_per_hold", "the most are ten");
    event.add_tier(json!({ "name": "Seat", "category": "a" })).await;
    tenant.api.post(&event.path("/publish"), json!({ "allow_unpriced": true })).await.ok();
    assert_eq!(tenant.page.get(&event.path("")).await.ok()["seat_rules"], changed, "a page reads them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_leaves_a_single_seat_is_refused_until_nothing_better_is_left() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let lenient = sale(&tenant, json!({})).await;
    let problem = lenient.hold(&[1, 2]).await.refused(422, "seat_rules");
    assert_eq!(problem["param"], "items");
    assert_eq!(problem["objects"], json!(["P-1-1"]));
    assert_eq!(problem["rules"][0]["seats"], json!([0]));
    assert_eq!(problem["rules"][0]["rule"], "orphan");
    assert_eq!(lenient.availability().await["held"], 0, "nothing was taken");
    lenient.hold(&[0, 1]).await.created();
    // What was just held is part of the picture, whether the stream has said so or not.
    assert_eq!(broken(lenient.hold(&[3, 4]).await), one("orphan", &["P-1-3"]));
    lenient.hold(&[2, 3]).await.created();
    lenient.hold(&[7, 8, 9]).await.created();
    // Three seats are left side by side: whoever wants two of them leaves one.
    lenient.hold(&[4, 5]).await.created();

    // The same sale, strictly: the other row has room.
    let strict = sale(&tenant, json!({ "orphans": "strict" })).await;
    strict.hold(&[0, 1, 2, 3]).await.created();
    strict.hold(&[7, 8, 9]).await.created();
    assert_eq!(broken(strict.hold(&[4, 5]).await), one("orphan", &["P-1-7"]));
    strict.hold(&(10..20).collect::<Vec<_>>()).await.created();
    strict.hold(&[4, 5]).await.created();

    let off = sale(&tenant, json!({ "orphans": "off" })).await;
    off.hold(&[1, 2]).await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_box_office_may_ignore_the_rules() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = sale(&tenant, json!({ "min_per_hold": 2 })).await;
    let body = json!({ "items": items(&[1]), "ignore_seat_rules": true });
    tenant.page.post(&event.path("/holds"), body.clone()).await.refused(403, "permission_denied");
    let judged = tenant.api.post(&event.path("/holds"), json!({ "items": items(&[1]) })).await;
    assert_eq!(broken(judged).len(), 2, "a server is judged too, unless it says otherwise");
    tenant.api.post(&event.path("/holds"), body).await.created();
    let order = json!({
        "event_id": event.id, "items": items(&[11]), "buyer": { "email": "" }, "provider": "manual",
    });
    assert_eq!(broken(tenant.api.post("/v1/orders", order.clone()).await).len(), 2);
    let mut order = order;
    order["ignore_seat_rules"] = json!(true);
    assert_eq!(tenant.api.post("/v1/orders", order).await.created()["state"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_is_not_judged_again() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = sale(&tenant, json!({})).await;
    let again = tenant.page.with_key("key-of-the-basket-1");
    let body = json!({ "items": items(&[0, 1, 2]) });
    let hold = again.post(&event.path("/holds"), body.clone()).await.created();
    tenant
        .api
        .patch(&event.path(""), json!({ "seat_rules": { "min_per_hold": 4, "orphans": "strict" } }))
        .await
        .ok();
    crate::support::wait_until("the rules", async || event.hold(&[10]).await.status == 422).await;
    assert_eq!(again.post(&event.path("/holds"), body).await.created(), hold);
    let other = json!({ "items": items(&[10]) });
    again.post(&event.path("/holds"), other).await.refused(422, "idempotency_conflict");
    // A new request is judged, and one that was refused has left nothing under its key.
    let bad = json!({ "items": items(&[10, 11, 12]) });
    let key = tenant.page.with_key("key-of-the-basket-2");
    assert_eq!(broken(key.post(&event.path("/holds"), bad.clone()).await), one("min_places", &[]));
    assert_eq!(broken(key.post(&event.path("/holds"), bad).await), one("min_places", &[]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_overtaken_is_told_so() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = sale(&tenant, json!({})).await;
    event.hold(&[0, 1]).await.created();
    // It would leave a single seat as well; but first of all it is too late.
    let problem = event.hold(&[1, 3]).await.refused(409, "seats_taken");
    assert_eq!(problem["objects"], json!(["P-1-2"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_side_by_side_and_whole_tables() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = sale(&tenant, json!({ "adjacent": true })).await;
    assert_eq!(broken(event.hold(&[0, 1, 10, 11, 12]).await), one("adjacent", &["P-1-1", "P-1-2"]));
    event.hold(&[0, 1]).await.created();
    // The first and the last chair of the round table are neighbours.
    event.hold(&[30, 35]).await.created();
    let missing = broken(event.hold(&[36, 37]).await);
    assert_eq!(missing, one("whole_table", &["T-T2-3", "T-T2-4"]));
    event.hold(&[36, 37, 38, 39]).await.created();
    // Nobody is put in two places.
    event.hold_best(10).await.created();
    event.hold_best(10).await.refused(409, "sold_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn companions_come_with_somebody_in_a_wheelchair() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = sale(&tenant, json!({})).await;
    assert_eq!(broken(event.hold(&[21]).await), one("companion", &["W-R-2"]));
    assert_eq!(broken(event.hold(&[20, 21, 23]).await), one("companion", &["W-R-4"]));
    event.hold(&[20, 21]).await.created();
    let best =
        async |best: Value| tenant.page.post(&event.path("/holds"), json!({ "best_available": best })).await;
    let hold = best(json!({ "quantity": 3, "wheelchairs": 1 })).await.created();
    let labels: Vec<_> = list(&hold, "items").iter().map(|item| text(item, "label")).collect();
    assert_eq!(labels, ["W-R-3", "W-R-4", "W-R-5"]);
    assert_eq!(hold["choice"]["quality"], "together");
    assert_eq!(hold["choice"]["reserved"], 2);
    best(json!({ "quantity": 2, "wheelchairs": 1 })).await.refused(409, "sold_out");
    best(json!({ "quantity": 2, "wheelchairs": 3 })).await.refused(400, "invalid_request");
    let free = tenant.api.patch(&event.path(""), json!({ "seat_rules": { "companions": false } })).await.ok();
    assert_eq!(free["seat_rules"]["companions"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn areas_for_one_party_and_as_a_whole() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = sale(&tenant, json!({})).await;
    let hold = async |area: &str, quantity: u32| {
        let body = json!({ "items": [{ "ga_area": area, "quantity": quantity }] });
        tenant.page.post(&event.path("/holds"), body).await
    };
    let problem = hold("lounge", 19).await.refused(422, "seat_rules");
    assert_eq!(
        (&problem["rules"][0]["rule"], &problem["rules"][0]["limit"]),
        (&json!("whole_area"), &json!(20))
    );
    assert_eq!(broken(hold("box", 1).await), one("group_min", &["box"]));
    assert_eq!(broken(hold("box", 6).await), one("group_max", &["box"]));
    hold("lounge", 20).await.created();
    hold("box", 2).await.created();
    // Three places are left, and none of them for another party.
    hold("box", 2).await.refused(409, "sold_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_sold_in_sensible_mixes() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let mut event = tenant.draft_event(20, 0, json!({})).await;
    let child = event.add_tier(json!({ "name": "Child", "category": "a", "accompanied": true })).await;
    let family = event
        .add_tier(json!({ "name": "Family", "category": "a", "min_per_hold": 3, "max_per_hold": 4 }))
        .await;
    event.publish().await.ok();
    let adult = event.tiers[0].clone();
    let hold = async |first: u32, tiers: &[&str]| {
        let items: Vec<_> =
            (first..).zip(tiers).map(|(seat, tier)| json!({ "seat": seat, "price_tier_id": tier })).collect();
        tenant.page.post(&event.path("/holds"), json!({ "items": items })).await
    };
    assert_eq!(broken(hold(0, &[&child, &child]).await), one("accompanied", &["Child"]));
    assert_eq!(broken(hold(0, &[&family, &family]).await), one("tier_min", &["Family"]));
    assert_eq!(broken(hold(0, &[family.as_str(); 5]).await), one("tier_max", &["Family"]));
    hold(0, &[&adult, &child, &child]).await.created();
    hold(3, &[family.as_str(); 3]).await.created();
    let best = async |tier: &str, quantity: u32| {
        let body = json!({ "best_available": { "quantity": quantity, "price_tier_id": tier } });
        tenant.page.post(&event.path("/holds"), body).await
    };
    assert_eq!(broken(best(&child, 2).await), one("accompanied", &["Child"]));
    assert_eq!(broken(best(&family, 2).await), one("tier_min", &["Family"]));
    best(&family, 4).await.created();
    // The default tier binds whoever names none.
    let change = json!({ "min_per_hold": 2, "max_per_hold": 3 });
    let tier = tenant.api.patch(&format!("/v1/price-tiers/{adult}"), change).await.ok();
    assert_eq!((&tier["min_per_hold"], &tier["max_per_hold"]), (&json!(2), &json!(3)));
    crate::support::wait_until("the new limits", async || event.hold_best(1).await.status == 422).await;
    assert_eq!(broken(event.hold_best(1).await), one("tier_min", &["Seat"]));
    assert_eq!(broken(event.hold_best(4).await), one("tier_max", &["Seat"]));
    event.hold_best(2).await.created();
    let nonsense = json!({ "min_per_hold": 5 });
    tenant.api.patch(&format!("/v1/price-tiers/{adult}"), nonsense).await.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_seats_obey_the_rules_and_say_why_they_are_the_best() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = sale(&tenant, json!({ "orphans": "strict", "min_per_hold": 2 })).await;
    assert_eq!(broken(event.hold_best(1).await), one("min_places", &[]));
    let hold = event.hold_best(4).await.created();
    let choice = &hold["choice"];
    assert_eq!(
        (&choice["quality"], &choice["groups"], &choice["orphans"]),
        (&json!("together"), &json!(1), &json!(0))
    );
    assert!(choice["score"].as_u64().unwrap() > 3_000_000, "{choice}");
    let path = format!("/v1/holds/{}", text(&hold, "id"));
    let read = tenant.page.with_token(text(&hold, "token")).get(&path).await.ok();
    assert_eq!(&read["choice"], choice, "the hold keeps it");
    let named = event.hold(&[10, 11]).await.created();
    assert!(named["choice"].is_null());
    let zone = async |zone: &str, quantity: u32| {
        let body = json!({ "best_available": { "quantity": quantity, "zone": zone } });
        tenant.page.post(&event.path("/holds"), body).await
    };
    zone("front", 2).await.refused(422, "unknown_seat");
    // The table that is sold as a whole goes to a party that fills it.
    let back = zone("back", 6).await.created();
    assert!(list(&back, "items").iter().all(|item| item["seat"].as_u64().unwrap() >= 20), "{back}");
}
