use serde_json::json;

use crate::world::{World, id};

#[tokio::test]
async fn refunds_never_exceed_the_charge() {
    let world = World::new().await;
    let session = world.paid().await;
    let intent = session["payment_intent"].as_str().unwrap();
    let refund = async |amount: i64| {
        world
            .post("/v1/refunds", &format!("payment_intent={intent}&amount={amount}&metadata[refund_id]=r"))
            .await
    };
    let first = refund(2000).await.ok();
    assert_eq!((first["status"].as_str(), first["amount"].as_i64()), (Some("succeeded"), Some(2000)));
    let over = refund(2201).await.refused(400, "greater than unrefunded amount");
    assert_eq!(over["param"], "amount");
    refund(0).await.refused(400, "positive");
    refund(-5).await.refused(400, "positive");
    refund(2200).await.ok();
    assert_eq!(refund(1).await.refused(400, "already been refunded")["code"], "charge_already_refunded");
    let list = world.get(&format!("/v1/refunds?payment_intent={intent}")).await.ok();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    let charge = world.get("/v1/charges").await.ok()["data"][0].clone();
    assert_eq!((charge["amount_refunded"].as_i64(), &charge["refunded"]), (Some(4200), &json!(true)));
    world.event("charge.refunded").await;
    world.event("refund.created").await;
}

#[tokio::test]
async fn many_refunds_at_once_share_one_charge() {
    let world = World::new().await;
    let session = world.paid().await;
    let form = format!("payment_intent={}&amount=1000", session["payment_intent"].as_str().unwrap());
    let answers = futures_util::future::join_all((0..10).map(|_| world.post("/v1/refunds", &form))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 4);
}

#[tokio::test]
async fn nothing_to_refund_without_money() {
    let world = World::new().await;
    let session = world.session().await;
    let declined = world.pay(&session, "4000000000000002").await.ok();
    assert_eq!(
        (&declined["outcome"], &declined["decline_code"]),
        (&json!("declined"), &json!("generic_decline"))
    );
    let intent = declined["session"]["payment_intent"].as_str().unwrap();
    world.post("/v1/refunds", &format!("payment_intent={intent}")).await.refused(400, "successful charge");
    world.post("/v1/refunds", "payment_intent=pi_none").await.refused(404, "No such");
    world.post("/v1/refunds", "").await.refused(400, "payment_intent or charge");
    world.post(&format!("/v1/payment_intents/{intent}/cancel"), "").await.refused(400, "expire the session");
    // The page stays open: the next card may pay, on the same intent.
    let paid = world.pay(&session, "4242424242424242").await.ok();
    assert_eq!(paid["session"]["payment_intent"], intent);
    world.event("payment_intent.payment_failed").await;
}

#[tokio::test]
async fn a_pending_refund_counts_until_it_fails() {
    let world = World::new().await;
    let session = world.paid().await;
    let form = format!("payment_intent={}", session["payment_intent"].as_str().unwrap());
    world.chaos(json!({"fault": "refund_status", "status": "pending", "next": 1})).await;
    let refund = world.post("/v1/refunds", &form).await.ok();
    assert_eq!(refund["status"], "pending");
    world.post("/v1/refunds", &form).await.refused(400, "already been refunded");
    let path = format!("refunds/{}/resolve", id(&refund));
    let failed = world.control(&path, json!({"status": "failed"})).await.ok();
    assert_eq!(failed["failure_reason"], "lost_or_stolen_card");
    world.control(&path, json!({"status": "succeeded"})).await.refused(400, "cannot go from failed");
    world.event("refund.updated").await;
    world.chaos(json!({"fault": "refund_status", "status": "failed", "next": 1})).await;
    assert_eq!(world.post("/v1/refunds", &form).await.ok()["status"], "failed");
    assert_eq!(world.post("/v1/refunds", &form).await.ok()["status"], "succeeded");
}

#[tokio::test]
async fn a_confirmation_decides() {
    let world = World::new().await;
    let session = world.session().await;
    let confirm = format!("sessions/{}/confirm", id(&session));
    world.control(&confirm, json!({})).await.refused(400, "does not wait");
    let asked = world.pay(&session, "4000002500003155").await.ok();
    assert_eq!(
        (&asked["outcome"], &asked["session"]["status"]),
        (&json!("needs_confirmation"), &json!("open"))
    );
    assert_eq!(world.control(&confirm, json!({"approve": false})).await.ok()["outcome"], "declined");
    world.pay(&session, "4000002500003155").await.ok();
    assert_eq!(world.control(&confirm, json!({"approve": true})).await.ok()["outcome"], "paid");
}

