//! What is served beside the contract: health, the contract itself, the table of error codes, and the pages on which a
//! checkout ends when the integrator names none.

use std::sync::Arc;

use eventflow_core::ErrorCode;
use poem::{
    IntoResponse, Request, Response, handler,
    http::StatusCode,
    web::{Data, Html, Json},
};
use serde_json::json;

use crate::{app::App, openapi};

/// The process answers.
#[handler]
pub fn health() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// The databases answer as well: send requests here.
#[handler]
pub async fn ready(app: Data<&Arc<App>>) -> Response {
    let (database, redis) = tokio::join!(app.db.ping(), app.gate.ping());
    let state = |up: bool| if up { "ok" } else { "unreachable" };
    let all = database.is_ok() && redis.is_ok();
    let body = Json(json!({ "status": state(all), "database": state(database.is_ok()), "redis": state(redis.is_ok()) }));
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    body.with_status(status).into_response()
}

#[handler]
pub fn contract() -> Response {
    Response::builder().content_type("application/json").body(openapi::text())
}

/// The page that the `type` of every Problem leads to.
#[handler]
pub fn error_codes() -> Html<String> {
    let rows: String = ErrorCode::ALL
        .iter()
        .map(|code| {
            let (code, status, title) = (code.code(), code.status(), code.title());
            format!("<tr id=\"{code}\"><td><a href=\"#{code}\"><code>{code}</code></a></td><td>{status}</td><td>{title}</td></tr>")
        })
        .collect();
    Html(page(
        "en",
        "Error codes",
        &format!(
            "<p>Every error is a Problem (RFC 9457). Branch on <code>code</code>; <code>detail</code> is for people.</p>\
             <table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>{rows}</tbody></table>"
        ),
    ))
}

#[handler]
pub fn checkout_done(request: &Request) -> Html<String> {
    Html(if german(request) {
        page("de", "Vielen Dank!", "<p>Die Zahlung ist angekommen. Die Tickets werden jetzt ausgestellt.</p>")
    } else {
        page("en", "Thank you!", "<p>The payment has arrived. Your tickets are being issued.</p>")
    })
}

#[handler]
pub fn checkout_cancelled(request: &Request) -> Html<String> {
    Html(if german(request) {
        page("de", "Nicht bezahlt", "<p>Es wurde nichts abgebucht. Die Plätze bleiben noch kurze Zeit reserviert.</p>")
    } else {
        page("en", "Not paid", "<p>Nothing was charged. The seats stay reserved for a short while.</p>")
    })
}

fn german(request: &Request) -> bool {
    request.header("accept-language").is_some_and(|languages| languages.trim_start().to_lowercase().starts_with("de"))
}

fn page(language: &str, title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title} – EventFlow</title><style>\
         :root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;\
         padding:0 1rem}}table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.35rem .5rem;\
         border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent)}}a{{color:inherit}}\
         :target{{outline:2px solid}}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    )
}
