//! Which page may read which answer: every operation, every kind of credential, origins that are registered and that only
//! look like it.

use super::*;
use crate::support::Options;

/// Registered with the publishable key of every tenant of the tests.
const REGISTERED: &str = "https://tickets.example.org";
/// Where the server's own pages are.
const OWN: &str = "http://tickets.example.org";
const FOREIGN: &str = "https://evil.example";

/// What only looks like the registered origin.
const TRICKS: [&str; 18] = [
    "null",
    "*",
    "https://tickets.example.org:443",
    "https://tickets.example.org:8443",
    "http://tickets.example.org:80",
    "https://TICKETS.example.org",
    "HTTPS://tickets.example.org",
    "https://tickets.example.org.",
    "https://tickets.example.org/",
    "https://tickets.example.org.evil.example",
    "https://eviltickets.example.org",
    "https://evil.example/https://tickets.example.org",
    "https://tickets.example.org@evil.example",
    "https://user@tickets.example.org",
    "https://tickets.example.org, https://evil.example",
    "https://tickets.example.org https://evil.example",
    "file://",
    "tickets.example.org",
];

/// Whether a page of this origin may read what is answered to this kind of credential.
fn may_read(kind: Option<Credential>, origin: &str) -> bool {
    match kind {
        Some(Credential::Publishable) => [REGISTERED, OWN].contains(&origin),
        // Opens one hold or order, and works from whichever page the buyer is on.
        Some(Credential::Buyer) => true,
        // A secret in a page is a leak, and so are a scanner's token and the operator's.
        _ => false,
    }
}

