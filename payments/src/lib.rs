//! Payment providers behind one trait, in plain types of our own.
//!
//! This crate is the wall around async-stripe: nothing of that library leaves it, and whoever settles orders sees
//! sessions, refunds, disputes and events, plus errors that say whether the provider may have acted.
//!
//! Three rules for callers:
//! - Store the idempotency key and the whole request BEFORE the call. A repeated call must carry the same key and
//!   exactly the same fields (also the same `expires_at`), otherwise the provider refuses the key.
//! - When [`ProviderError::outcome_is_unknown`] says so, read back before doing anything else. Never read "error" as
//!   "nothing happened".
//! - Metadata is a hint. Match account, id, amount, currency and livemode with the stored row.

pub mod error;
pub mod event;
pub mod signature;
pub mod stripe;

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use error::{ProviderError, Result};
pub use event::{EventQuery, MAX_EVENT_BYTES, ProviderEvent, parse_event};
pub use stripe::StripeProvider;

/// One attempt may take this long before its outcome counts as unknown.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The placeholder in `success_url` that the provider replaces by the session's id.
pub const SESSION_ID_PLACEHOLDER: &str = "{CHECKOUT_SESSION_ID}";

/// A hosted payment provider. `account` is always the connected account (`acct_…`) that owns the object, or `None` for
/// the platform's own.
pub trait PaymentProvider: Send + Sync {
    /// Stored with every payment: `stripe`.
    fn name(&self) -> &'static str;

    /// True when the configured key moves real money. Objects of the other mode are not ours.
    fn livemode(&self) -> bool;

    /// Opens a hosted payment page. Repeating it with the same key gives the same session.
    fn create_checkout<'a>(&'a self, request: &'a CheckoutRequest) -> BoxFuture<'a, Result<CheckoutSession>>;

    /// Reads the current state of a session.
    fn get_checkout<'a>(
        &'a self,
        account: Option<&'a str>,
        session_id: &'a str,
    ) -> BoxFuture<'a, Result<CheckoutSession>>;

    /// The session that a payment intent belongs to, if any; for events that name only the intent.
    fn find_checkout<'a>(
        &'a self,
        account: Option<&'a str>,
        payment_intent: &'a str,
    ) -> BoxFuture<'a, Result<Option<CheckoutSession>>>;

    /// The session that was made for an order, if any; for the case that the answer to its creation was lost.
    /// `created_after` bounds the search.
    fn find_checkout_of_order<'a>(
        &'a self,
        account: Option<&'a str>,
        order_id: &'a str,
        created_after: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Option<CheckoutSession>>>;

    /// Closes an open session. `Refused` usually means that it is not open any more: read it back; only
    /// [`SessionStatus::Expired`] is closed unpaid, `Complete` is a payment.
    fn expire_checkout<'a>(
        &'a self,
        account: Option<&'a str>,
        session_id: &'a str,
        idempotency_key: &'a str,
    ) -> BoxFuture<'a, Result<CheckoutSession>>;

    /// Gives money back. The answer's status may still be pending, and a refund can fail later.
    fn refund<'a>(&'a self, request: &'a RefundRequest) -> BoxFuture<'a, Result<Refund>>;

    /// Reads the current state of a refund.
    fn get_refund<'a>(
        &'a self,
        account: Option<&'a str>,
        refund_id: &'a str,
    ) -> BoxFuture<'a, Result<Refund>>;

    /// All refunds of a payment, newest first.
    fn list_refunds<'a>(
        &'a self,
        account: Option<&'a str>,
        payment_intent: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Refund>>>;

    /// Reads the current state of a dispute.
    fn get_dispute<'a>(
        &'a self,
        account: Option<&'a str>,
        dispute_id: &'a str,
    ) -> BoxFuture<'a, Result<Dispute>>;

    /// The provider's events, oldest first; fills the gaps that lost webhooks leave.
    fn list_events<'a>(&'a self, query: &'a EventQuery) -> BoxFuture<'a, Result<Vec<ProviderEvent>>>;
}

/// What to charge, and where to send the buyer afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutRequest {
    pub order_id: String,
    pub tenant_id: String,
    /// Counts the claims of the order; a session of an older claim is recognised by it.
    pub epoch: i64,
    /// Connected account that sells (direct charge); `None` charges on the platform's own account.
    pub account: Option<String>,
    /// The platform's share, only with a connected account.
    pub application_fee_minor: Option<i64>,
    /// ISO 4217, any case.
    pub currency: String,
    pub lines: Vec<CheckoutLine>,
    /// Must be the sum of the lines; refused otherwise, before anything is sent.
    pub total_minor: i64,
    pub customer_email: Option<String>,
    /// May contain [`SESSION_ID_PLACEHOLDER`].
    pub success_url: String,
    pub cancel_url: String,
    /// 30 minutes to 24 hours ahead by the provider's clock: leave a minute for skew.
    pub expires_at: DateTime<Utc>,
    /// Also offer methods whose verdict takes days (bank debits). The seats stay claimed until then.
    pub delayed_methods: bool,
    /// Deterministic, stored before the call, at most 255 characters.
    pub idempotency_key: String,
}

