//! Webhook signatures: `Stripe-Signature: t=<unix>,v1=<hex>[,v1=<hex>…][,v0=…]`, where
//! `v1 = HMAC-SHA256(secret, t + "." + raw body)`.
//!
//! Several `v1` arrive while a secret is being rolled, and several secrets are configured for the account's and the
//! Connect endpoint. Any `v1` under any secret passes. Other schemes are ignored: `v0` is a fake on purpose.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// A signature may be this far from our clock, in both directions. Stripe's own libraries check only the past, which
/// would let a leaked future signature live for ever.
pub const TOLERANCE_SECS: u64 = 300;

/// A header is some 80 bytes for each signature; this has room for every scheme in a roll.
const MAX_HEADER_BYTES: usize = 2048;
/// Each `v1` costs one HMAC comparison for each secret.
const MAX_SIGNATURES: usize = 8;
/// Bytes of an HMAC-SHA256.
const SIGNATURE_BYTES: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature header is longer than {MAX_HEADER_BYTES} bytes")]
    TooLong,
    #[error("the signature header is malformed: {0}")]
    Malformed(&'static str),
    #[error("the signature header has no v1 signature")]
    NoSignature,
    #[error("no webhook secret is configured")]
    NoSecret,
    #[error("no signature matches the body")]
    Mismatch,
    #[error("the signature is {0} s away from our clock; at most {TOLERANCE_SECS} s are allowed")]
    Stale(u64),
}

/// What a valid signature proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// When the sender signed, seconds since 1970.
    pub timestamp: i64,
    /// Which of the given secrets matched; tells the endpoints apart.
    pub secret: usize,
}

/// Checks the header against the raw bytes of the body. `now` is in seconds since 1970.
pub fn verify(
    header: &str,
    body: &[u8],
    secrets: &[SecretString],
    now: i64,
) -> Result<Verified, SignatureError> {
    let header = parse_header(header)?;
    if secrets.iter().all(|secret| secret.expose_secret().is_empty()) {
        return Err(SignatureError::NoSecret);
    }
    let secret =
        secrets.iter().position(|secret| matches(secret, &header, body)).ok_or(SignatureError::Mismatch)?;
    let distance = now.abs_diff(header.timestamp);
    if distance > TOLERANCE_SECS {
        return Err(SignatureError::Stale(distance));
    }
    Ok(Verified { timestamp: header.timestamp, secret })
}

/// Signs as the provider does; for tests and for replaying a stored event.
pub fn sign(secret: &SecretString, timestamp: i64, body: &[u8]) -> String {
    let mac = mac(secret, timestamp, body).finalize().into_bytes();
    format!("t={timestamp},v1={}", hex::encode(mac))
}

struct Header {
    timestamp: i64,
    signatures: Vec<[u8; SIGNATURE_BYTES]>,
}

fn parse_header(header: &str) -> Result<Header, SignatureError> {
    use SignatureError::Malformed;
    if header.len() > MAX_HEADER_BYTES {
        return Err(SignatureError::TooLong);
    }
    let mut timestamp = None;
    let mut signatures = Vec::new();
    for item in header.split(',') {
        let (scheme, value) = item.trim().split_once('=').ok_or(Malformed("expected scheme=value"))?;
        match scheme {
            "t" if timestamp.is_some() => return Err(Malformed("two timestamps")),
            "t" => timestamp = Some(parse_timestamp(value)?),
            "v1" if signatures.len() == MAX_SIGNATURES => return Err(Malformed("too many signatures")),
            "v1" => {
                let mut signature = [0; SIGNATURE_BYTES];
                hex::decode_to_slice(value, &mut signature)
                    .map_err(|_| Malformed("v1 is not 64 hex digits"))?;
                signatures.push(signature);
            }
            _ => {}
        }
    }
    let timestamp = timestamp.ok_or(Malformed("no timestamp"))?;
    if signatures.is_empty() {
        return Err(SignatureError::NoSignature);
    }
    Ok(Header { timestamp, signatures })
}

/// The signed text repeats the digits as they came, so only the one canonical spelling of a number is accepted.
fn parse_timestamp(value: &str) -> Result<i64, SignatureError> {
    let timestamp: i64 =
        value.parse().map_err(|_| SignatureError::Malformed("the timestamp is not a number"))?;
    if timestamp < 0 || timestamp.to_string() != value {
        return Err(SignatureError::Malformed("the timestamp is not a number"));
    }
    Ok(timestamp)
}

/// Compares in constant time. An empty secret matches nothing: anybody could sign with it.
fn matches(secret: &SecretString, header: &Header, body: &[u8]) -> bool {
    if secret.expose_secret().is_empty() {
        return false;
    }
    let mac = mac(secret, header.timestamp, body);
    header.signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
}

