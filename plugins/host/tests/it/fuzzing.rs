//! Uploads that were changed at random: what the fuzzers do for hours, the same in every run and in seconds.

#[path = "../../fuzz/checks.rs"]
mod checks;

use crate::support::{adjustment_at_2048, example, pricing_with};

/// Numbers that look like chance and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }

    /// The sample with something else in a few places.
    fn changed(&mut self, sample: &[u8]) -> Vec<u8> {
        let mut bytes = sample.to_vec();
        for _ in 0..=self.below(3) {
            let (from, to) = (self.below(bytes.len()), self.below(bytes.len()));
            match self.below(5) {
                0 => bytes.truncate(from),
                1 => drop(bytes.drain(from.min(to)..to.max(from).min(from.min(to) + 40))),
                2 => {
                    let part = bytes[from..(from + 40).min(bytes.len())].to_vec();
                    bytes.splice(to..to, part);
                }
                _ if bytes.is_empty() => {}
                3 => bytes[from] ^= 1 << self.below(8),
                _ => bytes[from] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
            }
        }
        bytes
    }
}

/// A small one: compiling a large one for every change takes too long here.
fn small() -> Vec<u8> {
    let body = format!("{} (call $ok (i32.const 2048) (i32.const 1))", adjustment_at_2048(-500, 64, 4));
    pricing_with("(data (i32.const 64) \"Text\")", &body)
}

fn keeps_its_word(check: fn(&[u8]) -> bool, sample: &[u8], rounds: usize) {
    assert!(check(sample));
    let mut chance = Chance(7);
    let read = (0..rounds).filter(|_| check(&chance.changed(sample))).count();
    assert!(read > 0 && read < rounds, "{read} of {rounds} are plugins");
}

#[test]
fn upload() {
    keeps_its_word(checks::upload, &example("hello"), 500);
    keeps_its_word(checks::upload, &small(), 3_000);
}

#[test]
fn install() {
    keeps_its_word(checks::install, &small(), 1_000);
}
