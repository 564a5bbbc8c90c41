//! The ticket token: what the QR code of a ticket says, how it is signed, and how a door reads it.
//!
//! 100 bytes with fixed offsets ([`token`]), printed as `EF1:` and [`base45`], verified against a [`keys::KeyRing`].
//! `core/testdata/ticket-vectors.json` holds the golden vectors that every implementation must meet.

pub mod base45;
pub mod keys;
pub mod token;

pub use keys::{KeyRing, KeyState, RingKey};
pub use token::{Flags, Minute, SignedToken, Token, TokenError};
