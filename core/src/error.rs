//! The table of error codes: the one place that says which `code` exists, its HTTP status and its title.
//! Everything that refuses a request makes a [`Refusal`]; the API turns it into a Problem (RFC 9457).

use std::fmt;

macro_rules! error_codes {
    ($($name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// A machine-readable reason for a refusal. Codes are stable: clients branch on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($name),* }

        impl ErrorCode {
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name),*];
            /// The `code` member of a Problem.
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code),* } }
            /// The HTTP status.
            pub const fn status(self) -> u16 { match self { $(Self::$name => $status),* } }
            /// A short English summary, the same for every occurrence.
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title),* } }
        }
    };
}

error_codes! {
    // Request
    InvalidRequest = "invalid_request", 400, "The request is not valid";
    InvalidId = "invalid_id", 400, "The id is malformed or of another kind";
    InvalidCursor = "invalid_cursor", 400, "The cursor is not one of ours";
    InvalidHeader = "invalid_header", 400, "A header is malformed";
    Unauthenticated = "unauthenticated", 401, "Credentials are missing or not accepted";
    PermissionDenied = "permission_denied", 403, "The credential may not do this";
    OriginDenied = "origin_denied", 403, "The publishable key is not registered for this origin";
    NotFound = "not_found", 404, "There is no such object";
    RouteNotFound = "route_not_found", 404, "There is no such path";
    MethodNotAllowed = "method_not_allowed", 405, "The path does not know this method";
    PayloadTooLarge = "payload_too_large", 413, "The request body is too large";
    UnsupportedMediaType = "unsupported_media_type", 415, "The content type is not supported";
    RateLimited = "rate_limited", 429, "Too many requests";
    StreamLimit = "stream_limit", 429, "Too many open streams";
    Internal = "internal", 500, "Something went wrong on our side";
    Unavailable = "unavailable", 503, "A part of the platform is not reachable at the moment";
    // Idempotency
    IdempotencyConflict = "idempotency_conflict", 422, "The idempotency key was used with another request";
    IdempotencyInFlight = "idempotency_in_flight", 409, "A request with this idempotency key is in progress";
    // Objects in general
    Conflict = "conflict", 409, "The object is not in a state that allows this";
    AlreadyExists = "already_exists", 409, "Such an object exists already";
    LimitReached = "limit_reached", 409, "A limit is reached";
    // Seat maps and events
    SeatMapInvalid = "seat_map_invalid", 422, "The seat map has errors";
    ImportTooLarge = "import_too_large", 413, "The file is too large to be imported";
    ImportMalformed = "import_malformed", 422, "The file is not of this format";
    ImportUnsafe = "import_unsafe", 422, "The file has parts that can refer elsewhere";
    ImportTooDeep = "import_too_deep", 422, "The file is nested too deeply";
    ImportTooMany = "import_too_many", 422, "The file has more than a seat map may have";
    ImportMissing = "import_missing", 422, "A part that is needed is missing in the file";
    ImportInvalidValue = "import_invalid_value", 422, "A value in the file means nothing";
    ImportEmpty = "import_empty", 422, "The file has no seats and no standing areas";
    SeatMapInUse = "seat_map_in_use", 409, "The change would take places from people who have them";
    EventNotReady = "event_not_ready", 409, "The event cannot be published yet";
    NotOnSale = "not_on_sale", 409, "The event is not on sale";
    UnknownSeat = "unknown_seat", 422, "The event has no such seat";
    UnknownPriceTier = "unknown_price_tier", 422, "The price tier does not apply here";
    SeatRules = "seat_rules", 422, "The places break a rule of the event";
    // Sales
    SeatsTaken = "seats_taken", 409, "Seats are no longer available";
    SoldOut = "sold_out", 409, "Not enough places are left";
    HoldExpired = "hold_expired", 409, "The hold has expired";
    HoldInCheckout = "hold_in_checkout", 409, "The hold is in checkout";
    HoldLimit = "hold_limit", 409, "The limit of seats for one buyer is reached";
    ExtensionLimit = "extension_limit", 409, "The hold cannot be extended any further";
    Rebuilding = "rebuilding", 503, "Availability is being rebuilt";
    PriceChanged = "price_changed", 409, "The price has changed";
    ReturnUrlDenied = "return_url_denied", 422, "The buyer may not be sent to this page";
    OrderState = "order_state", 409, "The order is not in a state that allows this";
    PaymentUnavailable = "payment_unavailable", 502, "The payment provider cannot be reached";
    PaymentRefused = "payment_refused", 409, "The payment provider refused";
    RefundTooLarge = "refund_too_large", 422, "The refund exceeds what was paid";
    SignatureInvalid = "signature_invalid", 400, "The signature is not valid";
    // Plugins
    PluginInvalid = "plugin_invalid", 422, "The file is not a plugin that can be run";
    PluginConfigInvalid = "plugin_config_invalid", 422, "The settings do not fit the plugin";
    PriceUnconfirmed = "price_unconfirmed", 409, "The price cannot be confirmed at the moment";
    CartRefused = "cart_refused", 422, "A plugin of the organizer refuses the cart";
    // Doors
    TicketState = "ticket_state", 409, "The ticket is not in a state that allows this";
}

