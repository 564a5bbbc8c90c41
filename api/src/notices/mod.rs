//! From what happened to messages: the job of a notice reads its facts, lets plugins say what is sent, and stores that
//! once; a job for each message then sends it (`delivery.rs`).

mod calendar;
mod delivery;
mod texts;

use chrono::{DateTime, TimeDelta, Utc};
use eventflow_core::{Id, Refusal, id};
use eventflow_plugin_host::values::{self, Attribute, Decision, Money, Notice, TicketLine};
use eventflow_store::{
    Result, Scope, Tx,
    events::{self, Event, View},
    jobs, members,
    messages::NewMessage,
    notices::{self, Decided, EVENT_REMINDER, NoticeRow, ORDER_REFUNDED},
    orders::{self, ItemRow, OrderRow},
    venues::{self, Venue},
};
use uuid::Uuid;

pub use delivery::send;

use crate::{
    app::App,
    checkout,
    plugins::{self, messages::Told},
    shapes,
};

/// What the platform can attach so far. The interface of plugins names more; what cannot be made yet is left out, and the
/// link to the tickets stands in the letter in any case.
const ATTACH_CALENDAR: &str = "calendar";
const ATTACHMENTS: [&str; 3] = [ATTACH_CALENDAR, "tickets_pdf", "receipt_pdf"];
/// Characters of a subject: what a list of mails shows, with room to spare.
const SUBJECT_CHARS_MAX: usize = 400;
/// Stands for the link to the tickets in messages that are kept.
pub const TICKETS_URL: &str = "{TICKETS_URL}";

/// What there is to say about.
struct Facts {
    notice: NoticeRow,
    order: OrderRow,
    items: Vec<ItemRow>,
    event: Event,
    venue: Venue,
}

/// Decides a notice and stores its messages, once. Answers when to try again.
pub async fn process(app: &App, scope: &Scope, id: Uuid) -> Result<Option<TimeDelta>> {
    let Some(facts) = app.db.run(scope, async |tx| gather(tx, id).await).await? else { return Ok(None) };
    match decided(app, scope, &facts).await {
        Ok((decided, told)) => {
            let close = async |tx: &mut Tx| {
                notices::close(tx, &facts.notice, &decided).await?;
                // What plugins keep and what they took becomes true with the messages.
                told.keep(tx).await
            };
            app.db.run(scope, close).await?;
            if told.has_writes() {
                app.plugins.forget(scope.tenant);
            }
            Ok(None)
        }
        Err(error) => {
            tracing::warn!(error = %error, notice.kind = facts.notice.kind, "a notice could not be decided");
            let text = error.to_string();
            let again = app.db.run(scope, async |tx| notices::fail(tx, &facts.notice, &text).await).await?;
            Ok(again.then(|| jobs::pause_after(facts.notice.attempts + 1)))
        }
    }
}

/// Writes the reminders of events that begin soon, of all tenants.
pub async fn remind(app: &App) -> Result<()> {
    for event in notices::starting_soon(&app.db).await? {
        let scope = Scope::system(event.tenant_id.into(), "reminders");
        while app.db.run(&scope, async |tx| notices::remind(tx, event.id.into()).await).await? {}
    }
    Ok(())
}

/// `None` when the notice was decided before.
async fn gather(tx: &mut Tx, id: Uuid) -> Result<Option<Facts>> {
    let notice = notices::get(tx, id).await?;
    if !notice.is_pending() {
        return Ok(None);
    }
    let order = orders::row(tx, notice.order_id.into()).await?;
    let items = orders::items(tx, notice.order_id.into()).await?;
    let event = events::get(tx, notice.event_id.into(), View::Organizer).await?;
    let venue = venues::get(tx, event.venue_id.into()).await?;
    Ok(Some(Facts { notice, order, items, event, venue }))
}

async fn decided(app: &App, scope: &Scope, facts: &Facts) -> Result<(Decided, Told)> {
    if let Some(why) = facts.overtaken() {
        return Ok((Decided::Suppress(why.into()), Told::default()));
    }
    let link = tickets_url(app, scope, &facts.order, &facts.event);
    let (decision, told) = plugins::messages::decide(app, scope, facts.event.id, facts.notice(&link)).await?;
    match decision {
        Decision::Suppress(why) => Ok((Decided::Suppress(why), told)),
        Decision::Send(messages) => {
            for message in &messages {
                check(message)?;
            }
            let organizer = if messages.iter().any(|message| message.recipient == "organizer") {
                app.db.run(scope, async |tx| members::owner_email(tx).await).await?
            } else {
                None
            };
            let addressed = messages.into_iter().map(|message| {
                let address = match (message.channel.as_str(), message.recipient.as_str()) {
                    ("email", "buyer") => facts.order.buyer_email.clone(),
                    ("email", "organizer") => organizer.clone().unwrap_or_default(),
                    // Attendees have no addresses of their own, and nobody has a phone number here.
                    _ => String::new(),
                };
                NewMessage {
                    obstacle: delivery::obstacle(app, &message.channel, &address),
                    channel: message.channel,
                    recipient: message.recipient,
                    address,
                    subject: message.subject,
                    body: message.body.replace(&link, TICKETS_URL),
                    html: message.html.map(|html| html.replace(&link, TICKETS_URL)),
                    attachments: message
                        .attachments
                        .into_iter()
                        .filter(|name| name == ATTACH_CALENDAR)
                        .collect(),
                }
            });
            Ok((Decided::Send(addressed.collect()), told))
        }
    }
}

