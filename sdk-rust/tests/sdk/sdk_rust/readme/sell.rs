use std::env;

use eventflow_sdk::types::{BestAvailable, BuyerInput, NewHold, NewOrderInput, Provider};
use eventflow_sdk::{Client, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let [url, key, event_id] =
        ["EVENTFLOW_URL", "EVENTFLOW_SECRET_KEY", "EVENT_ID"].map(|name| env::var(name).expect(name));
    sell(&Client::new(&url, &key)?, &event_id).await
}

async fn sell(eventflow: &Client, event_id: &str) -> Result<(), Error> {
    let best_available = Some(BestAvailable::new(2));
    let hold = eventflow.holds().create(event_id, &NewHold { best_available, ..NewHold::default() }).await?;

    let buyer = BuyerInput { email: Some("clara@example.com".into()), name: Some("Clara Schumann".into()) };
    let order = NewOrderInput {
        hold_id: Some(hold.id),
        hold_token: Some(hold.token),
        provider: Some(Provider::Manual),
        ..NewOrderInput::new(buyer)
    };
    let order = eventflow.orders().create(&order).await?;

    for ticket in order.tickets {
        println!("{} {}", ticket.label, ticket.token.unwrap_or_default());
    }
    Ok(())
}
