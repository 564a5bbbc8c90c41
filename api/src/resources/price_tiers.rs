//! Price tiers: what a place of a category or of a standing area costs.

use chrono::{DateTime, Utc};
use eventflow_core::id;
use eventflow_store::price_tiers;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Example,
};

use super::Tag;
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Created, Cursor, NoContent, Page, Ref, Text, Window},
};

/// A price tier: what one place costs for one kind of buyer. It becomes the type of the ticket.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct PriceTier {
    id: Ref<id::PriceTier>,
    event_id: Ref<id::Event>,
    /// The number of the ticket type in ticket codes, unique within the event.
    type_no: i32,
    name: String,
    /// Key of the category of seats that it prices.
    category: Option<String>,
    /// Key of the standing area that it prices.
    ga_area: Option<String>,
    /// The face value in minor units of the event's currency.
    price_minor: i64,
    /// The fee on top, taxed at the same rate.
    fee_minor: i64,
    /// The tax rate in basis points: 1900 is 19 %.
    tax_rate_bps: i32,
    /// Whether price and fee contain the tax already.
    tax_inclusive: bool,
    /// Whether it is for sale.
    active: bool,
    /// The fewest tickets of the tier in a hold that has any; 0 for no limit.
    min_per_hold: i32,
    /// The most tickets of the tier in a hold; 0 for no limit.
    max_per_hold: i32,
    /// Whether it is sold only together with a ticket of a tier that is not accompanied, as for children.
    accompanied: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A new price tier, for either a `category` or a `ga_area`.
#[derive(Debug, Object)]
#[oai(example)]
struct NewPriceTier {
    /// Unique within the event.
    name: Text<1, 200>,
    /// Key of a category of the seat map: the tier prices its seats.
    category: Option<Text<1, 40>>,
    /// Key of a standing area of the seat map: the tier prices its places.
    ga_area: Option<Text<1, 40>>,
    /// The face value in minor units of the event's currency; 0 is a free ticket.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000000000")))]
    price_minor: i64,
    /// The fee on top, taxed at the same rate.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "10000000000")))]
    fee_minor: i64,
    /// The tax rate in basis points: 1900 is 19 %.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "10000")))]
    tax_rate_bps: i32,
    /// Whether price and fee contain the tax already.
    #[oai(default = "yes")]
    tax_inclusive: bool,
    /// Whether it is for sale.
    #[oai(default = "yes")]
    active: bool,
    /// The fewest tickets of the tier in a hold that has any; 0 for no limit.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "100")))]
    min_per_hold: i32,
    /// The most tickets of the tier in a hold; 0 for no limit.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "100")))]
    max_per_hold: i32,
    /// Whether it is sold only together with a ticket of a tier that is not accompanied, as for children.
    #[oai(default)]
    accompanied: bool,
}

fn yes() -> bool {
    true
}

impl Example for NewPriceTier {
    fn example() -> Self {
        Self {
            name: Text("Category A, adult".into()),
            category: Some(Text("a".into())),
            ga_area: None,
            price_minor: 4_200,
            fee_minor: 150,
            tax_rate_bps: 700,
            tax_inclusive: true,
            active: true,
            min_per_hold: 0,
            max_per_hold: 0,
            accompanied: false,
        }
    }
}

/// The fields to change; absent ones stay as they are. New holds and orders pay the new price.
#[derive(Debug, Default, Object)]
#[oai(example)]
struct PriceTierPatch {
    name: Option<Text<1, 200>>,
    #[oai(validator(minimum(value = "0"), maximum(value = "10000000000")))]
    price_minor: Option<i64>,
    #[oai(validator(minimum(value = "0"), maximum(value = "10000000000")))]
    fee_minor: Option<i64>,
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    tax_rate_bps: Option<i32>,
    tax_inclusive: Option<bool>,
    active: Option<bool>,
    #[oai(validator(minimum(value = "0"), maximum(value = "100")))]
    min_per_hold: Option<i32>,
    #[oai(validator(minimum(value = "0"), maximum(value = "100")))]
    max_per_hold: Option<i32>,
    accompanied: Option<bool>,
}

impl Example for PriceTierPatch {
    fn example() -> Self {
        Self { price_minor: Some(4_500), active: Some(true), ..Self::default() }
    }
}

