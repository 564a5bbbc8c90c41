//! The pay page's words and amounts, in English and German.

/// Everything the page says.
pub struct Texts {
    pub lang: &'static str,
    pub badge: &'static str,
    pub badge_note: &'static str,
    pub title: &'static str,
    pub pay_to: &'static str,
    pub total: &'static str,
    pub quantity: &'static str,
    pub time_left: &'static str,
    pub choose: &'static str,
    pub own_card: &'static str,
    pub own_card_hint: &'static str,
    pub pay: &'static str,
    pub back: &'static str,
    pub declined: &'static str,
    pub unknown_card: &'static str,
    pub confirm_title: &'static str,
    pub confirm_text: &'static str,
    pub confirm_yes: &'static str,
    pub confirm_no: &'static str,
    pub expired_title: &'static str,
    pub expired_text: &'static str,
    pub complete_title: &'static str,
    pub complete_text: &'static str,
    pub to_shop: &'static str,
    pub not_found_title: &'static str,
    pub not_found_text: &'static str,
    pub cards_only: &'static str,
    /// What a test card does, in the order of [`CARDS`].
    pub cards: [(&'static str, &'static str); 6],
    pub decline_reasons: [(&'static str, &'static str); 4],
}

/// The methods the page offers as buttons; the others of the sandbox can be typed in.
pub const CARDS: [&str; 6] = [
    "4242424242424242",
    "4000002500003155",
    "4000000000000002",
    "4000000000009995",
    "delayed_success",
    "delayed_failure",
];

pub const ENGLISH: Texts = Texts {
    lang: "en",
    badge: "TEST MODE",
    badge_note: "This is a sandbox. No real money moves.",
    title: "Payment",
    pay_to: "To pay",
    total: "Total",
    quantity: "Quantity",
    time_left: "Time left to pay",
    choose: "How should this test payment end?",
    own_card: "Another test card",
    own_card_hint: "Card number",
    pay: "Pay",
    back: "Cancel and go back",
    declined: "The payment did not go through.",
    unknown_card: "That is not a test card of this sandbox. Nothing was paid.",
    confirm_title: "Confirm with your bank",
    confirm_text: "The bank of this test card wants to know that it is you (3-D Secure).",
    confirm_yes: "Confirm the payment",
    confirm_no: "Refuse",
    expired_title: "This payment page has expired",
    expired_text: "The time to pay is over. Nothing was paid.",
    complete_title: "Payment finished",
    complete_text: "This payment page has been used already.",
    to_shop: "Back to the shop",
    not_found_title: "No such payment page",
    not_found_text: "Check the address, or start again in the shop.",
    cards_only: "Only cards are offered for this payment.",
    cards: [
        ("Card that pays", "paid at once"),
        ("Card with 3-D Secure", "the bank asks for a confirmation first"),
        ("Card that is declined", "the page stays open for another try"),
        ("Card without funds", "the page stays open for another try"),
        ("Direct debit, succeeds later", "finished now, paid when the bank decides"),
        ("Direct debit, fails later", "finished now, refused when the bank decides"),
    ],
    decline_reasons: [
        ("generic_decline", "The card was declined. Please try another one."),
        ("insufficient_funds", "There are not enough funds on this card."),
        ("expired_card", "This card has expired."),
        ("authentication_required", "The bank could not confirm that it was you."),
    ],
};

