//! The rules that a pick of places has to obey, judged by the same code in the browser, at each click, and on the
//! server, where they bind.
//!
//! [`check`] looks only at the rows that a pick touches (and, when it is about to refuse a left-over seat, at the section
//! around): its cost does not depend on the size of the house.

mod adjacency;
mod areas;
mod companions;
mod gaps;
mod orphans;
mod tables;

pub use orphans::leaves_orphan;
pub(super) use tables::is_whole;

use super::{Layout, QUANTITY_MAX, SeatIndex, SeatTrait, Traits};

/// Traits whose places go to people who ask for them.
pub(super) const RESERVED: Traits =
    Traits::NONE.with(SeatTrait::Wheelchair).with(SeatTrait::Companion).with(SeatTrait::Accessible);

/// What happens to a pick that leaves a single seat behind, which nobody will buy. Both modes know the exception for
/// the end of a sale; they differ in how far a buyer is sent to look for something better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Orphans {
    /// Nothing.
    Off,
    /// It is refused when as many seats of the same gap, the free seats side by side that it was taken from, can be
    /// taken without leaving one: the buyer moves by a seat.
    #[default]
    Lenient,
    /// It is refused also when another gap of the same category near it, in the same section, has room for as many
    /// without leaving one.
    Strict,
}

impl Orphans {
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Off, "off"), (Self::Lenient, "lenient"), (Self::Strict, "strict")];

    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("off", |(_, text)| text)
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == text).map(|(mode, _)| *mode)
    }
}

/// What an event asks of every hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub orphans: Orphans,
    /// All seats are side by side; an aisle within the row does not part them, a table is one place.
    pub adjacent: bool,
    /// A companion's seat goes with a place for a wheelchair near it, and those who come later keep theirs.
    pub companions: bool,
    /// The fewest and most places, of seats and areas together.
    pub min: u32,
    pub max: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { orphans: Orphans::Lenient, adjacent: false, companions: true, min: 1, max: QUANTITY_MAX }
    }
}

impl Rules {
    /// Every pick is fine, but for what a place by itself asks for (whole tables, groups).
    pub const NONE: Self =
        Self { orphans: Orphans::Off, adjacent: false, companions: false, min: 0, max: u32::MAX };
}

/// What somebody wants to take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Picked<'a> {
    /// In any order, each once.
    pub seats: &'a [SeatIndex],
    /// Index of the area and how many of its places; each area once.
    pub areas: &'a [(u16, u32)],
}

impl<'a> From<&'a [SeatIndex]> for Picked<'a> {
    fn from(seats: &'a [SeatIndex]) -> Self {
        Self { seats, areas: &[] }
    }
}

impl<'a> From<&'a Vec<SeatIndex>> for Picked<'a> {
    fn from(seats: &'a Vec<SeatIndex>) -> Self {
        Self { seats, areas: &[] }
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// Which rule a pick breaks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($(#[$doc])* $name),* }

        impl Rule {
            pub const ALL: &[Rule] = &[$(Rule::$name),*];
            /// The stable name of the rule in answers and in the widget.
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code),* } }
        }
    };
}

rules! {
    /// Single seats would be left over: they are named.
    Orphan = "orphan";
    /// Seats that are not beside the others are named.
    Adjacent = "adjacent";
    /// Companions' seats without a place for a wheelchair near them, or more than can be spared, are named.
    Companion = "companion";
    /// The seats that are missing of a table that is sold as a whole are named.
    WholeTable = "whole_table";
    /// Fewer places than the event sells at once.
    MinPlaces = "min_places";
    /// More places than the event sells at once.
    MaxPlaces = "max_places";
    /// An area that is sold as a whole, to `limit` people.
    WholeArea = "whole_area";
    /// An area for one party that is smaller than the pick allows: at least `limit` people.
    GroupMin = "group_min";
    /// At most `limit` people.
    GroupMax = "group_max";
    /// Fewer tickets of a kind than are sold at once.
    TierMin = "tier_min";
    /// More tickets of a kind than are sold at once.
    TierMax = "tier_max";
    /// Tickets for people who come with somebody, and nobody to come with.
    Accompanied = "accompanied";
}