fn shape(tier: price_tiers::PriceTier) -> PriceTier {
    PriceTier {
        id: tier.id.into(),
        event_id: tier.event_id.into(),
        type_no: tier.type_no,
        name: tier.name,
        category: tier.category,
        ga_area: tier.ga_area,
        price_minor: tier.price_minor,
        fee_minor: tier.fee_minor,
        tax_rate_bps: tier.tax_rate_bps,
        tax_inclusive: tier.tax_inclusive,
        active: tier.active,
        min_per_hold: tier.min_per_hold,
        max_per_hold: tier.max_per_hold,
        accompanied: tier.accompanied,
        created_at: tier.created_at,
        updated_at: tier.updated_at,
    }
}

pub struct PriceTiers;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Events")]
impl PriceTiers {
    /// List the price tiers of an event.
    ///
    /// A publishable key sees the active ones.
    #[oai(path = "/events/:event_id/price-tiers", method = "get", operation_id = "price_tiers.list")]
    async fn list(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<PriceTier>>, Failure> {
        call.require_event(event_id.0.0)?;
        let window = Window::new(limit.0, cursor.0)?;
        let (event, view) = (event_id.0.0, super::view(&call));
        let list = async |tx: &mut _| price_tiers::list(tx, event, window.fetch(), window.after, view).await;
        let rows = call.read(list).await?;
        Ok(Json(window.page(rows, |tier| tier.id, shape)))
    }

    /// Create a price tier.
    #[oai(path = "/events/:event_id/price-tiers", method = "post", operation_id = "price_tiers.create")]
    async fn create(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        body: Json<NewPriceTier>,
    ) -> Result<Created<PriceTier>, Failure> {
        let new = body.0;
        let new = price_tiers::NewPriceTier {
            name: new.name.0,
            category: new.category.map(|text| text.0),
            ga_area: new.ga_area.map(|text| text.0),
            price_minor: new.price_minor,
            fee_minor: new.fee_minor,
            tax_rate_bps: new.tax_rate_bps,
            tax_inclusive: new.tax_inclusive,
            active: new.active,
            min_per_hold: new.min_per_hold,
            max_per_hold: new.max_per_hold,
            accompanied: new.accompanied,
        };
        let create = async |tx: &mut _| price_tiers::create(tx, event_id.0.0, new).await.map(shape);
        let tier = call.write(create).await?;
        call.app.event_changed(call.tenant(), event_id.0.0);
        Ok(Created::Created(Json(tier)))
    }

    /// Change a price tier.
    #[oai(path = "/price-tiers/:price_tier_id", method = "patch", operation_id = "price_tiers.update")]
    async fn update(
        &self,
        call: Call,
        price_tier_id: Path<Ref<id::PriceTier>>,
        body: Json<PriceTierPatch>,
    ) -> Result<Json<PriceTier>, Failure> {
        let patch = body.0;
        let change = price_tiers::PriceTierChange {
            name: patch.name.map(|text| text.0),
            price_minor: patch.price_minor,
            fee_minor: patch.fee_minor,
            tax_rate_bps: patch.tax_rate_bps,
            tax_inclusive: patch.tax_inclusive,
            active: patch.active,
            min_per_hold: patch.min_per_hold,
            max_per_hold: patch.max_per_hold,
            accompanied: patch.accompanied,
        };
        let update = async |tx: &mut _| price_tiers::update(tx, price_tier_id.0.0, change).await.map(shape);
        let tier = call.write(update).await?;
        call.app.event_changed(call.tenant(), tier.event_id.0);
        Ok(Json(tier))
    }

    /// Delete a price tier that was never ordered.
    ///
    /// Others are taken off sale with `active: false`.
    #[oai(path = "/price-tiers/:price_tier_id", method = "delete", operation_id = "price_tiers.delete")]
    async fn delete(
        &self,
        call: Call,
        price_tier_id: Path<Ref<id::PriceTier>>,
    ) -> Result<NoContent, Failure> {
        call.write_silently(async |tx| price_tiers::delete(tx, price_tier_id.0.0).await).await?;
        call.app.wake_mirror();
        Ok(NoContent::Done)
    }
}
