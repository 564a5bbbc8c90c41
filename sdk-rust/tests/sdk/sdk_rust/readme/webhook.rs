use eventflow_sdk::types::{EventType, NewWebhookEndpoint, WebhookPayload};
use eventflow_sdk::webhooks::{self, Event, WebhookError};
use eventflow_sdk::{Client, Error};

/// Once: has the platform post to your server. The secret is told this once.
pub async fn listen(eventflow: &Client, url: &str) -> Result<String, Error> {
    let endpoint = NewWebhookEndpoint {
        event_types: Some(vec![EventType::OrderPaid, EventType::RefundSucceeded]),
        payload: Some(WebhookPayload::Fat),
        ..NewWebhookEndpoint::new(url)
    };
    Ok(eventflow.webhook_endpoints().create(&endpoint).await?.secret)
}

/// For each request: answer 204 to `Ok`, 401 to an error.
pub fn received(body: &[u8], headers: &http::HeaderMap, secret: &str) -> Result<(), WebhookError> {
    let message = webhooks::verify(body, headers, &[secret])?;
    match message.payload {
        Event::OrderPaid(event) => match event.data.object {
            Some(order) => println!("{} is paid: {} tickets", order.id, order.tickets.len()),
            None => println!("{} is paid", event.data.id), // thin
        },
        Event::RefundSucceeded(event) => println!("{} is given back", event.data.id),
        other => println!("{} is nothing to do with us", other.name()),
    }
    Ok(())
}
