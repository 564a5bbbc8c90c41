//! Best available: ranks groups of seats from the live state and lets the script take the first one that is free.
//! Pickers of one process avoid each other by marking what they try; those of other processes meet in the script, whose
//! answer says what is really taken, and the ranking starts again from there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use eventflow_core::{
    BrokenRule, ErrorCode, Id, Refusal, id,
    seat_map::{Candidate, Layout, QUANTITY_MAX, Request, SeatIndex, SeatStatus, Why, rank_sold_as},
};

use super::{Best, Hold, Holds, Live, Place, Placed, Wanted, rules, scripts::join};
use crate::{
    db::Scope,
    error::{Error, Result},
    offers::{Offer, Target},
};

/// Candidates given to the script in one run.
const CANDIDATES: usize = 6;
/// Rankings that may be lost to other servers before a buyer is told that the places are gone.
const LOSSES_MAX: u32 = 16;
/// After so many losses the ranking reads the truth from Redis.
const TRUTH_EVERY: u32 = 3;
/// How long a buyer waits while all that is left is being tried by others, and how often they look at least.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);
/// A reading of the truth is believed this long by everybody who finds nothing: of a house that is sold out, Redis is not
/// asked by each buyer.
const TRUTH_LASTS: Duration = Duration::from_millis(100);
/// The stream is a few milliseconds behind. When it takes this long, the whole state is read.
const STREAM_WAIT: Duration = Duration::from_millis(250);
/// Runs of the sweep for one reading of the truth.
const SWEEPS_MAX: u32 = 8;
/// How long a buyer waits for their turn to rank.
const TURN_WAIT: Duration = Duration::from_secs(2);

impl Holds {
    pub(super) async fn place_best(
        self: &Arc<Self>,
        scope: &Scope,
        offer: &Arc<Offer>,
        request: &Place,
        mut wanted: Wanted,
        id: Id<id::Hold>,
    ) -> Result<Hold> {
        let best = request.best.clone().unwrap_or_default();
        let filter = match filter(offer, request, &wanted, &best)? {
            Filter::Ranking(filter) => filter,
            Filter::Broken(broken) => {
                let replay = self.replay(offer, request, &wanted, id).await?;
                return replay.ok_or_else(|| rules::refusal(broken, request));
            }
        };
        let live = self.live(scope, offer).await?;
        let (began, mut losses, mut knows_truth) = (Instant::now(), 0, false);
        while losses < LOSSES_MAX {
            // Rankings are work for the processor: a few at a time, so that everybody else is served too.
            let turn = tokio::time::timeout(TURN_WAIT, self.rankings.acquire()).await;
            let Ok(Ok(turn)) = turn else { return Err(crowded()) };
            let picked = Picked::choose(&live, offer, &filter, request, &wanted, losses);
            drop(turn);
            if picked.candidates.is_empty() {
                if picked.others_at_work && began.elapsed() < PATIENCE {
                    // What is left is being tried by others, who may yet leave it.
                    drop(picked);
                    let _ = tokio::time::timeout(PAUSE, live.tried.notified()).await;
                } else if knows_truth {
                    break;
                } else {
                    self.read_truth(offer, &live).await?;
                    knows_truth = true;
                }
                continue;
            }
            let candidates: Vec<String> =
                picked.candidates.iter().map(|(group, _)| join(wanted.seats.iter().chain(group))).collect();
            wanted.payload.why =
                picked.candidates.iter().map(|(group, why)| (group[0], why.clone())).collect();
            match self.try_place(offer, request, &wanted, id, &candidates).await? {
                Placed::Replay(hold) => return Ok(hold),
                Placed::Hold(hold) => {
                    let seats: Vec<u32> =
                        hold.lines.iter().filter_map(|line| line.seat).map(|seat| seat.0).collect();
                    live.mark(&seats, SeatStatus::Held);
                    return Ok(hold);
                }
                Placed::Lost(seats) => {
                    live.mark(&seats, SeatStatus::Held);
                    (losses, knows_truth) = (losses + 1, false);
                    if losses.is_multiple_of(TRUTH_EVERY) {
                        self.read_truth(offer, &live).await?;
                    }
                }
            }
        }
        // A repetition whose own seats were the last ones: the script still has its answer.
        if let Some(hold) = self.replay(offer, request, &wanted, id).await? {
            return Ok(hold);
        }
        Err(sold_out(&best))
    }

