//! Holds: places taken for a while (T0 of the protocol), all or nothing, by one script in Redis. A hold is a courtesy
//! to buyers, never the authority: that is the claim in Postgres.

mod best;
mod demand;
mod follow;
mod frames;
mod live;
mod mirror;
mod rebuild;
mod rules;
mod scripts;
mod streams;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use dashmap::DashMap;
use eventflow_core::{
    ErrorCode, Id, Refusal, id,
    pricing::{Priced, Totals},
    seat_map::{SeatIndex, SeatStatus, Why},
};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use demand::{Count, Demand};
pub use frames::Frame;
pub use live::{AreaLeft, Availability, Live};
pub use mirror::{Change, lead, record};
pub use streams::{End, News, Stream};

use crate::{
    db::{Db, Scope, new_uuid},
    error::{Error, Result},
    failpoints,
    gate::Gate,
    idempotency,
    offers::{Offer, Offers, Target, Tier},
};
pub use scripts::expired;
use scripts::{Answer, join, list, on, rebuilding};

/// Visitors of one network may hold this many times the event's limit per hold: families and offices share one.
const NETWORK_FACTOR: i32 = 5;
/// Explicit items of one hold, before the event's own limit applies.
pub const ITEMS_MAX: usize = 100;
/// How long a request waits for somebody else to teach Redis an event, and how often it looks. It takes milliseconds.
const REBUILD_WAIT: Duration = Duration::from_secs(2);
const REBUILD_LOOK: Duration = Duration::from_millis(10);

/// Holds, availability and the mirror of what Postgres decided.
pub struct Holds {
    db: Db,
    gate: Gate,
    pub offers: Offers,
    live: DashMap<Uuid, Arc<Live>>,
    /// Turns to rank seats: half of the cores.
    rankings: Semaphore,
    demands: demand::Demands,
}

/// One thing that a buyer asks for by name.
#[derive(Debug, Clone)]
pub enum Want {
    Seat { seat: SeatRef, tier: Option<Uuid> },
    Area { area: String, tier: Option<Uuid>, quantity: u32 },
}

#[derive(Debug, Clone)]
pub enum SeatRef {
    Index(u32),
    Label(String),
}

/// "The best n that you have."
#[derive(Debug, Clone, Default)]
pub struct Best {
    pub quantity: u32,
    pub tier: Option<Uuid>,
    /// Keys.
    pub section: Option<String>,
    pub zone: Option<String>,
    pub accessible: bool,
    /// Of the people, those who need a place for a wheelchair.
    pub wheelchairs: u32,
}

#[derive(Debug, Clone, Default)]
pub struct Place {
    pub items: Vec<Want>,
    pub best: Option<Best>,
    /// Names the buyer across holds, as a visitor id of the integrator; empty: each hold stands alone.
    pub buyer: String,
    /// The network of a visitor of a public page, as `203.0.113.7`: bounds what one visitor without a name can hold.
    pub network: String,
    pub idempotency: Option<idempotency::Key>,
    /// The box office knows better: the event's rules are not judged.
    pub ignore_rules: bool,
    pub wishes: Wishes,
}

/// What the buyer said beside the places: it travels with the hold, and plugins see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// Codes, in upper case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// The buyer's language, as BCP 47; empty if it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub locale: String,
}

/// One place of a hold or an order, with its tier.
#[derive(Debug, Clone)]
pub struct Line {
    pub seat: Option<SeatIndex>,
    pub area: Option<u16>,
    pub tier: Tier,
    /// The label on the ticket.
    pub label: String,
    /// What it costs: the tier's price, until plugins have changed it.
    pub priced: Priced,
}

