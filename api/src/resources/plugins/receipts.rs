//! Receipts of calls, and statistics.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use eventflow_core::id;
use eventflow_store::plugins::receipts as kept;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde_json::Value;

use super::PluginHook;
use crate::{
    auth::Call,
    plugins::recording,
    problem::Failure,
    resources::Tag,
    wire::{Cursor, Page, Ref, Text, Window},
};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum PluginOutcome {
    Answered,
    /// The plugin answered with its own error.
    Declined,
    Trapped,
    OutOfFuel,
    OutOfTime,
    OutOfMemory,
    TooManyHostCalls,
    OutputTooLarge,
    BadOutput,
    InputTooLarge,
    NoSuchHook,
    /// Not called: too many calls at once.
    Busy,
    /// Not called: it failed too often a moment ago.
    Suspended,
}

impl PluginOutcome {
    const ALL: [(Self, &'static str); 13] = [
        (Self::Answered, "answered"),
        (Self::Declined, "declined"),
        (Self::Trapped, "trapped"),
        (Self::OutOfFuel, "out_of_fuel"),
        (Self::OutOfTime, "out_of_time"),
        (Self::OutOfMemory, "out_of_memory"),
        (Self::TooManyHostCalls, "too_many_host_calls"),
        (Self::OutputTooLarge, "output_too_large"),
        (Self::BadOutput, "bad_output"),
        (Self::InputTooLarge, "input_too_large"),
        (Self::NoSuchHook, "no_such_hook"),
        (Self::Busy, "busy"),
        (Self::Suspended, "suspended"),
    ];

    fn stored(self) -> String {
        Self::ALL.iter().find(|(outcome, _)| *outcome == self).map_or("", |(_, text)| text).to_owned()
    }

    pub(super) fn read(text: &str) -> Self {
        Self::ALL.iter().find(|(_, stored)| *stored == text).map_or(Self::Trapped, |(outcome, _)| *outcome)
    }
}

/// What a call took, and how it ended.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct PluginReceipt {
    id: Ref<id::PluginReceipt>,
    plugin_id: Ref<id::Plugin>,
    hook: PluginHook,
    outcome: PluginOutcome,
    /// The hold, order or message that it was about; empty for a dry run.
    subject: String,
    /// Whether a buyer only looked.
    preview: bool,
    /// Version, fuel and its limit, microseconds, memory, the log, and what went wrong; `is_repeated`: answered from memory,
    /// without a call.
    receipt: BTreeMap<String, Value>,
    at: DateTime<Utc>,
    /// All that the call depended on: `eventflow plugin replay` runs it again. In the answer about one receipt; looks
    /// of buyers have none when there are many, and neither has a call whose settings and values are very large.
    recording: Option<BTreeMap<String, Value>>,
}

fn shape(row: kept::Receipt, with_recording: bool) -> PluginReceipt {
    let recording = recording(&row.receipt, row.recording.as_ref().filter(|_| with_recording));
    PluginReceipt {
        id: row.id.into(),
        plugin_id: row.plugin_id.into(),
        hook: PluginHook::read(&row.hook).unwrap_or(PluginHook::Pricing),
        outcome: PluginOutcome::read(&row.outcome),
        subject: row.subject,
        preview: row.preview,
        receipt: super::members(row.receipt),
        at: row.at,
        recording: recording.map(super::members),
    }
}

/// Calls of one hook with one outcome.
#[derive(Debug, Object)]
struct PluginCount {
    hook: PluginHook,
    outcome: PluginOutcome,
    calls: i64,
    /// Instructions of a call, on average.
    fuel_mean: i64,
    /// Microseconds of a call, on average and at most.
    micros_mean: i64,
    micros_max: i64,
    /// Memory of a call, at most.
    memory_bytes_max: i64,
}

/// What a plugin did.
#[derive(Debug, Object)]
struct PluginStatistics {
    /// Since the beginning of this hour.
    since: DateTime<Utc>,
    calls: i64,
    /// Calls that did not answer.
    failures: i64,
    by_outcome: Vec<PluginCount>,
}

pub struct Receipts;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Plugins")]
impl Receipts {
    /// List receipts of calls, newest first.
    ///
    /// Receipts are kept for 30 days. Calls for orders are here at once, others after a second; while many buyers look,
    /// those beyond fifty a second are counted and have no receipt each.
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    #[oai(path = "/plugins/:plugin_id/receipts", method = "get", operation_id = "plugin_receipts.list")]
    async fn list(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        hook: Query<Option<PluginHook>>,
        outcome: Query<Option<PluginOutcome>>,
        /// Only calls about this hold or order.
        subject: Query<Option<Text<1, 80>>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<PluginReceipt>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let filter = kept::Filter {
            hook: hook.0.map(|hook| hook.host().name().to_owned()),
            outcome: outcome.0.map(PluginOutcome::stored),
            subject: subject.0.map(|subject| subject.0),
        };
        let id = plugin_id.0.0;
        let rows =
            call.read(async |tx| kept::list(tx, id, &filter, window.fetch(), window.after).await).await?;
        Ok(Json(window.page(rows, |row| row.id, |row| shape(row, false))))
    }

    /// Get a receipt, with the recording of its call.
    #[oai(path = "/plugin-receipts/:plugin_receipt_id", method = "get", operation_id = "plugin_receipts.get")]
    async fn get(
        &self,
        call: Call,
        plugin_receipt_id: Path<Ref<id::PluginReceipt>>,
    ) -> Result<Json<PluginReceipt>, Failure> {
        let row = call.read(async |tx| kept::get(tx, plugin_receipt_id.0.0).await).await?;
        Ok(Json(shape(row, true)))
    }

    /// What a plugin did in the last hours, every call counted.
    #[oai(path = "/plugins/:plugin_id/statistics", method = "get", operation_id = "plugins.statistics")]
    async fn statistics(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        /// Default: 24.
        #[oai(validator(minimum(value = "1"), maximum(value = "720")))]
        hours: Query<Option<i32>>,
    ) -> Result<Json<PluginStatistics>, Failure> {
        let since = Utc::now() - TimeDelta::hours(i64::from(hours.0.unwrap_or(24)));
        let id = plugin_id.0.0;
        let rows = call.read(async |tx| kept::statistics(tx, id, since).await).await?;
        let count = |(hook, outcome, count): &(String, String, kept::Count)| PluginCount {
            hook: PluginHook::read(hook).unwrap_or(PluginHook::Pricing),
            outcome: PluginOutcome::read(outcome),
            calls: count.calls,
            fuel_mean: count.fuel / count.calls.max(1),
            micros_mean: count.micros / count.calls.max(1),
            micros_max: count.micros_max,
            memory_bytes_max: count.memory_bytes_max,
        };
        let calls = rows.iter().map(|(_, _, count)| count.calls).sum();
        let answered: i64 = rows
            .iter()
            .filter(|(_, outcome, _)| outcome == "answered")
            .map(|(_, _, count)| count.calls)
            .sum();
        let by_outcome = rows.iter().map(count).collect();
        Ok(Json(PluginStatistics { since, calls, failures: calls - answered, by_outcome }))
    }
}
