//! JSON by hand: the few shapes that the bridge answers with do not justify a serializer in the download.

/// An object or array being written. Commas are put by looking at the last character, so writers compose freely.
#[derive(Debug, Default)]
pub struct Json(String);

impl Json {
    pub fn object(write: impl FnOnce(&mut Self)) -> String {
        let mut json = Self::default();
        json.braces(write);
        json.0
    }

    pub fn array(write: impl FnOnce(&mut Self)) -> String {
        let mut json = Self::default();
        json.brackets(write);
        json.0
    }

    pub fn text(self) -> String {
        self.0
    }

    /// An object as an element of an array.
    pub fn braces(&mut self, write: impl FnOnce(&mut Self)) {
        self.enclosed("{", "}", write);
    }

    pub fn brackets(&mut self, write: impl FnOnce(&mut Self)) {
        self.enclosed("[", "]", write);
    }

    /// A member whose value `write` writes; follow with exactly one value.
    pub fn key(&mut self, key: &str) -> &mut Self {
        self.separate();
        self.quoted(key);
        self.0 += ":";
        self
    }

    pub fn string(&mut self, text: &str) {
        self.separate();
        self.quoted(text);
    }

    pub fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.literal("null"),
        }
    }

    pub fn number(&mut self, value: i64) {
        self.separate();
        if value < 0 {
            self.0 += "-";
        }
        self.digits(value.unsigned_abs());
    }

    /// With one decimal: positions on the screen.
    pub fn tenths(&mut self, value: f64) {
        let tenths = (value * 10.0).round() as i64;
        self.separate();
        if tenths < 0 {
            self.0 += "-";
        }
        self.digits(tenths.unsigned_abs() / 10);
        self.0 += ".";
        self.digits(tenths.unsigned_abs() % 10);
    }

    pub fn flag(&mut self, value: bool) {
        self.literal(if value { "true" } else { "false" });
    }

    pub fn numbers(&mut self, values: impl IntoIterator<Item = u32>) {
        self.brackets(|json| values.into_iter().for_each(|value| json.number(value.into())));
    }

    pub fn literal(&mut self, text: &str) {
        self.separate();
        self.0.push_str(text);
    }

    fn enclosed(&mut self, open: &str, close: &str, write: impl FnOnce(&mut Self)) {
        self.separate();
        self.0.push_str(open);
        write(self);
        self.0.push_str(close);
    }

    fn separate(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.0 += ",";
        }
    }

    fn quoted(&mut self, text: &str) {
        self.0 += "\"";
        let mut from = 0;
        for (at, byte) in text.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                0..b' ' => "\\u00",
                _ => continue,
            };
            self.0.push_str(&text[from..at]);
            self.0.push_str(escape);
            from = at + 1;
            if byte < b' ' {
                for nibble in [byte >> 4, byte & 15].map(usize::from) {
                    self.0.push_str(&"0123456789abcdef"[nibble..=nibble]);
                }
            }
        }
        self.0.push_str(&text[from..]);
        self.0 += "\"";
    }

    fn digits(&mut self, mut value: u64) {
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.0.push_str(str::from_utf8(&digits[at..]).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_separated_and_escaped() {
        let text = Json::object(|json| {
            json.key("a").number(-12);
            json.key("b\"").string("x\\\n\u{e4}");
            json.key("c").brackets(|json| {
                json.braces(|json| json.key("n").optional(None));
                json.braces(|json| json.key("t").flag(true));
                json.tenths(-0.26);
                json.tenths(1234.04);
            });
            json.key("d").numbers([0, u32::MAX]);
            json.key("e").brackets(|_| {});
        });
        let expected = r#"{"a":-12,"b\"":"x\\\u000aä","c":[{"n":null},{"t":true},-0.3,1234.0],"d":[0,4294967295],"e":[]}"#;
        assert_eq!(text, expected);
        assert_eq!(Json::array(|_| {}), "[]");
    }
}
