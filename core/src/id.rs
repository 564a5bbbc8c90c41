//! TypeIDs: `evt_01h455vb4pex5vsknk084sn02q`, a prefix that names the kind and a UUIDv7 in Crockford base32.
//!
//! Format: <https://github.com/jetify-com/typeid/tree/main/spec> (26 characters, lower case, first one `0..=7`).

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// What an [`Id`] names: the prefix on the wire.
pub trait Kind: Copy + Send + Sync + 'static {
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal),* $(,)?) => {
        $($(#[$doc])* #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)] pub struct $name;
        impl Kind for $name { const PREFIX: &'static str = $prefix; })*
        /// Every prefix of the platform, for documentation and sweeps.
        pub const PREFIXES: &[(&str, &str)] = &[$((stringify!($name), $prefix)),*];
    };
}

kinds! {
    /// A tenant: an organizer with data of their own.
    Tenant = "ten",
    User = "usr",
    Member = "mbr",
    ApiKey = "key",
    Venue = "ven",
    SeatMap = "map",
    Event = "evt",
    PriceTier = "tier",
    Hold = "hold",
    Order = "ord",
    OrderItem = "item",
    Ticket = "tkt",
    Payment = "pay",
    Refund = "ref",
    CheckInList = "list",
    Device = "dev",
    /// A scan: one check-in attempt at a door.
    Scan = "chk",
    /// A message to a buyer or an organizer.
    Message = "msg",
    Audit = "aud",
    LedgerEntry = "led",
    Plugin = "plg",
    PluginVersion = "plv",
    /// The receipt of one call of a plugin.
    PluginReceipt = "plr",
    /// An entry of the log of events; every delivery of it has this number as its `webhook-id`.
    LogEntry = "log",
    WebhookEndpoint = "whk",
    WebhookDelivery = "whd",
}

/// An identifier of one kind of object; 16 bytes, a UUIDv7, printed as TypeID.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<K> Id<K> {
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<K> From<Uuid> for Id<K> {
    fn from(uuid: Uuid) -> Self {
        Self::from_uuid(uuid)
    }
}
impl<K> From<Id<K>> for Uuid {
    fn from(id: Id<K>) -> Self {
        id.uuid
    }
}

/// Why a text is no id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("expected an id that starts with `{expected}_`")]
    Prefix { expected: &'static str },
    #[error("expected `{expected}_` and 26 characters of lower-case Crockford base32")]
    Malformed { expected: &'static str },
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LEN: usize = 26;

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bits = self.uuid.as_u128();
        let mut text = [0_u8; SUFFIX_LEN];
        for slot in text.iter_mut().rev() {
            *slot = ALPHABET[usize::from((bits & 31) as u8)];
            bits >>= 5;
        }
        f.write_str(K::PREFIX)?;
        f.write_str("_")?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.uuid, f)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let malformed = IdError::Malformed { expected: K::PREFIX };
        let suffix = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(IdError::Prefix { expected: K::PREFIX })?;
        // 26 characters hold 130 bits: the first may carry three only.
        if suffix.len() != SUFFIX_LEN || suffix.as_bytes()[0] > b'7' {
            return Err(malformed);
        }
        let mut bits = 0_u128;
        for byte in suffix.bytes() {
            let value = ALPHABET.iter().position(|&c| c == byte).ok_or(malformed.clone())?;
            bits = (bits << 5) | value as u128;
        }
        Ok(Self::from_uuid(Uuid::from_u128(bits)))
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_specification() {
        let id: Id<Event> = "evt_01h455vb4pex5vsknk084sn02q".parse().unwrap();
        assert_eq!(id.uuid().to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
        assert_eq!(id.to_string(), "evt_01h455vb4pex5vsknk084sn02q");
    }

    #[test]
    fn wrong_prefix_length_alphabet_and_overflow_are_refused() {
        for text in ["ord_01h455vb4pex5vsknk084sn02q", "01h455vb4pex5vsknk084sn02q", "evt", ""] {
            assert_eq!(text.parse::<Id<Event>>(), Err(IdError::Prefix { expected: "evt" }), "{text}");
        }
        for text in [
            "evt_01h455vb4pex5vsknk084sn02",
            "evt_01h455vb4pex5vsknk084sn02qq",
            "evt_01H455VB4PEX5VSKNK084SN02Q",
            "evt_81h455vb4pex5vsknk084sn02q",
            "evt_01h455vb4pex5vsknk084sn0lq",
        ] {
            assert_eq!(text.parse::<Id<Event>>(), Err(IdError::Malformed { expected: "evt" }), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_uuid_survives_the_round_trip(bits in proptest::prelude::any::<u128>()) {
            let id = Id::<Order>::from_uuid(Uuid::from_u128(bits));
            proptest::prop_assert_eq!(id.to_string().parse::<Id<Order>>().unwrap(), id);
        }
    }
}
