//! What of a cart the prices of a plugin depend on. A plugin that says so in its manifest is told nothing else; and since the
//! same input gives the same answer, a look at a cart that differs in nothing it is told is answered from memory.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, Outcome},
    manifest::Manifest,
    settings::Settings,
    values::{Adjustment, Buyer, Cart},
};

/// Something that differs from cart to cart. Event, tiers, prices, language and what other plugins changed are always told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// Which seats they are. Without it, every line is one without a seat.
    Seats,
    /// Country, codes, tickets owned. Without it, nothing is known of the buyer.
    Buyer,
    /// How many places are sold and in carts. Without it, none.
    Demand,
    /// What time it is. Without it, it is always the beginning of 1970.
    Time,
    /// The number that draws lots. Without it, 0.
    Seed,
}

/// The cart as a plugin sees it whose prices depend on these facts.
pub(crate) fn seen(facts: &BTreeSet<Fact>, cart: &Cart) -> Cart {
    let mut seen = cart.clone();
    let has = |fact| facts.contains(&fact);
    if !has(Fact::Seats) {
        seen.lines.iter_mut().for_each(|line| line.seat = None);
    }
    if !has(Fact::Buyer) {
        seen.buyer = Buyer::default();
    }
    if !has(Fact::Demand) {
        (seen.event.sold, seen.event.held) = (0, 0);
        seen.tiers.iter_mut().for_each(|tier| (tier.sold, tier.held) = (0, 0));
    }
    if !has(Fact::Time) {
        seen.now = 0;
    }
    if !has(Fact::Seed) {
        seen.seed = 0;
    }
    seen
}

/// Answers of one version that are kept; beyond it the memory begins anew.
const ANSWERS_MAX: usize = 500;
/// Larger carts are rare, and take room.
const LINES_MAX: usize = 20;

/// Answers of one version of a plugin.
#[derive(Default)]
pub(crate) struct Memory {
    answers: Mutex<HashMap<Asked, Call<Vec<Adjustment>>>>,
}

/// All that an answer depends on.
#[derive(PartialEq, Eq)]
pub(crate) struct Asked {
    settings: Settings,
    pub cart: Cart,
}

impl Hash for Asked {
    /// Settings are few; comparing them is enough.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cart.hash(state);
    }
}

impl Asked {
    /// What is looked up for a look at a cart; `None` if every call of the plugin is another one.
    pub fn new(manifest: &Manifest, settings: &Settings, cart: &Cart) -> Option<Self> {
        let facts = manifest.pricing_facts.as_ref().filter(|facts| !facts.contains(&Fact::Seed))?;
        let is_kept = cart.preview && cart.lines.len() <= LINES_MAX;
        is_kept.then(|| Self { settings: settings.clone(), cart: seen(facts, cart) })
    }
}

impl Memory {
    pub fn find(&self, asked: &Asked) -> Option<Call<Vec<Adjustment>>> {
        let mut call = self.lock().get(asked)?.clone();
        call.receipt.is_repeated = true;
        call.receipt.micros = 0;
        Some(call)
    }

    pub fn keep(&self, asked: Asked, call: &Call<Vec<Adjustment>>) {
        if call.receipt.outcome != Outcome::Answered {
            return;
        }
        let mut answers = self.lock();
        if answers.len() >= ANSWERS_MAX {
            answers.clear();
        }
        answers.insert(asked, call.clone());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Asked, Call<Vec<Adjustment>>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Event, Line, Seat, Tier};

    #[test]
    fn what_is_no_fact_of_a_plugin_is_not_told() {
        let cart = Cart {
            event: Event { id: "evt_a".to_owned(), sold: 6, held: 2, capacity: 10, ..Event::default() },
            tiers: vec![Tier { id: "tier_a".to_owned(), sold: 6, held: 2, capacity: 10, ..Tier::default() }],
            lines: vec![Line { seat: Some(Seat::default()), price_minor: 500, ..Line::default() }],
            buyer: Buyer { codes: vec!["FRIENDS".to_owned()], tickets_owned: 3, ..Buyer::default() },
            now: 1_800_000_000,
            seed: 7,
            locale: "de".to_owned(),
            ..Cart::default()
        };
        let all = [Fact::Seats, Fact::Buyer, Fact::Demand, Fact::Time, Fact::Seed];
        assert_eq!(seen(&BTreeSet::from(all), &cart), cart);
        let least = seen(&BTreeSet::new(), &cart);
        let mut expected = Cart { buyer: Buyer::default(), now: 0, seed: 0, ..cart.clone() };
        expected.lines[0].seat = None;
        (expected.event.sold, expected.event.held) = (0, 0);
        (expected.tiers[0].sold, expected.tiers[0].held) = (0, 0);
        assert_eq!(least, expected);
        for fact in all {
            let known = seen(&BTreeSet::from([fact]), &cart);
            assert!(known != least && known != cart, "{fact:?} alone is told");
        }
    }
}
