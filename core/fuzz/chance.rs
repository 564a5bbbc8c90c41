//! Samples that were changed at random, for tests that do in seconds what the fuzzers do for hours.

/// Numbers that look like chance and are the same in every run.
pub struct Chance(pub u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }

    /// The sample with something else in a few places; `tokens` mean something to its reader.
    pub fn changed(&mut self, sample: &[u8], tokens: &[&[u8]]) -> Vec<u8> {
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
