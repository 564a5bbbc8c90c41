//! Plans: layouts as the few bytes from which the picker draws. A published version never changes, so that its plan is made
//! once for each server.

use std::sync::Arc;

use dashmap::DashMap;
use eventflow_core::seat_map::Layout;
use eventflow_store::{Error, Result};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::encodings::Encoded;

/// Plans kept at most; beyond it the cache starts anew. A plan of 100,000 seats has a few hundred kilobytes.
const PLANS_MAX: usize = 500;

/// A plan that is made once, however many ask for it at the same moment: when a sale opens, a crowd does.
type Plan = Arc<OnceCell<Arc<Encoded>>>;

/// The plans that this process has made, by seat map and version.
#[derive(Default)]
pub struct Plans(DashMap<(Uuid, i32), Plan>);

impl Plans {
    /// The plan of a published version, whose layout this is. Whether the caller may see the map is decided before.
    pub async fn of_version(&self, map: Uuid, version: i32, layout: Arc<Layout>) -> Result<Arc<Encoded>> {
        // In a statement of its own: what the map lends must not be kept while somebody waits.
        let known = self.0.get(&(map, version)).map(|plan| plan.clone());
        let plan = known.unwrap_or_else(|| {
            if self.0.len() >= PLANS_MAX {
                self.0.clear();
            }
            self.0.entry((map, version)).or_default().clone()
        });
        plan.get_or_try_init(|| encode(layout)).await.cloned()
    }
}

/// The plan of any layout, named by its contents. Takes a good part of a second for the largest maps.
pub async fn encode(layout: Arc<Layout>) -> Result<Arc<Encoded>> {
    let encode = move || {
        let bytes = layout.to_plan();
        let tag = hex::encode(&Sha256::digest(&bytes)[..12]);
        Arc::new(Encoded::new(bytes.into(), tag))
    };
    tokio::task::spawn_blocking(encode)
        .await
        .map_err(|error| Error::Corrupt(format!("making a plan: {error}")))
}

#[cfg(test)]
mod tests {
    use eventflow_core::seat_map::stadium;

    use super::*;

    #[tokio::test]
    async fn a_crowd_that_asks_at_one_moment_gets_one_plan() {
        let layout = Arc::new(Layout::compile(&stadium(500)));
        let (plans, map) = (Arc::new(Plans::default()), Uuid::nil());
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (plans, layout) = (plans.clone(), layout.clone());
            crowd.spawn(async move { plans.of_version(map, 1, layout).await.unwrap() });
        }
        let all = crowd.join_all().await;
        assert!(all.iter().all(|plan| Arc::ptr_eq(plan, &all[0])), "it was made more than once");
        let other = plans.of_version(map, 2, layout).await.unwrap();
        assert!(!Arc::ptr_eq(&other, &all[0]));
    }
}
