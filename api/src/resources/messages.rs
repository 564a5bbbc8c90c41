//! Messages to buyers and organizers: what was sent, what was not and why, and sending it again.

use chrono::{DateTime, Utc};
use eventflow_core::id;
use eventflow_store::{
    messages::{self, Filter, Summary},
    tickets,
};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::Tag;
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Cursor, Page, Ref, Window},
};

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum MessageState {
    /// On its way; tried again by itself.
    Queued,
    /// The mail server has taken it.
    Sent,
    /// Refused for good; correct what `last_error` says, then send it again.
    Failed,
    /// Given up after many attempts: of sending it, or of deciding what to send, and then it has no body.
    Dead,
    /// Nothing was to be sent; `last_error` says why.
    Suppressed,
    /// There is no way to send it; `last_error` says what is missing.
    Undeliverable,
}

impl MessageState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => messages::QUEUED,
            Self::Sent => messages::SENT,
            Self::Failed => messages::FAILED,
            Self::Dead => messages::DEAD,
            Self::Suppressed => messages::SUPPRESSED,
            Self::Undeliverable => messages::UNDELIVERABLE,
        }
    }

    fn read(text: &str) -> Self {
        let all = [Self::Queued, Self::Sent, Self::Failed, Self::Dead, Self::Suppressed, Self::Undeliverable];
        // The database has a check of the same names.
        all.into_iter().find(|state| state.as_str() == text).unwrap_or(Self::Failed)
    }
}

/// A message.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Message {
    id: Ref<id::Message>,
    /// What happened: `order.paid`, `order.refunded` or `event.reminder`.
    kind: String,
    event_id: Ref<id::Event>,
    order_id: Option<Ref<id::Order>>,
    /// `email`, `sms` or `chat`.
    channel: String,
    /// `buyer`, `attendee` or `organizer`.
    recipient: String,
    /// Empty when nobody gave one.
    address: String,
    subject: String,
    /// Plain text; in lists absent. `{TICKETS_URL}` stands for the link to the tickets, which is made when it is sent.
    body: Option<String>,
    /// The body once more, as HTML; in lists absent.
    html: Option<String>,
    attachments: Vec<String>,
    state: MessageState,
    /// Attempts to send since it was queued.
    attempts: u32,
    /// What went wrong, or is missing.
    last_error: Option<String>,
    /// The Message-ID of the mail that was taken.
    provider_message_id: Option<String>,
    created_at: DateTime<Utc>,
    sent_at: Option<DateTime<Utc>>,
}

fn shape(row: Summary) -> Message {
    Message {
        id: row.id.into(),
        kind: row.kind,
        event_id: row.event_id.into(),
        order_id: row.order_id.map(Into::into),
        channel: row.channel,
        recipient: row.recipient,
        address: row.address,
        subject: row.subject,
        body: None,
        html: None,
        attachments: row.attachments,
        state: MessageState::read(&row.state),
        attempts: u32::try_from(row.attempts).unwrap_or_default(),
        last_error: Some(row.last_error).filter(|text| !text.is_empty()),
        provider_message_id: row.provider_message_id,
        created_at: row.created_at,
        sent_at: row.sent_at,
    }
}

fn shape_whole(message: messages::Message) -> Message {
    Message { body: Some(message.body), html: message.html, ..shape(message.summary) }
}

pub struct Messages;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Messages")]
impl Messages {
    /// List messages, without their bodies.
    #[oai(path = "/messages", method = "get", operation_id = "messages.list")]
    async fn list(
        &self,
        call: Call,
        event_id: Query<Option<Ref<id::Event>>>,
        order_id: Query<Option<Ref<id::Order>>>,
        state: Query<Option<MessageState>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<Message>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let (event, order) = (event_id.0.map(|event| event.0), order_id.0.map(|order| order.0));
        let filter = Filter { event, order, state: state.0.map(MessageState::as_str) };
        let rows = call
            .read(async |tx| {
                tickets::check_filter(tx, tickets::Filter { order, event }).await?;
                messages::list(tx, &filter, window.fetch(), window.after).await
            })
            .await?;
        Ok(Json(window.page(rows, |row| row.id, shape)))
    }

    /// Get a message.
    #[oai(path = "/messages/:message_id", method = "get", operation_id = "messages.get")]
    async fn get(&self, call: Call, message_id: Path<Ref<id::Message>>) -> Result<Json<Message>, Failure> {
        let message = call.read(async |tx| messages::get(tx, message_id.0.0).await).await?;
        Ok(Json(shape_whole(message)))
    }

    /// Send a message again.
    ///
    /// Whatever became of it before, it is queued once more, with a new Message-ID and a new link. A notice that was given
    /// up, or that became nothing, is decided again.
    #[oai(path = "/messages/:message_id/resend", method = "post", operation_id = "messages.resend")]
    async fn resend(&self, call: Call, message_id: Path<Ref<id::Message>>) -> Result<Json<Message>, Failure> {
        let message =
            call.write(async |tx| messages::resend(tx, message_id.0.0).await.map(shape_whole)).await?;
        Ok(Json(message))
    }
}
