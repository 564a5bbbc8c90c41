//! The languages of the hosted pages, and their texts.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    German,
}

impl Language {
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    fn read(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        [Self::English, Self::German]
            .into_iter()
            .find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// What the page asks for, else the first of the languages that the browser prefers, else English.
    pub fn choose(asked: Option<&str>, accepted: Option<&str>) -> Self {
        asked.and_then(Self::read).or_else(|| Self::preferred(accepted?)).unwrap_or(Self::English)
    }

    /// RFC 9110, 12.5.4.
    fn preferred(accepted: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for one in accepted.split(',') {
            let (tag, weight) = one.split_once(';').unwrap_or((one, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(0.0);
            let heavier = best.is_none_or(|(heaviest, _)| weight > heaviest);
            if let Some(language) = Self::read(tag.trim()).filter(|_| weight > 0.0 && heavier) {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }

    /// Day and time where the event takes place.
    pub fn moment(self, at: DateTime<Utc>, zone: &str) -> String {
        let local = at.with_timezone(&zone.parse().unwrap_or(Tz::UTC));
        let form = match self {
            Self::English => "%-d %B %Y, %H:%M",
            Self::German => "%d.%m.%Y, %H:%M Uhr",
        };
        local.format(form).to_string()
    }

    pub const fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }
}

pub struct Texts {
    pub tickets: &'static str,
    pub loading: &'static str,
    pub no_script: &'static str,
    pub organizer: &'static str,
    pub your_order: &'static str,
    /// Nobody has looked yet whether there is such an order, or a payment.
    pub returned: &'static str,
    pub not_paid: &'static str,
    /// Followed by the number of the order.
    pub elsewhere: &'static str,
    pub again: &'static str,
    pub shop: &'static str,
    pub not_found: &'static str,
    pub not_found_detail: &'static str,
    pub cancelled: &'static str,
    pub cancelled_detail: &'static str,
    pub not_built: &'static str,
}

const ENGLISH: Texts = Texts {
    tickets: "Tickets",
    loading: "The seats are being loaded …",
    no_script: "To choose seats, this page needs JavaScript. Turn it on and load the page again, or ask for tickets at the box office:",
    organizer: "Organizer",
    your_order: "Your order",
    returned: "You come from the payment page.",
    not_paid: "Nothing was charged. The seats stay reserved for a short while.",
    elsewhere: "The shop where you ordered shows your order and, when it is paid, your tickets: please go back there. If something is missing, tell the organizer the number of your order:",
    again: "To try again, go back to the shop where you ordered. If you have questions, tell the organizer the number of your order:",
    shop: "To the ticket shop",
    not_found: "There is nothing for sale here",
    not_found_detail: "This event does not exist or is not on sale yet. Look at the address again, or ask the organizer.",
    cancelled: "This event was cancelled",
    cancelled_detail: "No tickets are sold any more. If you have tickets, the organizer will tell you how to go on.",
    not_built: "The seat picker is missing",
};

const GERMAN: Texts = Texts {
    tickets: "Tickets",
    loading: "Die Plätze werden geladen …",
    no_script: "Für die Platzwahl braucht diese Seite JavaScript. Schalten Sie es ein und laden Sie die Seite neu, oder fragen Sie an der Kasse nach Karten:",
    organizer: "Veranstalter",
    your_order: "Ihre Bestellung",
    returned: "Sie kommen von der Zahlungsseite.",
    not_paid: "Es wurde nichts abgebucht. Die Plätze bleiben noch kurze Zeit reserviert.",
    elsewhere: "Ihre Bestellung und, sobald sie bezahlt ist, Ihre Tickets sehen Sie in dem Shop, in dem Sie bestellt haben: Bitte kehren Sie dorthin zurück. Falls etwas fehlt, nennen Sie dem Veranstalter die Nummer Ihrer Bestellung:",
    again: "Für einen neuen Versuch kehren Sie bitte in den Shop zurück, in dem Sie bestellt haben. Bei Fragen nennen Sie dem Veranstalter die Nummer Ihrer Bestellung:",
    shop: "Zum Ticketshop",
    not_found: "Hier gibt es nichts zu kaufen",
    not_found_detail: "Diese Veranstaltung gibt es nicht, oder der Verkauf hat noch nicht begonnen. Prüfen Sie die Adresse, oder fragen Sie den Veranstalter.",
    cancelled: "Diese Veranstaltung wurde abgesagt",
    cancelled_detail: "Es werden keine Karten mehr verkauft. Wenn Sie Karten haben, meldet sich der Veranstalter bei Ihnen.",
    not_built: "Die Platzwahl fehlt",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_speaks_what_the_reader_prefers() {
        for (asked, accepted, language) in [
            (None, None, Language::English),
            (None, Some("de-AT,de;q=0.9,en;q=0.8"), Language::German),
            (None, Some("en;q=0.5, de;q=0.7"), Language::German),
            (None, Some("fr, en;q=0.2"), Language::English),
            (None, Some("de;q=0"), Language::English),
            (None, Some("dev, *;q=x"), Language::English),
            (Some("de"), Some("en"), Language::German),
            (Some("xx"), Some("de"), Language::German),
        ] {
            assert_eq!(Language::choose(asked, accepted), language, "{asked:?} {accepted:?}");
        }
    }

    #[test]
    fn moments_are_told_in_the_zone_of_the_event() {
        let at = "2027-06-12T18:30:00Z".parse().unwrap();
        assert_eq!(Language::English.moment(at, "Europe/Berlin"), "12 June 2027, 20:30");
        assert_eq!(Language::German.moment(at, "Europe/Berlin"), "12.06.2027, 20:30 Uhr");
    }
}
