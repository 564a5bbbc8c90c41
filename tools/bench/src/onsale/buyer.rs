//! One buyer: looks, chooses, holds, perhaps changes their mind, pays and sees their tickets. Each draws from dice of their
//! own, so that a seed gives the same crowd again.

use std::{net::SocketAddr, ops::Range, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use eventflow_core::seat_map::{SeatIndex, SeatStatus, Snapshot, Statuses};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Sale,
    arena::Arena,
    record::{Bought, Op},
    visitor::{self, Answer, Ask, Visitor},
    watch,
};
use crate::api::text;

/// How many places people want, and how many of a hundred people want so many.
const PARTIES: [(u32, u32); 5] = [(1, 10), (2, 50), (3, 12), (4, 25), (6, 3)];
/// Of a hundred, how many keep a stream open, change their mind after a hold, leave it, and leave the checkout.
const STREAMS: u32 = 5;
const SECOND_THOUGHTS: u32 = 6;
const LEFT_HOLDS: u32 = 3;
const LEFT_CHECKOUTS: u32 = 3;
/// Of a hundred, how many point at seats, and how many more want the best ones of a block. The others want the best ones.
const POINTING: u32 = 50;
const BEST_OF_BLOCK: u32 = 20;
/// Blocks that somebody looks at before they leave the choice to us.
const BLOCKS_LOOKED_AT: usize = 6;
/// Rows of a block that somebody considers who points at seats.
const ROWS_CONSIDERED: usize = 6;
/// Refused holds, and looks at a house that is full at the moment, before somebody goes away.
const TRIES: u32 = 12;
const WAITS: u32 = 15;
const WAIT: Duration = Duration::from_secs(2);
/// The page after the checkout asks again after these pauses, the last one again and again.
const ASK_AGAIN: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_millis(300),
    Duration::from_millis(500),
    Duration::from_secs(1),
];
const WAIT_FOR_TICKETS: Duration = Duration::from_secs(60);
/// How a visit can end, among other ways.
pub const HAS_TICKETS: &str = "has tickets";
pub const RUN_ENDED: &str = "the run ended";
const CARD: &str = "4242424242424242";

struct Buyer {
    sale: Arc<Sale>,
    number: u32,
    dice: StdRng,
    visitor: Visitor,
    view: Statuses,
    places: u32,
    /// When the next request is meant to be sent.
    due: Instant,
}

/// A hold, or why there is none.
enum Try {
    Held(Value),
    /// Somebody was faster.
    Lost,
    /// There are not so many places any more.
    TooFew,
    /// The platform asks to come again.
    Later,
}

/// The whole visit of buyer `number`, who arrives at `due`.
pub async fn visit(sale: Arc<Sale>, number: u32, due: Instant) {
    let mut dice = StdRng::seed_from_u64(sale.seed.wrapping_mul(1_000_003) + u64::from(number));
    let visitor = Visitor::new(sale.server, visitor::address(sale.first_visitor + number));
    let places = party(dice.random_range(0..100));
    let view = Statuses::new(0);
    let mut buyer = Buyer { sale: sale.clone(), number, dice, visitor, view, places, due };
    tokio::time::sleep_until(due).await;
    if sale.is_over() {
        return;
    }
    let _here = sale.enter();
    match buyer.buy().await {
        Ok(how) => sale.record.ending(how),
        Err(error) => sale.record.fault(format!("{error:#}")),
    }
}

fn party(point: u32) -> u32 {
    let mut sum = 0;
    let found = PARTIES.iter().find(|(_, share)| {
        sum += share;
        point < sum
    });
    found.map_or(2, |(places, _)| *places)
}

impl Buyer {
    fn chance(&mut self, percent: u32) -> bool {
        self.dice.random_range(0..100) < percent
    }

    /// People need more or less time than the mean, rarely much more: an exponential distribution.
    async fn think(&mut self, mean: Duration) {
        let pause = mean.mul_f64(exponential(&mut self.dice));
        self.due = Instant::now() + pause;
        tokio::time::sleep_until(self.due).await;
    }

    async fn ask(&mut self, op: Op, ask: Ask<'_>) -> Result<Answer> {
        let answer = self.visitor.ask(&ask).await.with_context(|| op.name())?;
        self.sale.record.answer(op, self.due.into_std(), answer.status < 400);
        self.due = Instant::now();
        if answer.status >= 400 {
            self.sale.record.refusal(op, answer.code());
        }
        Ok(answer)
    }

