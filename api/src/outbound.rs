//! Requests that the platform makes to addresses of others: what plugins want fetched, and webhooks. They go to the public
//! internet only. Names are resolved here, the connection goes to the address that was judged, and where an answer points
//! is not followed: else a name that resolves twice, or a redirect, reaches what is inside.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};

/// Ports below are those of other services, which must not be talked to; but for that of https.
const PORT_MIN: u16 = 1024;
const HTTPS_PORT: u16 = 443;
/// More than other programs take.
const URL_BYTES_MAX: usize = 2_000;

/// Whether this machine may be reached too: on the machines of developers, and in tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    Allowed,
    Refused,
}

/// A client that reaches public addresses only.
pub fn client(timeout: Duration, loopback: Loopback) -> ClientBuilder {
    Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(timeout)
        .no_proxy()
        .dns_resolver(Guard(loopback))
        .user_agent(concat!("EventFlow/", env!("CARGO_PKG_VERSION")))
}

/// Resolves names to public addresses only; what is connected to is what was judged.
struct Guard(Loopback);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback = self.0;
        Box::pin(async move {
            // The port is put in later.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map(Vec::from_iter);
            let fits = |address: &SocketAddr| {
                is_public(address.ip()) || loopback == Loopback::Allowed && address.ip().is_loopback()
            };
            let fitting: Vec<SocketAddr> = found.iter().flatten().copied().filter(fits).collect();
            if fitting.is_empty() {
                // Only operators learn which names are known inside.
                tracing::info!(host = name.as_str(), ?found, "a name leads nowhere on the public internet");
                return Err(format!("`{}` has no address on the public internet", name.as_str()).into());
            }
            Ok(Box::new(fitting.into_iter()) as Addrs)
        })
    }
}

/// A URL that requests may go to, in its normal form: https, a host by its name, no user and no password. A client connects to
/// addresses that stand in a URL without asking [`Guard`].
///
/// # Errors
/// What is wrong with it, and what to do.
pub fn check_url(text: &str, loopback: Loopback) -> Result<Url, String> {
    let expected = || "Expected a URL, as `https://example.org/webhooks`.".to_owned();
    let mut url = Url::parse(text).map_err(|_| expected())?;
    let host = url.host_str().unwrap_or_default();
    // One dot may end a name. What is judged below is what the rest is read as, which may be an address.
    let host = host.strip_suffix('.').unwrap_or(host).to_owned();
    url.set_host(Some(&host)).map_err(|_| expected())?;
    if url.as_str().len() > URL_BYTES_MAX {
        return Err(format!(
            "Expected at most {URL_BYTES_MAX} characters, those that are escaped count thrice."
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("Leave user, password and fragment out; signatures prove who sends.".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    if loopback == Loopback::Allowed && is_here && matches!(url.scheme(), "http" | "https") {
        return Ok(url);
    }
    if url.scheme() != "https" {
        return Err("Expected `https://`.".to_owned());
    }
    if !url.domain().is_some_and(|name| name.contains('.') && is_host_name(name)) {
        return Err("Expected the name of a host on the public internet.".to_owned());
    }
    match url.port_or_known_default() {
        Some(port) if port == HTTPS_PORT || port >= PORT_MIN => Ok(url),
        _ => Err(format!("Use the port {HTTPS_PORT}, or one from {PORT_MIN} on.")),
    }
}

/// Labels of 1 to 63 bytes, 253 bytes in all (RFC 1035, section 2.3.4).
pub fn is_host_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

pub const TOO_LATE: &str = "no answer in time";

/// Why a request got no answer, without the URL: what lies at the bottom says most.
pub fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return TOO_LATE.to_owned();
    }
    let error = error.without_url();
    let mut bottom: &dyn Error = &error;
    while let Some(source) = bottom.source() {
        bottom = source;
    }
    bottom.to_string()
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

    #[tokio::test]
    async fn names_of_this_machine_are_reached_only_where_that_is_allowed() {
        let resolve = async |loopback| {
            let found = Guard(loopback).resolve("localhost".parse().unwrap()).await;
            found.map(|addresses| addresses.count()).map_err(|error| error.to_string())
        };
        let refused = resolve(Loopback::Refused).await.unwrap_err();
        assert_eq!(refused, "`localhost` has no address on the public internet");
        assert!(resolve(Loopback::Allowed).await.unwrap() > 0);
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_told_like_one_that_is_known_inside() {
        let refused = async |name: &str| {
            let found = Guard(Loopback::Refused).resolve(name.parse().unwrap()).await;
            found.map(|_| ()).unwrap_err().to_string().replace(name, "NAME")
        };
        assert_eq!(refused("nobody.invalid").await, refused("localhost").await);
    }

    #[tokio::test]
    async fn a_request_to_a_name_of_this_machine_says_why_it_is_not_made() {
        let client = client(Duration::from_secs(5), Loopback::Refused).build().unwrap();
        let error = client.get("https://localhost/").send().await.unwrap_err();
        assert_eq!(reason(error), "`localhost` has no address on the public internet");
    }

    #[test]
    fn urls_lead_to_the_public_internet() {
        for url in
            ["https://example.org/hooks?a=b", "https://hooks.example.org:8443", "https://EXAMPLE.org./"]
        {
            assert!(check_url(url, Loopback::Refused).is_ok(), "{url}");
        }
        for (typed, normal) in [
            ("HTTPS://Hooks.EXAMPLE.org.:443/a/../b?c=d e", "https://hooks.example.org/b?c=d%20e"),
            ("https://bücher.example", "https://xn--bcher-kva.example/"),
            (" https://example.org/\n", "https://example.org/"),
        ] {
            assert_eq!(check_url(typed, Loopback::Refused).unwrap().as_str(), normal);
        }
        let long = format!("https://example.org/{}", "ä".repeat(400));
        assert!(check_url(&long, Loopback::Refused).unwrap_err().contains("2000"));
        let refused = [
            "example.org",
            "ftp://example.org/",
            "http://example.org/",
            "https://user@example.org/",
            "https://:secret@example.org/",
            "https://example.org/#part",
            "https://example.org:22/",
            "https://localhost/",
            "https://intranet/",
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://8.8.8.8/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://127.0.0.1./",
            "https://./",
            // Found by the fuzzer: without its last dots the name is an address.
            "https://127.1../",
            "https://0x7f000001..../",
            "https://5.55...../",
            "https://example.org../",
            "https://hooks..example.org/",
            "https://.example.org/",
        ];
        for url in refused {
            assert!(check_url(url, Loopback::Refused).is_err(), "{url}");
        }
        for url in
            ["http://127.0.0.1:8080/", "http://localhost:1/", "http://[::1]:9/", "https://example.org/"]
        {
            assert!(check_url(url, Loopback::Allowed).is_ok(), "{url}");
        }
        for url in ["http://example.org/", "http://10.0.0.1/", "http://169.254.169.254/"] {
            assert!(check_url(url, Loopback::Allowed).is_err(), "{url}");
        }
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
