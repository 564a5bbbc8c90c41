//! A client of the HTTP API with one credential.

use std::time::Duration;

use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

use super::contract;

/// Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    pub base: String,
    pub token: String,
    headers: HeaderMap,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null when the body is no JSON.
    pub body: Value,
    pub bytes: Vec<u8>,
    /// For messages: what was asked.
    asked: String,
}

fn http(timeout: Duration) -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.timeout(timeout).build().unwrap()
}

impl Client {
    pub fn new(base: &str, token: &str) -> Self {
        let http = http(super::PATIENCE);
        Self { http, base: base.trim_end_matches('/').into(), token: token.into(), headers: HeaderMap::new() }
    }

    /// Waits so long for an answer, on connections of its own: for tests that keep the machine busy.
    pub fn patient(&self, timeout: Duration) -> Self {
        Self { http: http(timeout), ..self.clone() }
    }

    /// The same server, somebody else; an empty token sends no `Authorization`.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.into(), ..self.clone() }
    }

    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        client
    }

    /// All requests carry this `Idempotency-Key`.
    pub fn with_key(&self, key: &str) -> Self {
        self.with_header("idempotency-key", key)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// A GET as it travels, for who reads the answer from a socket.
    pub fn request_text(&self, path: &str) -> String {
        let mut text =
            format!("GET {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\n", self.token);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        text + "\r\n"
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Without a body.
    pub async fn act(&self, path: &str) -> Answer {
        self.send(Method::POST, path, None).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        self.try_send_bytes(method, path, body).await.unwrap()
    }

    /// Any bytes under any content type.
    pub async fn send_bytes(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        self.try_send_bytes(method, path, Some((kind, body))).await.unwrap()
    }

    /// `Err` when the connection breaks: the server was killed.
    pub async fn try_send_bytes(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> reqwest::Result<Answer> {
        let asked = format!("{method} {path}");
        let operation = method.clone();
        let mut request =
            self.http.request(method, format!("{}{path}", self.base)).headers(self.headers.clone());
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let mut response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = if headers.get("content-type").is_some_and(|kind| kind == "text/event-stream") {
            // It has no end.
            response.chunk().await?.unwrap_or_default().to_vec()
        } else {
            response.bytes().await?.to_vec()
        };
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if let Some(code) = body["code"].as_str().filter(|_| status >= 400) {
            assert!(
                contract::lists_refusal(&operation, path, code),
                "the contract does not list {code}: {asked}"
            );
        }
        Ok(Answer { status, headers, body, bytes, asked })
    }
}

impl Answer {
    #[track_caller]
    pub fn status(self, expected: u16) -> Self {
        assert_eq!(self.status, expected, "{self}");
        self
    }

    /// 200 and the body.
    #[track_caller]
    pub fn ok(self) -> Value {
        self.status(200).body
    }

    /// 201 and the body.
    #[track_caller]
    pub fn created(self) -> Value {
        self.status(201).body
    }

    /// 204.
    #[track_caller]
    pub fn done(self) {
        self.status(204);
    }

    /// A Problem with this status and code; returns it.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        self.check_problem();
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{self}");
        self.body
    }

    /// Whatever went wrong is told as RFC 9457 wants it, and completely.
    #[track_caller]
    pub fn check_problem(&self) {
        assert!(self.status >= 400, "no error: {self}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self}");
        for name in ["type", "title", "detail", "code", "request_id"] {
            assert!(
                self.body[name].as_str().is_some_and(|text| !text.is_empty()),
                "`{name}` is missing: {self}"
            );
        }
        assert_eq!(self.body["status"], self.status, "{self}");
        assert_eq!(self.header("x-request-id"), self.body["request_id"], "{self}");
    }

    /// The header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = String::from_utf8_lossy(&self.bytes).chars().take(1500).collect();
        write!(f, "{} -> {} {body}", self.asked, self.status)
    }
}
