//! What partners load: the picker's files, the page for iframes, the hosted shop.

use std::{
    fs,
    io::{Read, Write},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use flate2::{Compression, GzBuilder, read::GzDecoder};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Options, Platform, Tenant, text};

const VERSION: &str = "v0.1.0-0a1b2c3d4e5f";
const ORIGIN: &str = "https://tickets.example.org";
/// The public URL of the platform in tests.
const OURS: &str = "http://tickets.example.org";

/// A picker as `cargo xtask widget` leaves it, with other contents; removed when it is dropped.
struct Dist(PathBuf);

impl Dist {
    fn make() -> Self {
        Self::of(VERSION)
    }

    fn of(version: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dist = Self(std::env::temp_dir().join(format!("eventflow-dist-{}-{number}", std::process::id())));
        let entry = |name: &str| format!("{version}/{name}.js");
        let manifest = json!({
            "version": "0.1.0", "directory": version,
            "entries": { "loader": "v1/eventflow.js", "frame": entry("frame"), "hosted": entry("hosted") },
            "files": { entry("element"): {}, "v1/eventflow.js": {}, "../secret.txt": {} },
        });
        dist.write("manifest.json", manifest.to_string().as_bytes());
        dist.write("v1/eventflow.js", b"import('../x/element.js')");
        dist.write("v1/integrity.json", b"{}");
        dist.write(&entry("element"), "export const seats = [1, 2, 3];\n".repeat(200).as_bytes());
        dist.write(&format!("{version}/engine_bg.wasm"), b"\0asm\x01\0\0\0");
        dist.write("secret.txt", b"not for the public");
        dist
    }

    fn write(&self, path: &str, contents: &[u8]) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    fn options(&self) -> Options {
        let arguments = vec!["--widget-dir".into(), self.0.to_str().unwrap().into()];
        Options { arguments, ..Options::default() }
    }
}

impl Drop for Dist {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// The value of a directive of the answer's policy.
fn directive(answer: &Answer, name: &str) -> String {
    let policy = answer.header("content-security-policy").to_owned();
    let found = policy.split(';').find_map(|one| one.trim().strip_prefix(name).map(str::trim));
    found.unwrap_or_else(|| panic!("no {name} in `{policy}`")).to_owned()
}

fn html(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{answer}");
    String::from_utf8(answer.bytes.clone()).unwrap()
}

fn frame(tenant: &Tenant) -> String {
    format!("/embed/v1/frame?key={}", tenant.page.token)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_public_typed_and_cached_for_as_long_as_they_hold() {
    let dist = Dist::make();
    let platform = Platform::with(dist.options()).await;
    let anybody = platform.anybody();
    let loader = anybody.get("/embed/v1/eventflow.js").await.status(200);
    assert_eq!(loader.header("content-type"), "text/javascript; charset=utf-8");
    assert!(loader.header("cache-control").starts_with("public, max-age=300"), "{loader}");
    let integrity = anybody.get("/embed/v1/integrity.json").await.status(200);
    assert_eq!(integrity.header("content-type"), "application/json");
    let wasm = anybody.get(&format!("/embed/{VERSION}/engine_bg.wasm")).await.status(200);
    assert_eq!(wasm.header("content-type"), "application/wasm");
    assert_eq!(wasm.bytes, b"\0asm\x01\0\0\0");
    for answer in [&loader, &integrity, &wasm] {
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.headers.get("set-cookie").is_none());
    }
    let element = format!("/embed/{VERSION}/element.js");
    let plain = anybody.get(&element).await.status(200);
    assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "Accept-Encoding"));
    let gzip = anybody.with_header("accept-encoding", "gzip").get(&element).await.status(200);
    let brotli = anybody.with_header("accept-encoding", "gzip, br").get(&element).await.status(200);
    assert_eq!([gzip.header("content-encoding"), brotli.header("content-encoding")], ["gzip", "br"]);
    let mut unpacked = vec![];
    GzDecoder::new(&gzip.bytes[..]).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == plain.bytes && brotli.bytes.len() < plain.bytes.len());
    // Every encoding has a tag of its own, and each of them says that nothing has changed.
    let tags = [plain.header("etag"), gzip.header("etag"), brotli.header("etag")];
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2], "{tags:?}");
    for tag in tags {
        let same = anybody.with_header("if-none-match", tag).get(&element).await.status(304);
        assert!(same.bytes.is_empty() && same.header("cache-control").contains("immutable"));
    }
    let head = anybody.send(Method::HEAD, &element, None).await.status(200);
    assert!(head.bytes.is_empty() && head.header("etag") == tags[0], "{head}");
    // What a developer builds anew is there at once.
    dist.write("v1/eventflow.js", b"import('../y/element.js')");
    let newer = anybody.get("/embed/v1/eventflow.js").await.status(200);
    assert!(newer.bytes.ends_with(b"y/element.js')") && newer.header("etag") != loader.header("etag"));
    anybody.act("/embed/v1/eventflow.js").await.refused(405, "method_not_allowed");
}

