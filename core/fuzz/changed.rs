//! Samples that were changed at random: tests do in seconds, and the same in every run, what the fuzzers do for hours.

use std::{fs, path::Path};

/// A reader reads each of these samples, and keeps its word for so many changed ones of each. `tokens` mean something to it.
///
/// # Panics
/// When it refuses a sample, or does the same with all that were changed: the changes are too small then, or too large.
pub fn keeps_its_word(check: fn(&[u8]) -> bool, samples: &[Vec<u8>], rounds: usize, tokens: &[&[u8]]) {
    let (mut chance, mut read) = (Chance(7), 0);
    for (number, sample) in samples.iter().enumerate() {
        assert!(check(sample), "sample {number} is refused: {}", sample.escape_ascii());
        read += (0..rounds).filter(|_| check(&chance.changed(sample, tokens))).count();
    }
    let all = rounds * samples.len();
    assert!(read > 0 && read < all, "{read} of {all} changed samples are read");
}

/// The samples of a fuzz target: the files in `directory`, by name.
///
/// # Panics
/// When they cannot be read.
#[allow(dead_code, reason = "some tests make their samples")]
pub fn samples(directory: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a sample can be read")).collect()
}

/// Numbers that look like chance and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }

    /// The sample with something else in a few places.
    fn changed(&mut self, sample: &[u8], tokens: &[&[u8]]) -> Vec<u8> {
        let mut bytes = sample.to_vec();
        for _ in 0..=self.below(2) {
            let (from, to) = (self.below(bytes.len()), self.below(bytes.len()));
            match self.below(6) {
                0 => bytes.truncate(from),
                1 if !bytes.is_empty() => bytes[from] ^= 1 << self.below(8),
                2 => drop(bytes.drain(from.min(to)..to.max(from).min(from.min(to) + 40))),
                3 => {
                    let part = bytes[from..(from + 40).min(bytes.len())].to_vec();
                    bytes.splice(to..to, part);
                }
                4 => drop(bytes.splice(from..from, tokens[self.below(tokens.len())].iter().copied())),
                _ => {
                    let end = (from + self.below(6)).min(bytes.len());
                    bytes.splice(from..end, tokens[self.below(tokens.len())].iter().copied());
                }
            }
        }
        bytes
    }
}
