//! What was read from the database lately, kept in memory for a while.

use std::{
    hash::Hash,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use dashmap::{DashMap, Entry};

/// Values by key, each with the moment when it was kept. A value that was being read while something was forgotten may be
/// from before the change: it is handed out to who asked for it, and not kept.
pub struct Recent<K, V> {
    values: DashMap<K, (V, Instant)>,
    forgettings: AtomicU64,
    max: usize,
}

/// When a reading began.
#[derive(Clone, Copy)]
pub struct Begun(u64);

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// Keeps `max` values at most; beyond it the memory starts anew.
    pub fn new(max: usize) -> Self {
        Self { values: DashMap::new(), forgettings: AtomicU64::new(0), max }
    }

    /// The value, unless it is older than `age`.
    pub fn get(&self, key: &K, age: Duration) -> Option<V> {
        self.get_with_time(key).filter(|(_, kept_at)| kept_at.elapsed() < age).map(|(value, _)| value)
    }

    /// The value, however old, and when it was kept.
    pub fn get_with_time(&self, key: &K) -> Option<(V, Instant)> {
        self.values.get(key).map(|entry| entry.clone())
    }

    /// To be called before a value is read from the database.
    pub fn begin(&self) -> Begun {
        Begun(self.forgettings.load(Ordering::Acquire))
    }

    /// Keeps what was read since `begun`, unless something was forgotten in the meantime.
    pub fn keep(&self, key: K, value: V, begun: Begun) {
        if self.values.len() >= self.max {
            self.values.clear();
        }
        // Compared under the lock of the entry, so that forgetting it comes before the comparison or after the insertion.
        let entry = self.values.entry(key);
        if self.forgettings.load(Ordering::Acquire) != begun.0 {
            return;
        }
        let value = (value, Instant::now());
        match entry {
            Entry::Occupied(mut entry) => drop(entry.insert(value)),
            Entry::Vacant(entry) => drop(entry.insert(value)),
        }
    }

    /// It changed: the next one to ask reads it again.
    pub fn forget(&self, key: &K) {
        self.forgettings.fetch_add(1, Ordering::AcqRel);
        self.values.remove(key);
    }

    /// As [`Self::forget`], of a value that is at least as old as `age`; whether there was one.
    pub fn forget_older_than(&self, key: &K, age: Duration) -> bool {
        self.values.remove_if(key, |_, (_, kept_at)| kept_at.elapsed() >= age).is_some()
    }

    pub fn clear(&self) {
        self.forgettings.fetch_add(1, Ordering::AcqRel);
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_read_while_it_changes_is_not_kept() {
        let recent = Recent::new(10);
        let begun = recent.begin();
        recent.keep("event", 1, begun);
        assert_eq!(recent.get(&"event", LONG), Some(1));
        assert_eq!(recent.get(&"event", Duration::ZERO), None);

        let begun = recent.begin();
        recent.forget(&"event");
        recent.keep("event", 1, begun);
        assert_eq!(recent.get(&"event", LONG), None);

        let begun = recent.begin();
        recent.clear();
        recent.keep("event", 1, begun);
        assert_eq!(recent.get(&"event", LONG), None);

        let begun = recent.begin();
        recent.keep("event", 2, begun);
        assert_eq!(recent.get(&"event", LONG), Some(2));
    }

    #[test]
    fn it_starts_anew_when_it_is_full() {
        let recent = Recent::new(2);
        for n in 0..5 {
            recent.keep(n, n, recent.begin());
        }
        assert_eq!(recent.get(&4, LONG), Some(4));
        assert!((0..5).filter(|n| recent.get(n, LONG).is_some()).count() <= 2);
        assert!(!recent.forget_older_than(&4, LONG));
        assert!(recent.forget_older_than(&4, Duration::ZERO));
    }
}
