//! What was told: the moves of each order (I8), the answers that clients got (I10), the scans that were taken (I16).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Result, bail};
use eventflow_core::{Id, id, order::OrderState};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Found, rows, text};

/// What the audit log says of one order.
#[derive(Default)]
struct Told {
    moves: Vec<Value>,
    /// When anything was told.
    at: BTreeSet<String>,
}

/// I8: the audit log tells a way through the graph of states that ends where the order is.
pub async fn check_moves(found: &mut Found, url: &str) -> Result<()> {
    let orders = rows(url, "SELECT id, tenant_id, state, closed_at FROM orders").await?;
    let log = "SELECT tenant_id, object_id, at, action, detail ->> 'from' AS was, detail ->> 'to' AS became
        FROM audit_log WHERE object_id LIKE 'ord\\_%' ORDER BY xact_id, id";
    let mut told: HashMap<(String, String), Told> = HashMap::new();
    for row in rows(url, log).await? {
        let order = told.entry((text(&row, "tenant_id").into(), text(&row, "object_id").into())).or_default();
        order.at.insert(text(&row, "at").into());
        if matches!(text(&row, "action"), "orders.create" | "orders.move" | "orders.settle") {
            order.moves.push(json!([row["action"], row["was"], row["became"]]));
        }
    }
    found.looked_at("I8", "orders", u64::try_from(orders.len())?);
    for mut row in orders {
        // The audit log names objects as the API does.
        let name = Id::<id::Order>::from(text(&row, "id").parse::<Uuid>()?).to_string();
        let told = told.remove(&(text(&row, "tenant_id").into(), name)).unwrap_or_default();
        // Both are the moment of one transaction, by the clock of Postgres.
        let is_timed = row["closed_at"].is_null() || told.at.contains(text(&row, "closed_at"));
        row["moves"] = Value::Array(told.moves);
        if let Err(what) = follow(&row) {
            found.wrong("I8", format!("{what}: {row}"));
        }
        if !is_timed {
            found.wrong("I8", format!("an order that ended when nothing moved: {row}"));
        }
    }
    Ok(())
}

fn follow(row: &Value) -> Result<(), String> {
    let mut state: Option<OrderState> = None;
    for step in row["moves"].as_array().into_iter().flatten() {
        let (action, from) = (step[0].as_str().unwrap_or_default(), step[1].as_str());
        let next: OrderState =
            step[2].as_str().unwrap_or_default().parse().map_err(|_| format!("odd move {step}"))?;
        match (state, action) {
            (None, "orders.create") if next == OrderState::Pending => {}
            (Some(now), "orders.move") if from == Some(now.as_str()) && now.can_become(next) => {}
            (Some(now), "orders.settle") if now.can_become(next) => {}
            _ => return Err(format!("{step} after {state:?}")),
        }
        state = Some(next);
    }
    match state {
        Some(state) if row["state"] == state.as_str() => Ok(()),
        state => Err(format!("the last move leads to {state:?}")),
    }
}

/// I10: one key, one effect, one answer.
pub async fn check_acknowledged(found: &mut Found, url: &str, answers: &[(String, Value)]) -> Result<()> {
    found.looked_at("I10", "acknowledged answers", u64::try_from(answers.len())?);
    let mut first: BTreeMap<&str, &Value> = BTreeMap::new();
    for (key, answer) in answers {
        let known = first.entry(key).or_insert(answer);
        if *known != answer {
            found.wrong("I10", format!("the key {key} was answered with {known} and with {answer}"));
        }
    }
    let mut keys: BTreeMap<String, &str> = BTreeMap::new();
    for (key, answer) in first {
        let Some(id) = answer["id"].as_str() else {
            found.wrong("I10", format!("the key {key} was answered without an object: {answer}"));
            continue;
        };
        if let Some(other) = keys.insert(id.to_owned(), key) {
            found.wrong("I10", format!("the keys {other} and {key} made the same object {id}"));
        }
        let table = match id.split('_').next() {
            Some("ord") => "orders",
            Some("ref") => "refunds",
            _ => continue,
        };
        let uuid = uuid_of(id)?;
        let there = rows(url, &format!("SELECT id FROM {table} WHERE id = '{uuid}'")).await?;
        if there.len() != 1 {
            found.wrong("I10", format!("{id} was acknowledged under {key} and does not exist"));
        }
        let stored =
            rows(url, &format!("SELECT subject_id FROM idempotency_keys WHERE key = '{key}'")).await?;
        let subjects: Vec<_> = stored.iter().filter_map(|row| row["subject_id"].as_str()).collect();
        if subjects.iter().any(|subject| *subject != uuid.to_string()) {
            found.wrong("I10", format!("the key {key} stands for {subjects:?} and was answered with {id}"));
        }
    }
    Ok(())
}

/// I16: an upload that was answered is stored, each of its scans once, as it was answered.
pub async fn check_scans(found: &mut Found, url: &str, scans: &[(Uuid, String)]) -> Result<()> {
    found.looked_at("I16", "acknowledged scans", u64::try_from(scans.len())?);
    let mut stored: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for row in rows(url, "SELECT client_id, outcome FROM scans").await? {
        stored.entry(text(&row, "client_id").parse()?).or_default().push(text(&row, "outcome").to_owned());
    }
    for (scan, outcome) in scans {
        let there = stored.get(scan).map(Vec::as_slice).unwrap_or_default();
        if there != [outcome.clone()] {
            found.wrong(
                "I16",
                format!("the scan {scan} was answered with {outcome}, and stored as {there:?}"),
            );
        }
    }
    Ok(())
}

/// The UUID in an id of the API.
pub fn uuid_of(id: &str) -> Result<Uuid> {
    Ok(match id.split('_').next() {
        Some("ord") => id.parse::<Id<id::Order>>()?.uuid(),
        Some("ref") => id.parse::<Id<id::Refund>>()?.uuid(),
        Some("evt") => id.parse::<Id<id::Event>>()?.uuid(),
        Some("log") => id.parse::<Id<id::LogEntry>>()?.uuid(),
        Some("whk") => id.parse::<Id<id::WebhookEndpoint>>()?.uuid(),
        Some("hold") => id.parse::<Id<id::Hold>>()?.uuid(),
        _ => bail!("an id of another kind: {id}"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moves_make_a_way_or_do_not() {
        let row = |moves: Value, state: &str| json!({ "moves": moves, "state": state });
        let made = json!(["orders.create", null, "pending"]);
        let settled = json!(["orders.settle", null, "paid"]);
        let refunded = json!(["orders.move", "paid", "refunded"]);
        let good = row(json!([made, settled, refunded]), "refunded");
        assert_eq!(follow(&good), Ok(()));
        let mixed = row(json!([refunded, settled, made]), "refunded");
        assert!(follow(&mixed).is_err());
        for bad in [
            row(json!([made, settled]), "refunded"),
            row(json!([settled, refunded]), "refunded"),
            row(json!([made, refunded]), "refunded"),
            row(json!([made, settled, json!(["orders.move", "paid", "pending"])]), "pending"),
        ] {
            assert!(follow(&bad).is_err(), "{bad}");
        }
    }
}
