//! What buyers saw: every answer with its time, refusals with their reasons, how their visits ended.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

/// What buyers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    Plan,
    Snapshot,
    Hold,
    Release,
    Order,
    Look,
    Code,
    /// At the sandbox, which stands for Stripe: no operation of ours.
    Pay,
}

impl Op {
    /// The operations of the API.
    pub const OURS: [Self; 7] =
        [Self::Plan, Self::Snapshot, Self::Hold, Self::Release, Self::Order, Self::Look, Self::Code];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plans.get",
            Self::Snapshot => "availability.snapshot",
            Self::Hold => "holds.create",
            Self::Release => "holds.delete",
            Self::Order => "orders.create",
            Self::Look => "orders.get",
            Self::Code => "tickets.qr_svg",
            Self::Pay => "pay (sandbox)",
        }
    }
}

/// One answer.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// When it came, in microseconds since the opening.
    at: u64,
    op: Op,
    /// From the moment when it was meant to be asked for.
    micros: u32,
    /// What was asked for was done: a refusal is quicker.
    is_good: bool,
}

impl Sample {
    /// The second in which it was meant to be asked for.
    fn due(&self) -> usize {
        usize::try_from(self.at.saturating_sub(self.micros.into()) / 1_000_000).unwrap_or(usize::MAX)
    }
}

/// A stretch of answers is looked at if it has so many: fewer have no 95th percentile.
const STRETCH_MIN: usize = 20;

/// The stretch of an operation in which it was slowest.
#[derive(Debug, Clone, Copy)]
pub struct Slowest {
    pub op: Op,
    /// Its first second after the opening; none when all answers together are too few for a stretch, and count as one.
    pub since: Option<usize>,
    pub p95_ms: f64,
}

/// Quantiles in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantiles {
    pub count: u64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

impl Quantiles {
    pub fn of(micros: &Histogram<u64>) -> Self {
        let millis = |quantile| micros.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            count: micros.len(),
            p50: millis(0.5),
            p95: millis(0.95),
            p99: millis(0.99),
            max: micros.max() as f64 / 1e3,
        }
    }
}

/// An order whose tickets a buyer has seen.
#[derive(Debug, Clone)]
pub struct Bought {
    pub seats: Vec<u32>,
    /// From the payment to the tickets.
    pub wait: Duration,
}

#[derive(Debug, Default)]
struct Seen {
    samples: Vec<Sample>,
    refusals: BTreeMap<(Op, String), u64>,
    endings: BTreeMap<&'static str, u64>,
    bought: Vec<Bought>,
    faults: Vec<String>,
}

/// What all buyers of one sale saw.
#[derive(Debug)]
pub struct Record {
    pub opened: Instant,
    seen: Mutex<Seen>,
}

