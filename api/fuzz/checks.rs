//! What has to hold whatever bytes come to the server: one function for each thing that it reads of strangers. The fuzz
//! targets call them, and so does the test suite with changed samples (`api/tests/it/decoders.rs`). Each says whether the
//! bytes were taken.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature, SigningKey};
use eventflow_api::{
    auth,
    outbound::{self, Loopback},
    tokens::{BuyerToken, Subject, Tokens},
    webhooks, wire,
    wire::{Cursor, Window},
    worker,
};
use eventflow_core::Id;
use eventflow_payments::{event, parse_event, signature};
use eventflow_store::{platform_keys::PlatformKey, webhook_endpoints::Keys};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use uuid::Uuid;

/// The clock of the samples, seconds since 1970.
const NOW: i64 = 1_700_000_000;

static SECRETS: LazyLock<[SecretString; 2]> =
    LazyLock::new(|| ["whsec_a", "whsec_b"].map(SecretString::from));

/// What is taken as signed has a signature that one of our secrets made of these very bytes, and not long ago.
/// Data: the header, a line feed, the body.
pub fn provider_signature(data: &[u8]) -> bool {
    let (header, body) = halves(data);
    let Ok(header) = str::from_utf8(header) else { return false };
    // A true signature of this body is taken, and of no other.
    let ours = signature::sign(&SECRETS[1], NOW, body);
    assert!(signature::verify(&ours, body, &*SECRETS, NOW).is_ok());
    assert!(signature::verify(&ours, &[body, b" "].concat(), &*SECRETS, NOW).is_err());
    let Ok(verified) = signature::verify(header, body, &*SECRETS, NOW) else { return false };
    assert!(verified.timestamp.abs_diff(NOW) <= signature::TOLERANCE_SECS);
    let signed = [format!("{}.", verified.timestamp).as_bytes(), body].concat();
    let secret = SECRETS[verified.secret].expose_secret().as_bytes();
    assert!(header.to_lowercase().contains(&hex::encode(hmac(secret, &signed))), "{header}");
    true
}

/// What is read of an event can be kept by the inbox, and comes back from it as it was.
pub fn provider_event(data: &[u8]) -> bool {
    let Ok(event) = parse_event(data) else { return false };
    let written = serde_json::to_vec(&event).expect("an event is JSON");
    assert_eq!(serde_json::from_slice::<event::ProviderEvent>(&written).ok().as_ref(), Some(&event));
    let row = worker::new_event(&event, event.account.as_deref().unwrap_or_default());
    assert!(!row.provider_event_id.is_empty() && !row.kind.is_empty());
    let words =
        ["payment_intent", "status", "payment_status", "api_version"].map(|name| row.payload[name].as_str());
    let fields =
        [&row.provider_event_id, &row.kind, &row.object_id, &row.account].map(|text| Some(text.as_str()));
    for text in words.into_iter().chain(fields).flatten() {
        assert!(text.len() <= event::MAX_NAME_BYTES && !text.contains('\0'), "{text:?}");
    }
    assert_eq!(row.payload["payment_intent"].as_str(), row.payment_intent.as_deref());
    true
}

/// A token has one spelling: what is taken is what we signed, to the letter.
/// Data: a token; or changes to a good one, three bytes each: where (two bytes), and the new character.
pub fn buyer_token(data: &[u8]) -> bool {
    const BUYER: BuyerToken = BuyerToken {
        tenant: Id::from_uuid(Uuid::from_u128(1)),
        event: Id::from_uuid(Uuid::from_u128(2)),
        subject: Subject::Order(Id::from_uuid(Uuid::from_u128(3))),
    };
    static TOKENS: LazyLock<(Tokens, String)> = LazyLock::new(|| {
        let key = SigningKey::from_bytes(&[7; 32]);
        let (public_key, private_key) = (key.verifying_key().to_bytes(), key.to_bytes());
        let keys = [PlatformKey { id: Uuid::from_u128(9), public_key, private_key }];
        let tokens = Tokens::of(&keys).expect("there is a key");
        let text = tokens.sign(BUYER, Utc::now(), DateTime::<Utc>::MAX_UTC);
        (tokens, text)
    });
    let (tokens, ours) = &*TOKENS;
    if let Ok(text) = str::from_utf8(data) {
        assert!(text == ours || tokens.verify(text).is_none(), "{text}");
    }
    let mut changed = ours.clone().into_bytes();
    for change in data.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % changed.len();
        changed[at] = change[2];
    }
    let Ok(text) = str::from_utf8(&changed) else { return false };
    let Some(read) = tokens.verify(text) else { return false };
    assert_eq!(text, ours);
    assert_eq!((read.tenant, read.event, read.subject), (BUYER.tenant, BUYER.event, BUYER.subject));
    true
}

