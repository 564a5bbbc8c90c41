//! I17: what the log tells reaches every endpoint that asked for it, at least once, signed, and in the order of its object.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use eventflow_core::{Id, event_types::EventType, id};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use uuid::Uuid;

use super::{Circumstances, Found, number, rows, text, uuid_of};

/// An older message that was tried so often lets younger ones about the same object pass.
const ORDERED_ATTEMPTS: i64 = 4;
/// A sender has so many messages under way when it dies.
const AT_ONCE: u64 = 8;

/// An endpoint as its owner knows it.
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    pub id: Uuid,
    /// As `whsec_…`.
    pub secret: String,
    /// As `whpk_…`.
    pub public_key: String,
}

/// A request that came to an endpoint.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Which of the endpoints.
    pub program: usize,
    /// `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: Vec<u8>,
    /// When it came, and when it was taken, counted over all requests.
    pub came: u64,
    pub taken: Option<u64>,
}

/// An entry of the log.
struct Entry {
    id: Uuid,
    event_type: EventType,
    /// A scan's is not kept here: nothing else is about it.
    resource: Option<String>,
    position: (i64, Uuid),
}

/// What came of one entry at one endpoint.
#[derive(Default)]
struct Story {
    first_came: Option<u64>,
    first_taken: Option<u64>,
    takes: u64,
}

