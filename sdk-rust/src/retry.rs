//! When a failed request is sent again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use eventflow_core::ErrorCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::Error;

/// The first pause; each one after is twice as long.
const BACKOFF: Duration = Duration::from_millis(400);
/// What the server may ask us to wait. Longer waits are for the caller to plan.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// After so many repetitions pauses grow no more.
const DOUBLINGS_MAX: u32 = 6;

/// How long to wait before repetition number `attempt` (0, 1, …); `None` if there is to be none. `random` is in 0..1:
/// many who lost the server at once must not come back at once.
pub(crate) fn delay(error: &Error, attempt: u32, retries: u32, random: f64) -> Option<Duration> {
    let asked = error.api().map_or(Duration::ZERO, |error| error.retry_after);
    if attempt >= retries || !is_passing(error) || asked > WAIT_MAX {
        return None;
    }
    let backoff = BACKOFF * 2_u32.pow(attempt.min(DOUBLINGS_MAX));
    Some(later(asked, backoff, random))
}

/// A pause of about `backoff`, and never earlier than asked.
pub(crate) fn later(asked: Duration, backoff: Duration, random: f64) -> Duration {
    backoff.mul_f64(0.5 + random).max(asked.mul_f64(1.0 + random / 4.0))
}

/// Whether the same request may succeed later. Changes carry their idempotency key, so that none happens twice.
pub(crate) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Connection { .. } | Error::Timeout { .. } | Error::RateLimit(_) | Error::Server(_) => true,
        _ => error.is(ErrorCode::IdempotencyInFlight) || error.api().is_some_and(|error| error.status == 408),
    }
}

/// What `Retry-After` asks for. A date is compared with the server's own clock (`Date`) where there is one: ours may
/// be wrong.
pub(crate) fn after(headers: &HeaderMap, now: DateTime<Utc>) -> Duration {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text| DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc());
    let Some(value) = text(RETRY_AFTER) else { return Duration::ZERO };
    if let Ok(seconds) = value.parse::<u32>() {
        return Duration::from_secs(seconds.into());
    }
    let server_now = text(DATE).and_then(date).unwrap_or(now);
    date(value).and_then(|until| (until - server_now).to_std().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestFacts;

    fn connection() -> Error {
        let request = RequestFacts { operation: "x", request_id: "y".into(), idempotency_key: None };
        Error::Connection { reason: "refused".into(), request: Box::new(request) }
    }

    #[test]
    fn pauses_double_and_spread() {
        let pauses =
            |random| [0, 1, 2].map(|attempt| delay(&connection(), attempt, 3, random).unwrap().as_millis());
        assert_eq!(pauses(0.0), [200, 400, 800]);
        assert_eq!(pauses(0.5), [400, 800, 1600]);
        assert_eq!(delay(&connection(), 3, 3, 0.0), None);
        assert!(delay(&connection(), 4_000_000_000, u32::MAX, 0.9).is_some());
    }

    #[test]
    fn a_date_counts_by_the_clock_of_the_server() {
        let now = "2030-01-01T12:00:00Z".parse().unwrap();
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect::<HeaderMap>()
        };
        let until = ("retry-after", "Tue, 01 Jan 2030 12:00:07 GMT");
        assert_eq!(after(&headers(&[until]), now), Duration::from_secs(7));
        let hour_later = ("date", "Tue, 01 Jan 2030 12:00:05 GMT");
        assert_eq!(after(&headers(&[until, hour_later]), now), Duration::from_secs(2));
        assert_eq!(after(&headers(&[("retry-after", "90")]), now), Duration::from_secs(90));
        for nothing in ["", "soon", "-1", "Tue, 01 Jan 2030 11:00:00 GMT"] {
            assert_eq!(after(&headers(&[("retry-after", nothing)]), now), Duration::ZERO, "{nothing}");
        }
    }
}
