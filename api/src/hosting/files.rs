//! The files of the seat picker, as `cargo xtask widget` leaves them in `embed-widget/dist`: part of the program in
//! release builds, read from the checkout in debug builds, or from a directory of the operator.
//!
//! `manifest.json` says where the parts are: `entries` names the paths of `loader` (`v1/eventflow.js`), `element`,
//! `frame` and `hosted` (`v<version>-<hash>/….js`); `files` has `bytes` and `integrity` of each. Directories of other
//! versions are served to pages that pin them: from beside the present one, or from the database. `<file>.gz` is what
//! those get who take gzip: packed at build time, more tightly than there is time for here.

use std::{
    borrow::Cow,
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use dashmap::DashMap;
use eventflow_core::{ErrorCode, Refusal};
use eventflow_store::{Db, Error, embed_files};
use poem::{
    IntoResponse, Request, Response, handler,
    http::{StatusCode, header},
    web::{Data, Path as Parameter},
};
use rust_embed::RustEmbed;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::{app::App, encodings::Encoded, problem::Failure};

const MANIFEST: &str = "manifest.json";
/// The directory whose files change with every release.
const EVERGREEN: &str = "v1/";
/// A fix of the loader reaches every page within minutes; pages that load meanwhile take what they have.
const SHORT: &str = "public, max-age=300, stale-while-revalidate=600";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Compressed files kept at most: beyond it (a developer builds all day) the cache starts anew.
const ENCODED_MAX: usize = 500;
/// How long the list of kept files is believed.
const KEPT_TTL: Duration = Duration::from_secs(1);
/// What a build without the picker says.
pub const NOT_BUILT: &str =
    "This server was built without the seat picker. Run `cargo xtask widget`, then build the server again.";

#[derive(RustEmbed)]
#[folder = "../embed-widget/dist"]
#[allow_missing = true]
struct Embedded;

/// The picker's files, each compressed when it is first asked for. Immutable ones of other versions come from the
/// database, where every server leaves those that it was built with.
#[derive(Default)]
pub struct Widget {
    /// Instead of the files in the program: the operator's, or in debug builds that of the checkout.
    directory: Option<PathBuf>,
    /// By the SHA-256 of the contents.
    encoded: DashMap<[u8; 32], Arc<Encoded>>,
    /// Of other versions, by path.
    others: DashMap<String, Arc<Encoded>>,
    /// What the database keeps, and when that was asked.
    kept: Mutex<Option<(Instant, HashSet<String>)>>,
}

impl Widget {
    pub fn new(directory: Option<PathBuf>) -> Self {
        // Named here: what was compiled before the picker was built would not find its folder by itself.
        let checkout = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../embed-widget/dist"));
        let directory = directory.or_else(|| cfg!(debug_assertions).then(checkout));
        Self { directory, ..Self::default() }
    }

    /// The immutable files of this version.
    pub fn immutable(&self) -> Vec<(String, Vec<u8>)> {
        let manifest = read(self.directory.as_deref(), MANIFEST);
        let manifest: Value =
            manifest.and_then(|(text, _)| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let paths = manifest["files"].as_object().into_iter().flat_map(Map::keys);
        let ours = paths.filter(|path| is_plain(path) && !path.starts_with(EVERGREEN));
        ours.filter_map(|path| Some((path.clone(), read(self.directory.as_deref(), path)?.0.into_owned())))
            .collect()
    }

    /// The path of an entry below `/embed/`; `None` when the picker was not built.
    pub fn entry(&self, name: &str) -> Option<String> {
        let manifest = read(self.directory.as_deref(), MANIFEST)?;
        let manifest: Value = serde_json::from_slice(&manifest.0).ok()?;
        let path = manifest["entries"][name].as_str()?;
        is_plain(path).then(|| path.to_owned())
    }

    /// The file at a path that [`is_plain`].
    async fn file(&self, path: &str) -> Option<Arc<Encoded>> {
        let (contents, hash) = read(self.directory.as_deref(), path)?;
        if let Some(encoded) = self.encoded.get(&hash) {
            return Some(encoded.clone());
        }
        let packed = read(self.directory.as_deref(), &format!("{path}.gz"));
        let encode = move || {
            let encoded = Encoded::new(shared(contents), hex::encode(&hash[..12]));
            Arc::new(match packed {
                Some((packed, _)) => encoded.with_gzip(shared(packed)),
                None => encoded,
            })
        };
        let encoded = tokio::task::spawn_blocking(encode).await.ok()?;
        if self.encoded.len() >= ENCODED_MAX {
            self.encoded.clear();
        }
        self.encoded.insert(hash, encoded.clone());
        Some(encoded)
    }

    /// A file that another version of the server has left in the database.
    async fn of_another_version(&self, db: &Db, path: &str) -> Result<Option<Arc<Encoded>>, Error> {
        if let Some(encoded) = self.others.get(path) {
            return Ok(Some(encoded.clone()));
        }
        // Whoever asks for what does not exist costs one list a second, and not a query each.
        let mut kept = self.kept.lock().await;
        let known = match kept.take().filter(|(asked, _)| asked.elapsed() < KEPT_TTL) {
            Some(known) => kept.insert(known),
            None => kept.insert((Instant::now(), embed_files::paths(db).await?.into_iter().collect())),
        };
        if !known.1.contains(path) {
            return Ok(None);
        }
        let Some(contents) = embed_files::contents(db, path).await? else { return Ok(None) };
        let hash: [u8; 32] = Sha256::digest(&contents).into();
        let encode = move || Arc::new(Encoded::new(contents.into(), hex::encode(&hash[..12])));
        let Ok(encoded) = tokio::task::spawn_blocking(encode).await else { return Ok(None) };
        if self.others.len() >= ENCODED_MAX {
            self.others.clear();
        }
        self.others.insert(path.to_owned(), encoded.clone());
        Ok(Some(encoded))
    }
}

fn shared(contents: Cow<'static, [u8]>) -> Bytes {
    match contents {
        Cow::Borrowed(contents) => Bytes::from_static(contents),
        Cow::Owned(contents) => Bytes::from(contents),
    }
}

/// The contents of a file and their SHA-256.
fn read(directory: Option<&Path>, path: &str) -> Option<(Cow<'static, [u8]>, [u8; 32])> {
    match directory {
        Some(directory) => {
            let contents = std::fs::read(directory.join(path)).ok()?;
            let hash = Sha256::digest(&contents).into();
            Some((contents.into(), hash))
        }
        None => Embedded::get(path).map(|file| (file.data, file.metadata.sha256_hash())),
    }
}

/// `v<something>/<name>` of plain characters: nothing that could lead out of the directory.
fn is_plain(path: &str) -> bool {
    let plain = |segment: &str| {
        let usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        !segment.starts_with('.') && !segment.is_empty() && segment.bytes().all(usual)
    };
    path.len() <= 200
        && path.split_once('/').is_some_and(|(directory, name)| {
            directory.starts_with('v') && plain(directory) && !name.contains('/') && plain(name)
        })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// `GET /embed/…`
#[handler]
pub async fn serve(app: Data<&Arc<App>>, path: Parameter<String>, request: &Request) -> Response {
    let mut response = match find(&app, &path).await {
        Ok(Some(encoded)) => answer(&path, &encoded, request),
        Ok(None) => absent(&app.widget),
        Err(error) => Failure::from(error).into_response(),
    };
    // The files are public, and meant for pages of any origin.
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
        (header::HeaderName::from_static("timing-allow-origin"), "*"),
    ] {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

async fn find(app: &App, path: &str) -> Result<Option<Arc<Encoded>>, Error> {
    if !is_plain(path) {
        return Ok(None);
    }
    match app.widget.file(path).await {
        None if !path.starts_with(EVERGREEN) => app.widget.of_another_version(&app.db, path).await,
        found => Ok(found),
    }
}

fn answer(path: &str, encoded: &Encoded, request: &Request) -> Response {
    let choice = encoded.choose(request.headers());
    let cache = if path.starts_with(EVERGREEN) { SHORT } else { IMMUTABLE };
    let mut response = Response::builder()
        .header(header::ETAG, &choice.etag)
        .header(header::CACHE_CONTROL, cache)
        .header(header::VARY, "Accept-Encoding");
    if encoded.is_known(request.headers()) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    if let Some(encoding) = choice.encoding {
        response = response.header(header::CONTENT_ENCODING, encoding);
    }
    response.content_type(content_type(path)).body(choice.bytes)
}

fn absent(widget: &Widget) -> Response {
    let refusal = match widget.entry("loader") {
        None => Refusal::new(ErrorCode::Unavailable, NOT_BUILT),
        Some(loader) => Refusal::new(
            ErrorCode::RouteNotFound,
            format!("The seat picker has no such file. Its newest version begins at `/embed/{loader}`."),
        ),
    };
    Failure::from(refusal).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_directory() {
        for path in ["v1/eventflow.js", "v0.1.0-0a1b2c3d4e5f/engine_bg.wasm", "v1/integrity.json"] {
            assert!(is_plain(path), "{path}");
        }
        let long = format!("v1/{}", "a".repeat(200));
        for path in [
            "",
            "v1",
            "v1/",
            "/v1/a",
            "manifest.json",
            "x/manifest.json",
            "v1/../manifest.json",
            "v/../../Cargo.toml",
            "v1/.hidden",
            "v1/a/b",
            "v1//a",
            "v1\\a",
            "v1/a\\..\\b",
            "v1/a%2f",
            "v1/ä",
            "v1/a\0",
            "..",
            &long,
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[test]
    fn browsers_run_only_what_has_the_right_type() {
        assert_eq!(content_type("v1/eventflow.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("v1/engine_bg.wasm"), "application/wasm");
        assert_eq!(content_type("v1/LICENSE"), "application/octet-stream");
    }
}
