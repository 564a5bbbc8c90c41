//! Tickets, their codes, and who may see them.

use serde_json::json;

use crate::support::{Platform, list, shop::codes, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_has_signed_tickets_with_codes_in_two_formats() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0, 1]).await.created();
    assert_eq!(order["state"], "paid");
    let tickets = list(&order, "tickets");
    assert_eq!(tickets.iter().map(|ticket| text(ticket, "label")).collect::<Vec<_>>().len(), 2);
    for code in codes(&order) {
        assert!(code.starts_with("EF1:") && code.len() == 154, "{code}");
    }
    let path = format!("/v1/tickets/{}", text(&tickets[0], "id"));
    assert_eq!(tenant.api.get(&path).await.ok()["token"], tickets[0]["token"]);

    let svg = tenant.api.get(&format!("{path}/qr.svg")).await.status(200);
    assert_eq!(svg.header("content-type"), "image/svg+xml");
    let picture = String::from_utf8(svg.bytes).unwrap();
    assert!(
        picture.contains("<svg") && picture.trim_end().ends_with("</svg>") && !picture.contains("<script"),
        "{picture}"
    );
    for scale in [1, 8, 20] {
        let png = tenant.api.get(&format!("{path}/qr.png?scale={scale}")).await.status(200);
        assert_eq!(png.header("content-type"), "image/png");
        let reader = png::Decoder::new(std::io::Cursor::new(png.bytes)).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (49 * scale, 49 * scale));
    }
    tenant.api.get(&format!("{path}/qr.png?scale=21")).await.status(400).check_problem();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_sees_the_tickets_of_their_order_only() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let (mine, theirs) = (event.order_manual(&[0]).await.created(), event.order_manual(&[1]).await.created());
    let me = tenant.page.with_token(text(&mine, "buyer_token"));
    assert_eq!(list(&me.get("/v1/tickets").await.ok(), "data").len(), 1);
    me.get(&format!("/v1/orders/{}", text(&mine, "id"))).await.ok();
    me.get(&format!("/v1/orders/{}", text(&theirs, "id"))).await.refused(404, "not_found");
    me.get(&format!("/v1/tickets?order_id={}", text(&theirs, "id"))).await.refused(404, "not_found");
    let ticket = format!("/v1/tickets/{}", text(&list(&theirs, "tickets")[0], "id"));
    for path in ["", "/qr.svg", "/qr.png"] {
        me.get(&format!("{ticket}{path}")).await.refused(404, "not_found");
    }
    me.act(&format!("/v1/orders/{}/cancel", text(&theirs, "id"))).await.refused(404, "not_found");
    me.post(&format!("{ticket}/void"), json!({ "reason": "mine" })).await.refused(403, "permission_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_ticket_has_no_code_and_stays_void() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    let path = format!("/v1/tickets/{}", text(&list(&order, "tickets")[0], "id"));
    let void = tenant.api.post(&format!("{path}/void"), json!({ "reason": "Lost" })).await.ok();
    assert_eq!(
        (&void["state"], &void["void_reason"], void["token"].is_null()),
        (&json!("void"), &json!("Lost"), true)
    );
    assert!(tenant.api.get(&path).await.ok()["token"].is_null());
    tenant.api.get(&format!("{path}/qr.svg")).await.refused(409, "ticket_state");
    tenant.api.get(&format!("{path}/qr.png")).await.refused(409, "ticket_state");
    tenant.api.post(&format!("{path}/void"), json!({ "reason": "Again" })).await.refused(409, "ticket_state");
    let order = tenant.order(&order["id"]).await;
    assert_eq!(list(&order, "tickets")[0]["state"], "void");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_was_signed_before_a_rotation_stays_good() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let old = event.order_manual(&[0]).await.created();
    tenant.api.act("/v1/ticket-keys/rotate").await.created();
    let new = event.order_manual(&[1]).await.created();
    assert_eq!(codes(&tenant.order(&old["id"]).await), codes(&old), "the code does not change");
    let (_, scanner) = event.door(json!({})).await;
    for order in [&old, &new] {
        let scan = json!({ "scans": [{ "id": uuid::Uuid::now_v7(), "token": codes(order)[0] }] });
        assert_eq!(scanner.post("/v1/check-ins", scan).await.ok()["results"][0]["outcome"], "admitted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_list_are_complete_and_disjoint() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.ga_event(60).await;
    for _ in 0..3 {
        let seven = json!({ "items": [{ "ga_area": crate::support::AREA, "quantity": 7 }] });
        tenant.api.post("/v1/orders", event.manual(seven)).await.created();
    }
    for (path, total) in [
        (format!("/v1/tickets?event_id={}", event.id), 21),
        (format!("/v1/orders?event_id={}", event.id), 3),
        ("/v1/audit-log?".to_owned(), platform.number("SELECT count(*) FROM audit_log").await),
        (
            format!("/v1/ledger?event_id={}", event.id),
            platform.number("SELECT count(*) FROM ledger_entries").await,
        ),
    ] {
        let mut seen = std::collections::BTreeSet::new();
        let (mut cursor, mut count) = (String::new(), 0);
        loop {
            let page = tenant.api.get(&format!("{path}&limit=2{cursor}")).await.ok();
            assert!(list(&page, "data").len() <= 2, "{page}");
            count += list(&page, "data").len();
            seen.extend(list(&page, "data").iter().map(|row| text(row, "id").to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(
            (seen.len(), count),
            (usize::try_from(total).unwrap(), usize::try_from(total).unwrap()),
            "{path}"
        );
    }
    assert_eq!(list(&tenant.api.get("/v1/orders?state=paid").await.ok(), "data").len(), 3);
    assert_eq!(list(&tenant.api.get("/v1/orders?state=expired").await.ok(), "data").len(), 0);
    assert_eq!(list(&tenant.api.get("/v1/orders?email=GRACE@example.org").await.ok(), "data").len(), 3);
    tenant.api.get("/v1/orders?state=nonsense").await.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_balances_for_every_order() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(10, 10, json!({})).await;
    let order = event.order_manual(&[0, 1, 2]).await.created();
    let refunds = format!("/v1/orders/{}/refunds", text(&order, "id"));
    tenant.api.post(&refunds, json!({ "amount_minor": 100 })).await.created();
    tenant.api.post(&refunds, json!({ "item_ids": [order["items"][0]["id"]] })).await.created();
    let over = json!({ "amount_minor": 999_999 });
    tenant.api.post(&refunds, over).await.refused(422, "refund_too_large");
    let ledger = tenant.api.get(&format!("/v1/ledger?limit=100&order_id={}", text(&order, "id"))).await.ok();
    let entries = list(&ledger, "data");
    assert!(entries.len() >= 6, "{ledger}");
    assert_eq!(
        entries.iter().map(|entry| entry["amount_minor"].as_i64().unwrap()).sum::<i64>(),
        0,
        "{ledger}"
    );
}
