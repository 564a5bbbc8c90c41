//! Something of which there is little, such as memory for large bodies: so much for everybody, and a share of it for each
//! tenant.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use eventflow_core::{Id, id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub struct Shares {
    all: Arc<Semaphore>,
    share: usize,
    wait: Duration,
    /// Of the tenants who have a part of it, or wait for one.
    own: Mutex<HashMap<Id<id::Tenant>, Weak<Semaphore>>>,
}

/// A part of it; free again when this is dropped.
pub struct Part {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Shares {
    /// There is `all` of it, and a tenant has at most `share`; whoever asks waits at most so long.
    pub fn new(all: usize, share: usize, wait: Duration) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), share, wait, own: Mutex::default() }
    }

    /// What nobody has now.
    pub fn free(&self) -> usize {
        self.all.available_permits()
    }

    /// `None` when others, or the tenant's own, took too long.
    pub async fn take(&self, tenant: Id<id::Tenant>, much: u32) -> Option<Part> {
        let own = self.own(tenant);
        let both = async {
            // The tenant's own first: who waits for himself keeps nobody else waiting.
            let own = own.acquire_many_owned(much).await.ok()?;
            let all = self.all.clone().acquire_many_owned(much).await.ok()?;
            Some(Part { _own: own, _all: all })
        };
        tokio::time::timeout(self.wait, both).await.ok().flatten()
    }

    fn own(&self, tenant: Id<id::Tenant>) -> Arc<Semaphore> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = own.get(&tenant).and_then(Weak::upgrade) {
            return share;
        }
        own.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.share));
        own.insert(tenant, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tenants() -> [Id<id::Tenant>; 3] {
        [1, 2, 3].map(|number| Id::from_uuid(Uuid::from_u128(number)))
    }

    #[tokio::test]
    async fn a_tenant_has_a_share_and_everybody_the_rest() {
        let shares = Shares::new(4, 2, Duration::from_millis(10));
        let [a, b, c] = tenants();
        let first = shares.take(a, 1).await.expect("there is all of it");
        let _second = shares.take(a, 1).await.expect("the rest of the share");
        assert!(shares.take(a, 1).await.is_none());
        let others = shares.take(b, 2).await.expect("the share of another one");
        assert!(shares.free() == 0 && shares.take(c, 1).await.is_none());
        drop(first);
        assert!(shares.take(c, 1).await.is_some() && shares.take(a, 1).await.is_some());
        drop(others);
        assert_eq!(shares.free(), 3);
        assert!(shares.take(b, 3).await.is_none(), "more than a share");
    }

    #[tokio::test]
    async fn who_waits_for_himself_leaves_the_others_to_others() {
        let shares = Shares::new(2, 1, Duration::from_millis(10));
        let [busy, other, third] = tenants();
        let first = shares.take(busy, 1).await;
        let waiting: Vec<_> = (0..50).map(|_| shares.take(busy, 1)).collect();
        let (waited, second) = tokio::join!(futures_util::future::join_all(waiting), shares.take(other, 1));
        assert!(first.is_some() && second.is_some() && waited.iter().all(Option::is_none));
        assert!(shares.take(third, 1).await.is_none(), "two at one time");
        drop((first, second));
        assert!(shares.take(third, 1).await.is_some());
        drop(shares.own(other));
        let kept = shares.own.lock().map(|own| own.len()).ok();
        assert_eq!(kept, Some(1), "nothing is kept of those who have left");
    }
}
