//! Idempotency keys as Stripe treats them: once execution began, the first answer (also a 500) is kept for 24 hours and
//! repeated; the same key with other parameters is an error; the same key at the same time is a conflict.

use std::collections::HashSet;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ApiError, Result};
use crate::state::State;

const KEEP_SECS: i64 = 24 * 60 * 60;
const MAX_KEY_CHARS: usize = 255;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stored {
    /// Method, path and parameters of the first request.
    fingerprint: String,
    pub status: u16,
    pub body: Value,
    at: i64,
}

pub fn is_fresh(stored: &Stored, now: i64) -> bool {
    now - stored.at < KEEP_SECS
}

/// Keys whose first request is being worked on.
#[derive(Default)]
pub struct InFlight(Mutex<HashSet<String>>);

/// What to do with a request that carries a key.
pub enum Turn<'a> {
    /// Execute, then call [`Reservation::store`].
    First(Reservation<'a>),
    /// Answer as before.
    Replay(Stored),
}

/// Frees the key when dropped.
pub struct Reservation<'a> {
    in_flight: &'a InFlight,
    key: String,
    fingerprint: String,
}

impl InFlight {
    /// A key belongs to the account it was used for.
    pub fn begin(
        &self,
        state: &State,
        account: Option<&str>,
        key: &str,
        fingerprint: String,
    ) -> Result<Turn<'_>> {
        if key.is_empty() || key.chars().count() > MAX_KEY_CHARS {
            return Err(ApiError::invalid("", "Idempotency keys have 1 to 255 characters."));
        }
        let key = format!("{} {key}", account.unwrap_or("-"));
        if let Some(stored) = state.stored_key(&key) {
            if stored.fingerprint != fingerprint {
                return Err(ApiError::key_reused());
            }
            return Ok(Turn::Replay(stored.clone()));
        }
        if !self.lock().insert(key.clone()) {
            return Err(ApiError::key_in_use());
        }
        Ok(Turn::First(Reservation { in_flight: self, key, fingerprint }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Reservation<'_> {
    pub fn store(&self, state: &mut State, status: u16, body: &Value) {
        let stored =
            Stored { fingerprint: self.fingerprint.clone(), status, body: body.clone(), at: state.now() };
        state.store_key(self.key.clone(), stored);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.in_flight.lock().remove(&self.key);
    }
}
