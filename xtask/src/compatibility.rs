//! What of a released contract a client would miss in the present one. Whoever sends must be understood as before, and
//! whoever reads must find what was there; what is new is welcome. Values of enumerations in answers may grow: clients are
//! told to take unknown ones as such.

use std::collections::HashSet;
use std::fmt;

use serde_json::{Map, Value};

/// One thing that breaks clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The operation, by its id.
    pub operation: String,
    /// Where in it: `answer 200, items[].label`.
    pub place: String,
    pub what: String,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.place.is_empty() { "" } else { ", " };
        write!(f, "{}{colon}{}: {}", self.operation, self.place, self.what)
    }
}

/// Who has to bear a change of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Direction {
    /// Clients send it: what was taken must still be taken.
    Request,
    /// Clients read it: what was there must still be there.
    Answer,
}

/// Limits that may only move outwards in requests: the name, and whether larger is stricter.
const LIMITS: [(&str, bool); 6] = [
    ("maximum", false),
    ("maxLength", false),
    ("maxItems", false),
    ("minimum", true),
    ("minLength", true),
    ("minItems", true),
];

/// Everything in `new` that breaks clients of `old`.
pub fn breaks(old: &Value, new: &Value) -> Vec<Break> {
    let mut comparison =
        Comparison { old, new, operation: String::new(), found: Vec::new(), seen: HashSet::new() };
    for (path, methods) in members(&old["paths"]) {
        for (method, operation) in members(methods) {
            operation["operationId"].as_str().unwrap_or(path).clone_into(&mut comparison.operation);
            comparison.seen.clear();
            match new["paths"][path].get(method) {
                Some(present) => comparison.operation(operation, present),
                None => comparison.note("", format!("{} {path} is gone", method.to_uppercase())),
            }
        }
    }
    comparison.found
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    operation: String,
    found: Vec<Break>,
    /// References that were compared already: schemas may refer to themselves.
    seen: HashSet<(String, String, Direction)>,
}

