//! The negative space, swept over every operation of the contract: a new operation is swept without a line here.

mod foreign_ids;
mod forged_tokens;
mod origins;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use eventflow_api::{
    openapi,
    operations::{self, Credential, OPERATIONS},
};
use eventflow_core::access::Permission;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Client, Everything, Platform, text, uuid_of};

/// Operations that anybody may call.
const PUBLIC: [&str; 2] = ["jwks.get", "webhooks.stripe"];
/// An id that fits and belongs to nobody.
const NOBODY: &str = "01h455vb4pex5vsknk084sn02q";

/// Path parameters that are names, and one that [`Everything`] has.
const NAMES: [(&str, &str); 2] = [("key", "codes"), ("name", "PARTNER")];

struct Operation {
    id: String,
    method: Method,
    path: String,
    parameters: Vec<Value>,
    /// Schema and example of the JSON body, if there is one.
    body: Option<(Value, Value)>,
    /// The body is a file.
    takes_file: bool,
    permission: Option<Permission>,
    credentials: &'static [Credential],
}

fn contract() -> Vec<Operation> {
    let document = openapi::document();
    let mut found = vec![];
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = text(operation, "operationId").to_owned();
            let rule =
                operations::find(&id).unwrap_or_else(|| panic!("{id} is not in the table of operations"));
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let body = (!schema.is_null()).then(|| {
                let schema = resolve(schema);
                assert!(schema["example"].is_object(), "the body of {id} has no example");
                (schema.clone(), schema["example"].clone())
            });
            let file = &operation["requestBody"]["content"]["application/octet-stream"];
            found.push(Operation {
                takes_file: !file.is_null(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                parameters: operation["parameters"].as_array().cloned().unwrap_or_default(),
                body,
                permission: rule.permission,
                credentials: rule.credentials,
                id,
            });
        }
    }
    let listed: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.id).collect();
    let written: BTreeSet<&str> = found.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(listed, written, "the table of operations is not the contract");
    // Reading first, destroying last: what is destroyed cannot be read. Parts are destroyed before their whole.
    found.sort_by_key(|operation| {
        let destroys = operation.method == Method::DELETE;
        (
            destroys,
            operation.method != Method::GET,
            if destroys { Reverse(operation.path.len()) } else { Reverse(0) },
        )
    });
    found
}

