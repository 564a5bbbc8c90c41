//! A tenant with a hall and an event on sale, made through the API as any integrator would.

use chrono::{Duration, Utc};
use eventflow_sdk::types::{
    BestAvailable, BuyerInput, NewEvent, NewOrderInput, NewOwner, NewPriceTier, NewSeatMap, NewTenant,
    NewVenue, Order, Provider, PublishEvent,
};
use eventflow_sdk::{Builder, Client};
use serde_json::json;
use tokio::sync::OnceCell;

use super::platform::platform;

/// The hall of the demo: 2,114 seats and a standing area.
const HALL: &str = include_str!("../../../../../examples/demo-venue/seat-map.json");

/// Texts only: connections belong to the runtime of one test.
pub struct World {
    pub url: String,
    pub secret_key: String,
    pub seat_map_id: String,
}

impl World {
    /// One for all tests; each makes events of its own.
    pub async fn get() -> &'static Self {
        static WORLD: OnceCell<World> = OnceCell::const_new();
        WORLD.get_or_init(Self::make).await
    }

    async fn make() -> Self {
        let platform = platform().await;
        let operator = Client::new(&platform.url, platform.bootstrap_token).unwrap();
        let owner = NewOwner::new("alma@lindenhain.example", "Alma Mahler");
        let tenant = NewTenant::new("Philharmonie Lindenhain", "EUR", "Europe/Berlin", owner);
        let founded = operator.tenants().create(&tenant).await.unwrap();
        let client = Client::new(&platform.url, &founded.secret_key).unwrap();
        let venue = client.venues().create(&NewVenue::new("Philharmonie", "Europe/Berlin")).await.unwrap();
        let document = serde_json::from_str(HALL).unwrap();
        let map = NewSeatMap::new("Großer Saal", document);
        let map = client.seat_maps().create(&venue.id, &map).await.unwrap();
        client.seat_maps().publish(&map.id).await.unwrap();
        Self { url: platform.url.clone(), secret_key: founded.secret_key, seat_map_id: map.id }
    }

    /// With the secret key.
    pub fn client(&self) -> Client {
        self.builder(&self.url).build().unwrap()
    }

    /// With the secret key, perhaps through a proxy.
    pub fn builder(&self, url: &str) -> Builder {
        Client::builder(url, &self.secret_key)
    }

    pub async fn event(&self) -> String {
        make_event(&self.client(), &self.seat_map_id).await
    }
}

/// An event on sale, in a month.
pub async fn make_event(client: &Client, seat_map_id: &str) -> String {
    let starts_at = Utc::now() + Duration::days(30);
    let event = NewEvent {
        max_per_buyer: Some(100),
        ..NewEvent::new(seat_map_id, "Mahler: Symphony No. 2", starts_at, starts_at + Duration::minutes(150))
    };
    let event = client.events().create(&event).await.unwrap();
    for category in ["pk1", "pk2", "pk3", "pk4", "pk5"] {
        let tier = NewPriceTier {
            category: Some(category.to_owned()),
            tax_rate_bps: Some(700),
            ..NewPriceTier::new(category, 4200)
        };
        client.price_tiers().create(&event.id, &tier).await.unwrap();
    }
    let standing =
        NewPriceTier { ga_area: Some("stehparkett".to_owned()), ..NewPriceTier::new("Standing", 1500) };
    client.price_tiers().create(&event.id, &standing).await.unwrap();
    client.events().publish(&event.id, &PublishEvent::default()).await.unwrap();
    event.id
}

/// The best places that are free, sold by the box office.
pub async fn sell(client: &Client, event_id: &str, places: u32) -> Order {
    let order = NewOrderInput {
        event_id: Some(event_id.to_owned()),
        best_available: Some(BestAvailable::new(places)),
        provider: Some(Provider::Manual),
        ..NewOrderInput::new(BuyerInput::default())
    };
    client.orders().create(&order).await.unwrap()
}

/// Pays the order of a checkout page in the Stripe sandbox, as a buyer's browser would.
pub async fn pay(checkout_url: &str) {
    let page: reqwest::Url = checkout_url.parse().unwrap();
    let session = checkout_url.split(['/', '?', '#']).find(|part| part.starts_with("cs_")).unwrap();
    let pay = page.join(&format!("/_sandbox/sessions/{session}/pay")).unwrap();
    let card = json!({ "card": "4242424242424242" });
    let answer = reqwest::Client::new().post(pay).json(&card).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}
