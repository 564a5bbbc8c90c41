//! A herd that takes the best seats, again and again, until the house is full: nobody is refused while seats are left.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Platform, list};

/// How long one buyer tries.
const STAMINA: Duration = Duration::from_secs(120);
const BUYERS: u32 = 160;
const SEATS: u32 = 8_000;
const PARTY: u32 = 4;
/// Of a hundred requests made while seats are left, fewer are refused.
const REFUSED_PERCENT: usize = 1;

/// Eighty rows of a hundred in four sections, an aisle in the middle.
fn hall() -> Value {
    let sections: Vec<_> = (0..4)
        .map(|section| {
            let rows: Vec<_> = (0..20)
                .map(|row| {
                    let y = 90 * (section * 20 + row);
                    json!({
                        "label": (row + 1).to_string(), "category": "a", "count": 101,
                        "start": { "x": 0, "y": y }, "end": { "x": 5000, "y": y },
                        "seats": [{ "position": 51, "skip": true }],
                    })
                })
                .collect();
            json!({ "key": format!("S{section}"), "name": format!("Section {section}"), "rows": rows })
        })
        .collect();
    json!({
        "format": "eventflow.seat-map/1", "name": "Hall", "focal_point": { "x": 2500, "y": -500 },
        "categories": [{ "key": "a", "name": "A", "color": "#aa0000" }], "sections": sections,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_sells_the_house_without_refusals() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let rules = json!({ "seat_rules": { "orphans": "strict" }, "hold_ttl_secs": 3_600 });
    let mut event = tenant.draft_event_of(hall(), rules).await;
    event.add_tier(json!({ "name": "Seat", "category": "a" })).await;
    event.publish().await.ok();
    let (event, placed, refused) =
        (Arc::new(event), Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(Vec::new())));
    let api = tenant.api.patient(STAMINA);
    let mut herd = JoinSet::new();
    for buyer in 0..BUYERS {
        let (event, placed, refused) = (event.clone(), placed.clone(), refused.clone());
        let (api, began) = (api.clone(), Instant::now());
        herd.spawn(async move {
            let (mut seats, mut attempt) = (Vec::new(), 0);
            while placed.load(Ordering::Relaxed) < SEATS {
                assert!(began.elapsed() < STAMINA, "{} of {SEATS}", placed.load(Ordering::Relaxed));
                // A busy machine may have held seats and not have said so in time: asked again, it does.
                let api = api.with_key(&format!("herd-{buyer}-{attempt}"));
                let best = json!({ "best_available": { "quantity": PARTY } });
                let answer = api.post(&event.path("/holds"), best).await;
                if answer.status == 503 {
                    answer.check_problem();
                    let secs = answer.header("retry-after").parse().unwrap();
                    tokio::time::sleep(Duration::from_secs(secs)).await;
                    continue;
                }
                attempt += 1;
                if answer.status == 201 {
                    placed.fetch_add(PARTY, Ordering::Relaxed);
                    let items = list(&answer.body, "items").iter();
                    seats.extend(items.map(|item| item["seat"].as_u64().unwrap()));
                    continue;
                }
                answer.check_problem();
                // Seats are left that nobody else is asking for at this moment; or else only the end is an excuse.
                let placed = placed.load(Ordering::Relaxed);
                if placed + BUYERS * PARTY < SEATS || answer.body["code"] != "sold_out" {
                    refused.lock().unwrap().push(format!("at {placed} seats: {answer}"));
                }
            }
            seats
        });
    }
    let mut seats: Vec<u64> = herd.join_all().await.into_iter().flatten().collect();
    let (placed, refused) = (placed.load(Ordering::Relaxed), std::mem::take(&mut *refused.lock().unwrap()));
    assert_eq!(placed, SEATS, "every seat is held");
    seats.sort_unstable();
    seats.dedup();
    assert_eq!(seats.len(), usize::try_from(SEATS).unwrap(), "by one buyer each");
    let asked = usize::try_from(SEATS / PARTY).unwrap() + refused.len();
    assert!(
        refused.len() * 100 < asked * REFUSED_PERCENT,
        "{} of {asked} were refused before the house was full, the last {:?}",
        refused.len(),
        refused.last()
    );
    tenant
        .api
        .post(&event.path("/holds"), json!({ "best_available": { "quantity": 1 } }))
        .await
        .refused(409, "sold_out");
}
