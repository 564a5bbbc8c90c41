//! The JSON Schema of the document, published as `openapi/seat-map.schema.json`.
//!
//! Written by hand beside the types, with the limits taken from where they are enforced. `core/tests/seat_map_schema.rs`
//! holds it against documents that have everything, and against their readers. It says which documents can be read and
//! stay within the limits; what a document means is judged by [`validate`](super::validate()).

use serde_json::{Value, json};

use super::document::*;

/// The schema, in the dialect of 2020-12.
pub fn schema() -> Value {
    let mut root = object(
        "A seat map: rows as rules, tables, booths and standing areas, and what is drawn around them.",
        &["format", "name", "categories"],
        json!({
            "format": { "const": "eventflow.seat-map/1" },
            "name": text(NAME_CHARS_MAX),
            "categories": list("category", 0, CATEGORIES_MAX),
            "focal_point": reference("point"),
            "floors": list("floor", 0, FLOORS_MAX),
            "zones": list("zone", 0, ZONES_MAX),
            "sections": list("section", 0, SECTIONS_MAX),
            "ga_areas": list("ga_area", 0, AREAS_MAX),
            "shapes": list("shape", 0, SHAPES_MAX),
            "texts": list("text", 0, TEXTS_MAX),
            "icons": list("icon", 0, ICONS_MAX),
            "images": list("image", 0, IMAGES_MAX)
        }),
    );
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["$id"] = json!("urn:eventflow:seat-map:1");
    root["title"] = json!("EventFlow seat map");
    root["$defs"] = definitions();
    root
}

fn definitions() -> Value {
    let named =
        |what: &str| object(what, &["key", "name"], json!({ "key": label(), "name": text(NAME_CHARS_MAX) }));
    json!({
        "point": object("A point, in plan units; y goes downwards.", &["x", "y"], json!({
            "x": coordinate(), "y": coordinate()
        })),
        "category": object("Places that are sold alike.", &["key", "name", "color"], json!({
            "key": label(), "name": text(NAME_CHARS_MAX), "color": color()
        })),
        "floor": named("A storey; floors are listed from bottom to top."),
        "zone": named("A part of the house with several sections."),
        "section": section(),
        "row": row(),
        "row_labels": object("Names the rows that have no label of their own, in order.", &[], json!({
            "style": { "enum": ["numbers", "letters"] },
            "start": integer(0, NUMBER_START_MAX),
            "descending": boolean(),
            "step": integer(1, NUMBER_STEP_MAX),
            "skip": left_out()
        })),
        "numbering": object("How seats are numbered.", &[], json!({
            "scheme": { "enum": ["sequential", "odd", "even", "centre_out"] },
            "start": optional(integer(0, NUMBER_START_MAX)),
            "descending": boolean(),
            "prefix": { "type": "string", "maxLength": LABEL_CHARS_MAX / 2 },
            "letters": boolean(),
            "skip": left_out()
        })),
        "seat_rule": object("An exception for one place, counted from 1.", &["position"], json!({
            "position": integer(1, ROW_PLACES_MAX),
            "label": optional(label()),
            "shown": optional(label()),
            "category": optional(label()),
            "traits": { "type": "array", "items": { "enum": SeatTrait::ALL.iter().map(|t| t.as_str()).collect::<Vec<_>>() } },
            "skip": boolean(),
            "view": optional(url())
        })),
        "table": table(),
        "booth": object("One place that is no chair.", &["label", "category", "centre", "width", "height"], json!({
            "label": label(),
            "shown": optional(label()),
            "category": key(),
            "centre": reference("point"),
            "width": size(),
            "height": size(),
            "rotation": rotation(),
            "view": optional(url())
        })),
        "ga_area": ga_area(),
        "shape": object("A line or a filled outline.", &["kind", "points"], json!({
            "kind": { "enum": ShapeKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>() },
            "points": list("point", 2, OUTLINE_POINTS_MAX),
            "rotation": rotation(),
            "fill": optional(color()),
            "stroke": optional(color()),
            "stroke_width": { "type": "number", "minimum": 0, "maximum": COORDINATE_MAX },
            "floor": optional(label())
        })),
        "text": object("A text, centred on a point.", &["at", "text", "size"], json!({
            "at": reference("point"),
            "text": text(NAME_CHARS_MAX),
            "size": size(),
            "rotation": rotation(),
            "color": optional(color()),
            "floor": optional(label())
        })),
        "icon": object("A pictogram, centred on a point.", &["at", "kind", "size"], json!({
            "at": reference("point"),
            "kind": { "enum": IconKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>() },
            "size": size(),
            "floor": optional(label())
        })),
        "image": object("A picture below everything else.", &["href", "at", "width", "height"], json!({
            "href": url(),
            "role": { "enum": ["background", "reference"] },
            "at": reference("point"),
            "width": size(),
            "height": size(),
            "rotation": rotation(),
            "opacity": { "type": "number", "minimum": 0, "maximum": 1 },
            "floor": optional(label())
        }))
    })
}

