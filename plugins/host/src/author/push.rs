//! `plugin push`: an upload to a server, and what to do there next.

use std::{
    fmt::Write as _,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{StatusCode, Url, header, redirect};
use serde::Deserialize;

use super::{AuthorError, read};
use crate::limits;

/// Where the secret key stands. It is no argument: shells remember those, and other users see them.
const KEY_VARIABLE: &str = "EVENTFLOW_SECRET_KEY";
/// The server compiles and tests the upload before it answers; it may have to wait for its turn.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2 * limits::COMPILE_SECS_MAX);
/// A server that does not even take the connection is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server, and how it is spoken to.
#[derive(Debug, Clone, clap::Args)]
pub struct Server {
    /// Its address
    #[arg(
        long = "server",
        env = "EVENTFLOW_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub url: String,
    /// A file with a secret key; without it the key is in EVENTFLOW_SECRET_KEY
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Keep the version there, and go on with the one before
    #[arg(long)]
    pub no_publish: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error(
        "`{0}` is no address of a server; it looks like https://tickets.example or http://127.0.0.1:8080"
    )]
    Address(String),
    #[error(
        "{0} would get the secret key in the clear: use https, which only this machine itself does without"
    )]
    Clear(Url),
    #[error(
        "there is no secret key: set {KEY_VARIABLE}, or name a file with --key-file. POST /v1/api-keys makes one"
    )]
    NoKey,
    #[error("{}: {error}", .path.display())]
    KeyFile { path: PathBuf, error: io::Error },
    #[error("that is no secret key: it begins with ef_sk_; publishable keys cannot upload")]
    OtherKey,
    #[error("{url} does not answer: {error}. Is it the address of a server that runs? See --server")]
    Unreachable { url: Url, error: String },
    #[error("{url} answers {status}, but not as EventFlow does. Is it the address of the API? See --server")]
    Strange { url: Url, status: StatusCode },
    #[error("the server refuses it: {0}")]
    Refused(Problem),
    #[error("the HTTP client cannot be started: {0}")]
    Client(String),
}

/// An error as the API writes it.
#[derive(Debug, Deserialize)]
pub struct Problem {
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    code: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { title, detail, code } = self;
        let detail = if detail.is_empty() { title } else { detail };
        write!(formatter, "{detail}")?;
        if !code.is_empty() {
            write!(formatter, " ({code})")?;
        }
        match code.as_str() {
            "unauthenticated" => {
                write!(formatter, "\nThe secret key is not one of this server, or was revoked")
            }
            "permission_denied" => write!(formatter, "\nThe secret key needs the permission plugins:write"),
            _ => Ok(()),
        }
    }
}

/// The platform runs fixtures before a version is published.
const UNTRIED: &str = "\nIt has no fixtures: nobody has seen it answer. Put one into `fixtures/`, so that a version that does not is refused.";

/// The part of the answer that is shown.
#[derive(Debug, Deserialize)]
struct Version {
    id: String,
    plugin_id: String,
    name: String,
    version: String,
    #[serde(default)]
    hooks: Vec<String>,
    is_published: bool,
}

/// Uploads a component and says what is live now.
pub fn push(component: &Path, server: &Server) -> Result<String, AuthorError> {
    let wasm = read(component)?;
    // What this machine can tell needs no server.
    let is_untried = crate::Upload::read(&wasm)?.manifest.fixtures.is_empty();
    let url = server.endpoint()?;
    let key = server.key()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| PushError::Client(error.to_string()))?;
    let version = runtime.block_on(upload(wasm, url, &key))?;
    let mut text = version.text(server);
    if is_untried {
        text.push_str(UNTRIED);
    }
    Ok(text)
}

async fn upload(wasm: Vec<u8>, url: Url, key: &str) -> Result<Version, PushError> {
    let mut client = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        // The key goes to the address that was named, and nowhere else.
        .redirect(redirect::Policy::none());
    if is_this_machine(&url) {
        client = client.no_proxy();
    }
    let client = client.build().map_err(|error| PushError::Client(chain(&error)))?;
    let request =
        client.post(url.clone()).bearer_auth(key).header(header::CONTENT_TYPE, "application/wasm").body(wasm);
    let unreachable = |error: reqwest::Error| PushError::Unreachable {
        url: url.clone(),
        error: chain(&error.without_url()),
    };
    let answer = request.send().await.map_err(unreachable)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(unreachable)?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| PushError::Strange { url, status });
    }
    match serde_json::from_slice(&body) {
        Ok(problem) => Err(PushError::Refused(problem)),
        Err(_) => Err(PushError::Strange { url, status }),
    }
}

impl Server {
    fn endpoint(&self) -> Result<Url, PushError> {
        let wrong = || PushError::Address(self.url.clone());
        let mut url = Url::parse(&format!("{}/v1/plugins", self.base())).map_err(|_| wrong())?;
        match url.scheme() {
            "https" => {}
            "http" if is_this_machine(&url) => {}
            "http" => return Err(PushError::Clear(url)),
            _ => return Err(wrong()),
        }
        url.set_query((!self.no_publish).then_some("publish=true"));
        Ok(url)
    }

    fn key(&self) -> Result<String, PushError> {
        let key = match &self.key_file {
            Some(path) => {
                fs::read_to_string(path).map_err(|error| PushError::KeyFile { path: path.clone(), error })?
            }
            None => std::env::var(KEY_VARIABLE).unwrap_or_default(),
        };
        let key = key.trim();
        match key {
            "" => Err(PushError::NoKey),
            _ if key.starts_with("ef_sk_") => Ok(key.to_owned()),
            _ => Err(PushError::OtherKey),
        }
    }

    fn base(&self) -> &str {
        self.url.trim_end_matches('/')
    }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// An error with its causes: the first one alone says only that something failed.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    words.dedup();
    words.join(": ")
}

impl Version {
    fn text(&self, server: &Server) -> String {
        let Self { id, plugin_id, name, version, hooks, is_published } = self;
        let hooks_text = hooks.join(", ");
        let mut text = if *is_published {
            format!("{name} {version} is live ({plugin_id}, hooks: {hooks_text})\n")
        } else {
            format!(
                "{name} {version} is kept as {id} and not live; push it without --no-publish to publish it\n"
            )
        };
        let _written = write!(
            text,
            "The live version is called where the plugin is installed. To install it at all events (what is said here replaces how it was installed):\n  \
             curl -X PUT {}/v1/plugins/{plugin_id}/installation -H \"authorization: Bearer ${KEY_VARIABLE}\" \\\n    \
             -H 'content-type: application/json' -d '{{\"config\": {{}}}}'",
            server.base()
        );
        text
    }
}
