//! The facts about a seat that matter to somebody who chooses it.

use serde::{Deserialize, Serialize};

macro_rules! seat_traits {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// A fact about a seat that matters to somebody who chooses it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum SeatTrait { $($(#[$doc])* #[serde(rename = $text)] $name),* }

        impl SeatTrait {
            pub const ALL: &[SeatTrait] = &[$(SeatTrait::$name),*];
            /// The word in documents and on the wire.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text),* } }
        }
    };
}

seat_traits! {
    /// Reachable without steps.
    Accessible = "accessible",
    /// A place for a wheelchair, without a chair.
    Wheelchair = "wheelchair",
    /// The seat of somebody who comes with a wheelchair user.
    Companion = "companion",
    RestrictedView = "restricted_view",
    /// Served by an induction loop or the like.
    HearingImpaired = "hearing_impaired",
    /// A good view of the interpreter.
    SignLanguage = "sign_language",
    /// Staff bring people to it by cart.
    CartService = "cart_service",
    PlusSize = "plus_size",
    /// Steep or at a railing.
    Vertigo = "vertigo",
    LimitedLegroom = "limited_legroom",
    /// Few steps, with room for crutches.
    SemiAmbulatory = "semi_ambulatory",
    LiftUpArmrests = "lift_up_armrests",
    Aisle = "aisle",
}

/// A set of [`SeatTrait`]s: one bit for each, in the order of [`SeatTrait::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Traits(u16);

impl Traits {
    pub const NONE: Traits = Traits(0);

    pub const fn bits(self) -> u16 {
        self.0
    }
    /// Unknown bits are dropped.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & ((1 << SeatTrait::ALL.len()) - 1))
    }
    pub const fn with(self, seat_trait: SeatTrait) -> Self {
        Self(self.0 | 1 << seat_trait as u16)
    }
    pub const fn contains(self, seat_trait: SeatTrait) -> bool {
        self.0 & 1 << seat_trait as u16 != 0
    }
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    pub fn iter(self) -> impl Iterator<Item = SeatTrait> {
        SeatTrait::ALL.iter().copied().filter(move |&t| self.contains(t))
    }
}

impl FromIterator<SeatTrait> for Traits {
    fn from_iter<I: IntoIterator<Item = SeatTrait>>(traits: I) -> Self {
        traits.into_iter().fold(Self::NONE, Self::with)
    }
}
