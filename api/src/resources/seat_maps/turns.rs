//! Turns at work that needs much memory: reading and writing whole documents and files.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    time::Duration,
};

use eventflow_core::{ErrorCode, Id, Refusal, id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Documents and files that are worked on at one time: each may need a few hundred megabytes while it is.
const AT_ONE_TIME: usize = 2;
/// Longer than most of them take. Who waits holds a body of megabytes, and a client that has gone does not say so.
const WAIT: Duration = Duration::from_secs(2);
/// When somebody who got no turn may come again.
const RETRY_AFTER_SECS: u32 = 2;

/// Of what is sent, imported and exported.
pub(super) static TURNS: LazyLock<Turns> = LazyLock::new(|| Turns::new(AT_ONE_TIME, WAIT));
/// Of what is stored and only shown, which takes less time and does not wait for imports.
pub(super) static SHOWN: LazyLock<Turns> = LazyLock::new(|| Turns::new(AT_ONE_TIME, WAIT));

pub(super) struct Turns {
    all: Arc<Semaphore>,
    wait: Duration,
    /// One turn of each tenant who has it or waits for it.
    own: Mutex<HashMap<Id<id::Tenant>, Weak<Semaphore>>>,
}

/// It ends when this is dropped: by the work itself, which goes on when nobody waits for it any more.
pub(super) struct Turn {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Turns {
    fn new(at_one_time: usize, wait: Duration) -> Self {
        Self { all: Arc::new(Semaphore::new(at_one_time)), wait, own: Mutex::default() }
    }

    /// Waits a while for a turn.
    ///
    /// # Errors
    /// `unavailable` when others, or the tenant's own work, took too long.
    pub(super) async fn take(&self, tenant: Id<id::Tenant>) -> Result<Turn, Refusal> {
        let own = self.own(tenant);
        let both = async {
            // The tenant's own first: who waits for himself keeps nobody else waiting.
            let own = own.acquire_owned().await.ok()?;
            let all = self.all.clone().acquire_owned().await.ok()?;
            Some(Turn { _own: own, _all: all })
        };
        tokio::time::timeout(self.wait, both).await.ok().flatten().ok_or_else(crowded)
    }

    /// As [`Turns::take`], for somebody who is told the progress and may leave before it begins.
    pub(super) async fn take_for<T>(
        &self,
        tenant: Id<id::Tenant>,
        told: &mpsc::Sender<T>,
    ) -> Result<Turn, Refusal> {
        tokio::select! {
            biased;
            () = told.closed() => Err(crowded()),
            turn = self.take(tenant) => turn,
        }
    }

    fn own(&self, tenant: Id<id::Tenant>) -> Arc<Semaphore> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.retain(|_, turn| turn.strong_count() > 0);
        own.get(&tenant).and_then(Weak::upgrade).unwrap_or_else(|| {
            let turn = Arc::new(Semaphore::new(1));
            own.insert(tenant, Arc::downgrade(&turn));
            turn
        })
    }
}

fn crowded() -> Refusal {
    let detail =
        "Other large seat maps are being read or written, yours or those of others. Try again in a moment.";
    Refusal::new(ErrorCode::Unavailable, detail).retry_after(RETRY_AFTER_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tenant_has_one_turn_and_leaves_the_others_to_others() {
        let turns = Turns::new(2, Duration::from_millis(10));
        let [busy, other, third] = [1, 2, 3].map(|tenant| Id::from_uuid(uuid::Uuid::from_u128(tenant)));
        let first = turns.take(busy).await.unwrap();
        let refusal = turns.take(busy).await.err().unwrap();
        assert_eq!((refusal.code, refusal.retry_after_secs), (ErrorCode::Unavailable, Some(2)));
        // However many of theirs wait, there is a turn for somebody else.
        let waiting: Vec<_> = (0..50).map(|_| turns.take(busy)).collect();
        let (waited, second) = tokio::join!(futures_util::future::join_all(waiting), turns.take(other));
        assert!(second.is_ok() && waited.iter().all(Result::is_err));
        assert!(turns.take(third).await.is_err(), "two at one time");
        drop((first, second));
        assert!(turns.take(third).await.is_ok() && turns.take(busy).await.is_ok());
        drop(turns.own(other));
        assert_eq!(turns.own.lock().unwrap().len(), 1, "nothing is kept of those who have left");
    }

    #[tokio::test]
    async fn who_has_left_gets_no_turn() {
        let turns = Turns::new(1, Duration::from_hours(1));
        let tenant = Id::from_uuid(uuid::Uuid::from_u128(1));
        let (tell, told) = mpsc::channel::<()>(1);
        let turn = turns.take_for(tenant, &tell).await.unwrap();
        let (left, ()) = tokio::join!(turns.take_for(tenant, &tell), async { drop(told) });
        assert!(left.is_err());
        drop(turn);
        assert!(turns.take_for(tenant, &tell).await.is_err());
    }
}
