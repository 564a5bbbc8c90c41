//! What streams are not: for strangers, without a number, for ever, or a burden to who does not look.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use eventflow_core::seat_map::SeatStatus;
use reqwest::Method;
use serde_json::json;

use crate::support::{Client, Event, Options, OwnRedis, PATIENCE, Platform, Watch, text, wait_until};

const ORIGIN: &str = "https://tickets.example.org";
/// A stream on which nothing happens sends something after this time.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// Streams that one network may have with one publishable key.
const OF_A_NETWORK: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_sees_nothing_and_a_page_needs_its_origin() {
    let platform = Platform::start().await;
    let (tenant, stranger) = (platform.tenant().await, platform.tenant().await);
    let event = tenant.seated_event(4).await;
    let path = event.path("/availability/stream");
    let paths = [path.clone(), event.path("/availability"), event.path("/availability.bin")];
    let mut watch = None;
    // Before anybody looks, and while somebody does.
    for _ in 0..2 {
        for path in &paths {
            stranger.api.get(path).await.refused(404, "not_found");
            stranger.page.get(path).await.refused(404, "not_found");
        }
        platform.anybody().get(&path).await.refused(401, "unauthenticated");
        watch = Some(Watch::open(&tenant.page, &event).await);
    }
    let draft = tenant.draft_event(4, 0, json!({})).await;
    draft.page.get(&draft.path("/availability/stream")).await.refused(409, "not_on_sale");

    let at = |origin: &str| tenant.page.with_header("origin", origin);
    let open = Watch::begin(&at(ORIGIN), &event, None).await;
    for header in [
        &format!("access-control-allow-origin: {ORIGIN}"),
        "cache-control: no-store, no-transform",
        "vary: origin",
    ] {
        assert!(open.head.contains(&format!("{header}\r\n")), "no `{header}` in {}", open.head);
    }
    at("https://evil.example").get(&path).await.refused(403, "origin_denied");
    let preflight = at(ORIGIN)
        .with_token("")
        .with_header("access-control-request-method", "GET")
        .with_header("access-control-request-headers", "authorization, last-event-id");
    let allowed = preflight.send(Method::OPTIONS, &path, None).await.status(204);
    assert!(allowed.header("access-control-allow-headers").contains("last-event-id"));
    // Asking for the head alone leaves nothing open.
    let head = tenant.page.send(Method::HEAD, &path, None).await.status(200);
    assert!(head.bytes.is_empty());
    drop((watch, open));
    let began = Instant::now();
    wait_until("all streams to be closed", async || platform.app.streams.count() == 0).await;
    // The server notices at once, not at the next sign of life.
    assert!(began.elapsed() < SIGN_OF_LIFE, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_more_streams_than_their_share() {
    let arguments = ["--trusted-proxies", "127.0.0.1"].map(str::to_owned).to_vec();
    let platform = Platform::with(Options { rate_limit_scale: 1, arguments, ..Options::default() }).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let from = |address: &str| tenant.page.with_header("x-forwarded-for", address);
    let (visitor, other) = (from("203.0.113.40"), from("203.0.113.41"));
    let mut open = vec![];
    for _ in 0..OF_A_NETWORK {
        open.push(Watch::begin(&visitor, &event, None).await);
    }
    let path = event.path("/availability/stream");
    let refused = visitor.get(&path).await;
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|secs| secs > 0), "{refused}");
    let problem = refused.refused(429, "stream_limit");
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("100")), "{problem}");
    // Others look on, and the visitor still reads the snapshot.
    Watch::open(&other, &event).await;
    visitor.get(&event.path("/availability.bin")).await.status(200);
    open.pop();
    wait_until("a place to be free", async || visitor.get(&path).await.status == 200).await;
}

