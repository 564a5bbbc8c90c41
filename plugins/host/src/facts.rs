//! What of a cart the prices of a plugin depend on. A plugin that says so in its manifest is told nothing else; and since the
//! same input gives the same answer, a look at a cart that differs in nothing it is told is answered from memory.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, Outcome},
    manifest::Manifest,
    settings::Settings,
    values::{Adjustment, Buyer, Cart, Event, Line, Tier},
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

/// A cart, equal to another one if a plugin whose prices depend on these facts is told the same of both.
#[derive(Clone, Copy)]
struct Told<'a> {
    facts: &'a BTreeSet<Fact>,
    cart: &'a Cart,
}

impl<'a> Told<'a> {
    fn has(self, fact: Fact) -> bool {
        self.facts.contains(&fact)
    }

    fn event(self) -> impl Eq + use<'a> {
        let Event { id, name, currency, time_zone, .. } = &self.cart.event;
        let Event { starts_at, ends_at, sale_starts_at, sale_ends_at, .. } = &self.cart.event;
        let Event { capacity, sold, held, attributes, .. } = &self.cart.event;
        let demand = self.has(Fact::Demand).then_some((sold, held));
        let times = (starts_at, ends_at, sale_starts_at, sale_ends_at);
        ((id, name, currency, time_zone), times, (capacity, demand, attributes))
    }

    fn tier(self, tier: &Tier) -> impl Hash + Eq + use<'_> {
        let Tier { id, name, category, price_minor, capacity, sold, held, attributes } = tier;
        let demand = self.has(Fact::Demand).then_some((sold, held));
        (id, name, category, price_minor, capacity, demand, attributes)
    }

    fn line(self, line: &Line) -> impl Hash + Eq + use<'_> {
        let Line {
            tier_id,
            seat,
            base_minor,
            price_minor,
            fee_minor,
            tax_rate_bps,
            tax_inclusive,
            attributes,
        } = line;
        let seat = self.has(Fact::Seats).then_some(seat);
        let prices = (base_minor, price_minor, fee_minor, tax_rate_bps, tax_inclusive);
        (tier_id, seat, prices, attributes)
    }

    fn rest(self) -> impl Hash + Eq + use<'a> {
        let Cart { event: _, tiers: _, lines: _, buyer, applied, now, seed, locale, .. } = self.cart;
        let Cart { preview, responses, attributes, .. } = self.cart;
        let buyer = self.has(Fact::Buyer).then_some(buyer);
        let now = self.has(Fact::Time).then_some(now);
        let seed = self.has(Fact::Seed).then_some(seed);
        (buyer, now, seed, applied, locale, preview, responses, attributes)
    }
}

impl PartialEq for Told<'_> {
    fn eq(&self, other: &Self) -> bool {
        let same_tier = |(one, another)| self.tier(one) == other.tier(another);
        let same_line = |(one, another)| self.line(one) == other.line(another);
        let (tiers, others) = (&self.cart.tiers, &other.cart.tiers);
        let (lines, other_lines) = (&self.cart.lines, &other.cart.lines);
        (tiers.len(), lines.len()) == (others.len(), other_lines.len())
            && self.event() == other.event()
            && self.rest() == other.rest()
            && tiers.iter().zip(others).all(same_tier)
            && lines.iter().zip(other_lines).all(same_line)
    }
}

impl Hash for Told<'_> {
    /// Of the event its id: one does not differ from itself but in what its tiers say too.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cart.event.id.hash(state);
        self.cart.tiers.iter().for_each(|tier| self.tier(tier).hash(state));
        self.cart.lines.iter().for_each(|line| self.line(line).hash(state));
        self.rest().hash(state);
    }
}

/// Answers of one version that are kept; beyond it the memory begins anew.
const ANSWERS_MAX: usize = 500;
/// Larger carts are rare, and take room.
const LINES_MAX: usize = 20;

/// Answers of one version of a plugin, to what it was told.
#[derive(Default)]
pub(crate) struct Memory {
    state: RandomState,
    answers: Mutex<HashMap<u64, Known>>,
}

struct Known {
    settings: Settings,
    cart: Cart,
    call: Arc<Call<Vec<Adjustment>>>,
}

/// What is looked up for a look at a cart.
pub(crate) struct Asked<'a> {
    settings: &'a Settings,
    told: Told<'a>,
    number: u64,
}