/// Told apart from what the server packs itself by the system that it names.
fn packed(contents: &str) -> Vec<u8> {
    let mut encoder = GzBuilder::new().operating_system(7).write(Vec::new(), Compression::best());
    encoder.write_all(contents.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_gzip_gets_what_was_packed_at_build_time() {
    let dist = Dist::make();
    let (name, contents) = (format!("{VERSION}/chunk-A.js"), "export const rows = [4, 5, 6];\n".repeat(200));
    dist.write(&name, contents.as_bytes());
    dist.write(&format!("{name}.gz"), &packed(&contents));
    let manifest = json!({ "files": { &name: { "gzip_bytes": packed(&contents).len() } } });
    dist.write("manifest.json", manifest.to_string().as_bytes());
    let platform = Platform::with(dist.options()).await;
    let get = async |encodings: &str| {
        let visitor = platform.anybody().with_header("accept-encoding", encodings);
        visitor.get(&format!("/embed/{name}")).await.status(200)
    };
    let sent = get("gzip").await;
    assert_eq!(sent.header("content-encoding"), "gzip");
    assert!(sent.bytes == packed(&contents), "packed anew");
    let manifest: Value = serde_json::from_slice(&fs::read(dist.0.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["files"][&name]["gzip_bytes"], sent.bytes.len());
    assert_eq!(get("gzip, br").await.header("content-encoding"), "br");
    // What is left of another build is not sent.
    let newer = contents.replace('4', "7");
    dist.write(&name, newer.as_bytes());
    let mut unpacked = String::new();
    GzDecoder::new(&get("gzip").await.bytes[..]).read_to_string(&mut unpacked).unwrap();
    assert!(unpacked == newer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_keeps_its_version_through_an_upgrade_of_the_servers() {
    let (before, after) = (Dist::make(), Dist::of("v0.2.0-c0ffee123456"));
    let platform = Platform::with(before.options()).await;
    let upgraded = platform.another_server(after.options()).await;
    let (old, new) = (format!("/embed/{VERSION}/element.js"), "/embed/v0.2.0-c0ffee123456/element.js");
    // Both ways: a page of the new server may load its parts from the old one while both run.
    for (server, path, own) in
        [(&upgraded, &*old, platform.anybody()), (&platform.anybody(), new, upgraded.clone())]
    {
        let there = server.get(path).await.status(200);
        assert_eq!(there.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(there.header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(there.header("access-control-allow-origin"), "*");
        assert!(there.bytes == own.get(path).await.status(200).bytes);
        let packed = server.with_header("accept-encoding", "br").get(path).await.status(200);
        assert!(packed.header("content-encoding") == "br" && packed.bytes.len() < there.bytes.len());
    }
    // The loader is each server's own, and nothing else of a version is kept.
    assert_eq!(platform.number("SELECT count(*) FROM embed_files WHERE path LIKE 'v0%'").await, 2);
    assert_eq!(platform.number("SELECT count(*) FROM embed_files WHERE path NOT LIKE 'v0%'").await, 0);
    for path in [format!("/embed/{VERSION}/engine_bg.wasm"), format!("/embed/{VERSION}/nothing.js")] {
        upgraded.get(&path).await.refused(404, "route_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_files_can_be_had() {
    let dist = Dist::make();
    let platform = Platform::with(dist.options()).await;
    for path in [
        "/embed/manifest.json",
        "/embed/secret.txt",
        "/embed/",
        "/embed/v1",
        "/embed/v1/",
        "/embed/v1/nothing.js",
        "/embed/v1/%2e%2e/secret.txt",
        "/embed/v1/..%2fsecret.txt",
        "/embed/v1/..%5csecret.txt",
        "/embed/v1%2f..%2fsecret.txt",
        "/embed/%2fetc/passwd",
        "/embed/v1/eventflow.js%00",
        "/embed/v9.9.9-000000000000/element.js",
    ] {
        let answer = platform.anybody().get(path).await;
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("not for the public"), "{answer}");
        assert_eq!(answer.header("cache-control"), "no-store", "{answer}");
        answer.refused(404, "route_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_the_picker_says_how_to_build_it() {
    let nowhere =
        Options { arguments: vec!["--widget-dir".into(), "/nonexistent/dist".into()], ..Options::default() };
    let platform = Platform::with(nowhere).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let loader = platform.anybody().get("/embed/v1/eventflow.js").await;
    assert!(text(&loader.body, "detail").contains("cargo xtask widget"), "{loader}");
    loader.refused(503, "unavailable");
    let shop = format!("/e/{}?key={}", event.id, tenant.page.token);
    for path in [frame(&tenant), shop] {
        let page = platform.anybody().get(&path).await.status(503);
        assert!(html(&page).contains("cargo xtask widget"), "{page}");
    }
    // Who comes back from the payment finds the way in any case.
    let order = event.hold(&[0]).await.created();
    let order = event.order_stripe(&order).await.created();
    let back =
        platform.anybody().get(&format!("/e/{}?order={}", event.id, text(&order, "id"))).await.status(200);
    assert!(
        html(&back).contains("You come from the payment page.") && !html(&back).contains("<script"),
        "{back}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_the_key_may_frame_the_picker() {
    let dist = Dist::make();
    let platform = Platform::with(dist.options()).await;
    let (tenant, other) = (platform.tenant().await, platform.tenant().await);
    let event = tenant.seated_event(4).await;
    let anybody = platform.anybody();
    let page = anybody.get(&format!("{}&event={}&lang=de", frame(&tenant), event.id)).await.status(200);
    assert_eq!(directive(&page, "frame-ancestors"), ORIGIN);
    assert_eq!(directive(&page, "script-src"), "'self' 'wasm-unsafe-eval'");
    assert_eq!(directive(&page, "default-src"), "'none'");
    assert_eq!(page.header("cross-origin-resource-policy"), "cross-origin");
    assert!(page.headers.get("set-cookie").is_none());
    let text_of_page = html(&page);
    for part in [
        format!("data-parents=\"{ORIGIN}\""),
        format!("<eventflow-seats lang=\"de\" event=\"{}\" key=\"{}\">", event.id, tenant.page.token),
        format!("<script type=\"module\" src=\"/embed/{VERSION}/frame.js\"></script>"),
        "<html lang=\"de\">".into(),
    ] {
        assert!(text_of_page.contains(&part), "{part} is not in {text_of_page}");
    }
    // What is no event does not get into the page.
    let odd = anybody.get(&format!("{}&event=%22%3E%3Cscript%3E", frame(&tenant))).await.status(200);
    assert!(!html(&odd).contains("event="), "{odd}");
    // A key without origins is framed by nobody, and neither is whatever is no publishable key.
    let new = json!({ "kind": "publishable", "name": "Elsewhere", "origins": ["https://a.example", "https://b.example:8443"] });
    let two = other.api.post("/v1/api-keys", new).await.created();
    let page = anybody.get(&format!("/embed/v1/frame?key={}", text(&two, "token"))).await.status(200);
    assert_eq!(directive(&page, "frame-ancestors"), "https://a.example https://b.example:8443");
    let revoked = format!("/v1/api-keys/{}", text(&two["api_key"], "id"));
    other.api.delete(&revoked).await.done();
    for key in ["", "ef_pk_test_0123456789abcdef", &tenant.api.token, text(&two, "token"), "%22%3E"] {
        let page = anybody.get(&format!("/embed/v1/frame?key={key}")).await.status(404);
        assert_eq!(directive(&page, "frame-ancestors"), "'none'");
        assert!(!html(&page).contains("ef_"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosted_shop_sells_published_events_of_its_key() {
    let dist = Dist::make();
    let platform = Platform::with(dist.options()).await;
    let (tenant, other) = (platform.tenant().await, platform.tenant().await);
    let terms = json!({ "name": "Bartók & <Friends>", "description": "\"Night\" music.\nWith choir." });
    let event = tenant.draft_event(4, 0, terms).await;
    let shop = |key: &str| format!("/e/{}?key={key}", event.id);
    let anybody = platform.anybody();
    anybody.get(&shop(&tenant.page.token)).await.status(404);
    event.publish().await.ok();
    let page = anybody.get(&shop(&tenant.page.token)).await.status(200);
    assert_eq!(directive(&page, "frame-ancestors"), "'none'");
    assert_eq!(directive(&page, "connect-src"), "'self'");
    assert_eq!((page.header("cache-control"), page.header("vary")), ("no-cache", "Accept-Language"));
    assert!(page.headers.get("set-cookie").is_none());
    let text_of_page = html(&page);
    for part in [
        "<title>Bartók &amp; &lt;Friends&gt; – Tickets</title>",
        "<meta property=\"og:title\" content=\"Bartók &amp; &lt;Friends&gt;\">",
        "<meta name=\"description\" content=\"&quot;Night&quot; music. With choir.\">",
        &format!("<link rel=\"canonical\" href=\"{OURS}/e/{}?key={}\">", event.id, tenant.page.token),
        &format!("<script type=\"module\" src=\"/embed/{VERSION}/hosted.js\"></script>"),
        "<noscript>",
        "Philharmonie, Berlin",
    ] {
        assert!(text_of_page.contains(part), "{part} is not in {text_of_page}");
    }
    let german =
        anybody.with_header("accept-language", "de-AT, en;q=0.5").get(&shop(&tenant.page.token)).await;
    assert!(html(&german).contains("<html lang=\"de\">") && german.header("content-language") == "de");
    // Another tenant's key, no key, no event: as if there were nothing.
    for path in [
        shop(&other.page.token),
        shop("ef_pk_test_0"),
        shop(&tenant.api.token),
        format!("/e/{}", event.id),
        format!("/e/nonsense?key={}", tenant.page.token),
        format!("/e/{}?order=nonsense", event.id),
    ] {
        let page = anybody.get(&path).await.status(404);
        assert!(!html(&page).contains("Bart"), "{page}");
    }
    event.api.post(&event.path("/cancel"), json!({ "reason": "Fog" })).await.ok();
    let gone = anybody.get(&shop(&tenant.page.token)).await.status(410);
    assert!(html(&gone).contains("cancelled") && !html(&gone).contains("<script"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_pages_may_use_every_key_and_no_other_page_may() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let from = |origin: &str| -> Client { tenant.page.with_header("origin", origin) };
    let ours = from(OURS).get(&event.path("")).await.status(200);
    assert_eq!((ours.header("access-control-allow-origin"), ours.header("vary")), (OURS, "Origin"));
    from(ORIGIN).get(&event.path("")).await.status(200);
    for origin in ["http://tickets.example.org.evil.example", "http://tickets.example.org:81", "null"] {
        from(origin).get(&event.path("")).await.refused(403, "origin_denied");
    }
    let preflight = platform
        .anybody()
        .with_header("origin", ORIGIN)
        .with_header("access-control-request-method", "POST")
        .with_header("access-control-request-headers", "authorization, idempotency-key, last-event-id")
        .send(Method::OPTIONS, &event.path("/holds"), None)
        .await
        .status(204);
    for header in ["authorization", "content-type", "idempotency-key", "last-event-id", "if-none-match"] {
        assert!(preflight.header("access-control-allow-headers").contains(header), "{header}");
    }
    let exposed = from(ORIGIN).get(&event.path("/availability")).await.status(200);
    for header in ["etag", "retry-after", "ratelimit", "x-request-id"] {
        assert!(exposed.header("access-control-expose-headers").contains(header), "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_comes_back_to_the_order() {
    let dist = Dist::make();
    let platform = Platform::with(dist.options()).await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(4).await;
    let order = |body: serde_json::Value| {
        let (api, id) = (tenant.api.clone(), event.id.clone());
        async move {
            let mut new = json!({ "event_id": id, "buyer": { "email": "ada@example.org" } });
            new.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
            api.post("/v1/orders", new).await.created()
        }
    };
    let addresses = |order: serde_json::Value| {
        let control = platform.sandbox.control.clone();
        async move {
            let session = crate::support::session_of(&order).to_owned();
            let session = control.get(&format!("/_sandbox/objects/{session}")).await.ok();
            ["success_url", "cancel_url"].map(|name| text(&session["object"], name).to_owned())
        }
    };
    let ours = order(json!({ "items": [{ "seat": 0 }] })).await;
    let [success, cancel] = addresses(ours.clone()).await;
    let page = format!("{OURS}/e/{}?order={}", event.id, text(&ours, "id"));
    let (address, token) = success.split_once("#token=").unwrap();
    assert_eq!(address, page);
    assert!(cancel.starts_with(&format!("{page}&cancelled#token=")), "{cancel}");
    // The token of the fragment shows this order and nothing else.
    let buyer = platform.anybody().with_token(token);
    let seen = buyer.get(&format!("/v1/orders/{}", text(&ours, "id"))).await.ok();
    assert_eq!(seen["state"], "pending");
    let path = |address: &str| address.strip_prefix(OURS).unwrap().split('#').next().unwrap().to_owned();
    let shown = platform.anybody().get(&path(&success)).await.status(200);
    assert!(html(&shown).contains(&format!("order=\"{}\">", text(&ours, "id"))), "{shown}");
    assert!(
        html(&shown).contains("You come from the payment page.") && html(&shown).contains("noindex"),
        "{shown}"
    );
    // Without a key there is nothing to load: the way out, and what to ask with.
    assert!(html(&shown).contains("please go back there"), "{shown}");
    assert!(html(&shown).contains(&format!("<b>{}</b>", text(&ours, "id"))), "{shown}");
    let key = &tenant.page.token;
    let keyed = platform.anybody().get(&format!("{}&key={key}&lang=de", path(&success))).await.status(200);
    let shop = format!("<a href=\"/e/{}?key={key}&amp;lang=de\">Zum Ticketshop</a>", event.id);
    assert!(html(&keyed).contains(&shop), "{keyed}");
    let unpaid = platform.anybody().get(&path(&cancel)).await.status(200);
    assert!(
        html(&unpaid).contains(" cancelled>") && html(&unpaid).contains("Nothing was charged"),
        "{unpaid}"
    );
    // An integrator's own addresses, with the order where it is wanted.
    let theirs = json!({
        "items": [{ "seat": 1 }], "success_url": "https://shop.example/{ORDER_ID}/done?s={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/basket",
    });
    let theirs = order(theirs).await;
    let [success, cancel] = addresses(theirs.clone()).await;
    assert!(
        success.starts_with(&format!("https://shop.example/{}/done?s=", text(&theirs, "id"))),
        "{success}"
    );
    assert_eq!(cancel, "https://shop.example/basket");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_knows_is_not_said_to_be_paid() {
    let dist = Dist::make();
    let platform = Platform::with(dist.options()).await;
    let event = platform.tenant().await.seated_event(4).await;
    let page = format!("/e/{}?order=ord_00000000000000000000000001", event.id);
    for (language, said) in
        [("en", "You come from the payment page."), ("de", "Sie kommen von der Zahlungsseite.")]
    {
        let shown = platform.anybody().get(&format!("{page}&lang={language}")).await.status(200);
        let text = html(&shown);
        assert!(text.contains(said) && text.contains("ord_00000000000000000000000001"), "{shown}");
        for claim in ["Thank you", "arrived", "Vielen Dank", "angekommen"] {
            assert!(!text.contains(claim), "`{claim}`: {shown}");
        }
    }
}

/// A link to our payment page leads to the organizer's pages or to ours, unless a server says otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_sends_its_buyers_to_registered_origins_only() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let mut seat = 0..;
    let mut order = async |client: &Client, by_token: bool, success: &str, cancel: &str| {
        let hold = event.hold(&[seat.next().unwrap()]).await.created();
        let mut new = event.order_of(&hold);
        (new["success_url"], new["cancel_url"]) = (json!(success), json!(cancel));
        new["event_id"] = json!(event.id);
        let client = if by_token { client.with_token(text(&hold, "token")) } else { client.clone() };
        let answer = client.post("/v1/orders", new).await;
        if answer.status != 201 {
            // Nothing was begun: the buyer still has the seats.
            assert_eq!(answer.status, 422, "{answer}");
            let release = client.with_token(text(&hold, "token"));
            release.delete(&format!("/v1/holds/{}", text(&hold, "id"))).await.done();
        }
        answer
    };
    for by_token in [false, true] {
        for (success, cancel, param) in [
            ("https://evil.example/thanks", "", "success_url"),
            ("https://tickets.example.org.evil.example/", "", "success_url"),
            ("https://tickets.example.org:8443/", "", "success_url"),
            ("http://tickets.example.com/", "", "success_url"),
            (ORIGIN, "https://evil.example/", "cancel_url"),
        ] {
            let refused = order(&tenant.page, by_token, success, cancel).await;
            let problem = refused.refused(422, "return_url_denied");
            assert_eq!(text(&problem, "param"), param);
            assert!(text(&problem, "detail").contains("Register the origin `http"), "{problem}");
        }
    }
    for by_token in [false, true] {
        order(&tenant.page, by_token, &format!("{ORIGIN}/{{ORDER_ID}}?s={{CHECKOUT_SESSION_ID}}"), OURS)
            .await
            .created();
    }
    order(&tenant.page, false, "https://Tickets.Example.org:443/done", "").await.created();
    order(&tenant.api, false, "https://shop.example/thanks", "https://shop.example/").await.created();
}
