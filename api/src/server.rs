//! The HTTP server: the routes, and the one middleware around them all (request id, limits on bodies, idempotency
//! fingerprint, CORS, Problems instead of the framework's plain text).

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use bytes::Bytes;
use eventflow_core::{ErrorCode, Refusal};
use poem::{
    Body, Endpoint, EndpointExt, IntoResponse, Request, Response, Route,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::CatchPanic,
};
use uuid::Uuid;

use crate::{
    app::App,
    auth::{RequestFacts, fingerprint},
    bodies, docs, hosting, pages,
    problem::{self, Failure, REQUEST_ID},
    resources,
};

/// Answers of browsers' preflight requests are kept this long.
const PREFLIGHT_MAX_AGE_SECS: &str = "600";

/// Browsers that saw us under https come back under https for this long, a year: the longest that lists of such hosts ask for.
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// The whole server as one endpoint.
pub fn endpoint(app: Arc<App>) -> impl Endpoint<Output = Response> {
    let api = resources::service();
    let routes = Route::new()
        .at("/healthz", poem::get(pages::health))
        .at("/readyz", poem::get(pages::ready))
        .at("/openapi.json", poem::get(pages::contract))
        .at("/schemas/seat-map.json", poem::get(pages::seat_map_schema))
        .nest_no_strip("/", api);
    let inner = Arc::new(
        hosting::routes(docs::routes(routes)).with(CatchPanic::new()).data(app.clone()).map_to_response(),
    );
    poem::endpoint::make(move |request| {
        let (app, inner) = (app.clone(), inner.clone());
        async move { Ok::<_, poem::Error>(answer(&app, inner, request).await) }
    })
    .map_to_response()
}

async fn answer<E>(app: &Arc<App>, inner: Arc<E>, mut request: Request) -> Response
where
    E: Endpoint<Output = Response> + 'static,
{
    let started = Instant::now();
    let id = request_id(request.headers());
    if let Some(response) = preflight(&request) {
        return response;
    }
    let facts = match read_facts(app, &mut request).await {
        Ok(facts) => Arc::new(facts),
        Err(refusal) => {
            let response = REQUEST_ID.sync_scope(id.clone(), || Failure::from(refusal).into_response());
            return finish(app, response, &id, None);
        }
    };
    request.extensions_mut().insert(facts.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());

    let work = REQUEST_ID.scope(id.clone(), async move {
        let path = request.uri().path().to_owned();
        let response = inner.get_response(request).await;
        problem::from_framework(response, &path).await
    });
    // A client that hangs up drops this future; a change that has begun must reach its end all the same.
    let response = if method == Method::GET {
        work.await
    } else {
        tokio::spawn(work).await.unwrap_or_else(|_| {
            let refusal =
                Refusal::new(ErrorCode::Internal, "This is our fault. The request id helps us to find it.");
            REQUEST_ID.sync_scope(id.clone(), || Failure::from(refusal).into_response())
        })
    };
    tracing::debug!(
        request.id = %id, operation = facts.operation.get().copied().unwrap_or("none"), http.method = %method,
        http.path = path, http.status = response.status().as_u16(), elapsed_us = started.elapsed().as_micros(), "request"
    );
    finish(app, response, &id, Some(&facts))
}

/// The caller's id when it is short and plain, else a new one.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok()).filter(|id| {
        (8..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    given.map_or_else(|| format!("req_{}", Uuid::now_v7().simple()).into(), Into::into)
}

async fn read_facts(app: &Arc<App>, request: &mut Request) -> Result<RequestFacts, Refusal> {
    let key = idempotency_key(request)?;
    let ip = client_ip(app, request);
    let mut fingerprint_of_request = [0; 32];
    let (mut raw, mut room) = (Bytes::new(), None);
    if request.method() != Method::GET {
        let body;
        (body, room) = bodies::read(app, request, ip).await?;
        if key.is_some() {
            let target =
                request.uri().path_and_query().map_or(request.uri().path(), |target| target.as_str());
            fingerprint_of_request = fingerprint(request.method().as_str(), target, &body);
        }
        raw = body.clone();
        request.set_body(Body::from_bytes(body));
    }
    Ok(RequestFacts {
        ip,
        idempotency: key.map(|key| (key, fingerprint_of_request)),
        body: raw,
        room,
        rate: OnceLock::new(),
        operation: OnceLock::new(),
        allowed_origin: OnceLock::new(),
    })
}

fn idempotency_key(request: &Request) -> Result<Option<String>, Refusal> {
    if request.method() == Method::GET {
        return Ok(None);
    }
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        Refusal::new(ErrorCode::InvalidHeader, "Expected 1 to 255 visible ASCII characters.")
            .param("Idempotency-Key")
    })
}

/// The peer, or what a trusted proxy says about it: the last address that is not a trusted proxy itself.
fn client_ip(app: &App, request: &Request) -> IpAddr {
    let peer =
        request.remote_addr().as_socket_addr().map_or(IpAddr::from([127, 0, 0, 1]), |address| address.ip());
    let trusted = &app.config.trusted_proxies;
    if !trusted.contains(&peer) {
        return peer;
    }
    // Some proxies add a line of their own instead of a word: the lines belong together, in order.
    let lines = request.headers().get_all("x-forwarded-for");
    let forwarded = lines.iter().filter_map(|line| line.to_str().ok()).collect::<Vec<_>>().join(",");
    forwarded
        .rsplit(',')
        .filter_map(|text| text.trim().parse().ok())
        .find(|ip| !trusted.contains(ip))
        .unwrap_or(peer)
}

/// Browsers ask first. The answer is the same for all: whether a page may read the real answer is decided there.
fn preflight(request: &Request) -> Option<Response> {
    let asked = request.headers().contains_key("access-control-request-method");
    if request.method() != Method::OPTIONS || !asked {
        return None;
    }
    let origin = request.headers().get(header::ORIGIN)?.clone();
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers
        .insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PATCH, DELETE"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "authorization, content-type, idempotency-key, if-none-match, last-event-id, x-request-id",
        ),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_MAX_AGE_SECS));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    Some(response)
}

fn finish(app: &App, mut response: Response, id: &str, facts: Option<&RequestFacts>) -> Response {
    let unauthenticated = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    let mut insert = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    insert(header::HeaderName::from_static("x-request-id"), id);
    insert(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    insert(header::REFERRER_POLICY, "no-referrer");
    if app.origin.starts_with("https://") {
        insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
    if unauthenticated {
        insert(header::WWW_AUTHENTICATE, "Bearer");
    }
    if let Some((limit, verdict)) = facts.and_then(|facts| facts.rate.get()) {
        // draft-ietf-httpapi-ratelimit-headers: quota, window in seconds; remaining, seconds until more.
        let window = (limit.burst.get() / limit.per_sec.get()).max(1);
        insert(
            header::HeaderName::from_static("ratelimit-policy"),
            &format!("\"default\";q={};w={window}", limit.burst),
        );
        insert(
            header::HeaderName::from_static("ratelimit"),
            &format!("\"default\";r={};t={}", verdict.remaining, verdict.retry_after_secs),
        );
    }
    if let Some(origin) = facts.and_then(|facts| facts.allowed_origin.get()) {
        insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "etag, ratelimit, ratelimit-policy, retry-after, x-request-id",
        );
    }
    if facts.is_some_and(|facts| facts.operation.get().is_some()) {
        // Beside what the answer depends on otherwise; also when this origin may not read it, or none was named.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        // What is no page loads nothing, whoever opens it as one.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
