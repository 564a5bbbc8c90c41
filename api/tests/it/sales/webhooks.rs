//! Money and messages of the provider: duplicated, reordered, late, forged and lost ones, and everything that can be
//! heard of a payment after its order has moved on.

use chrono::Utc;
use eventflow_payments::signature;
use eventflow_torture::checker::mistake;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    checker::{Circumstances, uuid_of},
    support::{
        Answer, Event, Platform, Tenant, WEBHOOK_SECRET, list, session_of, text, wait_for, wait_until,
    },
};

const DELAYED_SUCCESS: &str = "delayed_success";
const DELAYED_FAILURE: &str = "delayed_failure";
/// Pays, and the bank disputes it at once.
const DISPUTED_CARD: &str = "4000000000000259";

/// An order of the first two of ten seats that waits to be paid.
struct Sale {
    platform: Platform,
    tenant: Tenant,
    event: Event,
    order: Value,
}

impl Sale {
    async fn begin() -> Self {
        Self::with(json!({})).await
    }

    async fn with(terms: Value) -> Self {
        let platform = Platform::start().await;
        let tenant = platform.tenant().await;
        let event = tenant.event(10, 0, terms).await;
        let hold = event.hold(&[0, 1]).await.created();
        let order = event.order_stripe(&hold).await.created();
        Self { platform, tenant, event, order }
    }

    fn id(&self) -> Uuid {
        uuid_of(text(&self.order, "id"))
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/orders/{}{rest}", text(&self.order, "id"))
    }

    async fn pay(&self) {
        self.platform.sandbox.pay(&self.order).await;
    }

    async fn becomes(&self, state: &str) -> Value {
        self.tenant.order_in_state(&self.order["id"], state).await
    }

    async fn state(&self) -> String {
        text(&self.tenant.order(&self.order["id"]).await, "state").to_owned()
    }

    async fn check(&self) {
        self.platform.check_clean().await;
    }

    /// A person will have to look at this order.
    async fn check_for_people(&self) {
        let for_people = vec![self.id()];
        self.platform.check_at_rest(Circumstances { for_people, ..Circumstances::default() }).await;
    }

    async fn ticket_states(&self) -> Vec<String> {
        let order = self.tenant.order(&self.order["id"]).await;
        list(&order, "tickets").iter().map(|ticket| text(ticket, "state").to_owned()).collect()
    }

    async fn seats_are_free(&self) {
        wait_until("the seats to be free", async || {
            let hold = self.event.hold(&[0, 1]).await;
            if hold.status == 201 {
                self.event
                    .page
                    .with_token(text(&hold.body, "token"))
                    .delete(&format!("/v1/holds/{}", text(&hold.body, "id")))
                    .await
                    .done();
            }
            hold.status == 201
        })
        .await;
    }
}

impl Platform {
    /// A rule of chaos of the sandbox.
    pub async fn chaos(&self, rule: Value) {
        self.sandbox.control.post("/_sandbox/chaos", rule).await.ok();
    }

    pub async fn calm(&self) {
        self.sandbox.control.delete("/_sandbox/chaos").await.ok();
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        self.sandbox.control.post(&format!("/_sandbox/{path}"), body).await.ok()
    }

    /// Everything that would be due some day is due now.
    pub async fn hurry(&self) {
        self.hurry_jobs().await;
        self.app.wake_jobs();
    }

    async fn journal(&self, kind: &str) -> Vec<Value> {
        list(&self.sandbox.control.get(&format!("/_sandbox/journal?kind={kind}")).await.ok(), "data").to_vec()
    }

    /// Delivers an event with a signature of our own making.
    async fn deliver(&self, event: &Value, secret: &str, age_secs: i64) -> Answer {
        let body = event.to_string().into_bytes();
        let header = signature::sign(&secret.to_owned().into(), Utc::now().timestamp() - age_secs, &body);
        let client = self.anybody().with_header("stripe-signature", &header);
        client.send_bytes(Method::POST, "/v1/webhooks/stripe", "application/json", body).await
    }
}

