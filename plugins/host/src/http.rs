//! Which requests of a plugin may be made. The platform makes them; this says whether.
//!
//! Whoever connects resolves the name itself, refuses every address that is not public, connects to the address that was
//! judged, and follows no redirect: else a name that resolves twice reaches what is inside.

use crate::{limits, values::HttpRequest};

/// Why a request is not made. The plugin then sees status 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    #[error("`{0}` is not an https URL of a host, without user, password and port")]
    Url(String),
    #[error("the organizer did not allow `{0}`")]
    Host(String),
    #[error("the method is GET or POST")]
    Method,
    #[error("the header `{0}` is not allowed")]
    Header(String),
    #[error("the request is too large")]
    TooLarge,
}

/// Headers that belong to whoever connects.
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Judges a request by its words; answers the host that it goes to.
pub fn check<'a>(request: &'a HttpRequest, allowed_hosts: &[String]) -> Result<&'a str, HttpError> {
    let host = host(&request.url).ok_or_else(|| HttpError::Url(request.url.chars().take(100).collect()))?;
    if !allowed_hosts.iter().any(|pattern| matches_host(pattern, host)) {
        return Err(HttpError::Host(host.to_owned()));
    }
    if !matches!(request.method.as_str(), "GET" | "POST") {
        return Err(HttpError::Method);
    }
    for header in &request.headers {
        let name = header.name.to_ascii_lowercase();
        let is_token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let is_plain = header.value.bytes().all(|b| (0x20..0x7f).contains(&b));
        if !is_token || !is_plain || OWN_HEADERS.contains(&name.as_str()) {
            return Err(HttpError::Header(header.name.chars().take(100).collect()));
        }
    }
    let size = request.url.len()
        + request.body.len()
        + request.headers.iter().map(|header| header.name.len() + header.value.len()).sum::<usize>();
    if size > limits::OUTPUT_BYTES { Err(HttpError::TooLarge) } else { Ok(host) }
}

/// The host of `https://host/…`. A literal address, a port or a user is no host.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    if !url.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'\\') {
        return None;
    }
    let host = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    is_host_name(host).then_some(host)
}

/// Lower-case letters, digits and hyphens; the last label begins with a letter: `10.0.0.1` and `0x7f.0x1` are no names.
fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(is_label)
        && host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// `api.example.org`, or `*.example.org`.
pub fn is_host_pattern(pattern: &str) -> bool {
    is_host_name(pattern.strip_prefix("*.").unwrap_or(pattern))
}

fn matches_host(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        None => pattern == host,
        Some(parent) => host.strip_suffix(parent).is_some_and(|below| below.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Attribute;

    fn get(url: &str) -> HttpRequest {
        HttpRequest { method: "GET".to_owned(), url: url.to_owned(), ..HttpRequest::default() }
    }

    #[test]
    fn only_allowed_hosts_by_name_over_tls() {
        let allowed = ["api.example.org".to_owned(), "*.members.example".to_owned()];
        for url in
            ["https://api.example.org/a?b=c", "https://api.example.org", "https://eu.members.example/x"]
        {
            assert!(check(&get(url), &allowed).is_ok(), "{url}");
        }
        for url in [
            "http://api.example.org/",
            "https://api.example.org:8443/",
            "https://user@api.example.org/",
            "https://api.example.org\\@evil.example/",
            "https://evil.example/api.example.org",
            "https://members.example/",
            "https://evilmembers.example/",
            "https://127.0.0.1/",
            "https://0x7f.0x1/",
            "https://[::1]/",
            "https://localhost/",
            "https://api.example.org.evil.example/",
            "https://api.example.org /",
        ] {
            assert!(check(&get(url), &allowed).is_err(), "{url}");
        }
    }

    #[test]
    fn headers_cannot_smuggle() {
        let allowed = ["api.example.org".to_owned()];
        let with = |name: &str, value: &str| HttpRequest {
            headers: vec![Attribute { name: name.to_owned(), value: value.to_owned() }],
            ..get("https://api.example.org/")
        };
        assert!(check(&with("authorization", "secret:token"), &allowed).is_ok());
        for (name, value) in [("Host", "x"), ("a b", "x"), ("a", "x\r\ny: z"), ("", "x"), ("cookie", "x")] {
            assert!(check(&with(name, value), &allowed).is_err(), "{name}");
        }
        assert_eq!(
            check(&HttpRequest { method: "DELETE".to_owned(), ..get("https://api.example.org/") }, &allowed),
            Err(HttpError::Method)
        );
    }
}
