//! Webhooks to a receiver on this machine, and the log of events for those who ask.

use std::collections::BTreeSet;

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use eventflow_api::webhooks;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Options, Platform, Receiver, Reply, Tenant, list, shop::codes, text, uuid_of, wait_for, wait_until,
};

/// A platform that sends to this machine; `worker`: whether it does so by itself.
pub(super) async fn platform(worker: bool) -> Platform {
    let arguments = vec!["--webhooks-allow-loopback".to_owned()];
    Platform::with(Options { worker, arguments, ..Options::default() }).await
}

/// A new endpoint, `payload` and `event_types` and whatever else over the defaults; with its secret.
pub(super) async fn endpoint(tenant: &Tenant, receiver: &Receiver, fields: Value) -> Value {
    let mut new = json!({ "url": receiver.url });
    for (name, value) in fields.as_object().unwrap() {
        new[name] = value.clone();
    }
    tenant.api.post("/v1/webhook-endpoints", new).await.created()
}

pub(super) fn path(made: &Value, rest: &str) -> String {
    format!("/v1/webhook-endpoints/{}{rest}", text(&made["webhook_endpoint"], "id"))
}

pub(super) async fn deliveries(tenant: &Tenant, made: &Value) -> Vec<Value> {
    list(&tenant.api.get(&path(made, "/deliveries?limit=100")).await.ok(), "data").to_vec()
}

/// Sends whatever waits, as the worker does, until nothing does.
pub(super) async fn send(platform: &Platform) {
    // What was committed is in the log when whatever runs beside it has ended.
    let hidden = "SELECT count(*) FROM audit_log WHERE xact_id >= (SELECT log_horizon())";
    wait_until("the log to be complete", async || platform.number(hidden).await == 0).await;
    while webhooks::run_once(&platform.app).await.unwrap() {}
}

/// Lets all time pass that deliveries and endpoints wait for.
pub(super) async fn skip_pauses(platform: &Platform) {
    platform.sql("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE state = 'pending'").await;
    platform.sql("UPDATE webhook_endpoints SET due_at = now(), blocked_until = NULL").await;
}

