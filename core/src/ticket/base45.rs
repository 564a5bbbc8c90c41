//! Base45 (RFC 9285): bytes as the characters of a QR code's alphanumeric mode.
//!
//! Two bytes become three characters, a last single byte becomes two. Decoding accepts exactly what [`encode`] writes,
//! so that bytes and text correspond one to one.

const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// Marks a character outside of the alphabet in [`VALUES`].
const NONE: u8 = 0xff;

/// The value of each ASCII character.
const VALUES: [u8; 128] = {
    let mut values = [NONE; 128];
    let mut value = 0_u8;
    while value < 45 {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// Why a text is not Base45; the first that holds, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Base45Error {
    /// No bytes encode to that many characters.
    #[error("Base45 has groups of three characters, and of two at the end")]
    Length,
    #[error("a character is not in the Base45 alphabet")]
    Alphabet,
    /// A group is worth more than its bytes can hold.
    #[error("a group of characters exceeds its bytes")]
    NotCanonical,
}

/// Three characters per two bytes, two for a last single byte.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(2) * 3);
    let mut push = |value: u32| text.push(char::from(ALPHABET[(value % 45) as usize]));
    for group in bytes.chunks(2) {
        match *group {
            [high, low] => {
                let value = u32::from(high) * 256 + u32::from(low);
                push(value);
                push(value / 45);
                push(value / (45 * 45));
            }
            [byte] => {
                let value = u32::from(byte);
                push(value);
                push(value / 45);
            }
            _ => {}
        }
    }
    text
}

/// The bytes of a text that [`encode`] wrote; every other text is refused.
pub fn decode(text: &str) -> Result<Vec<u8>, Base45Error> {
    if text.chars().count() % 3 == 1 {
        return Err(Base45Error::Length);
    }
    let values = text.bytes().map(value_of).collect::<Result<Vec<u32>, _>>()?;
    let mut bytes = Vec::with_capacity(values.len().div_ceil(3) * 2);
    for group in values.chunks(3) {
        match *group {
            [first, second, third] => {
                let value = first + second * 45 + third * 45 * 45;
                let pair = u16::try_from(value).map_err(|_| Base45Error::NotCanonical)?;
                bytes.extend_from_slice(&pair.to_be_bytes());
            }
            [first, second] => {
                let value = first + second * 45;
                bytes.push(u8::try_from(value).map_err(|_| Base45Error::NotCanonical)?);
            }
            _ => return Err(Base45Error::Length),
        }
    }
    Ok(bytes)
}

fn value_of(character: u8) -> Result<u32, Base45Error> {
    match VALUES.get(usize::from(character)) {
        Some(&value) if value != NONE => Ok(u32::from(value)),
        _ => Err(Base45Error::Alphabet),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_rfc_9285() {
        for (plain, text) in [
            ("AB", "BB8"),
            ("Hello!!", "%69 VD92EX0"),
            ("base-45", "UJCLQE7W581"),
            ("ietf!", "QED8WEX0"),
            ("", ""),
        ] {
            assert_eq!(encode(plain.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Ok(plain.as_bytes()));
        }
        assert_eq!(decode("GGW"), Err(Base45Error::NotCanonical), "65536, from the RFC");
        assert_eq!(decode("FGW"), Ok(vec![0xff, 0xff]));
    }

    #[test]
    fn malformed_texts_are_refused_for_the_first_reason_that_holds() {
        for (text, error) in [
            ("0", Base45Error::Length),
            ("BB80", Base45Error::Length),
            ("a", Base45Error::Length),
            ("bb8", Base45Error::Alphabet),
            ("BB\n", Base45Error::Alphabet),
            ("BÄ", Base45Error::Alphabet),
            ("GGWb00", Base45Error::Alphabet),
            (":::", Base45Error::NotCanonical),
            ("::", Base45Error::NotCanonical),
            ("V5", Base45Error::NotCanonical),
        ] {
            assert_eq!(decode(text), Err(error), "{text:?}");
        }
        assert_eq!(decode("U5"), Ok(vec![0xff]));
    }

    proptest! {
        #[test]
        fn bytes_survive_the_round_trip(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(decode(&encode(&bytes)), Ok(bytes));
        }

        #[test]
        fn what_decodes_encodes_to_the_same_text(text in "[0-9A-Z $%*+./:-]{0,60}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
