//! Events: what is sold, when, and under which limits.

mod seat_rules;

use chrono::{DateTime, Utc};
use eventflow_core::{
    Id, id,
    seat_map::{SeatIndex, SeatStatus, versions},
};
use eventflow_store::{Error, events};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::{Example, ToJSON},
};
use serde_json::Value;

use seat_rules::{SeatRules, SeatRulesInput};

use super::Tag;
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Created, Cursor, Page, Ref, Text, Window},
};

/// Where an event stands: a draft is prepared, a published event is sold, a cancelled one is not sold any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum EventState {
    Draft,
    Published,
    Cancelled,
}

impl EventState {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Draft, events::DRAFT),
        (Self::Published, events::PUBLISHED),
        (Self::Cancelled, events::CANCELLED),
    ];

    fn stored(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or(events::DRAFT, |(_, text)| text)
    }

    fn read(text: &str) -> Self {
        Self::ALL.iter().find(|(_, stored)| *stored == text).map_or(Self::Draft, |(state, _)| *state)
    }
}

/// An event.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Event {
    id: Ref<id::Event>,
    /// The number of the event in ticket codes.
    event_no: i32,
    venue_id: Ref<id::Venue>,
    seat_map_id: Ref<id::SeatMap>,
    /// The version of the seat map that is sold; absent while the event is a draft.
    seat_map_version: Option<i32>,
    name: String,
    description: String,
    state: EventState,
    /// ISO 4217; all prices of the event are in it.
    currency: String,
    /// IANA name of the zone in which people read its times.
    time_zone: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    sale_starts_at: DateTime<Utc>,
    sale_ends_at: DateTime<Utc>,
    /// Places in one hold.
    max_per_hold: i32,
    /// Places that one buyer can have in all.
    max_per_buyer: i32,
    /// How long a hold lasts, and how much longer with each extension.
    hold_ttl_secs: i32,
    /// However often it is extended, a hold never lasts longer.
    hold_cap_secs: i32,
    /// How long a buyer may take to pay.
    checkout_secs: i32,
    /// Whether ways to pay are offered that take days.
    delayed_payments: bool,
    /// Whether a payment that arrives after its seats were given away gets other seats of the category; otherwise it
    /// is refunded.
    reseat_late_payments: bool,
    seat_rules: SeatRules,
    /// Counts every change of what is sold and for how much.
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    published_at: Option<DateTime<Utc>>,
    cancelled_at: Option<DateTime<Utc>>,
}

/// A new event. It is a draft: add price tiers, then publish it.
#[derive(Debug, Object)]
#[oai(example)]
struct NewEvent {
    seat_map_id: Ref<id::SeatMap>,
    /// The venue of the seat map; if given, it has to be that one.
    venue_id: Option<Ref<id::Venue>>,
    name: Text<1, 200>,
    #[oai(default)]
    description: Text<0, 10000>,
    /// ISO 4217, as `EUR`; the tenant's currency unless given.
    currency: Option<Text<3, 3>>,
    /// IANA name, as `Europe/Berlin`; the venue's zone unless given.
    time_zone: Option<Text<1, 64>>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    /// Now, unless given.
    sale_starts_at: Option<DateTime<Utc>>,
    /// The end of the event, unless given; never later.
    sale_ends_at: Option<DateTime<Utc>>,
    /// Places in one hold.
    #[oai(default = "max_per_buyer_default", validator(minimum(value = "1"), maximum(value = "100")))]
    max_per_hold: i32,
    /// Places that one buyer can have in all.
    #[oai(default = "max_per_buyer_default", validator(minimum(value = "1"), maximum(value = "1000")))]
    max_per_buyer: i32,
    /// How long a hold lasts, and how much longer with each extension.
    #[oai(default = "hold_ttl_secs_default", validator(minimum(value = "5"), maximum(value = "3600")))]
    hold_ttl_secs: i32,
    /// However often it is extended, a hold never lasts longer. Twelve times `hold_ttl_secs` unless given, six hours at
    /// most.
    #[oai(validator(minimum(value = "5"), maximum(value = "21600")))]
    hold_cap_secs: Option<i32>,
    /// How long a buyer may take to pay. Never longer than 22 hours, because the provider's page ends after 24.
    #[oai(default = "checkout_secs_default", validator(minimum(value = "5"), maximum(value = "86400")))]
    checkout_secs: i32,
    /// Whether ways to pay are offered that take days.
    #[oai(default)]
    delayed_payments: bool,
    /// Whether a payment that arrives after its seats were given away gets other seats of the category; otherwise it
    /// is refunded.
    #[oai(default)]
    reseat_late_payments: bool,
    #[oai(default)]
    seat_rules: SeatRulesInput,
}

