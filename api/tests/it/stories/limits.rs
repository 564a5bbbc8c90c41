//! Rate limits, and the pages that are there for everybody.

use serde_json::json;

use crate::support::{Options, Platform, list, shop::items, text};

/// A visitor's address of its own: limits are kept in the Redis that all tests share.
fn limited(address: &str) -> (Options, &str) {
    let arguments = vec!["--trusted-proxies".to_owned(), "127.0.0.1".to_owned()];
    (Options { rate_limit_scale: 1, arguments, ..Options::default() }, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_asks_too_often_is_told_when_to_come_back() {
    let (options, address) = limited("203.0.113.7");
    let platform = Platform::with(options).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let visitor = tenant.page.with_header("x-forwarded-for", address);
    let (mut allowed, mut refused) = (0, None);
    for _ in 0..200 {
        let answer = visitor.post(&event.path("/holds"), json!({ "items": items(&[99]) })).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert!(
            answer.header("ratelimit").contains("r=") && answer.header("ratelimit-policy").contains("q=40"),
            "{:?}",
            answer.headers
        );
        answer.refused(422, "unknown_seat");
        allowed += 1;
    }
    let refused = refused.expect("no limit was reached");
    assert!((40..150).contains(&allowed), "{allowed}");
    assert!(
        refused.header("retry-after").parse::<u32>().is_ok_and(|secs| (1..=10).contains(&secs)),
        "{refused}"
    );
    assert!(refused.header("ratelimit").contains("r=0"), "{:?}", refused.headers);
    refused.refused(429, "rate_limited");
    // Others are not held up, and neither is the same visitor's reading.
    let other = tenant.page.with_header("x-forwarded-for", "203.0.113.8");
    other.post(&event.path("/holds"), json!({ "items": items(&[0]) })).await.created();
    visitor.get(&event.path("/availability")).await.ok();
    tenant.api.get("/v1/venues").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_keys_is_slow() {
    let (options, address) = limited("203.0.113.9");
    let platform = Platform::with(options).await;
    let tenant = platform.tenant().await;
    let hold = tenant.seated_event(4).await.hold(&[0]).await.created();
    let guesser = platform.anybody().with_header("x-forwarded-for", address);
    let mut answers = vec![];
    for n in 0..120 {
        answers.push(guesser.with_token(&format!("ef_sk_test_{n:032x}")).get("/v1/tenant").await.status);
    }
    assert!(
        answers.contains(&429) && answers.iter().all(|status| [401, 429].contains(status)),
        "{answers:?}"
    );
    // Who has a key, or a hold, is not held up by a guesser at the same address.
    guesser.with_token(&tenant.api.token).get("/v1/tenant").await.ok();
    guesser.with_token(text(&hold, "token")).get(&format!("/v1/holds/{}", text(&hold, "id"))).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_the_keys_and_the_health_are_public() {
    let platform = Platform::start().await;
    let anybody = platform.anybody();
    for path in ["/healthz", "/readyz", "/docs", "/docs/errors"] {
        let answer = anybody.get(path).await;
        assert!([200, 301, 302, 307, 308].contains(&answer.status), "{answer}");
    }
    assert_eq!(anybody.get("/openapi.json").await.ok()["openapi"], "3.0.3");
    let jwks = anybody.get("/.well-known/jwks.json").await.ok();
    let key = &list(&jwks, "keys")[0];
    assert_eq!((text(key, "kty"), text(key, "crv"), key["d"].is_null()), ("OKP", "Ed25519", true));
    // The contract shows every code of the errors page.
    let errors = String::from_utf8(anybody.get("/docs/errors").await.bytes).unwrap();
    for code in eventflow_core::ErrorCode::ALL {
        assert!(errors.contains(code.code()), "/docs/errors does not explain {}", code.code());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_its_request_id_and_safe_headers() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let ours = tenant.api.get("/v1/tenant").await;
    assert!(
        ours.header("x-request-id").starts_with("req_") && ours.header("x-content-type-options") == "nosniff"
    );
    assert_eq!(ours.header("cache-control"), "no-store");
    let theirs = tenant.api.with_header("x-request-id", "trace-12345678").get("/v1/tenant").await;
    assert_eq!(theirs.header("x-request-id"), "trace-12345678");
    for strange in ["short", "with space in it", "<script>alert(1)</script>", &"x".repeat(65)] {
        let answer = tenant.api.with_header("x-request-id", strange).get("/v1/tenant").await;
        assert!(answer.header("x-request-id").starts_with("req_"), "{strange}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_the_box_office_still_sells() {
    let platform = Platform::with(Options { payments: false, ..Options::default() }).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let hold = event.hold(&[0]).await.created();
    let refused = event.order_stripe(&hold).await;
    refused.check_problem();
    assert_eq!(refused.status, 502, "{refused}");
    assert_eq!(platform.number("SELECT count(*) FROM orders").await, 0);
    event.order_manual(&[1]).await.created();
    let mut free = tenant.draft_event(4, 0, json!({})).await;
    free.add_tier(json!({ "name": "Free", "category": "a", "price_minor": 0, "fee_minor": 0 })).await;
    free.publish().await.ok();
    let item = json!({ "items": [{ "seat": 0, "price_tier_id": free.tiers[1] }] });
    let hold = tenant.page.post(&free.path("/holds"), item).await.created();
    let order = free.order_stripe(&hold).await.created();
    assert_eq!((&order["state"], list(&order, "tickets").len()), (&json!("paid"), 1));
}