    async fn buy(&mut self) -> Result<&'static str> {
        let sale = self.sale.clone();
        let key = sale.key.clone();
        let plan = format!("/v1/events/{}/plan", sale.event);
        self.ask(Op::Plan, Ask::get(&plan, &key)).await?;
        self.look().await?;
        let _stream = self.chance(STREAMS).then(|| {
            let watch = watch::follow(sale.clone(), visitor::address(sale.first_visitor + self.number));
            Aborting(tokio::spawn(watch))
        });
        for _ in 0..TRIES {
            let hold = match self.hold().await? {
                Ok(hold) => hold,
                Err(how) => return Ok(how),
            };
            if self.chance(SECOND_THOUGHTS) {
                self.think(sale.terms.choose).await;
                let (path, token) = (format!("/v1/holds/{}", text(&hold, "/id")?), text(&hold, "/token")?);
                self.ask(Op::Release, Ask { method: "DELETE", ..Ask::get(&path, &token) }).await?;
                continue;
            }
            if self.chance(LEFT_HOLDS) {
                return Ok("left a hold");
            }
            self.think(sale.terms.form).await;
            let Some(order) = self.order(&hold).await? else { continue };
            if self.chance(LEFT_CHECKOUTS) {
                return Ok("left the checkout");
            }
            self.think(sale.terms.card).await;
            if !self.pay(&order).await? {
                return Ok("paid too late");
            }
            self.tickets(&order).await?;
            return Ok(HAS_TICKETS);
        }
        Ok("gave up")
    }

    /// What is free at this moment.
    async fn look(&mut self) -> Result<()> {
        let (path, key) = (format!("/v1/events/{}/availability.bin", self.sale.event), self.sale.key.clone());
        let answer = self.ask(Op::Snapshot, Ask::get(&path, &key)).await?;
        if answer.status == 200 {
            self.view = Snapshot::decode(&answer.unpacked()?)?.statuses;
        }
        Ok(())
    }

    /// A hold, or how the visit ends without one.
    async fn hold(&mut self) -> Result<Result<Value, &'static str>> {
        let (mut tries, mut waits) = (0, 0);
        let mut thought = self.sale.terms.choose;
        while tries < TRIES {
            self.think(thought).await;
            // Who has lost or waited looks at what is there now, and is quicker the next time.
            if tries + waits > 0 {
                self.look().await?;
            }
            thought = self.sale.terms.choose / 4;
            if !self.view.iter().any(|status| status == SeatStatus::Free) {
                // Some come back: from those who leave.
                waits += 1;
                if waits > WAITS || self.sale.is_over() {
                    return Ok(Err("found nothing"));
                }
                thought = WAIT;
                continue;
            }
            if self.sale.is_over() {
                return Ok(Err(RUN_ENDED));
            }
            tries += 1;
            match self.place().await? {
                Try::Held(hold) => return Ok(Ok(hold)),
                Try::Lost => {}
                Try::TooFew => self.places = (self.places - 1).max(1),
                Try::Later => thought = WAIT,
            }
        }
        Ok(Err("gave up"))
    }

    async fn place(&mut self) -> Result<Try> {
        let point = self.dice.random_range(0..100);
        let wish = if point < POINTING { self.seats() } else { None };
        let body = match wish {
            Some(seats) => {
                let items: Vec<Value> = seats.map(|seat| json!({ "seat": seat })).collect();
                json!({ "items": items })
            }
            None if (POINTING..POINTING + BEST_OF_BLOCK).contains(&point) => {
                let section = Arena::key(self.sale.arena.draw(&mut self.dice));
                json!({ "best_available": { "quantity": self.places, "section": section } })
            }
            None => json!({ "best_available": { "quantity": self.places } }),
        };
        let (path, key) = (format!("/v1/events/{}/holds", self.sale.event), self.sale.key.clone());
        let answer = self.ask(Op::Hold, Ask::post(&path, &key, &body)).await?;
        if answer.status != 201 {
            return Ok(match (answer.status, answer.code().as_str()) {
                (_, "sold_out") => Try::TooFew,
                (429 | 503, _) => Try::Later,
                _ => Try::Lost,
            });
        }
        let hold = answer.json()?;
        let at: DateTime<Utc> = text(&hold, "/created_at")?.parse()?;
        let items = hold["items"].as_array().context("no items")?;
        let seats = items.iter().filter_map(|item| u32::try_from(item["seat"].as_u64()?).ok());
        self.sale.lags.committed(seats, at);
        Ok(Try::Held(hold))
    }

    /// Seats beside each other, in one of the first rows of a wanted block that has some.
    fn seats(&mut self) -> Option<Range<u32>> {
        for _ in 0..BLOCKS_LOOKED_AT {
            let block = self.sale.arena.draw(&mut self.dice);
            let groups: Vec<Vec<u32>> = self
                .sale
                .arena
                .rows(block)
                .map(|row| starts(&self.view, row, self.places))
                .filter(|starts| !starts.is_empty())
                .take(ROWS_CONSIDERED)
                .collect();
            if groups.is_empty() {
                continue;
            }
            let row = &groups[self.dice.random_range(0..groups.len())];
            let first = row[self.dice.random_range(0..row.len())];
            return Some(first..first + self.places);
        }
        None
    }

    /// Nothing when the hold could not become an order.
    async fn order(&mut self, hold: &Value) -> Result<Option<Value>> {
        let email = format!("buyer-{}@onsale.example", self.sale.first_visitor + self.number);
        let body = json!({
            "hold_id": hold["id"], "hold_token": hold["token"], "expected_total_minor": hold["totals"]["total_minor"],
            "buyer": { "email": email, "name": "Grace Hopper" },
        });
        let key = self.sale.key.clone();
        let answer = self.ask(Op::Order, Ask::post("/v1/orders", &key, &body)).await?;
        if answer.status == 201 { answer.json().map(Some) } else { Ok(None) }
    }

    /// Pays at the sandbox, as the provider's page would. False when the session has ended.
    async fn pay(&mut self, order: &Value) -> Result<bool> {
        let url = text(order, "/checkout_url")?;
        let (host, path) =
            url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).context("no page")?;
        let (sandbox, session): (SocketAddr, _) =
            (host.parse()?, path.rsplit('/').next().unwrap_or_default());
        let path = format!("/_sandbox/sessions/{session}/pay");
        let body = json!({ "card": CARD });
        let ask = Ask::post(&path, "", &body);
        let answer = Visitor::new(sandbox, std::net::Ipv4Addr::LOCALHOST).ask(&ask).await?;
        self.sale.record.answer(Op::Pay, self.due.into_std(), answer.status < 400);
        self.due = Instant::now();
        Ok(answer.status == 200)
    }

    /// The page after the checkout, with its codes.
    async fn tickets(&mut self, order: &Value) -> Result<()> {
        let (path, token) = (format!("/v1/orders/{}", text(order, "/id")?), text(order, "/buyer_token")?);
        let paid = Instant::now();
        for turn in 0.. {
            self.due = Instant::now() + ASK_AGAIN[turn.min(ASK_AGAIN.len() - 1)];
            tokio::time::sleep_until(self.due).await;
            let answer = self.ask(Op::Look, Ask::get(&path, &token)).await?;
            let now = if answer.status == 200 { answer.json()? } else { Value::Null };
            match now["state"].as_str() {
                Some("paid") => {
                    let tickets = now["tickets"].as_array().context("no tickets")?;
                    let seats =
                        tickets.iter().filter_map(|ticket| u32::try_from(ticket["seat"].as_u64()?).ok());
                    self.sale.record.bought(Bought { seats: seats.collect(), wait: paid.elapsed() });
                    for ticket in tickets {
                        let path = format!("/v1/tickets/{}/qr.svg", text(ticket, "/id")?);
                        self.ask(Op::Code, Ask::get(&path, &token)).await?;
                    }
                    return Ok(());
                }
                Some("pending" | "processing") | None if paid.elapsed() < WAIT_FOR_TICKETS => {}
                state => bail!("paid, and the order is {state:?} after {:?}", paid.elapsed()),
            }
        }
        Ok(())
    }
}

