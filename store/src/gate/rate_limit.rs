//! Rate limits: GCRA in Redis, shared by all servers. Each server takes a few requests at a time on lease, so that a
//! busy key costs one round trip per lease and not per request; a bucket of the process stands in when Redis is down.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, AtomicUsize, Ordering},
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
/// So few keys are not worth a sweep. Above, keys that have gone are swept out when there are twice as many as the last sweep
/// left: a crowd that has gone leaves nothing, and a sweep costs each key of a crowd a step or two.
const KEYS_MIN: usize = 1_024;
/// Buckets of this process are swept at every so-manieth check.
const SWEEP_EVERY: u32 = 4_096;

static GCRA: LazyLock<redis::Script> = LazyLock::new(|| redis::Script::new(include_str!("gcra.lua")));

struct Lease {
    left: u32,
    remaining: u32,
    until: Instant,
}

/// Leases by key.
struct Leases {
    of: DashMap<String, Lease>,
    /// With more than this they are swept.
    sweep_at: AtomicUsize,
}

impl Leases {
    fn new() -> Self {
        Self { of: DashMap::new(), sweep_at: AtomicUsize::new(KEYS_MIN) }
    }

    /// One request of a lease that is there.
    fn take(&self, key: &str, now: Instant) -> Option<Verdict> {
        let mut lease = self.of.get_mut(key).filter(|lease| lease.left > 0 && lease.until > now)?;
        lease.left -= 1;
        Some(Verdict { allowed: true, remaining: lease.remaining + lease.left, retry_after_secs: 0 })
    }

    fn keep(&self, key: &str, left: u32, remaining: u32, now: Instant) {
        if self.of.len() > self.sweep_at.load(Ordering::Relaxed) {
            self.of.retain(|_, lease| lease.until > now);
            self.sweep_at.store((2 * self.of.len()).max(KEYS_MIN), Ordering::Relaxed);
        }
        self.of.insert(key.to_owned(), Lease { left, remaining, until: now + LEASE_TIME });
    }
}

/// Buckets of this process alone.
type Buckets = RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

pub struct Limiter {
    gate: Gate,
    leases: Leases,
    here: DashMap<Limit, Arc<Buckets>>,
    checks_here: AtomicU32,
}

impl Limiter {
    pub fn new(gate: Gate) -> Self {
        Self { gate, leases: Leases::new(), here: DashMap::new(), checks_here: AtomicU32::new(0) }
    }

    /// Counts one request of `key`.
    pub async fn check(&self, key: &str, limit: Limit) -> Verdict {
        let now = Instant::now();
        if let Some(verdict) = self.leases.take(key, now) {
            return verdict;
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
                self.leases.keep(key, granted - 1, remaining, now);
                Verdict { allowed: true, remaining: remaining + granted - 1, retry_after_secs: 0 }
            }
            Err(_) => self.check_here(key, limit),
        }
    }

    /// Counts one request of `key` at this server alone, without asking Redis.
    pub fn check_here(&self, key: &str, limit: Limit) -> Verdict {
        let buckets = self.buckets(limit);
        let count = self.checks_here.fetch_add(1, Ordering::Relaxed);
        if count.is_multiple_of(SWEEP_EVERY) && buckets.len() > KEYS_MIN {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_crowd_that_has_gone_are_swept_out() {
        let (leases, begin) = (Leases::new(), Instant::now());
        // A thousand new keys a second for a hundred seconds.
        for number in 0..100_000_u32 {
            let now = begin + Duration::from_millis(number.into());
            leases.keep(&number.to_string(), 1, 10, now);
            assert!(leases.of.len() <= 4 * KEYS_MIN, "{} after {number}", leases.of.len());
        }
        // Whoever is there is not swept out, however many there are.
        let now = begin + Duration::from_secs(200);
        for number in 0..10_000_u32 {
            leases.keep(&number.to_string(), 1, 10, now);
        }
        assert_eq!(leases.take("7", now + LEASE_TIME), None, "its time is over");
        assert!((0..10_000_u32).all(|number| leases.take(&number.to_string(), now).is_some()));
        assert_eq!(leases.take("7", now), None, "it is used up");
    }
}