/// A rule that a pick breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub rule: Rule,
    /// What these are, the [`Rule`] says. In seat order.
    pub seats: Vec<SeatIndex>,
    pub area: Option<u16>,
    /// The number that is asked for; 0 where the rule has none.
    pub limit: u32,
}

impl Violation {
    fn seats(rule: Rule, seats: Vec<SeatIndex>) -> Self {
        Self { rule, seats, area: None, limit: 0 }
    }

    fn places(rule: Rule, limit: u32) -> Self {
        Self { rule, seats: Vec::new(), area: None, limit }
    }

    /// The violation in a sentence, with the way out.
    pub fn sentence(&self, layout: &Layout) -> String {
        let labels: Vec<&str> = self.seats.iter().map(|&seat| layout.label(seat)).collect();
        let labels = labels.join(", ");
        let area = self.area.and_then(|area| layout.ga_areas().get(usize::from(area)));
        let area = area.map_or("The area", |area| area.name.as_str());
        let limit = self.limit;
        match self.rule {
            Rule::Orphan => {
                format!("This leaves single seats that nobody will buy: {labels}. Choose seats beside them.")
            }
            Rule::Adjacent => {
                format!("These seats are not beside the others: {labels}. All seats have to be side by side.")
            }
            Rule::Companion => format!(
                "Companions' seats are sold together with a place for a wheelchair near them, one for each as long as \
                 others need theirs: {labels}."
            ),
            Rule::WholeTable => format!("The table is sold as a whole. These seats are missing: {labels}."),
            Rule::MinPlaces => format!("At least {limit} places are sold at once."),
            Rule::MaxPlaces => format!("At most {limit} places are sold at once."),
            Rule::WholeArea => format!("{area} is sold as a whole: ask for all of its {limit} places."),
            Rule::GroupMin => format!("{area} is for one party of at least {limit}."),
            Rule::GroupMax => format!("{area} is for one party of at most {limit}."),
            Rule::TierMin => format!("At least {limit} tickets of this kind are sold at once."),
            Rule::TierMax => format!("At most {limit} tickets of this kind are sold at once."),
            Rule::Accompanied => "Tickets of this kind are sold together with another kind only.".into(),
        }
    }
}

/// Every rule that the pick breaks. `free` is the state before the pick; picked seats count as free whatever it says, so
/// that somebody's own hold can be judged as well. Empty when the pick is fine, and for a pick of nothing.
pub fn check<'a>(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    picked: impl Into<Picked<'a>>,
    rules: &Rules,
) -> Vec<Violation> {
    let picked: Picked<'_> = picked.into();
    let mut seats = picked.seats.to_vec();
    seats.sort_unstable();
    let mut violations = Vec::new();
    let places = picked
        .areas
        .iter()
        .fold(u32::try_from(seats.len()).unwrap_or(u32::MAX), |sum, &(_, n)| sum.saturating_add(n));
    if places == 0 {
        return violations;
    }
    if places < rules.min {
        violations.push(Violation::places(Rule::MinPlaces, rules.min));
    }
    if places > rules.max {
        violations.push(Violation::places(Rule::MaxPlaces, rules.max));
    }
    violations.append(&mut areas::broken(layout, picked.areas));
    let of_seats = [
        (Rule::WholeTable, tables::missing(layout, &seats)),
        (
            Rule::Companion,
            if rules.companions { companions::unmatched(layout, free, &seats) } else { Vec::new() },
        ),
        (Rule::Adjacent, if rules.adjacent { adjacency::apart(layout, &seats) } else { Vec::new() }),
        (Rule::Orphan, orphans::avoidable(layout, free, &seats, rules.orphans)),
    ];
    for (rule, seats) in of_seats {
        if !seats.is_empty() {
            violations.push(Violation::seats(rule, seats));
        }
    }
    violations
}

#[cfg(test)]
mod tests;
