//! A bulkhead: how many calls run at once, in all and for one tenant.

use std::{
    collections::HashMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use uuid::Uuid;

use crate::limits;

#[derive(Default)]
pub(crate) struct Places {
    taken: Mutex<Taken>,
    freed: Condvar,
}

#[derive(Default)]
struct Taken {
    in_all: u32,
    of: HashMap<Uuid, u32>,
}

/// Given back when dropped.
pub(crate) struct Place<'a> {
    places: &'a Places,
    tenant: Uuid,
}

impl Places {
    /// A place, if there is one now.
    pub fn take_now(&self, tenant: Uuid) -> Option<Place<'_>> {
        self.take_within(tenant, Duration::ZERO)
    }

    /// A place for one call, after a short wait if it has to be; `None` if none became free.
    pub fn take(&self, tenant: Uuid) -> Option<Place<'_>> {
        self.take_within(tenant, Duration::from_millis(limits::PLACE_WAIT_MS))
    }

    fn take_within(&self, tenant: Uuid, wait: Duration) -> Option<Place<'_>> {
        let is_full = |taken: &mut Taken| {
            let of_tenant = taken.of.get(&tenant).copied().unwrap_or(0);
            taken.in_all >= limits::CALLS_AT_ONCE || of_tenant >= limits::CALLS_AT_ONCE_PER_TENANT
        };
        let waited = self.freed.wait_timeout_while(self.lock(), wait, is_full);
        let (mut taken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return None;
        }
        taken.in_all += 1;
        *taken.of.entry(tenant).or_default() += 1;
        Some(Place { places: self, tenant })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.in_all -= 1;
        if let Some(count) = taken.of.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                taken.of.remove(&self.tenant);
            }
        }
        drop(taken);
        self.places.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;

    #[test]
    fn one_tenant_leaves_places_to_others_and_all_end() {
        let places = Places::default();
        let take = |tenant: u128| places.take_within(Uuid::from_u128(tenant), AT_ONCE);
        let mut held: Vec<_> = (0..limits::CALLS_AT_ONCE_PER_TENANT).map_while(|_| take(1)).collect();
        assert_eq!(held.len(), limits::CALLS_AT_ONCE_PER_TENANT as usize);
        assert!(take(1).is_none() && take(2).is_some());
        held.pop();
        assert!(take(1).is_some());
        held.extend((2..).map_while(take));
        assert_eq!(held.len(), limits::CALLS_AT_ONCE as usize);
        held.clear();
        assert!(places.lock().of.is_empty() && take(1).is_some());
    }

    #[test]
    fn who_waits_gets_the_place_that_becomes_free() {
        let places = Places::default();
        let tenant = Uuid::from_u128(1);
        let mut held: Vec<_> = (0..limits::CALLS_AT_ONCE_PER_TENANT)
            .map_while(|_| places.take_within(tenant, AT_ONCE))
            .collect();
        std::thread::scope(|scope| {
            let waiting = scope
                .spawn(|| places.take_within(tenant, Duration::from_secs(60)).map(|_place| ()).is_some());
            held.clear();
            assert!(waiting.join().unwrap());
        });
    }
}
