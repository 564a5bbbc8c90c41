//! The confirmation of an order in two languages and in the house's style. The buyer's language comes first. Other
//! messages go out as they are.

use eventflow_plugin::{
    amount_text, config,
    notification::{Decision, Message, Notice, Order},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    /// Two of "en", "de" and "pl"; a buyer of the second one reads that first.
    languages: [String; 2],
    house: String,
    /// "#7a1f3d"
    #[serde(default = "black")]
    colour: String,
    #[serde(default)]
    imprint: String,
}

fn black() -> String {
    "#000000".to_owned()
}

/// What is said in one language.
struct Words {
    language: &'static str,
    subject: &'static str,
    hello: &'static str,
    thanks: &'static str,
    total: &'static str,
    tickets: &'static str,
}

const WORDS: [Words; 3] = [
    Words {
        language: "en",
        subject: "Your tickets",
        hello: "Hello",
        thanks: "thank you for your order. You find your tickets under the link below.",
        total: "Total",
        tickets: "Your tickets online",
    },
    Words {
        language: "de",
        subject: "Ihre Karten",
        hello: "Guten Tag",
        thanks: "vielen Dank für Ihre Bestellung. Ihre Karten finden Sie unter dem Link.",
        total: "Summe",
        tickets: "Ihre Karten online",
    },
    Words {
        language: "pl",
        subject: "Twoje bilety",
        hello: "Dzień dobry",
        thanks: "dziękujemy za zamówienie. Bilety znajdziesz pod poniższym linkiem.",
        total: "Razem",
        tickets: "Twoje bilety online",
    },
];

fn notify(notice: Notice) -> Result<Decision, String> {
    let (Some(order), "order.paid") = (&notice.order, notice.kind.as_str()) else {
        return Ok(Decision::Send(notice.default_messages));
    };
    let settings: Settings = config::read()?;
    let [first, second] = words(&settings, &notice.locale)?;
    let subject = format!("{} / {} – {}", first.subject, second.subject, notice.event.name);
    let body = format!("{}\n\n---\n\n{}\n\n{}", text(first, order), text(second, order), settings.imprint);
    let mut message = Message::new("email", "buyer", subject, body.trim_end());
    message.html = Some(html(&settings, &notice, order, [first, second]));
    message.attachments = vec!["calendar".to_owned()];
    Ok(Decision::Send(vec![message]))
}

/// Both languages, the buyer's first.
fn words(settings: &Settings, locale: &str) -> Result<[&'static Words; 2], String> {
    let of = |language: &str| {
        let found = WORDS.iter().find(|words| words.language == language);
        found.ok_or_else(|| format!("there are no texts in `{language}`"))
    };
    let [first, second] = &settings.languages;
    let (first, second) = (of(first)?, of(second)?);
    Ok(if locale.starts_with(second.language) { [second, first] } else { [first, second] })
}

fn text(words: &Words, order: &Order) -> String {
    let mut text = format!("{}{}\n\n{}\n\n", words.hello, name(order), words.thanks);
    for line in &order.lines {
        text += &format!("  {} ({}): {}\n", line.place, line.tier, money(order, line.price_minor));
    }
    text += &format!("{}: {}\n\n{}: {}", words.total, total(order), words.tickets, order.tickets_url);
    text
}

fn html(settings: &Settings, notice: &Notice, order: &Order, languages: [&Words; 2]) -> String {
    let colour = escape(&settings.colour);
    let mut html = format!(
        "<div style=\"font-family:sans-serif;max-width:36em\"><h1 style=\"color:{colour}\">{}</h1><p>{}</p>",
        escape(&settings.house),
        escape(&notice.event.name)
    );
    for words in languages {
        html += &format!("<p>{}{}<br>{}</p>", words.hello, escape(&name(order)), words.thanks);
    }
    html += "<table>";
    for line in &order.lines {
        let price = money(order, line.price_minor);
        html += &format!("<tr><td>{}<td>{}<td>{price}", escape(&line.place), escape(&line.tier));
    }
    let [first, second] = languages;
    html += &format!(
        "<tr><td colspan=2><b>{} / {}</b><td><b>{}</b></table><p><a style=\"color:{colour}\" href=\"{}\">{} / {}</a></p><small>{}</small></div>",
        first.total,
        second.total,
        total(order),
        escape(&order.tickets_url),
        first.tickets,
        second.tickets,
        escape(&settings.imprint)
    );
    html
}

/// " Ada Lovelace," or ",".
fn name(order: &Order) -> String {
    if order.buyer_name.is_empty() { ",".to_owned() } else { format!(" {},", order.buyer_name) }
}

fn total(order: &Order) -> String {
    money(order, order.total.amount_minor)
}

fn money(order: &Order, amount_minor: i64) -> String {
    let currency = order.total.currency.as_str();
    let digits = if matches!(currency, "JPY" | "KRW" | "CLP" | "ISK") { 0 } else { 2 };
    amount_text(amount_minor, digits, currency)
}

/// What buyers typed is text, not HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

eventflow_plugin::export!(notification = notify);
