//! A line in the team's chat for each sale that is large enough, as the webhooks of Slack, Mattermost and others take it.
//! It counts the sales that it told about.

use eventflow_plugin::{
    amount_text, config, key_value,
    notification::{Decision, Message, Notice},
};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    from_minor: i64,
}

fn notify(mut notice: Notice) -> Result<Decision, String> {
    if notice.kind == "order.paid"
        && let Some(order) = &notice.order
    {
        let settings: Settings = config::read()?;
        if order.total.amount_minor >= settings.from_minor {
            let number = key_value::get("told").and_then(|told| told.parse().ok()).unwrap_or(0_u64) + 1;
            // Without the store there is no number, and the message goes out all the same.
            let number = key_value::set("told", &number.to_string()).map(|()| format!(" (#{number})"));
            let total = amount_text(order.total.amount_minor, 2, &order.total.currency);
            let text = format!(
                "{} tickets for {}, {total}{}",
                order.lines.len(),
                notice.event.name,
                number.unwrap_or_default()
            );
            let body = json!({ "text": text }).to_string();
            notice.default_messages.push(Message::new("chat", "organizer", "", body));
        }
    }
    Ok(Decision::Send(notice.default_messages))
}

eventflow_plugin::export!(notification = notify);
