//! The alphabet of the binary codecs: LEB128 numbers, one way to write each.

/// Why a number cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    /// The bytes end within it.
    Truncated,
    /// It is beyond `u32`, or written longer than it needs.
    Number,
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
pub(super) fn put(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.0.split_first().ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (&array, rest) = self.0.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(array)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Reads what [`put`] wrote, and nothing else.
    pub(super) fn number(&mut self) -> Result<u32, Malformed> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                return Err(Malformed::Number);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return if byte == 0 && shift > 0 { Err(Malformed::Number) } else { Ok(value) };
            }
        }
        Err(Malformed::Number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<u32, Malformed> {
        let mut reader = Reader(bytes);
        let value = reader.number()?;
        assert!(reader.is_empty());
        Ok(value)
    }

    #[test]
    fn golden_numbers() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (300, &[0xac, 2]),
            (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!((out.as_slice(), read(bytes)), (bytes, Ok(value)));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        assert_eq!(read(&[0x80]), Err(Malformed::Truncated));
        assert_eq!(read(&[]), Err(Malformed::Truncated));
        assert_eq!(read(&[0x80, 0]), Err(Malformed::Number));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(Malformed::Number));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x8f, 0]), Err(Malformed::Number));
    }

    proptest! {
        #[test]
        fn numbers_survive_the_round_trip(value: u32, shift in 0..32_u32) {
            let value = value >> shift;
            let mut out = Vec::new();
            put(&mut out, value);
            prop_assert_eq!(read(&out), Ok(value));
        }
    }
}