/// An event that says that a session was paid.
fn says_paid(session: &str) -> Value {
    json!({
        "id": format!("evt_{}", Uuid::now_v7().simple()), "object": "event", "type": "checkout.session.completed",
        "created": Utc::now().timestamp(), "livemode": false, "api_version": "2026-09-30.endive",
        "data": { "object": { "id": session, "object": "checkout.session", "status": "complete", "payment_status": "paid" } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_in_any_order_take_effect_once() {
    let sale = Sale::begin().await;
    sale.platform.chaos(json!({ "fault": "webhook_duplicate", "copies": 4 })).await;
    sale.platform.chaos(json!({ "fault": "webhook_reorder", "ms": 800, "seed": 11 })).await;
    sale.pay().await;
    sale.becomes("paid").await;
    let events = sale.platform.rows("SELECT provider_event_id AS id FROM provider_events").await;
    for event in &events {
        sale.platform.control(&format!("events/{}/redeliver", text(event, "id")), json!({})).await;
    }
    sale.check().await;
    assert_eq!(sale.platform.number("SELECT count(*) FROM tickets").await, 2);
    assert_eq!(
        sale.platform.number("SELECT count(*) FROM ledger_entries WHERE account = 'clearing_stripe'").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_stale_and_foreign_events_change_nothing() {
    let sale = Sale::begin().await;
    let (platform, session) = (&sale.platform, session_of(&sale.order));
    let event = says_paid(session);
    platform.deliver(&event, "whsec_of_somebody_else", 0).await.refused(400, "signature_invalid");
    platform.deliver(&event, WEBHOOK_SECRET, 302).await.refused(400, "signature_invalid");
    platform.deliver(&event, WEBHOOK_SECRET, -302).await.refused(400, "signature_invalid");
    let unsigned = platform.anybody().post("/v1/webhooks/stripe", event.clone()).await;
    unsigned.refused(400, "signature_invalid");
    let other_body = event.to_string().replace("evt_", "evt_x");
    let header = signature::sign(
        &WEBHOOK_SECRET.to_owned().into(),
        Utc::now().timestamp(),
        event.to_string().as_bytes(),
    );
    platform
        .anybody()
        .with_header("stripe-signature", &header)
        .send_bytes(Method::POST, "/v1/webhooks/stripe", "application/json", other_body.into_bytes())
        .await
        .refused(400, "signature_invalid");
    assert_eq!(platform.number("SELECT count(*) FROM provider_events").await, 0);

    // Well signed, and about something that is not ours: kept, and nothing happens.
    let mut foreign = says_paid(session);
    foreign["account"] = json!("acct_another");
    assert_eq!(platform.deliver(&foreign, WEBHOOK_SECRET, 0).await.ok()["status"], "ignored");
    let mut live = says_paid(session);
    live["livemode"] = json!(true);
    assert_eq!(platform.deliver(&live, WEBHOOK_SECRET, 0).await.ok()["status"], "ignored");
    let unknown = says_paid("cs_test_nobody_knows");
    assert_eq!(platform.deliver(&unknown, WEBHOOK_SECRET, 0).await.ok()["status"], "ignored");

    // Well signed, ours, and a lie: what counts is the session itself.
    assert_eq!(platform.deliver(&event, WEBHOOK_SECRET, 298).await.ok()["status"], "stored");
    assert_eq!(platform.deliver(&event, WEBHOOK_SECRET, -298).await.ok()["status"], "duplicate");
    platform.control(&format!("sessions/{session}/forge"), json!({ "signed": true })).await;
    platform.control(&format!("sessions/{session}/forge"), json!({})).await;
    platform.chaos(json!({ "fault": "webhook_old_timestamp", "secs": 301, "next": 1 })).await;
    wait_until("the lies to be looked at", async || {
        platform.number("SELECT count(*) FROM provider_events WHERE state = 'done'").await == 2
    })
    .await;
    assert_eq!(sale.state().await, "pending");
    assert_eq!(platform.number("SELECT count(*) FROM tickets").await, 0);
    platform.calm().await;

    platform.chaos(json!({ "fault": "webhook_two_v1" })).await;
    sale.pay().await;
    sale.becomes("paid").await;
    platform.check_clean().await;
}

/// Another tenant sells on its own account and names our order and session in its events.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_account_never_reaches_our_order() {
    let sale = Sale::begin().await;
    let other = sale.platform.tenant().await;
    sale.platform.control("accounts", json!({ "id": "acct_rival" })).await;
    other.api.patch("/v1/tenant", json!({ "stripe_account": "acct_rival" })).await.ok();
    let terms = format!("/v1/tenants/{}", other.id);
    sale.platform.bootstrap().patch(&terms, json!({ "application_fee_bps": 250 })).await.ok();
    let event = other.seated_event(4).await;
    let hold = event.hold(&[2]).await.created();
    let order = event.order_stripe(&hold).await.created();
    let session = session_of(&sale.order);
    sale.platform
        .control(&format!("sessions/{session}/forge"), json!({ "signed": true, "account": "acct_rival" }))
        .await;
    sale.platform.sandbox.pay(&order).await;
    let paid = other.order_in_state(&order["id"], "paid").await;
    assert_eq!(sale.state().await, "pending");
    // The platform's share was booked, and goes back with the refund.
    let fees =
        "SELECT coalesce(sum(amount_minor), 0)::bigint FROM ledger_entries WHERE account = 'application_fee'";
    assert_eq!(
        sale.platform.number(fees).await,
        paid["totals"]["total_minor"].as_i64().unwrap() * 250 / 10_000
    );
    other.api.post(&format!("/v1/orders/{}/refunds", text(&order, "id")), json!({})).await.created();
    other.order_in_state(&order["id"], "refunded").await;
    assert_eq!(sale.platform.number(fees).await, 0);
    sale.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_webhooks_only_slow_things_down() {
    let sale = Sale::begin().await;
    sale.platform.chaos(json!({ "fault": "webhook_drop" })).await;
    sale.pay().await;
    sale.platform.hurry().await;
    let paid = sale.becomes("paid").await;
    assert_eq!(list(&paid, "tickets").len(), 2);
    sale.check().await;

    // Who comes back from the hosted page need not even wait for that.
    let hold = sale.event.hold(&[4]).await.created();
    let order = sale.event.order_stripe(&hold).await.created();
    sale.platform.sandbox.pay(&order).await;
    let buyer = sale.event.page.with_token(text(&order, "buyer_token"));
    let seen = buyer.act(&format!("/v1/orders/{}/refresh", text(&order, "id"))).await.ok();
    assert_eq!(seen["state"], "paid");
    sale.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_amount_waits_for_a_person() {
    let sale = Sale::begin().await;
    sale.platform.sql("UPDATE payments SET amount_minor = amount_minor + 1").await;
    sale.pay().await;
    let order = sale.becomes("needs_review").await;
    assert!(list(&order, "tickets").is_empty());
    sale.event.hold(&[0]).await.refused(409, "seats_taken");
    sale.check_for_people().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_payment_keeps_its_seats_until_the_verdict() {
    for (card, end) in [(DELAYED_SUCCESS, "paid"), (DELAYED_FAILURE, "expired")] {
        let sale = Sale::with(json!({ "delayed_payments": true })).await;
        sale.platform.sandbox.pay_with(&sale.order, card).await.ok();
        sale.becomes("processing").await;
        // Its deadline does not count any more.
        sale.platform.hurry().await;
        sale.event.hold(&[1]).await.refused(409, "seats_taken");
        sale.platform.chaos(json!({ "fault": "webhook_duplicate", "copies": 2 })).await;
        sale.platform.control(&format!("sessions/{}/resolve", session_of(&sale.order)), json!({})).await;
        let order = sale.becomes(end).await;
        assert_eq!(list(&order, "tickets").len(), if end == "paid" { 2 } else { 0 });
        if end == "expired" {
            sale.seats_are_free().await;
        }
        sale.check().await;
    }
}

/// The verdict overtakes the news that there will be one.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_heard_of_first_ends_the_order() {
    let sale = Sale::with(json!({ "delayed_payments": true })).await;
    sale.platform
        .chaos(json!({ "fault": "webhook_delay", "ms": 2500, "match": "checkout.session.completed" }))
        .await;
    sale.platform.chaos(json!({ "fault": "webhook_drop", "match": "payment_intent" })).await;
    sale.platform.sandbox.pay_with(&sale.order, DELAYED_FAILURE).await.ok();
    sale.platform.control(&format!("sessions/{}/resolve", session_of(&sale.order)), json!({})).await;
    sale.becomes("expired").await;
    sale.seats_are_free().await;
    sale.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_pays_gives_its_seats_back() {
    let sale = Sale::begin().await;
    sale.platform.hurry().await;
    sale.becomes("expired").await;
    assert_eq!(sale.platform.journal("session_expired").await.len(), 1);
    sale.platform.sandbox.pay_with(&sale.order, "4242424242424242").await.status(400);
    sale.seats_are_free().await;
    sale.check().await;
}

/// While the provider cannot say that nobody will pay, the places stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_outlives_an_unreachable_provider() {
    let sale = Sale::begin().await;
    sale.platform.chaos(json!({ "fault": "api_unavailable", "match": "/v1/checkout/sessions" })).await;
    sale.platform.hurry().await;
    wait_until("the lapse to be tried", async || {
        sale.platform.number("SELECT coalesce(max(attempts), 0)::bigint FROM jobs WHERE kind = 'lapse'").await
            > 0
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(sale.state().await, "pending");
    sale.event.hold(&[0]).await.refused(409, "seats_taken");
    sale.platform.calm().await;
    sale.lapses().await;
    sale.check().await;
}

/// A key repeats an error for a day; the places must not wait for that.
#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_whose_answer_is_lost_is_read_back() {
    for fault in ["api_error_after_effect", "api_reset_after"] {
        let sale = Sale::begin().await;
        sale.expiry_fails(fault, 9).await;
        sale.lapses().await;
        sale.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_that_did_not_happen_gives_nothing_away() {
    let sale = Sale::begin().await;
    sale.expiry_fails("api_error_before_effect", 1).await;
    sale.platform.hurry().await;
    wait_until("the expiry to fail", async || {
        let rules = sale.platform.sandbox.control.get("/_sandbox/chaos").await.ok();
        list(&rules, "rules")[0]["hits"] == 1
    })
    .await;
    // Until the next try, which comes after seconds, the session can be paid.
    assert_eq!(sale.state().await, "pending");
    sale.event.hold(&[0]).await.refused(409, "seats_taken");
    sale.pay().await;
    sale.becomes("paid").await;
    sale.check().await;
}

impl Sale {
    async fn lapses(&self) {
        wait_for("the order to lapse", async || {
            self.platform.hurry().await;
            (self.state().await == "expired").then_some(())
        })
        .await;
    }

    async fn expiry_fails(&self, fault: &str, times: u32) {
        let calls = "POST /v1/checkout/sessions/";
        self.platform.chaos(json!({ "fault": fault, "match": calls, "next": times })).await;
    }

    /// Closes the order as only a mistake or a disaster could: the session can still be paid.
    async fn lapse_by_mistake(&self) {
        self.platform.sql(&mistake::lapse(self.id().into())).await;
        assert_eq!(self.state().await, "expired");
        self.seats_are_free().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_money_gets_the_same_seats_when_they_are_free() {
    let sale = Sale::begin().await;
    sale.lapse_by_mistake().await;
    sale.pay().await;
    let paid = sale.becomes("paid").await;
    let seats: Vec<_> =
        list(&paid, "tickets").iter().map(|ticket| text(ticket, "label").to_owned()).collect();
    assert_eq!(seats, ["P-1-1", "P-1-2"]);
    sale.platform.mirrored().await;
    sale.event.hold(&[0]).await.refused(409, "seats_taken");
    sale.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_money_without_seats_goes_back_once() {
    let sale = Sale::begin().await;
    sale.lapse_by_mistake().await;
    sale.event.order_manual(&[1]).await.created();
    sale.platform.chaos(json!({ "fault": "webhook_duplicate", "copies": 3 })).await;
    sale.pay().await;
    let order = sale.becomes("refunded").await;
    assert!(list(&order, "tickets").is_empty());
    sale.check().await;
    sale.platform.hurry().await;
    sale.tenant.api.act(&sale.path("/refresh")).await.ok();
    sale.check().await;
    assert_eq!(sale.platform.journal("refund_created").await.len(), 1);
    let postings = sale
        .platform
        .rows(&format!("SELECT posting, amount_minor FROM ledger_entries WHERE account = 'held_money' AND order_id = '{}'", sale.id()))
        .await;
    assert_eq!(postings.len(), 2, "{postings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn late_money_gets_other_seats_when_the_event_allows_it() {
    let sale = Sale::with(json!({ "reseat_late_payments": true })).await;
    sale.lapse_by_mistake().await;
    sale.event.order_manual(&[1]).await.created();
    sale.pay().await;
    let paid = sale.becomes("paid").await;
    let seats: Vec<_> =
        list(&paid, "tickets").iter().map(|ticket| text(ticket, "label").to_owned()).collect();
    assert_eq!(seats.len(), 2);
    assert!(!seats.contains(&"P-1-2".to_owned()), "{seats:?}");
    sale.check().await;
}

/// A refund of late money whose answer is lost is still one refund.
#[tokio::test(flavor = "multi_thread")]
async fn late_money_goes_back_once_even_when_the_answer_is_lost() {
    let sale = Sale::begin().await;
    sale.lapse_by_mistake().await;
    sale.event.order_manual(&[0]).await.created();
    sale.platform
        .chaos(json!({ "fault": "api_error_after_effect", "match": "POST /v1/refunds", "next": 1 }))
        .await;
    sale.platform.chaos(json!({ "fault": "webhook_drop", "match": "refund" })).await;
    sale.platform.chaos(json!({ "fault": "webhook_drop", "match": "charge" })).await;
    sale.pay().await;
    wait_until("the refund to be found", async || {
        sale.platform.hurry().await;
        sale.state().await == "refunded"
    })
    .await;
    assert_eq!(sale.platform.journal("refund_created").await.len(), 1);
    sale.check().await;
}

/// The buyer pays while the order is being closed: one of both happens.
#[tokio::test(flavor = "multi_thread")]
async fn paying_and_closing_at_once_has_one_winner() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(24).await;
    let mut ends = std::collections::BTreeMap::<String, u32>::new();
    for round in 0..12_u32 {
        let hold = event.hold(&[round * 2, round * 2 + 1]).await.created();
        let order = event.order_stripe(&hold).await.created();
        let path = format!("/v1/orders/{}", text(&order, "id"));
        let close = async {
            if round % 2 == 0 {
                let _ = event.api.act(&format!("{path}/cancel")).await;
            } else {
                platform.hurry().await;
            }
        };
        let pay = async {
            tokio::time::sleep(std::time::Duration::from_millis(u64::from(round / 2) * 30)).await;
            platform.sandbox.pay_with(&order, "4242424242424242").await.status == 200
        };
        let ((), paid) = tokio::join!(close, pay);
        let state = wait_for("the order to end", async || {
            let state = text(&tenant.order(&order["id"]).await, "state").to_owned();
            (state != "pending").then_some(state)
        })
        .await;
        assert_eq!(state == "paid", paid, "{state}");
        *ends.entry(state).or_default() += 1;
    }
    println!("{ends:?}");
    platform.check_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_freezes_tickets_and_a_win_thaws_them() {
    let sale = Sale::begin().await;
    sale.pay().await;
    sale.becomes("paid").await;
    let dispute = sale.platform.control("disputes", json!({ "session": session_of(&sale.order) })).await;
    sale.becomes("disputed").await;
    assert_eq!(sale.ticket_states().await, ["frozen", "frozen"]);
    sale.platform
        .control(&format!("disputes/{}/close", text(&dispute, "id")), json!({ "status": "won" }))
        .await;
    sale.becomes("paid").await;
    assert_eq!(sale.ticket_states().await, ["valid", "valid"]);
    // What comes late or twice changes nothing.
    for event in sale.platform.rows("SELECT provider_event_id AS id FROM provider_events").await {
        sale.platform.control(&format!("events/{}/redeliver", text(&event, "id")), json!({})).await;
    }
    sale.check().await;
    assert_eq!(sale.ticket_states().await, ["valid", "valid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_dispute_counts_after_one_that_was_won() {
    let sale = Sale::begin().await;
    sale.pay().await;
    sale.becomes("paid").await;
    for (end, state, tickets) in [("won", "paid", "valid"), ("lost", "charged_back", "void")] {
        let dispute = sale.platform.control("disputes", json!({ "session": session_of(&sale.order) })).await;
        sale.becomes("disputed").await;
        sale.platform
            .control(&format!("disputes/{}/close", text(&dispute, "id")), json!({ "status": end }))
            .await;
        sale.becomes(state).await;
        assert_eq!(sale.ticket_states().await, [tickets, tickets], "{end}");
    }
    sale.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_dispute_makes_tickets_void() {
    let sale = Sale::begin().await;
    sale.pay().await;
    sale.becomes("paid").await;
    // Its end is heard of before its beginning.
    sale.platform
        .chaos(json!({ "fault": "webhook_delay", "ms": 2000, "match": "charge.dispute.created" }))
        .await;
    sale.platform
        .chaos(json!({ "fault": "webhook_delay", "ms": 2000, "match": "charge.dispute.funds" }))
        .await;
    let dispute = sale.platform.control("disputes", json!({ "session": session_of(&sale.order) })).await;
    sale.platform
        .control(&format!("disputes/{}/close", text(&dispute, "id")), json!({ "status": "lost" }))
        .await;
    sale.becomes("charged_back").await;
    assert_eq!(sale.ticket_states().await, ["void", "void"]);
    sale.check().await;
    assert_eq!(sale.state().await, "charged_back");
    // Nobody comes with these tickets: their seats are sold again.
    sale.event.order_manual(&[0, 1]).await.created();
    sale.check().await;
}

/// The dispute is heard of before the payment itself: nobody knows whose it is yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_that_overtakes_its_payment_is_not_forgotten() {
    let sale = Sale::begin().await;
    for kind in ["checkout", "payment_intent"] {
        sale.platform.chaos(json!({ "fault": "webhook_delay", "ms": 2500, "match": kind })).await;
    }
    sale.platform.sandbox.pay_with(&sale.order, DISPUTED_CARD).await.ok();
    wait_until("the dispute to be ignored", async || {
        sale.platform.number("SELECT count(*) FROM provider_events WHERE state = 'ignored' AND kind LIKE 'charge.dispute%'").await > 0
    })
    .await;
    sale.becomes("disputed").await;
    assert_eq!(sale.ticket_states().await, ["frozen", "frozen"]);
    sale.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_by_amount_by_ticket_and_of_the_rest() {
    let sale = Sale::begin().await;
    sale.pay().await;
    let paid = sale.becomes("paid").await;
    let total = paid["totals"]["total_minor"].as_i64().unwrap();
    let refunds = sale.path("/refunds");
    let api = sale.tenant.api.with_key("goodwill");
    let mut acknowledged = vec![];
    for _ in 0..3 {
        let refund = api.post(&refunds, json!({ "amount_minor": 500, "reason": "goodwill" })).await.created();
        acknowledged.push(("goodwill".to_owned(), refund));
    }
    assert_eq!(sale.state().await, "partially_refunded");
    assert_eq!(sale.ticket_states().await, ["valid", "valid"]);
    api.post(&refunds, json!({ "amount_minor": 501 })).await.refused(422, "idempotency_conflict");
    sale.tenant.api.post(&refunds, json!({ "amount_minor": total })).await.refused(422, "refund_too_large");

    let item = &list(&paid, "items")[0];
    let by_item = json!({ "item_ids": [item["id"]] });
    sale.tenant.api.post(&refunds, by_item.clone()).await.created();
    sale.tenant.api.post(&refunds, by_item).await.refused(409, "conflict");
    assert_eq!(sale.ticket_states().await.iter().filter(|state| *state == "void").count(), 1);
    sale.platform.check_at_rest(Circumstances { acknowledged, ..Circumstances::default() }).await;
    let seat = item["seat"].as_u64().unwrap() as u32;
    let again = wait_for("the seat to be free", async || {
        Some(sale.event.hold(&[seat]).await).filter(|a| a.status == 201)
    })
    .await;
    let resold = sale.event.order_stripe(&again.body).await.created();
    sale.platform.sandbox.pay(&resold).await;
    sale.tenant.order_in_state(&resold["id"], "paid").await;

    sale.tenant.api.post(&refunds, json!({})).await.created();
    sale.becomes("refunded").await;
    assert_eq!(sale.ticket_states().await, ["void", "void"]);
    sale.tenant.api.post(&refunds, json!({})).await.refused(409, "order_state");
    sale.check().await;
}

/// What became of a refund is not known at first; it is found out, and the money moves once.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_with_an_unknown_outcome_is_resolved() {
    for (fault, next) in [
        ("api_error_after_effect", 1),
        ("api_reset_after", 3),
        ("api_reset_before", 3),
        ("api_unavailable", 4),
    ] {
        let sale = Sale::begin().await;
        sale.pay().await;
        sale.becomes("paid").await;
        // No webhook helps.
        sale.platform.chaos(json!({ "fault": "webhook_drop" })).await;
        sale.platform.chaos(json!({ "fault": fault, "match": "POST /v1/refunds", "next": next })).await;
        let client = sale.tenant.api.with_key("full-refund");
        let refund = client.post(&sale.path("/refunds"), json!({})).await.created();
        assert_eq!(refund["state"], "unknown", "{fault}: {refund}");
        client.post(&sale.path("/refunds"), json!({})).await.created();
        wait_until("the refund to be resolved", async || {
            sale.platform.hurry().await;
            sale.state().await == "refunded"
        })
        .await;
        assert_eq!(sale.platform.journal("refund_created").await.len(), 1, "{fault}");
        sale.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_may_take_its_time_or_fail() {
    let sale = Sale::begin().await;
    sale.pay().await;
    sale.becomes("paid").await;
    sale.platform.chaos(json!({ "fault": "refund_status", "status": "pending", "next": 1 })).await;
    let refund = sale.tenant.api.post(&sale.path("/refunds"), json!({ "amount_minor": 700 })).await.created();
    assert_eq!(refund["state"], "pending");
    assert_eq!(sale.state().await, "paid");
    let made = &sale.platform.journal("refund_created").await[0];
    sale.platform
        .control(&format!("refunds/{}/resolve", text(made, "id")), json!({ "status": "succeeded" }))
        .await;
    sale.becomes("partially_refunded").await;
    sale.check().await;

    sale.platform.chaos(json!({ "fault": "refund_status", "status": "pending", "next": 1 })).await;
    let refund = sale.tenant.api.post(&sale.path("/refunds"), json!({ "amount_minor": 200 })).await.created();
    assert_eq!(refund["state"], "pending");
    sale.platform.chaos(json!({ "fault": "refund_status", "status": "failed", "next": 1 })).await;
    let refund = sale.tenant.api.post(&sale.path("/refunds"), json!({ "amount_minor": 300 })).await.created();
    assert_eq!(refund["state"], "failed");
    sale.becomes("needs_review").await;

    // Who has to look is not sent away by another part of the money.
    let slow = &sale.platform.journal("refund_created").await[1];
    sale.platform
        .control(&format!("refunds/{}/resolve", text(slow, "id")), json!({ "status": "succeeded" }))
        .await;
    wait_until("the refund to succeed", async || {
        sale.platform.number("SELECT count(*) FROM refunds WHERE state = 'succeeded'").await == 2
    })
    .await;
    assert_eq!(sale.state().await, "needs_review");
    let dispute = sale.platform.control("disputes", json!({ "session": session_of(&sale.order) })).await;
    sale.becomes("disputed").await;
    sale.platform
        .control(&format!("disputes/{}/close", text(&dispute, "id")), json!({ "status": "won" }))
        .await;
    sale.becomes("needs_review").await;
    sale.check_for_people().await;
}

/// The provider fails before it does anything, and keeps that answer under the key: after a while another key is good.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_whose_key_repeats_an_error_gets_another_one() {
    let sale = Sale::begin().await;
    sale.pay().await;
    sale.becomes("paid").await;
    let fault = json!({ "fault": "api_error_before_effect", "match": "POST /v1/refunds", "next": 1 });
    sale.platform.chaos(fault).await;
    let refund = sale.tenant.api.post(&sale.path("/refunds"), json!({ "amount_minor": 700 })).await.created();
    assert_eq!(refund["state"], "unknown");
    let asked = async || {
        let attempts = "SELECT coalesce(max(attempts), 0)::bigint AS n FROM jobs WHERE kind = 'refund'";
        let before = sale.platform.number(attempts).await;
        wait_until("the refund to be tried", async || {
            sale.platform.hurry().await;
            let now = sale.platform.number(attempts).await;
            now == 0 || now > before + 1
        })
        .await;
    };
    asked().await;
    assert_eq!(sale.platform.journal("refund_created").await.len(), 0, "the key repeats its error");
    sale.platform.sql("UPDATE refunds SET key_used_at = key_used_at - interval '2 minutes'").await;
    asked().await;
    sale.becomes("partially_refunded").await;
    assert_eq!(sale.platform.journal("refund_created").await.len(), 1);
    sale.check().await;
}

/// Nobody gets tickets of an event that does not take place, and nobody can pay for them any longer.
#[tokio::test(flavor = "multi_thread")]
async fn money_for_a_cancelled_event_goes_back() {
    let sale = Sale::begin().await;
    let hold = sale.event.hold(&[4]).await.created();
    let unpaid = sale.event.order_stripe(&hold).await.created();
    sale.platform.chaos(json!({ "fault": "webhook_drop", "next": 100 })).await;
    sale.pay().await;
    sale.tenant.api.post(&sale.event.path("/cancel"), json!({ "reason": "The soloist is ill." })).await.ok();
    sale.becomes("refunded").await;
    assert_eq!(sale.ticket_states().await, [""; 0]);
    // Its deadline was minutes away.
    sale.tenant.order_in_state(&unpaid["id"], "expired").await;
    sale.platform.calm().await;
    sale.check().await;
}

/// What was given back is not the buyer's any more, and does not count against the limit.
#[tokio::test(flavor = "multi_thread")]
async fn who_gives_places_back_may_buy_others() {
    let sale = Sale::with(json!({ "max_per_hold": 2, "max_per_buyer": 2 })).await;
    sale.pay().await;
    let paid = sale.becomes("paid").await;
    sale.platform.mirrored().await;
    let more = sale.event.hold(&[2]).await.created();
    sale.event.order_stripe(&more).await.refused(409, "hold_limit");
    let back = json!({ "item_ids": [paid["items"][0]["id"]] });
    sale.tenant.api.post(&sale.path("/refunds"), back).await.created();
    sale.becomes("partially_refunded").await;
    sale.event.order_stripe(&more).await.created();
    sale.check().await;
}

/// What Redis received while it stood still is done after later changes of the same order: it changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_an_order_that_comes_late_to_redis_is_left_alone() {
    let sale = Sale::begin().await;
    sale.pay().await;
    sale.becomes("paid").await;
    sale.platform.mirrored().await;
    let late = async |kind: &str, id: i64| {
        sale.platform
            .sql(&format!(
                "INSERT INTO outbox (id, tenant_id, event_id, kind, payload) OVERRIDING SYSTEM VALUE
                 SELECT {id}, o.tenant_id, o.event_id, '{kind}', jsonb_build_object('k', '{kind}',
                   'o', replace(o.id::text, '-', ''), 's', (SELECT jsonb_agg(seat_index) FROM seat_claims), 'g', '[]'::jsonb)
                 FROM orders o"
            ))
            .await;
        sale.platform.mirrored().await;
    };
    // The claim comes once more: what is sold stays so.
    late("claimed", 1).await;
    sale.platform.check_clean().await;
    sale.tenant.api.post(&sale.path("/refunds"), json!({})).await.created();
    sale.becomes("refunded").await;
    sale.seats_are_free().await;
    late("sold", 1).await;
    sale.seats_are_free().await;
    // The other way round: the same order has the seats again.
    late("sold", 1_000_000).await;
    sale.event.hold(&[0]).await.refused(409, "seats_taken");
    late("released", 2).await;
    sale.event.hold(&[0]).await.refused(409, "seats_taken");
    late("released", 1_000_001).await;
    sale.seats_are_free().await;
}

/// The answer to the creation of a session is lost: the buyer asks again and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_answer_is_lost_is_found() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let faults = [
        ("api_error_after_effect", 1),
        ("api_reset_after", 3),
        ("api_unavailable", 3),
        ("api_reset_before", 3),
    ];
    for (seat, (fault, next)) in (0_u32..).zip(faults) {
        platform.chaos(json!({ "fault": fault, "match": "POST /v1/checkout/sessions", "next": next })).await;
        let hold = event.hold(&[seat]).await.created();
        let client = event.page.with_key(&format!("key-of-the-order-{fault}"));
        let order = wait_for("the checkout", async || {
            let answer = client.post("/v1/orders", event.order_of(&hold)).await;
            if answer.status == 502 {
                answer.refused(502, "payment_unavailable");
                return None;
            }
            Some(answer.created())
        })
        .await;
        platform.sandbox.pay(&order).await;
        tenant.order_in_state(&order["id"], "paid").await;
        platform.calm().await;
    }
    assert_eq!(platform.journal("session_created").await.len(), 4, "one session for each order");
    platform.check_clean().await;
}

/// There never was a session, and the key repeats an error: the places do not wait for a day.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_session_was_never_made_lapses() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    platform
        .chaos(
            json!({ "fault": "api_error_before_effect", "match": "POST /v1/checkout/sessions", "next": 1 }),
        )
        .await;
    let hold = event.hold(&[0, 1]).await.created();
    event.order_stripe(&hold).await.refused(502, "payment_unavailable");
    platform.hurry().await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    // As long as an answer may be on its way, the places stay.
    event.hold(&[0]).await.refused(409, "seats_taken");
    platform.sql("UPDATE payments SET created_at = created_at - interval '2 minutes'").await;
    wait_until("the order to lapse", async || {
        platform.hurry().await;
        platform.number("SELECT count(*) FROM orders WHERE state = 'expired'").await == 1
    })
    .await;
    platform.check_clean().await;
}

/// A cart in which a seat was blocked or sold behind its back never takes the seat again.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_seat_stays_blocked_whatever_its_holder_does() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let hold = event.hold(&[3, 4]).await.created();
    event.api.patch(&event.path("/seats"), json!({ "action": "block", "seats": [3] })).await.ok();
    wait_until("the block to be mirrored", async || {
        platform.number("SELECT count(*) FROM outbox").await == 0
    })
    .await;
    let refusal = event.order_stripe(&hold).await;
    assert_eq!(refusal.status, 409, "{refusal}");
    let holder = event.page.with_token(text(&hold, "token"));
    assert!(holder.act(&format!("/v1/holds/{}/extend", text(&hold, "id"))).await.status >= 400);
    event.hold(&[3]).await.refused(409, "seats_taken");
    platform.check_clean().await;
}
