//! The little that is needed of HTTP/1.1 and of the Redis protocol.

use std::{io::Write, ops::Range};

use anyhow::{Context, Result, bail};

/// A complete answer in a buffer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Range<usize>,
}

/// The answer that stands in the buffer, once it is complete.
pub fn http_answer(buffer: &[u8]) -> Result<Option<Answer>> {
    let Some(head) = find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let mut lines = buffer[..head].split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| line.get(9..12)).context("no status line")?;
    let status: u16 = std::str::from_utf8(status)?.parse().context("no status")?;
    let mut length = 0;
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.eq_ignore_ascii_case(b"content-length") {
            length = std::str::from_utf8(value)?.trim().parse().context("content-length")?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            bail!("this client does not read chunked answers");
        }
    }
    // An answer to a conditional read names the length of the body that it does not have.
    if matches!(status, 204 | 304) {
        length = 0;
    }
    let body = head + 4..head + 4 + length;
    Ok((buffer.len() >= body.end).then_some(Answer { status, body }))
}

/// Integers, errors and arrays are told apart by their first byte, which becomes the status. An array is complete when
/// its last bulk string is; nested ones do not occur.
pub fn redis_answer(buffer: &[u8]) -> Result<Option<Answer>> {
    let Some(mut end) = find(buffer, b"\r\n").map(|end| end + 2) else { return Ok(None) };
    let status = u16::from(buffer[0]);
    if status == u16::from(b'*') {
        let count: usize = std::str::from_utf8(&buffer[1..end - 2])?.parse()?;
        for _ in 0..count {
            let Some(line) = find(&buffer[end..], b"\r\n") else { return Ok(None) };
            let head = &buffer[end..end + line];
            end += line + 2;
            if head.first() == Some(&b'$') {
                end += std::str::from_utf8(&head[1..])?.parse::<usize>()? + 2;
            }
            if buffer.len() < end {
                return Ok(None);
            }
        }
    }
    Ok(Some(Answer { status, body: 0..end }))
}

pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

pub const JSON: &str = "application/json";

/// Writes a whole request, with JSON if it has a body.
pub fn request(out: &mut Vec<u8>, method: &str, path: &str, token: &str, body: Option<&[u8]>) {
    request_of(out, method, path, token, body.map(|body| (JSON, body)));
}

/// Writes a whole request, with a body of a media type.
pub fn request_of(out: &mut Vec<u8>, method: &str, path: &str, token: &str, body: Option<(&str, &[u8])>) {
    let _ = write!(out, "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n");
    if let Some((kind, body)) = body {
        let _ = write!(out, "content-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        out.extend_from_slice(body);
    } else {
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes a command of Redis.
pub fn command(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let _ = write!(out, "*{}\r\n", parts.len());
    for part in parts {
        let _ = write!(out, "${}\r\n", part.len());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_complete_when_their_last_byte_is_there() {
        let whole = b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\nx: y\r\n\r\nbody";
        for cut in 0..whole.len() {
            assert!(http_answer(&whole[..cut]).unwrap().is_none());
        }
        let answer = http_answer(whole).unwrap().unwrap();
        assert_eq!((answer.status, &whole[answer.body]), (201, &b"body"[..]));
        let none = b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n";
        assert_eq!(http_answer(none).unwrap().unwrap().body.len(), 0);
    }

    #[test]
    fn redis_answers_are_complete_when_their_last_byte_is_there() {
        for whole in [&b":1\r\n"[..], b"-ERR no\r\n", b"*2\r\n$6\r\nplaced\r\n:5\r\n"] {
            assert!((0..whole.len()).all(|cut| redis_answer(&whole[..cut]).unwrap().is_none()));
            assert_eq!(redis_answer(whole).unwrap().unwrap().body.end, whole.len());
        }
    }
}
