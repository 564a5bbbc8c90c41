//! What nearly every plugin needs.

use crate::{
    pricing::{Adjustment, Change, Money},
    types::{Cart, Event, Message, Tier},
    validation::Violation,
};

/// A change in whole percent of the price: `percent(-10)` is 10 % off.
pub fn percent(percent: i32) -> Change {
    Change::PercentBps(percent.saturating_mul(100))
}

/// A change by an amount in minor units, in the event's currency.
pub fn amount(cart: &Cart, amount_minor: i64) -> Change {
    Change::Amount(Money { amount_minor, currency: cart.event.currency.clone() })
}

impl Adjustment {
    /// Of one line, by its index.
    pub fn line(line: usize, change: Change, label: impl Into<String>) -> Self {
        Self { line: u32::try_from(line).ok(), ..Self::cart(change, label) }
    }

    /// Of the whole cart.
    pub fn cart(change: Change, label: impl Into<String>) -> Self {
        Self { line: None, change, label: label.into(), reason: String::new(), attributes: Vec::new() }
    }

    /// Why, for the organizer.
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..self }
    }
}

impl Violation {
    /// What speaks against the whole cart: a code for programs, a text for the buyer.
    pub fn cart(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into(), line: None, attributes: Vec::new() }
    }
}

impl Message {
    /// A message to "buyer", "attendee" or "organizer" over "email", "sms" or "chat".
    pub fn new(channel: &str, recipient: &str, subject: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            channel: channel.to_owned(),
            recipient: recipient.to_owned(),
            subject: subject.into(),
            body: body.into(),
            html: None,
            attachments: Vec::new(),
            attributes: Vec::new(),
        }
    }
}

impl Cart {
    pub fn tier(&self, id: &str) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.id == id)
    }

    /// Seconds until the event starts; negative afterwards.
    pub fn secs_to_start(&self) -> i64 {
        self.event.starts_at - self.now
    }

    /// What a buyer reads: the first text that is in the cart's language, else the first one. `cart.text(&[("en",
    /// "Group"), ("de", "Gruppe")])`.
    pub fn text<'a>(&self, texts: &[(&str, &'a str)]) -> &'a str {
        choose(&self.locale, texts)
    }
}

impl crate::types::Notice {
    /// As [`Cart::text`].
    pub fn text<'a>(&self, texts: &[(&str, &'a str)]) -> &'a str {
        choose(&self.locale, texts)
    }
}

fn choose<'a>(locale: &str, texts: &[(&str, &'a str)]) -> &'a str {
    let language = locale.split(['-', '_']).next().unwrap_or_default();
    let fits = texts.iter().find(|(of, _)| *of == language).or(texts.first());
    fits.map_or("", |(_, text)| text)
}

impl Event {
    /// Of all places, in basis points: 5000 is half of them.
    pub fn sold_bps(&self) -> u32 {
        share_bps(self.sold, self.capacity)
    }
}

impl Tier {
    /// Of the tier's places, in basis points: 5000 is half of them.
    pub fn sold_bps(&self) -> u32 {
        share_bps(self.sold, self.capacity)
    }
}

fn share_bps(part: u32, of: u32) -> u32 {
    let bps = u64::from(part) * 10_000 / u64::from(of.max(1));
    u32::try_from(bps).unwrap_or(u32::MAX)
}

/// "12.50 EUR", for currencies with so many digits after the point.
pub fn amount_text(amount_minor: i64, digits: u32, currency: &str) -> String {
    let unit = 10_i64.pow(digits.min(4));
    let sign = if amount_minor < 0 { "-" } else { "" };
    let (whole, part) = (
        amount_minor.unsigned_abs() / unit.unsigned_abs(),
        amount_minor.unsigned_abs() % unit.unsigned_abs(),
    );
    if unit == 1 {
        return format!("{sign}{whole} {currency}");
    }
    format!("{sign}{whole}.{part:0width$} {currency}", width = usize::try_from(digits.min(4)).unwrap_or(0))
}

/// "12 %", or "12.5 %".
pub fn percent_text(bps: u32) -> String {
    let (whole, part) = (bps / 100, bps % 100);
    match (part, part % 10) {
        (0, _) => format!("{whole} %"),
        (_, 0) => format!("{whole}.{} %", part / 10),
        _ => format!("{whole}.{part:02} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_for_people() {
        assert_eq!(amount_text(1_250, 2, "EUR"), "12.50 EUR");
        assert_eq!(amount_text(-5, 2, "EUR"), "-0.05 EUR");
        assert_eq!(amount_text(1_250, 0, "JPY"), "1250 JPY");
        assert_eq!(
            (percent_text(1_200), percent_text(1_250), percent_text(1_205)),
            ("12 %".into(), "12.5 %".into(), "12.05 %".into())
        );
        assert_eq!(choose("de-AT", &[("en", "Group"), ("de", "Gruppe")]), "Gruppe");
        assert_eq!(choose("fr", &[("en", "Group"), ("de", "Gruppe")]), "Group");
        assert_eq!(share_bps(1, 3), 3_333);
    }
}