#[derive(Debug, Clone)]
pub struct Hold {
    pub id: Id<id::Hold>,
    pub lines: Vec<Line>,
    pub totals: Totals,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// Extensions end here.
    pub cap_at: DateTime<Utc>,
    /// The clock of Redis at the answer: browsers count down from it.
    pub server_time: DateTime<Utc>,
    pub extensions: u32,
    /// Set while the hold is in checkout.
    pub order: Option<Id<id::Order>>,
    /// Why we chose these seats, when we did.
    pub why: Option<Why>,
    pub wishes: Wishes,
}

/// What travels with a hold: which tier each place has, where it is not the default one.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Payload {
    /// Seat -> ticket type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seats: Vec<(u32, i32)>,
    /// The type of all other seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seat_type: Option<i32>,
    /// Area, type, quantity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    areas: Vec<(u16, i32, u32)>,
    /// Why each group was offered to the script, by its first seat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    why: Vec<(u32, Why)>,
    #[serde(flatten)]
    wishes: Wishes,
}

/// What a hold asks of the script, once the offer has been consulted.
struct Wanted {
    seats: Vec<u32>,
    payload: Payload,
    places: u32,
    /// Ticket type and how many, each type once; without what is chosen later of any type.
    tickets: Vec<(i32, u32)>,
}

impl Wanted {
    fn add(&mut self, type_no: i32, count: u32) {
        self.places = self.places.saturating_add(count);
        add_to(&mut self.tickets, type_no, count);
    }

    /// Places of each area.
    fn areas(&self) -> Vec<(u16, u32)> {
        let mut sums = Vec::new();
        for &(area, _, count) in &self.payload.areas {
            add_to(&mut sums, area, count);
        }
        sums
    }
}

fn add_to<T: PartialEq>(sums: &mut Vec<(T, u32)>, name: T, count: u32) {
    match sums.iter_mut().find(|(known, _)| *known == name) {
        Some((_, sum)) => *sum = sum.saturating_add(count),
        None => sums.push((name, count)),
    }
}

