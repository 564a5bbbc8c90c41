//! Tenants, members, keys, the audit log.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Platform, list, text};

fn new_tenant() -> Value {
    json!({
        "name": "Philharmonie", "currency": "EUR", "time_zone": "Europe/Berlin",
        "owner": { "email": "ada@example.org", "name": "Ada" }, "origins": ["https://A.example:443"],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_founded_once_per_key() {
    let platform = Platform::start().await;
    let keyed = platform.bootstrap().with_key("founding-1");
    let first = keyed.post("/v1/tenants", new_tenant()).await.created();
    let again = keyed.post("/v1/tenants", new_tenant()).await.created();
    assert_eq!(first, again, "the same keys are told again");
    let mut other = new_tenant();
    other["name"] = json!("Another");
    keyed.post("/v1/tenants", other).await.refused(422, "idempotency_conflict");
    let second = platform.bootstrap().post("/v1/tenants", new_tenant()).await.created();
    assert_ne!(first["tenant"]["id"], second["tenant"]["id"]);
    assert_eq!(platform.number("SELECT count(*) FROM tenants").await, 2);

    // Told once to the caller, and never kept in the clear.
    let kept = platform.rows("SELECT response::text AS text FROM idempotency_keys").await;
    assert!(!kept.is_empty() && kept.iter().all(|row| !text(row, "text").contains("ef_")), "{kept:?}");
    let hashes = platform.rows("SELECT * FROM api_keys").await;
    assert!(!json!(hashes).to_string().contains(text(&first, "secret_key")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_makes_no_sense_is_not_founded() {
    let platform = Platform::start().await;
    for (field, value) in [
        ("currency", json!("XXQ")),
        ("currency", json!("eur")),
        ("time_zone", json!("Mars/Base")),
        ("owner", json!({ "email": "nope", "name": "A" })),
        ("origins", json!(["http://x.org"])),
        ("origins", json!(["https://x.org/path"])),
        ("name", json!("")),
        ("name", json!("x".repeat(201))),
    ] {
        let mut bad = new_tenant();
        bad[field] = value;
        platform.bootstrap().post("/v1/tenants", bad).await.refused(400, "invalid_request");
    }
    assert_eq!(platform.number("SELECT count(*) FROM tenants").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_of_a_tenant_change_field_by_field() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let before = tenant.api.get("/v1/tenant").await.ok();
    let patch = json!({ "stripe_account": "acct_123" });
    let after = tenant.api.patch("/v1/tenant", patch).await.ok();
    assert_eq!((&after["name"], &after["stripe_account"]), (&before["name"], &json!("acct_123")));
    for bad in [json!({ "stripe_account": "acct_!" }), json!({ "time_zone": "" })] {
        tenant.api.patch("/v1/tenant", bad).await.refused(400, "invalid_request");
    }
    // Its share is the platform's to say.
    let terms = format!("/v1/tenants/{}", text(&before, "id"));
    let bootstrap = platform.bootstrap();
    let fee = json!({ "application_fee_bps": 150 });
    assert_eq!(tenant.api.patch("/v1/tenant", fee.clone()).await.ok()["application_fee_bps"], 0);
    tenant.api.patch(&terms, fee.clone()).await.refused(403, "permission_denied");
    bootstrap.patch(&terms, json!({ "application_fee_bps": 5001 })).await.refused(400, "invalid_request");
    assert_eq!(bootstrap.patch(&terms, fee).await.ok()["application_fee_bps"], 150);
    assert_eq!(tenant.api.patch("/v1/tenant", json!({})).await.ok()["application_fee_bps"], 150);
    assert_eq!(bootstrap.patch(&terms, json!({})).await.ok()["application_fee_bps"], 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_always_has_an_owner() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let members = tenant.api.get("/v1/members").await.ok();
    let owner = format!("/v1/members/{}", text(&list(&members, "data")[0], "id"));
    tenant.api.delete(&owner).await.refused(409, "conflict");
    tenant.api.patch(&owner, json!({ "role": "staff" })).await.refused(409, "conflict");

    let grace = json!({ "email": "grace@example.org", "name": "Grace", "role": "custom", "permissions": ["events:read"] });
    let grace = tenant.api.post("/v1/members", grace).await.created();
    let path = format!("/v1/members/{}", text(&grace, "id"));
    let same = json!({ "email": "GRACE@example.org", "name": "Other", "role": "staff" });
    tenant.api.post("/v1/members", same).await.refused(409, "already_exists");
    let unknown =
        json!({ "email": "c@example.org", "name": "C", "role": "custom", "permissions": ["events:fly"] });
    assert_eq!(
        tenant.api.post("/v1/members", unknown).await.refused(400, "invalid_request")["param"],
        "permissions[0]"
    );
    for bad in [
        json!({ "role": "custom" }),
        json!({ "role": "king" }),
        json!({ "role": "staff", "permissions": ["events:read"] }),
    ] {
        let mut member = json!({ "email": "c@example.org", "name": "C" });
        member["role"] = bad["role"].clone();
        if bad["permissions"].is_array() {
            member["permissions"] = bad["permissions"].clone();
        }
        tenant.api.post("/v1/members", member).await.refused(400, "invalid_request");
    }
    // Two owners can turn each other out at the same time, but not both.
    tenant.api.patch(&path, json!({ "role": "owner" })).await.ok();
    let (first, second) = tokio::join!(tenant.api.delete(&owner), tenant.api.delete(&path));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409], "{first} {second}");
    assert_eq!(platform.number("SELECT count(*) FROM members WHERE role = 'owner'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hands_on_more_than_they_hold() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let clerk = tenant.key(&["api_keys:write", "api_keys:read", "members:write", "members:read"]).await;
    let member = json!({ "email": "z@example.org", "name": "Z", "role": "staff" });
    clerk.post("/v1/members", member).await.refused(403, "permission_denied");
    let secret = json!({ "kind": "secret", "name": "X", "scopes": ["events:read"] });
    clerk.post("/v1/api-keys", secret).await.refused(403, "permission_denied");
    let publishable = json!({ "kind": "publishable", "name": "X", "origins": ["https://x.example"] });
    clerk.post("/v1/api-keys", publishable).await.refused(403, "permission_denied");
    let keys = clerk.get("/v1/api-keys").await.ok();
    for key in list(&keys, "data").iter().filter(|key| key["name"] != "Limited") {
        let path = format!("/v1/api-keys/{}/rotate", text(key, "id"));
        clerk.post(&path, json!({})).await.refused(403, "permission_denied");
    }
    let members = clerk.get("/v1/members").await.ok();
    let owner = format!("/v1/members/{}", text(&list(&members, "data")[0], "id"));
    clerk.patch(&owner, json!({ "email": "evil@example.org" })).await.refused(403, "permission_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_with_grace_and_revoked_at_once() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let keys = tenant.api.get("/v1/api-keys").await.ok();
    let main = list(&keys, "data").iter().find(|key| key["kind"] == "secret").unwrap();
    let path = format!("/v1/api-keys/{}", text(main, "id"));
    tenant.api.delete(&path).await.refused(409, "conflict");

    let rotated = tenant.api.with_key("rotate").post(&format!("{path}/rotate"), json!({})).await.created();
    let second = tenant.api.with_token(text(&rotated, "token"));
    tenant.api.get("/v1/tenant").await.ok();
    second.get("/v1/tenant").await.ok();
    let too_long = json!({ "grace_secs": 604_801 });
    second.post(&format!("{path}/rotate"), too_long).await.refused(400, "invalid_request");

    let path_of_second = format!("/v1/api-keys/{}", text(&rotated["api_key"], "id"));
    let now = second.post(&format!("{path_of_second}/rotate"), json!({ "grace_secs": 0 })).await.created();
    second.get("/v1/tenant").await.refused(401, "unauthenticated");
    let third = tenant.api.with_token(text(&now, "token"));
    // The first key has a grace of a day; it can be cut short.
    third.delete(&path).await.done();
    tenant.api.get("/v1/tenant").await.refused(401, "unauthenticated");
    third.delete(&path).await.refused(404, "not_found");

    let past = json!({ "kind": "secret", "name": "X", "scopes": ["events:read"], "expires_at": "2020-01-01T00:00:00Z" });
    third.post("/v1/api-keys", past).await.refused(400, "invalid_request");
    // A key that ends by itself.
    let soon = json!({ "kind": "secret", "name": "X", "scopes": ["venues:read"], "expires_at": "2099-01-01T00:00:00Z" });
    let made = third.post("/v1/api-keys", soon).await.created();
    // It cannot prolong itself by another key.
    let maker = json!({ "kind": "secret", "name": "Maker", "scopes": ["api_keys:write", "venues:read"], "expires_at": "2098-01-01T00:00:00Z" });
    let maker = third.with_token(text(&third.post("/v1/api-keys", maker).await.created(), "token"));
    for end in [json!(null), json!("2099-01-01T00:00:00Z")] {
        let heir = json!({ "kind": "secret", "name": "Heir", "scopes": ["venues:read"], "expires_at": end });
        maker.post("/v1/api-keys", heir).await.refused(403, "permission_denied");
    }
    let heir = json!({ "kind": "secret", "name": "Heir", "scopes": ["venues:read"], "expires_at": "2097-01-01T00:00:00Z" });
    maker.post("/v1/api-keys", heir).await.created();
    platform.sql("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE name = 'X'").await;
    third.with_token(text(&made, "token")).get("/v1/venues").await.refused(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_key_that_can_make_keys_stays() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    // A twin of the first key; both are asked to go at the same time.
    let keys = tenant.api.get("/v1/api-keys").await.ok();
    let main = list(&keys, "data").iter().find(|key| key["kind"] == "secret").unwrap().clone();
    let twin = json!({ "kind": "secret", "name": "Twin", "scopes": main["scopes"] });
    let twin = tenant.api.post("/v1/api-keys", twin).await.created();
    let (main, other) = (text(&main, "id"), text(&twin["api_key"], "id"));
    let (main, other) = (format!("/v1/api-keys/{main}"), format!("/v1/api-keys/{other}"));
    let twin = tenant.api.with_token(text(&twin, "token"));
    let (first, second) = tokio::join!(tenant.api.delete(&other), twin.delete(&main));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert!(statuses == [204, 409] || statuses == [204, 401], "{first} {second}");
    let left = "SELECT count(*) FROM api_keys WHERE kind = 'secret' AND revoked_at IS NULL";
    assert_eq!(platform.number(left).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publishable_key_works_on_its_own_pages_only() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let ours = tenant.page.with_header("origin", "https://tickets.example.org").get("/v1/events").await;
    assert_eq!(ours.header("access-control-allow-origin"), "https://tickets.example.org");
    ours.ok();
    for origin in [
        "https://evil.example",
        "https://tickets.example.org.evil.example",
        "http://shop.example.org",
        "null",
    ] {
        let answer = tenant.page.with_header("origin", origin).get("/v1/events").await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{answer}");
        answer.refused(403, "origin_denied");
    }
    // A secret key in a page: no page may read the answer.
    let leaked = tenant.api.with_header("origin", "https://tickets.example.org").get("/v1/events").await;
    assert_eq!(leaked.header("access-control-allow-origin"), "", "{leaked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ticket_keys_rotate_one_after_the_other() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let keyed = tenant.api.with_key("rotate");
    let first = keyed.act("/v1/ticket-keys/rotate").await.created();
    assert_eq!(keyed.act("/v1/ticket-keys/rotate").await.created(), first);
    let rotate = (0..8).map(|_| tenant.api.act("/v1/ticket-keys/rotate"));
    let kids: BTreeSet<i64> = futures_util::future::join_all(rotate)
        .await
        .into_iter()
        .map(|answer| answer.created()["kid"].as_i64().unwrap())
        .collect();
    assert_eq!(kids, (2..10).collect());
    let ring = tenant.api.get("/v1/ticket-keys").await.ok();
    let active: Vec<_> = list(&ring, "data").iter().filter(|key| key["state"] == "active").collect();
    assert_eq!((list(&ring, "data").len(), active.len(), &active[0]["kid"]), (10, 1, &json!(9)));
    // The ring has 256 places.
    platform
        .sql(
            "INSERT INTO ticket_keys (tenant_id, kid, public_key, sealed_private_key, state)
             SELECT tenant_id, n, public_key, sealed_private_key, 'retired' FROM ticket_keys, generate_series(10, 255) n WHERE kid = 0",
        )
        .await;
    let full = tenant.api.act("/v1/ticket-keys/rotate").await;
    full.check_problem();
    assert_eq!(full.status, 409, "{full}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_tells_who_changed_what_newest_first() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let api = tenant.api.with_header("x-request-id", "my-request-0001");
    let venue =
        api.post("/v1/venues", json!({ "name": "Hall", "time_zone": "Europe/Berlin" })).await.created();
    let id = text(&venue, "id");
    api.patch(&format!("/v1/venues/{id}"), json!({ "name": "Great hall" })).await.ok();
    let log = api.get(&format!("/v1/audit-log?object_id={id}")).await.ok();
    let actions: Vec<&str> = list(&log, "data").iter().map(|entry| text(entry, "action")).collect();
    assert_eq!(actions, ["venues.update", "venues.create"]);
    for entry in list(&log, "data") {
        assert_eq!(entry["request_id"], "my-request-0001", "{entry}");
        assert!(text(entry, "actor").starts_with("key_"), "{entry}");
    }
    // Neither addresses of people nor keys.
    let log = api.get("/v1/audit-log?limit=100").await.ok().to_string();
    assert!(!log.contains("@example.org") && !log.contains("ef_sk") && !log.contains("ef_pk"), "{log}");
}
