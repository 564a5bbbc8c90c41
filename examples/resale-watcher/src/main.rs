//! Tells which seats of an event become free again: `resale-watcher evt_…`.
#![expect(clippy::print_stdout, reason = "a command-line program speaks through stdout")]

use std::collections::HashMap;

use clap::Parser;
use eventflow_sdk::{AvailabilityEvent, Client, Error, SeatStatus, StreamOptions, TryStreamExt};

#[derive(Parser)]
struct Arguments {
    #[arg(long, env = "EVENTFLOW_URL")]
    url: String,
    #[arg(long, env = "EVENTFLOW_SECRET_KEY", hide_env_values = true)]
    key: String,
    event_id: String,
    /// Only seats that were sold, and not those that were in a basket
    #[arg(long)]
    sold: bool,
    /// End after so many seats
    #[arg(long)]
    count: Option<usize>,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let eventflow = Client::builder(&arguments.url, &arguments.key)
        .app_info("resale-watcher/1.0")
        .on_retry(|error, pause| println!("again in {} ms: {error}", pause.as_millis()))
        .build()?;
    let mut labels = labels(&eventflow, &arguments.event_id).await?;
    let mut told = 0;
    let mut live = eventflow.events().stream(&arguments.event_id, StreamOptions::default());
    while arguments.count.is_none_or(|count| told < count) {
        let Some(event) = live.try_next().await? else { break };
        let seats = match event {
            AvailabilityEvent::Snapshot { states } => {
                println!("{} seats are free", states.statuses.count(SeatStatus::Free));
                continue;
            }
            AvailabilityEvent::Diff { seats, .. } => seats,
            _ => {
                labels = self::labels(&eventflow, &arguments.event_id).await?;
                continue;
            }
        };
        for change in seats.iter().filter(|change| change.after == SeatStatus::Free) {
            if change.before == SeatStatus::Sold || change.before == SeatStatus::Held && !arguments.sold {
                let label =
                    labels.get(&i64::from(change.seat.0)).map_or("a seat that is new", String::as_str);
                println!("free again: {label}");
                told += 1;
            }
        }
    }
    Ok(())
}

/// Seats go by their number in the map; people know them by their labels.
async fn labels(eventflow: &Client, event_id: &str) -> Result<HashMap<i64, String>, Error> {
    eventflow
        .seats()
        .list(event_id)
        .stream()
        .map_ok(|seat| (i64::from(seat.seat), seat.label))
        .try_collect()
        .await
}
