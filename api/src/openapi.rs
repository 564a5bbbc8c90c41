//! The contract: what poem-openapi derives from the code, put right for the tools that read it, and completed from the
//! table of operations. `/openapi.json`, the generators and the checks all read [`document`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use eventflow_core::{ErrorCode, event_types::EventType};
use poem::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::{
    auth::SHARED_KEY_MIN,
    operations::{self, Credential, Operation},
};

mod examples;
mod links;
mod lists;
pub mod refusals;
mod words;

/// JSON numbers are exact up to here in every language.
const INTEGER_MAX: i64 = (1 << 53) - 1;
/// The statuses after which the header `Retry-After` can stand.
const RETRY_STATUSES: [&str; 4] = ["409", "429", "502", "503"];

/// The contract as JSON with a fixed order of members.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let raw = crate::resources::service().spec();
        let raw: Value = serde_json::from_str(&raw).expect("poem-openapi writes JSON");
        publish(raw)
    });
    &DOCUMENT
}

/// The contract as the text that is served and committed.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| serde_json::to_string_pretty(document()).expect("JSON can be written") + "\n");
    &TEXT
}

/// The operation that a method and a pattern of the router (`/v1/venues/:venue_id`) lead to.
pub fn operation_of(method: &Method, pattern: &str) -> Option<&'static Operation> {
    type Table = HashMap<Method, HashMap<String, &'static Operation>>;
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let mut table = Table::new();
        for (path, method, operation) in operations(document()) {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let method = Method::from_bytes(method.to_uppercase().as_bytes());
            if let (Some(operation), Ok(method)) = (operations::find(id), method) {
                table.entry(method).or_default().insert(router_pattern(path), operation);
            }
        }
        // The router answers HEAD as GET without the body.
        if let Some(reads) = table.get(&Method::GET).cloned() {
            table.insert(Method::HEAD, reads);
        }
        table
    });
    TABLE.get(method)?.get(pattern).copied()
}

/// Path, method and description of every operation.
pub(crate) fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// The methods that a path of the contract knows, for the header `Allow`.
pub fn allowed_methods(path: &str) -> Option<String> {
    let (_, methods) = path_item(path)?;
    let methods = methods.as_object()?;
    Some(methods.keys().map(|m| m.to_uppercase()).collect::<Vec<_>>().join(", "))
}

/// The contract's name of a parameter of a path that the router has numbered: `param0` of `/v1/events/x` is `event_id`.
pub fn parameter(path: &str, numbered: &str) -> Option<&'static str> {
    let number: usize = numbered.strip_prefix("param")?.parse().ok()?;
    path_item(path)?.0.split('{').skip(1).nth(number)?.split('}').next()
}

/// The path of the contract that a request's path is, with what it has.
fn path_item(path: &str) -> Option<(&'static str, &'static Value)> {
    let paths = document()["paths"].as_object()?;
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        pattern.len() == segments.len()
            && pattern.iter().zip(&segments).all(|(p, s)| p.starts_with('{') || p == s)
    };
    // A literal segment wins over a parameter, as in the router.
    let fitting = paths.iter().filter(|(pattern, _)| fits(pattern));
    let (pattern, item) = fitting.min_by_key(|(pattern, _)| pattern.matches('{').count())?;
    Some((pattern.as_str(), item))
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
    // OpenAPI 3.1 only.
    if let Some(info) = document["info"].as_object_mut() {
        info.remove("summary");
    }
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        let types: HashMap<String, Value> =
            schemas.iter().map(|(name, schema)| (name.clone(), schema["type"].clone())).collect();
        for schema in schemas.values_mut() {
            put_right_object(schema, &types);
            if let Some(example) = schema.get_mut("example") {
                drop_nulls(example);
            }
        }
    }
    put_right(&mut document);
    words::complete(&mut document);
    lists::bound(&mut document);
    document["components"]["securitySchemes"] = security_schemes();
    document["components"]["headers"] = shared_headers();
    let mut problems = BTreeMap::new();
    let schemas = document["components"]["schemas"].clone();
    let paths = document["paths"].as_object_mut().expect("the document has paths");
    for (path, methods) in paths.iter_mut() {
        for (method, operation) in methods.as_object_mut().expect("a path has methods") {
            complete_operation(path, method, operation, &schemas);
            share_problems(operation, &mut problems);
        }
    }
    document["components"]["responses"] = problems.into_iter().collect::<Map<_, _>>().into();
    document["components"]["schemas"]["WebhookEvent"] = webhook_event();
    // What OpenAPI 3.1 calls `webhooks`; tools read it under this name in 3.0.
    document["x-webhooks"] = webhooks();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        examples::complete(schemas);
    }
    sorted(document)
}

