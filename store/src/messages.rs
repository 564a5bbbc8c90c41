//! Messages: what a notice became, one row for each channel and recipient. `queued` is on its way, `sent` was taken by the
//! mail server, `failed` was refused for good, `dead` was given up, `undeliverable` has nowhere to go until somebody
//! changes that. A notice that became nothing, or that could not be decided, is one row too: `suppressed` or `dead`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{ErrorCode, Id, id};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, OrNotFound, Result},
    jobs,
    notices::{self, NoticeRow},
    schema::messages,
};

pub const QUEUED: &str = "queued";
pub const SENT: &str = "sent";
pub const FAILED: &str = "failed";
pub const DEAD: &str = "dead";
pub const SUPPRESSED: &str = "suppressed";
pub const UNDELIVERABLE: &str = "undeliverable";

/// The kind of the job that sends a message.
const JOB: &str = "message";
/// Attempts before a message is given up: with the pauses between them, a day. Mail servers have longer outages than
/// others, and nobody wants their tickets lost to one.
const ATTEMPTS_MAX: i32 = 300;

/// A message without its text.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = messages)]
pub struct Summary {
    pub id: Uuid,
    pub notice_id: Uuid,
    pub kind: String,
    pub event_id: Uuid,
    pub order_id: Option<Uuid>,
    pub channel: String,
    pub recipient: String,
    pub address: String,
    pub subject: String,
    pub attachments: Vec<String>,
    pub state: String,
    pub attempts: i32,
    pub resends: i32,
    pub last_error: String,
    pub provider_message_id: Option<String>,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = messages)]
pub struct Message {
    #[diesel(embed)]
    pub summary: Summary,
    pub body: String,
    pub html: Option<String>,
}

/// A message that was decided on.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub channel: String,
    pub recipient: String,
    pub address: String,
    pub subject: String,
    pub body: String,
    pub html: Option<String>,
    pub attachments: Vec<String>,
    /// Why it cannot be sent as things are.
    pub obstacle: Option<String>,
}

/// What became of an attempt to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Under this id of the message at the provider.
    Sent(String),
    /// Not now, and why.
    Later(String),
    /// Never, and why.
    Failed(String),
    /// Not as things are, and what to do.
    Undeliverable(String),
}

/// Filters of a list of messages.
#[derive(Debug, Default)]
pub struct Filter {
    pub event: Option<Id<id::Event>>,
    pub order: Option<Id<id::Order>>,
    pub state: Option<&'static str>,
}

