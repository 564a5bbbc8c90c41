//! Venues: where events take place.

use chrono::{DateTime, Utc};
use eventflow_core::{Id, Refusal, id};
use eventflow_store::venues;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::ToJSON,
};
use serde_json::Value;

use super::Tag;
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Created, Cursor, Page, Ref, Text, Window},
};

/// A venue.
#[derive(Debug, Object)]
struct Venue {
    id: Ref<id::Venue>,
    name: String,
    street: String,
    postal_code: String,
    city: String,
    /// ISO 3166-1 alpha-2, or empty.
    country: String,
    /// IANA name of the zone in which events at this venue take place.
    time_zone: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A new venue.
#[derive(Debug, Object)]
#[oai(example)]
struct NewVenue {
    name: Text<1, 200>,
    #[oai(default)]
    street: Text<0, 200>,
    #[oai(default)]
    postal_code: Text<0, 20>,
    #[oai(default)]
    city: Text<0, 200>,
    /// ISO 3166-1 alpha-2, in capital letters.
    #[oai(default)]
    country: Text<0, 2>,
    /// IANA name, as `Europe/Berlin`.
    time_zone: Text<1, 64>,
}

impl poem_openapi::types::Example for NewVenue {
    fn example() -> Self {
        Self {
            name: Text("Philharmonie am Park".into()),
            street: Text("Parkallee 1".into()),
            postal_code: Text("10115".into()),
            city: Text("Berlin".into()),
            country: Text("DE".into()),
            time_zone: Text("Europe/Berlin".into()),
        }
    }
}

/// The fields to change; absent ones stay as they are.
#[derive(Debug, Default, Object)]
#[oai(example)]
struct VenuePatch {
    name: Option<Text<1, 200>>,
    street: Option<Text<0, 200>>,
    postal_code: Option<Text<0, 20>>,
    city: Option<Text<0, 200>>,
    country: Option<Text<0, 2>>,
    time_zone: Option<Text<1, 64>>,
}

impl poem_openapi::types::Example for VenuePatch {
    fn example() -> Self {
        Self { name: Some(Text("Philharmonie im Park".into())), ..Self::default() }
    }
}

fn shape(venue: venues::Venue) -> Venue {
    Venue {
        id: venue.id.into(),
        name: venue.name,
        street: venue.street,
        postal_code: venue.postal_code,
        city: venue.city,
        country: venue.country,
        time_zone: venue.time_zone,
        created_at: venue.created_at,
        updated_at: venue.updated_at,
    }
}

fn check(country: Option<&str>, time_zone: Option<&str>) -> Result<(), Refusal> {
    if let Some(country) = country
        && !(country.is_empty() || country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()))
    {
        return Err(Refusal::invalid("country", "Expected two capital letters (ISO 3166-1), as `DE`."));
    }
    super::check_time_zone(time_zone)
}

/// The venue, for webhooks.
pub(super) async fn object(call: Call, id: Id<id::Venue>) -> Result<Option<Value>, Failure> {
    Ok(Venues.get(call, Path(Ref(id))).await?.0.to_json())
}

pub struct Venues;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Venues")]
impl Venues {
    /// List venues.
    #[oai(path = "/venues", method = "get", operation_id = "venues.list")]
    async fn list(
        &self,
        call: Call,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<Venue>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let rows = call.read(async |tx| venues::list(tx, window.fetch(), window.after).await).await?;
        Ok(Json(window.page(rows, |venue| venue.id, shape)))
    }

    /// Create a venue.
    #[oai(path = "/venues", method = "post", operation_id = "venues.create")]
    async fn create(&self, call: Call, body: Json<NewVenue>) -> Result<Created<Venue>, Failure> {
        let new = body.0;
        check(Some(&new.country), Some(&new.time_zone))?;
        let new = venues::NewVenue {
            name: new.name.0,
            street: new.street.0,
            postal_code: new.postal_code.0,
            city: new.city.0,
            country: new.country.0,
            time_zone: new.time_zone.0,
        };
        let venue = call.write(async |tx| venues::create(tx, new).await.map(shape)).await?;
        Ok(Created::Created(Json(venue)))
    }

    /// Get a venue.
    #[oai(path = "/venues/:venue_id", method = "get", operation_id = "venues.get")]
    async fn get(&self, call: Call, venue_id: Path<Ref<id::Venue>>) -> Result<Json<Venue>, Failure> {
        let venue = call.read(async |tx| venues::get(tx, venue_id.0.0).await).await?;
        Ok(Json(shape(venue)))
    }

    /// Change a venue.
    #[oai(path = "/venues/:venue_id", method = "patch", operation_id = "venues.update")]
    async fn update(
        &self,
        call: Call,
        venue_id: Path<Ref<id::Venue>>,
        body: Json<VenuePatch>,
    ) -> Result<Json<Venue>, Failure> {
        let patch = body.0;
        check(patch.country.as_deref(), patch.time_zone.as_deref())?;
        let change = venues::VenueChange {
            name: patch.name.map(|text| text.0),
            street: patch.street.map(|text| text.0),
            postal_code: patch.postal_code.map(|text| text.0),
            city: patch.city.map(|text| text.0),
            country: patch.country.map(|text| text.0),
            time_zone: patch.time_zone.map(|text| text.0),
        };
        let venue = call.write(async |tx| venues::update(tx, venue_id.0.0, change).await.map(shape)).await?;
        Ok(Json(venue))
    }
}
