//! How long a hold still lasts, whatever the clock of this machine says.

use std::time::{Duration, Instant, SystemTime};

use crate::types::Hold;

/// Made when the hold arrives. The server's clock decides when a hold ends, so that only the difference of its two
/// times counts, and the time that has passed here since.
#[derive(Debug, Clone, Copy)]
pub struct Countdown {
    lasts: Duration,
    steady: Instant,
    wall: SystemTime,
}

impl Countdown {
    pub fn of(hold: &Hold) -> Self {
        let lasts = (hold.expires_at - hold.server_time).to_std().unwrap_or_default();
        Self { lasts, steady: Instant::now(), wall: SystemTime::now() }
    }

    /// Zero when the hold is over.
    pub fn left(&self) -> Duration {
        self.left_at(Instant::now(), SystemTime::now())
    }

    /// A wall clock that was set back does not count, nor does a steady one that stood still while the machine slept.
    fn left_at(&self, steady: Instant, wall: SystemTime) -> Duration {
        let passed = wall.duration_since(self.wall).unwrap_or_default();
        self.lasts.saturating_sub(passed.max(steady.duration_since(self.steady)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_that_has_passed_counts() {
        let secs = Duration::from_secs;
        let countdown = Countdown { lasts: secs(600), steady: Instant::now(), wall: SystemTime::now() };
        let left = |steady, wall| countdown.left_at(countdown.steady + steady, wall);
        assert_eq!(left(secs(60), countdown.wall + secs(60)), secs(540));
        assert_eq!(left(secs(1), countdown.wall + secs(100)), secs(500), "the machine slept");
        assert_eq!(left(secs(100), SystemTime::UNIX_EPOCH), secs(500), "the clock was set back");
        assert_eq!(left(secs(601), countdown.wall), secs(0));
    }
}