impl Memory {
    /// `None` if every call of the plugin is another one.
    pub fn ask<'a>(
        &self,
        manifest: &'a Manifest,
        settings: &'a Settings,
        cart: &'a Cart,
    ) -> Option<Asked<'a>> {
        let facts = manifest.pricing_facts.as_ref().filter(|facts| !facts.contains(&Fact::Seed))?;
        let is_kept = cart.preview && cart.lines.len() <= LINES_MAX;
        let told = Told { facts, cart };
        is_kept.then(|| Asked { settings, told, number: self.state.hash_one(told) })
    }

    pub fn find(&self, asked: &Asked<'_>) -> Option<Arc<Call<Vec<Adjustment>>>> {
        let answers = self.lock();
        let known = answers.get(&asked.number)?;
        let is_same =
            known.settings == *asked.settings && Told { cart: &known.cart, ..asked.told } == asked.told;
        is_same.then(|| known.call.clone())
    }

    pub fn keep(&self, asked: &Asked<'_>, call: &Call<Vec<Adjustment>>) {
        if call.receipt.outcome != Outcome::Answered {
            return;
        }
        let mut call = call.clone();
        call.receipt.is_repeated = true;
        call.receipt.micros = 0;
        let (settings, cart) = (asked.settings.clone(), seen(asked.told.facts, asked.told.cart));
        let mut answers = self.lock();
        if answers.len() >= ANSWERS_MAX {
            answers.clear();
        }
        answers.insert(asked.number, Known { settings, cart, call: Arc::new(call) });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Known>> {
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

    /// Carts that differ from the first one in one thing each.
    fn carts() -> Vec<Cart> {
        let cart = Cart {
            event: Event { id: "evt_a".to_owned(), capacity: 10, ..Event::default() },
            tiers: vec![Tier { id: "tier_a".to_owned(), capacity: 10, ..Tier::default() }],
            lines: vec![Line { price_minor: 500, ..Line::default() }],
            ..Cart::default()
        };
        let changes: [fn(&mut Cart); 24] = [
            |_| {},
            |cart| cart.event.id = "evt_b".to_owned(),
            |cart| cart.event.name = "Another".to_owned(),
            |cart| cart.event.currency = "CHF".to_owned(),
            |cart| cart.event.starts_at = 1,
            |cart| cart.event.ends_at = 1,
            |cart| cart.event.sale_ends_at = 1,
            |cart| cart.event.capacity = 11,
            |cart| (cart.event.sold, cart.tiers[0].sold) = (1, 1),
            |cart| (cart.event.held, cart.tiers[0].held) = (1, 1),
            |cart| cart.event.sold = 1,
            |cart| cart.tiers[0].name = "Seat".to_owned(),
            |cart| cart.tiers[0].price_minor = 1,
            |cart| cart.tiers.push(Tier::default()),
            |cart| cart.lines[0].seat = Some(Seat::default()),
            |cart| cart.lines[0].base_minor = 1,
            |cart| cart.lines[0].tax_inclusive = true,
            |cart| cart.lines.push(Line::default()),
            |cart| cart.buyer.codes.push("FRIENDS".to_owned()),
            |cart| cart.now = 1,
            |cart| cart.seed = 1,
            |cart| cart.locale = "de".to_owned(),
            |cart| cart.preview = true,
            |cart| cart.attributes.push(crate::values::Attribute::default()),
        ];
        let changed = |change: fn(&mut Cart)| {
            let mut cart = cart.clone();
            change(&mut cart);
            cart
        };
        changes.map(changed).to_vec()
    }

    #[test]
    fn carts_are_the_same_if_the_plugin_is_told_the_same() {
        let all = [Fact::Seats, Fact::Buyer, Fact::Demand, Fact::Time, Fact::Seed];
        let (carts, state) = (carts(), RandomState::new());
        let (mut same, mut others) = (0, 0);
        for subset in 0_u32..32 {
            let wanted = (0..5).filter(|bit| subset & (1 << bit) != 0).map(|bit| all[bit]);
            let facts = &wanted.collect::<BTreeSet<_>>();
            for (one, another) in carts.iter().flat_map(|one| carts.iter().map(move |two| (one, two))) {
                let is_same = seen(facts, one) == seen(facts, another);
                let (one, another) = (Told { facts, cart: one }, Told { facts, cart: another });
                assert_eq!(one == another, is_same, "{facts:?} {:?} {:?}", one.cart, another.cart);
                assert!(!is_same || state.hash_one(one) == state.hash_one(another));
                *(if is_same { &mut same } else { &mut others }) += 1;
            }
        }
        assert!(same > 32 * carts.len() && others > 0);
    }
}
