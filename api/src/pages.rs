//! What is served beside the contract: health, and the contract itself.

use std::sync::{Arc, LazyLock};

use eventflow_core::seat_map;
use poem::{
    IntoResponse, Request, Response, handler,
    http::StatusCode,
    web::{Data, Json},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::{app::App, docs, encodings::Encoded, openapi};

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

/// `GET /openapi.json`
#[handler]
pub async fn contract(request: &Request) -> Response {
    /// Compressed when it is first asked for.
    static ENCODED: OnceCell<Encoded> = OnceCell::const_new();
    let encode = || {
        let text = openapi::text();
        Encoded::new(text.as_bytes().into(), hex::encode(&Sha256::digest(text)[..12]))
    };
    match ENCODED.get_or_try_init(|| tokio::task::spawn_blocking(encode)).await {
        Ok(encoded) => docs::answer(encoded, "application/json", request),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into(),
    }
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
