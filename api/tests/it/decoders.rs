//! What the server reads of strangers keeps its word for the samples of the fuzz targets and for thousands of changed ones:
//! what the fuzzers do for hours, the same in every run and in seconds.

#[path = "../../../core/fuzz/changed.rs"]
mod changed;
#[path = "../../fuzz/checks.rs"]
mod checks;

use std::path::Path;

/// Changed samples for each sample.
const ROUNDS: usize = 300;
/// What means something to one of the readers.
const TOKENS: [&[u8]; 32] = [
    b"\0",
    b"\\u0000",
    b"\n",
    b"\"",
    b"null",
    b"-1",
    b"99999999999999999999",
    b"1e308",
    b"v1=",
    b"v0=",
    b",",
    b"t=",
    b"%2e",
    b"%00",
    b"..",
    b".",
    b"@",
    b":",
    b":22",
    b":65536",
    b"0x7f.1",
    b"127.1",
    b"[::ffff:7f00:1]",
    b"::",
    b"#",
    b"\\",
    b"\xc2\xad",
    "\u{ff0e}\u{3002}".as_bytes(),
    b"\xff",
    b"A",
    b"=",
    b" ",
];

macro_rules! decoders {
    ($($target:ident),* $(,)?) => { $(
        #[test]
        fn $target() {
            let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(stringify!($target));
            changed::keeps_its_word(checks::$target, &changed::samples(&seeds), ROUNDS, &TOKENS);
        }
    )* };
}

decoders!(
    provider_signature,
    provider_event,
    buyer_token,
    cursor,
    fingerprint,
    webhook_url,
    public_address,
    webhook_signature,
);
