//! Tickets without a network: what a code says, and whether we signed it. The same code as in the platform.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use ed25519_dalek::VerifyingKey;
use eventflow_core::{Id, id};

pub use eventflow_core::ticket::{Flags, KeyRing, KeyState, Minute, RingKey, SignedToken, Token, TokenError};

use crate::types::{TicketKey, TicketKeyState};

/// Why something is no public key of tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key {kid} is not the public key of an Ed25519 pair: are the keys those of `ticket_keys.list`?")]
pub struct KeyError {
    pub kid: u32,
}

/// The keys of a tenant, as `client.ticket_keys().list()` answers them. Keep them: this is all that a door needs.
pub fn key_ring(keys: &[TicketKey]) -> Result<KeyRing, KeyError> {
    keys.iter().map(|key| ring_key(key).ok_or(KeyError { kid: key.kid })).collect()
}

/// What a ticket says, if one of the keys signed it. Whether it was used or voided, `check_ins.create` says.
pub fn verify(text: &str, keys: &KeyRing) -> Result<Token, TokenError> {
    SignedToken::parse(text)?.verify(keys)
}

/// The id of the ticket, as everywhere in the API: `tkt_…`.
pub fn ticket_id(token: &Token) -> String {
    Id::<id::Ticket>::from(token.ticket_id).to_string()
}

/// Whether a moment lies in the window of a ticket. The clock of a door may be wrong by `tolerance`.
pub fn is_valid_at(token: &Token, moment: DateTime<Utc>, tolerance: Duration) -> bool {
    moment + tolerance >= token.not_before.to_utc() && moment - tolerance <= token.not_after.to_utc()
}

fn ring_key(key: &TicketKey) -> Option<(u8, RingKey)> {
    let bytes: [u8; 32] = STANDARD.decode(&key.public_key).ok()?.try_into().ok()?;
    let state = match key.state {
        TicketKeyState::Active => KeyState::Active,
        TicketKeyState::Retired => KeyState::Retired,
        // Whatever else a key may become, it is not to be trusted.
        TicketKeyState::Revoked | TicketKeyState::Unknown => KeyState::Revoked,
    };
    Some((u8::try_from(key.kid).ok()?, RingKey { key: VerifyingKey::from_bytes(&bytes).ok()?, state }))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    #[test]
    fn keys_of_the_api_verify_what_they_signed() {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let at = |time: &str| Minute::floor(time.parse().unwrap()).unwrap();
        let token = Token {
            kid: 3,
            event_no: 1,
            ticket_id: uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001),
            generation: 1,
            type_no: 2,
            not_before: at("2030-06-01T18:00:00Z"),
            not_after: at("2030-06-02T18:00:00Z"),
            flags: Flags::from_bits(0),
        };
        let text = token.sign(&signing).to_text();
        let key = |state: &str, kid: u32, public_key: &str| -> TicketKey {
            let created_at = "2030-01-01T00:00:00Z";
            serde_json::from_value(serde_json::json!({
                "kid": kid, "state": state, "public_key": public_key, "created_at": created_at,
            }))
            .unwrap()
        };
        let public = STANDARD.encode(signing.verifying_key().to_bytes());
        let ring = key_ring(&[key("retired", 3, &public)]).unwrap();
        assert_eq!(verify(&text, &ring), Ok(token));
        assert_eq!(ticket_id(&token), "tkt_01j0000000e008000000000001");
        for state in ["revoked", "eaten"] {
            assert_eq!(
                verify(&text, &key_ring(&[key(state, 3, &public)]).unwrap()),
                Err(TokenError::RevokedKey)
            );
        }
        assert_eq!(verify(&text, &key_ring(&[]).unwrap()), Err(TokenError::UnknownKey));
        for (kid, public) in [(256, public.as_str()), (3, "AAAA"), (3, "not Base64")] {
            assert_eq!(key_ring(&[key("active", kid, public)]), Err(KeyError { kid }));
        }

        let valid = |time: &str, tolerance| {
            is_valid_at(&token, time.parse().unwrap(), Duration::from_secs(tolerance))
        };
        assert!(valid("2030-06-01T18:00:00Z", 0) && valid("2030-06-02T18:00:00Z", 0));
        assert!(!valid("2030-06-01T17:59:59Z", 0) && valid("2030-06-01T17:59:59Z", 1));
        assert!(!valid("2030-06-02T18:00:01Z", 0) && valid("2030-06-02T18:00:01Z", 1));
    }
}
