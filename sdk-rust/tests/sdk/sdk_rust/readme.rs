//! The examples of the README, run. Each is a file here, and stands in the README to the letter.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventflow_sdk::types::{BestAvailable, NewHold};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::support::{World, sell as sell_places};

const README: &str = include_str!("../../../README.md");
const EXAMPLES: [&str; 5] = [
    include_str!("readme/sell.rs"),
    include_str!("readme/lists.rs"),
    include_str!("readme/watch.rs"),
    include_str!("readme/webhook.rs"),
    include_str!("readme/door.rs"),
];

mod sell {
    include!("readme/sell.rs");
    pub(super) use sell as run;
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
    pub(super) use received as run;
}
mod door {
    include!("readme/door.rs");
    pub(super) use door as run;
}

#[test]
fn the_readme_has_what_is_run_and_nothing_else() {
    let blocks: Vec<&str> =
        README.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks, EXAMPLES);
}

#[tokio::test]
async fn tickets_are_sold_and_listed() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    sell::run(&world.url, &world.secret_key, &event_id).await.unwrap();
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

#[test]
fn a_webhook_is_verified() {
    let (secret, body) = (b"secret", r#"{"type":"order.paid"}"#);
    let now = chrono::Utc::now().timestamp();
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    let signature = mac.chain_update(format!("msg_1.{now}.{body}")).finalize().into_bytes();
    let pairs = [
        ("webhook-id", "msg_1".to_owned()),
        ("webhook-timestamp", now.to_string()),
        ("webhook-signature", format!("v1,{}", STANDARD.encode(signature))),
    ];
    let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let secret = format!("whsec_{}", STANDARD.encode(secret));
    webhook::run(body.as_bytes(), &headers, &secret).unwrap();
    assert!(webhook::run(b"{}", &headers, &secret).is_err());
}

#[tokio::test]
async fn a_ticket_is_read_at_the_door() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let order = sell_places(&client, &event_id, 1).await;
    door::run(&client, order.tickets[0].token.as_deref().unwrap()).await.unwrap();
    assert!(door::run(&client, "EF1:").await.is_err());
}
