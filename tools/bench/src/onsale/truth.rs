//! The check at the end: what the database says of a sale, beside what buyers and the snapshot said; and over all sales the
//! checker of the torture, which also reads the provider's journal and Redis.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use eventflow_core::{Id, id};
use eventflow_torture::checker::{self, Circumstances, Found, Places};
use serde::Deserialize;

use crate::{
    process::{Server, Sockets},
    raw::Postgres,
};

/// Checkouts that were left end by themselves, and the worker tidies up behind them.
const REST: Duration = Duration::from_secs(120);
const REST_PAUSE: Duration = Duration::from_millis(500);

/// Waits until nothing is under way, and holds every invariant against all that was sold. Answers how much is under way still, too.
pub async fn invariants(server: &Server, sockets: &Sockets) -> Result<(Found, i64)> {
    let places = Places {
        postgres_url: &format!("postgres://postgres@localhost/eventflow?host={}", sockets.postgres.display()),
        redis_url: &format!("unix:{}", sockets.redis.display()),
        sandbox_url: &format!("http://{}", server.sandbox),
    };
    let began = Instant::now();
    let left = loop {
        let left = checker::under_way(places.postgres_url).await?.values().sum();
        if left == 0 || began.elapsed() >= REST {
            break left;
        }
        tokio::time::sleep(REST_PAUSE).await;
    };
    let circumstances = Circumstances { quiescent: true, ..Circumstances::default() };
    let found = checker::check(&places, &circumstances).await.context("the invariants cannot be checked")?;
    Ok((found, left))
}

/// What Postgres says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Books {
    /// Claims that are sold, and different seats among them.
    pub sold: u64,
    pub sold_seats: u64,
    /// Valid tickets, and different seats among them.
    pub tickets: u64,
    pub ticket_seats: u64,
    pub paid_orders: u64,
    /// What paid orders cost, and what the ledger says that the provider has.
    pub paid_minor: i64,
    pub cleared_minor: i64,
    /// Orders whose lines in the ledger do not sum to nothing.
    pub unbalanced: u64,
}

impl Books {
    pub async fn read(sockets: &Sockets, event: &str) -> Result<Self> {
        let event = event.parse::<Id<id::Event>>()?.uuid();
        let sql = format!(
            "SELECT json_build_object(
              'sold', (SELECT count(*) FROM seat_claims WHERE event_id = '{event}' AND state = 'sold'),
              'sold_seats', (SELECT count(DISTINCT seat_index) FROM seat_claims WHERE event_id = '{event}' AND state = 'sold'),
              'tickets', (SELECT count(*) FROM tickets WHERE event_id = '{event}' AND state = 'valid'),
              'ticket_seats', (SELECT count(DISTINCT seat_index) FROM tickets WHERE event_id = '{event}' AND state = 'valid'),
              'paid_orders', (SELECT count(*) FROM orders WHERE event_id = '{event}' AND state = 'paid'),
              'paid_minor', (SELECT coalesce(sum(total_minor), 0) FROM orders WHERE event_id = '{event}' AND state = 'paid'),
              'cleared_minor', (SELECT coalesce(sum(amount_minor), 0) FROM ledger_entries
                WHERE event_id = '{event}' AND account = 'clearing_stripe'),
              'unbalanced', (SELECT count(*) FROM (SELECT FROM ledger_entries WHERE event_id = '{event}'
                GROUP BY order_id HAVING sum(amount_minor) <> 0) AS orders)
            )"
        )
        .replace('\n', " ");
        let text = Postgres { sockets }.run(&sql).await?;
        serde_json::from_str(&text).with_context(|| format!("no books in {text}"))
    }
}

/// The verdict on a sale.
#[derive(Debug, Clone)]
pub struct Truth {
    pub books: Books,
    /// Seats of which two people have a ticket, by the books or by what buyers were shown.
    pub double_sales: u64,
    /// What does not agree.
    pub wrong: Vec<String>,
}

/// `shown` are the seats of all tickets that buyers saw, `snapshot` the seats that are sold by the last snapshot.
pub fn judge(books: Books, mut shown: Vec<u32>, snapshot: u32) -> Truth {
    let all = shown.len();
    shown.sort_unstable();
    shown.dedup();
    let doubles =
        [(all - shown.len()) as u64, books.sold - books.sold_seats, books.tickets - books.ticket_seats];
    let mut wrong = Vec::new();
    let mut equal = |what: &str, left: i128, right: i128| {
        if left != right {
            wrong.push(format!("{what}: {left} and {right}"));
        }
    };
    equal("sold claims and valid tickets", books.sold.into(), books.tickets.into());
    equal("sold seats by Postgres and by the snapshot", books.sold.into(), snapshot.into());
    equal(
        "the sum of paid orders and our account of the provider",
        books.paid_minor.into(),
        books.cleared_minor.into(),
    );
    equal("orders out of balance", books.unbalanced.into(), 0);
    equal("seats with two tickets", i128::from(doubles.iter().sum::<u64>()), 0);
    if shown.len() as u64 > books.tickets {
        wrong.push(format!("buyers saw {} tickets, and there are {}", shown.len(), books.tickets));
    }
    Truth { books, double_sales: doubles.into_iter().max().unwrap_or(0), wrong }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Books = Books {
        sold: 3,
        sold_seats: 3,
        tickets: 3,
        ticket_seats: 3,
        paid_orders: 2,
        paid_minor: 900,
        cleared_minor: 900,
        unbalanced: 0,
    };

    #[test]
    fn a_sale_that_agrees_with_itself_is_right() {
        let truth = judge(GOOD, vec![7, 5, 6], 3);
        assert_eq!((truth.double_sales, truth.wrong), (0, vec![]));
        // Somebody closed the page before the tickets came.
        assert!(judge(GOOD, vec![7], 3).wrong.is_empty());
    }

    #[test]
    fn everything_that_disagrees_is_told() {
        let wrong = |books, shown: &[u32], snapshot| judge(books, shown.to_vec(), snapshot).wrong.len();
        assert_eq!(wrong(GOOD, &[5, 6, 5], 3), 1);
        assert_eq!(wrong(GOOD, &[1, 2, 3, 4], 3), 1);
        assert_eq!(wrong(GOOD, &[], 2), 1);
        assert_eq!(wrong(Books { cleared_minor: 899, ..GOOD }, &[], 3), 1);
        assert_eq!(wrong(Books { unbalanced: 1, ..GOOD }, &[], 3), 1);
        assert_eq!(wrong(Books { tickets: 4, ..GOOD }, &[], 3), 2);
        assert_eq!(judge(Books { tickets: 4, ..GOOD }, vec![], 3).double_sales, 1);
    }
}
