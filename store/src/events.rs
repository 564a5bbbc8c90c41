//! Events: what is sold, when, and under which limits.
//!
//! `draft -> published -> cancelled`. Publishing pins a version of the seat map and opens a pool for each standing area.
//! Every change of what is sold or for how much goes through [`touch`].

mod maps;
mod readiness;

use chrono::{DateTime, Datelike, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, Bool, Integer, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, Refusal, id,
    money::Currency,
    seat_map::{GaArea, Occupancy, Orphans},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, OrNotFound, Result},
    schema::{events, outbox, price_tiers, seat_maps, seats, tenants, venues},
    seat_maps as seat_map_store, statement, tickets,
};

pub use maps::{Step, move_to, moved_places, step};
use readiness::{Readiness, Tier};

/// Default of `max_per_hold` and `max_per_buyer`: a group of friends, not a tout.
pub const MAX_PER_BUYER_DEFAULT: i32 = 10;
/// Default time to live of a hold.
pub const HOLD_TTL_SECS_DEFAULT: i32 = 600;
/// Default time for a checkout at the provider.
pub const CHECKOUT_SECS_DEFAULT: i32 = 900;
/// A hold may last as long as twelve terms unless the event says otherwise: people who need more time get at least ten
/// extensions (WCAG 2.2.1).
const HOLD_TERMS: i32 = 12;
/// No hold lasts longer, whatever its event says.
pub const HOLD_CAP_SECS_MAX: i32 = 21_600;
/// Ticket tokens count minutes from 2020.
const YEAR_MIN: i32 = 2020;
/// Far beyond any plan, and inside what RFC 3339 and the ticket token can say.
const YEAR_MAX: i32 = 2999;

pub const DRAFT: &str = "draft";
pub const PUBLISHED: &str = "published";
pub const CANCELLED: &str = "cancelled";

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = events)]
pub struct Event {
    pub id: Uuid,
    pub event_no: i32,
    pub venue_id: Uuid,
    pub seat_map_id: Uuid,
    /// 0 while the event is a draft.
    pub seat_map_version: i32,
    pub state: String,
    #[diesel(embed)]
    pub terms: Terms,
    pub revision: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub published_at: Option<DateTime<Utc>>,
    pub cancelled_at: Option<DateTime<Utc>>,
}

/// What the organizer sets.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = events)]
pub struct Terms {
    pub name: String,
    pub description: String,
    pub currency: String,
    pub time_zone: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub sale_starts_at: DateTime<Utc>,
    pub sale_ends_at: DateTime<Utc>,
    pub max_per_hold: i32,
    pub max_per_buyer: i32,
    pub hold_ttl_secs: i32,
    pub hold_cap_secs: i32,
    pub checkout_secs: i32,
    pub delayed_payments: bool,
    pub reseat_late_payments: bool,
    /// As [`Orphans::as_str`].
    pub orphan_seats: String,
    pub adjacent_seats: bool,
    pub min_per_hold: i32,
    pub companion_seats: bool,
}

/// What an event asks of every hold; `None` is its default, or leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct SeatRules {
    pub orphans: Option<Orphans>,
    pub adjacent: Option<bool>,
    pub min_per_hold: Option<i32>,
    pub companions: Option<bool>,
}

/// A new event; what is `None` gets its default.
#[derive(Debug)]
pub struct NewEvent {
    pub seat_map: Id<id::SeatMap>,
    /// Has to be the venue of the seat map.
    pub venue: Option<Id<id::Venue>>,
    pub name: String,
    pub description: String,
    /// The tenant's.
    pub currency: Option<String>,
    /// The venue's.
    pub time_zone: Option<String>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// Now.
    pub sale_starts_at: Option<DateTime<Utc>>,
    /// The end of the event.
    pub sale_ends_at: Option<DateTime<Utc>>,
    pub max_per_hold: i32,
    pub max_per_buyer: i32,
    pub hold_ttl_secs: i32,
    /// Twelve terms, within the limit of the platform.
    pub hold_cap_secs: Option<i32>,
    pub checkout_secs: i32,
    pub delayed_payments: bool,
    pub reseat_late_payments: bool,
    pub seat_rules: SeatRules,
}

