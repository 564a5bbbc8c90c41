//! The token of a ticket: 36 bytes of facts and 64 of Ed25519, big-endian, at fixed offsets.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 1 | version = 1 |
//! | 1 | 1 | kid, the key in the ring |
//! | 2 | 4 | event number |
//! | 6 | 16 | ticket id (UUID) |
//! | 22 | 2 | generation (re-issue, transfer) |
//! | 24 | 2 | ticket type number |
//! | 26 | 4 | not before, minutes since 2020-01-01T00:00Z |
//! | 30 | 4 | not after, likewise |
//! | 34 | 2 | flags; the high byte is the zone mask |
//! | 36 | 64 | Ed25519 over `EFTKT1\0\0` and bytes 0..36 |
//!
//! As text `EF1:` and Base45, 154 characters: a QR code of version 6 at level M. A token holds no personal data.
//!
//! Reading is strict, and every implementation names the same error for the same input, by checking in this order:
//! prefix, length (in characters), alphabet, canonical groups, version, key known, key not revoked, signature. A scanner
//! that adds white space around the text removes it before; no token begins or ends with any.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey};
use uuid::Uuid;

use super::{
    base45::{self, Base45Error},
    keys::{KeyRing, KeyState},
};

/// The only version so far.
pub const VERSION: u8 = 1;
/// Bytes that the signature covers, after [`DOMAIN`].
pub const FACTS_LEN: usize = 36;
pub const SIGNATURE_LEN: usize = 64;
pub const TOKEN_LEN: usize = FACTS_LEN + SIGNATURE_LEN;
/// What the text of every token begins with.
pub const PREFIX: &str = "EF1:";
/// Characters of the text: the prefix, and three for every two bytes.
pub const TEXT_LEN: usize = PREFIX.len() + TOKEN_LEN / 2 * 3;

/// Goes before the signed bytes, so that no signature made for another purpose is one of a ticket.
pub const DOMAIN: &[u8; 8] = b"EFTKT1\0\0";

/// 2020-01-01T00:00:00Z in seconds since 1970.
const EPOCH_SECS: i64 = 1_577_836_800;

/// A moment in whole minutes since 2020-01-01T00:00Z, up to the year 10191.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Minute(pub u32);

impl Minute {
    /// The minute that `time` lies in; `None` before 2020 or too late for 32 bits. For a `not_before`.
    pub fn floor(time: DateTime<Utc>) -> Option<Self> {
        let secs = time.timestamp().checked_sub(EPOCH_SECS)?;
        u32::try_from(secs.div_euclid(60)).ok().map(Self)
    }

    /// The first whole minute at or after `time`. For a `not_after`: a window never shrinks by rounding.
    pub fn ceil(time: DateTime<Utc>) -> Option<Self> {
        let floor = Self::floor(time)?;
        if floor.to_utc() == time { Some(floor) } else { floor.0.checked_add(1).map(Self) }
    }

    pub fn to_utc(self) -> DateTime<Utc> {
        let epoch = DateTime::from_timestamp(EPOCH_SECS, 0).expect("2020 is in the range of chrono");
        epoch + TimeDelta::minutes(i64::from(self.0))
    }
}

/// What a door should know about the ticket without asking: named bits, and the zone mask in the high byte.
///
/// Bits without a name are kept as they are; a reader ignores them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u16);

impl Flags {
    pub const NONE: Self = Self(0);
    /// The holder must show a document (concession, age, personalised ticket).
    pub const ID_CHECK: Self = Self(1);
    /// A wheelchair place or another accessible one.
    pub const ACCESSIBLE: Self = Self(1 << 1);
    /// Admits the companion of an accessible ticket.
    pub const COMPANION: Self = Self(1 << 2);
    /// The code is only good together with a rotating one.
    pub const ROTATING: Self = Self(1 << 3);
    /// Made in test mode; never admits to a live event.
    pub const TEST: Self = Self(1 << 4);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::ID_CHECK, "id_check"),
        (Self::ACCESSIBLE, "accessible"),
        (Self::COMPANION, "companion"),
        (Self::ROTATING, "rotating"),
        (Self::TEST, "test"),
    ];

    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }
    pub const fn bits(self) -> u16 {
        self.0
    }
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// The zones that the ticket is good for, one bit each; 0 when it is not restricted to zones.
    pub const fn zone_mask(self) -> u8 {
        self.0.to_be_bytes()[0]
    }
    pub const fn with_zone_mask(self, mask: u8) -> Self {
        Self(u16::from_be_bytes([mask, self.0.to_be_bytes()[1]]))
    }
    /// The names of the bits that are set, for documents and logs.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| name)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#06x}", self.0)?;
        self.names().try_for_each(|name| write!(f, " {name}"))?;
        f.write_str(")")
    }
}