/// Where a group can begin in a row. As the seat picker shows it: no single seat is left over in a gap that has room.
fn starts(view: &Statuses, row: Range<u32>, places: u32) -> Vec<u32> {
    let mut starts = Vec::new();
    let mut first = row.start;
    while first < row.end {
        let free = (first..row.end).take_while(|seat| view.is_free(SeatIndex(*seat))).count();
        let end = first + u32::try_from(free).unwrap_or(0);
        let fits = (first..=end).filter(|start| start + places <= end);
        let tidy = |start: &u32| start - first != 1 && end - start - places != 1;
        let before = starts.len();
        starts.extend(fits.clone().filter(tidy));
        if starts.len() == before {
            starts.extend(fits);
        }
        first = end + 1;
    }
    starts
}

/// A number around 1, exponentially distributed.
pub fn exponential(dice: &mut StdRng) -> f64 {
    -f64::ln(1.0 - dice.random_range(0.0..1.0))
}

/// A task that ends with its owner.
struct Aborting(tokio::task::JoinHandle<()>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_are_a_hundred_people() {
        assert_eq!(PARTIES.iter().map(|(_, share)| share).sum::<u32>(), 100);
        assert_eq!([0, 9, 10, 59, 60, 72, 97, 99].map(party), [1, 1, 2, 2, 3, 4, 6, 6]);
    }

    #[test]
    fn groups_leave_no_single_seat_where_there_is_room() {
        let mut view = Statuses::new(20);
        for taken in [0, 6, 10] {
            view.set(SeatIndex(taken), SeatStatus::Sold);
        }
        // Gaps of five, three and four seats.
        assert_eq!(starts(&view, 0..15, 2), [1, 4, 7, 8, 11, 13]);
        assert_eq!(starts(&view, 0..15, 4), [1, 2, 11]);
        assert!(starts(&view, 0..15, 6).is_empty());
    }

    #[test]
    fn people_think_for_the_mean_on_average() {
        let mut dice = StdRng::seed_from_u64(7);
        let sum: f64 = (0..10_000).map(|_| exponential(&mut dice)).sum();
        assert!((9_700.0..10_300.0).contains(&sum), "{sum}");
    }
}
