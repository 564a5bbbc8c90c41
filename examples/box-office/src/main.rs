//! A box office: `box-office events`, `box-office sell evt_… --places 2`.
#![expect(clippy::print_stdout, reason = "a command-line program speaks through stdout")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use eventflow_sdk::nouns::query::EventsList;
use eventflow_sdk::types::{
    BestAvailable, BuyerInput, EventState, ManualMethod, NewHold, NewOrderInput, Provider,
};
use eventflow_sdk::{Client, ErrorCode, TryStreamExt};

#[derive(Parser)]
struct Arguments {
    #[arg(long, env = "EVENTFLOW_URL")]
    url: String,
    #[arg(long, env = "EVENTFLOW_SECRET_KEY", hide_env_values = true)]
    key: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What is on sale
    Events,
    /// Sell the best places that are free, for cash
    Sell {
        event_id: String,
        #[arg(long, default_value_t = 1)]
        places: u32,
        #[arg(long)]
        name: Option<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("not sold: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { url, key, command } = Arguments::parse();
    let eventflow = Client::builder(&url, &key).app_info("box-office/1.0").build()?;
    let Command::Sell { event_id, places, name } = command else {
        let on_sale = EventsList { state: Some(EventState::Published) };
        let mut events = eventflow.events().list().query(on_sale).stream();
        while let Some(event) = events.try_next().await? {
            println!("{}  {}  {}", event.id, event.starts_at.format("%F %R UTC"), event.name);
        }
        return Ok(());
    };
    let best = NewHold { best_available: Some(BestAvailable::new(places)), ..NewHold::default() };
    let hold = match eventflow.holds().create(&event_id, &best).await {
        Err(error) if error.is(ErrorCode::SoldOut) => {
            return Err(format!("no {places} places are left").into());
        }
        result => result?,
    };
    let total = hold.totals.total_minor;
    println!("take {}.{:02} {}", total / 100, total % 100, hold.currency);
    let order = NewOrderInput {
        hold_id: Some(hold.id),
        hold_token: Some(hold.token),
        expected_total_minor: Some(total),
        provider: Some(Provider::Manual),
        manual_method: Some(ManualMethod::Cash),
        ..NewOrderInput::new(BuyerInput { name, ..BuyerInput::default() })
    };
    for ticket in eventflow.orders().create(&order).await?.tickets {
        std::fs::write(format!("{}.svg", ticket.id), eventflow.tickets().qr_svg(&ticket.id).await?)?;
        println!("{}  {}  {}", ticket.id, ticket.label, ticket.token.unwrap_or_default());
    }
    Ok(())
}
