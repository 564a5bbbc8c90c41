//! One request: credential, idempotency key, timeout, repetitions, and errors with their request id. The generated
//! client builds the request and reads the answer; what is in between happens here.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Request, Response, StatusCode};

use crate::generated::core;
use crate::runtime::Error as Failure;
use crate::{Client, Error, RequestFacts, retry};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What one call adds to the options of its client.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallOptions {
    pub(crate) idempotency_key: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: Option<u32>,
    pub(crate) headers: Vec<(String, String)>,
    /// The answer has no end: it is handed on as it comes, and the timeout is for its beginning.
    pub(crate) is_stream: bool,
}

/// The options that a call and a list take alike, as methods.
macro_rules! options {
    () => {
        /// Another credential than the client's: a buyer's token of a hold or an order.
        pub fn token(mut self, token: impl Into<String>) -> Self {
            self.options.token = Some(token.into());
            self
        }

        /// For one attempt, with its answer.
        pub fn timeout(mut self, timeout: Duration) -> Self {
            self.options.timeout = Some(timeout);
            self
        }

        /// Repetitions after the first attempt.
        pub fn retries(mut self, retries: u32) -> Self {
            self.options.retries = Some(retries);
            self
        }

        /// A header beside those of the SDK.
        pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.options.headers.push((name.into(), value.into()));
            self
        }
    };
}

pub(crate) use options;

/// One call, on its way through the generated client.
#[derive(Debug, Clone)]
pub struct Sending {
    client: Client,
    operation: &'static str,
    options: Arc<CallOptions>,
    /// The last attempt.
    request: Arc<Mutex<Option<RequestFacts>>>,
}

/// Sends what a generated operation builds: the answer, and the attempt that got it.
pub(crate) async fn send<T, F>(
    client: &Client,
    operation: &'static str,
    options: CallOptions,
    run: impl FnOnce(core::Client) -> F,
) -> Result<(T, RequestFacts), Error>
where
    F: Future<Output = Result<T, Failure>>,
{
    let request = Arc::default();
    let (client, options) = (client.clone(), Arc::new(options));
    let sending = Sending { client: client.clone(), operation, options, request: Arc::clone(&request) };
    let shared = client.shared();
    let result = run(core::Client::new_with_client(&shared.base_url, shared.http.clone(), sending)).await;
    let request = request.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (result, request) {
        (Ok(answer), Some(request)) => Ok((answer, request)),
        (Err(Failure::Failed(error)), _) => Err(error),
        (Err(failure), Some(request)) => {
            Err(Error::Unreadable { reason: explain(failure), request: Box::new(request) })
        }
        (Err(failure), None) => {
            Err(Error::Usage(format!("the request cannot be built: {}", explain(failure))))
        }
        (Ok(_), None) => Err(Error::Usage("the request was not sent".to_owned())),
    }
}

impl core::Client {
    /// Where every generated operation comes by.
    pub(crate) async fn exec(&self, request: Request) -> Result<Response, Failure> {
        // On the heap, so that what is large stands in none of the operations.
        Box::pin(self.inner.repeat(request)).await.map_err(Failure::Failed)
    }
}

impl Sending {
    async fn repeat(&self, mut request: Request) -> Result<Response, Error> {
        let key = self.add_headers(&mut request)?;
        let shared = self.client.shared();
        let retries = self.options.retries.unwrap_or(shared.retries);
        let mut number = 0;
        loop {
            // Repetitions are the same to the byte, and differ in their request id only.
            let attempt =
                request.try_clone().ok_or_else(|| Error::Usage("a body of bytes is expected".into()))?;
            let error = match self.attempt(attempt, key.clone()).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let Some(pause) = retry::delay(&error, number, retries, rand::random()) else {
                return Err(error);
            };
            if let Some(on_retry) = &shared.on_retry {
                on_retry(&error, pause);
            }
            tokio::time::sleep(pause).await;
            number += 1;
        }
    }

