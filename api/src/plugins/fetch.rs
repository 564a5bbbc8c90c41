//! What plugins want to have fetched. The platform fetches, never the plugin: over https, from hosts that the organizer
//! allowed, to addresses on the public internet only, and without following where an answer points.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use dashmap::DashMap;
use eventflow_plugin_host::{
    Host, Keep,
    hooks::HookType,
    http, limits,
    values::{Attribute, HttpRequest, HttpResponse},
};
use eventflow_store::{Result, Scope, plugins::secrets};
use futures_util::{StreamExt, future::join_all};
use reqwest::{
    Client, Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Turn, off_thread};
use crate::{
    app::App,
    outbound::{self, Loopback},
};

/// Answers that are kept; beyond it the cache begins anew.
const CACHED_MAX: usize = 1_000;
/// The longest that an answer is good enough, whatever a plugin says.
const CACHE_SECS_MAX: u32 = 3_600;
/// A host that left so many requests in a row without an answer is asked nothing for a while: every price would wait for it.
const SILENT_AFTER: u32 = 3;
const SILENT_FOR: Duration = Duration::from_secs(10);
/// Headers of an answer that a plugin sees.
const HEADERS_MAX: usize = 20;
/// The value of a header that stands for a secret begins so.
const SECRET: &str = "secret:";

type CacheKey = (Uuid, [u8; 32]);
type HostKey = (Uuid, String);

/// Makes requests on behalf of plugins.
pub struct Fetcher {
    client: Client,
    /// Tests: every request goes there, in the clear.
    instead: Option<SocketAddr>,
    cache: DashMap<CacheKey, (HttpResponse, Instant)>,
    /// Hosts that did not answer, by plugin: how often in a row, and since when.
    silent: DashMap<HostKey, (u32, Instant)>,
}

impl Fetcher {
    pub fn new(instead: Option<SocketAddr>) -> Result<Self, String> {
        let timeout = Duration::from_millis(limits::RESPONSE_TIMEOUT_MS);
        let client = outbound::client(timeout, Loopback::Refused)
            .https_only(instead.is_none())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client, instead, cache: DashMap::new(), silent: DashMap::new() })
    }

    async fn fetch(
        &self,
        plugin: Uuid,
        hosts: &[String],
        request: HttpRequest,
        secrets: &Secrets,
    ) -> HttpResponse {
        let id = request.id.clone();
        let host = match http::check(&request, hosts) {
            Ok(host) => (plugin, host.to_owned()),
            Err(error) => {
                tracing::info!(error = %error, plugin = %plugin, "a request of a plugin is not made");
                return HttpResponse { id, ..HttpResponse::default() };
            }
        };
        let key = (plugin, fingerprint(&request));
        let good_for = Duration::from_secs(u64::from(request.cache_secs.min(CACHE_SECS_MAX)));
        let cached = self.cache.get(&key).filter(|entry| entry.1.elapsed() < good_for);
        if let Some(entry) = cached {
            return HttpResponse { id, ..entry.0.clone() };
        }
        if self.is_silent(&host) {
            return HttpResponse { id, ..HttpResponse::default() };
        }
        let response = self.send(&request, secrets).await.unwrap_or_else(|error| {
            tracing::info!(error = %error, plugin = %plugin, "a request of a plugin has no answer");
            HttpResponse::default()
        });
        self.note(host, response.status != 0);
        if response.status != 0 && !good_for.is_zero() {
            if self.cache.len() >= CACHED_MAX {
                self.cache.clear();
            }
            self.cache.insert(key, (response.clone(), Instant::now()));
        }
        HttpResponse { id, ..response }
    }

    fn is_silent(&self, host: &HostKey) -> bool {
        self.silent.get(host).is_some_and(|known| known.0 >= SILENT_AFTER && known.1.elapsed() < SILENT_FOR)
    }

    fn note(&self, host: HostKey, answered: bool) {
        if answered {
            self.silent.remove(&host);
            return;
        }
        if self.silent.len() >= CACHED_MAX {
            self.silent.clear();
        }
        let mut known = self.silent.entry(host).or_insert((0, Instant::now()));
        *known = (known.0 + 1, Instant::now());
    }

    async fn send(&self, request: &HttpRequest, secrets: &Secrets) -> Result<HttpResponse, String> {
        let method = if request.method == "POST" { Method::POST } else { Method::GET };
        let url = match (self.instead, request.url.strip_prefix("https://")) {
            (Some(address), Some(rest)) => {
                format!("http://{address}/{}", rest.split_once('/').map_or("", |(_, path)| path))
            }
            _ => request.url.clone(),
        };
        let mut headers = HeaderMap::new();
        for header in &request.headers {
            let value = match header.value.strip_prefix(SECRET) {
                Some(name) => secrets.find(name).ok_or_else(|| format!("there is no secret `{name}`"))?,
                None => &header.value,
            };
            let name = HeaderName::try_from(&header.name).map_err(|error| error.to_string())?;
            let mut value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
            value.set_sensitive(header.value.starts_with(SECRET));
            headers.append(name, value);
        }
        let sent = self.client.request(method, url).headers(headers).body(request.body.clone()).send();
        let answer = sent.await.map_err(|error| error.without_url().to_string())?;
        let (status, headers) = (answer.status().as_u16(), attributes(answer.headers()));
        let mut body = Vec::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| error.without_url().to_string())?;
            if body.len() + chunk.len() > limits::RESPONSE_BYTES_MAX {
                return Err(format!("the answer has more than {} bytes", limits::RESPONSE_BYTES_MAX));
            }
            body.extend_from_slice(&chunk);
        }
        let body = String::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
        Ok(HttpResponse { id: String::new(), status, headers, body })
    }
}

