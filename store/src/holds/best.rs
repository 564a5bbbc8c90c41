//! Best available: ranks groups of seats from the live state and lets the script take the first one that is free.
//! Pickers of one process avoid each other by marking what they try; those of other processes meet in the script, whose
//! answer says what is really taken, and the ranking starts again from there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use eventflow_core::{
    ErrorCode, Id, Refusal, id,
    seat_map::{QUANTITY_MAX, Request, SeatIndex, SeatStatus, rank},
};

use super::{Best, Hold, Holds, Live, Place, Placed, Wanted, scripts::join};
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
/// How long a buyer waits while all that is left is being tried by others, and how often they look.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);
/// How long a buyer waits for their turn to rank.
const TURN_WAIT: Duration = Duration::from_secs(2);

impl Holds {
    pub(super) async fn place_best(
        self: &Arc<Self>,
        scope: &Scope,
        offer: &Arc<Offer>,
        request: &Place,
        wanted: Wanted,
        id: Id<id::Hold>,
    ) -> Result<Hold> {
        let best = request.best.clone().unwrap_or_default();
        let filter = filter(offer, &best)?;
        let live = self.live(scope, offer).await?;
        let (began, mut losses, mut knows_truth) = (Instant::now(), 0, false);
        while losses < LOSSES_MAX {
            // Rankings are work for the processor: a few at a time, so that everybody else is served too.
            let turn = tokio::time::timeout(TURN_WAIT, self.rankings.acquire()).await;
            let Ok(Ok(turn)) = turn else { return Err(crowded()) };
            let picked = Picked::choose(&live, offer, &filter, &wanted.seats, losses);
            drop(turn);
            if picked.candidates.is_empty() {
                if picked.others_at_work && began.elapsed() < PATIENCE {
                    // What is left is being tried by others, who may yet leave it.
                    drop(picked);
                    tokio::time::sleep(PAUSE).await;
                } else if knows_truth {
                    break;
                } else {
                    self.read_truth(offer, &live).await?;
                    knows_truth = true;
                }
                continue;
            }
            let candidates: Vec<String> =
                picked.candidates.iter().map(|group| join(wanted.seats.iter().chain(group))).collect();
            match self.try_place(offer, request, &wanted, id, &candidates).await? {
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
        if request.idempotency.is_some()
            && let Placed::Hold(hold) = self.try_place(offer, request, &wanted, id, &[String::new()]).await?
        {
            return Ok(hold);
        }
        Err(sold_out(&best))
    }

    async fn read_truth(&self, offer: &Offer, live: &Live) -> Result<()> {
        let truth = self.snapshot(offer).await?.statuses;
        live.lock().statuses = truth;
        Ok(())
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

fn filter(offer: &Offer, best: &Best) -> Result<Request, Refusal> {
    if best.quantity == 0 || best.quantity > QUANTITY_MAX {
        let detail = format!("Expected 1 to {QUANTITY_MAX}.");
        return Err(Refusal::invalid("best_available.quantity", detail));
    }
    let categories = match best.tier.and_then(|tier| offer.tier(tier)).map(|tier| tier.target) {
        Some(Target::Category(category)) => vec![category],
        _ => {
            let mut for_sale: Vec<u16> = offer
                .tiers
                .iter()
                .filter(|tier| tier.active)
                .filter_map(|tier| match tier.target {
                    Target::Category(category) => Some(category),
                    Target::Area(_) => None,
                })
                .collect();
            for_sale.dedup();
            for_sale
        }
    };
    if categories.is_empty() {
        return Err(Refusal::new(ErrorCode::UnknownPriceTier, "No seats of this event are for sale.")
            .param("best_available"));
    }
    let sections = match &best.section {
        None => vec![],
        Some(key) => vec![offer.layout.section_index(key).ok_or_else(|| {
            Refusal::new(ErrorCode::UnknownSeat, "The event has no section with this key.")
                .param("best_available.section")
        })?],
    };
    Ok(Request { quantity: best.quantity, categories, sections, accessible: best.accessible, spread: 0 })
}

/// Groups that this picker tries; marked in the live state for as long as it does.
struct Picked<'a> {
    live: &'a Live,
    candidates: Vec<Vec<u32>>,
    others_at_work: bool,
}

impl<'a> Picked<'a> {
    /// Ranks on the thread at hand, which the runtime replaces meanwhile: a map of 100,000 seats takes milliseconds.
    fn choose(live: &'a Live, offer: &Offer, filter: &Request, explicit: &[u32], round: u32) -> Self {
        tokio::task::block_in_place(|| {
            // Rankings of one event take turns; the state is locked only to be copied and to be marked.
            let _turn = live.ranking.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (statuses, trying, pickers) = {
                let state = live.lock();
                (state.statuses.clone(), state.trying.clone(), state.pickers)
            };
            // Seats whose category the event changed are ranked by what they are sold as.
            let sold_as =
                |seat: SeatIndex| offer.category_of(seat).is_some_and(|c| filter.categories.contains(&c));
            let free = |seat: SeatIndex| {
                statuses.is_free(seat)
                    && !trying.contains(&seat.0)
                    && !explicit.contains(&seat.0)
                    && sold_as(seat)
            };
            // Those who come together begin at different groups; who is alone gets the best one.
            let request = Request { spread: pickers + round * 3, categories: vec![], ..filter.clone() };
            // Spare candidates help against other servers; in a crowd of our own they would only keep seats from each
            // other.
            let limit = if pickers > 2 { 1 } else { CANDIDATES };
            let candidates: Vec<Vec<u32>> = rank(&offer.layout, &free, &request, limit)
                .into_iter()
                .map(|group| group.seats.iter().map(|seat| seat.0).collect())
                .collect();
            let mut state = live.lock();
            state.trying.extend(candidates.iter().flatten());
            state.pickers += 1;
            Self { live, candidates, others_at_work: !trying.is_empty() }
        })
    }
}

impl Drop for Picked<'_> {
    fn drop(&mut self) {
        let mut state = self.live.lock();
        for seat in self.candidates.iter().flatten() {
            state.trying.remove(seat);
        }
        state.pickers -= 1;
    }
}
