//! Sealing of private keys at rest: XChaCha20-Poly1305 under the master key of the installation.
//! Format: 24 bytes of nonce, then the ciphertext with its tag. The associated data names the row, so that a sealed
//! key cannot be moved to another one.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};

use crate::error::{Error, Result};

const NONCE_LEN: usize = 24;

#[derive(Clone)]
pub struct Sealer(XChaCha20Poly1305);

impl Sealer {
    pub fn new(master_key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(master_key.into()))
    }

    /// Seals `plain` for the row that `context` names.
    pub fn seal(&self, plain: &[u8], context: &[u8]) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let payload = Payload { msg: plain, aad: context };
        let sealed = self
            .0
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| Error::Corrupt("a key could not be sealed".into()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Sealer::seal`] made; fails when the master key, the row or a byte differs.
    pub fn open(&self, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>> {
        let broken =
            || Error::Corrupt("a sealed key does not open: is the master key the same as before?".into());
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        self.0.decrypt(XNonce::from_slice(nonce), Payload { msg: body, aad: context }).map_err(|_| broken())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_key_opens_only_in_its_place() {
        let sealer = Sealer::new(&[7; 32]);
        let sealed = sealer.seal(b"secret", b"tenant a").unwrap();
        assert_eq!(sealer.open(&sealed, b"tenant a").unwrap(), b"secret");
        assert!(sealer.open(&sealed, b"tenant b").is_err());
        assert!(Sealer::new(&[8; 32]).open(&sealed, b"tenant a").is_err());
        assert!(sealer.open(&sealed[..10], b"tenant a").is_err());
    }
}
