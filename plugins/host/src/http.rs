//! Which requests of a plugin may be made. The platform makes them; this says whether, and to which addresses.
//!
//! Whoever connects resolves the name itself, refuses every address that is not [`is_public`], connects to the address that
//! was judged, and follows no redirect: else a name that resolves twice reaches what is inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// Whether an address is somewhere on the public internet: not this machine, not its networks, nothing reserved.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => is_public_v4(v4),
            // Everything that is assigned so far, without documentation, tunnels and local registries.
            None => {
                let [first, second, ..] = v6.segments();
                first & 0xe000 == 0x2000
                    && !(first == 0x2001 && (second < 0x0200 || second == 0x0db8))
                    && !(first == 0x3fff && second < 0x1000)
            }
        },
    }
}

/// Addresses of version 4 inside of version 6: mapped, NAT64 and 6to4.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let reserved = match a {
        0 | 10 | 127 | 224..=255 => true,
        100 => (64..128).contains(&b),
        169 => b == 254,
        172 => (16..32).contains(&b),
        192 => b == 168 || (b == 0 && (c == 0 || c == 2)) || (b == 88 && c == 99),
        198 => b == 18 || b == 19 || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        _ => false,
    };
    !reserved
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

    #[test]
    fn what_is_inside_is_not_public() {
        for address in ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "192.0.1.1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.0.1",
            "192.168.1.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