/// The facts that a token states. One that came from [`SignedToken::verify`] was signed by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    pub kid: u8,
    pub event_no: u32,
    pub ticket_id: Uuid,
    pub generation: u16,
    pub type_no: u16,
    pub not_before: Minute,
    pub not_after: Minute,
    pub flags: Flags,
}

/// Why something is no token of ours; the first that holds, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenError {
    #[error("the code does not begin with `EF1:`")]
    Prefix,
    #[error("the code does not have the length of a ticket's")]
    Length,
    #[error("the code has a character that is not in the Base45 alphabet")]
    Alphabet,
    #[error("the code is not written as we write it")]
    NotCanonical,
    #[error("the code is of an unknown version")]
    Version,
    #[error("the key of the code is not known")]
    UnknownKey,
    #[error("the key of the code has been revoked")]
    RevokedKey,
    #[error("the signature of the code is not valid")]
    Signature,
}

impl TokenError {
    pub const ALL: &[TokenError] = &[
        Self::Prefix,
        Self::Length,
        Self::Alphabet,
        Self::NotCanonical,
        Self::Version,
        Self::UnknownKey,
        Self::RevokedKey,
        Self::Signature,
    ];

    /// The name in the golden vectors and in logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Length => "length",
            Self::Alphabet => "alphabet",
            Self::NotCanonical => "not_canonical",
            Self::Version => "version",
            Self::UnknownKey => "unknown_key",
            Self::RevokedKey => "revoked_key",
            Self::Signature => "signature",
        }
    }
}

impl From<Base45Error> for TokenError {
    fn from(error: Base45Error) -> Self {
        match error {
            Base45Error::Length => Self::Length,
            Base45Error::Alphabet => Self::Alphabet,
            Base45Error::NotCanonical => Self::NotCanonical,
        }
    }
}

impl Token {
    /// The bytes that are signed, without the signature.
    pub fn facts(&self) -> [u8; FACTS_LEN] {
        let mut facts = [0; FACTS_LEN];
        facts[0] = VERSION;
        facts[1] = self.kid;
        facts[2..6].copy_from_slice(&self.event_no.to_be_bytes());
        facts[6..22].copy_from_slice(self.ticket_id.as_bytes());
        facts[22..24].copy_from_slice(&self.generation.to_be_bytes());
        facts[24..26].copy_from_slice(&self.type_no.to_be_bytes());
        facts[26..30].copy_from_slice(&self.not_before.0.to_be_bytes());
        facts[30..34].copy_from_slice(&self.not_after.0.to_be_bytes());
        facts[34..36].copy_from_slice(&self.flags.bits().to_be_bytes());
        facts
    }

    /// Signs with the key whose public half stands in the ring under `self.kid`.
    pub fn sign(&self, key: &SigningKey) -> SignedToken {
        let signature = key.sign(&message(&self.facts())).to_bytes();
        SignedToken { token: *self, signature }
    }

    fn from_facts(facts: &[u8; FACTS_LEN]) -> Result<Self, TokenError> {
        if facts[0] != VERSION {
            return Err(TokenError::Version);
        }
        Ok(Self {
            kid: facts[1],
            event_no: u32::from_be_bytes(part(facts, 2)),
            ticket_id: Uuid::from_bytes(part(facts, 6)),
            generation: u16::from_be_bytes(part(facts, 22)),
            type_no: u16::from_be_bytes(part(facts, 24)),
            not_before: Minute(u32::from_be_bytes(part(facts, 26))),
            not_after: Minute(u32::from_be_bytes(part(facts, 30))),
            flags: Flags::from_bits(u16::from_be_bytes(part(facts, 34))),
        })
    }
}

