//! A message on its way: what hinders it, the mail that it becomes, and what became of that.

use chrono::TimeDelta;
use eventflow_core::{Id, id};
use eventflow_store::{
    Result, Scope,
    events::{self, Event, View},
    jobs,
    messages::{self, Message, Outcome},
    orders::{self, OrderRow},
    venues::{self, Venue},
};

use super::{ATTACH_CALENDAR, TICKETS_URL, calendar::calendar, tickets_url};
use crate::{
    app::App,
    mail::{Attachment, Mail, MailError},
};

/// Why a message cannot be sent as things are, and what to do about it.
pub fn obstacle(app: &App, channel: &str, address: &str) -> Option<String> {
    let text = match channel {
        "email" if address.is_empty() => "There is no e-mail address of the recipient.",
        "email" if app.mailer.is_none() => {
            "No mail server is configured. Set EVENTFLOW_SMTP_URL and EVENTFLOW_MAIL_FROM, then send the message again."
        }
        "email" => return None,
        "chat" => "The tenant has no webhook of a chat system.",
        _ => "Messages to phones need an SMS gateway, and none can be configured yet.",
    };
    Some(text.into())
}

/// Sends a message that is queued, and records what became of it. Answers when to try again.
pub async fn send(app: &App, scope: &Scope, id: Id<id::Message>) -> Result<Option<TimeDelta>> {
    let message = app.db.run(scope, async |tx| messages::get(tx, id).await).await?;
    let summary = &message.summary;
    if summary.state != messages::QUEUED {
        return Ok(None);
    }
    let outcome = match obstacle(app, &summary.channel, &summary.address) {
        Some(text) => Outcome::Undeliverable(text),
        None => send_mail(app, scope, &message).await?,
    };
    if let Outcome::Later(_) | Outcome::Failed(_) = &outcome {
        // Why stands in the message: mail servers like to repeat addresses, which do not belong into logs.
        tracing::warn!(message.id = %id, "a message could not be sent");
    }
    let again = app.db.run(scope, async |tx| messages::record(tx, summary, &outcome).await).await?;
    Ok(again.then(|| jobs::pause_after(summary.attempts + 1)))
}

async fn send_mail(app: &App, scope: &Scope, message: &Message) -> Result<Outcome> {
    let Some(mailer) = &app.mailer else { return Ok(Outcome::Later("The mail server is gone.".into())) };
    let summary = &message.summary;
    let (event, venue, order) = app
        .db
        .run(scope, async |tx| {
            let event = events::get(tx, summary.event_id.into(), View::Organizer).await?;
            let venue = venues::get(tx, event.venue_id.into()).await?;
            let order = match summary.order_id {
                Some(order) => Some(orders::row(tx, order.into()).await?),
                None => None,
            };
            Ok((event, venue, order))
        })
        .await?;
    let message_id = message_id(summary.id.into(), summary.resends, mailer.domain());
    let mail = Mail {
        message_id: message_id.clone(),
        from_name: app.seller(scope).await?.name.clone(),
        to: summary.address.clone(),
        subject: summary.subject.clone(),
        text: with_link(app, scope, &message.body, order.as_ref(), &event),
        html: message.html.as_deref().map(|html| with_link(app, scope, html, order.as_ref(), &event)),
        attachments: attachments(app, &summary.attachments, &event, &venue),
    };
    Ok(match mailer.send(&mail).await {
        Ok(()) => Outcome::Sent(message_id),
        Err(MailError::Later(why)) => Outcome::Later(why),
        Err(MailError::Never(why)) => Outcome::Failed(why),
    })
}

/// The same for every attempt, so that mail systems know a repetition after a crash; another one for each time that
/// somebody asks for the message again.
fn message_id(id: Id<id::Message>, resends: i32, domain: &str) -> String {
    format!("<{id}.{resends}@{domain}>")
}

/// The text with a link to the tickets that is good from now on.
fn with_link(app: &App, scope: &Scope, text: &str, order: Option<&OrderRow>, event: &Event) -> String {
    match order {
        Some(order) if text.contains(TICKETS_URL) => {
            text.replace(TICKETS_URL, &tickets_url(app, scope, order, event))
        }
        _ => text.to_owned(),
    }
}

fn attachments(app: &App, names: &[String], event: &Event, venue: &Venue) -> Vec<Attachment> {
    let host = app.origin.split("://").last().unwrap_or_default();
    let calendars = names.iter().filter(|name| *name == ATTACH_CALENDAR).map(|_| Attachment {
        name: "event.ics",
        media_type: "text/calendar; method=PUBLISH; charset=utf-8",
        bytes: calendar(event, venue, host).into_bytes(),
    });
    calendars.collect()
}