/// The page of the order, for the buyer, until the event is over.
fn tickets_url(app: &App, scope: &Scope, order: &OrderRow, event: &Event) -> String {
    let after_event = event.terms.ends_at + TimeDelta::days(1);
    let until = after_event.max(order.created_at + checkout::RETURN_TOKEN_LIFE);
    checkout::order_page(app, scope, order, until, "")
}

/// Refuses a message that cannot be sent as it is. Whoever decided has to decide otherwise.
fn check(message: &values::Message) -> Result<(), Refusal> {
    let refuse = |param: &str, detail: String| Err(Refusal::invalid(param, detail));
    if !["email", "sms", "chat"].contains(&message.channel.as_str()) {
        return refuse("channel", format!("`{}` is no channel: use email, sms or chat.", message.channel));
    }
    if !["buyer", "attendee", "organizer"].contains(&message.recipient.as_str()) {
        let detail = format!("`{}` is no recipient: use buyer, attendee or organizer.", message.recipient);
        return refuse("recipient", detail);
    }
    if message.body.trim().is_empty() {
        return refuse("body", "A message needs a text; suppress the notice to send nothing.".into());
    }
    let subject = message.subject.trim();
    if message.channel == "email" && (subject.is_empty() || subject.chars().count() > SUBJECT_CHARS_MAX) {
        return refuse(
            "subject",
            format!("An e-mail needs a subject of 1 to {SUBJECT_CHARS_MAX} characters."),
        );
    }
    match message.attachments.iter().find(|name| !ATTACHMENTS.contains(&name.as_str())) {
        Some(name) => {
            refuse("attachments", format!("`{name}` cannot be attached: use {}.", ATTACHMENTS.join(", ")))
        }
        None => Ok(()),
    }
}

fn attribute<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_str())
}

impl Facts {
    /// Why there is nothing to say any more.
    fn overtaken(&self) -> Option<&'static str> {
        if self.notice.kind != EVENT_REMINDER {
            None
        } else if self.event.state != events::PUBLISHED {
            Some("The event does not take place.")
        } else if !["paid", "partially_refunded"].contains(&self.order.state.as_str()) {
            Some("The order is not paid any more.")
        } else if self.event.terms.starts_at <= Utc::now() {
            Some("The event has begun.")
        } else {
            None
        }
    }

    /// The facts as plugins see them, with the default messages. How many places are left is not among them: whoever
    /// has to know reads it from the live state.
    fn notice(&self, link: &str) -> Notice {
        let locale = self.order.locale.as_str();
        let mut notice = Notice {
            kind: self.notice.kind.clone(),
            id: self.notice.id.to_string(),
            now: Utc::now().timestamp(),
            seed: self.notice.id.as_u64_pair().1,
            locale: if locale.is_empty() { "en" } else { locale }.into(),
            event: self.event(),
            order: Some(self.order(link)),
            default_messages: vec![],
            responses: vec![],
            attributes: self.attributes(),
        };
        if !self.order.buyer_email.is_empty() {
            notice.default_messages = texts::defaults(&notice);
        }
        notice
    }

    fn event(&self) -> values::Event {
        let terms = &self.event.terms;
        let seconds = |at: DateTime<Utc>| at.timestamp();
        let place = [&self.venue.name, &self.venue.city].map(String::as_str);
        let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
        values::Event {
            id: Id::<id::Event>::from(self.event.id).to_string(),
            name: terms.name.clone(),
            currency: terms.currency.clone(),
            time_zone: terms.time_zone.clone(),
            starts_at: seconds(terms.starts_at),
            ends_at: seconds(terms.ends_at),
            sale_starts_at: seconds(terms.sale_starts_at),
            sale_ends_at: seconds(terms.sale_ends_at),
            attributes: vec![Attribute { name: "venue".into(), value: place.join(", ") }],
            ..values::Event::default()
        }
    }

    fn order(&self, link: &str) -> values::Order {
        let id = Id::<id::Order>::from(self.order.id).to_string();
        values::Order {
            reference: shapes::order_reference(self.order.id),
            id,
            total: Money { amount_minor: self.order.total_minor, currency: self.order.currency.clone() },
            lines: self
                .items
                .iter()
                .map(|item| TicketLine {
                    place: item.label.clone(),
                    tier: item.tier_name.clone(),
                    price_minor: item.gross_minor,
                })
                .collect(),
            buyer_name: self.order.buyer_name.clone(),
            tickets_url: link.to_owned(),
            attributes: vec![],
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        if self.notice.kind != ORDER_REFUNDED {
            return vec![];
        }
        let payload = &self.notice.payload;
        vec![
            Attribute {
                name: "refund_id".into(),
                value: payload["refund_id"].as_str().unwrap_or_default().into(),
            },
            Attribute { name: "refunded_minor".into(), value: payload["amount_minor"].to_string() },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_cannot_be_sent_is_refused_with_the_way_out() {
        let good = values::Message {
            channel: "email".into(),
            recipient: "buyer".into(),
            subject: "Tickets".into(),
            body: "Text".into(),
            attachments: vec![ATTACH_CALENDAR.into()],
            ..values::Message::default()
        };
        assert!(check(&good).is_ok());
        let with = |change: fn(&mut values::Message)| {
            let mut message = good.clone();
            change(&mut message);
            check(&message).unwrap_err().param.unwrap_or_default()
        };
        assert_eq!(with(|message| message.channel = "fax".into()), "channel");
        assert_eq!(with(|message| message.recipient = "everybody".into()), "recipient");
        assert_eq!(with(|message| message.body = " \n".into()), "body");
        assert_eq!(with(|message| message.subject = String::new()), "subject");
        assert_eq!(with(|message| message.attachments.push("invoice".into())), "attachments");
    }
}