fn attributes(headers: &HeaderMap) -> Vec<Attribute> {
    let texts =
        headers.iter().filter(|(name, _)| name.as_str() != "set-cookie").filter_map(|(name, value)| {
            Some(Attribute { name: name.as_str().to_owned(), value: value.to_str().ok()?.to_owned() })
        });
    texts.take(HEADERS_MAX).collect()
}

/// Of everything that the answer depends on; secrets stand in it by name.
fn fingerprint(request: &HttpRequest) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let headers = request.headers.iter().flat_map(|header| [&header.name, &header.value]);
    for part in [&request.method, &request.url, &request.body].into_iter().chain(headers) {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Asks a plugin what to fetch before its hook is called, and fetches it. Answers nothing for a plugin that has no such hook;
/// a plugin has to do without an answer that did not come.
pub async fn responses<H>(
    app: &App,
    scope: &Scope,
    host: &Arc<Host>,
    turn: &Turn,
    input: H::Input,
) -> Result<(H::Input, Vec<HttpResponse>)>
where
    H: HookType<Output = Vec<HttpRequest>>,
    H::Input: Send,
{
    let Some(hosts) = turn.fetches.as_ref() else { return Ok((input, Vec::new())) };
    let (host, step) = (host.clone(), turn.step.clone());
    let (input, asked) = off_thread(move || {
        let asked = host.ask::<H>(&step, &input, Keep::Failures);
        (input, asked)
    })
    .await?;
    let Some((call, called)) = asked else { return Ok((input, Vec::new())) };
    app.plugins.receipts.count(scope.tenant, std::slice::from_ref(&called));
    if called.recording.is_some() {
        app.plugins.receipts.keep(scope.tenant, "", true, std::slice::from_ref(&called));
    }
    let requests = call.answer.unwrap_or_default();
    let plugin = turn.step.key.plugin;
    let has_secrets =
        requests.iter().flat_map(|request| &request.headers).any(|header| header.value.starts_with(SECRET));
    let secrets = Secrets(match has_secrets {
        true => app.db.run(scope, async |tx| secrets::open(tx, &app.sealer, plugin).await).await?,
        false => Vec::new(),
    });
    let fetcher = &app.plugins.fetcher;
    let fetches = requests.into_iter().map(|request| fetcher.fetch(plugin, hosts, request, &secrets));
    Ok((input, join_all(fetches).await))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> HttpRequest {
        HttpRequest {
            id: "a".to_owned(),
            method: "GET".to_owned(),
            url: url.to_owned(),
            ..HttpRequest::default()
        }
    }

    #[tokio::test]
    async fn names_of_this_machine_are_not_reached() {
        let fetcher = Fetcher::new(None).unwrap();
        let error = fetcher.send(&request("https://localhost/"), &Secrets(vec![])).await.unwrap_err();
        assert!(error.contains("error sending request"), "{error}");
        let (hosts, none) = (["api.example.org".to_owned()], Secrets(vec![]));
        let response = fetcher.fetch(Uuid::nil(), &hosts, request("https://evil.example/"), &none);
        assert_eq!(response.await, HttpResponse { id: "a".to_owned(), ..HttpResponse::default() });
    }

    #[tokio::test]
    async fn a_silent_host_is_left_alone() {
        let fetcher = Fetcher::new(Some(SocketAddr::from(([127, 0, 0, 1], 1)))).unwrap();
        let (hosts, none) = (["api.example.org".to_owned(), "other.example.org".to_owned()], Secrets(vec![]));
        let silent = (Uuid::nil(), "api.example.org".to_owned());
        for _ in 0..SILENT_AFTER {
            assert!(!fetcher.is_silent(&silent));
            fetcher.fetch(Uuid::nil(), &hosts, request("https://api.example.org/a"), &none).await;
        }
        assert!(fetcher.is_silent(&silent));
        fetcher.fetch(Uuid::nil(), &hosts, request("https://api.example.org/b"), &none).await;
        assert_eq!(fetcher.silent.get(&silent).unwrap().0, SILENT_AFTER, "it was not asked");
        assert!(!fetcher.is_silent(&(Uuid::nil(), "other.example.org".to_owned())));
        assert!(!fetcher.is_silent(&(Uuid::max(), "api.example.org".to_owned())), "of another plugin");
        fetcher.note(silent.clone(), true);
        assert!(!fetcher.is_silent(&silent));
    }

    #[test]
    fn requests_differ_in_every_part() {
        let base = request("https://api.example.org/");
        let mut other = base.clone();
        other.body = "x".to_owned();
        assert_ne!(fingerprint(&base), fingerprint(&other));
        assert_eq!(
            fingerprint(&base),
            fingerprint(&HttpRequest { id: "b".to_owned(), cache_secs: 9, ..base.clone() })
        );
    }
}