/// The whole log of a tenant.
pub(super) async fn log(tenant: &Tenant) -> Vec<Value> {
    let (mut entries, mut query) = (vec![], String::new());
    loop {
        let part = tenant.api.get(&format!("/v1/events-log?limit=100{query}")).await.ok();
        entries.extend_from_slice(list(&part, "data"));
        query = format!("&cursor={}", text(&part, "cursor"));
        if part["has_more"] == false {
            return entries;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_is_told_with_its_tickets_under_two_signatures() {
    let (platform, receiver) = (platform(true).await, Receiver::start().await);
    let (tenant, stranger) = (platform.tenant().await, platform.tenant().await);
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["order.paid"], "payload": "fat" })).await;
    endpoint(&stranger, &receiver, json!({})).await;
    let event = tenant.seated_event(10).await;
    let hold = event.hold(&[0, 1]).await.created();
    let order = event.order_stripe(&hold).await.created();
    platform.sandbox.pay(&order).await;
    let paid = tenant.order_in_state(&order["id"], "paid").await;

    let message = receiver.wait_for(1).await.remove(0);
    assert_eq!(message.path, "/hooks");
    assert_eq!(message.header("content-type"), "application/json");
    let body = &message.body;
    assert_eq!((text(body, "type"), text(body, "tenant_id")), ("order.paid", tenant.id.as_str()));
    assert_eq!(text(body, "id"), message.id());
    assert!(message.id().starts_with("log_"), "{}", message.id());
    assert_eq!((&body["data"]["resource"], &body["data"]["id"]), (&json!("order"), &order["id"]));
    // The object is what a GET answers, to the last field.
    assert_eq!(list(&body["data"]["object"], "tickets").len(), 2, "{body}");
    assert_eq!(body["data"]["object"], paid);
    assert!(message.is_signed_with(text(&made, "secret")));
    assert!(message.is_signed_with(text(&made["webhook_endpoint"], "public_key")));
    assert!(!message.is_signed_with("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));

    let delivery = wait_for("the delivery to be recorded", async || {
        deliveries(&tenant, &made).await.into_iter().find(|delivery| delivery["state"] == "delivered")
    })
    .await;
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!(200), &json!(1)), "{delivery}");
    assert_eq!((text(&delivery, "entry_id"), text(&delivery, "response")), (message.id(), "taken"));
    // What is kept has neither the buyer nor the secret.
    for (table, column) in
        [("webhook_deliveries", "detail"), ("audit_log", "detail"), ("idempotency_keys", "response")]
    {
        let sql = format!("SELECT count(*) FROM {table} WHERE {column}::text ~ 'grace|whsec_'");
        assert_eq!(platform.number(&sql).await, 0, "{table}");
    }
    // Nothing of it is told to another tenant.
    let of_stranger =
        receiver.messages().into_iter().filter(|other| other.body["tenant_id"] == stranger.id.as_str());
    assert!(of_stranger.into_iter().all(|other| other.body["data"]["id"] != order["id"]));
    stranger.api.get(&path(&made, "")).await.refused(404, "not_found");
    stranger
        .api
        .get(&format!("/v1/webhook-deliveries/{}", text(&delivery, "id")))
        .await
        .refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_sent_again_under_the_same_id() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({})).await;
    tenant.venue().await;
    receiver.reply_next(Reply::Status("500 Internal Server Error"));
    // The receiver has it, and we do not know: as after a crash between the request and our note of it.
    receiver.reply_next(Reply::Close);
    for (count, error) in [(1, "answered 500 Internal Server Error"), (2, "")] {
        send(&platform).await;
        assert_eq!(receiver.messages().len(), count);
        let delivery = deliveries(&tenant, &made).await.remove(0);
        assert_eq!(
            (&delivery["state"], &delivery["attempts"]),
            (&json!("pending"), &json!(count)),
            "{delivery}"
        );
        assert!(text(&delivery, "last_error").starts_with(error), "{delivery}");
        assert!(text(&delivery, "next_attempt_at") > text(&delivery, "attempted_at"), "{delivery}");
        // Not before its time.
        send(&platform).await;
        assert_eq!(receiver.messages().len(), count);
        skip_pauses(&platform).await;
    }
    send(&platform).await;
    let messages = receiver.messages();
    assert_eq!(messages.len(), 3);
    let of = |at: usize| (messages[at].id(), &messages[at].body);
    assert!(of(0) == of(1) && of(1) == of(2), "{messages:?}");
    let delivery = deliveries(&tenant, &made).await.remove(0);
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(3)), "{delivery}");
    assert_eq!(delivery["last_error"], Value::Null);

    // After three days it is given up, and can be delivered once more.
    tenant.venue().await;
    for _ in 0..11 {
        receiver.reply_next(Reply::Status("503 Service Unavailable"));
        send(&platform).await;
        skip_pauses(&platform).await;
    }
    let failed = deliveries(&tenant, &made).await.remove(0);
    assert_eq!((&failed["state"], &failed["attempts"]), (&json!("failed"), &json!(11)), "{failed}");
    send(&platform).await;
    assert_eq!(receiver.messages().len(), 14);
    let again = format!("/v1/webhook-deliveries/{}/replay", text(&failed, "id"));
    let replayed = tenant.api.act(&again).await.created();
    assert_eq!(replayed["entry_id"], failed["entry_id"]);
    tenant
        .api
        .act(&format!("/v1/webhook-deliveries/{}/replay", text(&replayed, "id")))
        .await
        .refused(409, "conflict");
    send(&platform).await;
    assert_eq!(receiver.messages()[14].id(), text(&failed, "entry_id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_or_fails_for_days_is_disabled() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    for (reply, reason) in [("410 Gone", "410"), ("502 Bad Gateway", "five days")] {
        tenant.venue().await;
        let before = receiver.messages().len();
        receiver.reply_next(Reply::Status(reply));
        platform.sql("UPDATE webhook_endpoints SET failing_since = now() - interval '6 days'").await;
        send(&platform).await;
        let disabled = tenant.api.get(&path(&made, "")).await.ok();
        assert_eq!(disabled["state"], "disabled", "{disabled}");
        assert!(text(&disabled, "disabled_reason").contains(reason), "{disabled}");
        // Nothing goes there, until somebody enables it: then what happened meanwhile comes too.
        tenant.venue().await;
        skip_pauses(&platform).await;
        send(&platform).await;
        assert_eq!(receiver.messages().len(), before + 1);
        let enabled = tenant.api.patch(&path(&made, ""), json!({ "state": "enabled" })).await.ok();
        assert_eq!((&enabled["state"], &enabled["failing_since"]), (&json!("enabled"), &Value::Null));
        skip_pauses(&platform).await;
        send(&platform).await;
        assert_eq!(receiver.messages().len(), before + 3);
    }
    let told = log(&tenant).await.into_iter().filter(|entry| entry["type"] == "webhook_endpoint.disabled");
    assert_eq!(told.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_endpoint_goes_on_where_it_stopped() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    let first = tenant.venue().await;
    send(&platform).await;
    tenant.api.patch(&path(&made, ""), json!({ "state": "paused" })).await.ok();
    let (second, third) = (tenant.venue().await, tenant.venue().await);
    send(&platform).await;
    assert_eq!(receiver.messages().len(), 1);
    tenant.api.patch(&path(&made, ""), json!({ "state": "enabled" })).await.ok();
    send(&platform).await;
    let told: Vec<String> =
        receiver.messages().iter().map(|message| text(&message.body["data"], "id").to_owned()).collect();
    assert_eq!(told.iter().collect::<BTreeSet<_>>(), [&first, &second, &third].into());
    assert_eq!(told[0], first);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_told_what_it_asked_for_in_thin_payloads() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made =
        endpoint(&tenant, &receiver, json!({ "event_types": ["order.paid", "order.created", "order.paid"] }))
            .await;
    assert_eq!(made["webhook_endpoint"]["event_types"], json!(["order.created", "order.paid"]));
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0]).await.created();
    send(&platform).await;
    assert_eq!(receiver.types(), ["order.created", "order.paid"]);
    for message in receiver.messages() {
        let data = &message.body["data"];
        assert_eq!((&data["id"], &data["object"]), (&order["id"], &Value::Null), "{data}");
    }
    tenant
        .api
        .patch(&path(&made, ""), json!({ "event_types": ["ticket.voided"], "payload": "fat" }))
        .await
        .ok();
    event.order_manual(&[4]).await.created();
    let ticket = text(&list(&order, "tickets")[0], "id").to_owned();
    tenant.api.post(&format!("/v1/tickets/{ticket}/void"), json!({ "reason": "A test" })).await.ok();
    send(&platform).await;
    let message = receiver.messages().remove(2);
    assert_eq!((receiver.messages().len(), text(&message.body, "type")), (3, "ticket.voided"));
    assert_eq!(message.body["data"]["object"]["state"], "void", "{}", message.body);

    // A test goes to this endpoint alone, whatever it asked for, and is not in the log.
    let ping = tenant.api.act(&path(&made, "/ping")).await.created();
    assert_eq!((&ping["type"], &ping["state"]), (&json!("webhook_endpoint.ping"), &json!("pending")));
    send(&platform).await;
    assert_eq!(receiver.types()[3], "webhook_endpoint.ping");
    let pinged = tenant.api.get(&format!("/v1/webhook-deliveries/{}", text(&ping, "id"))).await.ok();
    assert_eq!((&pinged["state"], &pinged["status"]), (&json!("delivered"), &json!(200)), "{pinged}");
    assert!(log(&tenant).await.iter().all(|entry| entry["type"] != "webhook_endpoint.ping"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_is_replayed_whole_or_where_something_is_missing() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let before = chrono::Utc::now();
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    for _ in 0..3 {
        tenant.venue().await;
    }
    send(&platform).await;
    // One of them was given up.
    platform.sql("UPDATE webhook_deliveries SET state = 'failed' WHERE id = (SELECT min(id::text)::uuid FROM webhook_deliveries)").await;
    // This one has not been turned into a delivery yet, which is no reason to send it twice.
    tenant.venue().await;
    let replay = async |fields: Value| {
        let mut body = json!({ "since": before });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        tenant.api.post(&path(&made, "/replay"), body).await.ok()["entries"].clone()
    };
    assert_eq!(replay(json!({ "until": before })).await, 0);
    assert_eq!(replay(json!({})).await, 1);
    assert_eq!(replay(json!({})).await, 0, "it waits already");
    assert_eq!(replay(json!({ "only_missing": false })).await, 3);
    send(&platform).await;
    let messages = receiver.messages();
    let ids: BTreeSet<&str> = messages.iter().map(|message| message.id()).collect();
    assert_eq!((messages.len(), ids.len()), (3 + 1 + 3 + 1, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_both_secrets_verify_for_a_day() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let api = tenant.api.with_key("make");
    let new = json!({ "url": receiver.url });
    let made = api.post("/v1/webhook-endpoints", new.clone()).await.created();
    assert_eq!(
        api.post("/v1/webhook-endpoints", new).await.created(),
        made,
        "a repetition has the same secret"
    );
    let rotated = tenant.api.act(&path(&made, "/rotate")).await.ok();
    let keys = |made: &Value| {
        [text(made, "secret").to_owned(), text(&made["webhook_endpoint"], "public_key").to_owned()]
    };
    assert!(keys(&made).iter().all(|key| !keys(&rotated).contains(key)));
    tenant.api.act(&path(&made, "/ping")).await.created();
    send(&platform).await;
    let both = receiver.messages().pop().unwrap();
    assert_eq!((both.signatures("v1").len(), both.signatures("v1a").len()), (2, 2));
    assert!(keys(&made).iter().chain(&keys(&rotated)).all(|key| both.is_signed_with(key)));

    platform.sql("UPDATE webhook_endpoints SET previous_until = ARRAY[now()]").await;
    tenant.api.act(&path(&made, "/ping")).await.created();
    send(&platform).await;
    let new_only = receiver.messages().pop().unwrap();
    assert!(keys(&rotated).iter().all(|key| new_only.is_signed_with(key)));
    assert!(!keys(&made).iter().any(|key| new_only.is_signed_with(key)));
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_go_to_the_public_internet_and_nowhere_else() {
    let receiver = Receiver::start().await;
    let platform = Platform::with(Options { worker: false, ..Options::default() }).await;
    let tenant = platform.tenant().await;
    for url in [
        receiver.url.as_str(),
        "http://hooks.example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://0x7f.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/",
        "https://user:secret@hooks.example.org/",
        "https://hooks.example.org:22/",
        "javascript:alert(1)",
    ] {
        let problem = tenant
            .api
            .post("/v1/webhook-endpoints", json!({ "url": url }))
            .await
            .refused(400, "invalid_request");
        assert_eq!(problem["param"], "url", "{url}: {problem}");
    }
    let new = json!({ "url": "https://hooks.example.org/" });
    let made = tenant.api.post("/v1/webhook-endpoints", new).await.created();
    let patch = json!({ "url": "https://192.168.1.1/" });
    tenant.api.patch(&path(&made, ""), patch).await.refused(400, "invalid_request");
    // One that came into the database before the rules did; the resolver has tests of its own (`outbound.rs`).
    for url in [receiver.url.clone(), receiver.url.replace("http://", "https://")] {
        platform.sql(&format!("UPDATE webhook_endpoints SET url = '{url}'")).await;
        let ping = tenant.api.act(&path(&made, "/ping")).await.created();
        skip_pauses(&platform).await;
        send(&platform).await;
        let ping = tenant.api.get(&format!("/v1/webhook-deliveries/{}", text(&ping, "id"))).await.ok();
        assert!(text(&ping, "last_error").starts_with("Expected"), "{ping}");
        assert_eq!((&ping["status"], &ping["state"]), (&Value::Null, &json!("pending")), "{ping}");
    }
    assert_eq!(receiver.messages().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_a_failure() {
    let (platform, receiver, target) =
        (platform(false).await, Receiver::start().await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({})).await;
    let line = format!("307 Temporary Redirect\r\nlocation: {}", target.url);
    receiver.reply_next(Reply::Status(line.leak()));
    tenant.venue().await;
    send(&platform).await;
    let delivery = deliveries(&tenant, &made).await.remove(0);
    assert_eq!((&delivery["state"], &delivery["status"]), (&json!("pending"), &json!(307)), "{delivery}");
    assert!(text(&delivery, "last_error").contains("not followed"), "{delivery}");
    assert_eq!((receiver.messages().len(), target.messages().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_one_object_waits_for_its_turn_and_others_do_not() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["order.created", "order.paid"] })).await;
    let first = event.order_manual(&[0]).await.created();
    receiver.reply_next(Reply::Status("500 Internal Server Error"));
    send(&platform).await;
    assert_eq!(receiver.types(), ["order.created"]);
    // The endpoint is tried with one request after a failure; what is about another object does not wait.
    let second = event.order_manual(&[4]).await.created();
    send(&platform).await;
    let told: Vec<_> = receiver.messages().iter().map(|message| message.body["data"]["id"].clone()).collect();
    assert_eq!(told, [&first["id"], &second["id"], &second["id"]].map(Clone::clone));
    skip_pauses(&platform).await;
    send(&platform).await;
    assert_eq!(receiver.types()[3..], ["order.created", "order.paid"]);
    assert_eq!(deliveries(&tenant, &made).await.len(), 4);

    // An older one that failed for half an hour is overtaken.
    event.order_manual(&[8]).await.created();
    for _ in 0..4 {
        receiver.reply_next(Reply::Status("500 Internal Server Error"));
        send(&platform).await;
        skip_pauses(&platform).await;
    }
    send(&platform).await;
    let types = receiver.types();
    assert!(types[5..9].iter().all(|kind| kind == "order.created"), "{types:?}");
    assert_eq!(types[9..].iter().collect::<BTreeSet<_>>().len(), 2, "{types:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_keeps_no_other_waiting() {
    let (platform, stuck, receiver) =
        (platform(true).await, Receiver::start().await, Receiver::start().await);
    let tenant = platform.tenant().await;
    endpoint(&tenant, &stuck, json!({})).await;
    endpoint(&tenant, &receiver, json!({})).await;
    for _ in 0..8 {
        stuck.reply_next(Reply::Hang);
    }
    tenant.venue().await;
    stuck.wait_for(1).await;
    let began = std::time::Instant::now();
    for _ in 0..8 {
        tenant.venue().await;
    }
    receiver.wait_for(9).await;
    assert!(began.elapsed().as_secs() < 15, "waited for the other one's timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_is_left_alone_for_a_while() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({})).await;
    for _ in 0..8 {
        tenant.venue().await;
        receiver.reply_next(Reply::Status("500 Internal Server Error"));
    }
    send(&platform).await;
    assert_eq!(receiver.messages().len(), 8);
    // Everything is due again, and nothing is sent: failures in a row are a pause, of half a minute at first.
    let pause = "SELECT extract(epoch FROM blocked_until - now())::int AS secs FROM webhook_endpoints";
    assert!((25..=32).contains(&platform.number(pause).await));
    tenant.venue().await;
    platform.sql("UPDATE webhook_deliveries SET next_attempt_at = now()").await;
    platform.sql("UPDATE webhook_endpoints SET due_at = now()").await;
    send(&platform).await;
    assert_eq!(receiver.messages().len(), 8);
    // Then one request is enough to see that it is well.
    platform.sql("UPDATE webhook_endpoints SET blocked_until = NULL").await;
    receiver.reply_next(Reply::Status("429 Too Many Requests\r\nretry-after: 600"));
    send(&platform).await;
    assert_eq!(receiver.messages().len(), 9);
    assert!((590..=600).contains(&platform.number(pause).await));
    skip_pauses(&platform).await;
    send(&platform).await;
    assert_eq!(receiver.messages().len(), 9 + 9);
    assert_eq!(tenant.api.get(&path(&made, "")).await.ok()["failing_since"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_backlog_stays_in_the_log() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    let id = uuid_of(text(&made["webhook_endpoint"], "id"));
    let waiting = format!(
        "INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, entry_id, event_type, resource_id, detail, occurred_at, \
           next_attempt_at) \
         SELECT '{}', gen_random_uuid(), '{id}', gen_random_uuid(), 'venue.created', 'ven_1', '{{}}', now(), \
           now() + interval '1 hour' FROM generate_series(1, 1000)",
        uuid_of(&tenant.id)
    );
    platform.sql(&waiting).await;
    let venue = tenant.venue().await;
    send(&platform).await;
    assert_eq!(platform.number("SELECT count(*) FROM webhook_deliveries").await, 1_000);
    // Nobody looks at it again before the first of them is due.
    let blocked =
        "SELECT count(*) FROM webhook_endpoints WHERE blocked_until > now() + interval '50 minutes'";
    assert_eq!((receiver.messages().len(), platform.number(blocked).await), (0, 1));
    platform.sql("UPDATE webhook_deliveries SET state = 'failed'").await;
    skip_pauses(&platform).await;
    send(&platform).await;
    let told = receiver.messages().remove(0);
    assert_eq!((receiver.messages().len(), &told.body["data"]["id"]), (1, &json!(venue)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_nothing_sent_that_it_may_not_read() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let key = tenant.key(&["webhook_endpoints:write", "venues:read"]).await;
    let new = |payload: &str, types: Value| json!({ "url": receiver.url, "payload": payload, "event_types": types });
    let thin = key.post("/v1/webhook-endpoints", new("thin", json!([]))).await.created();
    key.post("/v1/webhook-endpoints", new("fat", json!(["venue.created"]))).await.created();
    for types in [json!([]), json!(["venue.created", "order.paid"])] {
        let problem =
            key.post("/v1/webhook-endpoints", new("fat", types)).await.refused(403, "permission_denied");
        assert!(text(&problem, "detail").contains(":read"), "{problem}");
    }
    key.patch(&path(&thin, ""), json!({ "payload": "fat" })).await.refused(403, "permission_denied");
    // An endpoint of somebody who may read orders is not pointed elsewhere by somebody who may not, nor its secret taken.
    let fat = tenant.api.post("/v1/webhook-endpoints", new("fat", json!([]))).await.created();
    let mine = format!("{}/mine", receiver.url);
    for patch in [
        json!({ "url": mine }),
        json!({ "url": mine, "payload": "thin" }),
        json!({ "payload": "thin" }),
        json!({ "event_types": ["venue.created"] }),
    ] {
        key.patch(&path(&fat, ""), patch).await.refused(403, "permission_denied");
    }
    key.act(&path(&fat, "/rotate")).await.refused(403, "permission_denied");
    key.act(&path(&thin, "/rotate")).await.ok();
    assert_eq!(tenant.api.get(&path(&fat, "")).await.ok()["payload"], "fat");
    assert_eq!(tenant.api.get(&path(&fat, "")).await.ok()["url"], receiver.url);
    for _ in 3..16 {
        tenant.api.post("/v1/webhook-endpoints", new("thin", json!([]))).await.created();
    }
    tenant.api.post("/v1/webhook-endpoints", new("thin", json!([]))).await.refused(409, "limit_reached");
    tenant.api.delete(&path(&fat, "")).await.done();
    tenant.api.get(&path(&fat, "")).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_the_life_of_an_order() {
    let platform = platform(true).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(10).await;
    let hold = event.hold(&[0, 1]).await.created();
    let order = event.order_stripe(&hold).await.created();
    platform.sandbox.pay(&order).await;
    let paid = tenant.order_in_state(&order["id"], "paid").await;
    let (list_id, device) = event.door(json!({})).await;
    let scan = json!({ "scans": [{ "id": Uuid::now_v7(), "token": codes(&paid)[0] }] });
    device.post("/v1/check-ins", scan.clone()).await.ok();
    device.post("/v1/check-ins", scan).await.ok();
    let refunds = format!("/v1/orders/{}/refunds", text(&order, "id"));
    tenant.api.post(&refunds, json!({ "amount_minor": 100 })).await.created();
    tenant.order_in_state(&order["id"], "partially_refunded").await;
    let unpaid = event.hold(&[4]).await.created();
    let unpaid = event.order_stripe(&unpaid).await.created();
    tenant.api.act(&format!("/v1/orders/{}/cancel", text(&unpaid, "id"))).await.ok();
    tenant.api.post(&format!("/v1/events/{}/cancel", event.id), json!({ "reason": "A test" })).await.ok();

    let entries = wait_for("the log to be complete", async || {
        Some(log(&tenant).await)
            .filter(|entries| entries.iter().any(|entry| entry["type"] == "event.cancelled"))
    })
    .await;
    let types: Vec<&str> = entries.iter().map(|entry| text(entry, "type")).collect();
    // The provider's own message that the page was closed may be quicker than our cancellation.
    let told: Vec<&str> =
        types.iter().map(|kind| if *kind == "order.expired" { "order.cancelled" } else { *kind }).collect();
    assert_eq!(
        told,
        [
            "venue.created",
            "seat_map.created",
            "seat_map.published",
            "event.created",
            "price_tier.created",
            "event.published",
            "order.created",
            "order.paid",
            "check_in_list.created",
            "device.created",
            "check_in.admitted",
            "refund.created",
            "refund.succeeded",
            "order.partially_refunded",
            "order.created",
            "payment.expired",
            "order.cancelled",
            "event.cancelled",
        ]
    );
    let of = |kind: &str| entries.iter().find(|entry| entry["type"] == kind).unwrap();
    let admitted = of("check_in.admitted");
    assert_eq!(admitted["detail"]["check_in_list"], list_id.as_str(), "{admitted}");
    assert!(text(admitted, "resource_id").starts_with("chk_"), "{admitted}");
    assert_eq!(of("refund.succeeded")["detail"]["order"], order["id"]);
    assert_eq!(of("payment.expired")["detail"]["order"], unpaid["id"]);
    // Every type is one of the table; and a type can be asked for.
    let known = tenant.api.get("/v1/event-types").await.ok();
    let known: BTreeSet<&str> = list(&known, "data").iter().map(|kind| text(kind, "name")).collect();
    assert!(types.iter().all(|kind| known.contains(kind)));
    let paid = tenant.api.get("/v1/events-log?type=order.paid&limit=1").await.ok();
    assert_eq!((list(&paid, "data").len(), &paid["data"][0]["resource_id"]), (1, &order["id"]));
    tenant.api.get("/v1/events-log?type=order.eaten").await.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_polls_misses_nothing_that_is_committed_late() {
    let platform = platform(false).await;
    let tenant = platform.tenant().await;
    let part = async |cursor: &str| {
        let part = tenant.api.get(&format!("/v1/events-log?limit=7&cursor={cursor}")).await.ok();
        (list(&part, "data").to_vec(), text(&part, "cursor").to_owned())
    };
    let begin = tenant.api.get("/v1/events-log?start=newest").await.ok();
    assert_eq!((list(&begin, "data").len(), &begin["has_more"]), (0, &json!(false)));
    let mut cursor = text(&begin, "cursor").to_owned();

    // A change begins, others are made and end, and only then it ends.
    let mut slow = AsyncPgConnection::establish(&platform.database.admin_url).await.unwrap();
    let late = Uuid::now_v7();
    slow.batch_execute(&format!(
        "BEGIN; INSERT INTO audit_log (tenant_id, id, actor, action, object_id) \
         VALUES ('{}', '{late}', 'test', 'venues.update', 'ven_late')",
        uuid_of(&tenant.id)
    ))
    .await
    .unwrap();
    let mut expected: Vec<String> = vec!["ven_late".to_owned()];
    for _ in 0..3 {
        expected.push(tenant.venue().await);
    }
    let (seen, next) = part(&cursor).await;
    assert_eq!((seen.len(), next.is_empty()), (0, false), "nothing is shown that something may come before");
    cursor = next;
    slow.batch_execute("COMMIT").await.unwrap();

    // Many at once, and somebody who polls all the time.
    let made = futures_util::future::join_all((0..40).map(async |_| tenant.venue().await));
    let mut told: Vec<String> = vec![];
    let poll = async |told: &mut Vec<String>, cursor: &mut String| {
        let (seen, next) = part(cursor).await;
        told.extend(seen.iter().map(|entry| text(entry, "resource_id").to_owned()));
        *cursor = next;
    };
    tokio::pin!(made);
    loop {
        tokio::select! {
            made = &mut made => {
                expected.extend(made);
                break;
            }
            () = poll(&mut told, &mut cursor) => {}
        }
    }
    while told.len() < expected.len() {
        poll(&mut told, &mut cursor).await;
    }
    poll(&mut told, &mut cursor).await;
    let (mut told_sorted, mut expected_sorted) = (told.clone(), expected.clone());
    told_sorted.sort();
    expected_sorted.sort();
    assert_eq!(told_sorted, expected_sorted, "each comes once");
    assert_eq!(told[0], "ven_late");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_writes_the_log_holds_it_back() {
    let platform = platform(false).await;
    let tenant = platform.tenant().await;
    let id = uuid_of(&tenant.id);
    let entry = move |object: &str| {
        format!(
            "INSERT INTO audit_log (tenant_id, id, actor, action, object_id) \
             VALUES ('{id}', '{}', 'test', 'venues.update', '{object}')",
            Uuid::now_v7()
        )
    };
    let connect = async || AsyncPgConnection::establish(&platform.database.admin_url).await.unwrap();
    let is_told = async |object: String| {
        wait_until(&object, async || log(&tenant).await.iter().any(|entry| entry["resource_id"] == *object))
            .await;
    };
    // A backup reads for long; somebody changes other things for long, and writes to the log only at the end.
    let mut reader = connect().await;
    reader
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM audit_log")
        .await
        .unwrap();
    let mut writer = connect().await;
    writer.batch_execute("BEGIN; SELECT pg_current_xact_id(); CREATE TABLE other ()").await.unwrap();
    is_told(tenant.venue().await).await;
    writer.batch_execute(&entry("ven_late")).await.unwrap();
    // So far it is in the way.
    let after = tenant.venue().await;
    assert!(log(&tenant).await.iter().all(|entry| entry["resource_id"] != *after));
    // What is taken back is not.
    writer.batch_execute("ROLLBACK").await.unwrap();
    is_told(after).await;

    // Transactions of every kind at once, and somebody who polls all the time.
    let mut expected = BTreeSet::new();
    let mut works = vec![];
    for at in 0..6 {
        let mut writes = vec![];
        for n in 0..30 {
            let object = format!("ven_{at}_{n}");
            let early = ["", "SELECT pg_current_xact_id();", "SAVEPOINT a;"][n % 3];
            let taken_back =
                if n % 4 == 0 { entry("ven_never") + "; ROLLBACK TO a; " } else { String::new() };
            let end = if n % 5 == 4 { "ROLLBACK" } else { "COMMIT" };
            if end == "COMMIT" {
                expected.insert(object.clone());
            }
            writes.push([
                format!("BEGIN; {early}"),
                format!("SAVEPOINT a; {taken_back}"),
                entry(&object),
                format!("SELECT 1; {end}"),
            ]);
        }
        let mut connection = connect().await;
        works.push(tokio::spawn(async move {
            for step in writes.into_iter().flatten() {
                connection.batch_execute(&step).await.unwrap();
            }
        }));
    }
    let begin = tenant.api.get("/v1/events-log?limit=100").await.ok();
    let (mut told, mut cursor) = (vec![], text(&begin, "cursor").to_owned());
    let mut is_last = false;
    loop {
        let part = tenant.api.get(&format!("/v1/events-log?limit=100&cursor={cursor}")).await.ok();
        told.extend(list(&part, "data").iter().map(|entry| text(entry, "resource_id").to_owned()));
        cursor = text(&part, "cursor").to_owned();
        if is_last && part["has_more"] == false {
            break;
        }
        is_last = works.iter().all(tokio::task::JoinHandle::is_finished);
    }
    for work in works {
        work.await.unwrap();
    }
    told.extend(list(&begin, "data").iter().map(|entry| text(entry, "resource_id").to_owned()));
    let of_them: Vec<String> = told.into_iter().filter(|object| object.matches('_').count() == 2).collect();
    assert_eq!(of_them.len(), expected.len(), "each comes once");
    assert_eq!(of_them.into_iter().collect::<BTreeSet<_>>(), expected);
    drop(reader);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_goes_on_after_a_dump_was_restored_elsewhere() {
    let (mut platform, receiver) = (platform(false).await, Receiver::start().await);
    let mut tenant = platform.tenant().await;
    endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    let before = tenant.venue().await;
    send(&platform).await;
    platform.stop().await;
    // The first cluster went on after the dump: a cursor of somebody is ahead of it.
    platform.sql("COMMENT ON FUNCTION log_position() IS 'the first cluster'").await;
    let ahead = platform.number("SELECT log_horizon() + 1000000").await;
    let arguments = vec!["--webhooks-allow-loopback".to_owned()];
    platform.start_again(Options { worker: false, arguments, ..Options::default() }).await;
    tenant.api.base = platform.url.clone();
    let known = log(&tenant).await;
    let position = "SELECT max(xact_id) FROM audit_log";
    let last = platform.number(position).await;
    let after = tenant.venue().await;
    assert!(platform.number(position).await > last + i64::from(u32::MAX));
    let told = wait_for("the new entry", async || {
        Some(log(&tenant).await).filter(|entries| entries.len() > known.len())
    })
    .await;
    assert_eq!(told.last().unwrap()["resource_id"], after.as_str());
    let cursor = format!("{ahead:016x}{}", "0".repeat(32));
    let told = tenant.api.get(&format!("/v1/events-log?cursor={cursor}")).await.ok();
    assert_eq!(told["data"][0]["resource_id"], after.as_str(), "{told}");
    send(&platform).await;
    let sent: Vec<_> = receiver.messages().iter().map(|message| message.body["data"]["id"].clone()).collect();
    assert_eq!(sent, [before, after]);
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_disagree_turn_nothing_around_and_hide_nothing() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let before = chrono::Utc::now();
    let made =
        endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created", "venue.updated"] })).await;
    let venue = tenant.venue().await;
    for name in ["Large hall", "Small hall"] {
        tenant.api.patch(&format!("/v1/venues/{venue}"), json!({ "name": name })).await.ok();
    }
    // The first change was made at a server an hour behind, the second at one an hour ahead: ids tell that time.
    let told = log(&tenant).await.into_iter().filter(|entry| entry["resource_id"] == *venue);
    let ids: Vec<Uuid> = told.map(|entry| uuid_of(text(&entry, "id"))).collect();
    for (id, hours) in [(ids[1], -1), (ids[2], 1)] {
        let elsewhere = id.as_u128().wrapping_add_signed((hours * 3_600_000) << 80);
        let sql = format!("UPDATE audit_log SET id = '{}' WHERE id = '{id}'", Uuid::from_u128(elsewhere));
        platform.sql(&sql).await;
    }
    let of_venue = log(&tenant).await.into_iter().filter(|entry| entry["resource_id"] == *venue);
    let (types, expected): (Vec<Value>, Vec<Value>) =
        of_venue.map(|entry| (entry["type"].clone(), entry["id"].clone())).unzip();
    assert_eq!(types, ["venue.created", "venue.updated", "venue.updated"]);
    assert_eq!(uuid_of(expected[0].as_str().unwrap()), ids[0]);
    send(&platform).await;
    let told =
        || -> Vec<Value> { receiver.messages().iter().map(|message| message.body["id"].clone()).collect() };
    assert_eq!(told(), expected, "{:?}", receiver.types());

    // What happened in a time is known by the clock of Postgres.
    let body = json!({ "since": before, "until": chrono::Utc::now(), "only_missing": false });
    assert_eq!(tenant.api.post(&path(&made, "/replay"), body).await.ok()["entries"], 3);
    send(&platform).await;
    assert_eq!(told()[3..], expected);

    // Whoever pages through the audit log finds each entry once, wherever its clock has put it.
    let (mut seen, mut query) = (vec![], String::new());
    loop {
        let page = tenant.api.get(&format!("/v1/audit-log?limit=2{query}")).await.ok();
        seen.extend(list(&page, "data").iter().map(|entry| text(entry, "id").to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("&cursor={cursor}");
    }
    let count = format!("SELECT count(*) FROM audit_log WHERE tenant_id = '{}'", uuid_of(&tenant.id));
    assert_eq!(i64::try_from(seen.len()).unwrap(), platform.number(&count).await);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
}