impl Holds {
    pub fn new(db: Db, gate: Gate) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let rankings = Semaphore::new((cores / 2).max(1));
        Self {
            db,
            gate,
            offers: Offers::default(),
            live: DashMap::new(),
            rankings,
            demands: DashMap::default(),
        }
    }

    pub async fn offer(&self, scope: &Scope, event: Id<id::Event>) -> Result<Arc<Offer>> {
        self.offers.get(&self.db, scope, event).await
    }

    /// Takes places for the event's hold time.
    ///
    /// # Errors
    /// `seats_taken` names every lost seat, `seat_rules` every rule of the event that is broken; `sold_out`, `hold_limit`, `unknown_seat`, `not_on_sale` as their names say.
    pub async fn place(self: &Arc<Self>, scope: &Scope, offer: &Arc<Offer>, request: &Place) -> Result<Hold> {
        offer.check_on_sale(Utc::now())?;
        let wanted = resolve(offer, request)?;
        let id = Id::from_uuid(new_uuid());
        if let Some(hold) = self.judge(scope, offer, request, &wanted, id).await? {
            return Ok(hold);
        }
        match request.best {
            Some(_) => self.place_best(scope, offer, request, wanted, id).await,
            None => self.place_wanted(offer, request, wanted, id).await,
        }
    }

    async fn place_wanted(
        &self,
        offer: &Offer,
        request: &Place,
        wanted: Wanted,
        id: Id<id::Hold>,
    ) -> Result<Hold> {
        let candidates = if wanted.seats.is_empty() { vec![] } else { vec![join(&wanted.seats)] };
        match self.try_place(offer, request, &wanted, id, &candidates).await? {
            Placed::Hold(hold) => {
                // The next pick through this server is judged with it, whether the stream has said so or not.
                if let Some(live) = self.live.get(&offer.event.id) {
                    live.mark(&wanted.seats, SeatStatus::Held);
                }
                Ok(hold)
            }
            Placed::Replay(hold) => Ok(hold),
            Placed::Lost(seats) => Err(Error::Refused(taken(offer, &seats))),
        }
    }

    /// One run of the script, after a rebuild when Redis had forgotten the event.
    async fn try_place(
        &self,
        offer: &Offer,
        request: &Place,
        wanted: &Wanted,
        id: Id<id::Hold>,
        candidates: &[String],
    ) -> Result<Placed> {
        let event = &offer.event;
        let areas = wanted.areas();
        let payload = serde_json::to_string(&wanted.payload).map_err(|e| Error::Corrupt(e.to_string()))?;
        let (key, fingerprint) = request
            .idempotency
            .as_ref()
            .map_or((String::new(), String::new()), |key| (key.short_name(), hex::encode(key.fingerprint)));
        let mut invocation = on(&scripts::PLACE, offer.event_id());
        invocation
            .arg(id.uuid().simple().to_string())
            .arg(i64::from(event.hold_ttl_secs) * 1000)
            .arg(i64::from(event.hold_cap_secs) * 1000)
            .arg(&request.buyer)
            .arg(event.max_per_buyer)
            .arg(areas.iter().map(|(area, n)| format!("{area}:{n}")).collect::<Vec<_>>().join(","))
            .arg(payload)
            .arg(key)
            .arg(fingerprint)
            .arg(wanted.places)
            .arg(&request.network)
            .arg(event.max_per_hold.saturating_mul(NETWORK_FACTOR));
        for candidate in candidates {
            invocation.arg(candidate);
        }
        let answer = self.run(offer, &invocation).await?;
        match answer.word()?.as_str() {
            word @ ("placed" | "replay") => {
                let id: Uuid = answer.text(6)?.parse().map_err(|_| scripts::unexpected("hold id"))?;
                let payload = answer.text(5)?;
                let hold = Hold {
                    id: id.into(),
                    created_at: moment(answer.number(4)?)?,
                    expires_at: moment(answer.number(2)?)?,
                    cap_at: moment(answer.number(3)?)?,
                    server_time: moment(answer.number(4)?)?,
                    extensions: 0,
                    order: None,
                    ..priced(offer, &list(&answer.text(1)?), &payload)?
                };
                Ok(if word == "placed" { Placed::Hold(hold) } else { Placed::Replay(hold) })
            }
            "conflict" => Err(idempotency::conflict()),
            "limit" => {
                let detail = format!(
                    "One buyer may hold {} places of this event, and has {} already, in holds and orders that are not paid.",
                    answer.text(2)?,
                    answer.text(1)?
                );
                Err(Error::refused(ErrorCode::HoldLimit, detail))
            }
            "area" => {
                let area = offer.layout.ga_areas().get(answer.number::<usize>(1)?);
                let name = area.map_or("the area", |area| area.name.as_str());
                let detail = format!("Only {} places are left in {name}.", answer.text(2)?);
                let refusal = Refusal::new(ErrorCode::SoldOut, detail);
                Err(Error::Refused(match area {
                    Some(area) => refusal.objects(vec![area.key.clone()]),
                    None => refusal,
                }))
            }
            "lost" => Ok(Placed::Lost(list(&answer.text(1)?))),
            other => Err(scripts::unexpected(other)),
        }
    }

    /// Runs a script of the event; when Redis has forgotten the event, learns it again first. While somebody else is at
    /// that, it waits a little before it says so.
    async fn run(&self, offer: &Offer, invocation: &redis::ScriptInvocation<'_>) -> Result<Answer> {
        let began = Instant::now();
        loop {
            failpoints::pass("before a script in Redis");
            let answer = Answer::of(self.gate.run(invocation).await?)?;
            failpoints::pass("after a script in Redis");
            if answer.word()? != "forgot" {
                return Ok(answer);
            }
            let rebuilt = self.rebuild(offer).await;
            match rebuilt {
                Err(Error::Refused(refusal)) if refusal.code == ErrorCode::Rebuilding => {
                    tokio::time::sleep(REBUILD_LOOK).await;
                }
                rebuilt => rebuilt?,
            }
            if began.elapsed() > REBUILD_WAIT {
                return Err(rebuilding());
            }
        }
    }

    pub async fn read(&self, offer: &Offer, id: Id<id::Hold>) -> Result<Hold> {
        let mut invocation = on(&scripts::READ, offer.event_id());
        invocation.arg(id.uuid().simple().to_string());
        let answer = self.run(offer, &invocation).await?;
        match answer.word()?.as_str() {
            "held" => {
                let order = answer.text(8)?;
                Ok(Hold {
                    id,
                    created_at: moment(answer.number(9)?)?,
                    expires_at: moment(answer.number(3)?)?,
                    cap_at: moment(answer.number(4)?)?,
                    server_time: moment(answer.number(5)?)?,
                    extensions: answer.number(7)?,
                    order: order.parse::<Uuid>().ok().map(Into::into),
                    ..priced(offer, &list(&answer.text(1)?), &answer.text(6)?)?
                })
            }
            _ => Err(Error::Refused(Refusal::not_found("hold"))),
        }
    }

    /// Gives a hold a full time to live again, never beyond its cap.
    pub async fn extend(
        &self,
        offer: &Offer,
        id: Id<id::Hold>,
        idempotency: Option<&idempotency::Key>,
    ) -> Result<Hold> {
        offer.check_on_sale(Utc::now())?;
        let mut invocation = on(&scripts::EXTEND, offer.event_id());
        let (key, fingerprint) = idempotency
            .map_or((String::new(), String::new()), |key| (key.short_name(), hex::encode(key.fingerprint)));
        invocation
            .arg(id.uuid().simple().to_string())
            .arg(i64::from(offer.event.hold_ttl_secs) * 1000)
            .arg(key)
            .arg(fingerprint);
        match self.run(offer, &invocation).await?.word()?.as_str() {
            "extended" => self.read(offer, id).await,
            "conflict" => Err(idempotency::conflict()),
            "pinned" => Err(in_checkout()),
            "cap" => Err(Error::refused(
                ErrorCode::ExtensionLimit,
                "The hold has reached the longest time that the event allows.",
            )),
            _ => Err(Error::Refused(Refusal::not_found("hold"))),
        }
    }

    /// Gives the places back. `closed`: also those of a hold in checkout, whose order is known to be closed.
    pub async fn release(&self, offer: &Offer, id: Id<id::Hold>, closed: bool) -> Result<()> {
        let mut invocation = on(&scripts::RELEASE, offer.event_id());
        invocation.arg(id.uuid().simple().to_string()).arg(i32::from(closed));
        match self.run(offer, &invocation).await?.word()?.as_str() {
            "released" => Ok(()),
            "pinned" => Err(in_checkout()),
            _ => Err(Error::Refused(Refusal::not_found("hold"))),
        }
    }

    /// T1, first step: the hold goes into checkout for `order` and stays at least `stay`. Answers its lines, and what the
    /// buyer said.
    pub async fn pin(
        &self,
        offer: &Offer,
        id: Id<id::Hold>,
        order: Id<id::Order>,
        stay: TimeDelta,
    ) -> Result<(Vec<Line>, Wishes)> {
        let mut invocation = on(&scripts::PIN, offer.event_id());
        invocation
            .arg(id.uuid().simple().to_string())
            .arg(order.uuid().simple().to_string())
            .arg(stay.num_milliseconds());
        let answer = self.run(offer, &invocation).await?;
        match answer.word()?.as_str() {
            "held" => {
                let hold = priced(offer, &list(&answer.text(1)?), &answer.text(3)?)?;
                Ok((hold.lines, hold.wishes))
            }
            "pinned" => Err(in_checkout()),
            "lost" => Err(Error::Refused(taken(offer, &list(&answer.text(1)?)))),
            _ => Err(Error::Refused(expired())),
        }
    }

    /// The claim failed: the hold is the buyer's again, with the time it had.
    pub async fn unpin(&self, offer: &Offer, id: Id<id::Hold>, order: Id<id::Order>) -> Result<()> {
        let mut invocation = on(&scripts::UNPIN, offer.event_id());
        invocation.arg(id.uuid().simple().to_string()).arg(order.uuid().simple().to_string());
        let _: redis::Value = self.gate.run(&invocation).await?;
        Ok(())
    }
}