fn mac(secret: &SecretString, timestamp: i64, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of every length");
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;
    const NOW: i64 = 1_700_000_000;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn check(header: &str) -> Result<Verified, SignatureError> {
        verify(header, BODY, &[secret("whsec_a"), secret("whsec_b")], NOW)
    }

    fn v1(key: &str, timestamp: i64) -> String {
        sign(&secret(key), timestamp, BODY).split_once(",v1=").unwrap().1.to_owned()
    }

    #[test]
    fn known_vector() {
        // Computed with `openssl dgst -sha256 -hmac whsec_a` over "1700000000." and the body.
        assert_eq!(
            sign(&secret("whsec_a"), NOW, BODY),
            "t=1700000000,v1=df87fbe58f040d9c8b0a699dde357e2fdaaf72826b77a63b875a907f851d0b0d"
        );
    }

    #[test]
    fn accepts_any_v1_under_any_secret() {
        assert_eq!(check(&sign(&secret("whsec_a"), NOW, BODY)), Ok(Verified { timestamp: NOW, secret: 0 }));
        assert_eq!(check(&sign(&secret("whsec_b"), NOW, BODY)), Ok(Verified { timestamp: NOW, secret: 1 }));
        let (old, new) = (v1("whsec_old", NOW), v1("whsec_b", NOW));
        assert!(check(&format!("t={NOW},v1={old},v1={new}")).is_ok());
        assert!(check(&format!("t={NOW},v1={new},v1={old}")).is_ok());
        assert!(check(&format!("v1={new}, t={NOW}, v0={old}, v2=whatever")).is_ok());
    }

    #[test]
    fn refuses_another_body_secret_or_time() {
        let good = sign(&secret("whsec_a"), NOW, BODY);
        let other = [secret("whsec_x")];
        assert_eq!(verify(&good, b"{}", &[secret("whsec_a")], NOW), Err(SignatureError::Mismatch));
        assert_eq!(verify(&good, BODY, &other, NOW), Err(SignatureError::Mismatch));
        let moved = good.replace(&NOW.to_string(), &(NOW + 1).to_string());
        assert_eq!(check(&moved), Err(SignatureError::Mismatch));
    }

    #[test]
    fn tolerance_counts_in_both_directions() {
        for (offset, expected) in
            [(-300, None), (300, None), (-301, Some(301)), (301, Some(301)), (100_000, Some(100_000))]
        {
            let result = check(&sign(&secret("whsec_a"), NOW + offset, BODY));
            match expected {
                None => assert!(result.is_ok(), "{offset}"),
                Some(distance) => assert_eq!(result, Err(SignatureError::Stale(distance)), "{offset}"),
            }
        }
        let far = sign(&secret("whsec_a"), i64::MAX, BODY);
        assert!(matches!(check(&far), Err(SignatureError::Stale(_))));
    }

    #[test]
    fn ignores_other_schemes() {
        let signature = v1("whsec_a", NOW);
        assert_eq!(check(&format!("t={NOW},v0={signature}")), Err(SignatureError::NoSignature));
        assert_eq!(check(&format!("t={NOW},V1={signature}")), Err(SignatureError::NoSignature));
    }

    #[test]
    fn parses_strictly() {
        let good = v1("whsec_a", NOW);
        let cases = [
            String::new(),
            ",".into(),
            "t".into(),
            format!("v1={good}"),
            format!("t=,v1={good}"),
            format!("t=-1,v1={good}"),
            format!("t=+{NOW},v1={good}"),
            format!("t=0{NOW},v1={good}"),
            format!("t={NOW}.0,v1={good}"),
            format!("t=99999999999999999999,v1={good}"),
            format!("t={NOW},t={NOW},v1={good}"),
            format!("t={NOW},v1={}", &good[1..]),
            format!("t={NOW},v1={good}00"),
            format!("t={NOW},v1=zz{}", &good[2..]),
            format!("t={NOW},v1={good},"),
            format!("t={NOW}{}", format!(",v1={good}").repeat(MAX_SIGNATURES + 1)),
        ];
        for header in cases {
            assert!(matches!(check(&header), Err(SignatureError::Malformed(_))), "{header}");
        }
        let long = format!("t={NOW},v1={good},x={}", "y".repeat(MAX_HEADER_BYTES));
        assert_eq!(check(&long), Err(SignatureError::TooLong));
    }

    #[test]
    fn an_empty_secret_never_matches() {
        let forged = sign(&secret(""), NOW, BODY);
        assert_eq!(verify(&forged, BODY, &[], NOW), Err(SignatureError::NoSecret));
        assert_eq!(verify(&forged, BODY, &[secret("")], NOW), Err(SignatureError::NoSecret));
        assert_eq!(verify(&forged, BODY, &[secret(""), secret("a")], NOW), Err(SignatureError::Mismatch));
    }
}