impl Record {
    pub fn new(opened: Instant) -> Self {
        Self { opened, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer came now to what was meant to be asked for at `due`; a good one, or a refusal.
    pub fn answer(&self, op: Op, due: Instant, is_good: bool) {
        let (at, took) = (self.opened.elapsed(), due.elapsed());
        let at = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.seen().samples.push(Sample { at, op, micros, is_good });
    }

    pub fn refusal(&self, op: Op, code: String) {
        *self.seen().refusals.entry((op, code)).or_default() += 1;
    }

    /// How a visit ended.
    pub fn ending(&self, how: &'static str) {
        *self.seen().endings.entry(how).or_default() += 1;
    }

    /// What must not happen: an answer that is none, a connection that broke.
    pub fn fault(&self, what: String) {
        let mut seen = self.seen();
        *seen.endings.entry("failed").or_default() += 1;
        if seen.faults.len() < 5 {
            seen.faults.push(what);
        }
    }

    pub fn bought(&self, bought: Bought) {
        self.seen().bought.push(bought);
    }

    pub fn faults(&self) -> Vec<String> {
        self.seen().faults.clone()
    }

    pub fn refusals(&self) -> BTreeMap<(Op, String), u64> {
        self.seen().refusals.clone()
    }

    pub fn endings(&self) -> BTreeMap<&'static str, u64> {
        self.seen().endings.clone()
    }

    /// Every seat of which a buyer has a ticket, as often as one has.
    pub fn seats(&self) -> Vec<u32> {
        self.seen().bought.iter().flat_map(|bought| bought.seats.iter().copied()).collect()
    }

    /// From payments to tickets.
    pub fn waits(&self) -> Quantiles {
        quantiles(self.seen().bought.iter().map(|bought| bought.wait.as_micros()))
    }

    /// Answers of an operation within a span of seconds after the opening.
    pub fn quantiles(&self, op: Op, seconds: std::ops::Range<u64>) -> Quantiles {
        let span = seconds.start * 1_000_000..seconds.end.saturating_mul(1_000_000);
        let seen = self.seen();
        let of_op = seen.samples.iter().filter(|sample| sample.op == op && span.contains(&sample.at));
        quantiles(of_op.map(|sample| u128::from(sample.micros)))
    }

    /// The seconds in a row, of so many, with the highest 95th percentile of an operation. Answers belong to the second in which
    /// they were meant to be asked for: in the seconds when a server stands still, no answers come. Refusals, which are quick, are left
    /// out. None without answers.
    pub fn slowest(&self, op: Op, length: usize) -> Option<Slowest> {
        let mut seconds: Vec<Vec<u32>> = Vec::new();
        for sample in self.seen().samples.iter().filter(|sample| sample.op == op && sample.is_good) {
            let second = sample.due();
            if seconds.len() <= second {
                seconds.resize(second + 1, Vec::new());
            }
            seconds[second].push(sample.micros);
        }
        let stretches = seconds.windows(length.clamp(1, seconds.len().max(1))).enumerate();
        let stretches = stretches
            .map(|(since, stretch)| (since, stretch.concat()))
            .filter(|(_, micros)| micros.len() >= STRETCH_MIN)
            .map(|(since, micros)| Slowest { op, since: Some(since), p95_ms: p95_ms(micros) });
        stretches.max_by(|left, right| left.p95_ms.total_cmp(&right.p95_ms)).or_else(|| {
            let all = seconds.concat();
            (!all.is_empty()).then(|| Slowest { op, since: None, p95_ms: p95_ms(all) })
        })
    }

    /// How many answers of the API came in each second.
    pub fn rates(&self) -> Vec<u64> {
        let mut rates = Vec::new();
        for sample in self.seen().samples.iter().filter(|sample| sample.op != Op::Pay) {
            let second = usize::try_from(sample.at / 1_000_000).unwrap_or(usize::MAX);
            if rates.len() <= second {
                rates.resize(second + 1, 0);
            }
            rates[second] += 1;
        }
        rates
    }

    /// The seconds with the most answers in a row of `length`, of those before `end`.
    pub fn peak(&self, length: usize, end: usize) -> std::ops::Range<u64> {
        let mut rates = self.rates();
        rates.truncate(end.max(1));
        let length = length.min(rates.len()).max(1);
        let busiest = rates.windows(length).enumerate().max_by_key(|(_, window)| window.iter().sum::<u64>());
        let first = busiest.map_or(0, |(first, _)| first as u64);
        first..first + length as u64
    }
}

/// Of at least one.
fn p95_ms(mut micros: Vec<u32>) -> f64 {
    micros.sort_unstable();
    let place = (micros.len() * 95).div_ceil(100).max(1) - 1;
    f64::from(micros[place]) / 1e3
}

fn quantiles(micros: impl Iterator<Item = u128>) -> Quantiles {
    let Ok(mut histogram) = Histogram::<u64>::new(3) else { return Quantiles::default() };
    for value in micros {
        let _ = histogram.record(u64::try_from(value).unwrap_or(u64::MAX));
    }
    if histogram.is_empty() { Quantiles::default() } else { Quantiles::of(&histogram) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_where_most_answers_are() {
        let record = Record::new(Instant::now());
        let sample = |second: u64, op| Sample {
            at: second * 1_000_000 + 5,
            op,
            micros: 1_000 * second as u32,
            is_good: true,
        };
        let of = |second, op, count| std::iter::repeat_n(sample(second, op), count);
        record.seen().samples = of(0, Op::Plan, 3)
            .chain(of(2, Op::Hold, 9))
            .chain(of(3, Op::Hold, 8))
            .chain(of(6, Op::Hold, 10))
            .chain(of(7, Op::Pay, 50))
            .collect();
        assert_eq!(record.rates(), [3, 0, 9, 8, 0, 0, 10]);
        assert_eq!(record.peak(2, 9), 2..4);
        assert_eq!(record.peak(2, 3), 1..3);
        let hold = record.quantiles(Op::Hold, 2..4);
        assert_eq!((hold.count, hold.p50.round(), hold.max.round()), (17, 2.0, 3.0));
        assert_eq!(record.quantiles(Op::Order, 0..9).count, 0);
    }

    #[test]
    fn the_slowest_stretch_is_by_when_answers_were_due() {
        let record = Record::new(Instant::now());
        // Asked for in that second, answered after so many milliseconds.
        let of = |second: u64, ms: u32, count| {
            let at = second * 1_000_000 + u64::from(ms) * 1_000 + 5;
            std::iter::repeat_n(Sample { at, op: Op::Hold, micros: ms * 1_000, is_good: ms != 1 }, count)
        };
        assert!(record.slowest(Op::Hold, 10).is_none());
        record.seen().samples = of(0, 2, 12).chain(of(1, 90, 1)).collect();
        let few = record.slowest(Op::Hold, 10).unwrap();
        assert_eq!((few.since, few.p95_ms), (None, 90.0), "all of them, as there are few");
        // Many quick ones do not hide seconds in which the server stood still and answered late.
        record.seen().samples = of(0, 2, 900)
            .chain(of(20, 5_000, 4))
            .chain(of(21, 4_000, 20))
            .chain(of(30, 3, 19))
            .chain(of(45, 9_000, 19))
            // Refused at once.
            .chain(of(21, 1, 9_000))
            .collect();
        let slowest = record.slowest(Op::Hold, 10).unwrap();
        assert_eq!((slowest.since, slowest.p95_ms), (Some(20), 5_000.0));
    }
}
