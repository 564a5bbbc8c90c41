//! A text message before the doors open, beside the platform's own messages. It fits into one SMS of 160 characters where
//! the event's name allows it.

use eventflow_plugin::{
    config,
    notification::{Decision, Message, Notice},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    /// "Please come early, there are works on line U2."
    #[serde(default)]
    hint: String,
}

fn notify(mut notice: Notice) -> Result<Decision, String> {
    if notice.kind == "event.reminder"
        && let Some(order) = &notice.order
    {
        let settings: Settings = config::read()?;
        let greeting =
            notice.text(&[("en", "See you soon at"), ("de", "Bis bald bei"), ("pl", "Do zobaczenia na")]);
        let name: String = notice.event.name.chars().take(60).collect();
        let text = format!("{greeting} {name}! {} {}", settings.hint, order.tickets_url);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        notice.default_messages.push(Message::new("sms", "buyer", "", text));
    }
    Ok(Decision::Send(notice.default_messages))
}

eventflow_plugin::export!(notification = notify);
