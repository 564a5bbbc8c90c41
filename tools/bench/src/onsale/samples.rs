//! What is so in each second of a sale: seats by state, who is there, what every program uses.

use std::time::Duration;

use anyhow::{Result, bail};
use eventflow_core::seat_map::{SeatStatus, Snapshot};

use super::{
    Sale,
    visitor::{self, Ask, Visitor},
};
use crate::process::{Cpu, Memory, cpu, memory};

const PERIOD: Duration = Duration::from_secs(1);
/// Memory is looked at in every so-many-th sample: the kernel walks all pages of Postgres for it, which stand still meanwhile.
const MEMORY_EVERY: u32 = 5;

#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Seconds since the opening.
    pub at: f64,
    pub free: u32,
    pub held: u32,
    pub sold: u32,
    /// Buyers who are there, and streams that are open.
    pub buyers: u64,
    pub streams: u64,
    /// CPU seconds since the programs began.
    pub cpu: Cpu,
    pub memory: Memory,
}

/// The states of all seats, as anybody may read them.
pub struct Seats<'a> {
    sale: &'a Sale,
    visitor: Visitor,
    path: String,
    /// Samples taken, and the memory of the last one that looked.
    taken: u32,
    memory: Memory,
}

impl<'a> Seats<'a> {
    pub fn new(sale: &'a Sale) -> Self {
        let visitor = Visitor::new(sale.server, visitor::address(sale.first_visitor + sale.crowd));
        Self {
            sale,
            visitor,
            path: format!("/v1/events/{}/availability.bin", sale.event),
            taken: 0,
            memory: Memory::default(),
        }
    }

    pub async fn sample(&mut self) -> Result<Sample> {
        let answer = self.visitor.ask(&Ask::get(&self.path, &self.sale.key)).await?;
        if answer.status != 200 {
            bail!("availability: {}", answer.code());
        }
        let (server, looks) = (self.sale.server_id, self.taken.is_multiple_of(MEMORY_EVERY));
        // Files that take a while: buyers are sent on their way by the thread at hand.
        let (cpu, looked) =
            tokio::task::spawn_blocking(move || (cpu(server), looks.then(|| memory(server)))).await?;
        self.memory = looked.unwrap_or(self.memory);
        self.taken += 1;
        let statuses = Snapshot::decode(&answer.unpacked()?)?.statuses;
        let count = |status| statuses.count(status);
        Ok(Sample {
            at: self.sale.record.opened.elapsed().as_secs_f64(),
            free: count(SeatStatus::Free),
            held: count(SeatStatus::Held),
            sold: count(SeatStatus::Sold),
            buyers: self.sale.here(),
            streams: self.sale.lags.open(),
            cpu,
            memory: self.memory,
        })
    }
}

/// A sample each second, from the opening until the sale is over. Ends it itself when all seats are sold or the time is.
pub async fn take(sale: &Sale, limit: Duration) -> Result<Vec<Sample>> {
    let mut seats = Seats::new(sale);
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut samples = Vec::new();
    loop {
        ticks.tick().await;
        let sample = seats.sample().await?;
        samples.push(sample);
        if sample.sold == sale.arena.seats || sale.record.opened.elapsed() >= limit || sale.everybody_left() {
            sale.end();
            return Ok(samples);
        }
    }
}