impl Comparison<'_> {
    fn note(&mut self, place: &str, what: impl Into<String>) {
        let found = Break { operation: self.operation.clone(), place: place.into(), what: what.into() };
        if !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    fn operation(&mut self, old: &Value, new: &Value) {
        if old["operationId"] != new["operationId"] {
            self.note("", format!("is called {} now", new["operationId"]));
        }
        self.security(old, new);
        self.parameters(old, new);
        self.body(&old["requestBody"], &new["requestBody"]);
        for (status, answer) in members(&old["responses"]) {
            if status.starts_with('2') || status.starts_with('3') {
                self.answer(status, answer, &new["responses"][status]);
            }
        }
    }

    fn security(&mut self, old: &Value, new: &Value) {
        let ways = |operation: &Value| operation["security"].as_array().cloned().unwrap_or_default();
        let present = ways(new);
        if ways(old).is_empty() && !present.is_empty() {
            self.note("security", "anybody could call it; now it needs a credential");
        }
        for way in ways(old).iter().filter(|way| !present.is_empty() && !present.contains(way)) {
            let scheme = way.as_object().and_then(|way| way.keys().next()).map_or("", String::as_str);
            self.note("security", format!("{scheme} is not accepted any more"));
        }
        let permission = &new["x-permission"];
        if !permission.is_null() && old["x-permission"] != *permission {
            self.note("security", format!("needs {permission} instead of {}", old["x-permission"]));
        }
    }

    fn parameters(&mut self, old: &Value, new: &Value) {
        let same = |a: &Value, b: &Value| a["name"] == b["name"] && a["in"] == b["in"];
        let place =
            |parameter: &Value| format!("{} parameter {}", text(&parameter["in"]), text(&parameter["name"]));
        for parameter in list(&old["parameters"]) {
            match list(&new["parameters"]).iter().find(|present| same(parameter, present)) {
                None => self.note(&place(parameter), "is gone"),
                Some(present) => {
                    if present["required"] == true && parameter["required"] != true {
                        self.note(&place(parameter), "is required now");
                    }
                    self.schema(
                        &place(parameter),
                        &parameter["schema"],
                        &present["schema"],
                        Direction::Request,
                    );
                }
            }
        }
        for present in list(&new["parameters"]).iter().filter(|present| present["required"] == true) {
            if !list(&old["parameters"]).iter().any(|parameter| same(parameter, present)) {
                self.note(&place(present), "is new and required");
            }
        }
    }

    fn body(&mut self, old: &Value, new: &Value) {
        if new["required"] == true && old["required"] != true {
            self.note("body", "is required now");
        }
        for (media, content) in members(&old["content"]) {
            match new["content"].get(media) {
                None => self.note("body", format!("{media} is not taken any more")),
                Some(present) => {
                    self.schema("body", &content["schema"], &present["schema"], Direction::Request)
                }
            }
        }
    }

    fn answer(&mut self, status: &str, old: &Value, new: &Value) {
        let place = format!("answer {status}");
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        if new.is_null() {
            return self.note(&place, "is gone");
        }
        for (name, _) in members(&old["headers"]) {
            if new["headers"].get(name).is_none() {
                self.note(&place, format!("the header {name} is gone"));
            }
        }
        for (media, content) in members(&old["content"]) {
            match new["content"].get(media) {
                None => self.note(&place, format!("{media} is gone")),
                Some(present) => {
                    self.schema(&place, &content["schema"], &present["schema"], Direction::Answer)
                }
            }
        }
    }

    fn schema(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        if let (Some(before), Some(now)) = (reference(old), reference(new))
            && !self.seen.insert((before.to_owned(), now.to_owned(), direction))
        {
            return;
        }
        let (before, now) = (flat(self.old, old), flat(self.new, new));
        if before.get("type") != now.get("type") && before.contains_key("type") {
            return self.note(place, format!("was {}, is {}", shown(&before, "type"), shown(&now, "type")));
        }
        for name in ["format", "pattern"] {
            let (was, is) = (before.get(name), now.get(name));
            // A form that is new binds those who send; one that is gone surprises those who read.
            let harmful = match direction {
                Direction::Request => is.is_some() && was != is,
                Direction::Answer => was.is_some() && was != is,
            };
            if harmful {
                self.note(place, format!("{name} was {}, is {}", shown(&before, name), shown(&now, name)));
            }
        }
        self.values(place, &before, &now, direction);
        let nullable = |schema: &Map<String, Value>| schema.get("nullable") == Some(&Value::Bool(true));
        match direction {
            Direction::Request => {
                self.limits(place, &before, &now);
                if nullable(&before) && !nullable(&now) {
                    self.note(place, "null is not taken any more");
                }
                if before.get("default") != now.get("default") && before.contains_key("default") {
                    self.note(
                        place,
                        format!("default was {}, is {}", shown(&before, "default"), shown(&now, "default")),
                    );
                }
            }
            Direction::Answer if nullable(&now) && !nullable(&before) => {
                self.note(place, "can be null or absent now")
            }
            Direction::Answer => {}
        }
        self.members(place, &before, &now, direction);
        for name in ["items", "additionalProperties"] {
            match (before.get(name), now.get(name)) {
                (Some(old), Some(new)) if old.is_object() && new.is_object() => {
                    self.schema(&format!("{place}[]"), old, new, direction);
                }
                (was, Some(Value::Bool(false)))
                    if was != Some(&Value::Bool(false)) && direction == Direction::Request =>
                {
                    self.note(place, "further members are refused now");
                }
                _ => {}
            }
        }
        for name in ["oneOf", "anyOf"] {
            let (was, is) = (list_of(before.get(name)), list_of(now.get(name)));
            if was.len() != is.len() {
                self.note(place, format!("{name} has {} alternatives, not {}", is.len(), was.len()));
            }
            for (old, new) in was.iter().zip(is) {
                self.schema(place, old, new, direction);
            }
        }
    }

    fn values(
        &mut self,
        place: &str,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        direction: Direction,
    ) {
        let (was, is) = (list_of(old.get("enum")), list_of(new.get("enum")));
        for value in was.iter().filter(|value| !is.is_empty() && !is.contains(value)) {
            self.note(place, format!("the value {value} is gone"));
        }
        if was.is_empty() && !is.is_empty() && direction == Direction::Request {
            self.note(place, "only some values are taken now");
        }
    }

    fn limits(&mut self, place: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        for (name, larger_is_stricter) in LIMITS {
            let Some(is) = new.get(name).and_then(Value::as_f64) else { continue };
            let stricter = match old.get(name).and_then(Value::as_f64) {
                None => true,
                Some(was) if larger_is_stricter => is > was,
                Some(was) => is < was,
            };
            if stricter {
                self.note(place, format!("{name} was {}, is {}", shown(old, name), shown(new, name)));
            }
        }
    }

    fn members(
        &mut self,
        place: &str,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        direction: Direction,
    ) {
        let required = |schema: &Map<String, Value>, name: &str| {
            list_of(schema.get("required")).iter().any(|required| required == name)
        };
        let at = |name: &str| match place.split_once(", ") {
            Some(_) => format!("{place}.{name}"),
            None => format!("{place}, {name}"),
        };
        let properties =
            |schema: &Map<String, Value>| schema.get("properties").and_then(Value::as_object).cloned();
        let (was, is) = (properties(old).unwrap_or_default(), properties(new).unwrap_or_default());
        for (name, schema) in &was {
            let Some(present) = is.get(name) else {
                self.note(&at(name), "is gone");
                continue;
            };
            match direction {
                Direction::Request if required(new, name) && !required(old, name) => {
                    self.note(&at(name), "is required now");
                }
                Direction::Answer if required(old, name) && !required(new, name) => {
                    self.note(&at(name), "was always there, and can be absent now");
                }
                _ => {}
            }
            self.schema(&at(name), schema, present, direction);
        }
        let added = is.keys().filter(|name| !was.contains_key(*name));
        for name in added.filter(|name| direction == Direction::Request && required(new, name)) {
            self.note(&at(name), "is new and required");
        }
    }
}

