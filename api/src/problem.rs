//! Every error on the wire is a Problem (RFC 9457), made here from a refusal of the domain, a fault of ours or an
//! error of the framework.

use eventflow_core::{ErrorCode, Refusal};
use eventflow_store::Error;
use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::{ApiResponse, Object, payload::Json};

use crate::openapi;

/// Seconds after which a client may try again when a part of the platform is down.
const RETRY_AFTER_SECS: u32 = 2;

/// A rule of the event that the places break.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct BrokenRule {
    /// `orphan`, `adjacent`, `companion`, `whole_table`, `min_places`, `max_places`, `whole_area`, `group_min`,
    /// `group_max`, `tier_min`, `tier_max` or `accompanied`.
    #[oai(validator(max_length = 40))]
    pub rule: String,
    /// What is wrong, and the way out.
    pub detail: String,
    /// Dense indexes of the seats at fault: those that would be left over, that are missing of a table, that stand apart.
    pub seats: Option<Vec<u32>>,
    /// The labels of the seats; or the key of the area, or the name of the price tier at fault.
    pub objects: Option<Vec<String>>,
    /// The number that the rule asks for, where it has one.
    pub limit: Option<u32>,
}

impl From<eventflow_core::BrokenRule> for BrokenRule {
    fn from(broken: eventflow_core::BrokenRule) -> Self {
        Self {
            rule: broken.rule.into(),
            detail: broken.detail,
            seats: (!broken.seats.is_empty()).then_some(broken.seats),
            objects: (!broken.objects.is_empty()).then_some(broken.objects),
            limit: (broken.limit > 0).then_some(broken.limit),
        }
    }
}

/// What went wrong, for machines (`code`) and for people (`detail`).
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Problem {
    /// A URI reference that leads to the documentation of the code.
    #[oai(rename = "type", validator(max_length = 200))]
    pub kind: String,
    /// A short summary, the same for every occurrence.
    #[oai(validator(max_length = 200))]
    pub title: String,
    /// The HTTP status.
    #[oai(validator(minimum(value = "400"), maximum(value = "599")))]
    pub status: u16,
    /// What is wrong with this request, and the way out.
    pub detail: String,
    /// A stable code to branch on.
    #[oai(validator(max_length = 60))]
    pub code: String,
    /// The parameter or field at fault.
    pub param: Option<String>,
    /// The objects at fault, as labels of seats.
    pub objects: Option<Vec<String>>,
    /// With the code `seat_rules`: each rule that the places break.
    pub rules: Option<Vec<BrokenRule>>,
    /// Quote it when you ask for help.
    #[oai(validator(max_length = 64))]
    pub request_id: String,
}

macro_rules! failure {
    ($($name:ident = $status:literal),* $(,)?) => {
        /// The one error answer of every operation.
        #[derive(Debug, ApiResponse)]
        pub enum Failure {
            $(
                #[oai(status = $status, content_type = "application/problem+json")]
                $name(
                    Json<Problem>,
                    /// Seconds to wait before a repetition makes sense.
                    #[oai(header = "Retry-After")] Option<u32>,
                ),
            )*
        }

        impl Failure {
            /// True when the request was understood and refused: it had no effect.
            pub fn is_refusal(&self) -> bool {
                !matches!(self, Self::Internal(..) | Self::BadGateway(..) | Self::Unavailable(..))
            }

            pub fn problem(&self) -> &Problem {
                match self {
                    $(Self::$name(Json(problem), _) => problem,)*
                }
            }

            fn new(status: u16, problem: Problem, retry_after: Option<u32>) -> Self {
                match status {
                    $($status => Self::$name(Json(problem), retry_after),)*
                    _ => Self::Internal(Json(problem), retry_after),
                }
            }
        }
    };
}

failure! {
    BadRequest = 400, Unauthenticated = 401, Denied = 403, NotFound = 404, MethodNotAllowed = 405, Conflict = 409,
    TooLarge = 413, UnsupportedMediaType = 415, Unprocessable = 422, TooMany = 429, Internal = 500, BadGateway = 502,
    Unavailable = 503,
}

