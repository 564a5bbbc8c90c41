//! Holds: places taken for a while, before they are paid for.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventflow_core::{ErrorCode, Refusal, id};
use eventflow_store::{
    Error,
    holds::{self, ITEMS_MAX, Line, Place},
    offers::Offer,
};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json, types::Example};
use serde::Serialize;

use super::{
    Tag,
    places::{
        BestAvailable, Choice, ItemInput, PriceAdjustment, Totals, adjustments, ignores_rules, list_total,
        totals, wanted, wishes,
    },
};
use crate::{
    auth::{Call, Principal},
    plugins::prices,
    problem::Failure,
    tokens::{BuyerToken, Subject},
    wire::{NoContent, Ref, Text, Written, moment},
};

/// A held place with its price.
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct HoldItem {
    /// Dense index of the seat; absent for a place of an area.
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<u32>,
    /// Key of the area; absent for a seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    ga_area: Option<String>,
    /// The place in words.
    label: String,
    price_tier_id: Ref<id::PriceTier>,
    tier_name: String,
    /// Without fee and tax.
    price_minor: i64,
    fee_minor: i64,
    tax_minor: i64,
    /// What the buyer pays.
    total_minor: i64,
    /// The same without what plugins changed.
    list_total_minor: i64,
}

/// Places that nobody else can take until `expires_at`.
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct Hold {
    id: Ref<id::Hold>,
    event_id: Ref<id::Event>,
    /// `active`, or `in_checkout` once it has become an order.
    #[oai(validator(max_length = 20))]
    status: String,
    #[serde(serialize_with = "moment")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "moment")]
    expires_at: DateTime<Utc>,
    /// The latest moment that extensions can reach.
    #[serde(serialize_with = "moment")]
    extendable_until: DateTime<Utc>,
    extensions: u32,
    /// The clock that `expires_at` is judged by: count down from the difference.
    #[serde(serialize_with = "moment")]
    server_time: DateTime<Utc>,
    /// ISO 4217.
    #[oai(validator(max_length = 3))]
    currency: String,
    items: Vec<HoldItem>,
    totals: Totals,
    /// What plugins of the organizer changed of the prices, as of this answer. The order works the price out once more:
    /// send `expected_total_minor` with it.
    adjustments: Vec<PriceAdjustment>,
    /// A plugin did not answer: the prices are without it. An order may be refused until it does.
    is_degraded: bool,
    /// Why we chose these seats, with `best_available`.
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<Choice>,
    /// The buyer's token for this hold: the credential to get, extend, release and order it.
    token: String,
}

/// 201 with the new hold.
#[derive(ApiResponse)]
enum Placed {
    /// The object was created.
    #[oai(status = 201)]
    Created(Written<Hold>),
}

/// What to hold: places by name, or the best available ones, or both.
#[derive(Debug, Object)]
#[oai(example)]
struct NewHold {
    /// Seats and places of areas.
    #[oai(default, validator(max_items = 100))]
    items: Vec<ItemInput>,
    /// Seats that we choose.
    best_available: Option<BestAvailable>,
    /// Names the buyer across holds, as your visitor id (no personal data): the event's limit per buyer counts them together.
    #[oai(default)]
    buyer: Text<0, 64>,
    /// The box office knows better: the rules of the event are not judged. With a secret key only.
    #[oai(default)]
    ignore_seat_rules: bool,
    /// Codes that the buyer typed: plugins may change prices for them. Upper and lower case are the same.
    #[oai(default, validator(max_items = 5))]
    codes: Vec<Text<1, 40>>,
    /// The buyer's language, as `de` or `en-GB`: texts of plugins and messages are in it.
    locale: Option<Text<2, 35>>,
}

impl Example for NewHold {
    fn example() -> Self {
        let best = BestAvailable {
            quantity: 2,
            price_tier_id: None,
            section: None,
            zone: None,
            accessible: false,
            wheelchairs: 0,
        };
        Self {
            items: vec![],
            best_available: Some(best),
            buyer: Text::default(),
            ignore_seat_rules: false,
            codes: vec![Text("FRIENDS".into())],
            locale: Some(Text("de".into())),
        }
    }
}

async fn shape(call: &Call, offer: &Arc<Offer>, mut hold: holds::Hold) -> Result<Hold, Failure> {
    let ask = prices::Ask {
        scope: &call.scope,
        offer,
        hold: hold.id.uuid(),
        subject: hold.id.to_string(),
        wishes: &hold.wishes,
        buyer_email: "",
        preview: true,
        organizer: false,
    };
    let quote = prices::ask(&call.app, &ask, &mut hold.lines).await?;
    let sums = prices::totals(&hold.lines)?;
    let event = offer.event_id();
    let token = BuyerToken { tenant: call.tenant(), event, subject: Subject::Hold(hold.id) };
    // Bound to the longest life of the hold, not to its present expiry: it must survive extensions.
    let token = call.app.tokens.sign(token, hold.created_at, hold.cap_at);
    let item = |(position, line): (usize, Line)| HoldItem {
        seat: line.seat.map(|seat| seat.0),
        ga_area: line
            .area
            .and_then(|area| offer.layout.ga_areas().get(usize::from(area)))
            .map(|area| area.key.clone()),
        label: line.label,
        price_tier_id: line.tier.id.into(),
        tier_name: line.tier.name,
        price_minor: line.priced.net_minor,
        fee_minor: line.priced.fee_minor,
        tax_minor: line.priced.tax_minor,
        total_minor: line.priced.gross_minor,
        list_total_minor: list_total(position, line.priced.gross_minor, &quote.adjustments),
    };
    Ok(Hold {
        id: Ref(hold.id),
        event_id: Ref(event),
        status: if hold.order.is_some() { "in_checkout" } else { "active" }.into(),
        created_at: hold.created_at,
        expires_at: hold.expires_at,
        extendable_until: hold.cap_at,
        extensions: hold.extensions,
        server_time: hold.server_time,
        currency: offer.event.currency.clone(),
        items: hold.lines.into_iter().enumerate().map(item).collect(),
        totals: totals(sums),
        adjustments: adjustments(call, quote.adjustments),
        is_degraded: quote.is_degraded,
        choice: hold.why.map(Into::into),
        token,
    })
}

