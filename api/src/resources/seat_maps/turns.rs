//! Turns at work that needs much memory: reading and writing whole documents and files.

use std::{sync::LazyLock, time::Duration};

use eventflow_core::{ErrorCode, Id, Refusal, id};
use tokio::sync::mpsc;

use crate::shares::{Part, Shares};

/// Documents and files that are worked on at one time: each may need a few hundred megabytes while it is.
const AT_ONE_TIME: usize = 2;
/// Longer than most of them take. Who waits holds a body of megabytes, and a client that has gone does not say so.
const WAIT: Duration = Duration::from_secs(2);
/// When somebody who got no turn may come again.
const RETRY_AFTER_SECS: u32 = 2;

/// It ends when this is dropped: by the work itself, which goes on when nobody waits for it any more.
pub(super) type Turn = Part;

/// Of what is sent, imported and exported.
pub(super) static TURNS: LazyLock<Turns> = LazyLock::new(|| Turns::new(AT_ONE_TIME, WAIT));
/// Of what is stored and only shown, which takes less time and does not wait for imports.
pub(super) static SHOWN: LazyLock<Turns> = LazyLock::new(|| Turns::new(AT_ONE_TIME, WAIT));

pub(super) struct Turns(Shares);

impl Turns {
    fn new(at_one_time: usize, wait: Duration) -> Self {
        Self(Shares::new(at_one_time, 1, wait))
    }

    /// Waits a while for a turn.
    ///
    /// # Errors
    /// `unavailable` when others, or the tenant's own work, took too long.
    pub(super) async fn take(&self, tenant: Id<id::Tenant>) -> Result<Turn, Refusal> {
        self.0.take(tenant, 1).await.ok_or_else(crowded)
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
    async fn a_tenant_has_one_turn_and_is_told_to_come_again() {
        let turns = Turns::new(2, Duration::from_millis(10));
        let [busy, other] = [1, 2].map(|tenant| Id::from_uuid(uuid::Uuid::from_u128(tenant)));
        let _first = turns.take(busy).await.expect("nobody is there");
        let refusal = turns.take(busy).await.err().expect("one at a time");
        assert_eq!((refusal.code, refusal.retry_after_secs), (ErrorCode::Unavailable, Some(2)));
        assert!(turns.take(other).await.is_ok());
    }

    #[tokio::test]
    async fn who_has_left_gets_no_turn() {
        let turns = Turns::new(1, Duration::from_hours(1));
        let tenant = Id::from_uuid(uuid::Uuid::from_u128(1));
        let (tell, told) = mpsc::channel::<()>(1);
        let turn = turns.take_for(tenant, &tell).await.expect("nobody is there");
        let (left, ()) = tokio::join!(turns.take_for(tenant, &tell), async { drop(told) });
        assert!(left.is_err());
        drop(turn);
        assert!(turns.take_for(tenant, &tell).await.is_err());
    }
}