/// A token with a signature that nobody has checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignedToken {
    token: Token,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedToken {
    pub fn encode(&self) -> [u8; TOKEN_LEN] {
        let mut bytes = [0; TOKEN_LEN];
        bytes[..FACTS_LEN].copy_from_slice(&self.token.facts());
        bytes[FACTS_LEN..].copy_from_slice(&self.signature);
        bytes
    }

    /// The text of the QR code: always [`TEXT_LEN`] characters.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(TEXT_LEN);
        text.push_str(PREFIX);
        text.push_str(&base45::encode(&self.encode()));
        text
    }

    /// Reads [`TOKEN_LEN`] bytes of a known version. The signature is not checked here.
    pub fn decode(bytes: &[u8]) -> Result<Self, TokenError> {
        let bytes: &[u8; TOKEN_LEN] = bytes.try_into().map_err(|_| TokenError::Length)?;
        Ok(Self { token: Token::from_facts(&part(bytes, 0))?, signature: part(bytes, FACTS_LEN) })
    }

    /// Reads the text of a QR code, exactly as [`Self::to_text`] writes it. The signature is not checked here.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let digits = text.strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        if digits.chars().count() != TEXT_LEN - PREFIX.len() {
            return Err(TokenError::Length);
        }
        Self::decode(&base45::decode(digits)?)
    }

    /// The facts, if the signature is good under a key of the ring that is not revoked.
    pub fn verify(&self, ring: &KeyRing) -> Result<Token, TokenError> {
        let key = ring.get(self.token.kid).ok_or(TokenError::UnknownKey)?;
        if key.state == KeyState::Revoked {
            return Err(TokenError::RevokedKey);
        }
        let signature = Signature::from_bytes(&self.signature);
        key.key
            .verify_strict(&message(&self.token.facts()), &signature)
            .map_err(|_| TokenError::Signature)?;
        Ok(self.token)
    }

    /// What the token claims, for looking up the keys of its event. Anybody could have written it.
    pub const fn unverified(&self) -> &Token {
        &self.token
    }
}

/// Reads the text of a QR code and verifies it: the whole way from a camera to facts.
pub fn read(text: &str, ring: &KeyRing) -> Result<Token, TokenError> {
    SignedToken::parse(text)?.verify(ring)
}

fn message(facts: &[u8; FACTS_LEN]) -> [u8; DOMAIN.len() + FACTS_LEN] {
    let mut message = [0; DOMAIN.len() + FACTS_LEN];
    message[..DOMAIN.len()].copy_from_slice(DOMAIN);
    message[DOMAIN.len()..].copy_from_slice(facts);
    message
}

