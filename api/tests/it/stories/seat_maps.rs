//! Plans for the picker, files of other programs, versions and what they change, and an event that moves to a newer one.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Answer, Client, Event, Platform, Tenant, list,
    shop::{AREA, items},
    text,
};

const TABLE: &str = "section,row,seat,category,x,y\nP,1,1,a,0,0\nP,1,2,a,50,0\nP,2,1,a,0,90\n";

fn import_path(venue: &str, query: &str) -> String {
    format!("/v1/venues/{venue}/seat-maps/import{query}")
}

async fn import(api: &Client, venue: &str, query: &str, file: &str) -> Answer {
    api.send_bytes(Method::POST, &import_path(venue, query), "text/plain", file.as_bytes().to_vec()).await
}

fn map_path(event: &Event, rest: &str) -> String {
    format!("/v1/seat-maps/{}{rest}", event.seat_map_id)
}

/// The document of the event's map with `change`, published as the next version.
async fn publish_changed(tenant: &Tenant, event: &Event, change: impl Fn(&mut Value)) {
    let mut document = tenant.api.get(&map_path(event, "?version=1")).await.ok()["document"].clone();
    change(&mut document);
    tenant.api.patch(&map_path(event, ""), json!({ "document": document })).await.ok();
    tenant.api.act(&map_path(event, "/publish")).await.ok();
}

async fn move_on(event: &Event, body: Value) -> Answer {
    event.api.post(&event.path("/seat-map"), body).await
}