fn max_per_buyer_default() -> i32 {
    events::MAX_PER_BUYER_DEFAULT
}
fn hold_ttl_secs_default() -> i32 {
    events::HOLD_TTL_SECS_DEFAULT
}
fn checkout_secs_default() -> i32 {
    events::CHECKOUT_SECS_DEFAULT
}

impl Example for NewEvent {
    fn example() -> Self {
        Self {
            seat_map_id: uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057).into(),
            venue_id: None,
            name: Text("Mahler: Symphony No. 2".into()),
            description: Text("With choir. Doors open at 7 pm.".into()),
            currency: Some(Text("EUR".into())),
            time_zone: Some(Text("Europe/Berlin".into())),
            starts_at: DateTime::from_timestamp(1_899_655_200, 0).unwrap_or_default(),
            ends_at: DateTime::from_timestamp(1_899_664_200, 0).unwrap_or_default(),
            sale_starts_at: None,
            sale_ends_at: None,
            max_per_hold: events::MAX_PER_BUYER_DEFAULT,
            max_per_buyer: events::MAX_PER_BUYER_DEFAULT,
            hold_ttl_secs: events::HOLD_TTL_SECS_DEFAULT,
            hold_cap_secs: None,
            checkout_secs: events::CHECKOUT_SECS_DEFAULT,
            delayed_payments: false,
            reseat_late_payments: false,
            seat_rules: SeatRulesInput::default(),
        }
    }
}

/// The fields to change; absent ones stay as they are. Of a published event `seat_map_id` and `currency` are fixed, of a
/// cancelled one all but the texts.
#[derive(Debug, Default, Object)]
#[oai(example)]
struct EventPatch {
    /// Drafts only; the event moves to the venue of the map.
    seat_map_id: Option<Ref<id::SeatMap>>,
    /// Drafts only.
    currency: Option<Text<3, 3>>,
    name: Option<Text<1, 200>>,
    description: Option<Text<0, 10000>>,
    time_zone: Option<Text<1, 64>>,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    sale_starts_at: Option<DateTime<Utc>>,
    sale_ends_at: Option<DateTime<Utc>>,
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    max_per_hold: Option<i32>,
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    max_per_buyer: Option<i32>,
    #[oai(validator(minimum(value = "5"), maximum(value = "3600")))]
    hold_ttl_secs: Option<i32>,
    #[oai(validator(minimum(value = "5"), maximum(value = "21600")))]
    hold_cap_secs: Option<i32>,
    #[oai(validator(minimum(value = "5"), maximum(value = "86400")))]
    checkout_secs: Option<i32>,
    delayed_payments: Option<bool>,
    reseat_late_payments: Option<bool>,
    #[oai(default)]
    seat_rules: SeatRulesInput,
}

impl Example for EventPatch {
    fn example() -> Self {
        Self { max_per_buyer: Some(6), ..Self::default() }
    }
}

/// How to publish an event.
#[derive(Debug, Object)]
#[oai(example)]
struct PublishEvent {
    /// Publish although some categories or standing areas have no active price tier; nobody can buy their places then.
    #[oai(default)]
    allow_unpriced: bool,
}

impl Example for PublishEvent {
    fn example() -> Self {
        Self { allow_unpriced: false }
    }
}

/// Where an event moves to.
#[derive(Debug, Object)]
#[oai(example)]
struct MoveEvent {
    /// A version of the event's seat map. Default: the newest published one.
    #[oai(validator(minimum(value = "1"), maximum(value = "2147483647")))]
    version: Option<i32>,
}

impl Example for MoveEvent {
    fn example() -> Self {
        Self { version: None }
    }
}

/// Why an event is cancelled.
#[derive(Debug, Object)]
#[oai(example)]
struct CancelEvent {
    /// For the audit log; no personal data.
    reason: Text<1, 200>,
}

impl Example for CancelEvent {
    fn example() -> Self {
        Self { reason: Text("The conductor is ill".into()) }
    }
}

