//! The messages that are sent when nobody decides otherwise, in English and German, as plain text and as simple HTML.

use std::fmt::Write;

use eventflow_core::money::Currency;
use eventflow_plugin_host::values::{Message, Money, Notice, Order};
use eventflow_store::notices::{EVENT_REMINDER, ORDER_PAID, ORDER_REFUNDED};

use super::{ATTACH_CALENDAR, attribute};
use crate::hosting::{Language, escape};

/// Characters of a name that a message greets.
const NAME_MAX: usize = 60;
/// Places that a message lists one by one: more than people read, and a letter of a bounded size.
const PLACES_MAX: usize = 60;

/// The words of one language. `{…}` is filled in.
struct Words {
    hello: &'static str,
    hello_name: &'static str,
    paid_subject: &'static str,
    paid: &'static str,
    refunded_subject: &'static str,
    refunded: &'static str,
    reminder_subject: &'static str,
    reminder: &'static str,
    event: &'static str,
    when: &'static str,
    place: &'static str,
    order: &'static str,
    total: &'static str,
    more: &'static str,
    link: &'static str,
    codes: &'static str,
}

const ENGLISH: Words = Words {
    hello: "Hello,",
    hello_name: "Hello {name},",
    paid_subject: "Your tickets: {event}",
    paid: "Thank you for your order. Your tickets are ready.",
    refunded_subject: "Refund of your order {order}",
    refunded: "{amount} of your order were refunded. It may take some days until the money is there.",
    reminder_subject: "Coming up: {event}",
    reminder: "The event that you have tickets for begins soon.",
    event: "Event",
    when: "When",
    place: "Where",
    order: "Order",
    total: "Total",
    more: "and {count} more",
    link: "Your tickets",
    codes: "Have their codes ready at the entrance, on a screen or on paper. Whoever has this link has the tickets.",
};

const GERMAN: Words = Words {
    hello: "Guten Tag,",
    hello_name: "Guten Tag {name},",
    paid_subject: "Ihre Tickets: {event}",
    paid: "vielen Dank für Ihre Bestellung. Ihre Tickets sind da.",
    refunded_subject: "Erstattung zu Ihrer Bestellung {order}",
    refunded: "wir haben Ihnen {amount} Ihrer Bestellung erstattet. Bis das Geld da ist, können einige Tage vergehen.",
    reminder_subject: "Bald ist es so weit: {event}",
    reminder: "die Veranstaltung, für die Sie Tickets haben, beginnt bald.",
    event: "Veranstaltung",
    when: "Wann",
    place: "Wo",
    order: "Bestellung",
    total: "Summe",
    more: "und {count} weitere",
    link: "Ihre Tickets",
    codes: "Halten Sie die Codes am Einlass bereit, auf einem Bildschirm oder auf Papier. Wer diesen Link hat, hat die Tickets.",
};

/// A letter before it is written.
struct Letter<'a> {
    language: Language,
    hello: String,
    opening: String,
    facts: Vec<(&'static str, String)>,
    /// Place, kind of ticket and price of each ticket, and then how many are not listed.
    places: Vec<(String, String)>,
    /// What the link is called, the link, and what to know about it.
    link: Option<(&'static str, &'a str, &'static str)>,
}

/// What the buyer is told of a notice; nothing of kinds that are for others, and nothing without an order.
pub fn defaults(notice: &Notice) -> Vec<Message> {
    let Some(order) = &notice.order else { return vec![] };
    let language = Language::choose(Some(&notice.locale), None);
    let words = match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    };
    let (subject, opening) = match notice.kind.as_str() {
        ORDER_PAID => (words.paid_subject, words.paid.to_owned()),
        ORDER_REFUNDED => {
            let amount = attribute(&notice.attributes, "refunded_minor").and_then(|text| text.parse().ok());
            let amount =
                Money { amount_minor: amount.unwrap_or_default(), currency: order.total.currency.clone() };
            (words.refunded_subject, words.refunded.replace("{amount}", &money(&amount, language)))
        }
        EVENT_REMINDER => (words.reminder_subject, words.reminder.to_owned()),
        _ => return vec![],
    };
    let letter = letter(notice, order, language, words, opening);
    vec![Message {
        channel: "email".into(),
        recipient: "buyer".into(),
        subject: subject.replace("{order}", &order.reference).replace("{event}", &notice.event.name),
        body: letter.text(),
        html: Some(letter.html()),
        attachments: if notice.kind == ORDER_PAID { vec![ATTACH_CALENDAR.into()] } else { vec![] },
        attributes: vec![],
    }]
}

