//! What buyers and organizers are told, over a real conversation with a mail server.

use eventflow_api::notices;
use eventflow_core::{Id, id};
use eventflow_store::{Scope, notices as store};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, Mail, Options, Platform, Smtp, Tenant, items, list, text, uuid_of, wait_for};

/// With a mail server; `worker`: whether jobs are done by themselves.
async fn platform(smtp: &Smtp, worker: bool) -> Platform {
    Platform::with(Options { worker, arguments: smtp.arguments(), ..Options::default() }).await
}

fn scope(tenant: &Tenant) -> Scope {
    Scope::system(uuid_of(&tenant.id).into(), "test")
}

/// Runs the job of every notice that is pending, as the worker does.
async fn decide(platform: &Platform, tenant: &Tenant) {
    for row in platform.rows("SELECT id FROM notices WHERE state = 'pending'").await {
        let id: Uuid = text(&row, "id").parse().unwrap();
        notices::process(&platform.app, &scope(tenant), id).await.unwrap();
    }
}

/// Runs the job of a message once; true when it wants to run again.
async fn send(platform: &Platform, tenant: &Tenant, message: &Value) -> bool {
    let id: Id<id::Message> = text(message, "id").parse().unwrap();
    notices::send(&platform.app, &scope(tenant), id).await.unwrap().is_some()
}

/// The one message of an order.
async fn message_of(api: &Client, order: &Value) -> Value {
    let found = api.get(&format!("/v1/messages?order_id={}", text(order, "id"))).await.ok();
    assert_eq!(list(&found, "data").len(), 1, "{found}");
    list(&found, "data")[0].clone()
}

async fn message_in_state(api: &Client, message: &Value, state: &str) -> Value {
    let path = format!("/v1/messages/{}", text(message, "id"));
    wait_for(&format!("the message to be {state}"), async || {
        Some(api.get(&path).await.ok()).filter(|message| message["state"] == state)
    })
    .await
}

