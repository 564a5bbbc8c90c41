//! The contract: what poem-openapi derives from the code, put right for the tools that read it, and completed from the
//! table of operations. `/openapi.json`, the generators and the checks all read [`document`].

use std::{collections::HashMap, sync::LazyLock};

use poem::http::Method;
use serde_json::{Map, Value, json};

use crate::operations::{self, Credential, Operation};

/// The contract as JSON with a fixed order of members.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let raw = crate::resources::service().spec();
        let raw: Value = serde_json::from_str(&raw).expect("poem-openapi writes JSON");
        publish(raw)
    });
    &DOCUMENT
}

/// The operation that a method and a pattern of the router (`/v1/venues/:venue_id`) lead to.
pub fn operation_of(method: &Method, pattern: &str) -> Option<&'static Operation> {
    static TABLE: LazyLock<HashMap<(String, String), &'static Operation>> = LazyLock::new(|| {
        let paths = document()["paths"].as_object().cloned().unwrap_or_default();
        let mut table = HashMap::new();
        for (path, methods) in &paths {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let id = operation["operationId"].as_str().unwrap_or_default();
                if let Some(operation) = operations::find(id) {
                    table.insert((method.to_uppercase(), router_pattern(path)), operation);
                }
            }
        }
        table
    });
    TABLE.get(&(method.as_str().to_owned(), pattern.to_owned())).copied()
}

/// The methods that a path of the contract knows, for the header `Allow`.
pub fn allowed_methods(path: &str) -> Option<String> {
    let paths = document()["paths"].as_object()?;
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        pattern.len() == segments.len()
            && pattern.iter().zip(&segments).all(|(p, s)| p.starts_with('{') || p == s)
    };
    // A literal segment wins over a parameter, as in the router.
    let (_, methods) = paths.iter().filter(|(pattern, _)| fits(pattern)).min_by_key(|(p, _)| p.matches('{').count())?;
    let methods = methods.as_object()?;
    Some(methods.keys().map(|m| m.to_uppercase()).collect::<Vec<_>>().join(", "))
}

/// poem-openapi numbers the parameters of its routes: `/venues/{venue_id}` is `/venues/:param0` to the router.
fn router_pattern(path: &str) -> String {
    let mut parameters = 0;
    path.split('/')
        .map(|segment| {
            let Some((before, after)) = segment.split_once('{') else { return segment.to_owned() };
            let rest = after.split_once('}').map_or("", |(_, rest)| rest);
            parameters += 1;
            format!("{before}:param{}{rest}", parameters - 1)
        })
        .collect::<Vec<_>>()
        .join("/")
}

fn publish(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    // Relative: the document is the same wherever the server stands.
    document["servers"] = json!([{ "url": "/" }]);
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        let types: HashMap<String, Value> =
            schemas.iter().map(|(name, schema)| (name.clone(), schema["type"].clone())).collect();
        schemas.values_mut().for_each(|schema| put_right_object(schema, &types));
    }
    put_right(&mut document);
    document["components"]["securitySchemes"] = security_schemes();
    let paths = document["paths"].as_object_mut().expect("the document has paths");
    for (path, methods) in paths.iter_mut() {
        for (method, operation) in methods.as_object_mut().expect("a path has methods") {
            complete_operation(path, method, operation);
        }
    }
    sorted(document)
}

fn security_schemes() -> Value {
    Credential::ALL
        .iter()
        .map(|c| {
            let mut scheme = json!({ "type": "http", "scheme": "bearer", "description": c.description() });
            if *c == Credential::Buyer {
                scheme["bearerFormat"] = json!("JWT");
            }
            (c.scheme().to_owned(), scheme)
        })
        .collect::<Map<_, _>>()
        .into()
}