fn section() -> Value {
    object(
        "A named part of the house.",
        &["key", "name"],
        json!({
            "key": label(),
            "name": text(NAME_CHARS_MAX),
            "floor": optional(label()),
            "zone": optional(label()),
            "entrance": optional(text(NAME_CHARS_MAX)),
            "outline": list("point", 0, OUTLINE_POINTS_MAX),
            "view": optional(url()),
            "row_labels": optional(reference("row_labels")),
            "rows": list("row", 0, ROWS_MAX),
            "tables": list("table", 0, ROWS_MAX),
            "booths": list("booth", 0, ROWS_MAX)
        }),
    )
}

fn row() -> Value {
    object(
        "Places at equal distances on the line or arc from start to end.",
        &["category", "start", "end", "count"],
        json!({
            "label": { "type": "string", "maxLength": LABEL_CHARS_MAX },
            "shown": optional(label()),
            "category": key(),
            "start": reference("point"),
            "end": reference("point"),
            "curve": coordinate(),
            "spacing": optional(size()),
            "count": integer(0, ROW_PLACES_MAX),
            "numbering": reference("numbering"),
            "seats": list("seat_rule", 0, usize_of(ROW_PLACES_MAX)),
            "view": optional(url())
        }),
    )
}

fn table() -> Value {
    let chairs = || integer(0, TABLE_CHAIRS_MAX);
    let sides = json!({ "type": "array", "items": chairs(), "minItems": 4, "maxItems": 4 });
    let round = object(
        "Chairs around a circle of this radius, the first at the top.",
        &["kind", "radius", "chairs"],
        json!({ "kind": { "const": "round" }, "radius": size(), "chairs": chairs() }),
    );
    let rectangle = object(
        "Chairs along the sides: top, right, bottom, left.",
        &["kind", "width", "height", "sides"],
        json!({ "kind": { "const": "rectangle" }, "width": size(), "height": size(), "sides": sides }),
    );
    object(
        "A table, sold by the chair or as a whole.",
        &["label", "category", "centre", "shape"],
        json!({
            "label": label(),
            "shown": optional(label()),
            "category": key(),
            "centre": reference("point"),
            "shape": { "oneOf": [round, rectangle] },
            "rotation": rotation(),
            "sold": { "enum": ["seats", "whole"] },
            "numbering": reference("numbering"),
            "seats": list("seat_rule", 0, usize_of(4 * TABLE_CHAIRS_MAX)),
            "view": optional(url())
        }),
    )
}

fn ga_area() -> Value {
    let by = |kind: &str| object("", &["kind"], json!({ "kind": { "const": kind } }));
    let group = object(
        "One party at a time, of this many people.",
        &["kind", "min", "max"],
        json!({
            "kind": { "const": "group" },
            "min": integer(1, AREA_CAPACITY_MAX),
            "max": integer(1, AREA_CAPACITY_MAX)
        }),
    );
    object(
        "An area without seats, sold by number of people.",
        &["key", "name", "category", "capacity"],
        json!({
            "key": label(),
            "name": text(NAME_CHARS_MAX),
            "category": key(),
            "capacity": integer(0, AREA_CAPACITY_MAX),
            "points": list("point", 0, OUTLINE_POINTS_MAX),
            "floor": optional(label()),
            "zone": optional(label()),
            "entrance": optional(text(NAME_CHARS_MAX)),
            "view": optional(url()),
            "sold": { "oneOf": [by("places"), by("whole"), group] }
        }),
    )
}

/// An object without other members than these.
fn object(description: &str, required: &[&str], properties: Value) -> Value {
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    if !description.is_empty() {
        object["description"] = json!(description);
    }
    object
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn list(of: &str, min: usize, max: usize) -> Value {
    let mut list = json!({ "type": "array", "items": reference(of), "maxItems": max });
    if min > 0 {
        list["minItems"] = json!(min);
    }
    list
}

/// `null` stands for an absent member.
fn optional(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn text(max: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": max })
}

fn label() -> Value {
    text(LABEL_CHARS_MAX)
}

/// The key of a category: drafts may have none yet.
fn key() -> Value {
    json!({ "type": "string", "maxLength": LABEL_CHARS_MAX })
}

fn url() -> Value {
    json!({ "type": "string", "pattern": "^https://[^\\s/?#@]+([/?#]\\S*)?$", "maxLength": URL_CHARS_MAX })
}

fn color() -> Value {
    json!({ "type": "string", "pattern": "^#[0-9a-fA-F]{6}$" })
}

fn left_out() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z]*$", "maxLength": LETTERS_LEFT_OUT_MAX })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

fn integer(min: u32, max: u32) -> Value {
    json!({ "type": "integer", "minimum": min, "maximum": max })
}

fn coordinate() -> Value {
    json!({ "type": "number", "minimum": -COORDINATE_MAX, "maximum": COORDINATE_MAX })
}

fn size() -> Value {
    json!({ "type": "number", "minimum": 0.01, "maximum": COORDINATE_MAX })
}

fn rotation() -> Value {
    json!({ "type": "number", "minimum": -360, "maximum": 360 })
}

fn usize_of(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
