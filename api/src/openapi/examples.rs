//! An example for every object of the contract. Bodies of requests have theirs in the code; the other objects are put
//! together of their members, and `examples.json` says what a member looks like: by `Object.member` or by its name
//! alone; null leaves it out.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::{Map, Value, json};

static MEMBERS: LazyLock<HashMap<String, Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("examples.json")).expect("examples.json is an object of JSON")
});

/// All pages are shapes of one: `Page_Venue` is looked up as `Page`.
const PAGES: &str = "Page";

/// Gives an example to every object that has none.
pub fn complete(schemas: &mut Map<String, Value>) {
    let bare = |(name, schema): (&String, &Value)| {
        (schema["type"] == "object" && schema["example"].is_null()).then(|| name.clone())
    };
    let bare: Vec<String> = schemas.iter().filter_map(bare).collect();
    for name in bare {
        let example = object(schemas, &name);
        schemas[&name]["example"] = example;
    }
}

/// Three moments of the stream of availability, in its own bytes.
pub fn of_stream() -> Value {
    json!({
        "snapshot": {
            "summary": "Four seats: free, held, sold, free; and 320 places in a standing area.",
            "value": { "event": "snapshot", "id": "1873", "data": "RUZBMQAAAAQAAAAAAAAHUQABJAAAAUA=" }
        },
        "diff": {
            "summary": "The first seat is held now.",
            "value": { "event": "diff", "id": "1874", "data": "RUZEMQAAAAAAAAdRAAAAAAAAB1IBAQA=" }
        },
        "offer": {
            "summary": "Read the event and its price tiers again.",
            "value": { "event": "offer", "data": "{}" }
        }
    })
}

fn object(schemas: &Map<String, Value>, name: &str) -> Value {
    let schema = &schemas[name];
    if !schema["example"].is_null() {
        return schema["example"].clone();
    }
    let owner = name.split_once('_').filter(|(page, _)| *page == PAGES).map_or(name, |(page, _)| page);
    let members = schema["properties"].as_object().into_iter().flatten();
    let shown = members.filter_map(|(member, schema)| {
        let known = MEMBERS.get(&format!("{owner}.{member}")).or_else(|| {
            // The type of a reference says more than the name of the member.
            let is_plain =
                schema["$ref"].is_null() && schema["allOf"].is_null() && schema["example"].is_null();
            MEMBERS.get(member).filter(|_| is_plain)
        });
        let value = known.cloned().unwrap_or_else(|| of_schema(schemas, schema));
        (!value.is_null()).then(|| (member.clone(), value))
    });
    shown.collect::<Map<_, _>>().into()
}

/// The first thing that a schema allows; null when it does not say.
fn of_schema(schemas: &Map<String, Value>, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str()) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return match &schemas[name] {
            values if values["enum"].is_array() => values["enum"][0].clone(),
            _ => object(schemas, name),
        };
    }
    if !schema["example"].is_null() {
        return schema["example"].clone();
    }
    if schema["enum"].is_array() {
        return schema["enum"][0].clone();
    }
    match schema["type"].as_str() {
        Some("boolean") => schema.get("default").cloned().unwrap_or(json!(false)),
        Some("array") => {
            let item = of_schema(schemas, &schema["items"]);
            if item.is_null() { json!([]) } else { json!([item]) }
        }
        Some("object") => json!({}),
        Some("string") if schema["format"] == "date-time" => MEMBERS["at"].clone(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::openapi::document;

    /// The schemas as JSON Schema, which says of null what OpenAPI 3.0 says with `nullable`.
    fn json_schemas() -> Value {
        fn translate(value: &mut Value) {
            match value {
                Value::Object(members) => {
                    if members.remove("nullable") == Some(json!(true)) {
                        let schema = std::mem::take(members);
                        members.insert("anyOf".into(), json!([schema, { "type": "null" }]));
                    }
                    members.values_mut().for_each(translate);
                }
                Value::Array(items) => items.iter_mut().for_each(translate),
                _ => {}
            }
        }
        let mut schemas = document()["components"]["schemas"].clone();
        translate(&mut schemas);
        schemas
    }

    fn validator(schema: &Value) -> jsonschema::Validator {
        let schema = json!({ "components": { "schemas": json_schemas() }, "allOf": [schema] });
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    }

    #[test]
    fn every_object_has_an_example_that_fits() {
        let mut misfits = Vec::new();
        for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
            if schema["type"] != "object" {
                continue;
            }
            let example = &schema["example"];
            assert!(example.is_object(), "{name} has no example");
            let validator = validator(&json!({ "$ref": format!("#/components/schemas/{name}") }));
            let faults = validator.iter_errors(example);
            misfits.extend(faults.map(|fault| format!("{name}{}: {fault}", fault.instance_path())));
        }
        assert!(misfits.is_empty(), "{misfits:#?}");
    }

    #[test]
    fn an_example_that_does_not_fit_is_found() {
        let hold = validator(&json!({ "$ref": "#/components/schemas/Hold" }));
        let mut example = document()["components"]["schemas"]["Hold"]["example"].clone();
        assert!(hold.is_valid(&example));
        example["items"][0]["price_minor"] = json!("4200");
        assert!(!hold.is_valid(&example));
    }

    #[test]
    fn examples_of_answers_fit_too() {
        let mut seen = 0;
        for response in crate::openapi::operations(document())
            .flat_map(|(_, _, operation)| operation["responses"].as_object().into_iter().flatten())
            .chain(document()["components"]["responses"].as_object().into_iter().flatten())
        {
            for media in response.1["content"].as_object().into_iter().flat_map(Map::values) {
                let several = media["examples"].as_object().into_iter().flatten();
                let values = several.map(|(_, example)| &example["value"]).chain(media.get("example"));
                for example in values {
                    assert!(validator(&media["schema"]).is_valid(example), "{example:#}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 10, "{seen}");
    }

    #[test]
    fn the_stream_in_the_examples_can_be_followed() {
        use base64::{Engine, engine::general_purpose::STANDARD};
        use eventflow_core::seat_map::{Diff, SeatStatus, Snapshot};

        let bytes =
            |name: &str| STANDARD.decode(of_stream()[name]["value"]["data"].as_str().unwrap()).unwrap();
        let mut state = Snapshot::decode(&bytes("snapshot")).unwrap();
        let [free, held, sold, _] = SeatStatus::ALL;
        assert_eq!(state.statuses.iter().collect::<Vec<_>>(), [free, held, sold, free]);
        assert_eq!((state.revision, &*state.areas), (1_873, &[320][..]));
        state.apply(&Diff::decode(&bytes("diff")).unwrap()).unwrap();
        assert_eq!(state.statuses.iter().collect::<Vec<_>>(), [held, held, sold, free]);
        assert_eq!(of_stream()["diff"]["value"]["id"], state.revision.to_string());
    }

    #[test]
    fn every_member_of_the_table_exists() {
        let mut known = HashSet::new();
        for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
            let owner = if name.starts_with("Page_") { PAGES } else { name };
            for member in schema["properties"].as_object().into_iter().flatten().map(|(member, _)| member) {
                known.extend([format!("{owner}.{member}"), member.clone()]);
            }
        }
        let stale: Vec<_> = MEMBERS.keys().filter(|member| !known.contains(*member)).collect();
        assert!(stale.is_empty(), "{stale:?}");
    }
}
