//! The key ring: the public keys under which tickets are, were, or must no longer be accepted.

use std::{collections::BTreeMap, fmt, str::FromStr};

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

/// What a key may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Signs new tickets and verifies old ones.
    Active,
    /// Rotated out: signs nothing any more, its tickets stay good.
    Retired,
    /// Compromised: everything that it signed is refused.
    Revoked,
}

impl KeyState {
    pub const ALL: &[KeyState] = &[KeyState::Active, KeyState::Retired, KeyState::Revoked];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no state of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `active`, `retired` or `revoked`")]
pub struct UnknownKeyState;

impl FromStr for KeyState {
    type Err = UnknownKeyState;
    fn from_str(text: &str) -> Result<Self, UnknownKeyState> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text).ok_or(UnknownKeyState)
    }
}

/// A public key and what it may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingKey {
    pub key: VerifyingKey,
    pub state: KeyState,
}

/// The keys of one tenant by `kid`, the byte in the token. A `kid` is not used again while a ticket under it lives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRing {
    keys: BTreeMap<u8, RingKey>,
}

impl KeyRing {
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a key, or replaces the one that has the same `kid`.
    pub fn insert(&mut self, kid: u8, key: VerifyingKey, state: KeyState) {
        self.keys.insert(kid, RingKey { key, state });
    }
    pub fn get(&self, kid: u8) -> Option<&RingKey> {
        self.keys.get(&kid)
    }
    pub fn iter(&self) -> impl Iterator<Item = (u8, &RingKey)> {
        self.keys.iter().map(|(&kid, key)| (kid, key))
    }
    /// The `kid` under which new tickets are signed: the highest that is active.
    pub fn signing_kid(&self) -> Option<u8> {
        self.keys.iter().rev().find(|(_, key)| key.state == KeyState::Active).map(|(&kid, _)| kid)
    }
}

impl FromIterator<(u8, RingKey)> for KeyRing {
    fn from_iter<I: IntoIterator<Item = (u8, RingKey)>>(keys: I) -> Self {
        Self { keys: keys.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    #[test]
    fn the_highest_active_key_signs() {
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        let mut ring = KeyRing::new();
        assert_eq!(ring.signing_kid(), None);
        for (kid, state) in
            [(0, KeyState::Retired), (1, KeyState::Active), (2, KeyState::Active), (3, KeyState::Revoked)]
        {
            ring.insert(kid, key, state);
        }
        assert_eq!(ring.signing_kid(), Some(2));
        ring.insert(2, key, KeyState::Revoked);
        assert_eq!(ring.signing_kid(), Some(1));
        assert_eq!(ring.iter().count(), 4);
    }

    #[test]
    fn texts_of_states_parse() {
        for &state in KeyState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert_eq!("Active".parse::<KeyState>(), Err(UnknownKeyState));
    }
}
