//! Every decoder reads the samples of the fuzz targets, and keeps its word for thousands of changed ones: what the fuzzers
//! do for hours, the same in every run and in seconds.

#[path = "../fuzz/checks.rs"]
mod checks;

use std::{fs, path::Path};

/// Changed samples of each kind for each sample.
const ROUNDS: usize = 200;
/// What means something to one of the readers.
const TOKENS: [&[u8]; 24] = [
    b"\0",
    b"\xff\xff\xff\xff\x0f",
    b"\x80\x80",
    b"999999999999",
    b"-1",
    b"1e308",
    b"NaN",
    b"\"",
    b"{",
    b"}",
    b"[]",
    b"null",
    b",",
    b";",
    b"\n",
    b"<g>",
    b"</g>",
    b"&amp;",
    b"&x;",
    b"<!DOCTYPE a [",
    b"transform=\"scale(0)\"",
    b"\xc3",
    "\u{202e}ü".as_bytes(),
    b"0",
];

/// Numbers that look like chance and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }

    /// The sample with something else in one or two places.
    fn changed(&mut self, sample: &[u8]) -> Vec<u8> {
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
                4 => drop(bytes.splice(from..from, TOKENS[self.below(TOKENS.len())].iter().copied())),
                _ => {
                    let end = (from + self.below(6)).min(bytes.len());
                    bytes.splice(from..end, TOKENS[self.below(TOKENS.len())].iter().copied());
                }
            }
        }
        bytes
    }
}

fn keeps_its_word(target: &str, check: fn(&[u8]) -> bool) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds: Vec<_> =
        fs::read_dir(seeds).expect("there are samples").map(|file| file.expect("a file").path()).collect();
    seeds.sort();
    let (mut read, mut refused) = (0, 0);
    let mut chance = Chance(7);
    for seed in seeds {
        let sample = fs::read(&seed).expect("a sample can be read");
        assert!(check(&sample), "{} is refused", seed.display());
        for _ in 0..ROUNDS {
            if check(&chance.changed(&sample)) { read += 1 } else { refused += 1 }
        }
    }
    assert!(read > 0 && refused > 0, "{target}: {read} read, {refused} refused");
}

macro_rules! decoders {
    ($($target:ident),*) => { $(#[test] fn $target() { keeps_its_word(stringify!($target), checks::$target) })* };
}

decoders!(plan, snapshot, diff, document, pretix, csv, svg);

#[test]
fn plans_of_the_first_version_are_read_for_ever() {
    use eventflow_core::seat_map::{Layout, SeatMap};
    let map = SeatMap::from_json(include_str!("../testdata/seat-map-everything.json")).expect("a seat map");
    let plan = include_bytes!("../fuzz/seeds/plan/everything.bin");
    assert_eq!(Layout::from_plan(plan), Ok(Layout::compile(&map)));
}
