//! Virtual scanners: they scan without a network, upload late and more than once, and meet tickets that another one has let
//! in.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{client::Ask, shop::Shop, world::World};

/// A scanner's clock may be off by so much.
const CLOCK_SECS: i64 = 240;

/// Scans until the end, and uploads what is left then.
pub async fn run(world: &World, shop: &Shop, number: usize, end: Instant) {
    let seed = world.seed.wrapping_mul(7_919) + u64::try_from(number).unwrap_or_default();
    let mut dice = StdRng::seed_from_u64(seed);
    let clock = TimeDelta::seconds(dice.random_range(-CLOCK_SECS..CLOCK_SECS));
    let token = &shop.scanners[number % shop.scanners.len()];
    let mut batch: Vec<(Uuid, bool, Value)> = Vec::new();
    loop {
        let over = Instant::now() >= end;
        let codes = world.client.history.with(|seen| seen.codes.clone());
        for _ in 0..dice.random_range(1..5) {
            // Those that came last are at the door of several scanners at once.
            let recent = &codes[codes.len().saturating_sub(12)..];
            let Some(code) = recent.choose(&mut dice).filter(|_| !over) else { continue };
            let forged = dice.random_range(0..100) < 10;
            let code = if forged { forge(code) } else { code.clone() };
            let id = Uuid::now_v7();
            let at = (Utc::now() + clock).to_rfc3339();
            batch.push((id, forged, json!({ "id": id, "token": code, "scanned_at": at })));
        }
        let online = dice.random_range(0..100) < 40;
        if (over || online) && !batch.is_empty() {
            for _ in 0..dice.random_range(1..4) {
                upload(world, token, dice.random_range(0..2), &batch).await;
            }
            batch.clear();
        }
        if over {
            return;
        }
        tokio::time::sleep(Duration::from_millis(dice.random_range(100..600))).await;
    }
}

/// Another code with the same signature.
fn forge(code: &str) -> String {
    let mut characters: Vec<char> = code.chars().collect();
    if let Some(character) = characters.get_mut(20) {
        *character = if *character == 'A' { 'B' } else { 'A' };
    }
    characters.into_iter().collect()
}

async fn upload(world: &World, token: &str, server: usize, batch: &[(Uuid, bool, Value)]) {
    let scans: Vec<&Value> = batch.iter().map(|(_, _, scan)| scan).collect();
    let body = Some(json!({ "scans": scans }));
    let ask = Ask { method: Method::POST, path: "/v1/check-ins", token, key: None, body };
    let history = &world.client.history;
    let Some(answer) = world.client.ask(server, ask).await else { return };
    if !answer.is_good() {
        history.count(&format!("uploads refused: {}", answer.code()));
        return;
    }
    history.count("uploads of scans");
    let results = answer.body["results"].as_array().cloned().unwrap_or_default();
    if results.len() != batch.len() {
        history.wrong("I16", format!("{} scans were uploaded and {} answered", batch.len(), results.len()));
    }
    for ((id, forged, _), result) in batch.iter().zip(&results) {
        let outcome = result["outcome"].as_str().unwrap_or_default();
        history.with(|seen| seen.scans.push((*id, outcome.to_owned())));
        if *forged && outcome != "refused" {
            history.wrong("I16", format!("the forged code of scan {id} was {outcome}"));
        }
    }
}
