//! The contract as the generator of the Rust SDK reads it. What is judged by the server alone is left out: a limit
//! that grows tomorrow must not break programs that were built today.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

/// Operations that the platform answers to others, and no client calls.
const NOT_FOR_CLIENTS: [&str; 1] = ["webhooks.stripe"];
/// Limits of texts, lists and numbers, and what stands in the contract for people.
const LEFT_OUT: [&str; 12] = [
    "default",
    "example",
    "examples",
    "exclusiveMaximum",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "uniqueItems",
];

pub fn of(contract: &Value) -> Result<Value> {
    let mut view = contract.clone();
    schemas(&mut view);
    for (_, item) in entries(&mut view["paths"]) {
        let Some(item) = item.as_object_mut() else { continue };
        item.retain(|_, operation| {
            !operation["operationId"].as_str().is_some_and(|id| NOT_FOR_CLIENTS.contains(&id))
        });
        for (_, operation) in item.iter_mut() {
            self::operation(operation)?;
        }
    }
    if let Some(paths) = view["paths"].as_object_mut() {
        paths.retain(|_, item| item.as_object().is_some_and(|item| !item.is_empty()));
    }
    Ok(view)
}

/// Headers are the business of `send.rs`, and so is every answer that is no success, of which there is one.
fn operation(operation: &mut Value) -> Result<()> {
    if let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
        parameters.retain(|parameter| parameter["in"] != "header");
    }
    let Some(answers) = operation["responses"].as_object_mut() else { return Ok(()) };
    answers.retain(|status, _| status.starts_with('2'));
    if answers.len() != 1 {
        bail!("{} has not one answer of success", operation["operationId"]);
    }
    Ok(())
}

fn schemas(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(schemas),
        Value::Object(object) => {
            if object.get("type").is_some_and(Value::is_string) || object.contains_key("allOf") {
                schema(object);
            }
            object.values_mut().for_each(schemas);
        }
        _ => {}
    }
}

fn schema(schema: &mut Map<String, Value>) {
    if schema.get("type") == Some(&json!("integer")) {
        schema.insert("format".to_owned(), json!(integer(schema)));
    }
    // An id is a text everywhere.
    if schema.get("format") == Some(&json!("uuid")) {
        schema.remove("format");
    }
    // A reference beside a description or a default: the reference says it all.
    if let Some(first) = schema.get("allOf").and_then(|all| all.get(0)).cloned() {
        let description = schema.get("description").cloned();
        schema.clear();
        schema.insert("allOf".to_owned(), json!([first]));
        schema.extend(description.map(|description| ("description".to_owned(), description)));
    }
    schema.retain(|key, value| !LEFT_OUT.contains(&key.as_str()) || value.is_object());
    fields(schema);
}

/// The type of an integer by its bounds.
fn integer(schema: &Map<String, Value>) -> &'static str {
    let bound = |name| schema.get(name).and_then(Value::as_i64);
    match (bound("minimum"), bound("maximum")) {
        (Some(0..), Some(..=0xffff_ffff)) => "uint32",
        (_, Some(..=0x7fff_ffff)) => "int32",
        _ => "int64",
    }
}

/// What may be absent is an `Option` already; only of lists `null` and nothing differ from an empty one. Money is one
/// type, whatever its bounds.
fn fields(schema: &mut Map<String, Value>) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties {
        let Some(property) = property.as_object_mut() else { continue };
        if name.ends_with("_minor") {
            property.retain(|key, _| key != "minimum" && key != "maximum");
        }
        if property.get("type") != Some(&json!("array")) {
            property.remove("nullable");
        }
    }
}

fn entries(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Value {
        json!({
            "paths": {
                "/v1/webhooks/stripe": { "post": { "operationId": "webhooks.stripe", "responses": { "200": {} } } },
                "/v1/holds": { "post": {
                    "operationId": "holds.create",
                    "parameters": [{ "in": "header", "name": "Idempotency-Key" }, { "in": "query", "name": "limit" }],
                    "responses": { "201": {}, "304": {}, "409": {} },
                } },
            },
            "components": { "schemas": { "Hold": {
                "type": "object",
                "properties": {
                    "pattern": { "type": "string", "pattern": "^a", "maxLength": 3, "nullable": true },
                    "seat": { "type": "integer", "format": "int64", "minimum": 0, "maximum": 4_294_967_295_u32 },
                    "revision": { "type": "integer", "format": "int64", "minimum": 0, "maximum": 9_007_199_254_740_991_i64 },
                    "price_minor": { "type": "integer", "format": "int32", "minimum": 0, "maximum": 100 },
                    "codes": { "type": "array", "nullable": true, "maxItems": 5, "items": { "type": "string" } },
                    "rules": { "allOf": [{ "$ref": "#/components/schemas/Hold" }, { "default": {} }], "default": {} },
                },
            } } },
        })
    }

    #[test]
    fn what_only_the_server_judges_is_left_out() {
        let view = of(&contract()).unwrap();
        let expected = json!({
            "pattern": { "type": "string" },
            "seat": { "type": "integer", "format": "uint32" },
            "revision": { "type": "integer", "format": "int64" },
            "price_minor": { "type": "integer", "format": "int64" },
            "codes": { "type": "array", "nullable": true, "items": { "type": "string" } },
            "rules": { "allOf": [{ "$ref": "#/components/schemas/Hold" }] },
        });
        assert_eq!(view["components"]["schemas"]["Hold"]["properties"], expected);
    }

    #[test]
    fn operations_are_those_of_clients_with_one_answer() {
        let view = of(&contract()).unwrap();
        assert_eq!(view["paths"].as_object().unwrap().len(), 1);
        let hold = &view["paths"]["/v1/holds"]["post"];
        assert_eq!(hold["parameters"], json!([{ "in": "query", "name": "limit" }]));
        assert_eq!(hold["responses"], json!({ "201": {} }));
        let mut two = contract();
        two["paths"]["/v1/holds"]["post"]["responses"]["202"] = json!({});
        assert!(of(&two).is_err());
    }
}
