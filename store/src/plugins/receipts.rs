//! Receipts of calls, and what they come to by the hour.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{Id, id};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{Db, Tx},
    error::{OrNotFound, Result},
    schema::{plugin_receipts, plugin_statistics},
    statement,
};

/// How long receipts and statistics are kept.
pub const KEPT_DAYS: i64 = 30;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = plugin_receipts)]
pub struct Receipt {
    pub id: Uuid,
    pub plugin_id: Uuid,
    pub hook: String,
    pub outcome: String,
    /// The id of what the call was about.
    pub subject: String,
    pub preview: bool,
    pub receipt: Value,
    /// With a recording the call can be run again.
    pub recording: Option<Value>,
    pub at: DateTime<Utc>,
}

/// Calls of one kind and outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    pub calls: i64,
    pub fuel: i64,
    pub micros: i64,
    pub micros_max: i64,
    pub memory_bytes_max: i64,
}

/// What [`Count`]s are kept for: plugin, hook, outcome.
pub type Counted = (Uuid, String, String);

/// Writes receipts.
pub async fn insert(tx: &mut Tx, receipts: &[Receipt]) -> Result<()> {
    let tenant = tx.tenant();
    let rows: Vec<_> =
        receipts.iter().map(|receipt| (plugin_receipts::tenant_id.eq(tenant), receipt.clone())).collect();
    diesel::insert_into(plugin_receipts::table).values(rows).execute(&mut **tx).await?;
    Ok(())
}

/// Adds calls to the present hour.
pub async fn count(tx: &mut Tx, counts: &[(Counted, Count)]) -> Result<()> {
    let numbers = |of: fn(&Count) -> i64| counts.iter().map(|(_, count)| of(count)).collect::<Vec<_>>();
    statement!(
        "INSERT INTO plugin_statistics AS s (tenant_id, plugin_id, hook, outcome, hour, calls, fuel, micros, micros_max, \
           memory_bytes_max) \
         SELECT ?, c.plugin_id, c.hook, c.outcome, date_trunc('hour', now()), c.calls, c.fuel, c.micros, c.micros_max, \
           c.memory_bytes_max \
         FROM unnest(?::uuid[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[]) \
           AS c(plugin_id, hook, outcome, calls, fuel, micros, micros_max, memory_bytes_max) \
         ORDER BY c.plugin_id, c.hook, c.outcome \
         ON CONFLICT (tenant_id, plugin_id, hook, outcome, hour) DO UPDATE SET calls = s.calls + excluded.calls, \
           fuel = s.fuel + excluded.fuel, micros = s.micros + excluded.micros, \
           micros_max = greatest(s.micros_max, excluded.micros_max), \
           memory_bytes_max = greatest(s.memory_bytes_max, excluded.memory_bytes_max)",
        tx.tenant(),
        counts.iter().map(|((plugin, _, _), _)| *plugin).collect::<Vec<_>>(),
        counts.iter().map(|((_, hook, _), _)| hook.clone()).collect::<Vec<_>>(),
        counts.iter().map(|((_, _, outcome), _)| outcome.clone()).collect::<Vec<_>>(),
        numbers(|count| count.calls),
        numbers(|count| count.fuel),
        numbers(|count| count.micros),
        numbers(|count| count.micros_max),
        numbers(|count| count.memory_bytes_max),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Filters of a list of receipts.
#[derive(Debug, Default)]
pub struct Filter {
    pub hook: Option<String>,
    pub outcome: Option<String>,
    pub subject: Option<String>,
}

/// Newest first.
pub async fn list(
    tx: &mut Tx,
    plugin: Id<id::Plugin>,
    filter: &Filter,
    limit: i64,
    before: Option<Uuid>,
) -> Result<Vec<Receipt>> {
    super::get(tx, plugin).await?;
    let mut query = plugin_receipts::table
        .filter(plugin_receipts::tenant_id.eq(tx.tenant()).and(plugin_receipts::plugin_id.eq(plugin.uuid())))
        .order(plugin_receipts::id.desc())
        .limit(limit)
        .select(Receipt::as_select())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(plugin_receipts::id.lt(before));
    }
    if let Some(hook) = &filter.hook {
        query = query.filter(plugin_receipts::hook.eq(hook.clone()));
    }
    if let Some(outcome) = &filter.outcome {
        query = query.filter(plugin_receipts::outcome.eq(outcome.clone()));
    }
    if let Some(subject) = &filter.subject {
        query = query.filter(plugin_receipts::subject.eq(subject.clone()));
    }
    Ok(query.load(&mut **tx).await?)
}

pub async fn get(tx: &mut Tx, id: Id<id::PluginReceipt>) -> Result<Receipt> {
    plugin_receipts::table
        .find((tx.tenant(), id.uuid()))
        .select(Receipt::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("plugin receipt")
}

/// Calls since a moment, by hook and outcome.
pub async fn statistics(
    tx: &mut Tx,
    plugin: Id<id::Plugin>,
    since: DateTime<Utc>,
) -> Result<Vec<(String, String, Count)>> {
    super::get(tx, plugin).await?;
    let rows: Vec<(String, String, i64, i64, i64, i64, i64)> = plugin_statistics::table
        .filter(
            plugin_statistics::tenant_id
                .eq(tx.tenant())
                .and(plugin_statistics::plugin_id.eq(plugin.uuid()))
                .and(plugin_statistics::hour.ge(since)),
        )
        .order((plugin_statistics::hook, plugin_statistics::outcome))
        .select((
            plugin_statistics::hook,
            plugin_statistics::outcome,
            plugin_statistics::calls,
            plugin_statistics::fuel,
            plugin_statistics::micros,
            plugin_statistics::micros_max,
            plugin_statistics::memory_bytes_max,
        ))
        .load(&mut **tx)
        .await?;
    let mut sums: Vec<(String, String, Count)> = Vec::new();
    for (hook, outcome, calls, fuel, micros, micros_max, memory_bytes_max) in rows {
        let is_same = sums.last().is_some_and(|(h, o, _)| *h == hook && *o == outcome);
        if !is_same {
            sums.push((hook, outcome, Count::default()));
        }
        let Some((_, _, sum)) = sums.last_mut() else { continue };
        sum.calls += calls;
        sum.fuel += fuel;
        sum.micros += micros;
        sum.micros_max = sum.micros_max.max(micros_max);
        sum.memory_bytes_max = sum.memory_bytes_max.max(memory_bytes_max);
    }
    Ok(sums)
}

/// Forgets old receipts and counts of all tenants.
pub async fn sweep(db: &Db) -> Result<usize> {
    let old = Utc::now() - TimeDelta::days(KEPT_DAYS);
    diesel::delete(plugin_statistics::table.filter(plugin_statistics::hour.lt(old)))
        .execute(&mut db.system().await?)
        .await?;
    let deleted = diesel::delete(plugin_receipts::table.filter(plugin_receipts::at.lt(old)))
        .execute(&mut db.system().await?)
        .await?;
    Ok(deleted)
}
