//! Bytes that many will read: made once, compressed at most once for each coding, and off the threads that serve requests.

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use tokio::sync::{OnceCell, Semaphore};

/// Compressions at one time: half of the cores, so that everybody else is served too.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Semaphore::new((cores / 2).max(1))
});
/// Who does not get a turn in this time is served without compression.
const TURN_WAIT: Duration = Duration::from_millis(250);
/// Shorter bytes fit into one packet in any case.
const WORTH_IT: usize = 512;
/// For seat states as small as 5, in a tenth of its time: its tables, zeroed each time, take much more room than the states.
const BROTLI_QUALITY: u32 = 3;
/// Bits of the window: as much as there is to look back at.
const BROTLI_WINDOWS: std::ops::RangeInclusive<u32> = 10..=22;

type Compress = fn(&[u8]) -> std::io::Result<Vec<u8>>;

/// How bytes are coded on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Identity,
    Gzip,
    Brotli,
}

#[derive(Debug)]
pub struct Prepared {
    plain: Bytes,
    gzip: OnceCell<Bytes>,
    brotli: OnceCell<Bytes>,
}

impl Prepared {
    pub fn new(plain: impl Into<Bytes>) -> Self {
        Self { plain: plain.into(), gzip: OnceCell::new(), brotli: OnceCell::new() }
    }

    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The bytes under `coding`, or as they are when that is no gain or every turn is taken; and which of the two.
    pub async fn coded(&self, coding: Coding) -> (Bytes, Coding) {
        let (cell, compress): (_, Compress) = match coding {
            _ if self.plain.len() < WORTH_IT => return (self.plain.clone(), Coding::Identity),
            Coding::Identity => return (self.plain.clone(), Coding::Identity),
            Coding::Gzip => (&self.gzip, gzip),
            Coding::Brotli => (&self.brotli, brotli),
        };
        if cell.get().is_none() {
            let plain = self.plain.clone();
            let made = cell.get_or_try_init(|| async move {
                let _turn = tokio::time::timeout(TURN_WAIT, TURNS.acquire()).await.map_err(drop)?;
                let packed = tokio::task::spawn_blocking(move || compress(&plain)).await.map_err(drop)?;
                packed.map(Bytes::from).map_err(drop)
            });
            if made.await.is_err() {
                return (self.plain.clone(), Coding::Identity);
            }
        }
        match cell.get() {
            Some(packed) if packed.len() < self.plain.len() => (packed.clone(), coding),
            _ => (self.plain.clone(), Coding::Identity),
        }
    }
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, plain)?;
    encoder.finish()
}

fn brotli(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    let window =
        (usize::BITS - plain.len().leading_zeros()).clamp(*BROTLI_WINDOWS.start(), *BROTLI_WINDOWS.end());
    let mut reader = brotli::CompressorReader::new(plain, 4096, BROTLI_QUALITY, window);
    std::io::Read::read_to_end(&mut reader, &mut packed)?;
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[tokio::test]
    async fn bytes_are_packed_once_and_unpack_to_themselves() {
        let text = "seat 1 is free, seat 2 is held, ".repeat(100);
        let prepared = Prepared::new(text.clone().into_bytes());
        let (gzip, coding) = prepared.coded(Coding::Gzip).await;
        assert_eq!(coding, Coding::Gzip);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&gzip[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
        let (brotli, coding) = prepared.coded(Coding::Brotli).await;
        assert_eq!(coding, Coding::Brotli);
        unpacked.clear();
        brotli::Decompressor::new(&brotli[..], 4096).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
        // The same memory: nothing was made again.
        assert_eq!(prepared.coded(Coding::Gzip).await.0.as_ptr(), gzip.as_ptr());
        assert_eq!(prepared.coded(Coding::Identity).await, (prepared.plain().clone(), Coding::Identity));
    }

    #[tokio::test]
    async fn what_does_not_get_smaller_stays_as_it_is() {
        let short = Prepared::new("ok");
        assert_eq!(short.coded(Coding::Brotli).await, (Bytes::from("ok"), Coding::Identity));
        let noise: Vec<u8> = (0..4_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let noise = Prepared::new(noise);
        let (bytes, coding) = noise.coded(Coding::Gzip).await;
        assert!(coding == Coding::Identity || bytes.len() < noise.plain().len());
    }
}
