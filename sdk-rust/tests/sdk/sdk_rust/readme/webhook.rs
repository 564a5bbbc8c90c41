use eventflow_sdk::webhooks::{self, Message, WebhookError};
use serde_json::Value;

pub fn received(body: &[u8], headers: &http::HeaderMap, secret: &str) -> Result<(), WebhookError> {
    let Message { id, payload, .. } = webhooks::verify::<Value>(body, headers, &[secret])?;
    println!("{id} {}", payload["type"]);
    Ok(())
}