/// The fields to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct EventChange {
    /// Drafts only.
    pub seat_map: Option<Id<id::SeatMap>>,
    /// Drafts only.
    pub currency: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub time_zone: Option<String>,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub sale_starts_at: Option<DateTime<Utc>>,
    pub sale_ends_at: Option<DateTime<Utc>>,
    pub max_per_hold: Option<i32>,
    pub max_per_buyer: Option<i32>,
    pub hold_ttl_secs: Option<i32>,
    pub hold_cap_secs: Option<i32>,
    pub checkout_secs: Option<i32>,
    pub delayed_payments: Option<bool>,
    pub reseat_late_payments: Option<bool>,
    pub seat_rules: SeatRules,
}

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Organizer,
    /// Pages: drafts and what is not for sale do not exist for them.
    Public,
}

impl View {
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Public)
    }
}

pub async fn create(tx: &mut Tx, new: NewEvent) -> Result<Event> {
    let (venue_id, venue_zone) = venue_of(tx, new.seat_map).await?;
    if new.venue.is_some_and(|venue| venue.uuid() != venue_id) {
        return Err(Refusal::invalid("venue_id", "The seat map belongs to another venue.").into());
    }
    let currency = match &new.currency {
        Some(currency) => currency.clone(),
        None => tenants::table.find(tx.tenant()).select(tenants::currency).first(&mut **tx).await?,
    };
    let seat_map = new.seat_map;
    let terms = new.terms(Utc::now(), currency, venue_zone);
    terms.check()?;
    let event = diesel::insert_into(events::table)
        .values((
            events::tenant_id.eq(tx.tenant()),
            events::id.eq(new_uuid()),
            events::venue_id.eq(venue_id),
            events::seat_map_id.eq(seat_map.uuid()),
            terms,
        ))
        .returning(Event::as_returning())
        .get_result(&mut **tx)
        .await?;
    let detail = json!({ "name": event.terms.name });
    audit_log::record(tx, "events.create", Id::<id::Event>::from(event.id), detail).await?;
    Ok(event)
}

pub async fn get(tx: &mut Tx, id: Id<id::Event>, view: View) -> Result<Event> {
    let event: Option<Event> = events::table
        .find((tx.tenant(), id.uuid()))
        .select(Event::as_select())
        .first(&mut **tx)
        .await
        .optional()?;
    let visible = event.filter(|event| !(view.is_public() && event.state == DRAFT));
    visible.ok_or_else(|| Error::Refused(Refusal::not_found("event")))
}

pub async fn list(
    tx: &mut Tx,
    limit: i64,
    after: Option<Uuid>,
    state: Option<&str>,
    view: View,
) -> Result<Vec<Event>> {
    let mut query = events::table
        .filter(events::tenant_id.eq(tx.tenant()))
        .order(events::id)
        .limit(limit)
        .select(Event::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(events::id.gt(after));
    }
    if let Some(state) = state {
        query = query.filter(events::state.eq(state.to_owned()));
    }
    if view.is_public() {
        query = query.filter(events::state.ne(DRAFT));
    }
    Ok(query.load(&mut **tx).await?)
}

pub async fn update(tx: &mut Tx, id: Id<id::Event>, change: EventChange) -> Result<Event> {
    let event = lock(tx, id).await?;
    change.check_allowed(&event)?;
    let (venue_id, seat_map_id) = match change.seat_map {
        Some(seat_map) => (venue_of(tx, seat_map).await?.0, seat_map.uuid()),
        None => (event.venue_id, event.seat_map_id),
    };
    let ended_at = event.terms.ends_at;
    let terms = change.applied(event.terms);
    terms.check()?;
    touch(tx, id).await?;
    let event = diesel::update(events::table.find((tx.tenant(), id.uuid())))
        .set((terms, events::venue_id.eq(venue_id), events::seat_map_id.eq(seat_map_id)))
        .returning(Event::as_returning())
        .get_result(&mut **tx)
        .await?;
    if event.terms.ends_at > ended_at {
        tickets::prolong(tx, id).await?;
    }
    audit_log::record(tx, "events.update", id, json!({})).await?;
    Ok(event)
}

