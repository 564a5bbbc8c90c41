//! Rate limits: GCRA in Redis, shared by all servers. Each server takes a few requests at a time on lease, so that a
//! busy key costs one round trip per lease and not per request; a bucket of the process stands in when Redis is down.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use dashmap::DashMap;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};

use super::Gate;

/// Requests per second, and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    pub per_sec: NonZeroU32,
    pub burst: NonZeroU32,
}

/// What the limiter says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub allowed: bool,
    pub remaining: u32,
    /// Seconds until a refused request may come again; at least 1.
    pub retry_after_secs: u32,
}

/// A lease that is not used up in this time is dropped: other servers may need the room.
const LEASE_TIME: Duration = Duration::from_secs(1);
/// The part of the burst that one lease takes: a twentieth.
const LEASE_DIVISOR: u32 = 20;
/// Above this many keys the leases are swept.
const LEASES_MAX: usize = 50_000;
/// Buckets of this process are tidied up at every so-manieth check at most.
const TIDY_EVERY: u32 = 4_096;

static GCRA: LazyLock<redis::Script> = LazyLock::new(|| redis::Script::new(include_str!("gcra.lua")));

struct Lease {
    left: u32,
    remaining: u32,
    until: Instant,
}

/// Buckets of this process alone.
type Buckets = RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

pub struct Limiter {
    gate: Gate,
    leases: DashMap<String, Lease>,
    here: DashMap<Limit, Arc<Buckets>>,
    checks_here: AtomicU32,
}

impl Limiter {
    pub fn new(gate: Gate) -> Self {
        Self { gate, leases: DashMap::new(), here: DashMap::new(), checks_here: AtomicU32::new(0) }
    }

    /// Counts one request of `key`.
    pub async fn check(&self, key: &str, limit: Limit) -> Verdict {
        let now = Instant::now();
        if let Some(mut lease) = self.leases.get_mut(key)
            && lease.left > 0
            && lease.until > now
        {
            lease.left -= 1;
            return Verdict { allowed: true, remaining: lease.remaining + lease.left, retry_after_secs: 0 };
        }
        let asked = (limit.burst.get() / LEASE_DIVISOR).max(1);
        let interval_us = (1_000_000.0 / f64::from(limit.per_sec.get())).max(0.001);
        let mut invocation = GCRA.prepare_invoke();
        invocation.key(format!("rl:{key}")).arg(interval_us).arg(limit.burst.get()).arg(asked);
        match self.gate.run::<(u32, u32, u64)>(&invocation).await {
            Ok((0, _, wait_us)) => {
                let secs = u32::try_from(wait_us.div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1);
                Verdict { allowed: false, remaining: 0, retry_after_secs: secs }
            }
            Ok((granted, remaining, _)) => {
                if self.leases.len() > LEASES_MAX {
                    self.leases.retain(|_, lease| lease.until > now);
                }
                let lease = Lease { left: granted - 1, remaining, until: now + LEASE_TIME };
                self.leases.insert(key.to_owned(), lease);
                Verdict { allowed: true, remaining: remaining + granted - 1, retry_after_secs: 0 }
            }
            Err(_) => self.check_here(key, limit),
        }
    }

    /// Counts one request of `key` at this server alone, without asking Redis.
    pub fn check_here(&self, key: &str, limit: Limit) -> Verdict {
        let buckets = self.buckets(limit);
        let count = self.checks_here.fetch_add(1, Ordering::Relaxed);
        if count.is_multiple_of(TIDY_EVERY) && buckets.len() > LEASES_MAX {
            buckets.retain_recent();
        }
        match buckets.check_key(&key.to_owned()) {
            Ok(state) => {
                Verdict { allowed: true, remaining: state.remaining_burst_capacity(), retry_after_secs: 0 }
            }
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
                let retry_after_secs = u32::try_from(wait).unwrap_or(u32::MAX);
                Verdict { allowed: false, remaining: 0, retry_after_secs }
            }
        }
    }

    fn buckets(&self, limit: Limit) -> Arc<Buckets> {
        if let Some(buckets) = self.here.get(&limit) {
            return buckets.clone();
        }
        let quota = Quota::per_second(limit.per_sec).allow_burst(limit.burst);
        let fresh = || Arc::new(RateLimiter::keyed(quota).with_middleware());
        self.here.entry(limit).or_insert_with(fresh).clone()
    }
}
