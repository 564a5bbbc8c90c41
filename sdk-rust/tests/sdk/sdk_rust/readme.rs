//! The examples of the README, run. Each is a file here, and stands in the README to the letter.

use eventflow_sdk::types::{BestAvailable, NewHold, NewRefund};
use eventflow_sdk::webhooks::WebhookError;

use super::support::{Receiver, World, sell as sell_places};

const README: &str = include_str!("../../../README.md");
const EXAMPLES: [&str; 5] = [
    include_str!("readme/sell.rs"),
    include_str!("readme/lists.rs"),
    include_str!("readme/watch.rs"),
    include_str!("readme/webhook.rs"),
    include_str!("readme/door.rs"),
];

#[expect(dead_code, reason = "`main` reads from the environment what the tests have")]
mod sell {
    include!("readme/sell.rs");
    pub(super) async fn run(eventflow: &Client, event_id: &str) -> Result<(), Error> {
        sell(eventflow, event_id).await
    }
}
mod lists {
    include!("readme/lists.rs");
    pub(super) use lists as run;
}
mod watch {
    include!("readme/watch.rs");
    pub(super) use watch as run;
}
mod webhook {
    include!("readme/webhook.rs");
}
mod door {
    include!("readme/door.rs");
    pub(super) use door as run;
}

#[test]
fn the_readme_has_what_is_run_and_nothing_else() {
    let blocks = README.split("```rust").skip(1).filter_map(|rest| rest.split("```").next());
    // The first is a program, which needs a platform.
    let blocks: Vec<&str> = blocks.map(|block| block.trim_start_matches(",no_run").trim_start()).collect();
    assert_eq!(blocks, EXAMPLES);
}

#[tokio::test]
async fn tickets_are_sold_and_listed() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    sell::run(&client, &event_id).await.unwrap();
    lists::run(&client, &event_id).await.unwrap();
}

#[tokio::test]
async fn what_changes_is_seen() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let hold = async {
        // Until the stream has seen one: it may begin after the first.
        loop {
            let best = NewHold { best_available: Some(BestAvailable::new(1)), ..NewHold::default() };
            client.holds().create(&event_id, &best).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        watched = watch::run(&client, &event_id) => watched.unwrap(),
        () = hold => {}
    }
}

#[tokio::test]
async fn webhooks_of_the_platform_are_received_and_others_are_not() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let receiver = Receiver::start().await;
    let secret = webhook::listen(&client, &receiver.url).await.unwrap();
    let order = sell_places(&client, &event_id, 2).await;
    let refund = client.refunds().create(&order.id, &NewRefund::default()).await.unwrap();
    for (event_type, about) in [("order.paid", &order.id), ("refund.succeeded", &refund.id)] {
        let message = receiver.message(event_type, about).await;
        webhook::received(&message.body, &message.headers, &secret).unwrap();
        let other = webhook::received(b"{}", &message.headers, &secret);
        assert!(matches!(other, Err(WebhookError::Signature)));
    }
    for endpoint in client.webhook_endpoints().list().all(100).await.unwrap() {
        if endpoint.url == receiver.url {
            client.webhook_endpoints().delete(&endpoint.id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_ticket_is_read_at_the_door() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let order = sell_places(&client, &event_id, 1).await;
    door::run(&client, order.tickets[0].token.as_deref().unwrap()).await.unwrap();
    assert!(door::run(&client, "EF1:").await.is_err());
}