/// Whether the event is cancelled; until the transaction ends, nobody cancels it.
pub async fn is_cancelled(tx: &mut Tx, id: Uuid) -> Result<bool> {
    let state: String = events::table
        .find((tx.tenant(), id))
        .select(events::state)
        .for_share()
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("event")?;
    Ok(state == CANCELLED)
}

/// Puts the event on sale (within its sale window), with the newest published version of its seat map.
pub async fn publish(tx: &mut Tx, id: Id<id::Event>, allow_unpriced: bool) -> Result<Event> {
    let event = lock(tx, id).await?;
    if event.state != DRAFT {
        return Err(Error::refused(ErrorCode::Conflict, format!("The event is {} already.", event.state)));
    }
    let version = newest_version(tx, &event).await?;
    if version == seat_map_store::DRAFT {
        let detail = "Publish the seat map first: an event sells the places of a published version.";
        return Err(Refusal::new(ErrorCode::EventNotReady, detail).param("seat_map_id").into());
    }
    let outline = seat_map_store::outline(tx, event.seat_map_id, version).await?;
    let readiness = Readiness {
        starts_at: event.terms.starts_at,
        now: Utc::now(),
        tiers: active_tiers(tx, event.id).await?,
        used_categories: used_categories(tx, event.seat_map_id, version).await?,
        outline: &outline,
        allow_unpriced,
    };
    readiness.check()?;
    open_pools(tx, event.id, &outline.ga_areas).await?;
    touch(tx, id).await?;
    let event = diesel::update(events::table.find((tx.tenant(), id.uuid())))
        .set((
            events::state.eq(PUBLISHED),
            events::seat_map_version.eq(version),
            events::published_at.eq(diesel::dsl::now),
        ))
        .returning(Event::as_returning())
        .get_result(&mut **tx)
        .await?;
    audit_log::record(tx, "events.publish", id, json!({ "seat_map_version": version })).await?;
    Ok(event)
}

/// Stops the sale for good. Orders that are paid and their tickets stay as they are; those that are not end now, and what is paid
/// all the same goes back.
pub async fn cancel(tx: &mut Tx, id: Id<id::Event>, reason: &str) -> Result<Event> {
    let event = lock(tx, id).await?;
    if event.state != PUBLISHED {
        let detail =
            format!("Only a published event can be cancelled; this one is {}.", in_words(&event.state));
        return Err(Error::refused(ErrorCode::Conflict, detail));
    }
    touch(tx, id).await?;
    let event = diesel::update(events::table.find((tx.tenant(), id.uuid())))
        .set((events::state.eq(CANCELLED), events::cancelled_at.eq(diesel::dsl::now)))
        .returning(Event::as_returning())
        .get_result(&mut **tx)
        .await?;
    statement!(
        "UPDATE jobs j SET run_at = now() FROM orders o WHERE j.tenant_id = ? AND j.kind = 'lapse' \
         AND o.tenant_id = j.tenant_id AND o.id = j.subject_id AND o.event_id = ? AND j.run_at > now()",
        tx.tenant(),
        id.uuid()
    )
    .execute(&mut **tx)
    .await?;
    audit_log::record(tx, "events.cancel", id, json!({ "reason": reason })).await?;
    Ok(event)
}

/// Counts a change of what is sold or for how much, and tells the caches of all servers after commit.
pub async fn touch(tx: &mut Tx, id: Id<id::Event>) -> Result<()> {
    announce(tx, id, "event.changed", json!({})).await
}

