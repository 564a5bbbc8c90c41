//! Seat maps: a draft that can change, and published versions that never do; files of
//! other programs ([`exchange`]); what changes between [`versions`].

pub(super) mod exchange;
mod turns;
mod unread;
pub(super) mod versions;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use eventflow_core::{id, seat_map};
use eventflow_store::seat_maps;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    registry::{MetaExternalDocument, MetaSchema, MetaSchemaRef},
    types::{Example, ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde_json::{Value, json};

use super::Tag;
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Created, Cursor, Page, Ref, Text, Window},
};
use turns::SHOWN;
use unread::Unread;

/// A seat-map document: any JSON object for the framework, read strictly by the store. How deep it nests is bounded by
/// the JSON reader, how long it is by the limit of the body, and how much is in it before it is read.
#[derive(Debug)]
struct Document(Value);

impl Type for Document {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;
    fn name() -> Cow<'static, str> {
        "object(seat_map)".into()
    }
    fn schema_ref() -> MetaSchemaRef {
        let mut schema = MetaSchema::new("object");
        schema.description = Some("Its JSON Schema is at `/schemas/seat-map.json`.");
        schema.external_docs = Some(MetaExternalDocument {
            url: "/schemas/seat-map.json".into(),
            description: Some("The JSON Schema of the format `eventflow.seat-map/1`.".into()),
        });
        schema.additional_properties = Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY))));
        MetaSchemaRef::Inline(Box::new(schema))
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl ParseFromJSON for Document {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            value @ Value::Object(_) => Ok(Self(value)),
            other => Err(ParseError::expected_type(other)),
        }
    }
}

impl ToJSON for Document {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}

/// A seat map.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct SeatMap {
    id: Ref<id::SeatMap>,
    venue_id: Ref<id::Venue>,
    name: String,
    /// Counts the changes of the draft's document.
    draft_revision: i32,
    /// The newest published version; absent before the first.
    published_version: Option<i32>,
    /// Seats of `document` or, in lists and when it is published, of the newest published version.
    seat_count: Option<i32>,
    /// Places of its standing areas.
    ga_capacity: Option<i32>,
    /// The version that `document` is; 0 is the draft.
    version: Option<i32>,
    /// The seat-map document, format `eventflow.seat-map/1`, in canonical form. Absent in lists.
    document: Option<Document>,
    /// What is wrong with the draft, errors first; absent for published versions.
    findings: Option<Vec<Finding>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// How bad a finding is: errors keep a map from being published, warnings do not.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum Severity {
    Error,
    Warning,
}

/// Something to mend in a seat map.
#[derive(Debug, Object)]
struct Finding {
    severity: Severity,
    /// A stable code to branch on.
    code: String,
    /// Where in the document, as `sections[2].rows[0]`; empty for the whole document.
    object: String,
    message: String,
}

/// Whether a draft can be published, and what is wrong with it.
#[derive(Debug, Object)]
struct Validation {
    publishable: bool,
    findings: Vec<Finding>,
}

/// A new seat map.
#[derive(Debug, Object)]
#[oai(example)]
struct NewSeatMap {
    name: Text<1, 200>,
    /// The seat-map document, format `eventflow.seat-map/1`. Unknown fields are refused; a document that is merely
    /// unfinished is accepted and gets findings.
    document: Document,
}

impl Example for NewSeatMap {
    fn example() -> Self {
        let document = json!({
            "format": "eventflow.seat-map/1",
            "name": "Chamber hall",
            "categories": [{ "key": "a", "name": "Category A", "color": "#aa0000" }],
            "focal_point": { "x": 450, "y": -300 },
            "sections": [{
                "key": "P", "name": "Stalls",
                "rows": [{
                    "label": "1", "category": "a", "start": { "x": 0, "y": 0 }, "end": { "x": 900, "y": 0 }, "count": 16,
                    "seats": [{ "position": 1, "traits": ["wheelchair"] }]
                }]
            }],
            "ga_areas": [{ "key": "floor", "name": "Standing", "category": "a", "capacity": 120 }]
        });
        Self { name: Text("Chamber hall, concert seating".into()), document: Document(document) }
    }
}

/// The fields to change; absent ones stay as they are.
#[derive(Debug, Default, Object)]
#[oai(example)]
struct SeatMapPatch {
    name: Option<Text<1, 200>>,
    /// The whole new draft.
    document: Option<Document>,
    /// The revision that you changed: if the draft has another one by now, nothing is changed (409).
    #[oai(validator(minimum(value = "1"), maximum(value = "2147483647")))]
    draft_revision: Option<i32>,
}

impl Example for SeatMapPatch {
    fn example() -> Self {
        Self { name: Some(Text("Chamber hall, opera seating".into())), ..Self::default() }
    }
}

fn shape(map: seat_maps::SeatMap, size: Option<seat_maps::Size>) -> SeatMap {
    SeatMap {
        id: map.id.into(),
        venue_id: map.venue_id.into(),
        name: map.name,
        draft_revision: map.draft_revision,
        published_version: (map.published_version != seat_maps::DRAFT).then_some(map.published_version),
        seat_count: size.map(|size| size.seat_count),
        ga_capacity: size.map(|size| size.ga_capacity),
        version: None,
        document: None,
        findings: None,
        created_at: map.created_at,
        updated_at: map.updated_at,
    }
}