fn another_section(document: &mut Value) {
    let row = json!({ "label": "1", "category": "a", "count": 3, "start": { "x": 0, "y": 400 }, "end": { "x": 100, "y": 400 } });
    let section = json!({ "key": "Q", "name": "Balcony", "rows": [row] });
    document["sections"].as_array_mut().unwrap().push(section);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_an_event_is_what_it_sells() {
    let platform = Platform::start().await;
    let (tenant, stranger) = (platform.tenant().await, platform.tenant().await);
    let event = tenant.event(300, 20, json!({})).await;
    let plan = event.path("/plan");
    let newest = tenant.page.get(&plan).await.status(200);
    assert_eq!(newest.header("content-type"), "application/vnd.eventflow.plan");
    assert_eq!(newest.header("cache-control"), "no-cache");
    let layout = eventflow_core::seat_map::Layout::from_plan(&newest.bytes).unwrap();
    assert_eq!((layout.seat_count(), layout.ga_areas().len()), (300, 1));
    assert_eq!(layout.label(eventflow_core::seat_map::SeatIndex(0)), "P-1-1");
    let pinned = tenant.page.get(&format!("{plan}?version=1")).await.status(200);
    assert_eq!(pinned.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!((&pinned.bytes, pinned.header("etag")), (&newest.bytes, newest.header("etag")));
    let same = tenant.page.with_header("if-none-match", newest.header("etag")).get(&plan).await.status(304);
    assert!(same.bytes.is_empty());
    let page = tenant.page.with_header("origin", "https://tickets.example.org").get(&plan).await.status(200);
    let vary: Vec<_> = page.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(vary, ["Accept-Encoding", "Origin"]);
    let head = tenant.page.send(Method::HEAD, &plan, None).await.status(200);
    assert!(head.bytes.is_empty() && head.header("etag") == newest.header("etag"));

    // A newer version of the map is nobody's business before the event sells it.
    publish_changed(&tenant, &event, |document| {
        for number in 0..40 {
            another_section(document);
            document["sections"][number + 1]["key"] = json!(format!("Q{number}"));
        }
    })
    .await;
    tenant.page.get(&format!("{plan}?version=2")).await.refused(404, "not_found");
    tenant.page.get(&format!("{plan}?version=0")).await.refused(400, "invalid_request");
    stranger.page.get(&plan).await.refused(404, "not_found");
    stranger.page.get(&format!("{plan}?version=1")).await.refused(404, "not_found");
    // The organizer sees every version, and the draft.
    let of_map = |query: &str| {
        let (api, path) = (tenant.api.clone(), map_path(&event, &format!("/plan{query}")));
        async move { api.get(&path).await.status(200) }
    };
    assert_eq!(of_map("?version=1").await.bytes, newest.bytes);
    assert_eq!(of_map("").await.bytes, of_map("?version=2").await.bytes);
    let large = map_path(&event, "/plan?version=2");
    let packed = tenant.api.with_header("accept-encoding", "br, gzip").get(&large).await.status(200);
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("br", "Accept-Encoding"));
    assert!(packed.bytes.len() < of_map("").await.bytes.len() / 2, "{}", packed.bytes.len());
    let draft = of_map("?version=0").await;
    assert_eq!((draft.header("cache-control"), draft.bytes == of_map("").await.bytes), ("no-cache", true));
    for query in ["", "?version=1"] {
        stranger.api.get(&map_path(&event, &format!("/plan{query}"))).await.refused(404, "not_found");
    }
    let draft = tenant.draft_event(4, 0, json!({})).await;
    tenant.page.get(&draft.path("/plan")).await.check_problem();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_becomes_a_seat_map_and_a_table_again() {
    let platform = Platform::start().await;
    let (tenant, stranger) = (platform.tenant().await, platform.tenant().await);
    let venue = tenant.venue().await;
    let imported = import(&tenant.api, &venue, "?format=csv&name=Hall", TABLE).await.created();
    let map = &imported["seat_map"];
    assert_eq!((&map["name"], &map["seat_count"], &map["version"]), (&json!("Hall"), &json!(3), &json!(0)));
    assert!(list(map, "findings").iter().all(|finding| finding["severity"] == "warning"), "{imported}");
    let path = format!("/v1/seat-maps/{}", text(map, "id"));
    tenant.api.act(&format!("{path}/publish")).await.ok();
    for (format, end) in [("csv", ".csv\""), ("svg", ".svg\""), ("pretix", ".json\"")] {
        let file = tenant.api.get(&format!("{path}/export?format={format}")).await.status(200);
        assert_eq!(file.header("content-type"), "application/octet-stream");
        assert!(file.header("content-disposition").starts_with("attachment; filename=\"map_"), "{file}");
        assert!(file.header("content-disposition").ends_with(end), "{file}");
        let file = String::from_utf8(file.bytes).unwrap();
        // What is written can be read again, and its first character tells the format.
        let again = import(&tenant.api, &venue, "", &file).await.created();
        assert_eq!(again["seat_map"]["seat_count"], 3, "{format}: {again}");
    }
    stranger.api.get(&format!("{path}/export")).await.refused(404, "not_found");
    tenant.api.get(&format!("{path}/export?version=7")).await.refused(404, "not_found");
    tenant.api.get(&format!("{path}/export?format=dwg")).await.refused(400, "invalid_request");
    import(&stranger.api, &venue, "", TABLE).await.refused(404, "not_found");
    // Twice with one key is once.
    let before =
        list(&tenant.api.get(&format!("/v1/venues/{venue}/seat-maps?limit=100")).await.ok(), "data").len();
    let keyed = tenant.api.with_key("import-1");
    let first = import(&keyed, &venue, "", TABLE).await.created();
    assert_eq!(import(&keyed, &venue, "", TABLE).await.created(), first);
    import(&keyed, &venue, "", &TABLE.replace('P', "Q")).await.refused(422, "idempotency_conflict");
    let after =
        list(&tenant.api.get(&format!("/v1/venues/{venue}/seat-maps?limit=100")).await.ok(), "data").len();
    assert_eq!(after, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_refused_with_its_place() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let venue = tenant.venue().await;
    let entities = "<!DOCTYPE svg [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&b;</svg>";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (query, file) in [
        ("?format=csv", ""),
        ("?format=csv", "a,b,c\n1,2,3\n"),
        ("?format=csv", "section,row,seat,x,y\nP,1,1,nowhere,0\n"),
        ("?format=pretix", "{"),
        ("?format=pretix", "{\"zones\": []}"),
        ("?format=pretix", &deep),
        ("?format=svg", "<svg"),
        ("?format=svg", entities),
        ("?format=svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
    ] {
        let answer = import(&tenant.api, &venue, query, file).await;
        answer.check_problem();
        assert!(
            answer.status == 422 && text(&answer.body, "code").starts_with("import_"),
            "{file}: {answer}"
        );
    }
    let wrong =
        import(&tenant.api, &venue, "?format=csv", "section,row,seat,x,y\nP,1,1,0,0\nP,1,2,here,0\n").await;
    assert!(text(&wrong.body, "param").contains('3'), "the line is named: {wrong}");
    let hostile = import(&tenant.api, &venue, "?format=svg", entities).await;
    hostile.refused(422, "import_unsafe");
    let bytes =
        tenant.api.send_bytes(Method::POST, &import_path(&venue, ""), "text/csv", vec![0xff, 0xfe, 0]).await;
    bytes.refused(422, "import_malformed");
    let large = vec![b' '; (32 << 20) + 1];
    let large = tenant.api.send_bytes(Method::POST, &import_path(&venue, ""), "text/csv", large).await;
    large.refused(413, "payload_too_large");
    // A file of a visitor is not even read.
    let page =
        tenant.page.send_bytes(Method::POST, &import_path(&venue, ""), "text/csv", vec![b' '; 600_000]).await;
    page.refused(413, "payload_too_large");
    import(&tenant.page, &venue, "", TABLE).await.refused(403, "permission_denied");
    assert_eq!(platform.number("SELECT count(*) FROM seat_maps").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_tells_how_far_it_is() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let venue = tenant.venue().await;
    let mut table = "section,row,seat,category,x,y\n".to_owned();
    for row in 0..50 {
        for seat in 0..100 {
            table += &format!("P,{row},{seat},a,{},{}\n", seat * 50, row * 90);
        }
    }
    let lines = |answer: Answer| -> Vec<Value> {
        assert_eq!(answer.header("content-type"), "application/x-ndjson", "{answer}");
        String::from_utf8(answer.bytes)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let api = tenant.api.with_header("accept", "application/x-ndjson");
    let told = lines(import(&api, &venue, "?format=csv", &table).await.status(201));
    let (last, progress) = told.split_last().unwrap();
    assert_eq!(last["imported"]["seat_map"]["seat_count"], 5_000, "{last}");
    assert!(progress.len() >= 2, "{progress:?}");
    let done: Vec<_> = progress.iter().map(|line| line["progress"]["done"].as_u64().unwrap()).collect();
    assert!(done.is_sorted() && done.last() == Some(&5_000), "{done:?}");
    // What goes wrong is the last line, with everything a Problem has.
    let told = lines(import(&api, &venue, "?format=pretix", "{").await.status(201));
    let problem = &told.last().unwrap()["problem"];
    assert_eq!((&problem["code"], &problem["status"]), (&json!("import_malformed"), &json!(422)));
    assert!(text(problem, "request_id").starts_with("req_"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_new_version_changes_is_told_before() {
    let platform = Platform::start().await;
    let (tenant, stranger) = (platform.tenant().await, platform.tenant().await);
    let event = tenant.event(10, 20, json!({})).await;
    let same = tenant.api.get(&map_path(&event, "/diff")).await.ok();
    assert_eq!((&same["from"], &same["to"], &same["seat_changes"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!(same["keeps_indexes"], true);
    publish_changed(&tenant, &event, |document| {
        document["sections"][0]["rows"][0]["seats"] =
            json!([{ "position": 1, "traits": ["wheelchair", "aisle"] }]);
        document["sections"][0]["rows"][1]["count"] = json!(4);
        document["ga_areas"][0]["capacity"] = json!(15);
        another_section(document);
    })
    .await;
    let diff = tenant.api.get(&map_path(&event, "/diff?from=1&to=2")).await.ok();
    let seats = list(&diff, "seats");
    let found = |label: &str, change: &str| {
        seats.iter().find(|seat| seat["label"] == label && seat["change"] == change)
    };
    assert_eq!(found("P-1-1", "traits").unwrap()["harmful"], false, "{diff}");
    // Four seats over the whole of the row: the last of them stands where the fifth stood.
    let fifth = found("P-2-5", "renumbered").unwrap();
    assert_eq!((&fifth["to"], &fifth["harmful"]), (&json!("P-2-4"), &json!(true)), "{diff}");
    assert!(found("Q-1-3", "added").is_some(), "{diff}");
    assert_eq!(seats[0]["harmful"], true, "the harmful ones come first: {diff}");
    let area = &diff["ga_areas"][0];
    assert_eq!(
        (&area["change"], &area["from"], &area["harmful"]),
        (&json!("capacity"), &json!("20"), &json!(true))
    );
    assert_eq!(diff["keeps_indexes"], false);
    stranger.api.get(&map_path(&event, "/diff")).await.refused(404, "not_found");
    tenant.api.get(&map_path(&event, "/diff?from=1&to=9")).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_moves_to_a_newer_version_and_nobody_loses_a_place() {
    let platform = Platform::start().await;
    let (tenant, stranger) = (platform.tenant().await, platform.tenant().await);
    let event = tenant.event(10, 20, json!({})).await;
    let server = platform.another_server(crate::support::Options::default()).await;
    let other = server.with_token(&tenant.page.token);
    assert_eq!(other.get(&event.path("/availability")).await.ok()["free"], 10);
    // Nothing to do.
    assert_eq!(move_on(&event, json!({})).await.ok()["seat_map_version"], 1);
    event.order_manual(&[0]).await.created();
    let cart = event.hold(&[9]).await.created();
    let both = json!({ "items": [{ "ga_area": AREA, "quantity": 18 }] });
    tenant.api.post("/v1/orders", event.manual(both)).await.created();
    event.availability_until("the sales", |a| a["sold"] == 1 && a["held"] == 1).await;

    type Refused = (&'static str, fn(&mut Value));
    let refused: [Refused; 6] = [
        // Row 2 would move up by one.
        ("P-2-1", |document| document["sections"][0]["rows"][0]["count"] = json!(6)),
        // Somebody has the last seat in the cart.
        ("P-2-5", |document| document["sections"][0]["rows"][1]["count"] = json!(4)),
        // A sold seat would be in a row of another name.
        ("P-1-1", |document| document["sections"][0]["rows"][0]["shown"] = json!("A")),
        (AREA, |document| document["ga_areas"][0]["capacity"] = json!(17)),
        (AREA, |document| drop(document.as_object_mut().unwrap().remove("ga_areas"))),
        ("Seat", |document| {
            document["categories"][0]["key"] = json!("c");
            document["sections"][0]["rows"][0]["category"] = json!("c");
            document["sections"][0]["rows"][1]["category"] = json!("c");
        }),
    ];
    for (object, change) in refused {
        publish_changed(&tenant, &event, change).await;
        let problem = move_on(&event, json!({})).await.refused(409, "seat_map_in_use");
        assert!(list(&problem, "objects").contains(&json!(object)), "{object}: {problem}");
    }
    let unmoved = tenant.api.get(&event.path("")).await.ok();
    assert_eq!(unmoved["seat_map_version"], 1);

    publish_changed(&tenant, &event, |document| {
        document["sections"][0]["rows"][0]["seats"] = json!([{ "position": 3, "traits": ["wheelchair"] }]);
        document["sections"][0]["rows"][1]["start"]["y"] = json!(95);
        document["ga_areas"][0]["capacity"] = json!(25);
        another_section(document);
    })
    .await;
    move_on(&event, json!({ "version": 99 })).await.refused(404, "not_found");
    stranger.api.post(&event.path("/seat-map"), json!({})).await.refused(404, "not_found");
    let moved = move_on(&event, json!({})).await.ok();
    assert_eq!(moved["seat_map_version"], 8, "{moved}");
    assert!(moved["revision"].as_i64() > unmoved["revision"].as_i64());
    // Once more is nothing more, and there is no way back.
    assert_eq!(move_on(&event, json!({ "version": 8 })).await.ok()["revision"], moved["revision"]);
    move_on(&event, json!({ "version": 7 })).await.refused(409, "conflict");
    // Every server sells the new places, and knows who has the old ones.
    for page in [&event.page, &other] {
        let seen = crate::support::wait_for("the new places", async || {
            let seen = page.get(&event.path("/availability")).await.ok();
            (seen["free"] == 11).then_some(seen)
        })
        .await;
        assert_eq!((&seen["sold_seats"], &seen["held_seats"]), (&json!([0]), &json!([9])), "{seen}");
        assert_eq!(seen["ga_areas"][0], json!({ "ga_area": AREA, "capacity": 25, "left": 7 }));
    }
    let plan = other.get(&event.path("/plan?version=8")).await.status(200);
    assert_eq!(eventflow_core::seat_map::Layout::from_plan(&plan.bytes).unwrap().seat_count(), 13);
    other.post(&event.path("/holds"), json!({ "items": items(&[0]) })).await.refused(409, "seats_taken");
    let new = other.post(&event.path("/holds"), json!({ "items": [{ "label": "Q-1-2" }] })).await.created();
    assert_eq!(new["items"][0]["seat"], 11);
    event.order_stripe(&new).await.created();
    // The cart from before is still one, and becomes an order.
    let order = event.order_stripe(&cart).await.created();
    assert_eq!(order["items"][0]["label"], "P-2-5");
    event.hold_places(8).await.refused(409, "sold_out");
    let draft = tenant.draft_event(4, 0, json!({})).await;
    move_on(&draft, json!({})).await.refused(409, "conflict");
    event.api.post(&event.path("/cancel"), json!({ "reason": "Fog" })).await.ok();
    move_on(&event, json!({})).await.refused(409, "conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sold_in_part_is_not_for_sale_as_a_whole_later() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let (sold, unsold) = (tenant.event(2, 20, json!({})).await, tenant.event(2, 20, json!({})).await);
    let one = json!({ "items": [{ "ga_area": AREA, "quantity": 1 }] });
    tenant.api.post("/v1/orders", sold.manual(one)).await.created();
    for event in [&sold, &unsold] {
        publish_changed(&tenant, event, |document| {
            document["ga_areas"][0]["sold"] = json!({ "kind": "whole" });
        })
        .await;
    }
    let diff = tenant.api.get(&map_path(&sold, "/diff?from=1&to=2")).await.ok();
    let area = &diff["ga_areas"][0];
    assert_eq!((&area["change"], &area["harmful"]), (&json!("occupancy"), &json!(true)), "{diff}");
    let problem = move_on(&sold, json!({})).await.refused(409, "seat_map_in_use");
    assert_eq!(problem["objects"], json!([AREA]));
    assert_eq!(move_on(&unsold, json!({})).await.ok()["seat_map_version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_document_is_read_and_one_with_too_much_in_it_is_not() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let path = format!("/v1/venues/{}/seat-maps", tenant.venue().await);
    let words = json!({ "at": { "x": 0, "y": 0 }, "text": "x".repeat(200), "size": 16 });
    let mut new = json!({
        "name": "Hall",
        "document": { "format": "eventflow.seat-map/1", "name": "Hall", "categories": [], "sections": [], "texts": vec![words; 2_000] },
    });
    let made = tenant.api.post(&path, new.clone()).await.created();
    assert_eq!(list(&made["document"], "texts").len(), 2_000);
    let changed = json!({ "document": made["document"], "draft_revision": 1 });
    let changed = tenant.api.patch(&format!("/v1/seat-maps/{}", text(&made, "id")), changed).await.ok();
    assert_eq!(changed["draft_revision"], 2);
    new["document"]["x"] = json!(vec![json!({}); 400_000]);
    let problem = tenant.api.post(&path, new).await.refused(400, "invalid_request");
    assert_eq!(problem["param"], "document");
    assert!(text(&problem, "detail").contains("objects"), "{problem}");
    let broken = tenant.api.send_bytes(Method::POST, &path, "application/json", b"{".to_vec()).await;
    broken.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_documents_is_public() {
    let platform = Platform::start().await;
    let schema = platform.anybody().get("/schemas/seat-map.json").await.status(200);
    assert_eq!(schema.header("content-type"), "application/schema+json");
    assert_eq!(schema.header("access-control-allow-origin"), "*");
    assert_eq!(schema.body, eventflow_core::seat_map::schema());
    // The contract leads there.
    let contract = platform.anybody().get("/openapi.json").await.ok();
    let document = &contract["components"]["schemas"]["NewSeatMap"]["properties"]["document"];
    assert_eq!(document["externalDocs"]["url"], "/schemas/seat-map.json", "{document}");
}

/// All that the picker does, with what a page and its visitor have.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_and_its_buyer_can_do_the_whole_sale() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let (event, elsewhere) = (tenant.seated_event(10).await, tenant.seated_event(4).await);
    let origin = "https://tickets.example.org";
    let page = tenant.page.with_header("origin", origin);
    for path in ["", "/price-tiers?limit=100", "/plan", "/availability", "/availability.bin"] {
        let answer = page.get(&event.path(path)).await.status(200);
        assert_eq!(answer.header("access-control-allow-origin"), origin, "{path}");
    }
    let keyed = page.with_key("key-of-the-hold-1");
    let hold = keyed.post(&event.path("/holds"), json!({ "items": items(&[2, 3]) })).await.created();
    let buyer = page.with_token(text(&hold, "token"));
    let path = format!("/v1/holds/{}", text(&hold, "id"));
    assert_eq!(buyer.get(&path).await.ok()["items"], hold["items"]);
    buyer.act(&format!("{path}/extend")).await.ok();
    let order = json!({
        "hold_id": hold["id"], "buyer": { "email": "ada@example.org", "name": "Ada" },
        "success_url": format!("{origin}/?order={{ORDER_ID}}"), "cancel_url": format!("{origin}/?cancelled"),
        "expected_total_minor": hold["totals"]["total_minor"],
    });
    let order = buyer.with_key("order-1").post("/v1/orders", order).await.created();
    let buyer = page.with_token(text(&order, "buyer_token"));
    // A buyer's token shows the event that it belongs to, and no other.
    for path in ["", "/price-tiers", "/plan", "/availability", "/availability.bin"] {
        buyer.get(&event.path(path)).await.status(200);
        buyer.get(&elsewhere.path(path)).await.refused(404, "not_found");
    }
    platform.sandbox.pay(&order).await;
    let path = format!("/v1/orders/{}", text(&order, "id"));
    let paid = crate::support::wait_for("the payment", async || {
        let order = buyer.act(&format!("{path}/refresh")).await.ok();
        (order["state"] == "paid").then_some(order)
    })
    .await;
    assert_eq!(buyer.get(&path).await.ok()["tickets"], paid["tickets"]);
    let tickets = buyer.get("/v1/tickets").await.ok();
    assert_eq!(list(&tickets, "data").len(), 2);
    for ticket in list(&tickets, "data") {
        assert!(!text(ticket, "token").is_empty());
        let code = buyer.get(&format!("/v1/tickets/{}/qr.svg", text(ticket, "id"))).await.status(200);
        assert_eq!(code.header("access-control-allow-origin"), origin);
        assert!(code.bytes.starts_with(b"<?xml") || code.bytes.starts_with(b"<svg"), "{code}");
    }
    let cart = event.hold(&[5]).await.created();
    page.with_token(text(&cart, "token")).delete(&format!("/v1/holds/{}", text(&cart, "id"))).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn why_nothing_is_sold_is_told() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let in_secs = crate::support::shop::in_secs;
    let early = tenant.event(4, 0, json!({ "sale_starts_at": in_secs(3_600) })).await;
    let late = tenant
        .event(4, 0, json!({ "sale_starts_at": in_secs(-7_200), "sale_ends_at": in_secs(-3_600) }))
        .await;
    let over = tenant.seated_event(4).await;
    over.api.post(&over.path("/cancel"), json!({ "reason": "Fog" })).await.ok();
    for (event, param, words) in
        [(early, "sale_starts_at", "begins"), (late, "sale_ends_at", "ended"), (over, "state", "cancelled")]
    {
        let problem = event.hold(&[0]).await.refused(409, "not_on_sale");
        assert_eq!(problem["param"], param);
        assert!(text(&problem, "detail").contains(words), "{problem}");
        // The page can still show what there is.
        tenant.page.get(&event.path("/plan")).await.status(200);
    }
}