    /// Brings the live state up to what Redis says. Who comes while somebody else reads waits for what they find.
    async fn read_truth(&self, offer: &Offer, live: &Live) -> Result<()> {
        let mut last = live.truth.lock().await;
        if last.is_none_or(|began| began.elapsed() > TRUTH_LASTS) {
            let begins = Instant::now();
            // The stream says all of it. Reading every place that is taken would cost more with each place that is sold.
            let heard = match self.swept(offer, live).await? {
                Some(last) => live.catch_up(last, STREAM_WAIT).await,
                None => false,
            };
            if !heard {
                let truth = self.snapshot(offer).await?.statuses;
                live.lock().statuses = truth;
            }
            *last = Some(begins);
        }
        Ok(())
    }

    /// The newest entry of the event's stream once no hold is left that has expired. `None` when there are very many, or Redis
    /// has another memory.
    async fn swept(&self, offer: &Offer, live: &Live) -> Result<Option<(u64, u64)>> {
        for _ in 0..SWEEPS_MAX {
            match self.sweep(offer.event_id(), live).await? {
                Some(swept) if swept.ours && swept.is_done() => return Ok(Some(swept.last)),
                Some(swept) if swept.ours => {}
                _ => break,
            }
        }
        Ok(None)
    }
}

fn crowded() -> Error {
    let detail = "Very many buyers ask for the best seats at this moment. Try again.";
    Error::Refused(Refusal::new(ErrorCode::Unavailable, detail).retry_after(1))
}

fn sold_out(best: &Best) -> Error {
    let detail = format!(
        "There are no {} seats left that match. Ask for fewer, or with fewer conditions.",
        best.quantity
    );
    Error::Refused(Refusal::new(ErrorCode::SoldOut, detail).param("best_available"))
}

enum Filter {
    Ranking(Request),
    /// Whatever is chosen breaks these rules.
    Broken(Vec<BrokenRule>),
}

fn filter(offer: &Offer, request: &Place, wanted: &Wanted, best: &Best) -> Result<Filter, Refusal> {
    if best.quantity == 0 || best.quantity > QUANTITY_MAX {
        let detail = format!("Expected 1 to {QUANTITY_MAX}.");
        return Err(Refusal::invalid("best_available.quantity", detail));
    }
    if best.wheelchairs > best.quantity {
        let detail = "Of the people at most all need a place for a wheelchair.";
        return Err(Refusal::invalid("best_available.wheelchairs", detail));
    }
    let (categories, broken) = categories(offer, request, wanted, best);
    if categories.is_empty() {
        if !broken.is_empty() {
            return Ok(Filter::Broken(broken));
        }
        return Err(Refusal::new(ErrorCode::UnknownPriceTier, "No seats of this event are for sale.")
            .param("best_available"));
    }
    let index = |what: &str, key: &Option<String>, find: fn(&Layout, &str) -> Option<u16>| match key {
        None => Ok(vec![]),
        Some(key) => find(&offer.layout, key).map(|index| vec![index]).ok_or_else(|| {
            Refusal::new(ErrorCode::UnknownSeat, format!("The event has no {what} with this key."))
                .param(format!("best_available.{what}"))
        }),
    };
    let bound = !request.ignore_rules;
    Ok(Filter::Ranking(Request {
        quantity: best.quantity,
        categories,
        sections: index("section", &best.section, Layout::section_index)?,
        zones: index("zone", &best.zone, Layout::zone_index)?,
        accessible: best.accessible,
        wheelchairs: best.wheelchairs,
        together: bound && offer.rules.adjacent,
        companions: bound && offer.rules.companions,
        spread: 0,
    }))
}