/// One line of the hosted page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutLine {
    pub name: String,
    pub unit_amount_minor: i64,
    pub quantity: u32,
}

/// A hosted payment page and the truth about its payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutSession {
    pub id: String,
    /// Where the buyer pays; gone once the session is closed.
    pub url: Option<String>,
    pub status: SessionStatus,
    pub payment_status: PaymentStatus,
    pub amount_total_minor: Option<i64>,
    /// ISO 4217, upper case.
    pub currency: Option<String>,
    pub livemode: bool,
    /// Null until the buyer starts paying.
    pub payment_intent: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
    pub client_reference_id: Option<String>,
    /// The account that was asked; the provider does not repeat it in the object.
    pub account: Option<String>,
}

impl CheckoutSession {
    /// The buyer's money is there.
    pub fn is_paid(&self) -> bool {
        self.status == SessionStatus::Complete
            && matches!(self.payment_status, PaymentStatus::Paid | PaymentStatus::NotRequired)
    }

    /// Completed with a delayed method: the verdict is still to come.
    pub fn is_processing(&self) -> bool {
        self.status == SessionStatus::Complete && self.payment_status == PaymentStatus::Unpaid
    }

    /// Nobody can pay this session any more, and nobody has: its claim may be released.
    pub fn is_closed_unpaid(&self) -> bool {
        self.status == SessionStatus::Expired
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    Open,
    Complete,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Paid,
    Unpaid,
    NotRequired,
}

/// Money back to the buyer of one payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequest {
    pub account: Option<String>,
    pub payment_intent: String,
    pub amount_minor: i64,
    /// Give the platform's share back too; only with a connected account.
    pub refund_application_fee: bool,
    pub reason: Option<RefundReason>,
    pub order_id: String,
    pub refund_id: String,
    /// Deterministic, stored before the call, at most 255 characters.
    pub idempotency_key: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
}

/// A refund as the provider sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub id: String,
    pub status: RefundStatus,
    pub amount_minor: i64,
    /// ISO 4217, upper case.
    pub currency: String,
    pub payment_intent: Option<String>,
    pub failure_reason: Option<String>,
    /// Our own refund id, as sent in the metadata.
    pub refund_id: Option<String>,
    pub created: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    Succeeded,
    Pending,
    RequiresAction,
    Failed,
    Canceled,
}

impl RefundStatus {
    /// The money went back or is on its way; a later failure is reported by an event.
    pub fn counts(self) -> bool {
        matches!(self, Self::Succeeded | Self::Pending | Self::RequiresAction)
    }
}

/// A buyer's bank takes the money back until the case is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    pub id: String,
    pub status: DisputeStatus,
    pub amount_minor: i64,
    /// ISO 4217, upper case.
    pub currency: String,
    pub payment_intent: Option<String>,
    pub reason: String,
    pub evidence_due_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// Needs an answer, or the bank is deciding.
    Open,
    Won,
    Lost,
    /// The bank asks, or has asked; no money was taken.
    Inquiry,
    /// A state this version does not know: keep the tickets frozen and look.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_expired_session_frees_its_claim() {
        let mut session = CheckoutSession {
            id: "cs_test_1".into(),
            url: None,
            status: SessionStatus::Complete,
            payment_status: PaymentStatus::Unpaid,
            amount_total_minor: Some(1),
            currency: Some("EUR".into()),
            livemode: false,
            payment_intent: None,
            expires_at: None,
            client_reference_id: None,
            account: None,
        };
        assert!(session.is_processing() && !session.is_paid() && !session.is_closed_unpaid());
        session.payment_status = PaymentStatus::Paid;
        assert!(session.is_paid() && !session.is_closed_unpaid());
        session.status = SessionStatus::Expired;
        assert!(!session.is_paid() && session.is_closed_unpaid());
        session.status = SessionStatus::Open;
        assert!(!session.is_paid() && !session.is_closed_unpaid());
    }

    #[test]
    fn the_trait_is_object_safe() {
        fn takes(_: Option<&dyn PaymentProvider>) {}
        takes(None);
    }
}
