//! Every decoder reads the samples of the fuzz targets, and keeps its word for thousands of changed ones: what the fuzzers
//! do for hours, the same in every run and in seconds.

#[path = "../fuzz/chance.rs"]
mod chance;
#[path = "../fuzz/checks.rs"]
mod checks;

use std::{fs, path::Path};

use chance::Chance;

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
            if check(&chance.changed(&sample, &TOKENS)) { read += 1 } else { refused += 1 }
        }
    }
    assert!(read > 0 && refused > 0, "{target}: {read} read, {refused} refused");
}

macro_rules! decoders {
    ($($target:ident),*) => { $(#[test] fn $target() { keeps_its_word(stringify!($target), checks::$target) })* };
}

decoders!(base45, ticket_token, id, plan, snapshot, diff, document, pretix, csv, svg);

#[test]
fn plans_of_the_first_version_are_read_for_ever() {
    use eventflow_core::seat_map::{Layout, SeatMap};
    let map = SeatMap::from_json(include_str!("../testdata/seat-map-everything.json")).expect("a seat map");
    let plan = include_bytes!("../fuzz/seeds/plan/everything.bin");
    assert_eq!(Layout::from_plan(plan), Ok(Layout::compile(&map)));
}