/// Publishable keys are public: with more of them a network has no more places.
#[tokio::test(flavor = "multi_thread")]
async fn more_keys_are_no_more_streams() {
    let arguments = ["--trusted-proxies", "127.0.0.1"].map(str::to_owned).to_vec();
    let platform = Platform::with(Options { rate_limit_scale: 1, arguments, ..Options::default() }).await;
    let mut sales = vec![];
    for _ in 0..3 {
        let tenant = platform.tenant().await;
        let event = tenant.seated_event(4).await;
        sales.push((tenant, event));
    }
    let from = |number: usize, address: &str| sales[number].0.page.with_header("x-forwarded-for", address);
    let mut open = vec![];
    for (number, (_, event)) in sales.iter().enumerate().take(2) {
        for _ in 0..OF_A_NETWORK {
            open.push(Watch::begin(&from(number, "203.0.113.42"), event, None).await);
        }
    }
    let event = &sales[2].1;
    let path = event.path("/availability/stream");
    let refused = from(2, "203.0.113.42").get(&path).await;
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|secs| secs > 0), "{refused}");
    let problem = refused.refused(429, "stream_limit");
    assert!(text(&problem, "detail").starts_with("Your network has 200"), "{problem}");
    Watch::open(&from(2, "203.0.113.43"), event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_leaves_a_half_to_the_others() {
    let arguments = ["--streams-max", "8"].map(str::to_owned).to_vec();
    let platform = Platform::with(Options { rate_limit_scale: 1, arguments, ..Options::default() }).await;
    let (greedy, other) = (platform.tenant().await, platform.tenant().await);
    let (event, others) = (greedy.seated_event(4).await, other.seated_event(4).await);
    let mut open = vec![];
    // Each with a key of its own.
    for client in
        [&greedy.page, &greedy.api, &greedy.key(&["events:read"]).await, &greedy.key(&["events:read"]).await]
    {
        open.push(Watch::open(client, &event).await);
    }
    let refused = greedy.key(&["events:read"]).await.get(&event.path("/availability/stream")).await;
    assert!(!refused.header("retry-after").is_empty(), "{refused}");
    let problem = refused.refused(429, "stream_limit");
    assert!(text(&problem, "detail").starts_with("The tenant has 4"), "{problem}");
    Watch::open(&other.page, &others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_key() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let new = json!({ "kind": "publishable", "name": "Old page", "origins": [ORIGIN] });
    let made = tenant.api.post("/v1/api-keys", new).await.created();
    let mut revoked = Watch::open(&tenant.page.with_token(text(&made, "token")), &event).await;
    let mut good = Watch::open(&tenant.page, &event).await;
    tenant.api.delete(&format!("/v1/api-keys/{}", text(&made["api_key"], "id"))).await.done();
    // Properly: the client comes again and is told why.
    let ended = async { while revoked.next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the stream goes on without its key");
    event.hold(&[0]).await.created();
    good.until_seat(0, SeatStatus::Held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_as_many_streams_as_it_can() {
    let arguments = ["--streams-max", "2"].map(str::to_owned).to_vec();
    let platform = Platform::with(Options { arguments, ..Options::default() }).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let _first = Watch::open(&tenant.page, &event).await;
    let second = Watch::open(&tenant.api, &event).await;
    let path = event.path("/availability/stream");
    let refused = tenant.page.get(&path).await;
    assert!(!refused.header("retry-after").is_empty(), "{refused}");
    refused.refused(503, "unavailable");
    drop(second);
    let began = Instant::now();
    wait_until("a place to be free", async || tenant.page.get(&path).await.status == 200).await;
    assert!(began.elapsed() < SIGN_OF_LIFE, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_ends_its_streams_properly() {
    let mut platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    platform.mirrored().await;
    let mut watch = Watch::open(&tenant.page, &event).await;
    let began = Instant::now();
    platform.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "the server waited for a stream: {:?}",
        began.elapsed()
    );
    assert_eq!(watch.try_next().await, Ok(None));
}

/// Asks for the stream and reads nothing but the head.
fn lazy(client: &Client, event: &Event) -> TcpStream {
    let address = client.base.trim_start_matches("http://");
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{}", client.request_text(&event.path("/availability/stream"))).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_cut_and_nobody_else() {
    let arguments = ["--patience-secs", "1"].map(str::to_owned).to_vec();
    let platform = Platform::with(Options { arguments, ..Options::default() }).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20_000).await;
    let mut watch = Watch::open(&tenant.page, &event).await;
    let mut lazy = lazy(&tenant.page, &event);
    assert_eq!(platform.app.streams.count(), 2);
    // A calm event: nobody is cut because nothing happens.
    let began = Instant::now();
    let mut round = 0;
    while platform.app.streams.count() == 2 {
        let action = if round % 2 == 0 { "block" } else { "unblock" };
        let seats: Vec<u32> = (0..5_000).map(|n| n * 4 + round / 2 % 4).collect();
        tenant.api.patch(&event.path("/seats"), json!({ "action": action, "seats": seats })).await.ok();
        let expected = if round % 2 == 0 { SeatStatus::Blocked } else { SeatStatus::Free };
        watch.until_seat(seats[0], expected).await;
        round += 1;
        assert!(began.elapsed() < PATIENCE, "the client that does not read is still there");
    }
    // It sees that this was no proper end: the last chunk is missing.
    let mut rest = vec![];
    let _ = lazy.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "a proper end");
    let seat = [3];
    event.hold(&seat).await;
    tenant.api.patch(&event.path("/seats"), json!({ "action": "block", "seats": seat })).await.ok();
    watch.until_seat(3, SeatStatus::Blocked).await;
}

/// Everything that a read of availability could ask stands still, and it is answered all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_free_is_read_from_memory_alone() {
    let redis = OwnRedis::start().await;
    let options = Options {
        redis_url: Some(redis.url.clone()),
        worker: false,
        rate_limit_scale: 1,
        ..Options::default()
    };
    let platform = Platform::with(options).await;
    let tenant = platform.tenant().await;
    let event = tenant.event(2_000, 5, json!({})).await;
    event.hold(&[0]).await.created();
    event.availability_until("the hold", |availability| availability["held"] == 1).await;
    let mut locks = AsyncPgConnection::establish(&platform.database.admin_url).await.unwrap();
    locks
        .batch_execute("BEGIN; LOCK TABLE api_keys, events, price_tiers, ga_pools IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    redis.stand_still(true);
    let began = Instant::now();
    let brotli = tenant.page.with_header("accept-encoding", "br");
    let gzip = tenant.page.with_header("accept-encoding", "gzip");
    for _ in 0..20 {
        let json = tenant.page.get(&event.path("/availability")).await.ok();
        assert_eq!(json["held_seats"], json!([0]));
        let plain = tenant.page.get(&event.path("/availability.bin")).await.status(200);
        let packed = brotli.get(&event.path("/availability.bin")).await.status(200);
        assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("br", "Accept-Encoding"));
        let mut unpacked = vec![];
        ::brotli::Decompressor::new(&packed.bytes[..], 4096).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.bytes);
        assert!(packed.bytes.len() < plain.bytes.len() / 4 && packed.header("etag") != plain.header("etag"));
        let packed = gzip.get(&event.path("/availability.bin")).await.status(200);
        assert_eq!(packed.header("content-encoding"), "gzip");
        let mut unpacked = vec![];
        flate2::read::GzDecoder::new(&packed.bytes[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.bytes);
        let known = tenant.page.with_header("if-none-match", packed.header("etag"));
        known.get(&event.path("/availability.bin")).await.status(304);
    }
    let took = began.elapsed();
    redis.stand_still(false);
    locks.batch_execute("ROLLBACK").await.unwrap();
    // A credential is believed for five seconds: longer than this took.
    assert!(took < Duration::from_secs(4), "{took:?}");
}