/// What is taken as a cursor is one that we give, to the letter.
pub fn cursor(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    let window = Window::new(None, Some(text.into()));
    if let Ok(window) = window {
        let after = window.after.expect("a cursor names the last row");
        let page = Window { limit: 1, after: None }.page(vec![after, after], |row| *row, |_| true);
        assert_eq!(page.next_cursor.as_deref(), Some(text));
        assert_eq!(window.limit, i64::from(wire::PAGE_DEFAULT));
        return true;
    }
    is_cursor::<8>(text) || is_cursor::<48>(text)
}

fn is_cursor<const DIGITS: usize>(text: &str) -> bool {
    let number = |digits: &str| digits.get(..8).and_then(|first| i32::from_str_radix(first, 16).ok());
    Cursor::<DIGITS>::from(text).read(number).is_ok_and(|number| {
        assert!(number >= 0 && text.len() == DIGITS && text.starts_with(&format!("{number:08x}")), "{text}");
        true
    })
}

/// The same request has the same fingerprint and every other one another, also one whose parts lie together the same.
/// Data: method, a line feed, path, a line feed, body.
pub fn fingerprint(data: &[u8]) -> bool {
    let (method, rest) = halves(data);
    let (path, body) = halves(rest);
    let (Ok(method), Ok(path)) = (str::from_utf8(method), str::from_utf8(path)) else { return false };
    // Neither can stand in a request.
    if method.contains('\0') || path.contains('\0') || !path.starts_with('/') {
        return false;
    }
    let ours = auth::fingerprint(method, path, body);
    assert_eq!(auth::fingerprint(method, path, body), ours);
    let differs = |method: &str, path: &str, body: &[u8]| {
        assert_ne!(auth::fingerprint(method, path, body), ours, "{method} {path}");
    };
    let (head, tail) = path.split_at(1);
    differs(&format!("{method}{head}"), tail, body);
    if let Some((at, last)) = path.char_indices().next_back() {
        differs(method, &path[..at], &[last.to_string().as_bytes(), body].concat());
    }
    if let Some((first, rest)) = body.split_first() {
        if *first != 0 {
            differs(method, &format!("{path}{}", char::from(*first)), rest);
        }
        differs(method, path, rest);
        differs(method, path, &[&[first ^ 1], rest].concat());
    }
    differs(method, path, &[body, b" "].concat());
    differs(&format!("{method}X"), path, body);
    true
}