/// `N` bytes from `offset` on; offsets are those of the table above, so that they lie inside.
fn part<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[offset..offset + N]);
    part
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signing_key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    /// Every `kid` is known under the same key, so that a changed `kid` must fail by the signature.
    fn ring_of(key: &SigningKey) -> KeyRing {
        let mut ring = KeyRing::new();
        (0..=u8::MAX).for_each(|kid| ring.insert(kid, key.verifying_key(), KeyState::Active));
        ring
    }

    fn sample() -> Token {
        Token {
            kid: 3,
            event_no: 70_001,
            ticket_id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001),
            generation: 2,
            type_no: 5,
            not_before: Minute(3_000_000),
            not_after: Minute(3_000_600),
            flags: Flags::ID_CHECK.with_zone_mask(0b101),
        }
    }

    fn any_token() -> impl Strategy<Value = Token> {
        (any::<(u8, u32, u128, u16)>(), any::<(u16, u32, u32, u16)>()).prop_map(
            |((kid, event_no, ticket_id, generation), (type_no, not_before, not_after, flags))| Token {
                kid,
                event_no,
                ticket_id: Uuid::from_u128(ticket_id),
                generation,
                type_no,
                not_before: Minute(not_before),
                not_after: Minute(not_after),
                flags: Flags::from_bits(flags),
            },
        )
    }

    #[test]
    fn minutes_round_outwards_and_refuse_times_out_of_range() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(Minute(0).to_utc(), time("2020-01-01T00:00:00Z"));
        assert_eq!(Minute::floor(time("2020-01-01T00:01:59.999Z")), Some(Minute(1)));
        assert_eq!(Minute::ceil(time("2020-01-01T00:01:00.001Z")), Some(Minute(2)));
        assert_eq!(Minute::ceil(time("2020-01-01T00:01:00Z")), Some(Minute(1)));
        assert_eq!(Minute::floor(time("2019-12-31T23:59:59Z")), None);
        assert_eq!(Minute::ceil(time("2019-12-31T23:59:59Z")), None);
        let last = Minute(u32::MAX).to_utc();
        assert_eq!(
            (Minute::floor(last), Minute::ceil(last)),
            (Some(Minute(u32::MAX)), Some(Minute(u32::MAX)))
        );
        assert_eq!(Minute::ceil(last + TimeDelta::seconds(1)), None);
        assert_eq!(Minute::floor(last + TimeDelta::minutes(1)), None);
    }

    #[test]
    fn flags_and_zones_do_not_touch_each_other() {
        let flags = Flags::TEST.with(Flags::COMPANION).with_zone_mask(0xa5);
        assert_eq!((flags.bits(), flags.zone_mask()), (0xa514, 0xa5));
        assert_eq!(flags.names().collect::<Vec<_>>(), ["companion", "test"]);
        assert!(flags.contains(Flags::TEST) && !flags.contains(Flags::TEST.with(Flags::ROTATING)));
        assert_eq!(flags.with_zone_mask(0).bits(), 0x0014);
        assert_eq!(format!("{flags:?}"), "Flags(0xa514 companion test)");
    }

    #[test]
    fn every_single_flipped_bit_is_refused() {
        let key = signing_key(1);
        let bytes = sample().sign(&key).encode();
        let ring = ring_of(&key);
        assert_eq!(SignedToken::decode(&bytes).unwrap().verify(&ring), Ok(sample()));
        for bit in 0..TOKEN_LEN * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let result = SignedToken::decode(&flipped).and_then(|token| token.verify(&ring));
            let expected = if bit < 8 { TokenError::Version } else { TokenError::Signature };
            assert_eq!(result, Err(expected), "bit {bit}");
        }
    }

    #[test]
    fn keys_that_are_unknown_revoked_or_of_somebody_else_do_not_verify() {
        let (ours, theirs) = (signing_key(1), signing_key(2));
        let text = sample().sign(&ours).to_text();
        let mut ring = KeyRing::new();
        assert_eq!(read(&text, &ring), Err(TokenError::UnknownKey));
        ring.insert(3, theirs.verifying_key(), KeyState::Active);
        assert_eq!(read(&text, &ring), Err(TokenError::Signature));
        for (state, result) in [
            (KeyState::Active, Ok(sample())),
            (KeyState::Retired, Ok(sample())),
            (KeyState::Revoked, Err(TokenError::RevokedKey)),
        ] {
            ring.insert(3, ours.verifying_key(), state);
            assert_eq!(read(&text, &ring), result);
        }
    }

    #[test]
    fn a_signature_over_the_facts_alone_is_not_one_of_a_ticket() {
        let key = signing_key(1);
        let signed = SignedToken { token: sample(), signature: key.sign(&sample().facts()).to_bytes() };
        assert_eq!(signed.verify(&ring_of(&key)), Err(TokenError::Signature));
    }

    proptest! {
        #[test]
        fn tokens_survive_bytes_and_text(token in any_token(), seed in any::<u8>()) {
            let key = signing_key(seed);
            let signed = token.sign(&key);
            prop_assert_eq!(SignedToken::decode(&signed.encode()), Ok(signed));
            let text = signed.to_text();
            prop_assert_eq!(text.len(), 154);
            prop_assert_eq!(text.trim(), &text);
            prop_assert_eq!(read(&text, &ring_of(&key)), Ok(token));
        }

        #[test]
        fn a_changed_character_is_refused(at in 0..TEXT_LEN, to in "[0-9A-Z $%*+./:-]") {
            let key = signing_key(1);
            let mut text = sample().sign(&key).to_text();
            prop_assume!(text[at..=at] != to);
            text.replace_range(at..=at, &to);
            prop_assert!(read(&text, &ring_of(&key)).is_err());
        }

        #[test]
        fn arbitrary_input_neither_panics_nor_verifies(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 98..103)) {
            let ring = ring_of(&signing_key(1));
            prop_assert!(read(&text, &ring).is_err());
            prop_assert!(SignedToken::decode(&bytes).and_then(|token| token.verify(&ring)).is_err());
        }

        #[test]
        fn minutes_survive_the_round_trip(minute in any::<u32>()) {
            let time = Minute(minute).to_utc();
            prop_assert_eq!((Minute::floor(time), Minute::ceil(time)), (Some(Minute(minute)), Some(Minute(minute))));
        }
    }
}