#[tokio::test]
async fn a_delayed_payment_waits_for_its_verdict() {
    let world = World::new().await;
    for (card, succeeded, event) in [
        ("delayed_success", true, "checkout.session.async_payment_succeeded"),
        ("delayed_failure", false, "checkout.session.async_payment_failed"),
    ] {
        let session = world.session().await;
        let answer = world.pay(&session, card).await.ok();
        assert_eq!(answer["outcome"], "processing");
        assert_eq!(answer["session"]["status"], "complete");
        assert_eq!(answer["session"]["payment_status"], "unpaid");
        let intent = answer["session"]["payment_intent"].as_str().unwrap();
        world
            .post("/v1/refunds", &format!("payment_intent={intent}"))
            .await
            .refused(400, "successful charge");
        let path = format!("sessions/{}/resolve", id(&session));
        let resolved = world.control(&path, json!({})).await.ok();
        let status = if succeeded { "paid" } else { "unpaid" };
        assert_eq!(resolved["object"]["payment_status"], status);
        let event = world.event(event).await;
        assert_eq!(event.event["data"]["object"]["payment_status"], status);
        world.control(&path, json!({})).await.refused(400, "does not wait");
    }
}

#[tokio::test]
async fn a_session_for_cards_takes_no_debit() {
    let world = World::new().await;
    let now = world.look("clock").await["now"].as_i64().unwrap();
    for list in ["allowed_payment_method_types[0]=card", "payment_method_types[]=card"] {
        let form = format!("{}&{list}", crate::world::session_form(now + 1900));
        let session = world.post("/v1/checkout/sessions", &form).await.ok();
        assert_eq!(session["payment_method_types"], json!(["card"]));
        world.pay(&session, "delayed_success").await.refused(400, "cards only");
    }
}

#[tokio::test]
async fn a_dispute_blocks_refunds_until_it_is_won() {
    let world = World::new().await;
    let session = world.paid().await;
    let dispute = world.control("disputes", json!({"session": session["id"]})).await.ok();
    assert_eq!((&dispute["status"], &dispute["amount"]), (&json!("needs_response"), &json!(4200)));
    world.control("disputes", json!({"session": session["id"]})).await.refused(400, "no charge");
    let form = format!("payment_intent={}", session["payment_intent"].as_str().unwrap());
    assert_eq!(
        world.post("/v1/refunds", &form).await.refused(400, "charged back")["code"],
        "charge_disputed"
    );
    let path = format!("disputes/{}/close", id(&dispute));
    world.control(&path, json!({"status": "drawn"})).await.refused(400, "won or lost");
    assert_eq!(world.control(&path, json!({"status": "won"})).await.ok()["status"], "won");
    world.control(&path, json!({"status": "lost"})).await.refused(400, "already closed");
    world.post("/v1/refunds", &form).await.ok();
    world.event("charge.dispute.created").await;
    let closed = world.event("charge.dispute.closed").await;
    assert_eq!(closed.event["data"]["object"]["status"], "won");
    let read = world.get(&format!("/v1/disputes/{}", id(&dispute))).await.ok();
    assert_eq!(read["status"], "won");
}

#[tokio::test]
async fn the_journal_tells_the_truth_about_money() {
    let world = World::new().await;
    let session = world.paid().await;
    let form = format!("payment_intent={}&amount=1500", session["payment_intent"].as_str().unwrap());
    world.post("/v1/refunds", &form).await.ok();
    let journal = world.look("journal").await;
    let entries = journal["data"].as_array().unwrap();
    let amounts = |kind: &str| -> i64 {
        entries
            .iter()
            .filter(|entry| entry["kind"] == kind)
            .map(|entry| entry["data"]["amount"].as_i64().unwrap())
            .sum()
    };
    assert_eq!((amounts("charge_succeeded"), amounts("refund_created")), (4200, 1500));
    assert_eq!(amounts("session_paid"), 4200);
    let last = entries.last().unwrap()["sequence"].as_u64().unwrap();
    assert!(
        world.look(&format!("journal?after={last}&kind=session_paid")).await["data"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}