enum Placed {
    Hold(Hold),
    /// The answer to an earlier request under the same key; its places may be somebody else's by now.
    Replay(Hold),
    /// Seats that were not free.
    Lost(Vec<u32>),
}

fn in_checkout() -> Error {
    Error::refused(
        ErrorCode::HoldInCheckout,
        "The hold has become an order; cancel that order to give the places back.",
    )
}

fn moment(millis: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| scripts::unexpected("time out of range"))
}

/// The refusal that names the seats.
pub fn taken(offer: &Offer, seats: &[u32]) -> Refusal {
    let labels: Vec<String> =
        seats.iter().map(|&seat| offer.layout.label(SeatIndex(seat)).to_owned()).collect();
    let detail =
        format!("No longer available: {}.", labels.iter().take(20).cloned().collect::<Vec<_>>().join(", "));
    Refusal::new(ErrorCode::SeatsTaken, detail).objects(labels)
}

/// What a request means for this offer: seats, areas, tiers; refuses what the event does not have.
fn resolve(offer: &Offer, request: &Place) -> Result<Wanted, Refusal> {
    let mut wanted =
        Wanted { seats: Vec::new(), payload: Payload::default(), places: 0, tickets: Vec::new() };
    wanted.payload.wishes = request.wishes.clone();
    for (position, item) in request.items.iter().enumerate() {
        match item {
            Want::Seat { seat, tier } => {
                let param = format!("items[{position}].seat");
                let seat = find_seat(offer, seat).ok_or_else(|| {
                    Refusal::new(ErrorCode::UnknownSeat, "The event has no seat with this index or label.")
                        .param(param.clone())
                })?;
                if wanted.seats.contains(&seat.0) {
                    return Err(Refusal::invalid(param, "The same seat stands in the request twice."));
                }
                let category = offer.category_of(seat).map(Target::Category);
                let chosen = choose_tier(offer, category, *tier, position)?;
                if tier.is_some() {
                    wanted.payload.seats.push((seat.0, chosen));
                }
                wanted.seats.push(seat.0);
                wanted.add(chosen, 1);
            }
            Want::Area { area, tier, quantity } => {
                let index = offer.layout.area_index(area).ok_or_else(|| {
                    Refusal::new(
                        ErrorCode::UnknownSeat,
                        "The event has no general admission area with this key.",
                    )
                    .param(format!("items[{position}].ga_area"))
                })?;
                let chosen = choose_tier(offer, Some(Target::Area(index)), *tier, position)?;
                wanted.payload.areas.push((index, chosen, *quantity));
                wanted.add(chosen, *quantity);
            }
        }
    }
    if let Some(best) = &request.best {
        match best.tier {
            None => wanted.places = wanted.places.saturating_add(best.quantity),
            Some(tier) => {
                let tier = offer
                    .tier(tier)
                    .filter(|tier| tier.active && matches!(tier.target, Target::Category(_)))
                    .ok_or_else(|| unknown_tier("best_available.price_tier_id"))?;
                wanted.payload.seat_type = Some(tier.type_no);
                wanted.add(tier.type_no, best.quantity);
            }
        }
    }
    if wanted.places == 0 {
        return Err(Refusal::invalid("items", "Ask for at least one seat, one place or `best_available`."));
    }
    if i64::from(wanted.places) > i64::from(offer.event.max_per_hold) {
        let detail = format!("One hold of this event has at most {} places.", offer.event.max_per_hold);
        return Err(Refusal::new(ErrorCode::HoldLimit, detail));
    }
    Ok(wanted)
}

