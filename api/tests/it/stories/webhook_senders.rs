//! Senders of webhooks against receivers that are slow, broken or hostile: what they do concerns nobody else.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use eventflow_api::webhooks;
use eventflow_core::{Id, id};
use eventflow_store::{Scope, Tx, webhook_deliveries as sending};
use eventflow_torture::checker::{
    Circumstances, Places, check,
    webhooks::{Endpoint, Request},
};
use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use uuid::Uuid;

use super::webhook_endpoints::{deliveries, endpoint, log, path, platform, send, skip_pauses};
use crate::support::{Message, Platform, Receiver, Reply, Tenant, text, uuid_of, wait_for};

/// The endpoint is known to be quick.
async fn prove(platform: &Platform, made: &Value) {
    let id = uuid_of(text(&made["webhook_endpoint"], "id"));
    platform.sql(&format!("UPDATE webhook_endpoints SET slow_until = now() WHERE id = '{id}'")).await;
}

/// Tenants with eight endpoints each, for all of which something waits.
async fn attackers(platform: &Platform, receiver: &Receiver, tenants: usize) {
    for _ in 0..tenants {
        let tenant = platform.tenant().await;
        for _ in 0..8 {
            endpoint(&tenant, receiver, json!({ "event_types": ["venue.created"] })).await;
        }
        tenant.venue().await;
    }
}

/// Waits until no more senders are given out.
async fn wait_for_senders(platform: &Platform) -> i64 {
    let mut before = 0;
    wait_for("the senders", async || {
        let leased = "SELECT count(*) FROM webhook_endpoints WHERE blocked_until > now()";
        let now = platform.number(leased).await;
        let is_same = now > 0 && now == before;
        before = now;
        tokio::time::sleep(Duration::from_secs(1)).await;
        is_same.then_some(now)
    })
    .await
}