/// As [`touch`], for a change with an outbox row of its own.
pub async fn announce(tx: &mut Tx, id: Id<id::Event>, kind: &str, payload: Value) -> Result<()> {
    diesel::update(events::table.find((tx.tenant(), id.uuid())))
        .set((events::revision.eq(events::revision + 1), events::updated_at.eq(diesel::dsl::now)))
        .execute(&mut **tx)
        .await?;
    diesel::insert_into(outbox::table)
        .values((
            outbox::tenant_id.eq(tx.tenant()),
            outbox::event_id.eq(id.uuid()),
            outbox::kind.eq(kind),
            outbox::payload.eq(payload),
        ))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The event, locked until the end of the transaction against other changes of it **and** against new orders: these
/// take a key share of the event's row by their foreign key. What is read afterwards is not overtaken by a claim, and
/// a claim that was waiting sees the change.
pub async fn lock(tx: &mut Tx, id: Id<id::Event>) -> Result<Event> {
    events::table
        .find((tx.tenant(), id.uuid()))
        .for_update()
        .select(Event::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("event")
}

/// The version whose places are meant: the pinned one; of a draft the newest published, or [`seat_map_store::DRAFT`].
pub async fn newest_version(tx: &mut Tx, event: &Event) -> Result<i32> {
    if event.seat_map_version != 0 {
        return Ok(event.seat_map_version);
    }
    let version = seat_maps::table
        .find((tx.tenant(), event.seat_map_id))
        .select(seat_maps::published_version)
        .first(&mut **tx)
        .await?;
    Ok(version)
}

fn in_words(state: &str) -> &str {
    if state == DRAFT { "a draft" } else { state }
}

/// Venue of a seat map and the venue's time zone.
async fn venue_of(tx: &mut Tx, seat_map: Id<id::SeatMap>) -> Result<(Uuid, String)> {
    let venue = venues::tenant_id.eq(seat_maps::tenant_id).and(venues::id.eq(seat_maps::venue_id));
    seat_maps::table
        .inner_join(venues::table.on(venue))
        .filter(seat_maps::tenant_id.eq(tx.tenant()).and(seat_maps::id.eq(seat_map.uuid())))
        .select((venues::id, venues::time_zone))
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("seat map")
}

async fn active_tiers(tx: &mut Tx, event: Uuid) -> Result<Vec<Tier>> {
    let tiers = price_tiers::table
        .filter(price_tiers::tenant_id.eq(tx.tenant()).and(price_tiers::event_id.eq(event)))
        .filter(price_tiers::active)
        .order(price_tiers::type_no)
        .select(Tier::as_select())
        .load(&mut **tx)
        .await?;
    Ok(tiers)
}

async fn used_categories(tx: &mut Tx, seat_map: Uuid, version: i32) -> Result<Vec<String>> {
    let categories = seats::table
        .filter(seats::tenant_id.eq(tx.tenant()))
        .filter(seats::seat_map_id.eq(seat_map).and(seats::version.eq(version)))
        .select(seats::category)
        .distinct()
        .order(seats::category)
        .load(&mut **tx)
        .await?;
    Ok(categories)
}

const fn is_for_one_party(occupancy: Occupancy) -> bool {
    matches!(occupancy, Occupancy::Group { .. })
}

async fn open_pools(tx: &mut Tx, event: Uuid, areas: &[GaArea]) -> Result<()> {
    let capacity = |area: &GaArea| {
        i32::try_from(area.capacity)
            .map_err(|_| Error::Corrupt("the capacity of an area exceeds its limit".into()))
    };
    diesel::sql_query(
        "INSERT INTO ga_pools (tenant_id, event_id, area_index, key, name, capacity, single_party)
         SELECT $1, $2, * FROM unnest($3::int[], $4::text[], $5::text[], $6::int[], $7::bool[])",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(event)
    .bind::<Array<Integer>, _>((0_i32..).take(areas.len()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(areas.iter().map(|area| area.key.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(areas.iter().map(|area| area.name.as_str()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(areas.iter().map(capacity).collect::<Result<Vec<_>>>()?)
    .bind::<Array<Bool>, _>(areas.iter().map(|area| is_for_one_party(area.sold)).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl NewEvent {
    fn terms(self, now: DateTime<Utc>, currency: String, venue_zone: String) -> Terms {
        let cap = self.hold_ttl_secs.saturating_mul(HOLD_TERMS).min(HOLD_CAP_SECS_MAX);
        Terms {
            name: self.name,
            description: self.description,
            currency,
            time_zone: self.time_zone.unwrap_or(venue_zone),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            sale_starts_at: self.sale_starts_at.unwrap_or(now),
            sale_ends_at: self.sale_ends_at.unwrap_or(self.ends_at),
            max_per_hold: self.max_per_hold,
            max_per_buyer: self.max_per_buyer,
            hold_ttl_secs: self.hold_ttl_secs,
            hold_cap_secs: self.hold_cap_secs.unwrap_or(cap),
            checkout_secs: self.checkout_secs,
            delayed_payments: self.delayed_payments,
            reseat_late_payments: self.reseat_late_payments,
            orphan_seats: self.seat_rules.orphans.unwrap_or_default().as_str().into(),
            adjacent_seats: self.seat_rules.adjacent.unwrap_or(false),
            min_per_hold: self.seat_rules.min_per_hold.unwrap_or(1),
            companion_seats: self.seat_rules.companions.unwrap_or(true),
        }
    }
}

impl SeatRules {
    fn is_empty(&self) -> bool {
        let Self { orphans, adjacent, min_per_hold, companions } = self;
        orphans.is_none() && adjacent.is_none() && min_per_hold.is_none() && companions.is_none()
    }
}

impl EventChange {
    /// What is sold cannot become something else, and a cancelled event is over.
    fn check_allowed(&self, event: &Event) -> Result<(), Refusal> {
        if event.state != DRAFT {
            let fixed = [("seat_map_id", self.seat_map.is_some()), ("currency", self.currency.is_some())];
            if let Some((param, _)) = fixed.iter().find(|(_, given)| *given) {
                let detail = format!("`{param}` of an event can be changed until it is published.");
                return Err(Refusal::new(ErrorCode::Conflict, detail).param(*param));
            }
        }
        let texts_only = Self { name: None, description: None, ..self.clone() }.is_empty();
        if event.state == CANCELLED && !texts_only {
            let detail = "The event is cancelled: only `name` and `description` can be changed.";
            return Err(Refusal::new(ErrorCode::Conflict, detail));
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        let Self {
            seat_map,
            currency,
            name,
            description,
            time_zone,
            starts_at,
            ends_at,
            sale_starts_at,
            sale_ends_at,
            max_per_hold,
            max_per_buyer,
            hold_ttl_secs,
            hold_cap_secs,
            checkout_secs,
            delayed_payments,
            reseat_late_payments,
            seat_rules,
        } = self;
        let texts = [currency, name, description, time_zone].iter().all(|field| field.is_none());
        let times = [starts_at, ends_at, sale_starts_at, sale_ends_at].iter().all(|field| field.is_none());
        let numbers = [max_per_hold, max_per_buyer, hold_ttl_secs, hold_cap_secs, checkout_secs];
        let flags = [delayed_payments, reseat_late_payments].iter().all(|field| field.is_none());
        let terms = texts && times && flags && numbers.iter().all(|field| field.is_none());
        seat_map.is_none() && terms && seat_rules.is_empty()
    }

    fn applied(self, terms: Terms) -> Terms {
        Terms {
            name: self.name.unwrap_or(terms.name),
            description: self.description.unwrap_or(terms.description),
            currency: self.currency.unwrap_or(terms.currency),
            time_zone: self.time_zone.unwrap_or(terms.time_zone),
            starts_at: self.starts_at.unwrap_or(terms.starts_at),
            ends_at: self.ends_at.unwrap_or(terms.ends_at),
            sale_starts_at: self.sale_starts_at.unwrap_or(terms.sale_starts_at),
            sale_ends_at: self.sale_ends_at.unwrap_or(terms.sale_ends_at),
            max_per_hold: self.max_per_hold.unwrap_or(terms.max_per_hold),
            max_per_buyer: self.max_per_buyer.unwrap_or(terms.max_per_buyer),
            hold_ttl_secs: self.hold_ttl_secs.unwrap_or(terms.hold_ttl_secs),
            hold_cap_secs: self.hold_cap_secs.unwrap_or(terms.hold_cap_secs),
            checkout_secs: self.checkout_secs.unwrap_or(terms.checkout_secs),
            delayed_payments: self.delayed_payments.unwrap_or(terms.delayed_payments),
            reseat_late_payments: self.reseat_late_payments.unwrap_or(terms.reseat_late_payments),
            orphan_seats: self
                .seat_rules
                .orphans
                .map_or(terms.orphan_seats, |orphans| orphans.as_str().into()),
            adjacent_seats: self.seat_rules.adjacent.unwrap_or(terms.adjacent_seats),
            min_per_hold: self.seat_rules.min_per_hold.unwrap_or(terms.min_per_hold),
            companion_seats: self.seat_rules.companions.unwrap_or(terms.companion_seats),
        }
    }
}

impl Terms {
    /// What the fields have to be to each other. The range of each number is the business of the API and the database.
    fn check(&self) -> Result<(), Refusal> {
        if self.currency.parse::<Currency>().is_err() {
            let detail = "Expected the code of a currency (ISO 4217), as `EUR`.";
            return Err(Refusal::invalid("currency", detail));
        }
        let times = [
            ("starts_at", self.starts_at),
            ("ends_at", self.ends_at),
            ("sale_starts_at", self.sale_starts_at),
            ("sale_ends_at", self.sale_ends_at),
        ];
        if let Some((param, _)) = times.iter().find(|(_, time)| !(YEAR_MIN..=YEAR_MAX).contains(&time.year()))
        {
            return Err(Refusal::invalid(*param, format!("Years lie between {YEAR_MIN} and {YEAR_MAX}.")));
        }
        if self.ends_at <= self.starts_at {
            return Err(Refusal::invalid("ends_at", "The event has to end after it starts."));
        }
        if self.sale_ends_at <= self.sale_starts_at {
            return Err(Refusal::invalid("sale_ends_at", "The sale has to end after it starts."));
        }
        if self.sale_ends_at > self.ends_at {
            return Err(Refusal::invalid(
                "sale_ends_at",
                "The sale has to end when the event ends, or before.",
            ));
        }
        if self.hold_cap_secs < self.hold_ttl_secs {
            return Err(Refusal::invalid("hold_cap_secs", "The cap has to be `hold_ttl_secs` at least."));
        }
        if self.min_per_hold > self.max_per_hold {
            let detail = "The fewest places of a hold are not more than `max_per_hold`.";
            return Err(Refusal::invalid("seat_rules.min_per_hold", detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2027-03-01T12:00:00Z".parse().unwrap()
    }

    fn new() -> NewEvent {
        NewEvent {
            seat_map: Id::from_uuid(Uuid::nil()),
            venue: None,
            name: "Concert".into(),
            description: String::new(),
            currency: None,
            time_zone: None,
            starts_at: now() + TimeDelta::days(30),
            ends_at: now() + TimeDelta::days(31),
            sale_starts_at: None,
            sale_ends_at: None,
            max_per_hold: MAX_PER_BUYER_DEFAULT,
            max_per_buyer: MAX_PER_BUYER_DEFAULT,
            hold_ttl_secs: HOLD_TTL_SECS_DEFAULT,
            hold_cap_secs: None,
            checkout_secs: CHECKOUT_SECS_DEFAULT,
            delayed_payments: false,
            reseat_late_payments: false,
            seat_rules: SeatRules::default(),
        }
    }

    fn terms() -> Terms {
        new().terms(now(), "EUR".into(), "Europe/Berlin".into())
    }

    fn event(state: &str) -> Event {
        Event {
            id: Uuid::nil(),
            event_no: 1,
            venue_id: Uuid::nil(),
            seat_map_id: Uuid::nil(),
            seat_map_version: 0,
            state: state.into(),
            terms: terms(),
            revision: 1,
            created_at: now(),
            updated_at: now(),
            published_at: None,
            cancelled_at: None,
        }
    }

    #[test]
    fn defaults_leave_ten_extensions_and_sell_until_the_end() {
        let terms = terms();
        assert_eq!((terms.hold_cap_secs, terms.sale_starts_at), (7_200, now()));
        assert_eq!((terms.sale_ends_at, terms.time_zone.as_str()), (terms.ends_at, "Europe/Berlin"));
        assert_eq!(terms.check(), Ok(()));
        let patient = NewEvent { hold_ttl_secs: 3_600, ..new() }.terms(now(), "EUR".into(), "UTC".into());
        assert_eq!(patient.hold_cap_secs, HOLD_CAP_SECS_MAX);
    }

    #[test]
    fn what_does_not_fit_together_is_refused_by_name() {
        let hour = TimeDelta::hours(1);
        type Case = (&'static str, fn(&mut Terms, TimeDelta));
        let cases: [Case; 7] = [
            ("ends_at", |terms, _| terms.ends_at = terms.starts_at),
            ("sale_ends_at", |terms, hour| terms.sale_ends_at = terms.ends_at + hour),
            ("sale_ends_at", |terms, hour| terms.sale_ends_at = terms.sale_starts_at - hour),
            ("hold_cap_secs", |terms, _| terms.hold_cap_secs = terms.hold_ttl_secs - 1),
            ("currency", |terms, _| terms.currency = "ABC".into()),
            ("seat_rules.min_per_hold", |terms, _| terms.min_per_hold = terms.max_per_hold + 1),
            ("starts_at", |terms, _| terms.starts_at = DateTime::UNIX_EPOCH),
        ];
        for (param, spoil) in cases {
            let mut terms = terms();
            spoil(&mut terms, hour);
            assert_eq!(terms.check().unwrap_err().param.as_deref(), Some(param));
        }
    }

    #[test]
    fn a_published_event_keeps_its_currency_and_a_cancelled_one_its_terms() {
        let currency = EventChange { currency: Some("CHF".into()), ..EventChange::default() };
        let texts = EventChange { name: Some("New".into()), ..EventChange::default() };
        let limits = EventChange { max_per_hold: Some(4), ..EventChange::default() };
        let code =
            |change: &EventChange, state: &str| change.check_allowed(&event(state)).map_err(|r| r.code);
        assert_eq!(code(&currency, DRAFT), Ok(()));
        assert_eq!(code(&currency, PUBLISHED), Err(ErrorCode::Conflict));
        assert_eq!(code(&limits, PUBLISHED), Ok(()));
        assert_eq!(code(&limits, CANCELLED), Err(ErrorCode::Conflict));
        assert_eq!(code(&texts, CANCELLED), Ok(()));
        let rules = SeatRules { orphans: Some(Orphans::Strict), ..SeatRules::default() };
        let rules = EventChange { seat_rules: rules, ..EventChange::default() };
        assert_eq!(code(&rules, PUBLISHED), Ok(()));
        assert_eq!(code(&rules, CANCELLED), Err(ErrorCode::Conflict));
        let changed = rules.applied(terms());
        assert_eq!(
            (changed.orphan_seats.as_str(), changed.companion_seats, changed.min_per_hold),
            ("strict", true, 1)
        );
        let changed = limits.applied(terms());
        assert_eq!((changed.max_per_hold, changed.max_per_buyer), (4, MAX_PER_BUYER_DEFAULT));
    }
}
