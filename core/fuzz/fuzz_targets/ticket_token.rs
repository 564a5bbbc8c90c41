//! Reading a ticket never panics, is strict both ways, and nothing verifies that we did not sign.
#![no_main]

use std::sync::LazyLock;

use ed25519_dalek::SigningKey;
use eventflow_core::ticket::{KeyRing, KeyState, SignedToken};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[42; 32]));
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let mut ring = KeyRing::new();
    (0..=u8::MAX).for_each(|kid| ring.insert(kid, KEY.verifying_key(), KeyState::Active));
    ring
});

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(signed) = SignedToken::parse(text) {
            assert_eq!(signed.to_text(), text);
        }
    }
    if let Ok(signed) = SignedToken::decode(data) {
        assert_eq!(signed.encode(), data);
        assert_eq!(SignedToken::parse(&signed.to_text()), Ok(signed));
        let ours = signed.unverified().sign(&KEY);
        assert_eq!(ours.verify(&RING), Ok(*signed.unverified()));
        assert!(signed == ours || signed.verify(&RING).is_err());
    }
});
