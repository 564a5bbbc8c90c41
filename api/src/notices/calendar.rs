//! An event for calendars (RFC 5545).

use chrono::{DateTime, Utc};
use eventflow_core::{Id, id};
use eventflow_store::{events::Event, venues::Venue};

/// Octets of a line, without its end.
const LINE_MAX: usize = 75;

/// A calendar with the event in it. The same event at the same revision gives the same text; a later revision replaces
/// it, because `host` and the event's number name it.
pub fn calendar(event: &Event, venue: &Venue, host: &str) -> String {
    let id = Id::<id::Event>::from(event.id);
    let place: Vec<&str> = [&venue.name, &venue.street, &venue.postal_code, &venue.city]
        .into_iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    let mut text = String::new();
    for (name, value) in [
        ("BEGIN", "VCALENDAR".to_owned()),
        ("VERSION", "2.0".to_owned()),
        ("PRODID", "-//EventFlow//Tickets//EN".to_owned()),
        ("METHOD", "PUBLISH".to_owned()),
        ("BEGIN", "VEVENT".to_owned()),
        ("UID", format!("{id}@{host}")),
        ("SEQUENCE", event.revision.to_string()),
        ("DTSTAMP", utc(event.updated_at)),
        ("DTSTART", utc(event.terms.starts_at)),
        ("DTEND", utc(event.terms.ends_at)),
        ("SUMMARY", escape(&event.terms.name)),
        ("LOCATION", escape(&place.join(", "))),
        ("END", "VEVENT".to_owned()),
        ("END", "VCALENDAR".to_owned()),
    ] {
        fold(&format!("{name}:{value}"), &mut text);
    }
    text
}

fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// RFC 5545, 3.3.11. Other control characters may not stand in a text at all.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// RFC 5545, 3.1: a long line goes on behind a space.
fn fold(line: &str, text: &mut String) {
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > LINE_MAX {
            text.push_str("\r\n ");
            length = 1;
        }
        text.push(c);
        length += c.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_no_line_breaks_out() {
        assert_eq!(escape("a;b,c\\d\r\ne\u{7}f\rg"), "a\\;b\\,c\\\\d\\ne f g");
    }

    #[test]
    fn lines_are_folded_between_characters() {
        let line = format!("SUMMARY:{}", "ü€🎫".repeat(40));
        let mut text = String::new();
        fold(&line, &mut text);
        assert!(text.ends_with("\r\n") && text.split("\r\n").all(|line| line.len() <= LINE_MAX), "{text}");
        assert_eq!(text.replace("\r\n ", ""), line + "\r\n");
    }
}