/// The body of every webhook.
fn webhook_event() -> Value {
    let types: Vec<&str> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    json!({
        "description": "The body of a webhook.",
        "type": "object",
        "required": ["id", "type", "timestamp", "tenant_id", "data"],
        "properties": {
            "id": { "type": "string", "maxLength": 40, "description": "The same as the header `webhook-id`: act once on each." },
            "type": { "type": "string", "description": format!("More types may come. Now: {}.", types.join(", ")) },
            "timestamp": { "type": "string", "format": "date-time", "description": "When it happened." },
            "tenant_id": { "type": "string", "maxLength": 40 },
            "data": {
                "type": "object",
                "required": ["resource", "id", "detail"],
                "properties": {
                    "resource": { "type": "string", "description": "What it is about." },
                    "id": { "type": "string", "maxLength": 40, "description": "The id of what it is about." },
                    "detail": {
                        "type": "object", "additionalProperties": true,
                        "description": "More, by type; neither personal data nor secrets."
                    },
                    "object": {
                        "type": "object",
                        "description": "In fat payloads, what it is about as its GET answers it when the message is sent. Absent when it is gone, or larger than 256 KiB."
                    }
                }
            }
        }
    })
}

/// A message for each type of events.
fn webhooks() -> Value {
    let message = |kind: &EventType| {
        let event = json!({ "$ref": "#/components/schemas/WebhookEvent" });
        let schema = match kind.resource().schema() {
            None => event,
            Some(name) => {
                let object = json!({ "$ref": format!("#/components/schemas/{name}") });
                let data = json!({ "type": "object", "properties": { "object": object } });
                json!({ "allOf": [event, { "type": "object", "properties": { "data": data } }] })
            }
        };
        let post = json!({
            "operationId": kind.as_str(),
            "summary": format!("{}.", kind.description()),
            "description": format!("{}.", kind.description()),
            "tags": ["Webhooks"],
            "security": [],
            "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } },
            "responses": {
                "200": { "description": "It was taken, as with any other status from 200 to 299." },
                "4XX": { "description": "It is sent again for three days; 410 disables the endpoint." },
            },
        });
        (kind.as_str().to_owned(), json!({ "post": post }))
    };
    EventType::ALL.iter().map(message).collect::<Map<_, _>>().into()
}

/// The headers that the server adds to answers of every operation.
fn shared_headers() -> Value {
    json!({
        "X-Request-Id": {
            "description": "Names the request in our logs: the caller's `X-Request-Id` when it is 8 to 64 letters, digits, `-` and `_`, else a new one.",
            "schema": { "type": "string", "minLength": 8, "maxLength": 64 }
        },
        "RateLimit": {
            "description": "What is left now: `r` requests, and more in `t` seconds (draft-ietf-httpapi-ratelimit-headers). Absent when limits are off.",
            "schema": { "type": "string", "example": "\"default\";r=1999;t=0" }
        },
        "RateLimit-Policy": {
            "description": "The limit: `q` requests in `w` seconds. Absent when limits are off.",
            "schema": { "type": "string", "example": "\"default\";q=2000;w=2" }
        },
        "Retry-After": {
            "description": "Seconds to wait before a repetition makes sense.",
            "schema": { "type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX }
        },
        "WWW-Authenticate": {
            "description": "`Bearer`.",
            "schema": { "type": "string" }
        },
    })
}

/// Errors are the same for every operation: they stand once, in the components, and each operation refers to them.
fn share_problems(operation: &mut Value, problems: &mut BTreeMap<String, Value>) {
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, response) in responses.iter_mut() {
        let number: u16 = status.parse().unwrap_or_default();
        let known = StatusCode::from_u16(number)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error());
        let Some(reason) = known.and_then(|status| status.canonical_reason()) else { continue };
        let name = reason.split(' ').collect::<String>();
        *response = json!({ "$ref": format!("#/components/responses/{name}") });
        problems.entry(name).or_insert_with(|| problem(number, reason));
    }
}

