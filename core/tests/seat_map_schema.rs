//! The published schema says what the reader says.

use std::{fs, path::Path};

use eventflow_core::seat_map::{SeatMap, is_publishable, schema, stadium, validate};
use jsonschema::Validator;
use serde_json::{Value, json};

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path))
        .expect("the file is in the repository")
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).expect("the schema is one")
}

fn reads(document: &Value) -> bool {
    serde_json::from_value::<SeatMap>(document.clone()).is_ok()
}

/// A document in which every member that there is has a value of its own.
fn everything() -> Value {
    let seat = json!({
        "position": 2, "label": "2a", "shown": "2 bis", "category": "a", "traits": ["aisle", "plus_size"], "skip": false,
        "view": "https://images.example/2.jpg"
    });
    let numbering = json!({
        "scheme": "odd", "start": 3, "descending": true, "prefix": "N", "letters": true, "skip": "IO"
    });
    let table = json!({
        "label": "T1", "shown": "Table 1", "category": "a", "centre": { "x": 0, "y": 900 }, "rotation": 45, "sold": "whole",
        "shape": { "kind": "rectangle", "width": 300, "height": 100, "sides": [3, 1, 3, 1] },
        "numbering": numbering, "seats": [seat], "view": "https://images.example/t.jpg"
    });
    let round = json!({
        "label": "T2", "category": "a", "centre": { "x": 900, "y": 900 },
        "shape": { "kind": "round", "radius": 80, "chairs": 8 }
    });
    let corners = json!([{ "x": -90, "y": -90 }, { "x": 2000, "y": -90 }, { "x": 900, "y": 2000 }]);
    json!({
        "format": "eventflow.seat-map/1",
        "name": "Everything",
        "categories": [{ "key": "a", "name": "A", "color": "#aa00BB" }],
        "focal_point": { "x": 1.5, "y": -200 },
        "floors": [{ "key": "g", "name": "Ground" }],
        "zones": [{ "key": "n", "name": "North" }],
        "sections": [{
            "key": "S", "name": "Stalls", "floor": "g", "zone": "n", "entrance": "Gate 1", "outline": corners,
            "view": "https://images.example/s.jpg",
            "row_labels": { "style": "letters", "start": 2, "descending": true, "step": 2, "skip": "IO" },
            "rows": [
                { "shown": "First", "category": "a", "start": { "x": 0, "y": 0 }, "end": { "x": 500, "y": 0 }, "curve": 20,
                  "spacing": 50.5, "count": 6, "numbering": numbering, "seats": [seat],
                  "view": "https://images.example/r.jpg" },
                { "label": "Z", "category": "a", "start": { "x": 0, "y": 200 }, "end": { "x": 500, "y": 200 }, "count": 6 }
            ],
            "tables": [table, round],
            "booths": [{
                "label": "B1", "shown": "Booth 1", "category": "a", "centre": { "x": 0, "y": 1500 }, "width": 300,
                "height": 200, "rotation": -30, "view": "https://images.example/b.jpg"
            }]
        }],
        "ga_areas": [
            { "key": "l", "name": "Lawn", "category": "a", "capacity": 50, "points": corners, "floor": "g", "zone": "n",
              "entrance": "Gate 2", "view": "https://images.example/l.jpg", "sold": { "kind": "group", "min": 2, "max": 9 } },
            { "key": "m", "name": "Lounge", "category": "a", "capacity": 50, "sold": { "kind": "whole" } }
        ],
        "shapes": [{
            "kind": "polygon", "points": corners, "rotation": 10, "fill": "#112233", "stroke": "#445566", "stroke_width": 2,
            "floor": "g"
        }],
        "texts": [{
            "at": { "x": 0, "y": 0 }, "text": "Bar", "size": 40, "rotation": 90, "color": "#000000", "floor": "g"
        }],
        "icons": [{ "at": { "x": 0, "y": 0 }, "kind": "first_aid", "size": 40, "floor": "g" }],
        "images": [{
            "href": "https://images.example/plan.png", "role": "reference", "at": { "x": 0, "y": 0 }, "width": 100,
            "height": 80, "rotation": 5, "opacity": 0.5, "floor": "g"
        }]
    })
}

/// Pointers to every value in the document, itself first.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| pointers(item, &format!("{at}/{n}"), found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| pointers(member, &format!("{at}/{name}"), found));
        }
        _ => {}
    }
}

