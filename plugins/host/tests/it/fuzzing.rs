//! Uploads that were changed at random: what the fuzzers do for hours, the same in every run and in seconds.

#[path = "../../../../core/fuzz/changed.rs"]
mod changed;
#[path = "../../fuzz/checks.rs"]
mod checks;

use changed::keeps_its_word;

use crate::support::{adjustment_at_2048, example, pricing_with};

/// What means something to a reader of WebAssembly: ends and beginnings of numbers.
const TOKENS: [&[u8]; 5] = [&[0], &[1], &[0x7f], &[0x80], &[0xff]];

/// A small one: compiling a large one for every change takes too long here.
fn small() -> Vec<u8> {
    let body = format!("{} (call $ok (i32.const 2048) (i32.const 1))", adjustment_at_2048(-500, 64, 4));
    pricing_with("(data (i32.const 64) \"Text\")", &body)
}

#[test]
fn upload() {
    keeps_its_word(checks::upload, &[example("hello")], 500, &TOKENS);
    keeps_its_word(checks::upload, &[small()], 3_000, &TOKENS);
}

#[test]
fn install() {
    keeps_its_word(checks::install, &[small()], 1_000, &TOKENS);
}
