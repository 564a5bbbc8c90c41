//! Prices that plugins change, checked as a buyer sees them: each change is itemised, and an order costs what its hold said.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Step;
use super::api::{Api, list, text};
use super::sale::order_of;
use super::seed::Seed;
use super::server::Server;

/// From so many tickets on the group discount of `plugins.json` counts.
const GROUP: usize = 4;

pub fn run(server: &Server, seed: &Seed, step: Step<'_>) -> Result<()> {
    let shop = Api::new(server.url(), &seed.publishable_key);
    let organizer = Api::new(server.url(), &seed.secret_key);

    let hold = step("a hold of the club night says what its prices come of", &mut || {
        let places = json!({ "items": [{ "ga_area": "club", "quantity": 2 }], "locale": "en" });
        let hold = shop.post(&format!("/v1/events/{}/holds", seed.party_id), &places)?;
        check_itemised(&hold, 2)?;
        Ok(hold)
    })?;
    let total = number(&hold, "/totals/total_minor");
    let mut order = order_of(&hold, server)?;

    step("an order at another price is refused", &mut || {
        order["expected_total_minor"] = json!(total + 1);
        let refusal = shop.refused("/v1/orders", &order, 409)?;
        ensure!(refusal["code"] == "price_changed", "not refused for its price: {refusal}");
        Ok(refusal)
    })?;

    let made = step("the order costs what the hold said", &mut || {
        order["expected_total_minor"] = json!(total);
        let made = shop.post("/v1/orders", &order)?;
        check_itemised(&made, 2)?;
        ensure!(made["totals"] == hold["totals"], "the hold said {}: {made}", hold["totals"]);
        ensure!(made["adjustments"] == hold["adjustments"], "the hold said {}: {made}", hold["adjustments"]);
        // Given back, so that the next check finds the house as this one did.
        organizer.post(&format!("/v1/orders/{}/cancel", text(&made, "/id")?), &json!({}))
    })?;
    ensure!(matches!(made["state"].as_str(), Some("cancelled" | "expired")), "not cancelled: {made}");

    step("a group of the concert pays less", &mut || {
        let places = json!({ "items": [{ "ga_area": "stehparkett", "quantity": GROUP }], "locale": "en" });
        let hold = shop.post(&format!("/v1/events/{}/holds", seed.concert_id), &places)?;
        check_itemised(&hold, GROUP)?;
        let cheaper = list(&hold, "/items")?
            .iter()
            .all(|item| number(item, "/total_minor") < number(item, "/list_total_minor"));
        ensure!(cheaper, "no discount for {GROUP} tickets: {hold}");
        organizer.delete(&format!("/v1/holds/{}?event_id={}", text(&hold, "/id")?, seed.concert_id))?;
        Ok(hold)
    })?;
    Ok(())
}

/// Every one of `count` items was changed, and its changes, each with a label, explain its price to the cent.
fn check_itemised(priced: &Value, count: usize) -> Result<()> {
    let (items, adjustments) = (list(priced, "/items")?, list(priced, "/adjustments")?);
    ensure!(items.len() == count, "not {count} items: {priced}");
    for (position, item) in items.iter().enumerate() {
        let of_item: Vec<&Value> =
            adjustments.iter().filter(|one| one["item"].as_u64() == u64::try_from(position).ok()).collect();
        ensure!(!of_item.is_empty(), "no plugin has changed item {position}: {priced}");
        for one in &of_item {
            ensure!(!text(one, "/label")?.is_empty(), "a change without a label: {priced}");
        }
        let changes: i64 = of_item.iter().map(|one| number(one, "/amount_minor")).sum();
        let (listed, total) = (number(item, "/list_total_minor"), number(item, "/total_minor"));
        ensure!(listed + changes == total, "{listed} and {changes} are not {total}: {priced}");
    }
    let sum: i64 = items.iter().map(|item| number(item, "/total_minor")).sum();
    ensure!(sum == number(priced, "/totals/total_minor"), "the items come to {sum}: {priced}");
    Ok(())
}

/// The number at a JSON pointer, or one that fits nothing.
fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(i64::MIN / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_must_explain_the_price() {
        let mut priced = json!({
            "items": [{ "list_total_minor": 2550, "total_minor": 2070 }],
            "adjustments": [{ "item": 0, "label": "Early bird", "amount_minor": -480 }],
            "totals": { "total_minor": 2070 },
        });
        check_itemised(&priced, 1).unwrap();
        assert!(check_itemised(&priced, 2).is_err());
        priced["adjustments"][0]["amount_minor"] = json!(-479);
        assert!(check_itemised(&priced, 1).is_err());
        priced["adjustments"] = json!([]);
        assert!(check_itemised(&priced, 1).is_err());
    }
}