pub async fn get(tx: &mut Tx, id: Id<id::Message>) -> Result<Message> {
    messages::table
        .find((tx.tenant(), id.uuid()))
        .select(Message::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("message")
}

pub async fn list(tx: &mut Tx, filter: &Filter, limit: i64, after: Option<Uuid>) -> Result<Vec<Summary>> {
    let mut query = messages::table
        .filter(messages::tenant_id.eq(tx.tenant()))
        .order(messages::id)
        .limit(limit)
        .select(Summary::as_select())
        .into_boxed();
    if let Some(event) = filter.event {
        query = query.filter(messages::event_id.eq(event.uuid()));
    }
    if let Some(order) = filter.order {
        query = query.filter(messages::order_id.eq(order.uuid()));
    }
    if let Some(state) = filter.state {
        query = query.filter(messages::state.eq(state));
    }
    if let Some(after) = after {
        query = query.filter(messages::id.gt(after));
    }
    Ok(query.load(&mut **tx).await?)
}

/// Writes a message of a notice, in the place of the mark of an earlier decision, and has it sent.
pub(crate) async fn put(tx: &mut Tx, notice: &NoticeRow, position: i32, new: &NewMessage) -> Result<()> {
    let state = if new.obstacle.is_some() { UNDELIVERABLE } else { QUEUED };
    let id = upsert(tx, notice, position, new, state, new.obstacle.as_deref().unwrap_or_default()).await?;
    if state == QUEUED {
        jobs::schedule(tx, JOB, id, Utc::now()).await?;
    }
    Ok(())
}

/// One row that says that a notice became no message, and why.
pub(crate) async fn mark(tx: &mut Tx, notice: &NoticeRow, state: &str, why: &str) -> Result<()> {
    let empty = NewMessage {
        channel: "email".into(),
        recipient: "buyer".into(),
        address: String::new(),
        subject: String::new(),
        body: String::new(),
        html: None,
        attachments: vec![],
        obstacle: None,
    };
    upsert(tx, notice, 0, &empty, state, why).await?;
    Ok(())
}

/// The mark of an earlier decision, if there is one, when the next decision leaves no message to put in its place.
pub(crate) async fn withdraw_mark(tx: &mut Tx, notice: &NoticeRow) -> Result<()> {
    diesel::update(messages::table)
        .filter(messages::tenant_id.eq(tx.tenant()).and(messages::notice_id.eq(notice.id)))
        .set((messages::state.eq(SUPPRESSED), messages::last_error.eq("There is nothing to send.")))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn upsert(
    tx: &mut Tx,
    notice: &NoticeRow,
    position: i32,
    new: &NewMessage,
    state: &str,
    why: &str,
) -> Result<Uuid> {
    let content = (
        messages::channel.eq(&new.channel),
        messages::recipient.eq(&new.recipient),
        messages::address.eq(&new.address),
        messages::subject.eq(&new.subject),
        messages::body.eq(&new.body),
        messages::html.eq(&new.html),
        messages::attachments.eq(&new.attachments),
        messages::state.eq(state),
        messages::attempts.eq(0),
        messages::last_error.eq(why.chars().take(500).collect::<String>()),
    );
    let id = diesel::insert_into(messages::table)
        .values((
            messages::tenant_id.eq(tx.tenant()),
            messages::id.eq(new_uuid()),
            messages::notice_id.eq(notice.id),
            messages::kind.eq(&notice.kind),
            messages::event_id.eq(notice.event_id),
            messages::order_id.eq(notice.order_id),
            messages::position.eq(position),
            content.clone(),
        ))
        .on_conflict((messages::tenant_id, messages::notice_id, messages::position))
        .do_update()
        .set(content)
        .returning(messages::id)
        .get_result(&mut **tx)
        .await?;
    Ok(id)
}

/// Records an attempt. Answers true when there will be another one. An attempt that was overtaken, because the message
/// was sent by another runner or asked for again meanwhile, changes nothing.
pub async fn record(tx: &mut Tx, message: &Summary, outcome: &Outcome) -> Result<bool> {
    let attempts = message.attempts + 1;
    let (state, why, provider_id) = match outcome {
        Outcome::Sent(id) => (SENT, "", Some(id.as_str())),
        Outcome::Later(why) if attempts < ATTEMPTS_MAX => (QUEUED, why.as_str(), None),
        Outcome::Later(why) => (DEAD, why.as_str(), None),
        Outcome::Failed(why) => (FAILED, why.as_str(), None),
        Outcome::Undeliverable(why) => (UNDELIVERABLE, why.as_str(), None),
    };
    let recorded = diesel::update(messages::table.find((tx.tenant(), message.id)))
        .filter(messages::state.eq(QUEUED).and(messages::resends.eq(message.resends)))
        .set((
            messages::state.eq(state),
            messages::attempts.eq(attempts),
            messages::last_error.eq(why.chars().take(500).collect::<String>()),
            messages::provider_message_id.eq(provider_id),
            messages::sent_at.eq((state == SENT).then(Utc::now)),
        ))
        .execute(&mut **tx)
        .await?;
    if recorded > 0 && state != QUEUED {
        // Here, not afterwards: whoever asks for the message again from now on schedules a job of their own.
        jobs::remove(tx, JOB, message.id).await?;
    }
    Ok(recorded > 0 && state == QUEUED)
}

/// Has a message sent once more; what became nothing is decided again.
pub async fn resend(tx: &mut Tx, id: Id<id::Message>) -> Result<Message> {
    let message: Message = messages::table
        .find((tx.tenant(), id.uuid()))
        .select(Message::as_select())
        .for_update()
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("message")?;
    if message.summary.state == QUEUED {
        let detail = "The message is on its way already; it is tried again by itself.";
        return Err(Error::refused(ErrorCode::Conflict, detail));
    }
    let queued = diesel::update(messages::table.find((tx.tenant(), id.uuid())))
        .set((
            messages::state.eq(QUEUED),
            messages::attempts.eq(0),
            messages::resends.eq(messages::resends + 1),
            messages::last_error.eq(""),
        ))
        .returning(Message::as_returning())
        .get_result(&mut **tx)
        .await?;
    // A notice that became nothing left a row without text.
    if message.body.is_empty() {
        notices::reopen(tx, message.summary.notice_id).await?;
    } else {
        jobs::schedule(tx, JOB, id.uuid(), Utc::now()).await?;
    }
    audit_log::record(tx, "messages.resend", id, json!({ "was": message.summary.state })).await?;
    Ok(queued)
}
