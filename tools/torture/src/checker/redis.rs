//! I14: what Redis believes, beside what Postgres knows.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use serde_json::Value;
use uuid::Uuid;

use super::{Found, Places, number, rows, text};

/// I14: Redis knows every claim, sale, block and count, and nothing else but holds.
/// `drained`: the servers have ended, and nothing is tidied up any more.
pub async fn check(found: &mut Found, places: &Places<'_>, drained: bool) -> Result<()> {
    let url = places.postgres_url;
    let claims =
        rows(url, "SELECT event_id, seat_index, order_id, state FROM seat_claims WHERE state <> 'released'");
    let blocks = rows(url, "SELECT event_id, seat_index FROM seat_blocks");
    let pools = rows(url, "SELECT event_id, area_index, capacity, taken FROM ga_pools");
    let (claims, blocks, pools) = (claims.await?, blocks.await?, pools.await?);
    let client = redis::Client::open(places.redis_url)?;
    let mut redis = client.get_multiplexed_async_connection().await?;
    for event in rows(url, "SELECT id FROM events WHERE state <> 'draft'").await? {
        let event: Uuid = text(&event, "id").parse()?;
        let of_event = |row: &&Value| text(row, "event_id").parse() == Ok(event);
        let key = |name: &str| format!("{{{}}}:{name}", event.simple());
        let boot: Option<String> = redis::cmd("GET").arg(key("boot")).query_async(&mut redis).await?;
        if boot.is_none() {
            // Forgotten as a whole: the next request teaches it everything. In the end there was one.
            if drained {
                found.wrong("I14", format!("Redis knows nothing of {event}"));
            }
            continue;
        }
        let mut expected: BTreeMap<i64, String> =
            blocks.iter().filter(of_event).map(|row| (number(row, "seat_index"), "b".to_owned())).collect();
        for claim in claims.iter().filter(of_event) {
            let kind = if claim["state"] == "sold" { 's' } else { 'c' };
            let order: Uuid = text(claim, "order_id").parse()?;
            expected.insert(number(claim, "seat_index"), format!("{kind}:{}", order.simple()));
        }
        let seats: HashMap<i64, String> =
            redis::cmd("HGETALL").arg(key("seats")).query_async(&mut redis).await?;
        found.looked_at("I14", "seats in Redis", u64::try_from(seats.len())?);
        for (seat, value) in &expected {
            if seats.get(seat) != Some(value) {
                let known = seats.get(seat);
                found.wrong(
                    "I14",
                    format!("seat {seat} of {event} is {value} in Postgres and {known:?} in Redis"),
                );
            }
        }
        let (now, _): (u64, u64) = redis::cmd("TIME").query_async(&mut redis).await?;
        for (seat, value) in &seats {
            let hold =
                value.split_once(':').and_then(|(expiry, hold)| Some((expiry.parse::<u64>().ok()?, hold)));
            if let Some((expiry, hold)) = hold {
                let is_there: bool =
                    redis::cmd("EXISTS").arg(key(&format!("hold:{hold}"))).query_async(&mut redis).await?;
                // Nobody ever gives back what a hold keeps that is not there.
                if drained && expiry > now * 1_000 && !is_there {
                    found.wrong("I14", format!("seat {seat} of {event} is kept by {hold}, which is no hold"));
                }
            }
            if hold.is_none() && !expected.contains_key(seat) {
                found
                    .wrong("I14", format!("seat {seat} of {event} is free in Postgres and {value} in Redis"));
            }
        }
        let counts: HashMap<String, i64> =
            redis::cmd("HGETALL").arg(key("ga")).query_async(&mut redis).await?;
        let held = held_places(&mut redis, &key("")).await?;
        for pool in pools.iter().filter(of_event) {
            let area = number(pool, "area_index");
            let count = |name: &str| counts.get(&format!("{name}:{area}")).copied().unwrap_or_default();
            let known = (Some(count("cap")), Some(count("taken")), count("held"));
            let truth = (
                pool["capacity"].as_i64(),
                pool["taken"].as_i64(),
                held.get(&area).copied().unwrap_or_default(),
            );
            if known != truth {
                found.wrong(
                    "I14",
                    format!(
                        "area {area} of {event}: capacity, taken, held are {truth:?} and {known:?} in Redis"
                    ),
                );
            }
        }
    }
    Ok(())
}

/// Places of areas in the holds that Redis still lists.
async fn held_places(
    redis: &mut redis::aio::MultiplexedConnection,
    prefix: &str,
) -> Result<HashMap<i64, i64>> {
    let holds: Vec<String> =
        redis::cmd("ZRANGE").arg(format!("{prefix}holds")).arg(0).arg(-1).query_async(redis).await?;
    let mut held = HashMap::new();
    for hold in holds {
        let key = format!("{prefix}hold:{hold}");
        let areas: Option<String> = redis::cmd("HGET").arg(key).arg("g").query_async(redis).await?;
        for (area, quantity) in areas.unwrap_or_default().split(',').filter_map(|pair| pair.split_once(':')) {
            *held.entry(area.parse()?).or_default() += quantity.parse::<i64>()?;
        }
    }
    Ok(held)
}
