//! Origins of pages, in the one spelling in which browsers send them: that is how they are compared.

use eventflow_core::Refusal;

use crate::wire::Text;

/// Origins of one publishable key.
pub const ORIGINS_MAX: usize = 20;

/// The origins of the field `param` as browsers write them, each once.
pub fn parse<const MIN: usize, const MAX: usize>(
    param: &str,
    texts: &[Text<MIN, MAX>],
) -> Result<Vec<String>, Refusal> {
    if texts.len() > ORIGINS_MAX {
        return Err(Refusal::invalid(param, format!("A key has at most {ORIGINS_MAX} origins.")));
    }
    let mut origins = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let origin = canonical(text).ok_or_else(|| {
            let detail = "Expected `https://host` or `https://host:port` without a path \
                          (`http://` only with `localhost` and `127.0.0.1`).";
            Refusal::invalid(format!("{param}[{index}]"), detail)
        })?;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(origins)
}

/// `HTTPS://Example.org:443` -> `https://example.org`; `None` for what no browser sends as an origin.
fn canonical(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(parse_port(port)?)),
        None => (authority, None),
    };
    let usual_port = match scheme {
        "https" => 443,
        "http" if matches!(host, "localhost" | "127.0.0.1") => 80,
        _ => return None,
    };
    if !is_host(host) {
        return None;
    }
    Some(match port.filter(|port| *port != usual_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| digits)
}

/// A name in the domain name system or an IPv4 address; names in other scripts come as `xn--…`.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_kept_as_browsers_write_them() {
        for (given, kept) in [
            ("https://tickets.example.org", "https://tickets.example.org"),
            ("HTTPS://Tickets.Example.org:443", "https://tickets.example.org"),
            ("https://example.org:8443", "https://example.org:8443"),
            ("https://xn--mller-kva.example", "https://xn--mller-kva.example"),
            ("https://192.0.2.7", "https://192.0.2.7"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://localhost:80", "http://localhost"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("https://localhost", "https://localhost"),
        ] {
            assert_eq!(canonical(given).as_deref(), Some(kept), "{given}");
        }
    }

    #[test]
    fn what_no_browser_sends_or_nobody_should_trust_is_refused() {
        for text in [
            "",
            "null",
            "*",
            "https://",
            "https://*.example.org",
            "https://example.org/",
            "https://example.org/shop",
            "https://example.org?x",
            "https://user@example.org",
            "https://example.org:",
            "https://example.org:0",
            "https://example.org:070",
            "https://example.org:65536",
            "https://example.org:+80",
            "https://example.org:80:80",
            "https://-example.org",
            "https://example..org",
            "https://müller.example",
            "https://exa mple.org",
            "http://example.org",
            "http://localhost.example.org",
            "ftp://localhost",
            "example.org",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn the_one_at_fault_is_named() {
        let texts = [Text::<1, 300>("https://a.example".into()), Text("http://b.example".into())];
        assert_eq!(parse("origins", &texts).unwrap_err().param.as_deref(), Some("origins[1]"));
        let twice = [Text::<1, 300>("https://a.example".into()), Text("https://A.example:443".into())];
        assert_eq!(parse("origins", &twice).unwrap(), ["https://a.example"]);
    }
}