/// The answer with a status of 400 and above: what the codes are, and one of them as an example.
fn problem(status: u16, reason: &str) -> Value {
    let codes: Vec<ErrorCode> =
        ErrorCode::ALL.iter().copied().filter(|code| code.status() == status).collect();
    let list: Vec<String> =
        codes.iter().map(|code| format!("- `{}`: {}", code.code(), code.title())).collect();
    let mut headers = referred(&["X-Request-Id", "RateLimit", "RateLimit-Policy"]);
    if RETRY_STATUSES.contains(&status.to_string().as_str()) {
        headers.extend(referred(&["Retry-After"]));
    }
    if status == 401 {
        headers.extend(referred(&["WWW-Authenticate"]));
    }
    let mut media = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
    if let Some(code) = codes.first() {
        media["example"] = json!({
            "type": code.type_uri(), "title": code.title(), "status": status, "code": code.code(),
            "detail": "What is wrong with this request, and the way out.",
            "request_id": "req_01920a5dac96774bbcceb302099a8057",
        });
    }
    json!({
        "description": format!("{reason}. The codes:\n\n{}", list.join("\n")),
        "headers": headers,
        "content": { "application/problem+json": media },
    })
}

fn referred(names: &[&str]) -> Map<String, Value> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })))
        .collect()
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
fn complete_operation(path: &str, method: &str, operation: &mut Value, schemas: &Value) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let rule = operations::find(&id)
        .unwrap_or_else(|| panic!("{method} {path}: operation `{id}` is missing in the table of operations"));
    operation["security"] =
        rule.credentials.iter().map(|c| json!({ c.scheme(): [] })).collect::<Vec<_>>().into();
    if let Some(permission) = rule.permission {
        operation["x-permission"] = json!(permission.as_str());
    }
    if method != "get" && !rule.credentials.is_empty() {
        let mut description = "A key of yours, unique per request: a repetition with the same key and body gets the same answer and has no second effect. Kept for 24 hours.".to_owned();
        if rule.credentials.contains(&Credential::Publishable) {
            description += &format!(
                " With a publishable key, which all visitors share, at least {SHARED_KEY_MIN} characters that nobody guesses, as a random UUID."
            );
        }
        let header = json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": description,
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }
        });
        if !operation["parameters"].is_array() {
            operation["parameters"] = json!([]);
        }
        operation["parameters"].as_array_mut().expect("made above").push(header);
    }
    let codes = refusals::of(rule, method, operation, schemas);
    operation["x-error-codes"] = codes.iter().map(|code| code.code()).collect();
    let has_body = operation["requestBody"].is_object();
    let responses = operation["responses"].as_object_mut().expect("an operation has responses");
    // The one error type of the code knows all statuses; these cannot come here.
    responses.retain(|status, _| match status.as_str() {
        "401" | "403" => !rule.credentials.is_empty(),
        "405" => false,
        "413" => method != "get",
        "415" => has_body,
        _ => true,
    });
    for (status, response) in responses.iter_mut() {
        if !(status.starts_with('2') || status.starts_with('3')) {
            continue;
        }
        if let Some(events) = response.pointer_mut("/content/text~1event-stream") {
            events["examples"] = examples::of_stream();
        }
        let links = links::of(&id);
        if status.starts_with('2') && !links.is_empty() {
            response["links"] = links.into();
        }
        let own = response
            .get_mut("headers")
            .and_then(Value::as_object_mut)
            .map(std::mem::take)
            .unwrap_or_default();
        let mut headers = referred(&["X-Request-Id", "RateLimit", "RateLimit-Policy"]);
        headers.extend(own.into_iter().map(|(name, header)| (canonical_case(&name), header)));
        response["headers"] = headers.into();
    }
}

