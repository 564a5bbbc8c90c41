//! Ledger entries: double entry, only ever added. Which lines a posting has is decided by `eventflow_core::ledger`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{
    Id, id,
    ledger::{Account, Line},
    pricing::Totals,
};
use uuid::Uuid;

use crate::{
    db::{Tx, new_uuid},
    error::{Error, Result},
    orders::OrderRow,
    schema::ledger_entries,
};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = ledger_entries)]
pub struct Entry {
    pub id: Uuid,
    pub event_id: Uuid,
    pub order_id: Uuid,
    pub refund_id: Option<Uuid>,
    pub posting: String,
    pub account: String,
    pub amount_minor: i64,
    pub currency: String,
    pub at: DateTime<Utc>,
    /// What a plugin called its change of the price, the id of a dispute at the provider, or empty.
    pub note: String,
}

/// Writes the lines of one posting; they sum to zero.
pub async fn post(
    tx: &mut Tx,
    order: &OrderRow,
    refund: Option<Uuid>,
    posting: &str,
    lines: &[Line],
) -> Result<()> {
    post_about(tx, order, refund, posting, "", lines).await
}

/// The same, with what the posting is about.
pub async fn post_about(
    tx: &mut Tx,
    order: &OrderRow,
    refund: Option<Uuid>,
    posting: &str,
    note: &str,
    lines: &[Line],
) -> Result<()> {
    if !eventflow_core::ledger::is_balanced(lines) {
        return Err(Error::Corrupt(format!("posting `{posting}` of order {} is not balanced", order.id)));
    }
    let tenant = tx.tenant();
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                ledger_entries::tenant_id.eq(tenant),
                ledger_entries::id.eq(new_uuid()),
                ledger_entries::event_id.eq(order.event_id),
                ledger_entries::order_id.eq(order.id),
                ledger_entries::refund_id.eq(refund),
                ledger_entries::posting.eq(posting),
                ledger_entries::account.eq(line.account.as_str()),
                ledger_entries::amount_minor.eq(line.amount_minor),
                ledger_entries::currency.eq(&order.currency),
                ledger_entries::note.eq(note),
            )
        })
        .collect();
    diesel::insert_into(ledger_entries::table).values(rows).execute(&mut **tx).await?;
    Ok(())
}

/// What earlier refunds and lost disputes of an order have taken from each part of the sale.
pub async fn refunded_parts(tx: &mut Tx, order: Uuid) -> Result<Totals> {
    let rows: Vec<(String, i64)> = ledger_entries::table
        .filter(ledger_entries::tenant_id.eq(tx.tenant()).and(ledger_entries::order_id.eq(order)))
        .filter(ledger_entries::posting.eq_any(["refund", "refund_reversed", "dispute_lost"]))
        .select((ledger_entries::account, ledger_entries::amount_minor))
        .load(&mut **tx)
        .await?;
    let sum = |account: Account| -> i64 {
        rows.iter().filter(|(name, _)| name == account.as_str()).map(|(_, amount)| amount).sum()
    };
    let (price_minor, fees_minor, tax_minor) =
        (sum(Account::TicketRevenue), sum(Account::FeeRevenue), sum(Account::TaxPayable));
    Ok(Totals { price_minor, fees_minor, tax_minor, total_minor: price_minor + fees_minor + tax_minor })
}

/// The kinds of postings of an order about that.
pub async fn postings_about(
    tx: &mut Tx,
    order: Uuid,
    note: &str,
) -> Result<std::collections::HashSet<String>> {
    let names: Vec<String> = ledger_entries::table
        .filter(ledger_entries::tenant_id.eq(tx.tenant()).and(ledger_entries::order_id.eq(order)))
        .filter(ledger_entries::note.eq(note))
        .select(ledger_entries::posting)
        .distinct()
        .load(&mut **tx)
        .await?;
    Ok(names.into_iter().collect())
}

/// Filters of a list of entries.
#[derive(Debug, Default)]
pub struct Filter {
    pub order: Option<Id<id::Order>>,
    pub event: Option<Id<id::Event>>,
}

pub async fn list(tx: &mut Tx, filter: &Filter, limit: i64, after: Option<Uuid>) -> Result<Vec<Entry>> {
    let mut query = ledger_entries::table
        .filter(ledger_entries::tenant_id.eq(tx.tenant()))
        .order(ledger_entries::id)
        .limit(limit)
        .select(Entry::as_select())
        .into_boxed();
    if let Some(order) = filter.order {
        query = query.filter(ledger_entries::order_id.eq(order.uuid()));
    }
    if let Some(event) = filter.event {
        query = query.filter(ledger_entries::event_id.eq(event.uuid()));
    }
    if let Some(after) = after {
        query = query.filter(ledger_entries::id.gt(after));
    }
    Ok(query.load(&mut **tx).await?)
}
