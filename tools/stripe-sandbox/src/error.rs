//! Errors in Stripe's shape.

use serde_json::{Value, json};

/// An error answer. `stored` says that execution had begun, so an idempotency key remembers it.
#[derive(Debug, Clone)]
pub struct ApiError {
    pub status: u16,
    pub kind: &'static str,
    pub code: Option<&'static str>,
    pub param: Option<String>,
    pub message: String,
    pub stored: bool,
}

pub type Result<T, E = ApiError> = std::result::Result<T, E>;

impl ApiError {
    fn new(status: u16, kind: &'static str, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, kind, code, param: None, message: message.into(), stored: false }
    }

    /// A parameter that is missing or wrong. Nothing was executed.
    pub fn param(param: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(400, "invalid_request_error", Some(code), message) }
    }

    pub fn missing(param: &str) -> Self {
        Self::param(param, "parameter_missing", format!("Missing required param: {param}."))
    }

    pub fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self { code: None, ..Self::param(param, "", message) }
    }

    /// The request was fine; the state of the object forbids it.
    pub fn refused(code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { stored: true, ..Self::new(400, "invalid_request_error", code, message) }
    }

    pub fn not_found(what: &str, id: &str) -> Self {
        Self {
            param: Some(what.rsplit('.').next().unwrap_or(what).into()),
            ..Self::new(
                404,
                "invalid_request_error",
                Some("resource_missing"),
                format!("No such {what}: '{id}'"),
            )
        }
    }

    pub fn unknown_route(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}). The sandbox has no such route.");
        Self::new(404, "invalid_request_error", None, message)
    }

    pub fn unauthorized(message: &str) -> Self {
        Self::new(401, "invalid_request_error", None, message)
    }

    pub fn foreign_account(account: &str) -> Self {
        let message = format!(
            "The provided key does not have access to account '{account}' (or that account does not exist)."
        );
        Self::new(403, "invalid_request_error", Some("account_invalid"), message)
    }

    pub fn forbidden(message: &str) -> Self {
        Self::new(403, "invalid_request_error", None, message)
    }

    pub fn key_reused() -> Self {
        let message = "Keys for idempotent requests can only be used with the same parameters they were first \
                       used with.";
        Self::new(400, "idempotency_error", None, message)
    }

    pub fn key_in_use() -> Self {
        let message = "There is currently another in-progress request using this idempotency key.";
        Self::new(409, "idempotency_error", Some("idempotency_key_in_use"), message)
    }

    pub fn locked() -> Self {
        let message = "This object cannot be accessed right now because another request is using it.";
        Self::new(409, "invalid_request_error", Some("lock_timeout"), message)
    }

    pub fn rate_limited() -> Self {
        Self::new(429, "invalid_request_error", Some("rate_limit"), "Too many requests.")
    }

    /// 500 after or before the effect: an idempotency key repeats it.
    pub fn internal() -> Self {
        Self { stored: true, ..Self::new(500, "api_error", None, "An unknown error occurred (chaos).") }
    }

    pub fn unavailable() -> Self {
        Self::new(503, "api_error", None, "The service is unavailable (chaos).")
    }

    pub fn body(&self) -> Value {
        let mut error = json!({"type": self.kind, "message": self.message});
        if let Some(code) = self.code {
            error["code"] = json!(code);
        }
        if let Some(param) = &self.param {
            error["param"] = json!(param);
        }
        json!({"error": error})
    }
}