/// What is taken as the URL of a receiver is a name on the public internet, under https, on a port of no other service, and
/// the same when it is read again.
pub fn webhook_url(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    let Ok(url) = outbound::check_url(text, Loopback::Refused) else { return false };
    assert_eq!(url.scheme(), "https");
    let host = url.domain().unwrap_or_else(|| panic!("{url} has no name"));
    assert!(host.parse::<IpAddr>().is_err() && host.contains('.'), "{url}");
    assert!(host.split('.').all(|label| !label.is_empty()), "{url}");
    // A host that ends in a number is an address, in whatever base.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|b| b.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    assert!(!is_number, "{url}");
    let fits = |b: u8| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"#%/:<>?@[\\]^|".contains(&b);
    assert!(host.bytes().all(fits), "{url}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
    assert!(url.port().is_none_or(|port| port >= 1024) && url.as_str().len() <= 2_000, "{url}");
    let again = outbound::check_url(url.as_str(), Loopback::Refused);
    assert_eq!(again.as_ref(), Ok(&url));
    // Where this machine may be reached too, nothing else is taken beside it.
    assert_eq!(outbound::check_url(text, Loopback::Allowed).as_ref(), Ok(&url));
    true
}

/// Networks that are no places on the public internet: the registries of special addresses of IANA, and what tunnels to them.
const INSIDE: [(&str, u32); 34] = [
    ("0.0.0.0", 8),
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("192.88.99.0", 24),
    ("192.168.0.0", 16),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("224.0.0.0", 4),
    ("240.0.0.0", 4),
    ("::", 96),
    ("::ffff:0:0:0", 96),
    ("64:ff9b:1::", 48),
    ("100::", 64),
    ("100:0:0:1::", 64),
    ("2001::", 32),
    ("2001:1::", 32),
    ("2001:2::", 48),
    ("2001:3::", 32),
    ("2001:4:112::", 48),
    ("2001:10::", 28),
    ("2001:20::", 28),
    ("2001:30::", 28),
    ("2001:db8::", 32),
    ("3fff::", 20),
    ("5f00::", 16),
    ("fc00::", 7),
    ("fe80::", 9),
    ("ff00::", 8),
];

/// No address of [`INSIDE`] is public, and none that leads to one: mapped, through NAT64 or 6to4.
/// Data: 4 or 16 bytes, or the address as text.
pub fn public_address(data: &[u8]) -> bool {
    let address = match data.len() {
        4 => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
        _ => None,
    };
    let Some(address) = str::from_utf8(data).ok().and_then(|text| text.parse().ok()).or(address) else {
        return false;
    };
    let inside = |address: IpAddr| {
        INSIDE.iter().any(|(network, bits)| is_in(address, network.parse().expect("a network"), *bits))
    };
    let public = outbound::is_public(address);
    assert!(!public || !inside(address), "{address} is inside");
    match address {
        IpAddr::V4(v4) => {
            assert!(public || inside(address), "{address} is nowhere inside");
            for v6 in leading_to(v4) {
                assert_eq!(outbound::is_public(v6.into()), public, "{v6}");
            }
        }
        // What is assigned so far, and the two ways to version 4.
        IpAddr::V6(v6) => {
            let [first, ..] = v6.segments();
            assert!(!public || first & 0xe000 == 0x2000 || [0, 0x64].contains(&first), "{address}");
        }
    }
    public
}

fn leading_to(v4: Ipv4Addr) -> [Ipv6Addr; 4] {
    let bits = u128::from(v4.to_bits());
    let nat64 = 0x0064_ff9b_u128 << 96;
    [
        v4.to_ipv6_mapped(),
        (nat64 | bits).into(),
        (0x2002_u128 << 112 | bits << 80).into(),
        (0x2002_u128 << 112 | bits << 80 | 1).into(),
    ]
}

fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits
        }
        _ => false,
    }
}

/// Receivers verify what we sign with the secret and with the public key, and nothing else: another id, time, body or key.
/// Data: the body.
pub fn webhook_signature(data: &[u8]) -> bool {
    let keys = [1, 2, 3].map(|n| Keys { secret: [n; 32], private: SigningKey::from_bytes(&[n; 32]) });
    let (id, body) = ("log_01h455vb4pex5vsknk084sn02q", data);
    let header = webhooks::signature::header(&keys[..2], id, NOW, body);
    let verifies = |keys: &Keys, id: &str, at: i64, body: &[u8]| {
        let signed = [format!("{id}.{at}.").as_bytes(), body].concat();
        let mut found = (false, false);
        for entry in header.split(' ') {
            let (version, signature) = entry.split_once(',').expect("a version and a signature");
            let signature = STANDARD.decode(signature).expect("Base64");
            match version {
                "v1" => found.0 |= signature == hmac(&keys.secret, &signed),
                "v1a" => {
                    let signature = Signature::from_slice(&signature).expect("64 bytes");
                    found.1 |= keys.private.verifying_key().verify_strict(&signed, &signature).is_ok();
                }
                other => panic!("{other} is no version"),
            }
        }
        found
    };
    for keys in &keys[..2] {
        assert_eq!(verifies(keys, id, NOW, body), (true, true));
        assert_eq!(verifies(keys, id, NOW + 1, body), (false, false));
        assert_eq!(verifies(keys, "log_01h455vb4pex5vsknk084sn02r", NOW, body), (false, false));
        assert_eq!(verifies(keys, id, NOW, &[body, b"\n"].concat()), (false, false));
        if let Some((first, rest)) = body.split_first() {
            assert_eq!(verifies(keys, id, NOW, &[&[first ^ 0x80], rest].concat()), (false, false));
        }
    }
    assert_eq!(verifies(&keys[2], id, NOW, body), (false, false));
    str::from_utf8(data).is_ok()
}

fn hmac(secret: &[u8], signed: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of every length");
    mac.update(signed);
    mac.finalize().into_bytes().into()
}

/// Before and behind the first line feed.
fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[]),
    }
}
