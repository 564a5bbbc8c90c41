//! Rate limits, and the pages that are there for everybody.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Client, Options, PATIENCE, Platform, list, shop::items, text, wait_until};

/// Room for large bodies at one server.
const ROOM_MIB: usize = 128;

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
async fn a_guesser_with_many_addresses_of_one_network_is_as_slow() {
    // A prefix of its own: limits are kept in the Redis that all tests share.
    let (options, _) = limited("");
    let platform = Platform::with(options).await;
    let tenant = platform.tenant().await;
    let from = |network: &str, n: u32| {
        platform.anybody().with_header("x-forwarded-for", &format!("2001:db8:7:{network}:{n:x}::{n:x}"))
    };
    let guesses = |n: u32| {
        [
            format!("ef_sk_live_{n:032x}"),
            format!("ef_pk_live_{n:032x}"),
            format!("ef_dev_{n:032x}"),
            format!("guess-{n:032x}"),
        ]
    };
    // A key that this server has seen works on, whoever guesses beside it.
    from("1", 7).with_token(&tenant.api.token).get("/v1/tenant").await.ok();
    let mut refused = None;
    for n in 0..60 {
        for guess in guesses(n) {
            let answer = from("1", n).with_token(&guess).get("/v1/tenant").await;
            match answer.status {
                401 => drop(answer.refused(401, "unauthenticated")),
                _ if refused.is_none() => {
                    // The pause begins. No key has a full stop; one that has is as much of a guess.
                    let guess = format!("{}.x", guesses(n)[0]);
                    from("1", n).with_token(&guess).get("/v1/tenant").await.refused(429, "rate_limited");
                    refused = Some(answer);
                }
                _ => {}
            }
        }
    }
    let refused = refused.expect("no limit was reached");
    let wait = refused.header("retry-after").parse::<u32>();
    assert!(wait.is_ok_and(|secs| (1..=10).contains(&secs)), "{refused}");
    refused.refused(429, "rate_limited");
    // The next network is another one, and good keys of the guesser's own still work.
    from("2", 1).with_token(&guesses(0)[0]).get("/v1/tenant").await.refused(401, "unauthenticated");
    from("1", 7).with_token(&tenant.api.token).get("/v1/tenant").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_the_keys_and_the_health_are_public() {
    let platform = Platform::start().await;
    let anybody = platform.anybody();
    for path in ["/healthz", "/readyz", "/docs"] {
        let answer = anybody.get(path).await;
        assert!([200, 301, 302, 307, 308].contains(&answer.status), "{answer}");
    }
    assert_eq!(anybody.get("/openapi.json").await.ok()["openapi"], "3.0.3");
    let jwks = anybody.get("/.well-known/jwks.json").await.ok();
    let key = &list(&jwks, "keys")[0];
    assert_eq!((text(key, "kty"), text(key, "crv"), key["d"].is_null()), ("OKP", "Ed25519", true));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_has_every_code_scope_and_operation_and_asks_nobody_else() {
    let platform = Platform::start().await;
    let anybody = platform.anybody();
    let page = async |path: &str| {
        let answer = anybody.get(path).await.status(200);
        let policy = answer.header("content-security-policy").to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("http"), "{path}: {policy}");
        String::from_utf8(answer.bytes).unwrap()
    };
    let errors = page("/docs/errors").await;
    for code in eventflow_core::ErrorCode::ALL {
        assert!(errors.contains(&format!("<tr id=\"{}\">", code.code())), "no row for {}", code.code());
    }
    let scopes = page("/docs/scopes").await;
    for permission in eventflow_core::access::Permission::ALL {
        assert!(scopes.contains(&format!("<tr id=\"{permission}\">")), "no row for {permission}");
    }
    let types = page("/docs/event-types").await;
    for kind in eventflow_core::event_types::EventType::ALL {
        assert!(types.contains(&format!("<tr id=\"{}\">", kind.as_str())), "no row for {}", kind.as_str());
    }
    assert!(page("/docs/limits").await.contains("524,288 bytes"));
    // Without scripts, and without the viewer, the page lists the operations.
    let operations = page("/docs").await;
    for operation in eventflow_api::operations::OPERATIONS {
        assert!(
            operations.contains(&format!("<li id=\"{}\">", operation.id)),
            "{} is not listed",
            operation.id
        );
    }
    // What never changes is sent once, and compressed.
    let contract = anybody.with_header("accept-encoding", "br").get("/openapi.json").await;
    assert_eq!(contract.header("content-encoding"), "br");
    let again = anybody.with_header("if-none-match", contract.header("etag")).get("/openapi.json").await;
    assert_eq!((again.status, again.bytes.len()), (304, 0));
    assert!(anybody.get("/docs/start.js").await.header("content-type").starts_with("text/javascript"));
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

/// The head of an upload that says how much will come and sends none of it yet; without a length, the first part of it.
async fn upload(client: &Client, venue: &str, length: Option<usize>) -> TcpStream {
    let mut socket = TcpStream::connect(client.base.trim_start_matches("http://")).await.unwrap();
    let framing =
        length.map_or("transfer-encoding: chunked".to_owned(), |bytes| format!("content-length: {bytes}"));
    let head = format!(
        "POST /v1/venues/{venue}/seat-maps/import?name=Large HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         authorization: Bearer {}\r\ncontent-type: text/csv\r\n{framing}\r\n\r\n",
        client.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    if length.is_none() {
        let part = vec![b' '; 600 * 1024];
        socket.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await.unwrap();
        socket.write_all(&part).await.unwrap();
    }
    socket
}

async fn answer(mut socket: TcpStream) -> String {
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, socket.read_to_string(&mut text)).await.expect("no answer").unwrap();
    text
}

/// Only who has a key that exists may send more than an ordinary request.
#[tokio::test(flavor = "multi_thread")]
async fn the_large_body_of_a_stranger_is_not_kept() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let venue = tenant.venue().await;
    let stranger = tenant.api.with_token("ef_sk_test_000000");
    for length in [Some(31 << 20), None] {
        let began = Instant::now();
        let refused = answer(upload(&stranger, &venue, length).await).await;
        assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
        // Without waiting for the rest, which never comes.
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    }
    assert_eq!(platform.app.bodies.free_mib(), ROOM_MIB);
    // Who is still sending hears the answer all the same.
    let import = format!("/v1/venues/{venue}/seat-maps/import?name=Large");
    for (client, status, code) in
        [(&stranger, 401, "unauthenticated"), (&tenant.page, 413, "payload_too_large")]
    {
        let sent = client.send_bytes(Method::POST, &import, "text/csv", vec![b' '; 31 << 20]).await;
        sent.refused(status, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_have_room_for_a_few_and_small_ones_never_wait() {
    let platform = Platform::start().await;
    let (tenant, other) = (platform.tenant().await, platform.tenant().await);
    let (venue, others) = (tenant.venue().await, other.venue().await);
    let free = async |mib: usize| {
        wait_until("the room", async || platform.app.bodies.free_mib() == mib).await;
    };
    let first = upload(&tenant.api, &venue, Some(31 << 20)).await;
    // Another key of the same tenant has no room of its own.
    let second = upload(&tenant.key(&["venues:write"]).await, &venue, Some(31 << 20)).await;
    free(ROOM_MIB - 62).await;
    let refused = answer(upload(&tenant.api, &venue, Some(31 << 20)).await).await.to_lowercase();
    assert!(refused.starts_with("http/1.1 503") && refused.contains("retry-after: "), "{refused}");
    assert!(refused.contains("\"unavailable\""), "{refused}");
    let table = "section,row,seat,category\nP,1,1,a\n";
    let import = |venue: &str| format!("/v1/venues/{venue}/seat-maps/import?name=Small");
    let small = async |client: &Client, venue: &str, bytes: Vec<u8>| {
        client.send_bytes(Method::POST, &import(venue), "text/csv", bytes).await.created()
    };
    small(&tenant.api, &venue, table.into()).await;
    // A large one of another tenant finds its room, and gives it back.
    let long = table.to_owned()
        + &(2..20_000)
            .map(|n| format!("P,{n},1,a-category-with-a-long-name-{}\n", n % 2))
            .collect::<String>();
    assert!(long.len() > 512 * 1024, "{}", long.len());
    let answer = other.api.send_bytes(Method::POST, &import(&others), "text/csv", long.into()).await;
    assert!(![401, 413, 503].contains(&answer.status), "{answer}");
    free(ROOM_MIB - 62).await;
    drop((first, second));
    free(ROOM_MIB).await;
}