/// The event of a hold: a buyer's token names it, a server must say it.
fn event_of(call: &Call, named: Option<Ref<id::Event>>) -> Result<eventflow_core::Id<id::Event>, Refusal> {
    match (&call.principal, named) {
        (Principal::Buyer(token), _) => Ok(token.event),
        (_, Some(event)) => Ok(event.0),
        (_, None) => Err(Refusal::invalid(
            "event_id",
            "A server names the event of the hold: `?event_id=evt_…`. A buyer's token does by itself.",
        )),
    }
}

/// The network of a visitor: an address, of IPv6 the part that one connection has. Servers speak for many buyers.
fn network(call: &Call) -> String {
    match call.principal {
        Principal::Publishable { .. } => call.network().to_string(),
        _ => String::new(),
    }
}

pub struct Holds;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Sales")]
impl Holds {
    /// Hold places for a while, all or nothing.
    #[oai(path = "/events/:event_id/holds", method = "post", operation_id = "holds.create")]
    async fn create(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        body: Json<NewHold>,
    ) -> Result<Placed, Failure> {
        let new = body.0;
        if new.items.len() > ITEMS_MAX {
            return Err(Refusal::invalid("items", format!("At most {ITEMS_MAX} items.")).into());
        }
        let ignore_rules = ignores_rules(&call, new.ignore_seat_rules)?;
        let (items, best) = wanted(new.items, new.best_available)?;
        let request = Place {
            wishes: wishes(new.codes, new.locale)?,
            ignore_rules,
            items,
            best,
            buyer: new.buyer.0,
            network: network(&call),
            idempotency: call.idempotency.clone(),
        };
        let offer = call.app.holds.offer(&call.scope, event_id.0.0).await?;
        let hold = call.app.holds.place(&call.scope, &offer, &request).await?;
        Ok(Placed::Created(Written(shape(&call, &offer, hold).await?)))
    }

    /// Get a hold.
    #[oai(path = "/holds/:hold_id", method = "get", operation_id = "holds.get")]
    async fn get(
        &self,
        call: Call,
        hold_id: Path<Ref<id::Hold>>,
        event_id: poem_openapi::param::Query<Option<Ref<id::Event>>>,
    ) -> Result<Written<Hold>, Failure> {
        call.require_hold(hold_id.0.0)?;
        let offer = call.app.holds.offer(&call.scope, event_of(&call, event_id.0)?).await?;
        let hold = call.app.holds.read(&offer, hold_id.0.0).await?;
        Ok(Written(shape(&call, &offer, hold).await?))
    }

    /// Give a hold its full time again.
    ///
    /// As often as the buyer needs, until `extendable_until`.
    #[oai(path = "/holds/:hold_id/extend", method = "post", operation_id = "holds.extend")]
    async fn extend(
        &self,
        call: Call,
        hold_id: Path<Ref<id::Hold>>,
        event_id: poem_openapi::param::Query<Option<Ref<id::Event>>>,
    ) -> Result<Written<Hold>, Failure> {
        call.require_hold(hold_id.0.0)?;
        let offer = call.app.holds.offer(&call.scope, event_of(&call, event_id.0)?).await?;
        let extended = call.app.holds.extend(&offer, hold_id.0.0, call.idempotency.as_ref()).await;
        let hold = extended.map_err(|error| match (&call.principal, error) {
            // The token says that there was one.
            (Principal::Buyer(_), Error::Refused(refusal)) if refusal.code == ErrorCode::NotFound => {
                Error::Refused(holds::expired())
            }
            (_, error) => error,
        })?;
        Ok(Written(shape(&call, &offer, hold).await?))
    }

    /// Give the places back.
    #[oai(path = "/holds/:hold_id", method = "delete", operation_id = "holds.delete")]
    async fn delete(
        &self,
        call: Call,
        hold_id: Path<Ref<id::Hold>>,
        event_id: poem_openapi::param::Query<Option<Ref<id::Event>>>,
    ) -> Result<NoContent, Failure> {
        call.require_hold(hold_id.0.0)?;
        let offer = call.app.holds.offer(&call.scope, event_of(&call, event_id.0)?).await?;
        call.app.holds.release(&offer, hold_id.0.0, false).await?;
        Ok(NoContent::Done)
    }
}