pub async fn check(found: &mut Found, url: &str, circumstances: &Circumstances) -> Result<()> {
    if circumstances.endpoints.is_empty() {
        return Ok(());
    }
    let log = read_log(url).await?;
    let endpoints = rows(url, "SELECT id, tenant_id, event_types, state FROM webhook_endpoints").await?;
    let deliveries = rows(
        url,
        "SELECT endpoint_id, entry_id, count(*) AS times, max(attempts) AS attempts
          FROM webhook_deliveries GROUP BY endpoint_id, entry_id",
    )
    .await?;
    found.looked_at("I17", "webhooks that came", u64::try_from(circumstances.webhooks.len())?);
    for (program, endpoint) in circumstances.endpoints.iter().enumerate() {
        let row = endpoints.iter().find(|row| text(row, "id").parse() == Ok(endpoint.id));
        let row = row.with_context(|| format!("there is no endpoint {}", endpoint.id))?;
        let tenant: Uuid = text(row, "tenant_id").parse()?;
        let (entries, begin) = log.get(&tenant).map_or((&[][..], None), |log| {
            let made = Id::<id::WebhookEndpoint>::from(endpoint.id).to_string();
            (log.entries.as_slice(), log.endpoints.get(&made).copied())
        });
        let begin = begin.with_context(|| format!("nobody has made the endpoint {}", endpoint.id))?;
        let asked: Vec<&str> =
            row["event_types"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let wanted: Vec<&Entry> = entries
            .iter()
            .filter(|entry| asked.is_empty() || asked.contains(&entry.event_type.as_str()))
            .collect();
        found.looked_at("I17", "entries of the log", u64::try_from(wanted.len())?);
        let came = circumstances.webhooks.iter().filter(|request| request.program == program);
        let stories = stories(found, endpoint, &wanted, came);
        let attempts: BTreeMap<Uuid, i64> = deliveries
            .iter()
            .filter(|row| text(row, "endpoint_id").parse() == Ok(endpoint.id))
            .map(|row| {
                if number(row, "times") != 1 {
                    found.wrong("I17", format!("an entry has become several deliveries: {row}"));
                }
                Ok((text(row, "entry_id").parse()?, number(row, "attempts")))
            })
            .collect::<Result<_>>()?;
        if circumstances.drained && row["state"] == "enabled" {
            for entry in wanted.iter().filter(|entry| entry.position.0 > begin) {
                if stories.get(&entry.id).is_none_or(|story| story.takes == 0) {
                    let tries = attempts.get(&entry.id);
                    found.wrong(
                        "I17",
                        format!("{} never came to {program} ({tries:?} attempts)", name(entry)),
                    );
                }
            }
        }
        check_order(found, program, &wanted, &stories, &attempts);
        check_repetitions(found, program, &stories, circumstances.interruptions);
    }
    Ok(())
}

#[derive(Default)]
struct Log {
    /// In their order.
    entries: Vec<Entry>,
    /// Where in the log each endpoint was made.
    endpoints: BTreeMap<String, i64>,
}

/// What every tenant's log tells, made of the entries that are behind it.
async fn read_log(url: &str) -> Result<BTreeMap<Uuid, Log>> {
    let sql = "SELECT tenant_id, id, xact_id, action, object_id, detail ->> 'from' AS was, detail ->> 'to' AS is
          FROM audit_log WHERE xact_id IS NOT NULL
        UNION ALL SELECT tenant_id, id, xact_id, 'scans', '', '', outcome FROM scans WHERE xact_id IS NOT NULL";
    let mut log: BTreeMap<Uuid, Log> = BTreeMap::new();
    for row in rows(url, sql).await? {
        let of_tenant = log.entry(text(&row, "tenant_id").parse()?).or_default();
        let (id, xact_id) = (text(&row, "id").parse()?, number(&row, "xact_id"));
        let (action, object) = (text(&row, "action"), text(&row, "object_id"));
        if action == "webhook_endpoints.create" {
            of_tenant.endpoints.insert(object.to_owned(), xact_id);
        }
        if let Some(event_type) = EventType::of(action, text(&row, "was"), text(&row, "is")) {
            let resource = Some(object.to_owned()).filter(|object| !object.is_empty());
            of_tenant.entries.push(Entry { id, event_type, resource, position: (xact_id, id) });
        }
    }
    for of_tenant in log.values_mut() {
        of_tenant.entries.sort_by_key(|entry| entry.position);
    }
    Ok(log)
}

fn name(entry: &Entry) -> String {
    let of = entry.resource.as_deref().unwrap_or("a scan");
    format!("{} of {of} ({})", entry.event_type, entry.id)
}

/// Reads what came; each request has to be signed, and to say what the log says.
fn stories<'a>(
    found: &mut Found,
    endpoint: &Endpoint,
    wanted: &[&Entry],
    came: impl Iterator<Item = &'a Request>,
) -> BTreeMap<Uuid, Story> {
    let by_id: BTreeMap<Uuid, &Entry> = wanted.iter().map(|entry| (entry.id, *entry)).collect();
    let mut stories: BTreeMap<Uuid, Story> = BTreeMap::new();
    for request in came {
        if !is_signed(request, endpoint).unwrap_or(false) {
            found.wrong("I17", format!("{} is not signed by {}", request.id, request.signature));
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let Some(entry) = uuid_of(&request.id).ok().and_then(|id| by_id.get(&id)) else {
            found.wrong("I17", format!("{} is not for {}: {body}", request.id, endpoint.id));
            continue;
        };
        let is_right = body["id"] == *request.id
            && body["type"] == entry.event_type.as_str()
            && entry.resource.as_ref().is_none_or(|resource| body["data"]["id"] == **resource);
        if !is_right {
            found.wrong("I17", format!("{} was told as {body}", name(entry)));
        }
        let story = stories.entry(entry.id).or_default();
        story.first_came = story.first_came.or(Some(request.came));
        story.first_taken = story.first_taken.min(request.taken).or(story.first_taken).or(request.taken);
        story.takes += u64::from(request.taken.is_some());
    }
    stories
}

/// Whether both signatures are there and right, for a receiver that knows the one key or the other.
fn is_signed(request: &Request, endpoint: &Endpoint) -> Option<bool> {
    let signed = [format!("{}.{}.", request.id, request.timestamp).as_bytes(), &request.body].concat();
    let of = |version: &str| -> Option<Vec<u8>> {
        let entries = request.signature.split(' ').filter_map(|entry| entry.split_once(','));
        let text = entries.into_iter().find(|(known, _)| *known == version)?.1;
        STANDARD.decode(text).ok()
    };
    let secret = STANDARD.decode(endpoint.secret.strip_prefix("whsec_")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).ok()?;
    mac.update(&signed);
    let key = STANDARD.decode(endpoint.public_key.strip_prefix("whpk_")?).ok()?;
    let key = VerifyingKey::from_bytes(&key.try_into().ok()?).ok()?;
    let signature = Signature::from_slice(&of("v1a")?).ok()?;
    Some(mac.verify_slice(&of("v1")?).is_ok() && key.verify(&signed, &signature).is_ok())
}

/// A message comes when the one before it about the same object was taken, or had its chances.
fn check_order(
    found: &mut Found,
    program: usize,
    wanted: &[&Entry],
    stories: &BTreeMap<Uuid, Story>,
    attempts: &BTreeMap<Uuid, i64>,
) {
    let mut before: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in wanted {
        let Some(resource) = &entry.resource else { continue };
        let Some(came) = stories.get(&entry.id).and_then(|story| story.first_came) else { continue };
        if let Some(older) = before.insert(resource, entry)
            && attempts.get(&older.id).is_none_or(|attempts| *attempts < ORDERED_ATTEMPTS)
            && stories.get(&older.id).and_then(|story| story.first_taken).is_none_or(|taken| taken > came)
        {
            found.wrong("I17", format!("{} came to {program} before {} was taken", name(entry), name(older)));
        }
    }
}

/// What was taken comes again only when its sender could not note it.
fn check_repetitions(found: &mut Found, program: usize, stories: &BTreeMap<Uuid, Story>, interruptions: u64) {
    let again: Vec<(&Uuid, u64)> = stories
        .iter()
        .map(|(id, story)| (id, story.takes.saturating_sub(1)))
        .filter(|(_, again)| *again > 0)
        .collect();
    let all: u64 = again.iter().map(|(_, again)| again).sum();
    let ids: BTreeSet<&Uuid> = again.iter().map(|(id, _)| *id).collect();
    if all > interruptions * AT_ONCE || again.iter().any(|(_, again)| *again > interruptions) {
        found.wrong(
            "I17",
            format!("{all} messages came to {program} again after {interruptions} interruptions: {ids:?}"),
        );
    }
}
