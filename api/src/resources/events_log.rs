//! The log of events, for programs that ask for what happened instead of being told.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use eventflow_core::{event_types::EventType, id};
use eventflow_store::events_log::{self, Entry, Position};
use poem_openapi::{Enum, Object, OpenApi, param::Query, payload::Json};
use serde_json::Value;
use uuid::Uuid;

use super::Tag;
use crate::{
    auth::Call,
    problem::Failure,
    shapes::EventTypeName,
    wire::{Cursor, PAGE_DEFAULT, PAGE_MAX, Page, Ref},
};

/// Hexadecimal digits of the number of a transaction, in a cursor before the id of the entry.
const XACT_DIGITS: usize = 16;
/// Of both.
const CURSOR_DIGITS: usize = XACT_DIGITS + 32;

/// Where to begin without a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum LogStart {
    /// With the first entry.
    Oldest,
    /// With what happens from now on: the answer is empty, and has the cursor.
    Newest,
}

/// A type of events.
#[derive(Debug, Object)]
struct EventTypeInfo {
    /// `noun.verb`.
    name: String,
    description: String,
    /// What events of this type are about.
    resource: String,
    /// Whether fat payloads have `data.object`, as the `GET` of the resource answers it.
    has_object: bool,
}

/// Something that happened.
#[derive(Debug, Object)]
struct LogEntry {
    /// Webhooks have it as `webhook-id`.
    id: Ref<id::LogEntry>,
    /// One of `GET /v1/event-types`.
    #[oai(rename = "type")]
    kind: String,
    /// What it is about: `order`, `event`, …
    resource: String,
    resource_id: String,
    /// More, by type; neither personal data nor secrets.
    detail: BTreeMap<String, Value>,
    /// When it happened.
    timestamp: DateTime<Utc>,
}

/// A part of the log.
#[derive(Debug, Object)]
struct LogPart {
    /// In the order in which they happened.
    data: Vec<LogEntry>,
    /// Keep it, and pass it as `cursor` for what comes next; also when nothing came.
    cursor: String,
    /// Whether more has happened already: ask again at once.
    has_more: bool,
}

fn shape(entry: Entry) -> LogEntry {
    LogEntry {
        id: entry.id.into(),
        kind: entry.event_type.to_string(),
        resource: entry.event_type.resource().as_str().to_owned(),
        resource_id: entry.resource_id,
        detail: super::members(entry.detail),
        timestamp: entry.at,
    }
}

fn cursor_text(position: Position) -> String {
    format!("{:016x}{}", position.xact_id, hex::encode(position.id.as_bytes()))
}

fn read_cursor(digits: &str) -> Option<Position> {
    let (xact_id, id) = digits.split_at_checked(XACT_DIGITS)?;
    Some(Position { xact_id: i64::from_str_radix(xact_id, 16).ok()?, id: Uuid::try_parse(id).ok()? })
}

pub struct EventsLog;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Webhooks")]
impl EventsLog {
    /// List the types of events.
    #[oai(path = "/event-types", method = "get", operation_id = "event_types.list")]
    async fn types(&self, _call: Call) -> Result<Json<Page<EventTypeInfo>>, Failure> {
        let info = |kind: &EventType| EventTypeInfo {
            name: kind.to_string(),
            description: kind.description().to_owned(),
            resource: kind.resource().as_str().to_owned(),
            has_object: kind.resource().schema().is_some(),
        };
        Ok(Json(Page { data: EventType::ALL.iter().map(info).collect(), next_cursor: None }))
    }

    /// Read what happened, from a cursor on.
    ///
    /// For programs that prefer to ask. Every entry comes once and none is left out, however many changes are made at the same
    /// moment: an entry appears when every change that began before it has ended.
    #[oai(path = "/events-log", method = "get", operation_id = "events_log.list")]
    async fn list(
        &self,
        call: Call,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        /// The `cursor` of the part before.
        cursor: Query<Option<Cursor<CURSOR_DIGITS>>>,
        /// Without a cursor: where to begin; at the oldest entry unless given.
        start: Query<Option<LogStart>>,
        /// Only entries of this type.
        #[oai(name = "type")]
        kind: Query<Option<EventTypeName>>,
    ) -> Result<Json<LogPart>, Failure> {
        let limit = usize::try_from(limit.0.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)).unwrap_or_default();
        let from = cursor.0.map(|cursor| cursor.read(read_cursor)).transpose()?;
        let types: Vec<EventType> = kind.0.into_iter().map(|kind| kind.0).collect();
        let part = call
            .read(async |tx| {
                let from = match (from, start.0) {
                    (Some(position), _) => position,
                    (None, Some(LogStart::Newest)) => events_log::end(tx).await?,
                    (None, _) => Position::default(),
                };
                events_log::read(tx, from, limit, &types).await
            })
            .await?;
        Ok(Json(LogPart {
            data: part.entries.into_iter().map(shape).collect(),
            cursor: cursor_text(part.next),
            has_more: part.has_more,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_given() {
        let position = Position { xact_id: 123_456, id: Uuid::now_v7() };
        let text = cursor_text(position);
        let cursor = Cursor::<CURSOR_DIGITS>::from(text.as_str());
        assert_eq!(cursor.read(read_cursor).unwrap(), position);
        for text in
            ["", "0", &text[1..], &format!("{text}0"), &text.to_uppercase(), &"f".repeat(CURSOR_DIGITS)]
        {
            assert!(Cursor::<CURSOR_DIGITS>::from(text).read(read_cursor).is_err(), "{text}");
        }
    }
}