fn link(mail: &Mail) -> String {
    let text = mail.part("text/plain");
    let at = text.find("http://tickets.example.org/e/").unwrap_or_else(|| panic!("no link in {text}"));
    text[at..].split_whitespace().next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_is_told_once_with_the_link_to_its_tickets() {
    let smtp = Smtp::start().await;
    let platform = platform(&smtp, true).await;
    let (tenant, stranger) = (platform.tenant().await, platform.tenant().await);
    let event = tenant.seated_event(10).await;
    let hold = event.hold(&[0, 1]).await.created();
    let order = event.order_stripe(&hold).await.created();
    assert_eq!(smtp.mails().len(), 0, "nothing is paid yet");
    platform.sandbox.pay(&order).await;
    tenant.order_in_state(&order["id"], "paid").await;

    let mail = smtp.wait_for(1).await.remove(0);
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("tickets@example.org", &["grace@example.org".into()][..])
    );
    assert_eq!(mail.header("subject"), "Your tickets: Mahler: Symphony No. 2");
    assert_eq!(mail.header("from"), "\"Philharmonie 1\" <tickets@example.org>");
    let body = mail.part("text/plain");
    for part in
        ["Hello Grace Hopper,", "Where: Philharmonie, Berlin", "Total: €87.00", "- P-1-1, Seat €43.50"]
    {
        assert!(body.contains(part), "{part} is missing in {body}");
    }
    // The link opens the tickets of this order, for whoever has it.
    let link = link(&mail);
    let (page, token) = link.split_once("#token=").unwrap();
    assert_eq!(page, format!("http://tickets.example.org/e/{}?order={}", event.id, text(&order, "id")));
    assert!(mail.part("text/html").contains(&format!("<a href=\"{link}\">")), "{}", mail.part("text/html"));
    let buyer = platform.anybody().with_token(token);
    assert_eq!(list(&buyer.get("/v1/tickets").await.ok(), "data").len(), 2);
    let calendar = mail.part("text/calendar");
    assert!(
        calendar.starts_with("BEGIN:VCALENDAR\r\n") && calendar.contains(&format!("UID:{}@", event.id)),
        "{calendar}"
    );
    assert!(
        calendar.contains("SUMMARY:Mahler: Symphony No. 2\r\nLOCATION:Philharmonie\\, Berlin\r\n"),
        "{calendar}"
    );

    // What is kept opens nothing.
    let message = message_in_state(&tenant.api, &message_of(&tenant.api, &order).await, "sent").await;
    assert_eq!(text(&message, "provider_message_id"), mail.header("message-id"));
    assert!(text(&message, "body").contains("Your tickets: {TICKETS_URL}\n"), "{message}");
    assert_eq!(platform.number("SELECT count(*) FROM messages WHERE body || html LIKE '%token=%'").await, 0);
    // Nothing happens twice: neither webhooks, nor looks at the order.
    tenant.api.act(&format!("/v1/orders/{}/refresh", text(&order, "id"))).await.ok();
    let cash = event.order_manual(&[4]).await.created();
    smtp.wait_for(2).await;
    message_in_state(&tenant.api, &message_of(&tenant.api, &cash).await, "sent").await;
    assert_eq!(smtp.mails().len(), 2);

    // Another organizer knows nothing of it.
    let path = format!("/v1/messages/{}", text(&message, "id"));
    stranger.api.get(&path).await.refused(404, "not_found");
    stranger.api.act(&format!("{path}/resend")).await.refused(404, "not_found");
    assert_eq!(stranger.api.get("/v1/messages").await.ok()["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_without_an_address_is_a_notice_without_messages() {
    let smtp = Smtp::start().await;
    let platform = platform(&smtp, false).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let mut order = event.manual(json!({ "items": items(&[0]) }));
    order["buyer"] = json!({});
    tenant.api.post("/v1/orders", order).await.created();
    decide(&platform, &tenant).await;
    assert_eq!(platform.number("SELECT count(*) FROM notices WHERE state = 'decided'").await, 1);
    assert_eq!(platform.number("SELECT count(*) FROM messages").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_run_again_after_a_crash_send_once() {
    let smtp = Smtp::start().await;
    let platform = platform(&smtp, false).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    let notice = uuid_of(text(&order, "id"));
    // Two runners at once, and a third one after the first is done.
    let scope = scope(&tenant);
    let run = || notices::process(&platform.app, &scope, notice);
    let (first, second) = tokio::join!(run(), run());
    first.unwrap();
    second.unwrap();
    run().await.unwrap();
    let message = message_of(&tenant.api, &order).await;
    assert_eq!(message["state"], "queued");
    assert_eq!(platform.number("SELECT count(*) FROM jobs WHERE kind = 'message'").await, 1);
    assert!(!send(&platform, &tenant, &message).await && !send(&platform, &tenant, &message).await);
    assert_eq!(smtp.mails().len(), 1);
    assert_eq!(platform.number("SELECT count(*) FROM jobs WHERE kind = 'message'").await, 0);

    // The server took the mail, and we crashed before we wrote that down: mail systems can tell.
    platform.sql("UPDATE messages SET state = 'queued', sent_at = NULL, provider_message_id = NULL").await;
    send(&platform, &tenant, &message).await;
    let mails = smtp.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].header("message-id"), mails[1].header("message-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let smtp = Smtp::start().await;
    let platform = platform(&smtp, false).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    decide(&platform, &tenant).await;
    let message = message_of(&tenant.api, &order).await;
    smtp.answer_next("451 4.3.0 Greylisted, come back");
    assert!(send(&platform, &tenant, &message).await, "it is tried again");
    let waiting = message_of(&tenant.api, &order).await;
    assert_eq!((&waiting["state"], &waiting["attempts"]), (&json!("queued"), &json!(1)));
    assert!(text(&waiting, "last_error").contains("Greylisted"), "{waiting}");
    let path = format!("/v1/messages/{}/resend", text(&message, "id"));
    tenant.api.act(&path).await.refused(409, "conflict");
    assert!(!send(&platform, &tenant, &message).await);
    let sent = message_of(&tenant.api, &order).await;
    assert_eq!((&sent["state"], sent["last_error"].is_null()), (&json!("sent"), true));
    assert_eq!(smtp.mails().len(), 1);

    let order = event.order_manual(&[1]).await.created();
    decide(&platform, &tenant).await;
    let message = message_of(&tenant.api, &order).await;
    smtp.answer_next("550 5.1.1 No such mailbox");
    assert!(!send(&platform, &tenant, &message).await, "it is not tried again");
    let failed = message_of(&tenant.api, &order).await;
    assert_eq!(failed["state"], "failed");
    assert!(text(&failed, "last_error").contains("No such mailbox"), "{failed}");
    let failures = tenant.api.get("/v1/messages?state=failed").await.ok();
    assert_eq!(text(&list(&failures, "data")[0], "id"), text(&failed, "id"));
    // Asked for again, it is another mail.
    let path = format!("/v1/messages/{}/resend", text(&message, "id"));
    assert_eq!(tenant.api.act(&path).await.ok()["state"], "queued");
    assert!(!send(&platform, &tenant, &message).await);
    let again = smtp.mails().remove(1);
    assert!(again.header("message-id").starts_with(&format!("<{}.1@", text(&message, "id"))));
    // A login that is refused is our fault, not the recipient's.
    tenant.api.act(&path).await.ok();
    smtp.answer_next("535 5.7.8 Who are you?");
    assert!(send(&platform, &tenant, &message).await, "it is tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_messages_wait_for_one() {
    let smtp = Smtp::start().await;
    let mut platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    let path = format!("/v1/messages?order_id={}", text(&order, "id"));
    let message =
        wait_for("a message", async || tenant.api.get(&path).await.ok()["data"].as_array()?.first().cloned())
            .await;
    assert_eq!(message["state"], "undeliverable");
    assert!(text(&message, "last_error").contains("EVENTFLOW_SMTP_URL"), "{message}");

    platform.stop().await;
    platform.start_again(Options { arguments: smtp.arguments(), ..Options::default() }).await;
    let api = platform.anybody().with_token(&tenant.api.token);
    let resend = format!("/v1/messages/{}/resend", text(&message, "id"));
    // Twice with one key is once.
    let key = api.with_key("resend-after-the-server-was-set-up");
    assert_eq!(key.act(&resend).await.ok(), key.act(&resend).await.ok());
    message_in_state(&api, &message, "sent").await;
    assert_eq!(smtp.mails().len(), 1);
    let log = api.get(&format!("/v1/audit-log?object_id={}", text(&message, "id"))).await.ok();
    let actions: Vec<&str> = list(&log, "data").iter().map(|entry| text(entry, "action")).collect();
    assert_eq!(actions, ["messages.resend"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_told_with_its_amount() {
    let smtp = Smtp::start().await;
    let platform = platform(&smtp, true).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let hold = event.hold(&[0, 1]).await.created();
    let order = event.order_stripe(&hold).await.created();
    platform.sandbox.pay(&order).await;
    tenant.order_in_state(&order["id"], "paid").await;
    smtp.wait_for(1).await;
    let refunds = format!("/v1/orders/{}/refunds", text(&order, "id"));
    tenant.api.post(&refunds, json!({ "amount_minor": 1_234 })).await.created();
    let mail = smtp.wait_for(2).await.remove(1);
    let reference = text(&order, "id").split_at(text(&order, "id").len() - 8).1.to_uppercase();
    assert_eq!(mail.header("subject"), format!("Refund of your order {reference}"));
    let body = mail.part("text/plain");
    assert!(body.contains("€12.34 of your order were refunded") && !body.contains("token="), "{body}");
    // One notice for each refund, whatever the provider tells us of it and how often.
    tenant.api.post(&refunds, json!({ "amount_minor": 100 })).await.created();
    smtp.wait_for(3).await;
    let kinds = "SELECT count(*) FROM notices WHERE kind = 'order.refunded' AND state = 'decided'";
    assert_eq!(platform.number(kinds).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_are_reminded_once_of_an_event_that_begins_soon() {
    let smtp = Smtp::start().await;
    let platform = platform(&smtp, false).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let (early, back) = (event.order_manual(&[0]).await.created(), event.order_manual(&[1]).await.created());
    let refunds = format!("/v1/orders/{}/refunds", text(&back, "id"));
    tenant.api.post(&refunds, json!({})).await.created();
    let reminders = "SELECT count(*) FROM notices WHERE kind = 'event.reminder'";
    notices::remind(&platform.app).await.unwrap();
    assert_eq!(platform.number(reminders).await, 0, "a week is not soon");

    platform.sql("UPDATE orders SET paid_at = now() - interval '3 days'").await;
    platform.sql("UPDATE events SET starts_at = now() + interval '12 hours', ends_at = now() + interval '14 hours'").await;
    // Who bought today has just had the tickets.
    event.order_manual(&[2]).await.created();
    for _ in 0..2 {
        notices::remind(&platform.app).await.unwrap();
        assert_eq!(platform.number(reminders).await, 1);
    }
    platform.sql("UPDATE notices SET state = 'decided' WHERE kind <> 'event.reminder'").await;

    // Called off before it was sent: nothing goes out, and somebody may see why.
    platform.sql("UPDATE events SET state = 'cancelled'").await;
    decide(&platform, &tenant).await;
    let message = message_of(&tenant.api, &early).await;
    assert_eq!((text(&message, "kind"), text(&message, "state")), ("event.reminder", "suppressed"));
    assert_eq!(text(&message, "last_error"), "The event does not take place.");
    // It does, after all.
    platform.sql("UPDATE events SET state = 'published'").await;
    tenant.api.act(&format!("/v1/messages/{}/resend", text(&message, "id"))).await.ok();
    decide(&platform, &tenant).await;
    assert!(!send(&platform, &tenant, &message_of(&tenant.api, &early).await).await);
    let mail = smtp.mails().remove(0);
    assert_eq!(mail.header("subject"), "Coming up: Mahler: Symphony No. 2");
    assert!(link(&mail).contains(text(&early, "id")), "{}", mail.data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_cannot_be_decided_ends_where_people_look() {
    let smtp = Smtp::start().await;
    let platform = platform(&smtp, false).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    let (db, scope, id) = (&platform.app.db, scope(&tenant), uuid_of(text(&order, "id")));
    for attempt in 1..=store::ATTEMPTS_MAX {
        let again = db
            .run(&scope, async |tx| {
                let notice = store::get(tx, id).await?;
                store::fail(tx, &notice, "The plugin `letters` declined.").await
            })
            .await
            .unwrap();
        assert_eq!(again, attempt < store::ATTEMPTS_MAX);
    }
    assert_eq!(platform.number("SELECT count(*) FROM jobs WHERE kind = 'notice'").await, 0);
    let dead = tenant.api.get("/v1/messages?state=dead").await.ok();
    let message = list(&dead, "data")[0].clone();
    assert_eq!(text(&message, "last_error"), "The plugin `letters` declined.");
    // Somebody put it right.
    tenant.api.act(&format!("/v1/messages/{}/resend", text(&message, "id"))).await.ok();
    decide(&platform, &tenant).await;
    assert_eq!(message_of(&tenant.api, &order).await["id"], message["id"]);
    assert!(!send(&platform, &tenant, &message).await);
    assert_eq!(smtp.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_addresses_cannot_add_headers_or_recipients() {
    let smtp = Smtp::start().await;
    let platform = platform(&smtp, false).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    // Past the checks of the API, which take no such name.
    let evil = r"E'Eve\r\nBcc: victim@example.com\r\n\r\n.\r\nMAIL FROM:<x@y.example>'";
    platform.sql(&format!("UPDATE tenants SET name = {evil}")).await;
    platform.sql(&format!("UPDATE events SET name = {evil}")).await;
    platform.sql(&format!("UPDATE orders SET buyer_name = {evil}")).await;
    platform.app.sellers.clear();
    decide(&platform, &tenant).await;
    assert!(!send(&platform, &tenant, &message_of(&tenant.api, &order).await).await);
    let mails = smtp.mails();
    assert_eq!((mails.len(), mails[0].to.as_slice()), (1, &["grace@example.org".to_owned()][..]));
    let names: Vec<String> = mails[0].headers().into_iter().map(|(name, _)| name.to_lowercase()).collect();
    let known = ["message-id", "from", "to", "subject", "date", "mime-version", "content-type"];
    assert!(names.iter().all(|name| known.contains(&name.as_str())), "{names:?}");

    let order = event.order_manual(&[1]).await.created();
    platform
        .sql(r"UPDATE orders SET buyer_email = E'grace@example.org>\r\nRCPT TO:<victim@example.com' WHERE state = 'paid'")
        .await;
    decide(&platform, &tenant).await;
    let message = message_of(&tenant.api, &order).await;
    assert!(!send(&platform, &tenant, &message).await);
    assert_eq!(message_of(&tenant.api, &order).await["state"], "failed");
    assert_eq!(smtp.mails().len(), 1);
}