fn places(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    pointers(document, "", &mut found);
    found
}

#[test]
fn the_published_file_is_this_schema() {
    let published = file("openapi/seat-map.schema.json");
    assert_eq!(published, format!("{:#}\n", schema()), "run `cargo xtask openapi`");
}

#[test]
fn documents_that_are_sold_fit() {
    let validator = validator();
    for name in ["seat-map.json", "seat-map-club.json"] {
        let text = file(&format!("examples/demo-venue/{name}"));
        assert!(validator.is_valid(&serde_json::from_str(&text).unwrap()), "{name}");
    }
    for seats in [500, 20_000] {
        let document = serde_json::to_value(stadium(seats)).unwrap();
        let faults: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(faults, [""; 0]);
    }
}

#[test]
fn a_document_with_everything_fits_and_is_flawless() {
    let document = everything();
    let faults: Vec<String> = validator().iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(faults, [""; 0]);
    let map: SeatMap = serde_json::from_value(document.clone()).unwrap();
    let findings = validate(&map);
    assert!(is_publishable(&findings), "{findings:?}");
    // Nothing is lost on the way, and defaults are left out.
    let written = serde_json::to_value(&map).unwrap();
    let mut expected = document;
    let seats = ["/sections/0/rows/0/seats/0", "/sections/0/tables/0/seats/0"];
    for seat in seats {
        expected.pointer_mut(seat).unwrap().as_object_mut().unwrap().remove("skip");
    }
    assert_eq!(written, expected);
}

#[test]
fn every_member_of_the_schema_is_in_that_document() {
    let document = everything();
    let named: std::collections::HashSet<String> = places(&document)
        .into_iter()
        .filter_map(|place| place.rsplit_once('/').map(|(_, name)| name.to_owned()))
        .collect();
    let schema = schema();
    let properties = places(&schema).into_iter().filter_map(|place| {
        let (parent, name) = place.rsplit_once('/')?;
        parent.ends_with("/properties").then(|| name.to_owned())
    });
    for property in properties {
        assert!(named.contains(&property), "{property}");
    }
}

#[test]
fn schema_and_reader_refuse_the_same_shapes() {
    let (validator, flawless) = (validator(), everything());
    for place in places(&flawless) {
        let value = flawless.pointer(&place).unwrap();
        // A value of another type, an unknown member, and each member left out in turn.
        let mut changed = vec![json!([[]]), json!({ "other": 1 }), json!(true)];
        if let Value::Object(members) = value {
            let mut more = members.clone();
            more.insert("unknown".into(), json!(1));
            changed.push(Value::Object(more));
            for name in members.keys() {
                let mut fewer = members.clone();
                fewer.remove(name);
                changed.push(Value::Object(fewer));
            }
        }
        for new in changed {
            let mut document = flawless.clone();
            *document.pointer_mut(&place).unwrap() = new.clone();
            assert_eq!(validator.is_valid(&document), reads(&document), "{place}: {new}");
        }
    }
}

#[test]
fn limits_are_in_the_schema() {
    let refused = |pointer: &str, value: Value| {
        let mut document = everything();
        *document.pointer_mut(pointer).unwrap() = value;
        assert!(reads(&document), "{pointer}");
        assert!(!validator().is_valid(&document), "{pointer}");
        let map: SeatMap = serde_json::from_value(document).unwrap();
        assert!(!is_publishable(&validate(&map)), "{pointer}");
    };
    refused("/name", json!("x".repeat(201)));
    refused("/sections/0/key", json!("ü".repeat(41)));
    refused("/sections/0/rows/0/count", json!(2_001));
    refused("/sections/0/rows/0/start/x", json!(1_000_001));
    refused("/sections/0/rows/0/spacing", json!(0));
    refused("/sections/0/view", json!("http://images.example/s.jpg"));
    refused("/sections/0/tables/1/shape/chairs", json!(201));
    refused("/categories/0/color", json!("red"));
    refused("/ga_areas/0/capacity", json!(1_000_001));
    refused("/images/0/opacity", json!(2));
    refused("/shapes/0/points", json!(vec![json!({ "x": 0, "y": 0 }); 501]));
    refused("/icons", json!(vec![json!({ "at": { "x": 0, "y": 0 }, "kind": "bar", "size": 1 }); 2_001]));
}
