//! One whole sale, checked at every step, as a buyer, the organizer and the door see it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Step;
use super::api::{Api, list, random_uuid, text};
use super::seed::{Seed, timestamp};
use super::server::Server;

const SEATS: usize = 2;
/// From the payment to the paid order: a webhook, its inbox and the settle worker.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);
/// The sandbox's card that always pays.
const GOOD_CARD: &str = "4242424242424242";

/// Runs the sale.
pub fn run(server: &Server, seed: &Seed, step: Step<'_>) -> Result<()> {
    let shop = Api::new(server.url(), &seed.publishable_key);
    let organizer = Api::new(server.url(), &seed.secret_key);
    let holds = format!("/v1/events/{}/holds", seed.concert_id);

    let hold = step("hold the best two seats", &mut || {
        shop.post(&holds, &json!({ "best_available": { "quantity": SEATS } }))
    })?;
    let seats: Vec<Value> =
        list(&hold, "/items")?.iter().map(|item| json!({ "seat": item["seat"] })).collect();
    ensure!(seats.len() == SEATS && seats.iter().all(|seat| seat["seat"].is_u64()), "no two seats in {hold}");

    step("the same seats are refused to another buyer", &mut || {
        let refusal = shop.refused(&holds, &json!({ "items": seats }), 409)?;
        ensure!(refusal["code"].is_string(), "a refusal without a code: {refusal}");
        Ok(refusal)
    })?;

    let order = step("check out", &mut || {
        let order = shop.post("/v1/orders", &order_of(&hold, server)?)?;
        ensure!(order["state"] == "pending", "the order is not pending: {order}");
        Ok(order)
    })?;
    let order_path = format!("/v1/orders/{}", text(&order, "/id")?);

    step("pay in the Stripe sandbox", &mut || {
        let (sandbox, session) = sandbox_session(&text(&order, "/checkout_url")?)?;
        Api::public(&sandbox)
            .post(&format!("/_sandbox/sessions/{session}/pay"), &json!({ "card": GOOD_CARD }))
    })?;

    step("the webhook settles the order", &mut || {
        organizer.until(&order_path, SETTLE_LIMIT, |order| order["state"] == "paid")
    })?;

    let tickets = step("the tickets are there, with QR codes", &mut || {
        let tickets = organizer.get(&format!("/v1/tickets?order_id={}", text(&order, "/id")?))?;
        ensure!(list(&tickets, "/data")?.len() == SEATS, "not {SEATS} tickets: {tickets}");
        for ticket in list(&tickets, "/data")? {
            let code = organizer.get_text(&format!("/v1/tickets/{}/qr.svg", text(ticket, "/id")?))?;
            ensure!(code.contains("<svg"), "the QR code is no SVG");
            ensure!(text(ticket, "/token")?.starts_with("EF1:"), "no token in {ticket}");
        }
        Ok(tickets)
    })?;
    let token = text(&tickets, "/data/0/token")?;

    step("the door admits the ticket", &mut || expect_scan(&organizer, seed, &token, "admitted"))?;
    step("the door refuses its copy", &mut || expect_scan(&organizer, seed, &token, "already_admitted"))?;
    step("the door refuses a forged ticket", &mut || {
        expect_scan(&organizer, seed, &forged(&token), "refused")
    })?;

    step("refund the order", &mut || {
        let body = json!({ "reason": "requested_by_buyer" });
        organizer.post(&format!("{order_path}/refunds"), &body)?;
        organizer.until(&order_path, SETTLE_LIMIT, |order| order["state"] == "refunded")
    })?;

    step("the seats can be held again", &mut || {
        let hold = shop.post(&holds, &json!({ "items": seats }))?;
        // Given back, so that the next check finds the house as this one did.
        organizer.delete(&format!("/v1/holds/{}?event_id={}", text(&hold, "/id")?, seed.concert_id))?;
        Ok(hold)
    })?;
    Ok(())
}

/// The request that turns a hold into an order.
pub(super) fn order_of(hold: &Value, server: &Server) -> Result<Value> {
    Ok(json!({
        "hold_id": text(hold, "/id")?,
        "hold_token": text(hold, "/token")?,
        "buyer": { "email": "clara.schumann@example.com", "name": "Clara Schumann" },
        "success_url": format!("{}/docs?paid", server.url()),
        "cancel_url": format!("{}/docs?cancelled", server.url()),
    }))
}

fn expect_scan(api: &Api, seed: &Seed, token: &str, expected: &str) -> Result<Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let scan = json!({ "id": random_uuid()?, "token": token, "kind": "entry", "scanned_at": timestamp(now) });
    let answer =
        api.post("/v1/check-ins", &json!({ "check_in_list_id": seed.concert_list_id, "scans": [scan] }))?;
    let result = text(&answer, "/results/0/outcome")?;
    ensure!(result == expected, "the door says {result}, not {expected}: {answer}");
    Ok(answer)
}

/// The same ticket with one character of its signature changed.
fn forged(token: &str) -> String {
    let mut characters: Vec<char> = token.chars().collect();
    let place = characters.len() - 10;
    characters[place] = if characters[place] == 'A' { 'B' } else { 'A' };
    characters.into_iter().collect()
}

/// The sandbox's origin and the session's id, from the address of its pay page.
fn sandbox_session(checkout_url: &str) -> Result<(String, String)> {
    let (scheme, rest) = checkout_url.split_once("://").context("the checkout URL has no scheme")?;
    let (host, path) = rest.split_once('/').context("the checkout URL has no path")?;
    let session = path.split(['/', '?', '#', '=']).find(|part| part.starts_with("cs_"));
    let session = session.with_context(|| format!("no session in {checkout_url}"))?;
    Ok((format!("{scheme}://{host}"), session.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_read_from_the_pay_page() {
        let (sandbox, session) = sandbox_session("http://127.0.0.1:8081/pay/cs_test_a1B2?x=1#top").unwrap();
        assert_eq!((sandbox.as_str(), session.as_str()), ("http://127.0.0.1:8081", "cs_test_a1B2"));
        assert!(sandbox_session("http://127.0.0.1:8081/pay/").is_err());
    }

    #[test]
    fn a_forged_token_differs_in_its_signature_only() {
        let token = format!("EF1:{}", "A".repeat(150));
        let forged = forged(&token);
        assert_eq!(forged.len(), token.len());
        assert_eq!(forged.chars().zip(token.chars()).filter(|(a, b)| a != b).count(), 1);
        assert!(forged.starts_with("EF1:"));
    }
}