    /// The idempotency key, for a request that changes something.
    fn add_headers(&self, request: &mut Request) -> Result<Option<String>, Error> {
        let options = &self.options;
        let key = (request.method() != Method::GET)
            .then(|| options.idempotency_key.clone().unwrap_or_else(|| random_hex(32)));
        let headers = request.headers_mut();
        for (name, value) in &options.headers {
            let name: HeaderName = name.parse().map_err(|_| Error::Usage(format!("{name} is no header")))?;
            headers.insert(name, header_value("a header", value)?);
        }
        if let Some(key) = &key {
            headers.insert(IDEMPOTENCY_KEY, header_value("the idempotency key", key)?);
        }
        let token = options.token.as_ref().unwrap_or(&self.client.shared().key);
        let mut credential = header_value("the key", &format!("Bearer {token}"))?;
        credential.set_sensitive(true);
        headers.insert(AUTHORIZATION, credential);
        Ok(key)
    }

    async fn attempt(
        &self,
        mut request: Request,
        idempotency_key: Option<String>,
    ) -> Result<Response, Error> {
        let request_id = format!("sdk_{}", random_hex(24));
        request.headers_mut().insert(REQUEST_ID, header_value("the request id", &request_id)?);
        let mut facts = RequestFacts { operation: self.operation, request_id, idempotency_key };
        self.remember(&facts);
        let limit = self.options.timeout.unwrap_or(self.client.shared().timeout);
        let answer = match tokio::time::timeout(limit, self.exchange(request)).await {
            Err(_) => return Err(Error::Timeout { limit, request: Box::new(facts) }),
            Ok(Err(error)) => {
                let reason = format!("{} at {}", reason(error), self.client.shared().base_url);
                return Err(Error::Connection { reason, request: Box::new(facts) });
            }
            Ok(Ok(Answer::Stream(response))) => return Ok(response),
            Ok(Ok(Answer::Whole(answer))) => answer,
        };
        if let Some(id) = answer.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()) {
            id.clone_into(&mut facts.request_id);
        }
        if answer.status().is_success() {
            self.remember(&facts);
            return Ok(Response::from(answer));
        }
        Err(refused(&answer, facts))
    }

    /// The whole answer: one that breaks off is a connection that failed.
    async fn exchange(&self, request: Request) -> reqwest::Result<Answer> {
        let response = self.client.shared().http.execute(request).await?;
        if self.options.is_stream && response.status().is_success() {
            return Ok(Answer::Stream(response));
        }
        let mut answer = http::Response::new(Bytes::new());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        *answer.body_mut() = response.bytes().await?;
        Ok(Answer::Whole(answer))
    }

    fn remember(&self, facts: &RequestFacts) {
        *self.request.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts.clone());
    }
}

enum Answer {
    Whole(http::Response<Bytes>),
    Stream(Response),
}

fn refused(answer: &http::Response<Bytes>, facts: RequestFacts) -> Error {
    let (status, headers) = (answer.status(), answer.headers());
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        return Error::redirected(status, target(headers), facts);
    }
    Error::refused(status, answer.body(), retry::after(headers, Utc::now()), facts)
}

fn target(headers: &HeaderMap) -> &str {
    headers.get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or("another address")
}

/// The generated client does not understand an answer, or cannot build a request.
fn explain(failure: Failure) -> String {
    match failure {
        Failure::Shape(error) => error.to_string(),
        Failure::Request(error) => reason(error),
        Failure::Status(status) => format!("{status} is not in the contract"),
        Failure::Failed(error) => error.to_string(),
    }
}

/// The innermost cause: the outer ones only say that sending failed.
pub(crate) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn header_value(what: &str, value: &str) -> Result<HeaderValue, Error> {
    value.parse().map_err(|_| Error::Usage(format!("{what} has a character that no header may have")))
}

/// At most 32 random digits.
fn random_hex(digits: usize) -> String {
    let mut text = format!("{:032x}", rand::random::<u128>());
    text.truncate(digits);
    text
}