/// The categories to choose from: the tier's, or all for sale whose default tiers may be sold in this mix; and what the
/// others break.
fn categories(offer: &Offer, request: &Place, wanted: &Wanted, best: &Best) -> (Vec<u16>, Vec<BrokenRule>) {
    if let Some(Target::Category(category)) =
        best.tier.and_then(|tier| offer.tier(tier)).map(|tier| tier.target)
    {
        return (vec![category], vec![]);
    }
    let (mut categories, mut broken) = (Vec::new(), Vec::new());
    for tier in offer.tiers.iter().filter(|tier| tier.active) {
        let Target::Category(category) = tier.target else { continue };
        // The first active tier of a category is its default.
        if offer.default_tier(tier.target).is_none_or(|default| default.id != tier.id) {
            continue;
        }
        let mut tickets = wanted.tickets.clone();
        super::add_to(&mut tickets, tier.type_no, best.quantity);
        let of_tier = if request.ignore_rules { vec![] } else { rules::mix(offer, &tickets) };
        if of_tier.is_empty() {
            categories.push(category);
        } else if broken.is_empty() {
            broken = of_tier;
        }
    }
    (categories, broken)
}

/// Groups that this picker tries; marked in the live state for as long as it does.
struct Picked<'a> {
    live: &'a Live,
    candidates: Vec<(Vec<u32>, Why)>,
    /// There are none, and would be if others left what they try.
    others_at_work: bool,
}

impl<'a> Picked<'a> {
    /// Ranks on the thread at hand, which the runtime replaces meanwhile: a map of 100,000 seats takes milliseconds.
    fn choose(
        live: &'a Live,
        offer: &Offer,
        filter: &Request,
        request: &Place,
        wanted: &Wanted,
        round: u32,
    ) -> Self {
        tokio::task::block_in_place(|| {
            // Rankings of one event take turns; the state is locked only to be copied and to be marked.
            let _turn = live.ranking.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (mut statuses, trying, pickers) = {
                let state = live.lock();
                let trying: Vec<u32> = state.trying.iter().copied().collect();
                (state.statuses.clone(), trying, state.pickers)
            };
            for &seat in &wanted.seats {
                statuses.set(SeatIndex(seat), SeatStatus::Held);
            }
            // Those who come together begin at different groups; who is alone gets the best one.
            let filter = Request { spread: pickers + round * 3, ..filter.clone() };
            let ranked = |without: &[u32]| {
                let mut statuses = statuses.clone();
                for &seat in without {
                    statuses.set(SeatIndex(seat), SeatStatus::Held);
                }
                let ranked = rank_sold_as(
                    &offer.layout,
                    &|seat| statuses.is_free(seat),
                    // Seats whose category the event changed are ranked by what they are sold as.
                    &|seat| offer.category_of(seat),
                    &filter,
                    CANDIDATES,
                );
                let group = |candidate: Candidate| {
                    let seats: Vec<u32> = candidate.seats.iter().map(|seat| seat.0).collect();
                    let fits = request.ignore_rules || rules::fits(offer, live, request, wanted, &seats);
                    fits.then_some((seats, candidate.why))
                };
                ranked.into_iter().filter_map(group).collect::<Vec<_>>()
            };
            let mut candidates = ranked(&trying);
            // Of a block that is sold out, nobody waits for those who try others.
            let others_at_work = candidates.is_empty() && !trying.is_empty() && !ranked(&[]).is_empty();
            // Spare candidates help against other servers; in a crowd of our own they would only keep seats from each
            // other.
            candidates.truncate(if pickers > 2 { 1 } else { CANDIDATES });
            let mut state = live.lock();
            state.trying.extend(candidates.iter().flat_map(|(seats, _)| seats));
            state.pickers += 1;
            Self { live, candidates, others_at_work }
        })
    }
}

impl Drop for Picked<'_> {
    fn drop(&mut self) {
        let mut state = self.live.lock();
        for seat in self.candidates.iter().flat_map(|(seats, _)| seats) {
            state.trying.remove(seat);
        }
        state.pickers -= 1;
        drop(state);
        if !self.candidates.is_empty() {
            self.live.tried.notify_waiters();
        }
    }
}