tokio::task_local! {
    /// The id of the request that this task answers; set by the outermost middleware.
    pub static REQUEST_ID: std::sync::Arc<str>;
}

/// The id of the request at hand, or nothing outside of one.
pub fn request_id() -> std::sync::Arc<str> {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_else(|_| "".into())
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.code;
        let problem = Problem {
            kind: code.type_uri(),
            title: code.title().into(),
            status: code.status(),
            detail: refusal.detail,
            code: code.code().into(),
            param: refusal.param,
            objects: (!refusal.objects.is_empty()).then_some(refusal.objects),
            rules: (!refusal.rules.is_empty())
                .then(|| refusal.rules.into_iter().map(BrokenRule::from).collect()),
            request_id: request_id().to_string(),
        };
        Self::new(code.status(), problem, refusal.retry_after_secs)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        refusal(error).into()
    }
}

/// The refusal that a client sees; faults of ours are logged here, once, and keep their chain to themselves.
pub fn refusal(error: Error) -> Refusal {
    match error {
        Error::Refused(refusal) => refusal,
        Error::DatabaseDown(_) | Error::Redis(_) => {
            tracing::warn!(error = %error, request.id = %request_id(), "a dependency is not reachable");
            Refusal::new(ErrorCode::Unavailable, "A database did not answer in time. Try again in a moment.")
                .retry_after(RETRY_AFTER_SECS)
        }
        Error::Database(_) | Error::Corrupt(_) => {
            tracing::error!(error = %error, request.id = %request_id(), "internal error");
            Refusal::new(ErrorCode::Internal, "This is our fault. The request id helps us to find it.")
        }
    }
}

/// Rewrites what the framework answers in plain text (unknown path, wrong method, unreadable body) to a request of `path`
/// into a Problem.
pub async fn from_framework(response: Response, path: &str) -> Response {
    let status = response.status();
    // Problems, and pages for people; the framework itself writes plain text.
    let is_ours = response
        .content_type()
        .is_some_and(|media| media.starts_with("application/") || media.starts_with("text/html"));
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let text = response.into_body().into_string().await.unwrap_or_default();
    let refusal = match status {
        StatusCode::NOT_FOUND => Refusal::new(
            ErrorCode::RouteNotFound,
            "No operation has this path. `/openapi.json` lists them all; `/docs` explains them.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => {
            Refusal::new(ErrorCode::MethodNotAllowed, "The header `Allow` lists the methods of this path.")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Refusal::new(ErrorCode::UnsupportedMediaType, "Send `Content-Type: application/json`.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(ErrorCode::PayloadTooLarge, text),
        status if status.is_client_error() => {
            let code = if text.contains("expected an id that") || text.contains("Crockford") {
                ErrorCode::InvalidId
            } else {
                ErrorCode::InvalidRequest
            };
            match text.split('`').nth(1).filter(|_| text.starts_with("failed to parse")) {
                Some(param) => {
                    let name = openapi::parameter(path, param).unwrap_or(param);
                    let detail = text.replacen(&format!("`{param}`"), &format!("`{name}`"), 1);
                    Refusal::new(code, clean(&detail)).param(name)
                }
                None => Refusal::new(code, clean(&text)),
            }
        }
        _ => {
            tracing::error!(error = %text, request.id = %request_id(), "the framework failed");
            Refusal::new(ErrorCode::Internal, "This is our fault. The request id helps us to find it.")
        }
    };
    let mut response = Failure::from(refusal).into_response();
    if status == StatusCode::METHOD_NOT_ALLOWED
        && let Some(allow) = openapi::allowed_methods(path)
        && let Ok(value) = allow.parse()
    {
        response.headers_mut().insert(poem::http::header::ALLOW, value);
    }
    response
}

/// The framework's words, bounded: it quotes what the client sent.
pub fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(400).collect()
}
