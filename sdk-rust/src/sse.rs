//! Server-sent events, cut out of a stream of bytes that come in pieces of any length.

use std::time::Duration;

/// More than the snapshot of the largest map: what is longer is no event of the platform.
const EVENT_MAX: usize = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServerSentEvent {
    pub(crate) kind: String,
    pub(crate) data: String,
}

/// An event that is longer than any of the platform's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

#[derive(Debug, Default)]
pub(crate) struct EventParser {
    /// A line that is not complete yet.
    rest: Vec<u8>,
    /// The last byte was a CR: an LF belongs to it.
    after_return: bool,
    kind: String,
    data: Vec<String>,
    length: usize,
    /// How long the server wants a client to wait before it comes again.
    pub(crate) retry: Option<Duration>,
}

impl EventParser {
    /// The events that are complete with this piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<ServerSentEvent>, TooLong> {
        let mut events = Vec::new();
        for &byte in piece {
            let is_half = std::mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n';
            if is_half {
                continue;
            }
            if byte != b'\r' && byte != b'\n' {
                self.length += 1;
                self.rest.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.rest);
            events.extend(self.line(&String::from_utf8_lossy(&line)));
        }
        if self.length > EVENT_MAX { Err(TooLong) } else { Ok(events) }
    }

    fn line(&mut self, line: &str) -> Option<ServerSentEvent> {
        if line.is_empty() {
            return self.end();
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.kind),
            "data" => self.data.push(value.to_owned()),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
            // A comment, the id that we know from the data, or something of another time.
            _ => {}
        }
        None
    }

    fn end(&mut self) -> Option<ServerSentEvent> {
        self.length = 0;
        let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
        (!data.is_empty()).then(|| ServerSentEvent { kind, data: data.join("\n") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b": hello\r\nretry: 1500\r\revent: diff\ndata: first\r\ndata:second\n\nevent: offer\ndata\n\nevent: lost\n\ndata: open";

    fn events(pieces: impl Iterator<Item = Vec<u8>>) -> (Vec<ServerSentEvent>, Option<Duration>) {
        let mut parser = EventParser::default();
        let events = pieces.flat_map(|piece| parser.push(&piece).unwrap()).collect();
        (events, parser.retry)
    }

    #[test]
    fn pieces_of_any_length_are_the_same_events() {
        let event = |kind: &str, data: &str| ServerSentEvent { kind: kind.into(), data: data.into() };
        let whole = events(std::iter::once(TEXT.to_vec()));
        assert_eq!(whole.0, [event("diff", "first\nsecond"), event("offer", "")]);
        assert_eq!(whole.1, Some(Duration::from_millis(1500)));
        for length in 1..TEXT.len() {
            assert_eq!(events(TEXT.chunks(length).map(<[u8]>::to_vec)), whole, "pieces of {length}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_kept() {
        let mut parser = EventParser::default();
        assert_eq!(parser.push(&vec![b'x'; EVENT_MAX]), Ok(vec![]));
        assert_eq!(parser.push(b"x"), Err(TooLong));
    }
}