/// What a reference to a component leads to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = reference(value).and_then(|reference| document.pointer(reference.trim_start_matches('#')));
    target.unwrap_or(value)
}

fn reference(value: &Value) -> Option<&str> {
    value["$ref"].as_str().or_else(|| value["allOf"][0]["$ref"].as_str())
}

/// A schema without references: the members that stand beside `allOf` win.
fn flat(document: &Value, schema: &Value) -> Map<String, Value> {
    let own = resolved(document, schema).as_object().cloned().unwrap_or_default();
    let mut flat = Map::new();
    for part in list_of(own.get("allOf")) {
        flat.extend(self::flat(document, part));
    }
    flat.extend(own.into_iter().filter(|(name, _)| name != "allOf"));
    flat
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> &[Value] {
    list_of(Some(value))
}

fn list_of(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn shown(schema: &Map<String, Value>, name: &str) -> String {
    schema.get(name).map_or_else(|| "nothing".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn contract() -> Value {
        json!({
            "paths": { "/v1/halls/{hall_id}": { "put": {
                "operationId": "halls.put",
                "security": [{ "secret_key": [] }, { "publishable_key": [] }],
                "x-permission": "halls:write",
                "parameters": [
                    { "name": "hall_id", "in": "path", "required": true, "schema": { "type": "string", "pattern": "^hall_" } },
                    { "name": "dry", "in": "query", "schema": { "type": "boolean" } }
                ],
                "requestBody": { "required": true, "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/NewHall" } } } },
                "responses": {
                    "200": {
                        "headers": { "ETag": {} },
                        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Hall" } } }
                    },
                    "409": { "$ref": "#/components/responses/Conflict" }
                }
            } } },
            "components": { "schemas": {
                "NewHall": { "type": "object", "required": ["name"], "properties": {
                    "name": { "type": "string", "maxLength": 200 },
                    "kind": { "type": "string", "enum": ["opera", "club"] },
                    "rows": { "type": "array", "maxItems": 10, "nullable": true, "items": { "type": "integer", "minimum": 1 } },
                    "levels": { "type": "integer", "default": 1, "minimum": 1, "maximum": 9 }
                } },
                "Hall": { "type": "object", "required": ["id", "name"], "properties": {
                    "id": { "type": "string", "pattern": "^hall_" },
                    "name": { "type": "string" },
                    "state": { "type": "string", "enum": ["open", "closed"] },
                    "built_at": { "type": "string", "format": "date-time", "nullable": true },
                    "owner": { "type": "object", "nullable": true, "allOf": [{ "$ref": "#/components/schemas/Owner" }] },
                    "parts": { "type": "array", "items": { "$ref": "#/components/schemas/Hall" } }
                } },
                "Owner": { "type": "object", "required": ["email"], "properties": { "email": { "type": "string" } } }
            } }
        })
    }

    const OPERATION: &str = "/paths/~1v1~1halls~1{hall_id}/put";

    /// What is found after one change of the contract at a JSON pointer; null removes what is there.
    fn after(pointer: &str, value: Value) -> Vec<String> {
        let mut changed = contract();
        let pointer = pointer.replacen("op:", OPERATION, 1).replacen("in:", "/components/schemas/NewHall", 1);
        let pointer = pointer.replacen("out:", "/components/schemas/Hall", 1);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let name = &name.replace("~1", "/");
        let parent = changed.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent}"));
        match (parent, value) {
            (Value::Object(members), Value::Null) => drop(members.remove(name).unwrap()),
            (Value::Object(members), value) => drop(members.insert(name.to_owned(), value)),
            (Value::Array(items), Value::Null) => drop(items.remove(name.parse().unwrap())),
            (Value::Array(items), value) => items.push(value),
            (other, _) => panic!("{other} has no members"),
        }
        breaks(&contract(), &changed).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_kind_of_break_is_found_and_named() {
        let cases = [
            ("/paths/~1v1~1halls~1{hall_id}", json!(null), "halls.put: PUT /v1/halls/{hall_id} is gone"),
            (OPERATION, json!(null), "halls.put: PUT /v1/halls/{hall_id} is gone"),
            ("op:/operationId", json!("halls.set"), "halls.put: is called \"halls.set\" now"),
            ("op:/security/1", json!(null), "halls.put, security: publishable_key is not accepted any more"),
            (
                "op:/x-permission",
                json!("halls:own"),
                "halls.put, security: needs \"halls:own\" instead of \"halls:write\"",
            ),
            ("op:/parameters/1", json!(null), "halls.put, query parameter dry: is gone"),
            ("op:/parameters/1/required", json!(true), "halls.put, query parameter dry: is required now"),
            (
                "op:/parameters/2",
                json!({ "name": "why", "in": "query", "required": true }),
                "halls.put, query parameter why: is new and required",
            ),
            (
                "op:/parameters/0/schema/pattern",
                json!("^h_"),
                "halls.put, path parameter hall_id: pattern was \"^hall_\", is \"^h_\"",
            ),
            (
                "op:/requestBody/content/application~1json",
                json!(null),
                "halls.put, body: application/json is not taken any more",
            ),
            ("op:/responses/200", json!(null), "halls.put, answer 200: is gone"),
            ("op:/responses/200/headers/ETag", json!(null), "halls.put, answer 200: the header ETag is gone"),
            (
                "op:/responses/200/content/application~1json",
                json!(null),
                "halls.put, answer 200: application/json is gone",
            ),
            ("in:/properties/rows", json!(null), "halls.put, body, rows: is gone"),
            ("in:/required/1", json!("kind"), "halls.put, body, kind: is required now"),
            (
                "in:/properties/name/type",
                json!("integer"),
                "halls.put, body, name: was \"string\", is \"integer\"",
            ),
            ("in:/properties/name/maxLength", json!(100), "halls.put, body, name: maxLength was 200, is 100"),
            ("in:/properties/name/minLength", json!(3), "halls.put, body, name: minLength was nothing, is 3"),
            (
                "in:/properties/name/format",
                json!("email"),
                "halls.put, body, name: format was nothing, is \"email\"",
            ),
            (
                "in:/properties/name/enum",
                json!(["A"]),
                "halls.put, body, name: only some values are taken now",
            ),
            ("in:/properties/kind/enum/0", json!(null), "halls.put, body, kind: the value \"opera\" is gone"),
            ("in:/properties/rows/maxItems", json!(5), "halls.put, body, rows: maxItems was 10, is 5"),
            (
                "in:/properties/rows/nullable",
                json!(null),
                "halls.put, body, rows: null is not taken any more",
            ),
            ("in:/properties/rows/items/minimum", json!(2), "halls.put, body, rows[]: minimum was 1, is 2"),
            ("in:/properties/levels/default", json!(2), "halls.put, body, levels: default was 1, is 2"),
            ("in:/additionalProperties", json!(false), "halls.put, body: further members are refused now"),
            ("out:/properties/state", json!(null), "halls.put, answer 200, state: is gone"),
            (
                "out:/properties/state/enum/1",
                json!(null),
                "halls.put, answer 200, state: the value \"closed\" is gone",
            ),
            (
                "out:/required/1",
                json!(null),
                "halls.put, answer 200, name: was always there, and can be absent now",
            ),
            (
                "out:/properties/name/nullable",
                json!(true),
                "halls.put, answer 200, name: can be null or absent now",
            ),
            (
                "out:/properties/built_at/format",
                json!(null),
                "halls.put, answer 200, built_at: format was \"date-time\", is nothing",
            ),
            (
                "out:/properties/parts/items",
                json!({ "type": "string" }),
                "halls.put, answer 200, parts[]: was \"object\", is \"string\"",
            ),
            (
                "/components/schemas/Owner/properties/email",
                json!(null),
                "halls.put, answer 200, owner.email: is gone",
            ),
        ];
        for (pointer, value, expected) in cases {
            assert_eq!(after(pointer, value), [expected], "{pointer}");
        }
    }

    #[test]
    fn a_required_member_that_is_new_is_found() {
        let mut changed = contract();
        changed["components"]["schemas"]["NewHall"]["required"] = json!(["name", "city"]);
        changed["components"]["schemas"]["NewHall"]["properties"]["city"] = json!({ "type": "string" });
        let found = breaks(&contract(), &changed);
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["halls.put, body, city: is new and required"]
        );
    }

    #[test]
    fn a_credential_where_none_was_needed_is_found() {
        let mut public = contract();
        public["paths"]["/v1/halls/{hall_id}"]["put"]["security"] = json!([]);
        let found = breaks(&public, &contract());
        assert_eq!(found[0].what, "anybody could call it; now it needs a credential");
        assert_eq!(breaks(&contract(), &public), []);
    }

    #[test]
    fn what_is_new_passes() {
        let additions = [
            ("/paths/~1v1~1seats", json!({ "get": { "operationId": "seats.list" } })),
            ("op:/security/2", json!({ "buyer_token": [] })),
            ("op:/x-permission", json!(null)),
            ("op:/parameters/2", json!({ "name": "why", "in": "query", "schema": { "type": "string" } })),
            ("op:/responses/409", json!(null)),
            ("op:/responses/200/headers/Last-Modified", json!({})),
            ("in:/properties/city", json!({ "type": "string" })),
            ("in:/properties/kind/enum/2", json!("cinema")),
            ("in:/properties/name/maxLength", json!(400)),
            ("in:/properties/name/nullable", json!(true)),
            ("in:/required/0", json!(null)),
            ("out:/properties/city", json!({ "type": "string" })),
            ("out:/properties/state/enum/2", json!("moved")),
            ("out:/required/2", json!("state")),
            ("out:/properties/name/description", json!("What it is called.")),
            ("out:/properties/parts/maxItems", json!(100)),
        ];
        for (pointer, value) in additions {
            assert_eq!(after(pointer, value), [] as [String; 0], "{pointer}");
        }
    }
}