fn letter<'a>(
    notice: &Notice,
    order: &'a Order,
    language: Language,
    words: &Words,
    opening: String,
) -> Letter<'a> {
    let starts_at = chrono::DateTime::from_timestamp(notice.event.starts_at, 0).unwrap_or_default();
    let mut facts = vec![
        (words.event, notice.event.name.clone()),
        (words.when, language.moment(starts_at, &notice.event.time_zone)),
        (words.place, attribute(&notice.event.attributes, "venue").unwrap_or_default().to_owned()),
        (words.order, order.reference.clone()),
    ];
    let mut places = vec![];
    if notice.kind == ORDER_PAID {
        facts.push((words.total, money(&order.total, language)));
        let price = |minor| Money { amount_minor: minor, currency: order.total.currency.clone() };
        places.extend(order.lines.iter().take(PLACES_MAX).map(|line| {
            (format!("{}, {}", line.place, line.tier), money(&price(line.price_minor), language))
        }));
        if order.lines.len() > PLACES_MAX {
            let more = words.more.replace("{count}", &(order.lines.len() - PLACES_MAX).to_string());
            places.push((more, String::new()));
        }
    }
    Letter {
        language,
        hello: if is_name(&order.buyer_name) {
            words.hello_name.replace("{name}", &order.buyer_name)
        } else {
            words.hello.to_owned()
        },
        opening,
        facts: facts.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        places,
        // After a refund there may be no tickets any more.
        link: (notice.kind != ORDER_REFUNDED).then_some((words.link, &*order.tickets_url, words.codes)),
    }
}

/// Anybody may order what is free for any address, and gives any text as a name: an advertisement, or an address on the
/// web, is not greeted.
fn is_name(text: &str) -> bool {
    let dots_end_words = text.split('.').skip(1).all(|after| after.is_empty() || after.starts_with(' '));
    let fits = |c: char| c.is_alphabetic() || [' ', '.', '-', '\'', '’'].contains(&c);
    (1..=NAME_MAX).contains(&text.chars().count()) && text.chars().all(fits) && dots_end_words
}

impl Letter<'_> {
    fn text(&self) -> String {
        let mut text = format!("{}\n\n{}\n\n", self.hello, self.opening);
        for (name, value) in &self.facts {
            let _ = writeln!(text, "{name}: {value}");
        }
        if !self.places.is_empty() {
            text.push('\n');
        }
        for (place, price) in &self.places {
            let _ = writeln!(text, "- {place} {price}");
        }
        if let Some((name, url, note)) = self.link {
            let _ = write!(text, "\n{name}: {url}\n{note}\n");
        }
        text
    }

    fn html(&self) -> String {
        let mut rows = String::new();
        for (name, value) in &self.facts {
            let _ = write!(rows, "<tr><td>{name}&nbsp;</td><td><b>{}</b></td></tr>", escape(value));
        }
        let mut places = String::new();
        for (place, price) in &self.places {
            let _ = write!(places, "<li>{} {}</li>", escape(place), escape(price));
        }
        let link = self.link.map_or_else(String::new, |(name, url, note)| {
            format!("<p><a href=\"{}\">{name}</a></p><p>{note}</p>", escape(url))
        });
        format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"></head><body><p>{}</p><p>{}</p>\
             <table>{rows}</table><ul>{places}</ul>{link}</body></html>",
            self.language.tag(),
            escape(&self.hello),
            escape(&self.opening),
        )
        .replace("<ul></ul>", "")
    }
}

/// An amount as people write it: `€1,234.50` or `1.234,50 €`. Currencies whose sign is not known everywhere keep their code.
fn money(money: &Money, language: Language) -> String {
    let exponent = money.currency.parse::<Currency>().ok().and_then(Currency::exponent).unwrap_or(0);
    let unit = 10_u64.saturating_pow(exponent.into());
    let (whole, part) = (money.amount_minor.unsigned_abs() / unit, money.amount_minor.unsigned_abs() % unit);
    let (group, point) = match language {
        Language::English => (',', '.'),
        Language::German => ('.', ','),
    };
    let digits = whole.to_string();
    let mut number = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            number.push(group);
        }
        number.push(digit);
    }
    if exponent > 0 {
        let _ = write!(number, "{point}{part:0width$}", width = usize::from(exponent));
    }
    let sign = match money.currency.as_str() {
        "EUR" => Some('€'),
        "GBP" => Some('£'),
        "USD" => Some('$'),
        _ => None,
    };
    let minus = if money.amount_minor < 0 { "-" } else { "" };
    match (language, sign) {
        (Language::English, Some(sign)) => format!("{minus}{sign}{number}"),
        (Language::English, None) => format!("{minus}{} {number}", money.currency),
        (Language::German, Some(sign)) => format!("{minus}{number} {sign}"),
        (Language::German, None) => format!("{minus}{number} {}", money.currency),
    }
}

#[cfg(test)]
mod tests {
    use eventflow_plugin_host::values::{Attribute, Event, TicketLine};

    use super::*;

