//! The ledger: double entry, read only.

use chrono::{DateTime, Utc};
use eventflow_core::id;
use eventflow_store::ledger_entries;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};

use super::Tag;
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Cursor, Page, Ref, Window},
};

/// One line of a posting. The lines of an order sum to zero.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct LedgerEntry {
    id: Ref<id::LedgerEntry>,
    event_id: Ref<id::Event>,
    order_id: Ref<id::Order>,
    refund_id: Option<Ref<id::Refund>>,
    /// sale, refund, refund_reversed, late_payment, late_payment_returned, dispute_opened, dispute_won or dispute_lost.
    posting: String,
    /// clearing_stripe, clearing_manual, ticket_revenue, fee_revenue, tax_payable, application_fee, held_money, disputed …
    account: String,
    /// Debits are positive.
    amount_minor: i64,
    /// ISO 4217.
    currency: String,
    at: DateTime<Utc>,
    /// What a plugin called its change of the price, on the line that the change has in the sale; of a dispute, its id at the
    /// provider.
    note: Option<String>,
}

fn shape(entry: ledger_entries::Entry) -> LedgerEntry {
    LedgerEntry {
        id: entry.id.into(),
        event_id: entry.event_id.into(),
        order_id: entry.order_id.into(),
        refund_id: entry.refund_id.map(Into::into),
        posting: entry.posting,
        account: entry.account,
        amount_minor: entry.amount_minor,
        currency: entry.currency,
        at: entry.at,
        note: Some(entry.note).filter(|note| !note.is_empty()),
    }
}

pub struct Ledger;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Orders")]
impl Ledger {
    /// List ledger entries, oldest first.
    #[oai(path = "/ledger", method = "get", operation_id = "ledger.list")]
    async fn list(
        &self,
        call: Call,
        order_id: Query<Option<Ref<id::Order>>>,
        event_id: Query<Option<Ref<id::Event>>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<LedgerEntry>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let filter =
            ledger_entries::Filter { order: order_id.0.map(|id| id.0), event: event_id.0.map(|id| id.0) };
        let rows = call
            .read(async |tx| ledger_entries::list(tx, &filter, window.fetch(), window.after).await)
            .await?;
        Ok(Json(window.page(rows, |entry| entry.id, shape)))
    }
}
