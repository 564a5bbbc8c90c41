//! The Stripe sandbox of one test.

use serde_json::{Value, json};

use super::{client::Client, text};

pub const SECRET_KEY: &str = "sk_test_integration";
pub const WEBHOOK_SECRET: &str = "whsec_integration";
pub const GOOD_CARD: &str = "4242424242424242";

pub struct Sandbox {
    /// `POST /_sandbox/…`; the whole control API is at `GET /_sandbox`.
    pub control: Client,
    handle: stripe_sandbox::Handle,
}

impl Sandbox {
    pub async fn start() -> Self {
        let config = stripe_sandbox::Config {
            webhook_secret: WEBHOOK_SECRET.into(),
            allow_short_sessions: true,
            ..stripe_sandbox::Config::new(SECRET_KEY)
        };
        let handle = stripe_sandbox::start(config).await.unwrap();
        Self { control: Client::new(&handle.url(), ""), handle }
    }

    pub fn url(&self) -> String {
        self.handle.url()
    }

    /// Where webhooks go from now on.
    pub async fn send_webhooks_to(&self, url: &str) {
        let hook = json!({ "url": format!("{url}/v1/webhooks/stripe"), "secret": WEBHOOK_SECRET });
        self.control.post("/_sandbox/webhook", hook).await.ok();
    }

    /// The buyer pays on the hosted page.
    pub async fn pay(&self, order: &Value) -> Value {
        self.pay_with(order, GOOD_CARD).await.ok()
    }

    pub async fn pay_with(&self, order: &Value, card: &str) -> super::Answer {
        let path = format!("/_sandbox/sessions/{}/pay", session_of(order));
        self.control.post(&path, json!({ "card": card })).await
    }
}

/// The provider's session behind an order that is to be paid.
#[track_caller]
pub fn session_of(order: &Value) -> &str {
    text(order, "checkout_url").rsplit('/').next().unwrap()
}