    fn notice(kind: &str, locale: &str, lines: usize) -> Notice {
        let eur = |amount_minor| Money { amount_minor, currency: "EUR".into() };
        let name = |name: &str, value: &str| Attribute { name: name.into(), value: value.into() };
        Notice {
            kind: kind.into(),
            locale: locale.into(),
            event: Event {
                name: "Mahler <2> & \"more\"".into(),
                currency: "EUR".into(),
                time_zone: "Europe/Berlin".into(),
                starts_at: 1_796_324_400,
                attributes: vec![name("venue", "Philharmonie, Berlin")],
                ..Event::default()
            },
            order: Some(Order {
                reference: "7V2K9Q4M".into(),
                total: eur(123_450),
                lines: (1..=lines)
                    .map(|n| TicketLine {
                        place: format!("P-1-{n}"),
                        tier: "Seat".into(),
                        price_minor: 4_350,
                    })
                    .collect(),
                buyer_name: "Dr. Grace Hopper".into(),
                tickets_url: "https://tickets.example.org/e/evt_1?order=ord_1#token=a.b.c".into(),
                ..Order::default()
            }),
            attributes: vec![name("refunded_minor", "4350")],
            ..Notice::default()
        }
    }

    fn the(kind: &str, locale: &str) -> Message {
        let mut messages = defaults(&notice(kind, locale, 2));
        assert_eq!(messages.len(), 1);
        messages.remove(0)
    }

    #[test]
    fn a_sale_is_told_in_the_language_of_the_order() {
        let english = the(ORDER_PAID, "");
        assert_eq!(english.subject, "Your tickets: Mahler <2> & \"more\"");
        for part in [
            "Hello Dr. Grace Hopper,",
            "When: 3 December 2026, 20:00",
            "Where: Philharmonie, Berlin",
            "Order: 7V2K9Q4M",
            "Total: €1,234.50",
            "- P-1-2, Seat €43.50",
            "https://tickets.example.org/e/evt_1?order=ord_1#token=a.b.c\n",
        ] {
            assert!(english.body.contains(part), "{part} is missing in {}", english.body);
        }
        let german = the(ORDER_PAID, "de-AT");
        assert_eq!(german.subject, "Ihre Tickets: Mahler <2> & \"more\"");
        for part in ["Wann: 03.12.2026, 20:00 Uhr", "Summe: 1.234,50 €", "- P-1-1, Seat 43,50 €"] {
            assert!(german.body.contains(part), "{part} is missing in {}", german.body);
        }
        assert_eq!(english.attachments, [ATTACH_CALENDAR]);
    }

    #[test]
    fn what_others_wrote_is_no_html() {
        let html = the(ORDER_PAID, "en").html.unwrap();
        assert!(html.contains("Mahler &lt;2&gt; &amp; &quot;more&quot;"), "{html}");
        assert!(
            html.contains("href=\"https://tickets.example.org/e/evt_1?order=ord_1#token=a.b.c\""),
            "{html}"
        );
    }

    #[test]
    fn only_what_looks_like_a_name_is_greeted() {
        for name in
            ["Grace Hopper", "Dr. Ada Lovelace-King", "Conan O’Brien", "Søren", "王秀英", "J. R. R. T."]
        {
            assert!(is_name(name), "{name}");
        }
        let long = "a".repeat(NAME_MAX + 1);
        for text in [
            "",
            "Win at evil.example",
            "https://evil.example",
            "a@b.example",
            "<b>Eve</b>",
            "Call 0123",
            &long,
        ] {
            assert!(!is_name(text), "{text}");
        }
    }

    #[test]
    fn a_refund_says_how_much_and_links_to_nothing() {
        let (english, german) = (the(ORDER_REFUNDED, "en"), the(ORDER_REFUNDED, "de"));
        assert!(english.body.contains("€43.50 of your order"), "{}", english.body);
        assert!(german.body.contains("43,50 € Ihrer Bestellung"), "{}", german.body);
        assert!(!english.body.contains("token=") && !english.html.unwrap().contains("token="));
    }

    #[test]
    fn a_large_order_is_a_letter_of_a_bounded_size() {
        let message = defaults(&notice(ORDER_PAID, "en", 500)).remove(0);
        assert!(message.body.contains("- and 440 more"), "{}", message.body);
        assert!(message.html.unwrap().len() < eventflow_plugin_host::limits::BODY_BYTES_MAX / 2);
        assert!(defaults(&notice("event.unheard_of", "en", 1)).is_empty());
    }

    #[test]
    fn amounts_are_written_as_people_write_them() {
        let of = |amount_minor, currency: &str, language| {
            money(&Money { amount_minor, currency: currency.into() }, language)
        };
        assert_eq!(of(5, "EUR", Language::English), "€0.05");
        assert_eq!(of(123_456_789, "EUR", Language::German), "1.234.567,89 €");
        assert_eq!(of(1_200, "JPY", Language::English), "JPY 1,200");
        assert_eq!(of(1_234, "KWD", Language::German), "1,234 KWD");
        assert_eq!(of(-999, "USD", Language::English), "-$9.99");
    }
}
