//! Signatures of webhooks as Standard Webhooks has them: `v1` is HMAC-SHA256 with the secret of the endpoint, `v1a` is
//! Ed25519 with our private key. Both are over `<id>.<timestamp>.<body>`.
//!
//! Format: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::Signer;
use eventflow_store::webhook_endpoints::Keys;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header `webhook-signature`: one of each kind for each pair of keys, with spaces between them.
pub fn header(keys: &[Keys], id: &str, sent_at: i64, body: &[u8]) -> String {
    let signed = [format!("{id}.{sent_at}.").as_bytes(), body].concat();
    let signatures = keys.iter().map(|keys| {
        let symmetric = STANDARD.encode(hmac(&keys.secret, &signed));
        let asymmetric = STANDARD.encode(keys.private.sign(&signed).to_bytes());
        format!("v1,{symmetric} v1a,{asymmetric}")
    });
    signatures.collect::<Vec<_>>().join(" ")
}

/// The secret as the receiver configures it.
pub fn secret_text(keys: &Keys) -> String {
    format!("whsec_{}", STANDARD.encode(keys.secret))
}

/// The public key as the receiver configures it, instead of the secret.
pub fn public_key_text(key: &[u8]) -> String {
    format!("whpk_{}", STANDARD.encode(key))
}

fn hmac(secret: &[u8], signed: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of every length");
    mac.update(signed);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, SigningKey, Verifier};

    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT_AT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    #[test]
    fn the_example_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = [format!("{ID}.{SENT_AT}.").as_bytes(), BODY].concat();
        assert_eq!(STANDARD.encode(hmac(&secret, &signed)), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_pair_of_keys_signs_twice() {
        let keys = [1, 2].map(|n| Keys { secret: [n; 32], private: SigningKey::from_bytes(&[n; 32]) });
        let header = header(&keys, ID, SENT_AT, BODY);
        let entries: Vec<(&str, &str)> =
            header.split(' ').map(|entry| entry.split_once(',').unwrap()).collect();
        assert_eq!(entries.iter().map(|entry| entry.0).collect::<Vec<_>>(), ["v1", "v1a", "v1", "v1a"]);
        let signed = [format!("{ID}.{SENT_AT}.").as_bytes(), BODY].concat();
        for (keys, entries) in keys.iter().zip(entries.chunks(2)) {
            assert_eq!(STANDARD.decode(entries[0].1).unwrap(), hmac(&keys.secret, &signed));
            let signature = Signature::from_slice(&STANDARD.decode(entries[1].1).unwrap()).unwrap();
            keys.private.verifying_key().verify(&signed, &signature).unwrap();
        }
        assert!(secret_text(&keys[0]).starts_with("whsec_AQEB"));
        assert_eq!(public_key_text(&[1; 32]), format!("whpk_{}", STANDARD.encode([1; 32])));
    }
}