/// poem-openapi writes the names of headers in capitals: `LAST-MODIFIED` -> `Last-Modified`.
fn canonical_case(name: &str) -> String {
    if name.eq_ignore_ascii_case("etag") {
        return "ETag".to_owned();
    }
    name.split('-')
        .map(|part| {
            let lower = part.to_lowercase();
            let mut letters = lower.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect::<String>())
                .unwrap_or_default()
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
            let name =
                reference.as_str().and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
            let kind =
                types.get(name).filter(|kind| kind.is_string()).cloned().unwrap_or_else(|| json!("object"));
            *property = json!({ "type": kind, "nullable": true, "allOf": [{ "$ref": reference }] });
        } else if property.get("type").is_some() {
            property["nullable"] = json!(true);
        }
    }
}

/// An example shows what to send: an absent field rather than null.
fn drop_nulls(example: &mut Value) {
    match example {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
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
            // A default of nothing says nothing, and stops a generator for Python.
            let is_nothing = |default: &Map<String, Value>| default.values().all(Value::is_null);
            if members.get("default").and_then(Value::as_object).is_some_and(is_nothing) {
                members.remove("default");
            }
            put_right_reference(members);
            members.values_mut().for_each(put_right);
        }
        _ => {}
    }
}

/// `allOf: [$ref, {description, default}]`: the second member is no schema, and what it says stands beside it.
fn put_right_reference(members: &mut Map<String, Value>) {
    let Some(all) = members.get_mut("allOf").and_then(Value::as_array_mut) else { return };
    let is_note = |second: &Value| {
        let notes = ["description", "title", "default"];
        second.as_object().is_some_and(|second| second.keys().all(|name| notes.contains(&name.as_str())))
    };
    if all.len() != 2 || all[0].get("$ref").is_none() || !is_note(&all[1]) {
        return;
    }
    all.truncate(1);
    if members.len() == 1
        && let Some(Value::Array(mut all)) = members.remove("allOf")
        && let Some(Value::Object(reference)) = all.pop()
    {
        *members = reference;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the number was checked to be whole and limits are small"
)]
fn whole_number(number: f64) -> Value {
    json!(number as i64)
}

/// Formats that the specification knows, and limits on every integer: generators choose their types by them.
fn put_right_format(members: &mut Map<String, Value>) {
    if members.get("type").and_then(Value::as_str).is_none() {
        return;
    }
    let Some(format) = members.get("format").and_then(Value::as_str).map(str::to_owned) else { return };
    let mut integer = |format: &str, minimum: i64, maximum: i64| {
        members.insert("format".into(), json!(format));
        members.entry("minimum").or_insert(json!(minimum));
        members.entry("maximum").or_insert(json!(maximum));
    };
    match format.as_str() {
        "int8" => integer("int32", i8::MIN.into(), i8::MAX.into()),
        "int16" => integer("int32", i16::MIN.into(), i16::MAX.into()),
        "int32" => integer("int32", i32::MIN.into(), i32::MAX.into()),
        "int64" => integer("int64", -INTEGER_MAX, INTEGER_MAX),
        "uint8" => integer("int32", 0, u8::MAX.into()),
        "uint16" => integer("int32", 0, u16::MAX.into()),
        "uint32" => integer("int64", 0, u32::MAX.into()),
        "uint64" => integer("int64", 0, INTEGER_MAX),
        "naive-date" => drop(members.insert("format".into(), json!("date"))),
        "url" => drop(members.insert("format".into(), json!("uri"))),
        _ => {}
    }
}

