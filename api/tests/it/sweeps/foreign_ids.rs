//! Two tenants, every kind of credential, every operation, every place for an id in path, query and body: an id of the other
//! tenant is answered exactly as one that nobody has, and nothing of the other tenant is shown or changed.

use super::*;

/// Bodies are no deeper.
const DEPTH_MAX: usize = 8;

/// One member on the way to an id in a body.
#[derive(Clone, Debug)]
enum Step {
    Member(String),
    FirstItem,
}

/// A place for an id.
#[derive(Clone, Debug)]
enum Place {
    Parameter(String),
    Body(Vec<Step>),
}

impl Operation {
    /// Every place for an id, with its prefix.
    fn places(&self) -> Vec<(Place, String)> {
        let mut places: Vec<_> = self
            .ids()
            .map(|(name, _, prefix)| (Place::Parameter(name.to_owned()), prefix.to_owned()))
            .collect();
        if let Some((schema, _)) = &self.body {
            let mut found = vec![];
            search(schema, &mut vec![], &mut found);
            places.extend(found.into_iter().map(|(way, prefix)| (Place::Body(way), prefix)));
        }
        places
    }

    /// A request with the caller's own ids, but for one place.
    async fn call_with(
        &self,
        client: &Client,
        own: impl Fn(&str) -> String,
        place: &Place,
        id: &str,
    ) -> Answer {
        let target = self.target_by_name(|name, prefix| match place {
            Place::Parameter(here) if here == name => id.to_owned(),
            _ => own(prefix),
        });
        if self.takes_file {
            let file = b"section,row,seat\nP,1,1\nP,1,2\n".to_vec();
            return client.send_bytes(self.method.clone(), &target, "text/csv", file).await;
        }
        let mut body = self.example(|prefix| Some(own(prefix)));
        if let (Place::Body(way), Some(body)) = (place, &mut body) {
            put(body, way, id);
        }
        client.send(self.method.clone(), &target, body).await
    }
}

/// Members of a schema that are ids, at any depth and in each of its alternatives.
fn search(schema: &Value, way: &mut Vec<Step>, found: &mut Vec<(Vec<Step>, String)>) {
    let schema = resolve(schema);
    if way.len() > DEPTH_MAX {
        return;
    }
    if let Some(prefix) = prefix(&json!({ "schema": schema })) {
        found.push((way.clone(), prefix.to_owned()));
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        way.push(Step::Member(name.clone()));
        search(member, way, found);
        way.pop();
    }
    if schema["items"].is_object() {
        way.push(Step::FirstItem);
        search(&schema["items"], way, found);
        way.pop();
    }
    for kind in ["oneOf", "anyOf"] {
        schema[kind].as_array().into_iter().flatten().for_each(|one| search(one, way, found));
    }
}

/// Writes the id there, with what leads to it.
fn put(value: &mut Value, way: &[Step], id: &str) {
    match way.split_first() {
        None => *value = json!(id),
        Some((Step::Member(name), rest)) => {
            if !value.is_object() {
                *value = json!({});
            }
            put(&mut value[name], rest, id);
        }
        Some((Step::FirstItem, rest)) => {
            if value.as_array().is_none_or(Vec::is_empty) {
                *value = json!([null]);
            }
            put(&mut value[0], rest, id);
        }
    }
}

/// What an answer tells, without what is of this request alone.
fn told(answer: &Answer, id: &str) -> (u16, String) {
    let mut body = answer.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    // What was made or read is of the moment.
    let text = if answer.status < 300 { String::new() } else { body.to_string().replace(id, "<id>") };
    (answer.status, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_tenant_is_answered_as_one_that_nobody_has() {
    let platform = Platform::start().await;
    let theirs = Everything::make(&platform).await;
    let ours = Everything::make(&platform).await;
    let before = fingerprint(&platform, &theirs.tenant.id).await;
    let own = |prefix: &str| ours.ids.get(prefix).cloned().unwrap_or_else(|| nobody(prefix));
    let clients = [
        (Credential::Secret, vec![&ours.tenant.api]),
        (Credential::Publishable, vec![&ours.tenant.page]),
        (Credential::Buyer, vec![&ours.hold_buyer, &ours.order_buyer]),
        (Credential::Device, vec![&ours.device]),
    ];
    // How often what was answered, for the reader of a failure.
    let mut seen: BTreeMap<u16, u32> = BTreeMap::new();
    let (mut in_bodies, mut wrong) = (0, vec![]);
    for operation in contract() {
        for (place, prefix) in operation.places() {
            let Some(foreign) = theirs.ids.get(prefix.as_str()) else {
                panic!("no object with the prefix `{prefix}`: add one to `Everything`")
            };
            // People may work for both.
            if ours.ids.get(prefix.as_str()) == Some(foreign) {
                continue;
            }
            let accepted = clients.iter().filter(|(kind, _)| operation.credentials.contains(kind));
            for client in accepted.flat_map(|(_, clients)| clients) {
                let nobodys = nobody(&prefix);
                let expected = operation.call_with(client, own, &place, &nobodys).await;
                let answer = operation.call_with(client, own, &place, foreign).await;
                let what =
                    format!("{} with a foreign {place:?}: {answer}\nexpected as: {expected}", operation.id);
                if told(&answer, foreign) != told(&expected, &nobodys) {
                    wrong.push(what.clone());
                }
                for (kind, id) in theirs.ids.iter().filter(|(kind, id)| ours.ids.get(*kind) != Some(*id)) {
                    let shown = String::from_utf8_lossy(&answer.bytes).contains(id.as_str());
                    if shown && id != foreign {
                        wrong.push(format!("shows the {kind} of another tenant: {what}"));
                    }
                }
                *seen.entry(answer.status).or_default() += 1;
                in_bodies +=
                    u32::from(matches!(place, Place::Body(_)) && [404, 422].contains(&answer.status));
            }
        }
    }
    assert_eq!(
        fingerprint(&platform, &theirs.tenant.id).await,
        before,
        "a stranger changed something: {seen:?}"
    );
    // Most were refused for the id, and not for something else before it.
    assert!(seen[&404] > 60 && in_bodies > 5, "{seen:?}, in bodies {in_bodies}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_tenant_shows_nothing_of_it() {
    let platform = Platform::start().await;
    let theirs = Everything::make(&platform).await;
    let ours = Everything::make(&platform).await;
    let own = |prefix: &str| ours.ids.get(prefix).cloned().unwrap_or_else(|| nobody(prefix));
    let mut lists = 0;
    for operation in contract().iter().filter(|o| o.credentials.contains(&Credential::Secret)) {
        let takes_cursor = |p: &Value| {
            let length =
                if p["schema"]["pattern"].as_str().is_some_and(|p| p.ends_with("{31}$")) { 32 } else { 0 };
            p["name"] == "cursor" && length == 32
        };
        if operation.method != Method::GET || !operation.parameters.iter().any(takes_cursor) {
            continue;
        }
        let target = operation.target(own);
        let mark = if target.contains('?') { '&' } else { '?' };
        for id in theirs.ids.values() {
            let cursor = uuid_of(id).simple();
            let answer = ours.tenant.api.get(&format!("{target}{mark}cursor={cursor}")).await.status(200);
            for (kind, id) in theirs.ids.iter().filter(|(kind, id)| ours.ids.get(*kind) != Some(*id)) {
                let shown = String::from_utf8_lossy(&answer.bytes).contains(id.as_str());
                assert!(!shown, "{} shows the {kind} of another tenant: {answer}", operation.id);
            }
        }
        lists += 1;
    }
    assert!(lists > 10, "only {lists} lists take such a cursor");
}
