//! What breaks when: drawn from a seed, kept as JSON, and replayed from it.

use std::{collections::BTreeSet, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{partner::Manner, proxy::Link, shop};

/// The first fault comes when there is something to break.
const CALM_AT_FIRST_MS: u64 = 800;
/// The last one begins so long before the end.
const CALM_AT_LAST_MS: u64 = 700;
/// A schedule of more steps than this is not for a run of ours.
const STEPS_MAX: u64 = 2_000;
/// Faults follow each other like this, however long the run.
const PAUSE_MS: u64 = 600;

/// What a server depends on, or is reached by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    Postgres,
    Redis,
    Stripe,
    /// From clients to the server.
    Clients,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    KillServer {
        server: usize,
        down_ms: u64,
    },
    RestartServer {
        server: usize,
    },
    PauseServer {
        server: usize,
        ms: u64,
    },
    RedisLoss,
    RedisFlush,
    /// Of one hold, at the moment when its order is being written; its place, a seat or the only one of an area, is held and
    /// ordered again at the other server.
    Rivals {
        shop: usize,
        #[serde(default)]
        is_standing: bool,
    },
    /// An order is closed by mistake, its seat perhaps sold to somebody else, and the order is paid.
    LatePayment {
        shop: usize,
        is_taken: bool,
    },
    RedisHang {
        ms: u64,
    },
    PostgresCrash {
        down_ms: u64,
    },
    PostgresReadOnly {
        ms: u64,
    },
    DiskFull {
        ms: u64,
    },
    Wire {
        wire: Wire,
        server: usize,
        link: Link,
        ms: u64,
    },
    /// A rule of the sandbox, with how often it strikes.
    Sandbox {
        rule: Value,
    },
    ClockSkew {
        secs: i64,
        ms: u64,
    },
    /// A program that webhooks are sent to.
    Partner {
        program: usize,
        manner: Manner,
        ms: u64,
    },
}

/// Kinds that `--faults` chooses from, each with the fault of the plan that it is and what it does.
pub const KINDS: &[(&str, &str, &str)] = &[
    ("kill", "F1", "kill -9 of a server"),
    ("redis-loss", "F2", "Redis loses its memory, also while a seat is being ordered"),
    ("redis-hang", "F3", "Redis stands still"),
    ("postgres-crash", "F4", "Postgres stops at once"),
    ("slow", "F5", "a slow link to Postgres or Redis"),
    ("stripe", "F6", "the provider fails, is slow, or its answers get lost"),
    ("webhooks", "F7", "webhooks lost, doubled, overtaken, badly signed, stale"),
    ("late", "F8", "an order is closed by mistake, and paid afterwards"),
    ("clock", "F9", "the clock of one server is an hour off"),
    ("clients", "F10", "clients' connections drip, break, are reset"),
    ("restart", "F11", "rolling restarts, and a server that stands still"),
    ("disk", "F12", "the disk is full, the database read-only"),
    ("partner", "F13", "receivers of webhooks slow, silent, failing, redirecting, gone"),
    ("network", "F1", "links to Postgres, Redis and Stripe cut, reset, silent"),
];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub at_ms: u64,
    #[serde(flatten)]
    pub fault: Fault,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    pub seed: u64,
    pub seconds: u64,
    pub buyers: usize,
    pub steps: Vec<Step>,
}

impl Fault {
    /// Whether what a server has just done may be lost: it dies, or cannot write it down.
    pub fn interrupts(&self) -> bool {
        match self {
            Self::Wire { wire, .. } => *wire == Wire::Postgres,
            Self::KillServer { .. }
            | Self::RestartServer { .. }
            | Self::PauseServer { .. }
            | Self::PostgresCrash { .. }
            | Self::PostgresReadOnly { .. }
            | Self::DiskFull { .. }
            | Self::Rivals { .. } => true,
            _ => false,
        }
    }

