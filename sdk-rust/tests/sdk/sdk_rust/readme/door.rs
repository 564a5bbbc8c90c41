use std::time::Duration;

use eventflow_sdk::{Client, tickets};

pub async fn door(eventflow: &Client, code: &str) -> Result<(), Box<dyn std::error::Error>> {
    let keys = eventflow.ticket_keys().list().all(100).await?;
    let ring = tickets::key_ring(&keys)?;

    let ticket = tickets::verify(code, &ring)?;
    let is_valid = tickets::is_valid_at(&ticket, chrono::Utc::now(), Duration::from_secs(60));
    println!("{} {is_valid}", tickets::ticket_id(&ticket));
    Ok(())
}
