//! Plans: layouts as the few bytes from which the picker draws. A published version never changes, so that its plan is made
//! once for each server.

use std::sync::Arc;

use dashmap::DashMap;
use eventflow_core::seat_map::Layout;
use eventflow_store::{Error, Result};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::encodings::Encoded;

/// Plans kept at most; beyond it the cache starts anew. A plan of 100,000 seats has a few hundred kilobytes.
const PLANS_MAX: usize = 500;

/// The plans that this process has made, by seat map and version.
#[derive(Default)]
pub struct Plans(DashMap<(Uuid, i32), Arc<Encoded>>);

impl Plans {
    /// The plan of a published version, whose layout this is. Whether the caller may see the map is decided before.
    pub async fn of_version(&self, map: Uuid, version: i32, layout: Arc<Layout>) -> Result<Arc<Encoded>> {
        if let Some(plan) = self.0.get(&(map, version)) {
            return Ok(plan.clone());
        }
        let plan = encode(layout).await?;
        if self.0.len() >= PLANS_MAX {
            self.0.clear();
        }
        self.0.insert((map, version), plan.clone());
        Ok(plan)
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
