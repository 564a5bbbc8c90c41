//! A circuit breaker for each (tenant, plugin, hook): a plugin that fails again and again is left alone for a while, so that
//! buyers do not wait for it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{host::Key, limits, upload::Hook};

/// What the breaker does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    Closed,
    /// No calls.
    Open,
    /// The next call tries whether the plugin works again.
    HalfOpen,
}

#[derive(Default)]
pub(crate) struct Breakers {
    windows: Mutex<HashMap<(Key, Hook), Window>>,
}

struct Window {
    began: Instant,
    calls: u32,
    failures: u32,
    /// Open until then, if at all.
    open_until: Option<Instant>,
}

/// A call that may be made; it has to be recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permit {
    is_trial: bool,
}

const WINDOW: Duration = Duration::from_millis(limits::BREAKER_WINDOW_MS);
const OPEN: Duration = Duration::from_millis(limits::BREAKER_OPEN_MS);

impl Breakers {
    pub fn permit(&self, key: Key, hook: Hook, now: Instant) -> Option<Permit> {
        let mut windows = self.lock();
        let Some(window) = windows.get_mut(&(key, hook)) else { return Some(Permit { is_trial: false }) };
        match window.open_until {
            None => Some(Permit { is_trial: false }),
            Some(until) if now < until => None,
            Some(_) => {
                // One trial at a time; if nothing is ever heard of it, the next one comes after the same while.
                window.open_until = Some(now + OPEN);
                Some(Permit { is_trial: true })
            }
        }
    }

    pub fn record(&self, key: Key, hook: Hook, permit: Permit, is_failure: bool, now: Instant) {
        let mut windows = self.lock();
        if permit.is_trial && !is_failure {
            windows.remove(&(key, hook));
            return;
        }
        let fresh = Window { began: now, calls: 0, failures: 0, open_until: None };
        let window = windows.entry((key, hook)).or_insert(fresh);
        // Calls that were under way when it opened, and trials that fail, leave it open.
        if window.open_until.is_some() {
            return;
        }
        if now.duration_since(window.began) >= WINDOW {
            *window = Window { began: now, calls: 0, failures: 0, open_until: None };
        }
        window.calls += 1;
        window.failures += u32::from(is_failure);
        let is_broken = window.failures * 100 >= window.calls * limits::BREAKER_FAILURES_PERCENT;
        if window.calls >= limits::BREAKER_CALLS && is_broken {
            window.open_until = Some(now + OPEN);
        }
    }

    pub fn state(&self, key: Key, hook: Hook, now: Instant) -> BreakerState {
        match self.lock().get(&(key, hook)).and_then(|window| window.open_until) {
            None => BreakerState::Closed,
            Some(until) if now < until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// Another version gets another chance.
    pub fn forget(&self, key: Key) {
        self.lock().retain(|(of, _), _| *of != key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Key, Hook), Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const KEY: Key = Key { tenant: Uuid::from_u128(1), plugin: Uuid::from_u128(2) };
    const HOOK: Hook = Hook::Pricing;

    fn call(breakers: &Breakers, fails: bool, now: Instant) -> bool {
        let permit = breakers.permit(KEY, HOOK, now);
        permit.map(|permit| breakers.record(KEY, HOOK, permit, fails, now)).is_some()
    }

    #[test]
    fn opens_tries_once_and_closes() {
        let (breakers, start) = (Breakers::default(), Instant::now());
        let calls = (0..100).take_while(|n| call(&breakers, n % 2 == 0, start)).count();
        assert_eq!(calls, limits::BREAKER_CALLS as usize);
        assert_eq!(breakers.state(KEY, HOOK, start), BreakerState::Open);
        assert!(breakers.permit(KEY, Hook::Ticket, start).is_some(), "other hooks are not touched");
        let later = start + OPEN;
        assert_eq!(breakers.state(KEY, HOOK, later), BreakerState::HalfOpen);
        assert!(call(&breakers, true, later) && !call(&breakers, false, later), "one trial, which fails");
        let much_later = later + OPEN;
        assert!(call(&breakers, false, much_later));
        assert_eq!(breakers.state(KEY, HOOK, much_later), BreakerState::Closed);
    }

    #[test]
    fn few_and_old_failures_say_nothing() {
        let (breakers, start) = (Breakers::default(), Instant::now());
        let soon = start + WINDOW / 2;
        assert!((0..limits::BREAKER_CALLS - 1).all(|_| call(&breakers, true, start)));
        let next = start + WINDOW;
        assert!((0..limits::BREAKER_CALLS - 1).all(|_| call(&breakers, true, next)));
        assert_eq!(breakers.state(KEY, HOOK, next), BreakerState::Closed);
        assert!(call(&breakers, true, next + (soon - start)));
        assert_eq!(breakers.state(KEY, HOOK, next), BreakerState::Open);
        breakers.forget(KEY);
        assert_eq!(breakers.state(KEY, HOOK, next), BreakerState::Closed);
    }

    #[test]
    fn a_call_from_before_does_not_close_it() {
        let (breakers, now) = (Breakers::default(), Instant::now());
        let before = breakers.permit(KEY, HOOK, now).unwrap();
        while call(&breakers, true, now) {}
        breakers.record(KEY, HOOK, before, false, now);
        assert_eq!(breakers.state(KEY, HOOK, now), BreakerState::Open);
    }
}