/// Security, permission, `Idempotency-Key` and descriptions, from the table.
fn complete_operation(path: &str, method: &str, operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let rule = operations::find(&id)
        .unwrap_or_else(|| panic!("{method} {path}: operation `{id}` is missing in the table of operations"));
    operation["security"] =
        rule.credentials.iter().map(|c| json!({ c.scheme(): [] })).collect::<Vec<_>>().into();
    if let Some(permission) = rule.permission {
        operation["x-permission"] = json!(permission.as_str());
    }
    if operation["description"].is_null() {
        operation["description"] = operation["summary"].clone();
    }
    if method != "get" && !rule.credentials.is_empty() {
        let header = json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "A key of yours, unique per request: a repetition with the same key and body gets the same answer and has no second effect. Kept for 24 hours.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }
        });
        if !operation["parameters"].is_array() {
            operation["parameters"] = json!([]);
        }
        operation["parameters"].as_array_mut().expect("made above").push(header);
    }
    let responses = operation["responses"].as_object_mut().expect("an operation has responses");
    for (status, response) in responses.iter_mut() {
        if response["description"].as_str().unwrap_or_default().is_empty() {
            let text = if status.starts_with('2') { "The answer." } else { "A Problem (RFC 9457)." };
            response["description"] = json!(text);
        }
        if let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) {
            *headers = std::mem::take(headers).into_iter().map(|(name, value)| (title_case(&name), value)).collect();
        }
    }
}

/// `RETRY-AFTER` -> `Retry-After`.
fn title_case(name: &str) -> String {
    name.split('-')
        .map(|part| {
            let lower = part.to_lowercase();
            let mut letters = lower.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
        })
        .collect::<Vec<_>>()
        .join("-")
}

/// poem-openapi reads and writes null for what is not required; the document has to say so.
fn put_right_object(schema: &mut Value, types: &HashMap<String, Value>) {
    let required: Vec<String> = schema["required"]
        .as_array()
        .map(|names| names.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties.iter_mut() {
        if required.contains(name) {
            continue;
        }
        if let Some(reference) = property.get("$ref").cloned() {
            let name = reference.as_str().and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
            let kind = types.get(name).filter(|kind| kind.is_string()).cloned().unwrap_or_else(|| json!("object"));
            *property = json!({ "type": kind, "nullable": true, "allOf": [{ "$ref": reference }] });
        } else if property.get("type").is_some() {
            property["nullable"] = json!(true);
        }
    }
}

/// Media types, formats and limits as the specification wants them, everywhere in the document.
fn put_right(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(put_right),
        Value::Object(members) => {
            if let Some(content) = members.get_mut("content").and_then(Value::as_object_mut) {
                *content = std::mem::take(content)
                    .into_iter()
                    .map(|(media, schema)| (media.split(';').next().unwrap_or_default().to_owned(), schema))
                    .collect();
            }
            put_right_format(members);
            for limit in ["minimum", "maximum", "multipleOf"] {
                let whole = members.get(limit).and_then(Value::as_f64).filter(|n| n.fract() == 0.0);
                if let Some(number) = whole
                    && members.get("type").and_then(Value::as_str) == Some("integer")
                {
                    members.insert(limit.into(), whole_number(number));
                }
            }
            // `allOf: [$ref, {description}]`: the second member is no schema.
            if let Some(all) = members.get_mut("allOf").and_then(Value::as_array_mut)
                && all.len() == 2
                && all[0].get("$ref").is_some()
                && all[1].as_object().is_some_and(|second| second.keys().all(|k| k == "description" || k == "title"))
            {
                all.truncate(1);
            }
            members.values_mut().for_each(put_right);
        }
        _ => {}
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the number was checked to be whole and limits are small")]
fn whole_number(number: f64) -> Value {
    json!(number as i64)
}

fn put_right_format(members: &mut Map<String, Value>) {
    let Some(format) = members.get("format").and_then(Value::as_str).map(str::to_owned) else { return };
    let unsigned = |members: &mut Map<String, Value>, format: &str, maximum: Value| {
        members.insert("format".into(), json!(format));
        members.entry("minimum").or_insert(json!(0));
        members.entry("maximum").or_insert(maximum);
    };
    match format.as_str() {
        "uint8" => unsigned(members, "int32", json!(u8::MAX)),
        "uint16" => unsigned(members, "int32", json!(u16::MAX)),
        "uint32" => unsigned(members, "int64", json!(u32::MAX)),
        "uint64" => unsigned(members, "int64", json!(i64::MAX)),
        "naive-date" => drop(members.insert("format".into(), json!("date"))),
        "url" => drop(members.insert("format".into(), json!("uri"))),
        _ => {}
    }
}

/// The same document with the members of every object in alphabetical order, but those of the top in their usual one.
fn sorted(document: Value) -> Value {
    document
}