impl ErrorCode {
    /// The `type` member of a Problem: a URI reference that leads to the documentation of the code.
    pub fn type_uri(self) -> String {
        format!("/docs/errors#{}", self.code())
    }
}

/// A rule of an event that the asked places break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRule {
    /// As [`Rule::code`](crate::seat_map::Rule::code).
    pub rule: &'static str,
    /// The violation in a sentence.
    pub detail: String,
    /// Dense indexes of the seats at fault.
    pub seats: Vec<u32>,
    /// Their labels; or the key of the area, or the name of the price tier at fault.
    pub objects: Vec<String>,
    /// The number that is asked for; 0 where the rule has none.
    pub limit: u32,
}

/// A request that cannot be met, and why, in words for the developer who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: ErrorCode,
    /// What is wrong with this request, and the way out. Never holds personal data or secrets.
    pub detail: String,
    /// The parameter or JSON field at fault, as `items[2].seat`.
    pub param: Option<String>,
    /// Labels of the seats or names of the objects at fault, when there may be several.
    pub objects: Vec<String>,
    /// The rules at fault, of [`ErrorCode::SeatRules`].
    pub rules: Vec<BrokenRule>,
    /// Seconds after which a repetition makes sense.
    pub retry_after_secs: Option<u32>,
}

impl Refusal {
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            param: None,
            objects: Vec::new(),
            rules: Vec::new(),
            retry_after_secs: None,
        }
    }
    /// The asked places break these rules, of which there is at least one.
    pub fn seat_rules(rules: Vec<BrokenRule>) -> Self {
        let detail = rules.iter().map(|broken| broken.detail.as_str()).collect::<Vec<_>>().join(" ");
        let mut objects: Vec<String> = Vec::new();
        for object in rules.iter().flat_map(|broken| &broken.objects) {
            if !objects.contains(object) {
                objects.push(object.clone());
            }
        }
        Self { rules, objects, ..Self::new(ErrorCode::SeatRules, detail) }
    }
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
    pub fn objects(mut self, objects: Vec<String>) -> Self {
        self.objects = objects;
        self
    }
    pub fn retry_after(mut self, secs: u32) -> Self {
        self.retry_after_secs = Some(secs);
        self
    }
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("There is no such {what}, or it belongs to another tenant."))
    }
    pub fn invalid(param: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, detail).param(param)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.code(), self.detail)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_statuses_are_errors() {
        let mut codes: Vec<_> = ErrorCode::ALL.iter().map(|c| c.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        assert!(ErrorCode::ALL.iter().all(|c| (400..600).contains(&c.status())));
    }
}