/// How long a new venue takes to the receiver.
async fn told_after(tenant: &Tenant, receiver: &Receiver) -> Duration {
    let (count, began) = (receiver.messages().len(), Instant::now());
    tenant.venue().await;
    receiver.wait_for(count + 1).await;
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_that_drip_keep_no_other_tenant_waiting() {
    let (platform, crawler) = (platform(true).await, Receiver::start().await);
    crawler.reply_always(Reply::Crawl);
    let (known, new) = (platform.tenant().await, platform.tenant().await);
    let (at_known, at_new) = (Receiver::start().await, Receiver::start().await);
    let made = endpoint(&known, &at_known, json!({ "event_types": ["venue.created"] })).await;
    endpoint(&new, &at_new, json!({ "event_types": ["venue.created"] })).await;
    prove(&platform, &made).await;
    attackers(&platform, &crawler, 8).await;
    let senders = wait_for_senders(&platform).await;
    assert!(senders <= 32, "{senders} of 64 senders");
    // Those at work may wait for 15 seconds.
    let took = told_after(&known, &at_known).await;
    assert!(took < Duration::from_secs(6), "{took:?}");
    // Nobody knows whether a new endpoint is slow: it may have to wait until one of those that are has had its turn.
    told_after(&new, &at_new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_whether_a_message_was_taken() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    receiver.reply_next(Reply::Drip);
    tenant.venue().await;
    let began = Instant::now();
    send(&platform).await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let delivery = deliveries(&tenant, &made).await.remove(0);
    assert_eq!((&delivery["state"], &delivery["status"]), (&json!("delivered"), &json!(200)), "{delivery}");
    assert!(text(&delivery, "response").starts_with("taken."), "{delivery}");
    assert_eq!(delivery["last_error"], Value::Null, "{delivery}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_not_answer_in_time_has_less_time() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    let slow = "SELECT count(*) FROM webhook_endpoints WHERE slow_until > now() + interval '9 minutes'";
    prove(&platform, &made).await;
    receiver.reply_always(Reply::Hang);
    tenant.venue().await;
    for (least, most) in [(14, 20), (4, 10)] {
        let began = Instant::now();
        send(&platform).await;
        let took = began.elapsed().as_secs();
        assert!((least..most).contains(&took), "{took}");
        assert_eq!(platform.number(slow).await, 1);
        let delivery = deliveries(&tenant, &made).await.remove(0);
        assert_eq!(delivery["last_error"], "no answer in time", "{delivery}");
        skip_pauses(&platform).await;
    }
    receiver.reply_always(Reply::Status("200 OK"));
    send(&platform).await;
    assert_eq!(deliveries(&tenant, &made).await.remove(0)["state"], "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_asks_for_longer_pauses_and_not_for_shorter_ones() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    receiver.reply_always(Reply::Status("429 Too Many Requests\r\nretry-after: 0"));
    tenant.venue().await;
    let pause = "SELECT round(extract(epoch FROM blocked_until - now()))::int AS secs FROM webhook_endpoints";
    // From the fifth failure on the pauses are the breaker's.
    for expected in [5, 5, 5, 5, 32, 64] {
        send(&platform).await;
        let secs = platform.number(pause).await;
        assert!((expected - 2..=expected).contains(&secs), "{secs} instead of {expected}");
        skip_pauses(&platform).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_deliveries_about_one_object_are_no_hard_work() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    let sql = format!(
        "INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, entry_id, event_type, resource_id, detail, occurred_at, \
           next_attempt_at) \
         SELECT tenant_id, gen_random_uuid(), id, lpad(to_hex(n), 32, '0')::uuid, 'venue.updated', 'ven_1', '{{}}', now(), \
           now() + CASE WHEN n > 3 THEN interval '1 hour' ELSE interval '0' END \
         FROM webhook_endpoints, generate_series(1, 50000) n WHERE id = '{}'",
        uuid_of(text(&made["webhook_endpoint"], "id"))
    );
    platform.sql(&sql).await;
    platform.sql("UPDATE webhook_endpoints SET due_at = now(); ANALYZE webhook_deliveries").await;
    let began = Instant::now();
    send(&platform).await;
    // It took a minute and more while each row was compared with all others.
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    // One after the other: the fourth one is not due before an hour is over.
    let told: Vec<String> = receiver.messages().iter().map(|message| message.id().to_owned()).collect();
    assert_eq!((told.len(), told.is_sorted()), (3, true), "{told:?}");
    let due = "SELECT round(extract(epoch FROM due_at - now()) / 60)::int AS minutes FROM webhook_endpoints";
    assert!((58..=60).contains(&platform.number(due).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_looked_through_in_parts() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    let (tenant_id, id) = (uuid_of(&tenant.id), uuid_of(text(&made["webhook_endpoint"], "id")));
    let others = format!(
        "INSERT INTO audit_log (tenant_id, id, actor, action, object_id) \
         SELECT '{tenant_id}', gen_random_uuid(), 'test', 'venues.update', 'ven_' || n FROM generate_series(1, 25000) n"
    );
    platform.sql(&others).await;
    let venue = tenant.venue().await;
    let scope = Scope::system(tenant_id.into(), "test");
    let seen = "SELECT count(*) FROM audit_log a, webhook_endpoints e \
                WHERE a.tenant_id = e.tenant_id AND a.action = 'venues.update' AND (a.xact_id, a.id) <= (e.position, e.position_id)";
    // A transaction looks at 10,000 entries and not at all of them, though none of them is asked for.
    for expected in [10_000, 20_000] {
        let begin = async |tx: &mut Tx| sending::begin(tx, &platform.app.sealer, id).await;
        platform.app.db.run(&scope, begin).await.unwrap();
        let seen = platform.number(seen).await;
        assert!((expected - 100..=expected).contains(&seen), "{seen}");
    }
    skip_pauses(&platform).await;
    send(&platform).await;
    assert_eq!(receiver.messages().remove(0).body["data"]["id"], venue.as_str());
}

/// Replies of a receiver with a bad day; it is well again after them.
fn bad_day(random: &mut StdRng) -> Vec<Reply> {
    let replies = (0..40).map(|_| match random.random_range(0..20) {
        0..3 => Reply::Status("500 Internal Server Error"),
        3 => Reply::Status("429 Too Many Requests\r\nretry-after: 1"),
        4 | 5 => Reply::Close,
        6 => Reply::Drip,
        _ => Reply::Status("200 OK"),
    });
    replies.collect()
}

fn is_taken(reply: &Reply) -> bool {
    matches!(reply, Reply::Status("200 OK") | Reply::Drip)
}

/// Every message of an object comes after the older ones about it, unless those were tried four times.
fn check_order(receiver: &Receiver) {
    let mut tries: BTreeMap<(String, String), (usize, bool)> = BTreeMap::new();
    for message in receiver.messages() {
        let (object, entry) = (text(&message.body["data"], "id").to_owned(), message.id().to_owned());
        let older = tries.range((object.clone(), String::new())..(object.clone(), entry.clone()));
        for ((_, other), (count, is_taken)) in older {
            assert!(*is_taken || *count >= 4, "{entry} overtook {other}, which was tried {count} times");
        }
        let younger = tries.range((object.clone(), entry.clone() + "~")..(object.clone(), "~".to_owned()));
        let is_late = younger.count() > 0;
        let (count, was_taken) = tries.entry((object, entry)).or_default();
        assert!(!is_late || *count >= 4, "an older message came first after a younger one");
        *count += 1;
        *was_taken |= is_taken(&message.reply);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_receivers_do_every_message_is_delivered_once_and_in_order() {
    let platform = platform(false).await;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let tenant = platform.tenant().await;
    let types = json!({ "event_types": ["venue.created", "venue.updated"] });
    let mut live = vec![];
    for _ in 0..5 {
        let receiver = Receiver::start().await;
        let made = endpoint(&tenant, &receiver, types.clone()).await;
        bad_day(&mut random).into_iter().for_each(|reply| receiver.reply_next(reply));
        live.push((receiver, made));
    }
    live[0].0.reply_next(Reply::Hang);
    let gone = Receiver::start().await;
    gone.reply_always(Reply::Status("410 Gone"));
    let made_gone = endpoint(&tenant, &gone, types.clone()).await;
    for _ in 0..10 {
        let venue = tenant.venue().await;
        for n in 0..3 {
            tenant
                .api
                .patch(&format!("/v1/venues/{venue}"), json!({ "name": format!("Hall {n}") }))
                .await
                .ok();
        }
        send(&platform).await;
    }
    let waiting = "SELECT count(*) FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id \
                   WHERE d.state = 'pending' AND e.state = 'enabled'";
    for _ in 0..200 {
        if platform.number(waiting).await == 0 {
            break;
        }
        skip_pauses(&platform).await;
        let senders = (0..4).map(async |_| while webhooks::run_once(&platform.app).await.unwrap() {});
        join_all(senders).await;
    }
    let entries = log(&tenant).await;
    let mut expected: Vec<&str> = entries
        .iter()
        .filter(|entry| text(entry, "type").starts_with("venue."))
        .map(|entry| text(entry, "id"))
        .collect();
    assert_eq!(expected.len(), 40);
    expected.sort_unstable();
    for (receiver, made) in &live {
        let rows = deliveries(&tenant, made).await;
        assert!(rows.iter().all(|row| row["state"] == "delivered"), "{rows:?}");
        let mut delivered: Vec<&str> = rows.iter().map(|row| text(row, "entry_id")).collect();
        delivered.sort_unstable();
        assert_eq!(delivered, expected);
        // What is delivered was taken, and was not sent again.
        let messages = receiver.messages();
        let mut taken: Vec<&str> =
            messages.iter().filter(|message| is_taken(&message.reply)).map(|message| message.id()).collect();
        taken.sort_unstable();
        assert_eq!(taken, expected);
        check_order(receiver);
    }
    assert_eq!(gone.messages().len(), 1);
    assert_eq!(tenant.api.get(&path(&made_gone, "")).await.ok()["state"], "disabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_enables_an_endpoint_once_more_gets_no_second_sender() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    tenant.venue().await;
    let lease =
        async || sending::lease(&platform.app.db, sending::Pace::Slow, vec![], 8).await.unwrap().len();
    assert_eq!(lease().await, 1);
    tenant.api.patch(&path(&made, ""), json!({ "state": "enabled" })).await.ok();
    assert_eq!(lease().await, 0, "the first sender is at it");
    // A pause after failures is cut short.
    platform.sql("UPDATE webhook_endpoints SET blocked_until = now() + interval '1 hour'").await;
    tenant.api.patch(&path(&made, ""), json!({ "state": "enabled" })).await.ok();
    let left = "SELECT extract(epoch FROM blocked_until - now())::int FROM webhook_endpoints";
    assert!((20..=30).contains(&platform.number(left).await));
}

/// One thing at a time is not as it was, and the checker of the torture says so.
#[tokio::test(flavor = "multi_thread")]
async fn the_checker_sees_what_becomes_of_webhooks() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made =
        endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created", "venue.updated"] })).await;
    let venue = tenant.venue().await;
    tenant.api.patch(&format!("/v1/venues/{venue}"), json!({ "name": "Large hall" })).await.ok();
    tenant.venue().await;
    send(&platform).await;
    let shown = &made["webhook_endpoint"];
    let endpoint = Endpoint {
        id: uuid_of(text(shown, "id")),
        secret: text(&made, "secret").to_owned(),
        public_key: text(shown, "public_key").to_owned(),
    };
    let of = |(at, message): (u64, &Message)| Request {
        program: 0,
        id: message.id().to_owned(),
        timestamp: message.header("webhook-timestamp").to_owned(),
        signature: message.header("webhook-signature").to_owned(),
        body: message.bytes.clone(),
        came: 2 * at,
        taken: Some(2 * at + 1),
    };
    let messages = receiver.messages();
    let came: Vec<Request> = (0..).zip(&messages).map(of).collect();
    let at = |kind: &str| messages.iter().position(|message| message.body["type"] == kind).unwrap();
    let updated = at("venue.updated");
    let violations = async |webhooks: Vec<Request>, interruptions: u64| {
        let circumstances = Circumstances {
            drained: true,
            endpoints: vec![endpoint.clone()],
            webhooks,
            interruptions,
            ..Circumstances::default()
        };
        let places = platform.places();
        let places = Places {
            postgres_url: places.admin_url,
            redis_url: places.redis_url,
            sandbox_url: &places.sandbox.base,
        };
        let found = check(&places, &circumstances).await.unwrap();
        found
            .violations
            .into_iter()
            .map(|violation| (violation.invariant, violation.what))
            .collect::<Vec<_>>()
    };
    assert_eq!(violations(came.clone(), 0).await, []);
    let again = [came.clone(), vec![Request { came: 100, taken: Some(101), ..came[0].clone() }]].concat();
    assert_eq!(violations(again.clone(), 1).await, [], "a sender may die");

    let changed = |at: usize, change: fn(&mut Request)| {
        let mut changed = came.clone();
        change(&mut changed[at]);
        changed
    };
    let lost = came.iter().skip(1).cloned().collect();
    for (webhooks, expected) in [
        (again, "came to 0 again"),
        (lost, "never came"),
        (changed(0, |request| request.taken = None), "never came"),
        (changed(0, |request| request.timestamp.push('0')), "is not signed"),
        (changed(0, |request| request.signature = request.signature.replace("v1a,", "v2,")), "is not signed"),
        (changed(0, |request| request.body.push(b' ')), "is not signed"),
        (changed(0, |request| request.body = b"{}".to_vec()), "was told as"),
        (changed(0, |request| request.id = Id::<id::LogEntry>::from(Uuid::nil()).to_string()), "is not for"),
        (changed(updated, |request| request.came = 0), "came to 0 before"),
    ] {
        let found = violations(webhooks, 0).await;
        let seen = found.iter().any(|(invariant, what)| *invariant == "I17" && what.contains(expected));
        assert!(seen, "{expected}: {found:?}");
    }
}