fn find_seat(offer: &Offer, seat: &SeatRef) -> Option<SeatIndex> {
    match seat {
        SeatRef::Index(index) => Some(SeatIndex(*index)).filter(|index| offer.layout.seat(*index).is_some()),
        SeatRef::Label(label) => offer.layout.find(label),
    }
}

fn choose_tier(
    offer: &Offer,
    target: Option<Target>,
    tier: Option<Uuid>,
    position: usize,
) -> Result<i32, Refusal> {
    let fits = |candidate: &&Tier| candidate.active && Some(candidate.target) == target;
    match tier {
        Some(id) => offer
            .tier(id)
            .filter(fits)
            .map(|tier| tier.type_no)
            .ok_or_else(|| unknown_tier(&format!("items[{position}].price_tier_id"))),
        None => {
            target.and_then(|target| offer.default_tier(target)).map(|tier| tier.type_no).ok_or_else(|| {
                Refusal::new(
                    ErrorCode::UnknownPriceTier,
                    "This place is not for sale: no active price tier applies to it.",
                )
                .param(format!("items[{position}]"))
            })
        }
    }
}

fn unknown_tier(param: &str) -> Refusal {
    Refusal::new(ErrorCode::UnknownPriceTier, "No active price tier with this id applies to this place.")
        .param(param)
}