    /// The kind in [`KINDS`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::KillServer { .. } => "kill",
            Self::RestartServer { .. } | Self::PauseServer { .. } => "restart",
            Self::RedisLoss | Self::RedisFlush | Self::Rivals { .. } => "redis-loss",
            Self::LatePayment { .. } => "late",
            Self::RedisHang { .. } => "redis-hang",
            Self::PostgresCrash { .. } => "postgres-crash",
            Self::PostgresReadOnly { .. } | Self::DiskFull { .. } => "disk",
            Self::Wire { wire: Wire::Clients, .. } => "clients",
            Self::Wire { link: Link::Slow(_) | Link::Drips, wire, .. } if *wire != Wire::Stripe => "slow",
            Self::Wire { .. } => "network",
            Self::Sandbox { rule } if rule["fault"].as_str().is_some_and(|f| f.starts_with("webhook")) => {
                "webhooks"
            }
            Self::Sandbox { .. } => "stripe",
            Self::ClockSkew { .. } => "clock",
            Self::Partner { .. } => "partner",
        }
    }
}

impl Schedule {
    /// Every kind of fault that was asked for, again and again in an order of chance; the same for the same seed.
    pub fn draw(seed: u64, length: Duration, buyers: usize, kinds: &BTreeSet<&str>) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let room = length_ms.saturating_sub(CALM_AT_FIRST_MS + CALM_AT_LAST_MS);
        // In a short run faults come thicker, so that each of them comes.
        let at_once = u64::try_from(deck(&mut dice, kinds).len()).unwrap_or(1).max(1);
        let count = (room / PAUSE_MS).max(at_once).min(STEPS_MAX);
        let mut steps = Vec::new();
        let mut deck: Vec<Fault> = Vec::new();
        for number in 0..count {
            if deck.is_empty() {
                deck = self::deck(&mut dice, kinds);
                deck.shuffle(&mut dice);
            }
            let Some(fault) = deck.pop() else { break };
            let pause = (room / count).max(1);
            let at_ms = CALM_AT_FIRST_MS + pause * number + dice.random_range(0..pause);
            steps.push(Step { at_ms, fault });
        }
        Self { seed, seconds: length.as_secs(), buyers, steps }
    }
}