fn resolve(schema: &Value) -> &Value {
    match schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str()) {
        Some(reference) => openapi::document().pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// The prefix of the ids that a parameter takes.
fn prefix(parameter: &Value) -> Option<&str> {
    let pattern = parameter["schema"]["pattern"].as_str()?;
    let (prefix, rest) = pattern.strip_prefix('^')?.split_once('_')?;
    (rest.starts_with("[0-7]") && prefix.bytes().all(|b| b.is_ascii_lowercase())).then_some(prefix)
}

impl Operation {
    fn ids(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.parameters.iter().filter_map(|p| Some((text(p, "name"), text(p, "in"), prefix(p)?)))
    }

    /// The path with an id for every parameter that takes one, in the query too.
    fn target(&self, id: impl Fn(&str) -> String) -> String {
        self.target_by_name(|_, prefix| id(prefix))
    }

    /// As [`Operation::target`], with ids by name and prefix of the parameter.
    fn target_by_name(&self, id: impl Fn(&str, &str) -> String) -> String {
        let (mut path, mut query) = (self.path.clone(), vec![]);
        for (name, place, prefix) in self.ids() {
            match place {
                "path" => path = path.replace(&format!("{{{name}}}"), &id(name, prefix)),
                _ => query.push(format!("{name}={}", id(name, prefix))),
            }
        }
        for (name, ours) in NAMES {
            path = path.replace(&format!("{{{name}}}"), ours);
        }
        assert!(
            !path.contains('{'),
            "{}: a path parameter that is no id; say in the sweeps what it takes",
            self.id
        );
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    /// The example of the contract, with these ids for those of the same kind.
    fn example(&self, id: impl Fn(&str) -> Option<String>) -> Option<Value> {
        fn replace(value: &mut Value, id: &dyn Fn(&str) -> Option<String>) {
            match value {
                Value::String(text) => {
                    let prefix =
                        text.split_once('_').filter(|(_, rest)| rest.len() == NOBODY.len()).map(|(p, _)| p);
                    if let Some(ours) = prefix.and_then(id) {
                        *text = ours;
                    }
                }
                Value::Array(items) => items.iter_mut().for_each(|item| replace(item, id)),
                Value::Object(members) => members.values_mut().for_each(|member| replace(member, id)),
                _ => {}
            }
        }
        let mut example = self.body.as_ref()?.1.clone();
        replace(&mut example, &id);
        Some(example)
    }

    async fn call(&self, client: &Client, id: impl Fn(&str) -> String) -> Answer {
        if self.takes_file {
            let file = b"section,row,seat\nP,1,1\nP,1,2\n".to_vec();
            return client.send_bytes(self.method.clone(), &self.target(&id), "text/csv", file).await;
        }
        let body = self.example(|prefix| Some(id(prefix)));
        client.send(self.method.clone(), &self.target(id), body).await
    }
}

fn nobody(prefix: &str) -> String {
    format!("{prefix}_{NOBODY}")
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_credential_every_operation_answers_401() {
    let platform = Platform::start().await;
    let tokens = [
        "",
        "short",
        "a-token-of-nobody",
        "ef_sk_test_0123456789abcdef0123456789abcdef",
        "ef_pk_test_0123456789abcdef",
        "ef_dev_0123456789abcdef0123456789abcdef",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJob2xkXzEifQ.",
        "a.b.c",
        "ef_sk_live_ü",
    ];
    for operation in contract() {
        assert_eq!(
            operation.credentials.is_empty(),
            PUBLIC.contains(&operation.id.as_str()),
            "{}",
            operation.id
        );
        if operation.credentials.is_empty() {
            continue;
        }
        for token in tokens.iter().filter(|token| token.is_ascii()) {
            let answer = operation.call(&platform.anybody().with_token(token), nobody).await;
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{}: {answer}", operation.id);
            answer.refused(401, "unauthenticated");
        }
        for header in ["Basic ZWZfc2s6", "Bearer", "ef_sk_test_0123456789abcdef"] {
            let client = platform.anybody().with_header("authorization", header);
            operation.call(&client, nobody).await.refused(401, "unauthenticated");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_another_tenant_do_not_exist() {
    let platform = Platform::start().await;
    let ours = Everything::make(&platform).await;
    let stranger = platform.tenant().await;
    let before = fingerprint(&platform, &ours.tenant.id).await;
    let theirs = |prefix: &str| match ours.ids.get(prefix) {
        Some(id) => id.clone(),
        None => panic!("no object with the prefix `{prefix}`: add one to `Everything`"),
    };
    // What a list or a document without an id in its path answers to a filter of another tenant.
    let mut empty = BTreeSet::new();
    let mut checked = 0;
    for operation in contract() {
        if operation.ids().next().is_none() || !operation.credentials.contains(&Credential::Secret) {
            continue;
        }
        let answer = operation.call(&stranger.api, theirs).await;
        if operation.ids().all(|(_, place, _)| place == "query") && answer.status == 200 {
            assert_eq!(answer.body["data"], json!([]), "{}: {answer}", operation.id);
            empty.insert(operation.id);
        } else {
            answer.refused(404, "not_found");
        }
        checked += 1;
    }
    assert!(checked > 30, "only {checked} operations were checked");
    assert!(empty.iter().all(|id| ["orders.list", "ledger.list"].contains(&id.as_str())), "{empty:?}");
    // Ids in bodies.
    for operation in
        contract().iter().filter(|o| o.ids().next().is_none() && o.credentials.contains(&Credential::Secret))
    {
        let Some(mut example) = operation.example(|prefix| Some(theirs(prefix))) else { continue };
        if Some(example.clone()) != operation.example(|prefix| Some(nobody(prefix))) {
            if operation.body.as_ref().is_some_and(|(schema, _)| !schema["properties"]["event_id"].is_null())
            {
                example["event_id"] = json!(theirs("evt"));
            }
            stranger
                .api
                .send(operation.method.clone(), &operation.path, Some(example))
                .await
                .refused(404, "not_found");
        }
    }
    assert_eq!(fingerprint(&platform, &ours.tenant.id).await, before, "a stranger changed something");

    // The same requests of the tenant itself find their objects: the sweep above asked for what is there.
    for operation in contract() {
        if operation.ids().next().is_none() || !operation.credentials.contains(&Credential::Secret) {
            continue;
        }
        let answer = operation.call(&ours.tenant.api, theirs).await;
        assert!(
            ![401, 403, 404].contains(&answer.status) && answer.status < 500,
            "{}: {answer}",
            operation.id
        );
        assert!(operation.method != Method::GET || answer.status == 200, "{}: {answer}", operation.id);
    }
}

/// A digest of every row of a tenant.
async fn fingerprint(platform: &Platform, tenant: &str) -> BTreeMap<String, Value> {
    let tenant = uuid_of(tenant);
    let tables = platform
        .rows("SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
               WHERE table_schema = 'public' AND column_name = 'tenant_id' AND table_type = 'BASE TABLE'")
        .await;
    let mut found = BTreeMap::new();
    // Work of the worker comes and goes by itself, and what plugins took is written a moment later.
    let by_themselves = ["outbox", "jobs", "plugin_receipts", "plugin_statistics"];
    for table in
        tables.iter().map(|row| text(row, "table_name")).filter(|table| !by_themselves.contains(table))
    {
        let digest = format!(
            "SELECT count(*) AS n, md5(string_agg(t::text, '' ORDER BY t::text)) AS digest FROM {table} t WHERE tenant_id = '{tenant}'"
        );
        found.insert(table.to_owned(), platform.rows(&digest).await.remove(0));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_needs_the_permission_of_the_operation() {
    let platform = Platform::start().await;
    let ours = Everything::make(&platform).await;
    let id = |prefix: &str| ours.ids.get(prefix).cloned().unwrap_or_else(|| nobody(prefix));
    let mut keys: BTreeMap<Permission, (Client, Client)> = BTreeMap::new();
    for permission in Permission::ALL {
        let others: Vec<&str> =
            Permission::ALL.iter().filter(|p| *p != permission).map(|p| p.as_str()).collect();
        keys.insert(
            *permission,
            (ours.tenant.key(&others).await, ours.tenant.key(&[permission.as_str()]).await),
        );
    }
    for operation in contract().iter().filter(|o| o.credentials.contains(&Credential::Secret)) {
        let permission = operation.permission.unwrap();
        let (without, with) = &keys[&permission];
        let problem = operation.call(without, id).await.refused(403, "permission_denied");
        assert!(text(&problem, "detail").contains(permission.as_str()), "{}: {problem}", operation.id);
        // A key with this permission alone comes past the gate. Destroying comes last, of what nobody has.
        let id = |prefix: &str| if operation.method == Method::GET { id(prefix) } else { nobody(prefix) };
        let answer = operation.call(with, id).await;
        let granted = matches!(operation.id.as_str(), "members.create" | "api_keys.create");
        if granted {
            // Nobody hands on more than they hold.
            answer.refused(403, "permission_denied");
        } else {
            assert!(
                answer.status != 403 && answer.status != 401 && answer.status < 500,
                "{}: {answer}",
                operation.id
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_of_another_kind_is_turned_away() {
    let platform = Platform::start().await;
    let ours = Everything::make(&platform).await;
    let id = |prefix: &str| ours.ids.get(prefix).cloned().unwrap_or_else(|| nobody(prefix));
    let clients = [
        (Credential::Bootstrap, vec![platform.bootstrap()]),
        (Credential::Secret, vec![ours.tenant.api.clone()]),
        (Credential::Publishable, vec![ours.tenant.page.clone()]),
        (Credential::Buyer, vec![ours.hold_buyer.clone(), ours.order_buyer.clone()]),
        (Credential::Device, vec![ours.device.clone()]),
    ];
    assert_eq!(clients.len(), Credential::ALL.len());
    for operation in contract().iter().filter(|operation| !operation.credentials.is_empty()) {
        for (kind, clients) in clients.iter().filter(|(kind, _)| !operation.credentials.contains(kind)) {
            for client in clients {
                let problem = operation.call(client, id).await.refused(403, "permission_denied");
                assert!(text(&problem, "detail").contains(kind.scheme()), "{}: {problem}", operation.id);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_ids_are_told_apart_from_missing_objects() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let wrong = |prefix: &str| {
        let other = if prefix == "evt" { "ord" } else { "evt" };
        [
            "1".to_owned(),
            "null".to_owned(),
            prefix.to_owned(),
            format!("{prefix}_"),
            format!("{other}_{NOBODY}"),
            format!("{prefix}_{}", NOBODY.to_uppercase()),
            format!("{prefix}_{NOBODY}0"),
            format!("{prefix}_{}", &NOBODY[1..]),
            format!("{prefix}_8{}", &NOBODY[1..]),
            format!("{prefix}_{}%00", &NOBODY[1..]),
            format!("{prefix}_{}%0a", &NOBODY[1..]),
            "%F0%9F%8E%AB".repeat(40),
            "%27%20OR%201=1--".to_owned(),
            "%ff%fe".to_owned(),
            "0189bd46-f2b4-7a4c-9d2e-000000000000".to_owned(),
        ]
    };
    for operation in contract().iter().filter(|o| o.credentials.contains(&Credential::Secret)) {
        let names: Vec<_> =
            operation.ids().map(|(name, _, prefix)| (name.to_owned(), prefix.to_owned())).collect();
        for (name, prefix) in names {
            for bad in wrong(&prefix) {
                let good = operation.target(nobody);
                let (path, query) = good.split_once('?').unwrap_or((&good, ""));
                let target = if operation.path.contains(&format!("{{{name}}}")) {
                    format!("{}?{query}", path.replace(&nobody(&prefix), &bad))
                } else {
                    let query =
                        query.replace(&format!("{name}={}", nobody(&prefix)), &format!("{name}={bad}"));
                    format!("{path}?{query}")
                };
                let body = operation.example(|prefix| Some(nobody(prefix)));
                let answer = tenant.api.send(operation.method.clone(), &target, body).await;
                answer.check_problem();
                assert_eq!(answer.status, 400, "{}: {bad}: {answer}", operation.id);
            }
        }
        let missing = operation.call(&tenant.api, nobody).await;
        if operation.path.contains('{') {
            missing.refused(404, "not_found");
        }
    }
}

/// Something that the schema does not take.
fn misfit(schema: &Value) -> Value {
    match resolve(schema)["type"].as_str() {
        Some("string") => json!({ "x": 1 }),
        Some("array") => json!({}),
        Some("object") => json!(3),
        _ => json!("no number and no truth"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused_in_words_and_changes_nothing() {
    let platform = Platform::start().await;
    let ours = Everything::make(&platform).await;
    let before = fingerprint(&platform, &ours.tenant.id).await;
    let id = |prefix: &str| ours.ids.get(prefix).cloned().unwrap_or_else(|| nobody(prefix));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let raw: Vec<Vec<u8>> = vec![
        vec![],
        b"{".to_vec(),
        b"{\"name\":".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"17".to_vec(),
        b"\"text\"".to_vec(),
        b"[{}]".to_vec(),
        b"{\"a\":1}{\"b\":2}".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        b"{\"name\":\"\xc3\x28\"}".to_vec(),
        b"{\"name\":NaN}".to_vec(),
        b"<xml/>".to_vec(),
        deep.into_bytes(),
    ];
    let json_type = "application/json";
    for operation in contract() {
        let client = match operation.credentials.first() {
            Some(Credential::Bootstrap) => platform.bootstrap(),
            Some(_) => ours.tenant.api.clone(),
            None => platform.anybody(),
        };
        let send = async |kind: &str, body: Vec<u8>| {
            let answer = client.send_bytes(operation.method.clone(), &operation.target(id), kind, body).await;
            assert!(answer.status < 500, "{}: {answer}", operation.id);
            answer
        };
        let Some((schema, example)) = &operation.body else { continue };
        for body in &raw {
            let answer = send(json_type, body.clone()).await;
            answer.check_problem();
            assert!(
                [400, 401].contains(&answer.status),
                "{}: {:?}: {answer}",
                operation.id,
                &body[..body.len().min(40)]
            );
        }
        let limit = if operation.path.contains("seat-maps") { 16 * 1024 * 1024 } else { 512 * 1024 };
        send(json_type, vec![b' '; limit + 1]).await.refused(413, "payload_too_large");
        if operation.credentials.is_empty() {
            continue;
        }
        for kind in [
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
        ] {
            send(kind, example.to_string().into_bytes()).await.refused(415, "unsupported_media_type");
        }
        let all: Map<String, Value> = schema["properties"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, kind)| (name.clone(), misfit(kind)))
            .collect();
        send(json_type, Value::Object(all.clone()).to_string().into_bytes())
            .await
            .refused(400, "invalid_request");
        for (name, value) in all {
            let mut body = operation.example(|prefix| Some(id(prefix))).unwrap();
            body[&name] = value;
            let answer = send(json_type, body.to_string().into_bytes()).await;
            answer.check_problem();
            assert_eq!(answer.status, 400, "{}.{name}: {answer}", operation.id);
        }
        // Too long, too large, too small, too many, control characters.
        for (name, property) in schema["properties"].as_object().unwrap() {
            let values = match property["type"].as_str() {
                Some("string") => vec![json!("x".repeat(40_000)), json!("a\u{0}b"), json!("a\u{1b}[2Jb")],
                Some("integer") => vec![json!(-1), json!(1e30), json!(1.5), json!("1"), json!(i64::MAX)],
                Some("array") => vec![json!(vec![json!({}); 6_000]), json!([null])],
                _ => vec![],
            };
            for value in values {
                let mut body = operation.example(|prefix| Some(id(prefix))).unwrap();
                body[name] = value;
                let answer = send(json_type, body.to_string().into_bytes()).await;
                answer.check_problem();
                assert!((400..500).contains(&answer.status), "{}.{name}: {answer}", operation.id);
            }
        }
    }
    assert_eq!(fingerprint(&platform, &ours.tenant.id).await, before, "garbage changed something");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_queries_and_headers_is_refused() {
    let platform = Platform::start().await;
    let ours = Everything::make(&platform).await;
    let id = |prefix: &str| ours.ids.get(prefix).cloned().unwrap_or_else(|| nobody(prefix));
    for operation in contract().iter().filter(|o| o.credentials.contains(&Credential::Secret)) {
        for parameter in operation.parameters.iter().filter(|p| p["in"] == "query" && prefix(p).is_none()) {
            let name = text(parameter, "name");
            let values: &[&str] = match parameter["schema"]["type"].as_str() {
                Some("integer") => &["-1", "1.5", "abc", "99999999999999999999", "1%00"],
                _ if name == "cursor" => &["abc", "ffffffff", "%ff", "'", "%00"],
                _ => continue,
            };
            for value in values {
                let target = operation.target(id);
                let mark = if target.contains('?') { '&' } else { '?' };
                let answer = ours.tenant.api.get(&format!("{target}{mark}{name}={value}")).await;
                answer.check_problem();
                assert_eq!(answer.status, 400, "{} {name}={value}: {answer}", operation.id);
            }
        }
        if operation.method != Method::GET {
            for key in ["", "two words", &"k".repeat(256)] {
                operation.call(&ours.tenant.api.with_key(key), id).await.refused(400, "invalid_header");
            }
        }
    }
    for limit in ["0", "101"] {
        let answer = ours.tenant.api.get(&format!("/v1/venues?limit={limit}")).await;
        answer.check_problem();
        assert_eq!(answer.status, 400, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_are_problems() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    for client in [platform.anybody(), tenant.api.clone()] {
        for path in [
            "/nothing",
            "/v1",
            "/v1/",
            "/v1/nothing",
            "/v1/venues/",
            "/v1//venues",
            "/v2/venues",
            "/v1/venues/x/y",
            "/v1/%2e%2e/venues",
        ] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                client.send(method, path, None).await.refused(404, "route_not_found");
            }
        }
    }
    let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in contract() {
        methods.entry(operation.target(nobody)).or_default().insert(operation.method.to_string());
    }
    // Two operations of a path may differ in their query.
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (target, methods) in methods {
        paths.entry(target.split('?').next().unwrap().to_owned()).or_default().extend(methods);
    }
    for (path, known) in paths {
        for method in
            ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"].iter().filter(|m| !known.contains(**m))
        {
            let answer = tenant.api.send(method.parse().unwrap(), &path, None).await;
            let allow: BTreeSet<String> = answer.header("allow").split(", ").map(str::to_owned).collect();
            assert_eq!(allow, known, "{method} {path}: {answer}");
            answer.refused(405, "method_not_allowed");
        }
    }
    let head = tenant.api.send(Method::HEAD, "/v1/venues", None).await;
    assert!([200, 405].contains(&head.status) && head.bytes.is_empty(), "{head}");
}
