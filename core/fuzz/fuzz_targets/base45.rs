//! Bytes and Base45 text correspond one to one.
#![no_main]

use eventflow_core::ticket::base45::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    assert_eq!(decode(&encode(data)).as_deref(), Ok(data));
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(bytes) = decode(text) {
            assert_eq!(encode(&bytes), text);
        }
    }
});