/// One of each.
fn deck(dice: &mut StdRng, kinds: &BTreeSet<&str>) -> Vec<Fault> {
    let server = |dice: &mut StdRng| dice.random_range(0..2);
    let mut deck = Vec::new();
    for _ in 0..2 {
        deck.push(Fault::KillServer { server: server(dice), down_ms: dice.random_range(50..900) });
    }
    deck.push(Fault::RestartServer { server: server(dice) });
    deck.push(Fault::PauseServer { server: server(dice), ms: dice.random_range(200..2_000) });
    deck.extend([
        Fault::RedisLoss,
        Fault::RedisFlush,
        Fault::Rivals { shop: server(dice), is_standing: false },
        Fault::Rivals { shop: server(dice), is_standing: true },
        Fault::RedisHang { ms: dice.random_range(300..2_500) },
    ]);
    for is_taken in [false, true] {
        deck.push(Fault::LatePayment { shop: server(dice), is_taken });
    }
    deck.push(Fault::PostgresCrash { down_ms: dice.random_range(50..700) });
    deck.push(Fault::PostgresReadOnly { ms: dice.random_range(200..900) });
    deck.push(Fault::DiskFull { ms: dice.random_range(100..600) });
    let links = [
        (Wire::Postgres, Link::Slow(dice.random_range(20..150))),
        (Wire::Redis, Link::Slow(dice.random_range(20..250))),
        (Wire::Stripe, Link::Slow(dice.random_range(50..400))),
        (Wire::Postgres, Link::Reset),
        (Wire::Redis, Link::Cut),
        (Wire::Stripe, Link::Reset),
        (Wire::Postgres, Link::BlackHole),
        (Wire::Redis, Link::BlackHole),
        (Wire::Stripe, Link::BlackHole),
        (Wire::Clients, Link::Reset),
        (Wire::Clients, Link::Drips),
    ];
    for (wire, link) in links {
        // Silence shorter than what anybody waits for is only slow.
        let ms = if link == Link::BlackHole { 500..6_000 } else { 150..1_500 };
        deck.push(Fault::Wire { wire, server: server(dice), link, ms: dice.random_range(ms) });
    }
    let hour = if dice.random_bool(0.5) { 3_600 } else { -3_600 };
    deck.push(Fault::ClockSkew { secs: hour, ms: dice.random_range(1_500..4_000) });
    let manners = [
        Manner::Slow(dice.random_range(100..2_500)),
        Manner::Silent,
        Manner::Status(503),
        Manner::Status(429),
        Manner::Status(410),
        Manner::Redirects,
        Manner::HangsUp,
    ];
    // In turn: whoever was left alone after failures is met only when that is over.
    let first = dice.random_range(0..shop::PROGRAMS);
    for (number, manner) in manners.into_iter().enumerate() {
        let program = (first + number) % shop::PROGRAMS;
        deck.push(Fault::Partner { program, manner, ms: dice.random_range(300..2_500) });
    }
    let next = |dice: &mut StdRng| dice.random_range(1..5);
    for fault in ["api_error_after_effect", "api_error_before_effect", "api_unavailable", "api_rate_limited"]
    {
        deck.push(Fault::Sandbox { rule: json!({ "fault": fault, "next": next(dice) }) });
    }
    for fault in ["api_locked", "api_reset_before", "api_reset_after"] {
        deck.push(Fault::Sandbox {
            rule: json!({ "fault": fault, "match": "POST /v1/", "next": next(dice) }),
        });
    }
    deck.push(Fault::Sandbox { rule: json!({ "fault": "api_latency", "ms": 700, "next": 3 }) });
    for refunds in ["api_error_after_effect", "api_reset_after"] {
        deck.push(Fault::Sandbox {
            rule: json!({ "fault": refunds, "match": "POST /v1/refunds", "next": 2 }),
        });
    }
    let webhooks = [
        json!({ "fault": "webhook_duplicate", "copies": 4, "next": 6 }),
        json!({ "fault": "webhook_reorder", "ms": 2_000, "next": 12 }),
        json!({ "fault": "webhook_delay", "ms": 4_000, "next": 5 }),
        json!({ "fault": "webhook_drop", "next": 5 }),
        json!({ "fault": "webhook_wrong_secret", "next": 3 }),
        json!({ "fault": "webhook_two_v1", "next": 3 }),
        json!({ "fault": "webhook_old_timestamp", "secs": 420, "next": 3 }),
        json!({ "fault": "webhook_old_timestamp", "secs": -420, "next": 2 }),
        json!({ "fault": "webhook_forge", "next": 3 }),
    ];
    deck.extend(webhooks.into_iter().map(|rule| Fault::Sandbox { rule }));
    deck.retain(|fault| kinds.contains(fault.kind()));
    deck
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_again_and_everything_once() {
        let all: BTreeSet<&str> = KINDS.iter().map(|(kind, ..)| *kind).collect();
        let draw = |seed| Schedule::draw(seed, Duration::from_secs(15), 20, &all);
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let kinds: BTreeSet<&str> = draw(7).steps.iter().map(|step| step.fault.kind()).collect();
        assert_eq!(kinds, all, "each kind comes, also in a short run");
        let text = serde_json::to_string(&draw(7)).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), draw(7), "the file is the schedule");
        let some = BTreeSet::from(["clock"]);
        let steps = Schedule::draw(7, Duration::from_secs(60), 20, &some).steps;
        assert!(!steps.is_empty() && steps.iter().all(|step| step.fault.kind() == "clock"));
    }
}