/// The same document with the members of every object in alphabetical order, whatever order the JSON library keeps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let ordered: BTreeMap<String, Value> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            ordered.into_iter().collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// What a reference leads to; the value itself when it is none.
#[cfg(test)]
fn resolved(value: &Value) -> &Value {
    let Some(reference) = value["$ref"].as_str() else { return value };
    let target = document().pointer(reference.trim_start_matches('#'));
    target.unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every object of the document with the path that leads to it.
    fn walk(value: &Value, path: &str, see: &mut impl FnMut(&str, &Map<String, Value>)) {
        match value {
            Value::Object(members) => {
                see(path, members);
                members.iter().for_each(|(name, value)| walk(value, &format!("{path}/{name}"), see));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, value)| walk(value, &format!("{path}/{at}"), see));
            }
            _ => {}
        }
    }

    fn is_dotted(id: &str) -> bool {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        id.split_once('.').is_some_and(|(noun, verb)| word(noun) && word(verb))
    }

    #[test]
    fn the_table_of_operations_and_the_contract_list_the_same() {
        let mut contract: Vec<_> =
            operations(document()).map(|(_, _, op)| op["operationId"].as_str().unwrap()).collect();
        let mut table: Vec<_> = operations::OPERATIONS.iter().map(|operation| operation.id).collect();
        contract.sort_unstable();
        table.sort_unstable();
        assert_eq!(contract, table);
    }

    #[test]
    fn every_operation_says_what_it_is_and_who_may_call_it() {
        let tags: Vec<_> = document()["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
        for (path, method, op) in operations(document()) {
            let id = op["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id"));
            assert!(is_dotted(id), "{id}");
            for text in ["summary", "description"] {
                assert!(
                    op[text].as_str().is_some_and(|text| text.ends_with('.')),
                    "{id}: {text} {}",
                    op[text]
                );
            }
            let own = op["tags"].as_array().unwrap();
            assert!(own.len() == 1 && tags.contains(&&own[0]), "{id}: {own:?}");
            let rule = operations::find(id).unwrap();
            let schemes: Vec<_> = rule.credentials.iter().map(|c| json!({ c.scheme(): [] })).collect();
            assert_eq!(op["security"], json!(schemes), "{id}");
            let pattern = router_pattern(path);
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            assert_eq!(operation_of(&method, &pattern).map(|found| found.id), Some(id));
        }
    }

    #[test]
    fn every_request_body_has_one_media_type_and_an_example() {
        for (_, _, op) in operations(document()).filter(|(_, _, op)| op["requestBody"].is_object()) {
            let content = op["requestBody"]["content"].as_object().unwrap();
            // A file is sent as it is.
            let file = ["seat_maps.import", "plugins.upload"]
                .contains(&op["operationId"].as_str().unwrap_or_default());
            let media = if file { "application/octet-stream" } else { "application/json" };
            assert_eq!(content.keys().collect::<Vec<_>>(), [media], "{}", op["operationId"]);
            if file {
                continue;
            }
            let schema = resolved(&content["application/json"]["schema"]);
            assert!(schema["example"].is_object(), "{}: no example", op["operationId"]);
        }
    }

    /// What progenitor asks for: one type for success, one for errors.
    #[test]
    fn every_operation_has_one_success_and_errors_are_problems() {
        for (_, method, op) in operations(document()) {
            let id = &op["operationId"];
            let mut successes = 0;
            for (status, response) in op["responses"].as_object().unwrap() {
                let response = resolved(response);
                assert!(
                    response["description"].as_str().is_some_and(|text| !text.is_empty()),
                    "{id} {status}"
                );
                for name in ["X-Request-Id", "RateLimit", "RateLimit-Policy"] {
                    assert!(response["headers"][name].is_object(), "{id} {status} {name}");
                }
                match status.as_bytes()[0] {
                    b'2' => successes += 1,
                    b'3' => assert!(response["content"].is_null(), "{id} {status}"),
                    _ => {
                        let content = response["content"].as_object().unwrap();
                        assert_eq!(content.keys().collect::<Vec<_>>(), ["application/problem+json"]);
                        let schema = &content["application/problem+json"]["schema"];
                        assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{id} {status}");
                        let retries = RETRY_STATUSES.contains(&status.as_str());
                        assert_eq!(response["headers"]["Retry-After"].is_object(), retries, "{id} {status}");
                    }
                }
            }
            assert_eq!(successes, 1, "{id}");
            for status in ["400", "404", "409", "429", "500", "503"] {
                assert!(op["responses"][status].is_object(), "{id} {status}");
            }
            let public = op["security"].as_array().unwrap().is_empty();
            assert_eq!(op["responses"]["401"].is_object(), !public, "{id}");
            assert_eq!(op["responses"]["415"].is_object(), op["requestBody"].is_object(), "{id}");
            let names: Vec<_> =
                op["parameters"].as_array().into_iter().flatten().map(|p| &p["name"]).collect();
            assert_eq!(names.contains(&&json!("Idempotency-Key")), method != "get" && !public, "{id}");
        }
    }

    #[test]
    fn schemas_keep_the_conventions_of_the_generators() {
        let known =
            ["date", "date-time", "uuid", "uri", "email", "binary", "int32", "int64", "double", "float"];
        walk(document(), "", &mut |path, members| {
            // Members of an example or of a list of properties are no keywords.
            if path.contains("/example") || path.ends_with("/properties") {
                return;
            }
            let kind = members.get("type").and_then(Value::as_str);
            if kind == Some("integer") {
                for limit in ["minimum", "maximum"] {
                    assert!(members.get(limit).is_some_and(Value::is_i64), "{path}: no {limit}");
                }
            }
            if let Some(format) = members.get("format").and_then(Value::as_str) {
                assert!(known.contains(&format), "{path}: {format}");
            }
            for alternative in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
                let target = resolved(alternative);
                let fits = kind.is_none_or(|kind| target["type"] == kind);
                assert!(fits, "{path}: {kind:?} beside {}", target["type"]);
            }
        });
    }

    #[test]
    fn what_clients_send_is_bounded() {
        let mut bounded = |path: &str, members: &Map<String, Value>| {
            let has = |name: &str| members.contains_key(name);
            match members.get("type").and_then(Value::as_str) {
                Some("string") => {
                    let limits = has("maxLength") || has("enum") || has("pattern") || has("format");
                    // Beside a reference the limit stands there.
                    assert!(limits || has("allOf"), "{path}: a text without an end");
                }
                Some("array") => assert!(has("maxItems"), "{path}: a list without an end"),
                _ => {}
            }
        };
        fn follow(
            value: &Value,
            path: &str,
            seen: &mut Vec<String>,
            see: &mut impl FnMut(&str, &Map<String, Value>),
        ) {
            let mut next = Vec::new();
            walk(value, path, &mut |path, members| {
                if path.contains("/example") {
                    return;
                }
                see(path, members);
                next.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            });
            for reference in next {
                if !seen.contains(&reference) {
                    seen.push(reference.clone());
                    follow(resolved(&json!({ "$ref": reference.clone() })), &reference, seen, see);
                }
            }
        }
        let mut seen = Vec::new();
        for (_, _, op) in operations(document()) {
            let id = op["operationId"].as_str().unwrap();
            follow(&op["requestBody"], id, &mut seen, &mut bounded);
            follow(&op["parameters"], id, &mut seen, &mut bounded);
        }
    }

    #[test]
    fn every_type_of_events_is_a_webhook_whose_object_has_a_schema() {
        let webhooks = document()["x-webhooks"].as_object().unwrap();
        assert_eq!(webhooks.len(), EventType::ALL.len());
        for kind in EventType::ALL {
            let post = &webhooks[kind.as_str()]["post"];
            let schema = &post["requestBody"]["content"]["application/json"]["schema"];
            match kind.resource().schema() {
                Some(_) => {
                    let object = &schema["allOf"][1]["properties"]["data"]["properties"]["object"];
                    assert_eq!(resolved(object)["type"], "object", "{kind}");
                }
                None => assert_eq!(resolved(schema)["type"], "object", "{kind}"),
            }
        }
    }

    #[test]
    fn the_text_is_the_document() {
        assert_eq!(serde_json::from_str::<Value>(text()).unwrap(), *document());
        assert!(text().ends_with("}\n") && text().is_ascii() == document().to_string().is_ascii());
    }

    #[test]
    fn a_path_knows_its_methods() {
        assert_eq!(allowed_methods("/v1/venues").as_deref(), Some("GET, POST"));
        assert_eq!(allowed_methods("/v1/venues/ven_1").as_deref(), Some("GET, PATCH"));
        assert_eq!(allowed_methods("/v1/nothing"), None);
        assert_eq!(operation_of(&Method::HEAD, "/v1/venues").map(|op| op.id), Some("venues.list"));
        assert_eq!(operation_of(&Method::PUT, "/v1/venues").map(|op| op.id), None);
    }
}