pub const GERMAN: Texts = Texts {
    lang: "de",
    badge: "TESTMODUS",
    badge_note: "Dies ist eine Testumgebung. Es fließt kein echtes Geld.",
    title: "Bezahlung",
    pay_to: "Zu zahlen",
    total: "Summe",
    quantity: "Anzahl",
    time_left: "Verbleibende Zeit",
    choose: "Wie soll diese Testzahlung ausgehen?",
    own_card: "Andere Testkarte",
    own_card_hint: "Kartennummer",
    pay: "Bezahlen:",
    back: "Abbrechen und zurück",
    declined: "Die Zahlung hat nicht geklappt.",
    unknown_card: "Das ist keine Testkarte dieser Testumgebung. Es wurde nichts bezahlt.",
    confirm_title: "Bei der Bank bestätigen",
    confirm_text: "Die Bank dieser Testkarte möchte wissen, ob Sie es wirklich sind (3-D Secure).",
    confirm_yes: "Zahlung bestätigen",
    confirm_no: "Ablehnen",
    expired_title: "Diese Bezahlseite ist abgelaufen",
    expired_text: "Die Zeit zum Bezahlen ist vorbei. Es wurde nichts bezahlt.",
    complete_title: "Zahlung abgeschlossen",
    complete_text: "Diese Bezahlseite wurde bereits benutzt.",
    to_shop: "Zurück zum Shop",
    not_found_title: "Diese Bezahlseite gibt es nicht",
    not_found_text: "Bitte die Adresse prüfen oder im Shop neu beginnen.",
    cards_only: "Für diese Zahlung werden nur Karten angeboten.",
    cards: [
        ("Karte, die bezahlt", "sofort bezahlt"),
        ("Karte mit 3-D Secure", "die Bank fragt vorher nach"),
        ("Karte, die abgelehnt wird", "die Seite bleibt für einen neuen Versuch offen"),
        ("Karte ohne Deckung", "die Seite bleibt für einen neuen Versuch offen"),
        ("Lastschrift, gelingt später", "jetzt abgeschlossen, bezahlt nach Entscheid der Bank"),
        ("Lastschrift, scheitert später", "jetzt abgeschlossen, abgelehnt nach Entscheid der Bank"),
    ],
    decline_reasons: [
        ("generic_decline", "Die Karte wurde abgelehnt. Bitte eine andere versuchen."),
        ("insufficient_funds", "Diese Karte ist nicht gedeckt."),
        ("expired_card", "Diese Karte ist abgelaufen."),
        ("authentication_required", "Die Bank konnte nicht bestätigen, dass Sie es sind."),
    ],
};

/// The session's own wish, else the browser's.
pub fn language(locale: Option<&str>, accept_language: &str) -> &'static Texts {
    let named = |tag: &str| match tag.trim().get(..2)?.to_ascii_lowercase().as_str() {
        "de" => Some(&GERMAN),
        "en" => Some(&ENGLISH),
        _ => None,
    };
    if let Some(texts) = locale.and_then(named) {
        return texts;
    }
    let mut best: (f32, &'static Texts) = (0.0, &ENGLISH);
    for item in accept_language.split(',') {
        let (tag, quality) = item.split_once(";q=").unwrap_or((item, "1"));
        let quality = quality.trim().parse().unwrap_or(0.0);
        if let Some(texts) = named(tag)
            && quality > best.0
        {
            best = (quality, texts);
        }
    }
    best.1
}

/// `€1,234.50` or `1.234,50 €`
pub fn money(minor: i64, currency: &str, texts: &Texts) -> String {
    let digits = match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "ugx" | "vnd"
        | "vuv" | "xaf" | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    };
    let german = texts.lang == "de";
    let (group, point) = if german { ('.', ",") } else { (',', ".") };
    let scale = 10_u64.pow(digits);
    let (whole, rest) = (minor.unsigned_abs() / scale, minor.unsigned_abs() % scale);
    let mut number = grouped(whole, group);
    if digits > 0 {
        number = format!("{number}{point}{rest:0width$}", width = digits as usize);
    }
    let code = currency.to_uppercase();
    let symbol = match code.as_str() {
        "EUR" => "€",
        "USD" => "$",
        "GBP" => "£",
        code => code,
    };
    match (german, symbol.len() == 3 && symbol == code) {
        (true, _) => format!("{number}\u{a0}{symbol}"),
        (false, true) => format!("{symbol}\u{a0}{number}"),
        (false, false) => format!("{symbol}{number}"),
    }
}

fn grouped(number: u64, separator: char) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(money(123_450, "eur", &GERMAN), "1.234,50\u{a0}€");
        assert_eq!(money(123_450, "eur", &ENGLISH), "€1,234.50");
        assert_eq!(money(5, "chf", &ENGLISH), "CHF\u{a0}0.05");
        assert_eq!(money(1200, "jpy", &ENGLISH), "JPY\u{a0}1,200");
        assert_eq!(money(1_234_567, "kwd", &GERMAN), "1.234,567\u{a0}KWD");
    }

    #[test]
    fn the_language_is_the_buyers() {
        assert_eq!(language(None, "de-DE,de;q=0.9,en;q=0.8").lang, "de");
        assert_eq!(language(None, "fr,en;q=0.3,de;q=0.7").lang, "de");
        assert_eq!(language(None, "").lang, "en");
        assert_eq!(language(None, "é,*").lang, "en");
        assert_eq!(language(Some("de"), "en").lang, "de");
        assert_eq!(language(Some("auto"), "de").lang, "de");
    }
}