fn shape_shown(shown: seat_maps::Shown) -> SeatMap {
    SeatMap {
        version: Some(shown.version),
        document: Some(Document(shown.document)),
        findings: shown.findings.map(shape_findings),
        ..shape(shown.map, Some(shown.size))
    }
}

fn shape_findings(findings: Vec<seat_map::Finding>) -> Vec<Finding> {
    let shape = |finding: seat_map::Finding| Finding {
        severity: match finding.severity {
            seat_map::Severity::Error => Severity::Error,
            seat_map::Severity::Warning => Severity::Warning,
        },
        code: finding.code.as_str().to_owned(),
        object: finding.object,
        message: finding.message,
    };
    findings.into_iter().map(shape).collect()
}

pub struct SeatMaps;

#[OpenApi(prefix_path = "/v1", tag = "Tag::SeatMaps")]
impl SeatMaps {
    /// List the seat maps of a venue.
    #[oai(path = "/venues/:venue_id/seat-maps", method = "get", operation_id = "seat_maps.list")]
    async fn list(
        &self,
        call: Call,
        venue_id: Path<Ref<id::Venue>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<SeatMap>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let venue = venue_id.0.0;
        let rows =
            call.read(async |tx| seat_maps::list(tx, venue, window.fetch(), window.after).await).await?;
        Ok(Json(window.page(rows, |(map, _)| map.id, |(map, size)| shape(map, size))))
    }

    /// Create a seat map.
    #[oai(path = "/venues/:venue_id/seat-maps", method = "post", operation_id = "seat_maps.create")]
    async fn create(
        &self,
        call: Call,
        venue_id: Path<Ref<id::Venue>>,
        body: Unread<NewSeatMap>,
    ) -> Result<Created<SeatMap>, Failure> {
        let read = |new: NewSeatMap| Ok((new.name.0, seat_maps::Draft::parse(new.document.0)?));
        let ((name, draft), _turn) = body.read(&call, read).await?;
        let create =
            async |tx: &mut _| seat_maps::create(tx, venue_id.0.0, name, draft).await.map(shape_shown);
        Ok(Created::Created(Json(call.write(create).await?)))
    }

    /// Get a seat map with its document.
    #[oai(path = "/seat-maps/:seat_map_id", method = "get", operation_id = "seat_maps.get")]
    async fn get(
        &self,
        call: Call,
        seat_map_id: Path<Ref<id::SeatMap>>,
        /// Which version of the document; 0 is the draft. Without it the newest published version or, when there is
        /// none, the draft.
        #[oai(validator(minimum(value = "0"), maximum(value = "2147483647")))]
        version: Query<Option<i32>>,
    ) -> Result<Json<SeatMap>, Failure> {
        let _turn = SHOWN.take(call.tenant()).await?;
        let shown = call.read(async |tx| seat_maps::get(tx, seat_map_id.0.0, version.0).await).await?;
        Ok(Json(shape_shown(shown)))
    }

    /// Change the name or the draft of a seat map.
    #[oai(path = "/seat-maps/:seat_map_id", method = "patch", operation_id = "seat_maps.update")]
    async fn update(
        &self,
        call: Call,
        seat_map_id: Path<Ref<id::SeatMap>>,
        body: Unread<SeatMapPatch>,
    ) -> Result<Json<SeatMap>, Failure> {
        let read = |patch: SeatMapPatch| {
            let document = patch.document.map(|document| seat_maps::Draft::parse(document.0)).transpose()?;
            let name = patch.name.map(|text| text.0);
            Ok(seat_maps::SeatMapChange { name, document, draft_revision: patch.draft_revision })
        };
        let (change, _turn) = body.read(&call, read).await?;
        let update = async |tx: &mut _| seat_maps::update(tx, seat_map_id.0.0, change).await.map(shape_shown);
        Ok(Json(call.write(update).await?))
    }

    /// Say what keeps the draft of a seat map from being published.
    #[oai(path = "/seat-maps/:seat_map_id/validate", method = "post", operation_id = "seat_maps.validate")]
    async fn validate(
        &self,
        call: Call,
        seat_map_id: Path<Ref<id::SeatMap>>,
    ) -> Result<Json<Validation>, Failure> {
        let _turn = SHOWN.take(call.tenant()).await?;
        let validate = async |tx: &mut _| {
            let draft = seat_maps::draft(tx, seat_map_id.0.0).await?;
            Ok(Validation { publishable: draft.is_publishable(), findings: shape_findings(draft.findings) })
        };
        Ok(Json(call.write(validate).await?))
    }

    /// Publish the draft of a seat map as a new version, which never changes.
    ///
    /// A draft that was not changed since it was published is not published again: the answer is the existing version.
    /// Events keep the version that they were published with.
    #[oai(path = "/seat-maps/:seat_map_id/publish", method = "post", operation_id = "seat_maps.publish")]
    async fn publish(
        &self,
        call: Call,
        seat_map_id: Path<Ref<id::SeatMap>>,
    ) -> Result<Json<SeatMap>, Failure> {
        let publish = async |tx: &mut _| {
            seat_maps::publish(tx, seat_map_id.0.0).await.map(|(map, size)| shape(map, Some(size)))
        };
        Ok(Json(call.write(publish).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_contract_can_be_published() {
        let draft = seat_maps::Draft::parse(NewSeatMap::example().document.0).unwrap();
        assert!(draft.is_publishable() && draft.findings.is_empty(), "{:?}", draft.findings);
        assert!(Document::parse_from_json(Some(json!([]))).is_err());
    }
}
