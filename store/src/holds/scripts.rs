//! The scripts of the hold engine, and their answers as types. Each file is one atomic step in Redis.

use std::sync::LazyLock;

use eventflow_core::{ErrorCode, Id, Refusal, id};
use redis::{ScriptInvocation, Value};

use crate::error::{Error, Result};

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: LazyLock<redis::Script> =
            LazyLock::new(|| redis::Script::new(concat!(include_str!("common.lua"), include_str!($file))));)*
    };
}

scripts! {
    PLACE = "place.lua";
    READ = "read.lua";
    EXTEND = "extend.lua";
    RELEASE = "release.lua";
    PIN = "pin.lua";
    UNPIN = "unpin.lua";
    MIRROR = "mirror.lua";
    REBUILD = "rebuild.lua";
    FORGET = "forget.lua";
    SNAPSHOT = "snapshot.lua";
    SWEEP = "sweep.lua";
}

/// The hash tag that keeps all keys of an event in one slot of a Redis Cluster.
pub(super) fn tag(event: Id<id::Event>) -> String {
    format!("{{{}}}", event.uuid().simple())
}

/// An invocation on the keys of an event.
pub(super) fn on<'a>(script: &'a redis::Script, event: Id<id::Event>) -> ScriptInvocation<'a> {
    let mut invocation = script.prepare_invoke();
    invocation.key(tag(event));
    invocation
}

/// An answer of a script: a word, then values.
pub(super) struct Answer(Vec<Value>);

impl Answer {
    pub(super) fn of(value: Value) -> Result<Self> {
        match value {
            Value::Array(items) if !items.is_empty() => Ok(Self(items)),
            other => Err(unexpected(&format!("{other:?}"))),
        }
    }

    pub(super) fn word(&self) -> Result<String> {
        self.text(0)
    }

    pub(super) fn text(&self, position: usize) -> Result<String> {
        self.0.get(position).map_or_else(|| Ok(String::new()), text)
    }

    pub(super) fn number<T: std::str::FromStr>(&self, position: usize) -> Result<T> {
        let text = self.text(position)?;
        text.parse().map_err(|_| unexpected(&format!("`{text}` instead of a number")))
    }

    /// A list of texts at `position`, as HGETALL gives it.
    pub(super) fn flat(&self, position: usize) -> Result<Vec<String>> {
        match self.0.get(position) {
            Some(Value::Array(items)) => items.iter().map(text).collect(),
            Some(Value::Map(pairs)) => pairs.iter().flat_map(|(key, value)| [key, value]).map(text).collect(),
            other => Err(unexpected(&format!("{other:?}"))),
        }
    }
}

fn text(value: &Value) -> Result<String> {
    match value {
        Value::BulkString(bytes) => {
            String::from_utf8(bytes.clone()).map_err(|_| unexpected("text that is not UTF-8"))
        }
        Value::SimpleString(text) => Ok(text.clone()),
        Value::Int(number) => Ok(number.to_string()),
        Value::Nil => Ok(String::new()),
        other => Err(unexpected(&format!("{other:?}"))),
    }
}

pub(super) fn unexpected(what: &str) -> Error {
    Error::Corrupt(format!("answer of a script: {what}"))
}

/// `12,13,14` -> numbers.
pub(super) fn list(text: &str) -> Vec<u32> {
    text.split(',').filter_map(|part| part.parse().ok()).collect()
}

pub(super) fn join<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

/// The refusal while Redis learns an event again.
pub(super) fn rebuilding() -> Error {
    Error::Refused(
        Refusal::new(
            ErrorCode::Rebuilding,
            "Availability is being rebuilt from the database; this takes a moment.",
        )
        .retry_after(1),
    )
}

/// The refusal for what was a hold.
pub fn expired() -> Refusal {
    Refusal::new(
        ErrorCode::HoldExpired,
        "The hold has expired, or there never was one with this id. Place a new one.",
    )
}
