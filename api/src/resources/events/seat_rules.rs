//! What an event asks of every hold, on the wire.

use eventflow_core::seat_map::Orphans as CoreOrphans;
use eventflow_store::events;
use poem_openapi::{Enum, Object};

/// What happens to a hold that leaves a single seat which nobody will buy. `lenient` refuses it when as many of the seats
/// that were free side by side can be taken without leaving one. `strict` refuses it also when another place in the same
/// section and category has room. When nothing better is left, both sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum Orphans {
    Off,
    Lenient,
    Strict,
}

impl From<Orphans> for CoreOrphans {
    fn from(orphans: Orphans) -> Self {
        match orphans {
            Orphans::Off => Self::Off,
            Orphans::Lenient => Self::Lenient,
            Orphans::Strict => Self::Strict,
        }
    }
}

impl From<CoreOrphans> for Orphans {
    fn from(orphans: CoreOrphans) -> Self {
        match orphans {
            CoreOrphans::Off => Self::Off,
            CoreOrphans::Lenient => Self::Lenient,
            CoreOrphans::Strict => Self::Strict,
        }
    }
}

/// What the event asks of every hold, so that pages can tell the buyer at once. Holds are judged by it.
#[derive(Debug, Object)]
pub(super) struct SeatRules {
    orphans: Orphans,
    /// Whether all seats of a hold are side by side. An aisle within a row does not part them, a table is one place.
    adjacent: bool,
    /// The fewest places of a hold.
    min_per_hold: i32,
    /// Whether companions' seats are sold only with a place for a wheelchair near them.
    companions: bool,
}

/// What the event asks of every hold; absent fields have their default, or stay as they are.
#[derive(Debug, Default, Object)]
pub(super) struct SeatRulesInput {
    /// `lenient`, unless given.
    orphans: Option<Orphans>,
    /// Whether all seats of a hold are side by side; not, unless given.
    adjacent: Option<bool>,
    /// The fewest places of a hold: 1, unless given.
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    min_per_hold: Option<i32>,
    /// Whether companions' seats are sold only with a place for a wheelchair near them; so it is, unless given.
    companions: Option<bool>,
}

impl SeatRules {
    pub(super) fn of(terms: &events::Terms) -> Self {
        Self {
            orphans: CoreOrphans::parse(&terms.orphan_seats).unwrap_or_default().into(),
            adjacent: terms.adjacent_seats,
            min_per_hold: terms.min_per_hold,
            companions: terms.companion_seats,
        }
    }
}

impl From<SeatRulesInput> for events::SeatRules {
    fn from(input: SeatRulesInput) -> Self {
        Self {
            orphans: input.orphans.map(Into::into),
            adjacent: input.adjacent,
            min_per_hold: input.min_per_hold,
            companions: input.companions,
        }
    }
}