/// The places of a hold with today's prices.
fn priced(offer: &Offer, seats: &[u32], payload: &str) -> Result<Hold> {
    let payload: Payload = serde_json::from_str(payload)
        .map_err(|error| Error::Corrupt(format!("payload of a hold: {error}")))?;
    let not_for_sale = || {
        Error::refused(
            ErrorCode::PriceChanged,
            "A price tier of this hold is no longer offered. Place a new hold.",
        )
    };
    let mut lines = Vec::new();
    for &seat in seats {
        let index = SeatIndex(seat);
        let explicit = payload.seats.iter().find(|(known, _)| *known == seat).map(|(_, type_no)| *type_no);
        // What was chosen must still be offered, and still fit the place.
        let target = offer.category_of(index).map(Target::Category);
        let tier = match explicit.or(payload.seat_type) {
            Some(type_no) => {
                offer.tier_by_type(type_no).filter(|tier| tier.active && Some(tier.target) == target)
            }
            None => target.and_then(|target| offer.default_tier(target)),
        };
        let tier = tier.ok_or_else(not_for_sale)?.clone();
        let label = offer.layout.label(index).to_owned();
        lines.push(Line { seat: Some(index), area: None, priced: tier.priced, tier, label });
    }
    for &(area, type_no, quantity) in &payload.areas {
        let fits = |tier: &&Tier| tier.active && tier.target == Target::Area(area);
        let tier = offer.tier_by_type(type_no).filter(fits).ok_or_else(not_for_sale)?;
        let label =
            offer.layout.ga_areas().get(usize::from(area)).map_or_else(String::new, |area| area.name.clone());
        for _ in 0..quantity {
            let (tier, label) = (tier.clone(), label.clone());
            lines.push(Line { seat: None, area: Some(area), priced: tier.priced, tier, label });
        }
    }
    let totals = Totals::sum(lines.iter().map(|line| line.priced)).map_err(|error| {
        Error::refused(ErrorCode::LimitReached, format!("The sum of the prices: {error}."))
    })?;
    let now = DateTime::UNIX_EPOCH;
    Ok(Hold {
        id: Id::from_uuid(Uuid::nil()),
        lines,
        totals,
        created_at: now,
        expires_at: now,
        cap_at: now,
        server_time: now,
        extensions: 0,
        order: None,
        why: payload.why.into_iter().find(|(first, _)| seats.contains(first)).map(|(_, why)| why),
        wishes: payload.wishes,
    })
}
