//! The queue before the database. Most of the cost of a single scan is its transaction; at a busy entrance many arrive
//! while one is being written. They wait for it, and then go together. Without a crowd nobody waits.

use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dashmap::DashMap;
use futures_util::{FutureExt, future::join_all};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{ScanResult, Upload, upload_alone};
use crate::{
    db::{Db, Scope},
    error::{Error, Result},
};

/// Scans of uploads that go together: more would make the first of them wait for the last.
const TOGETHER_MAX: usize = 128;
/// Uploads larger than this make a transaction worth its cost by themselves.
const SMALL_MAX: usize = 16;

/// The uploads that wait, by tenant and list.
#[derive(Default)]
pub struct Doors {
    lanes: Arc<DashMap<(Uuid, Uuid), Arc<Lane>>>,
}

#[derive(Default)]
struct Lane(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// A task works on this lane until nothing waits in it.
    busy: bool,
    uploads: VecDeque<Pending>,
}

struct Pending {
    upload: Upload,
    scope: Scope,
    answer: oneshot::Sender<Result<Vec<ScanResult>>>,
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it is held, and every state of it is sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Doors {
    /// Decides and stores an upload; the results are in the order of its scans.
    pub async fn upload(&self, db: &Db, scope: &Scope, upload: Upload) -> Result<Vec<ScanResult>> {
        // An override is written to the audit log, with the one who did it.
        if upload.scans.len() > SMALL_MAX || upload.scans.iter().any(|scan| scan.override_reason.is_some()) {
            return upload_alone(db, scope, &upload).await;
        }
        let key = (scope.tenant.uuid(), upload.list.uuid());
        let lane = self.lanes.entry(key).or_default().clone();
        let (answer, result) = oneshot::channel();
        let idle = {
            let mut waiting = lane.lock();
            waiting.uploads.push_back(Pending { upload, scope: scope.clone(), answer });
            !std::mem::replace(&mut waiting.busy, true)
        };
        if idle {
            let (lanes, db) = (self.lanes.clone(), db.clone());
            // A task of its own: the first caller may hang up while others wait.
            tokio::spawn(async move {
                while let Some(uploads) = next_together(&lane) {
                    write_together(&db, uploads).await;
                }
                // Whoever has found the lane meanwhile goes on with it; two lanes of a list would be sound, too.
                lanes.remove_if(&key, |_, current| Arc::ptr_eq(current, &lane) && !lane.lock().busy);
            });
        }
        result.await.unwrap_or_else(|_| Err(lost()))
    }
}

/// The uploads at the head of the queue that go together, or nothing: then the lane is idle.
fn next_together(lane: &Lane) -> Option<Vec<Pending>> {
    let mut waiting = lane.lock();
    let mut together = Vec::new();
    let mut scans = 0;
    while let Some(next) = waiting.uploads.front() {
        scans += next.upload.scans.len();
        if scans > TOGETHER_MAX && !together.is_empty() {
            break;
        }
        together.extend(waiting.uploads.pop_front());
    }
    waiting.busy = !together.is_empty();
    (!together.is_empty()).then_some(together)
}

async fn write_together(db: &Db, mut uploads: Vec<Pending>) {
    let Some(first) = uploads.first() else { return };
    let (list, scope) = (first.upload.list, first.scope.clone());
    if uploads.len() > 1 {
        let scans = uploads.iter().flat_map(|pending| pending.upload.scans.iter().cloned()).collect();
        let all = Upload { list, scans };
        // What fails together may succeed apart; and what does not, fails for its own reason.
        if let Ok(Ok(results)) = AssertUnwindSafe(upload_alone(db, &scope, &all)).catch_unwind().await {
            let mut results = results.into_iter();
            for pending in uploads.drain(..) {
                let own = results.by_ref().take(pending.upload.scans.len()).collect();
                // A client that hung up does not listen any more.
                let _ = pending.answer.send(Ok(own));
            }
            return;
        }
    }
    join_all(uploads.into_iter().map(|pending| write_apart(db, pending))).await;
}

async fn write_apart(db: &Db, pending: Pending) {
    let Pending { upload, scope, answer } = pending;
    let result = AssertUnwindSafe(upload_alone(db, &scope, &upload)).catch_unwind().await;
    let _ = answer.send(result.unwrap_or_else(|_| Err(lost())));
}

fn lost() -> Error {
    Error::Corrupt("an upload of scans panicked".into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eventflow_core::{Id, check_in::ScanKind, ticket::TokenError};

    use super::*;
    use crate::check_ins::{NewScan, Presented, Source};

    fn pending(scans: usize) -> Pending {
        let source = Arc::new(Source {
            device: None,
            gate: String::new(),
            actor: "dev_1".into(),
            may_override: false,
        });
        let scan = |_| NewScan {
            source: source.clone(),
            client_id: Uuid::now_v7(),
            presented: Presented::Code(Err(TokenError::Prefix)),
            kind: ScanKind::Entry,
            scanned_at: chrono::DateTime::UNIX_EPOCH,
            override_reason: None,
        };
        Pending {
            upload: Upload { list: Id::from_uuid(Uuid::nil()), scans: (0..scans).map(scan).collect() },
            scope: Scope::system(Id::from_uuid(Uuid::nil()), "test"),
            answer: oneshot::channel().0,
        }
    }

    #[test]
    fn uploads_go_together_up_to_a_limit_and_the_lane_is_idle_afterwards() {
        let lane = Lane::default();
        {
            let mut waiting = lane.lock();
            waiting.busy = true;
            waiting.uploads.extend([100, 20, 9, 500, 1].map(pending));
        }
        let sizes =
            || next_together(&lane).map(|all| all.iter().map(|p| p.upload.scans.len()).collect::<Vec<_>>());
        assert_eq!(sizes(), Some(vec![100, 20]));
        assert_eq!(sizes(), Some(vec![9]));
        assert_eq!(sizes(), Some(vec![500]), "a large one goes all the same");
        assert!(lane.lock().busy);
        assert_eq!(sizes(), Some(vec![1]));
        assert_eq!(sizes(), None);
        assert!(!lane.lock().busy);
    }
}
