//! Check-in lists: who enters where, by which rules.

use chrono::{DateTime, Utc};
use eventflow_core::{Id, Refusal, id};
use eventflow_store::check_in_lists;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::ToJSON,
};
use serde_json::Value;

use super::Tag;
use crate::{
    auth::{Call, Principal},
    problem::Failure,
    wire::{Created, Cursor, Page, Ref, Text, Window},
};

/// A check-in list: the rules of one or more gates of an event.
#[derive(Debug, Object)]
struct CheckInList {
    id: Ref<id::CheckInList>,
    event_id: Ref<id::Event>,
    name: String,
    /// The ticket types that may enter, as they stand in tokens; empty for all.
    type_nos: Vec<u16>,
    /// Whether a guest who was scanned out may come in again.
    re_entry: bool,
    /// The zones behind the gates, one bit each; 0 for a list without zones.
    zone_mask: u8,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A new check-in list.
#[derive(Debug, Object)]
#[oai(example)]
struct NewCheckInList {
    event_id: Ref<id::Event>,
    /// Unique within the event.
    name: Text<1, 200>,
    /// The price tiers whose tickets may enter; empty for all.
    #[oai(default, validator(max_items = 500))]
    price_tier_ids: Vec<Ref<id::PriceTier>>,
    /// Whether a guest who was scanned out may come in again.
    #[oai(default)]
    re_entry: bool,
    /// The zones behind the gates, one bit each; 0 for a list without zones.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "255")))]
    zone_mask: u8,
}

impl poem_openapi::types::Example for NewCheckInList {
    fn example() -> Self {
        Self {
            event_id: uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057).into(),
            name: Text("Main entrance".into()),
            price_tier_ids: Vec::new(),
            re_entry: true,
            zone_mask: 0,
        }
    }
}

/// The fields to change; absent ones stay as they are.
#[derive(Debug, Default, Object)]
#[oai(example)]
struct CheckInListPatch {
    name: Option<Text<1, 200>>,
    #[oai(validator(max_items = 500))]
    price_tier_ids: Option<Vec<Ref<id::PriceTier>>>,
    re_entry: Option<bool>,
    #[oai(validator(minimum(value = "0"), maximum(value = "255")))]
    zone_mask: Option<u8>,
}

impl poem_openapi::types::Example for CheckInListPatch {
    fn example() -> Self {
        Self { re_entry: Some(false), ..Self::default() }
    }
}

fn shape(list: check_in_lists::CheckInList) -> CheckInList {
    CheckInList {
        id: list.id.into(),
        event_id: list.event_id.into(),
        name: list.name,
        type_nos: list.type_nos.into_iter().filter_map(|type_no| u16::try_from(type_no).ok()).collect(),
        re_entry: list.re_entry,
        zone_mask: u8::try_from(list.zone_mask).unwrap_or_default(),
        created_at: list.created_at,
        updated_at: list.updated_at,
    }
}

fn uuids(tiers: Vec<Ref<id::PriceTier>>) -> Vec<uuid::Uuid> {
    tiers.into_iter().map(Ref::uuid).collect()
}

/// The check-in list, for webhooks.
pub(super) async fn object(call: Call, id: Id<id::CheckInList>) -> Result<Option<Value>, Failure> {
    Ok(CheckInLists.get(call, Path(Ref(id))).await?.0.to_json())
}

pub struct CheckInLists;

#[OpenApi(prefix_path = "/v1", tag = "Tag::CheckIn")]
impl CheckInLists {
    /// List the check-in lists of an event.
    #[oai(path = "/check-in-lists", method = "get", operation_id = "check_in_lists.list")]
    async fn list(
        &self,
        call: Call,
        event_id: Query<Ref<id::Event>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<CheckInList>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let rows = call
            .read(async |tx| check_in_lists::list(tx, event_id.0.0, window.fetch(), window.after).await)
            .await?;
        Ok(Json(window.page(rows, |list| list.id, shape)))
    }

    /// Create a check-in list.
    #[oai(path = "/check-in-lists", method = "post", operation_id = "check_in_lists.create")]
    async fn create(&self, call: Call, body: Json<NewCheckInList>) -> Result<Created<CheckInList>, Failure> {
        let new = check_in_lists::NewCheckInList {
            event: body.0.event_id.0,
            name: body.0.name.0,
            price_tiers: uuids(body.0.price_tier_ids),
            re_entry: body.0.re_entry,
            zone_mask: body.0.zone_mask.into(),
        };
        let list = call.write(async |tx| check_in_lists::create(tx, new).await.map(shape)).await?;
        Ok(Created::Created(Json(list)))
    }

    /// Get a check-in list; a device gets its own.
    #[oai(path = "/check-in-lists/:list_id", method = "get", operation_id = "check_in_lists.get")]
    async fn get(
        &self,
        call: Call,
        list_id: Path<Ref<id::CheckInList>>,
    ) -> Result<Json<CheckInList>, Failure> {
        if let Principal::Device { list, .. } = &call.principal
            && *list != list_id.0.0
        {
            return Err(Refusal::not_found("check-in list").into());
        }
        let list = call.read(async |tx| check_in_lists::get(tx, list_id.0.0).await).await?;
        Ok(Json(shape(list)))
    }

    /// Change a check-in list.
    #[oai(path = "/check-in-lists/:list_id", method = "patch", operation_id = "check_in_lists.update")]
    async fn update(
        &self,
        call: Call,
        list_id: Path<Ref<id::CheckInList>>,
        body: Json<CheckInListPatch>,
    ) -> Result<Json<CheckInList>, Failure> {
        let change = check_in_lists::CheckInListChange {
            name: body.0.name.map(|name| name.0),
            price_tiers: body.0.price_tier_ids.map(uuids),
            re_entry: body.0.re_entry,
            zone_mask: body.0.zone_mask.map(Into::into),
        };
        let list =
            call.write(async |tx| check_in_lists::update(tx, list_id.0.0, change).await.map(shape)).await?;
        Ok(Json(list))
    }
}
