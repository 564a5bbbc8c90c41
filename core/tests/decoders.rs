//! Every decoder reads the samples of the fuzz targets, and keeps its word for thousands of changed ones: what the fuzzers
//! do for hours, the same in every run and in seconds.

#[path = "../fuzz/changed.rs"]
mod changed;
#[path = "../fuzz/checks.rs"]
mod checks;

use std::path::Path;

/// Changed samples for each sample.
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

macro_rules! decoders {
    ($($target:ident),*) => { $(
        #[test]
        fn $target() {
            let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(stringify!($target));
            changed::keeps_its_word(checks::$target, &changed::samples(&seeds), ROUNDS, &TOKENS);
        }
    )* };
}

decoders!(base45, ticket_token, id, plan, snapshot, diff, document, pretix, csv, svg);

#[test]
fn plans_of_the_first_version_are_read_for_ever() {
    use eventflow_core::seat_map::{Layout, SeatMap};
    let map = SeatMap::from_json(include_str!("../testdata/seat-map-everything.json")).expect("a seat map");
    let plan = include_bytes!("../fuzz/seeds/plan/everything.bin");
    assert_eq!(Layout::from_plan(plan), Ok(Layout::compile(&map)));
}