fn shape(event: events::Event) -> Event {
    let terms = event.terms;
    let seat_rules = SeatRules::of(&terms);
    Event {
        seat_rules,
        id: event.id.into(),
        event_no: event.event_no,
        venue_id: event.venue_id.into(),
        seat_map_id: event.seat_map_id.into(),
        seat_map_version: (event.seat_map_version != 0).then_some(event.seat_map_version),
        name: terms.name,
        description: terms.description,
        state: EventState::read(&event.state),
        currency: terms.currency,
        time_zone: terms.time_zone,
        starts_at: terms.starts_at,
        ends_at: terms.ends_at,
        sale_starts_at: terms.sale_starts_at,
        sale_ends_at: terms.sale_ends_at,
        max_per_hold: terms.max_per_hold,
        max_per_buyer: terms.max_per_buyer,
        hold_ttl_secs: terms.hold_ttl_secs,
        hold_cap_secs: terms.hold_cap_secs,
        checkout_secs: terms.checkout_secs,
        delayed_payments: terms.delayed_payments,
        reseat_late_payments: terms.reseat_late_payments,
        revision: event.revision,
        created_at: event.created_at,
        updated_at: event.updated_at,
        published_at: event.published_at,
        cancelled_at: event.cancelled_at,
    }
}

fn new_event(new: NewEvent) -> events::NewEvent {
    events::NewEvent {
        seat_map: new.seat_map_id.0,
        venue: new.venue_id.map(|venue| venue.0),
        name: new.name.0,
        description: new.description.0,
        currency: new.currency.map(|text| text.0),
        time_zone: new.time_zone.map(|text| text.0),
        starts_at: new.starts_at,
        ends_at: new.ends_at,
        sale_starts_at: new.sale_starts_at,
        sale_ends_at: new.sale_ends_at,
        max_per_hold: new.max_per_hold,
        max_per_buyer: new.max_per_buyer,
        hold_ttl_secs: new.hold_ttl_secs,
        hold_cap_secs: new.hold_cap_secs,
        checkout_secs: new.checkout_secs,
        delayed_payments: new.delayed_payments,
        reseat_late_payments: new.reseat_late_payments,
        seat_rules: new.seat_rules.into(),
    }
}

fn change(patch: EventPatch) -> events::EventChange {
    events::EventChange {
        seat_map: patch.seat_map_id.map(|seat_map| seat_map.0),
        currency: patch.currency.map(|text| text.0),
        name: patch.name.map(|text| text.0),
        description: patch.description.map(|text| text.0),
        time_zone: patch.time_zone.map(|text| text.0),
        starts_at: patch.starts_at,
        ends_at: patch.ends_at,
        sale_starts_at: patch.sale_starts_at,
        sale_ends_at: patch.sale_ends_at,
        max_per_hold: patch.max_per_hold,
        max_per_buyer: patch.max_per_buyer,
        hold_ttl_secs: patch.hold_ttl_secs,
        hold_cap_secs: patch.hold_cap_secs,
        checkout_secs: patch.checkout_secs,
        delayed_payments: patch.delayed_payments,
        reseat_late_payments: patch.reseat_late_payments,
        seat_rules: patch.seat_rules.into(),
    }
}

/// The event, for webhooks.
pub(super) async fn object(call: Call, id: Id<id::Event>) -> Result<Option<Value>, Failure> {
    Ok(Events.get(call, Path(Ref(id))).await?.0.to_json())
}

pub struct Events;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Events")]
impl Events {
    /// List events.
    ///
    /// A publishable key sees published and cancelled events.
    #[oai(path = "/events", method = "get", operation_id = "events.list")]
    async fn list(
        &self,
        call: Call,
        /// Only events in this state.
        state: Query<Option<EventState>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<Event>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let (state, view) = (state.0.map(EventState::stored), super::view(&call));
        let rows =
            call.read(async |tx| events::list(tx, window.fetch(), window.after, state, view).await).await?;
        Ok(Json(window.page(rows, |event| event.id, shape)))
    }

    /// Create an event.
    #[oai(path = "/events", method = "post", operation_id = "events.create")]
    async fn create(&self, call: Call, body: Json<NewEvent>) -> Result<Created<Event>, Failure> {
        super::check_time_zone(body.0.time_zone.as_deref())?;
        let new = new_event(body.0);
        let event = call.write(async |tx| events::create(tx, new).await.map(shape)).await?;
        Ok(Created::Created(Json(event)))
    }

