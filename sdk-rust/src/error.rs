//! What can go wrong, by class and by code. Match on the class, then ask for a code.

use std::fmt;
use std::time::Duration;

use eventflow_core::ErrorCode;
use reqwest::StatusCode;
use serde::Deserialize;

use crate::types;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 400, 413, 415, 422: the request is wrong; it will not be right the next time.
    #[error("{0}")]
    InvalidRequest(Box<ApiError>),
    /// 401: the key or token is missing, wrong, revoked or too old.
    #[error("{0}")]
    Authentication(Box<ApiError>),
    /// 403: the credential may not do this.
    #[error("{0}")]
    Permission(Box<ApiError>),
    /// 404: there is no such object, or it is not yours.
    #[error("{0}")]
    NotFound(Box<ApiError>),
    /// 409: things are not as the request supposes; `seats_taken`, `sold_out`, `hold_expired` and others.
    #[error("{0}")]
    Conflict(Box<ApiError>),
    /// 429: too many requests, after all repetitions.
    #[error("{0}")]
    RateLimit(Box<ApiError>),
    /// 5xx: a fault of the platform or of what it depends on, after all repetitions.
    #[error("{0}")]
    Server(Box<ApiError>),
    /// An answer that is neither success nor failure: `redirected`, or `not_modified` to whoever asked for it.
    #[error("{0}")]
    Other(Box<ApiError>),
    /// Nobody answered, or the answer broke off, after all repetitions. A change may have happened: repeat it with
    /// the idempotency key of the request.
    #[error("no answer: {reason} ({request})")]
    Connection { reason: String, request: Box<RequestFacts> },
    /// The answer took longer than the timeout. A change may have happened, as after `Connection`.
    #[error("no answer within {} ms ({request})", limit.as_millis())]
    Timeout { limit: Duration, request: Box<RequestFacts> },
    /// The request was done, but the answer is not what the contract of this version says: is there a newer SDK?
    #[error("the answer cannot be read: {reason} ({request})")]
    Unreadable { reason: String, request: Box<RequestFacts> },
    /// The call cannot be sent as it is.
    #[error("{0}")]
    Usage(String),
}

/// What a failed request was, for logs and for questions to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts {
    /// The operation, as `holds.create`.
    pub operation: &'static str,
    /// In the logs of the server, even when its answer got lost.
    pub request_id: String,
    /// The key under which the request can be repeated without a second effect; none for reads.
    pub idempotency_key: Option<String>,
}

/// What the API says when it refuses: a Problem (RFC 9457).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ApiError {
    /// What to branch on; [`ApiError::known_code`] is the same as a type.
    pub code: String,
    pub status: u16,
    /// A short summary, the same for every occurrence.
    pub title: String,
    /// What is wrong with this request, and the way out.
    pub detail: String,
    /// The parameter or field at fault.
    pub param: Option<String>,
    /// Labels of the seats, or names of the objects, at fault.
    pub objects: Vec<String>,
    /// With the code `seat_rules`: each rule that the places break.
    pub rules: Vec<types::BrokenRule>,
    /// How long the server wants you to wait; zero if it says nothing.
    pub retry_after: Duration,
    pub request: RequestFacts,
}

/// A Problem as it comes: whatever is missing is filled in.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    param: Option<String>,
    objects: Option<Vec<String>>,
    rules: Option<Vec<types::BrokenRule>>,
}

impl Error {
    /// The error for an answer, as its class. A body that is no Problem is a page of a proxy: the status says enough.
    pub(crate) fn refused(
        status: StatusCode,
        body: &[u8],
        retry_after: Duration,
        request: RequestFacts,
    ) -> Self {
        let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
        let silent = || format!("the server answers {} without a reason", status.as_u16());
        let error = Box::new(ApiError {
            code: problem.code.unwrap_or_else(|| code_without_problem(status).to_owned()),
            status: status.as_u16(),
            detail: problem.detail.or_else(|| problem.title.clone()).unwrap_or_else(silent),
            title: problem.title.unwrap_or_default(),
            param: problem.param,
            objects: problem.objects.unwrap_or_default(),
            rules: problem.rules.unwrap_or_default(),
            retry_after,
            request,
        });
        match status.as_u16() {
            401 => Self::Authentication(error),
            403 => Self::Permission(error),
            404 => Self::NotFound(error),
            409 => Self::Conflict(error),
            429 => Self::RateLimit(error),
            400..500 => Self::InvalidRequest(error),
            500.. => Self::Server(error),
            _ => Self::Other(error),
        }
    }

    pub(crate) fn redirected(status: StatusCode, target: &str, request: RequestFacts) -> Self {
        let detail = format!("the base URL leads to {target}: use that");
        let body = serde_json::json!({ "code": "redirected", "detail": detail }).to_string();
        Self::refused(status, body.as_bytes(), Duration::ZERO, request)
    }

    /// What the API said, if it said anything.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::InvalidRequest(error)
            | Self::Authentication(error)
            | Self::Permission(error)
            | Self::NotFound(error)
            | Self::Conflict(error)
            | Self::RateLimit(error)
            | Self::Server(error)
            | Self::Other(error) => Some(error),
            _ => None,
        }
    }

    /// A stable code to branch on; of errors that are not the API's: `network`, `timeout`, `unreadable`, `usage`.
    pub fn code(&self) -> &str {
        match self {
            Self::Connection { .. } => "network",
            Self::Timeout { .. } => "timeout",
            Self::Unreadable { .. } => "unreadable",
            Self::Usage(_) => "usage",
            _ => self.api().map_or("", |error| &error.code),
        }
    }

    /// Whether the API refused with this code: `error.is(ErrorCode::SeatsTaken)`.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.api().is_some_and(|error| error.code == code.code())
    }

    /// What was sent; nothing was for [`Error::Usage`].
    pub fn request(&self) -> Option<&RequestFacts> {
        match self {
            Self::Connection { request, .. }
            | Self::Timeout { request, .. }
            | Self::Unreadable { request, .. } => Some(request),
            _ => self.api().map(|error| &error.request),
        }
    }
}

impl ApiError {
    /// The code, if this version of the SDK knows it.
    pub fn known_code(&self) -> Option<ErrorCode> {
        ErrorCode::ALL.iter().copied().find(|known| known.code() == self.code)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, detail, request, .. } = self;
        write!(f, "{status} {code}: {detail} ({request})")
    }
}

impl fmt::Display for RequestFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, request {}", self.operation, self.request_id)
    }
}

/// Something on the way answered instead of the platform.
fn code_without_problem(status: StatusCode) -> &'static str {
    match status.as_u16() {
        304 => "not_modified",
        429 => "rate_limited",
        500.. => "unavailable",
        _ => "no_problem",
    }
}