/// What is wrong with an answer to a page.
fn wrong_with(answer: &Answer, kind: Option<Credential>, origin: &str, operation: &Operation) -> Vec<String> {
    let allowed = may_read(kind, origin);
    let takes_pages = operation.credentials.contains(&Credential::Publishable);
    let denied = kind == Some(Credential::Publishable) && takes_pages && !allowed;
    let varies = answer.headers.get_all("vary").iter().any(|value| value == "Origin");
    let rules = [
        ("another origin", answer.header("access-control-allow-origin") == if allowed { origin } else { "" }),
        // There are no cookies.
        ("credentials", answer.header("access-control-allow-credentials").is_empty()),
        ("a cache would hand this to another origin", varies),
        ("denied or not", (answer.body["code"] == "origin_denied") == denied),
    ];
    let broken = rules.into_iter().filter(|(_, holds)| !holds);
    broken
        .map(|(rule, _)| {
            format!("{rule}: {} as {kind:?} from {origin}: {answer} {:?}", operation.id, answer.headers)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_only_what_its_origin_may() {
    let platform = Platform::start().await;
    let ours = Everything::make(&platform).await;
    let clients = [
        (None, platform.anybody()),
        (Some(Credential::Bootstrap), platform.bootstrap()),
        (Some(Credential::Secret), ours.tenant.api.clone()),
        (Some(Credential::Publishable), ours.tenant.page.clone()),
        (Some(Credential::Buyer), ours.hold_buyer.clone()),
        (Some(Credential::Device), ours.device.clone()),
    ];
    let mut wrong = vec![];
    for operation in contract() {
        let origins = [REGISTERED, OWN, FOREIGN, "null"];
        // Where origins are told apart is the same for all operations: one of them has all the tricks.
        let tricks: &[&str] = if operation.id == "events.get" { &TRICKS } else { &[] };
        for (kind, client) in &clients {
            let kind = if operation.credentials.is_empty() { None } else { *kind };
            for origin in origins.iter().chain(tricks) {
                let answer = operation.call(&client.with_header("origin", origin), nobody).await;
                wrong.extend(wrong_with(&answer, kind, origin, &operation));
            }
            // Servers and programs name no origin.
            let answer = operation.call(client, nobody).await;
            if answer.body["code"] == "origin_denied"
                || !answer.header("access-control-allow-origin").is_empty()
            {
                wrong.push(format!("{} without an origin: {answer}", operation.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_may_ask_for_what_pages_do() {
    let platform = Platform::start().await;
    for operation in contract() {
        let asked = platform
            .anybody()
            .with_header("origin", FOREIGN)
            .with_header("access-control-request-method", operation.method.as_str())
            .with_header("access-control-request-headers", "authorization, content-type, idempotency-key");
        let answer = asked.send(Method::OPTIONS, &operation.target(nobody), None).await.status(204);
        let what = format!("{}: {:?}", operation.id, answer.headers);
        // The same for all: it tells nothing about who may read the answer.
        assert_eq!(answer.header("access-control-allow-origin"), FOREIGN, "{what}");
        assert_eq!(
            (answer.header("access-control-allow-credentials"), answer.header("vary")),
            ("", "Origin"),
            "{what}"
        );
        let methods: Vec<&str> = answer.header("access-control-allow-methods").split(", ").collect();
        let of_pages = [Credential::Publishable, Credential::Buyer];
        if of_pages.iter().any(|kind| operation.credentials.contains(kind)) {
            assert!(methods.contains(&operation.method.as_str()), "{what}");
        }
        let headers: Vec<&str> = answer.header("access-control-allow-headers").split(", ").collect();
        for header in ["authorization", "content-type", "idempotency-key"] {
            assert!(headers.contains(&header), "{what}");
        }
        assert!(!headers.contains(&"*") && !methods.contains(&"*"), "{what}");
    }
    // What asks for no method is no preflight.
    let answer =
        platform.anybody().with_header("origin", FOREIGN).send(Method::OPTIONS, "/v1/venues", None).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, ""), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_answer_has_its_headers() {
    let platform = Platform::start().await;
    let ours = Everything::make(&platform).await;
    let key = &ours.tenant.page.token;
    let (event, ticket, order) = (&ours.ids["evt"], &ours.ids["tkt"], &ours.ids["ord"]);
    let (api, anybody) = (&ours.tenant.api, platform.anybody());
    // Who asks for what, and how long it may be kept. Pages in frames of registered origins stand in `stories/hosting.rs`.
    let table = [
        (api, "/v1/tenant".to_owned(), "no-store"),
        (api, "/v1/api-keys".to_owned(), "no-store"),
        (api, format!("/v1/orders/{order}"), "no-store"),
        (&ours.order_buyer, format!("/v1/orders/{order}"), "no-store"),
        (&ours.hold_buyer, format!("/v1/holds/{}", ours.ids["hold"]), "no-store"),
        (api, format!("/v1/tickets/{ticket}"), "no-store"),
        (api, format!("/v1/tickets/{ticket}/qr.svg"), "no-store"),
        (api, format!("/v1/tickets/{ticket}/qr.png"), "no-store"),
        (api, "/v1/webhook-endpoints".to_owned(), "no-store"),
        (&ours.tenant.page, format!("/v1/events/{event}/availability"), "no-cache"),
        (&ours.tenant.page, format!("/v1/events/{event}/availability/stream"), "no-store, no-transform"),
        (api, "/v1/nothing".to_owned(), "no-store"),
        (api, format!("/v1/orders/ord_{NOBODY}"), "no-store"),
        (&anybody, "/v1/tenant".to_owned(), "no-store"),
        (&anybody, "/.well-known/jwks.json".to_owned(), "public, max-age=300"),
        (&anybody, "/openapi.json".to_owned(), "no-cache"),
        (&anybody, "/healthz".to_owned(), "no-store"),
        (&anybody, "/readyz".to_owned(), "no-store"),
        (&anybody, "/docs".to_owned(), "no-cache"),
        (&anybody, "/docs/errors".to_owned(), "no-cache"),
        (&anybody, "/docs/start.js".to_owned(), "no-cache"),
        (&anybody, format!("/e/{event}?key={key}"), "no-cache"),
        (&anybody, format!("/e/evt_{NOBODY}?key={key}"), "no-cache"),
        (&anybody, format!("/embed/v1/frame?event={event}&key={key}"), "no-cache"),
        (&anybody, "/embed/v1/nothing.js".to_owned(), "no-store"),
    ];
    let https = platform
        .another_server(Options {
            arguments: vec!["--public-url".into(), "https://tickets.example.org".into()],
            ..Options::default()
        })
        .await;
    let mut wrong = vec![];
    for (client, path, kept) in &table {
        for (base, is_https) in [(&platform.url, false), (&https.base, true)] {
            let answer = Client::new(base, &client.token).get(path).await;
            let policy = answer.header("content-security-policy");
            let has = |name: &str, value: &str| answer.header(name) == value;
            let rules = [
                ("kept", has("cache-control", kept)),
                ("sniffed", has("x-content-type-options", "nosniff")),
                ("told to others", has("referrer-policy", "no-referrer")),
                ("no id", !answer.header("x-request-id").is_empty()),
                ("loads something", policy.starts_with("default-src 'none'")),
                (
                    "leads elsewhere",
                    policy.contains("base-uri 'none'") && policy.contains("form-action 'none'"),
                ),
                // The picker's page is there to be framed, by the pages that its key is registered for.
                (
                    "framed",
                    policy.contains("frame-ancestors 'none'")
                        || path.starts_with("/embed/v1/frame") && policy.contains("frame-ancestors https://"),
                ),
                ("anything goes", !policy.contains("'unsafe-eval'") && !policy.contains('*')),
                ("https", has("strict-transport-security", if is_https { "max-age=31536000" } else { "" })),
                // Who we are is nobody's business, and there are no sessions.
                ("server", has("server", "") && has("x-powered-by", "") && has("set-cookie", "")),
            ];
            let broken = rules.into_iter().filter(|(_, holds)| !holds);
            wrong.extend(
                broken.map(|(rule, _)| format!("{rule}: {path}: {} {:?}", answer.status, answer.headers)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
