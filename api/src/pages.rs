//! What is served beside the contract: health, the contract itself, the table of error codes.

use std::sync::{Arc, LazyLock};

use eventflow_core::{ErrorCode, seat_map};
use poem::{
    IntoResponse, Response, handler,
    http::StatusCode,
    web::{Data, Html, Json},
};
use serde_json::json;

use crate::{app::App, openapi, resources};

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
    let body = Json(
        json!({ "status": state(all), "database": state(database.is_ok()), "redis": state(redis.is_ok()) }),
    );
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    body.with_status(status).into_response()
}

#[handler]
pub fn contract() -> Response {
    Response::builder().content_type("application/json").body(openapi::text())
}

/// The JSON Schema of seat-map documents, for editors and generators. A new format gets a new schema.
#[handler]
pub fn seat_map_schema() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", seat_map::schema()));
    Response::builder()
        .content_type("application/schema+json")
        .header("Cache-Control", "public, max-age=3600")
        // Public as the contract is; editors in browsers read it too.
        .header("Access-Control-Allow-Origin", "*")
        .body(TEXT.as_str())
}

/// Swagger UI with the contract in it: nothing is loaded from elsewhere.
#[handler]
pub fn docs() -> Html<&'static str> {
    static PAGE: LazyLock<String> = LazyLock::new(docs_page);
    Html(&PAGE)
}

/// poem-openapi's page shows what it derived itself; ours shows the contract.
fn docs_page() -> String {
    let api = resources::service();
    let published = openapi::text().trim_end().replace("</", "<\\/");
    let page = api.swagger_ui_html().replacen(&api.spec(), &published, 1);
    let head =
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>EventFlow API</title>";
    format!("<!doctype html>{}", page.replacen("<title>Swagger UI</title>", head, 1).trim_start())
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
        "Error codes",
        &format!(
            "<p>Every error is a Problem (RFC 9457): JSON of the type <code>application/problem+json</code>. Branch on \
             <code>code</code>; <code>detail</code> is for people, <code>param</code> names the field at fault, and \
             <code>request_id</code> helps us to help you. <a href=\"/docs\">All operations</a></p><table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>{rows}</tbody></table>"
        ),
    ))
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title} – EventFlow</title><style>\
         :root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;\
         padding:0 1rem}}h1{{line-height:1.2}}table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;\
         padding:.4rem .5rem}}tr{{border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent)}}\
         td:nth-child(2){{font-variant-numeric:tabular-nums}}a{{color:inherit;text-underline-offset:.2em}}\
         td a{{text-decoration:none}}td a:hover,td a:focus{{text-decoration:underline}}tr{{scroll-margin-top:1rem}}\
         :target{{background:color-mix(in srgb,Highlight 25%,transparent)}}@media(max-width:36rem){{\
         thead{{position:absolute;left:-100vw}}tr{{display:grid;grid-template-columns:1fr auto;padding:.5rem 0}}\
         td{{padding:.1rem .25rem}}td:nth-child(3){{grid-column:1/-1}}}}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_show_the_contract_and_nothing_else() {
        let page = docs_page();
        assert!(page.contains("\"idempotency_conflict\"") || page.contains("`idempotency_conflict`"));
        assert!(!page.contains("{:spec}") && !page.contains("application/json; charset=utf-8"));
        assert!(page.contains("<title>EventFlow API</title>"));
    }
}
