//! The arena: blocks around a stage, in four categories by distance, made through the API as an organizer would.

use std::ops::Range;

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};

use super::SaleTerms;
use crate::{api::text, hall::Hall};

/// A block has rows of this many seats, and this many rows.
const ROW_SEATS: u32 = 25;
const ROWS: u32 = 20;
const BLOCK_SEATS: u32 = ROW_SEATS * ROWS;
/// Blocks beside each other. Units are centimetres.
const BLOCKS_ABREAST: u32 = 10;
const SEAT_PITCH: f64 = 55.0;
const ROW_PITCH: f64 = 90.0;
const AISLE: f64 = 300.0;
/// How much more the front is wanted than the back: the weight of the n-th block is 1 / n to this power.
const HEAT: f64 = 1.0;
const CATEGORIES: [(&str, i64); 4] = [("a", 12_500), ("b", 8_900), ("c", 6_400), ("d", 3_900)];

/// An arena's blocks, the most wanted ones first. Seats are numbered by block, row and place.
#[derive(Debug, Clone)]
pub struct Arena {
    pub seats: u32,
    /// Running sums of the blocks' weights.
    heat: Vec<f64>,
}

impl Arena {
    pub fn new(seats: u32) -> Self {
        let blocks = seats.div_ceil(BLOCK_SEATS);
        let mut sum = 0.0;
        let heat = (1..=blocks)
            .map(|number| {
                sum += f64::from(number).powf(-HEAT);
                sum
            })
            .collect();
        Self { seats, heat }
    }

    /// A block that somebody wants.
    pub fn draw(&self, dice: &mut StdRng) -> u32 {
        let whole = self.heat.last().copied().unwrap_or(1.0);
        let point = dice.random_range(0.0..whole);
        u32::try_from(self.heat.partition_point(|sum| *sum <= point)).unwrap_or(0)
    }

    pub fn key(block: u32) -> String {
        format!("B{}", block + 1)
    }

    /// The seats of each row of a block.
    pub fn rows(&self, block: u32) -> impl Iterator<Item = Range<u32>> {
        let end = ((block + 1) * BLOCK_SEATS).min(self.seats);
        (block * BLOCK_SEATS..end)
            .step_by(ROW_SEATS as usize)
            .map(move |first| first..(first + ROW_SEATS).min(end))
    }

    /// Blocks stand in lines before the stage; a quarter of the lines is a category.
    fn section(&self, block: u32) -> Value {
        let lines = self.blocks().div_ceil(BLOCKS_ABREAST);
        let (line, column) = (block / BLOCKS_ABREAST, block % BLOCKS_ABREAST);
        let category = CATEGORIES[(line * 4 / lines) as usize].0;
        let width = f64::from(ROW_SEATS) * SEAT_PITCH + AISLE;
        let depth = f64::from(ROWS) * ROW_PITCH + AISLE;
        let left = (f64::from(column) - f64::from(BLOCKS_ABREAST) / 2.0) * width;
        let rows: Vec<Value> = (1..)
            .zip(self.rows(block))
            .map(|(number, seats)| {
                let y = 1_000.0 + f64::from(line) * depth + f64::from(number) * ROW_PITCH;
                let right = left + f64::from(seats.end - seats.start - 1) * SEAT_PITCH;
                json!({
                    "label": number.to_string(), "category": category, "count": seats.end - seats.start,
                    "start": { "x": left, "y": y }, "end": { "x": right, "y": y },
                })
            })
            .collect();
        json!({ "key": Self::key(block), "name": format!("Block {}", block + 1), "rows": rows })
    }

    fn blocks(&self) -> u32 {
        self.seats.div_ceil(BLOCK_SEATS)
    }

    fn document(&self) -> Value {
        let sections: Vec<Value> = (0..self.blocks()).map(|block| self.section(block)).collect();
        let used = |key: &str| sections.iter().any(|section| section["rows"][0]["category"] == key);
        let categories: Vec<Value> = CATEGORIES
            .iter()
            .filter(|(key, _)| used(key))
            .map(|(key, _)| json!({ "key": key, "name": format!("Category {key}"), "color": "#aa3300" }))
            .collect();
        json!({
            "format": "eventflow.seat-map/1", "name": format!("Arena of {} seats", self.seats),
            "categories": categories, "focal_point": { "x": 0, "y": 0 }, "sections": sections,
        })
    }

    /// A published event in this arena, warm, whose sale begins at `opens`.
    pub async fn event(&self, hall: &Hall, terms: SaleTerms, opens: DateTime<Utc>) -> Result<String> {
        let document = self.document();
        let categories = document["categories"].as_array().context("no categories")?.clone();
        let map = hall.publish(document).await?;
        let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
        let event = json!({
            "seat_map_id": map, "name": format!("Opening night, {} seats", self.seats),
            "starts_at": at(opens + TimeDelta::days(90)), "ends_at": at(opens + TimeDelta::days(91)),
            "sale_starts_at": at(opens), "max_per_hold": 8, "max_per_buyer": 8,
            "hold_ttl_secs": terms.hold_secs, "checkout_secs": terms.checkout_secs,
        });
        let mut client = hall.client().await?;
        let id = text(&client.post("/v1/events", &event).await?, "/id")?;
        for (key, price) in CATEGORIES {
            if categories.iter().any(|category| category["key"] == key) {
                let tier = json!({
                    "name": format!("Adult, {key}"), "category": key, "price_minor": price, "fee_minor": 250, "tax_rate_bps": 700,
                });
                client.post(&format!("/v1/events/{id}/price-tiers"), &tier).await?;
            }
        }
        client.post(&format!("/v1/events/{id}/publish"), &json!({})).await?;
        hall.warm(&mut client, &id).await?;
        // Whoever waits for the opening has the page open: its plan was made for the first of them.
        client.status("GET", &format!("/v1/events/{id}/plan")).await?;
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_seat_stands_in_one_row_of_one_block() {
        for seats in [500, 2_000, 2_010] {
            let arena = Arena::new(seats);
            let all: Vec<u32> = (0..arena.blocks()).flat_map(|block| arena.rows(block)).flatten().collect();
            assert_eq!(all, (0..seats).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_blocks_are_wanted_most() {
        let (arena, mut dice) = (Arena::new(20_000), StdRng::seed_from_u64(1));
        let mut drawn = vec![0; 40];
        for _ in 0..10_000 {
            drawn[arena.draw(&mut dice) as usize] += 1;
        }
        assert!(drawn[0] > 2 * drawn[3] && drawn[3] > 2 * drawn[20] && drawn[39] > 0, "{drawn:?}");
    }
}