    /// Get an event.
    #[oai(path = "/events/:event_id", method = "get", operation_id = "events.get")]
    async fn get(&self, call: Call, event_id: Path<Ref<id::Event>>) -> Result<Json<Event>, Failure> {
        call.require_event(event_id.0.0)?;
        let view = super::view(&call);
        let event = call.read(async |tx| events::get(tx, event_id.0.0, view).await).await?;
        Ok(Json(shape(event)))
    }

    /// Change an event.
    #[oai(path = "/events/:event_id", method = "patch", operation_id = "events.update")]
    async fn update(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        body: Json<EventPatch>,
    ) -> Result<Json<Event>, Failure> {
        super::check_time_zone(body.0.time_zone.as_deref())?;
        let change = change(body.0);
        let event = call.write(async |tx| events::update(tx, event_id.0.0, change).await.map(shape)).await?;
        call.app.event_changed(call.tenant(), event_id.0.0);
        Ok(Json(event))
    }

    /// Publish an event: put it on sale within its sale window.
    ///
    /// It sells the newest published version of its seat map from then on. It has to start in the future and to have
    /// an active price tier for every category of seats and every standing area, unless `allow_unpriced` is sent.
    #[oai(path = "/events/:event_id/publish", method = "post", operation_id = "events.publish")]
    async fn publish(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        body: Json<PublishEvent>,
    ) -> Result<Json<Event>, Failure> {
        let allow_unpriced = body.0.allow_unpriced;
        let publish = async |tx: &mut _| events::publish(tx, event_id.0.0, allow_unpriced).await.map(shape);
        let event = call.write(publish).await?;
        call.app.event_changed(call.tenant(), event_id.0.0);
        Ok(Json(event))
    }

    /// Move a published event to a newer version of its seat map.
    ///
    /// Nobody loses a place: seats that are sold, in checkout, held or blocked keep their labels, rows and numbers, and no
    /// area becomes smaller than what is sold of it; else the answer is 409 (`seat_map_in_use`) with the places that are in
    /// the way. Beyond that, while an event is on sale its seats and areas keep their order in the document: new ones are
    /// added behind the last one. `seat_maps.diff` says before what would change.
    #[oai(path = "/events/:event_id/seat-map", method = "post", operation_id = "events.move")]
    async fn move_to(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        body: Json<MoveEvent>,
    ) -> Result<Json<Event>, Failure> {
        let (id, holds) = (event_id.0.0, &call.app.holds);
        let step = async |tx: &mut _| {
            let step = events::step(tx, id, body.0.version).await?;
            let older = holds.offers.layout(tx, step.seat_map, step.from).await?;
            Ok((step, older, holds.offers.layout(tx, step.seat_map, step.to).await?))
        };
        let (step, older, newer) = call.read(step).await?;
        let compare = {
            let (older, newer) = (older.clone(), newer.clone());
            move || versions::diff(&older, &newer)
        };
        let diff = tokio::task::spawn_blocking(compare)
            .await
            .map_err(|error| Error::Corrupt(format!("comparing seat maps: {error}")))?;
        let offer = holds.offer(&call.scope, id).await?;
        let now = holds.live(&call.scope, &offer).await?.availability();
        let is_held =
            |seat: SeatIndex| now.statuses.get(seat).is_some_and(|status| status != SeatStatus::Free);
        let move_to = async |tx: &mut _| {
            events::move_to(tx, id, step, (&older, &newer), &diff, is_held).await.map(shape)
        };
        let event = call.write(move_to).await?;
        call.app.event_changed(call.tenant(), id);
        Ok(Json(event))
    }

    /// Cancel a published event: stop its sale for good.
    ///
    /// Paid orders and their tickets stay as they are: refund or void them one by one. Open checkouts end, and what is paid all the same goes back.
    #[oai(path = "/events/:event_id/cancel", method = "post", operation_id = "events.cancel")]
    async fn cancel(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        body: Json<CancelEvent>,
    ) -> Result<Json<Event>, Failure> {
        let cancel = async |tx: &mut _| events::cancel(tx, event_id.0.0, &body.0.reason).await.map(shape);
        let event = call.write(cancel).await?;
        call.app.event_changed(call.tenant(), event_id.0.0);
        Ok(Json(event))
    }
}
