//! The contract in a viewer: Scalar's API reference, one file that `cargo xtask docs` leaves in `tools/viewer/dist`. It is
//! part of the program in release builds, and read from the checkout in debug builds. Without it, and without scripts, the
//! page lists the operations.

use std::{borrow::Cow, sync::LazyLock};

use bytes::Bytes;
use eventflow_core::{ErrorCode, Refusal};
use poem::{
    IntoResponse, Request, Response, handler,
    http::{StatusCode, header},
};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::page::Page;
use crate::{encodings::Encoded, hosting::escape, openapi, problem::Failure};

const FILE: &str = "viewer.js";
const START: &str = include_str!("start.js");
const NOT_BUILT: &str =
    "This server was built without the viewer. Run `cargo xtask docs`, then build the server again.";

#[derive(RustEmbed)]
#[folder = "../tools/viewer/dist"]
#[allow_missing = true]
struct Embedded;

/// `GET /docs`
#[handler]
pub fn page() -> Page {
    static BODY: LazyLock<String> = LazyLock::new(listing);
    Page { path: "/docs", title: "Operations", body: BODY.clone(), has_viewer: true }
}

/// The viewer takes the place of the list.
fn listing() -> String {
    let mut groups = String::new();
    for tag in openapi::document()["tags"].as_array().into_iter().flatten() {
        let rows: String = openapi::operations(openapi::document())
            .filter(|(.., operation)| operation["tags"][0] == tag["name"])
            .map(|(path, method, operation)| {
                let id = operation["operationId"].as_str().unwrap_or_default();
                let summary = escape(operation["summary"].as_str().unwrap_or_default());
                format!("<li id=\"{id}\"><code>{} {path}</code><br>{summary}</li>", method.to_uppercase())
            })
            .collect();
        let name = tag["x-displayName"].as_str().unwrap_or_default();
        groups += &format!("<h2>{name}</h2><ul class=\"operations\">{rows}</ul>");
    }
    format!(
        "<div id=\"viewer\"><main class=\"doc\"><h1>Operations</h1><p>All of them, with their fields and answers, stand in \
         <a href=\"/openapi.json\">the contract</a>.</p>{groups}</main></div>\
         <script src=\"/docs/viewer.js\"></script><script src=\"/docs/start.js\"></script>"
    )
}

/// `GET /docs/start.js`
#[handler]
pub fn start() -> Response {
    Response::builder()
        .content_type("text/javascript; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-cache")
        .body(START)
}

/// `GET /docs/viewer.js`
#[handler]
pub async fn script(request: &Request) -> Response {
    /// Compressed when it is first asked for.
    static ENCODED: OnceCell<Encoded> = OnceCell::const_new();
    let Some(contents) = contents() else {
        return Failure::from(Refusal::new(ErrorCode::Unavailable, NOT_BUILT)).into_response();
    };
    let encode = || {
        let tag = hex::encode(&Sha256::digest(&contents)[..12]);
        Encoded::new(Bytes::from(contents.into_owned()), tag)
    };
    let encoded = ENCODED.get_or_try_init(|| tokio::task::spawn_blocking(encode)).await;
    match encoded {
        Ok(encoded) => answer(encoded, "text/javascript; charset=utf-8", request),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into(),
    }
}

/// Checked with every visit, sent once.
pub fn answer(encoded: &Encoded, content_type: &str, request: &Request) -> Response {
    let choice = encoded.choose(request.headers());
    let mut response = Response::builder()
        .header(header::ETAG, &choice.etag)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::VARY, "Accept-Encoding");
    if encoded.is_known(request.headers()) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    if let Some(encoding) = choice.encoding {
        response = response.header(header::CONTENT_ENCODING, encoding);
    }
    response.content_type(content_type).body(choice.bytes)
}

/// Named here for debug builds: what was compiled before the viewer was fetched would not find its folder by itself.
fn contents() -> Option<Cow<'static, [u8]>> {
    if cfg!(debug_assertions) {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/viewer/dist/viewer.js");
        return std::fs::read(file).ok().map(Cow::Owned);
    }
    Embedded::get(FILE).map(|file| file.data)
}
