//! What is asked of webhook endpoints and their deliveries, and how much of it.

use serde_json::{Value, json};

use super::webhook_endpoints::{deliveries, endpoint, log, path, platform, send};
use crate::support::{Platform, Receiver, list, text, uuid_of};

/// More entries of the log, made now, in a transaction of their own.
async fn fill_log(platform: &Platform, tenant: &str, count: u32) {
    let id = "(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || substr(md5(n::text), 1, 20))::uuid";
    let sql = format!(
        "INSERT INTO audit_log (tenant_id, id, actor, action, object_id) \
         SELECT '{}', {id}, 'test', 'venues.update', 'ven_' || n FROM generate_series(1, {count}) n",
        uuid_of(tenant)
    );
    platform.sql(&sql).await;
}

/// Deliveries that wait until tomorrow, each about an object of its own.
async fn fill_waiting(platform: &Platform, made: &Value, count: u32) {
    let sql = format!(
        "INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, entry_id, event_type, resource_id, detail, occurred_at, \
           next_attempt_at) \
         SELECT tenant_id, gen_random_uuid(), id, gen_random_uuid(), 'venue.updated', 'ven_' || n, '{{}}', now(), \
           now() + interval '1 day' FROM webhook_endpoints, generate_series(1, {count}) n WHERE id = '{}'",
        uuid_of(text(&made["webhook_endpoint"], "id"))
    );
    platform.sql(&sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_with_too_many_entries_is_replayed_in_parts() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["event.created"] })).await;
    let begin = chrono::Utc::now();
    let replay = async |until: chrono::DateTime<chrono::Utc>| {
        tenant.api.post(&path(&made, "/replay"), json!({ "since": begin, "until": until })).await
    };
    fill_log(&platform, &tenant.id, 9_000).await;
    let middle = chrono::Utc::now();
    fill_log(&platform, &tenant.id, 2_000).await;
    platform.sql("UPDATE webhook_endpoints SET position = log_horizon()").await;
    // All were looked at, whatever they are about: nothing of the time may be left out in silence.
    let end = chrono::Utc::now();
    let problem = replay(end).await.refused(409, "limit_reached");
    assert!(text(&problem, "detail").contains("shorter time"), "{problem}");
    assert_eq!(replay(middle).await.ok()["entries"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_deliveries_wait_for_an_endpoint_and_no_more() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    let begin = chrono::Utc::now();
    tenant.venue().await;
    send(&platform).await;
    let delivered = deliveries(&tenant, &made).await.remove(0);
    assert_eq!(delivered["state"], "delivered", "{delivered}");
    fill_waiting(&platform, &made, 9_999).await;
    tenant.api.act(&path(&made, "/ping")).await.created();
    let once_more = format!("/v1/webhook-deliveries/{}/replay", text(&delivered, "id"));
    let all = json!({ "since": begin, "only_missing": false });
    for answer in [
        tenant.api.act(&path(&made, "/ping")).await,
        tenant.api.act(&once_more).await,
        tenant.api.post(&path(&made, "/replay"), all.clone()).await,
    ] {
        let problem = answer.refused(409, "limit_reached");
        assert!(text(&problem, "detail").starts_with("10000 "), "{problem}");
    }
    platform.sql("UPDATE webhook_deliveries SET state = 'failed' WHERE resource_id = 'ven_1'").await;
    assert_eq!(tenant.api.post(&path(&made, "/replay"), all).await.ok()["entries"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_may_be_any_but_not_backwards() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    tenant.venue().await;
    send(&platform).await;
    let replay = async |since: &str, until: &str| {
        let time = json!({ "since": since, "until": until, "only_missing": false });
        tenant.api.post(&path(&made, "/replay"), time).await
    };
    let problem =
        replay("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z").await.refused(400, "invalid_request");
    assert_eq!(problem["param"], "since");
    // Times that no id can have.
    for (since, until, entries) in [
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1),
        ("0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", 0),
        ("9999-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 0),
    ] {
        assert_eq!(replay(since, until).await.ok()["entries"], entries, "{since} {until}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_wrote_stays_inside() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({})).await;
    let event = tenant.seated_event(10).await;
    let order = event.order_manual(&[0, 1]).await.created();
    let reason = json!({ "reason": "Grace has the measles" });
    let ticket = text(&list(&order, "tickets")[0], "id").to_owned();
    tenant.api.post(&format!("/v1/tickets/{ticket}/void"), reason.clone()).await.ok();
    let refund = json!({ "amount_minor": 100, "reason": reason["reason"] });
    tenant.api.post(&format!("/v1/orders/{}/refunds", text(&order, "id")), refund).await.created();
    tenant.api.post(&format!("/v1/events/{}/cancel", event.id), reason).await.ok();
    send(&platform).await;
    let types = receiver.types();
    for kind in ["ticket.voided", "refund.created", "event.cancelled"] {
        assert!(types.iter().any(|known| known == kind), "{types:?}");
    }
    let told = json!([
        log(&tenant).await,
        deliveries(&tenant, &made).await,
        receiver.messages().into_iter().map(|message| message.body).collect::<Vec<_>>(),
    ]);
    assert!(!told.to_string().contains("measles"), "{told}");
    let kept = "SELECT count(*) FROM audit_log WHERE detail->>'reason' = 'Grace has the measles'";
    assert_eq!(platform.number(kept).await, 3, "whoever may read the audit log sees it");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rotation_has_its_day() {
    let (platform, receiver) = (platform(false).await, Receiver::start().await);
    let tenant = platform.tenant().await;
    let made = endpoint(&tenant, &receiver, json!({ "event_types": ["venue.created"] })).await;
    let rotate = async || tenant.api.act(&path(&made, "/rotate")).await;
    let (second, third) = (rotate().await.ok(), rotate().await.ok());
    let signs = async |keys: [&Value; 3]| {
        tenant.api.act(&path(&made, "/ping")).await.created();
        send(&platform).await;
        let message = receiver.messages().pop().unwrap();
        assert_eq!(message.signatures("v1").len(), message.signatures("v1a").len());
        keys.map(|made| {
            message.is_signed_with(text(made, "secret"))
                && message.is_signed_with(text(&made["webhook_endpoint"], "public_key"))
        })
    };
    assert_eq!(signs([&made, &second, &third]).await, [true; 3], "none is cut short");
    let problem = rotate().await.refused(409, "limit_reached");
    assert!(text(&problem, "detail").contains("until 20"), "{problem}");
    assert_eq!(signs([&made, &second, &third]).await, [true; 3]);

    platform.sql("UPDATE webhook_endpoints SET previous_until[1] = now()").await;
    assert_eq!(signs([&made, &second, &third]).await, [false, true, true]);
    let fourth = rotate().await.ok();
    assert_eq!(signs([&second, &third, &fourth]).await, [true; 3]);
    rotate().await.refused(409, "limit_reached");
    let until = text(&fourth["webhook_endpoint"], "previous_keys_until").to_owned();
    assert!(until > (chrono::Utc::now() + chrono::TimeDelta::hours(23)).to_rfc3339(), "{until}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_kept_in_its_normal_form() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let new = |url: &str| json!({ "url": url });
    let made = tenant
        .api
        .post("/v1/webhook-endpoints", new("HTTPS://Hooks.EXAMPLE.org.:443/a/../b?c=d e"))
        .await
        .created();
    assert_eq!(made["webhook_endpoint"]["url"], "https://hooks.example.org/b?c=d%20e");
    let patched = tenant.api.patch(&path(&made, ""), new("https://BÜCHER.example")).await.ok();
    assert_eq!(patched["url"], "https://xn--bcher-kva.example/");
    for url in ["https://example.org/#part", "https://user@example.org/", "https://:x@example.org/"] {
        tenant.api.patch(&path(&made, ""), new(url)).await.refused(400, "invalid_request");
    }
    // What is escaped is longer than what was typed.
    let long = format!("https://example.org/{}", "ä".repeat(1_000));
    let problem = tenant.api.patch(&path(&made, ""), new(&long)).await.refused(400, "invalid_request");
    assert_eq!(problem["param"], "url");
}
