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
        self.enclosed('{', '}', write);
    }

    pub fn brackets(&mut self, write: impl FnOnce(&mut Self)) {
        self.enclosed('[', ']', write);
    }

    /// A member whose value `write` writes; follow with exactly one value.
    pub fn key(&mut self, key: &str) -> &mut Self {
        self.separate();
        self.quoted(key);
        self.0.push(':');
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
            self.0.push('-');
        }
        self.digits(value.unsigned_abs());
    }

    /// With one decimal: positions on the screen.
    pub fn tenths(&mut self, value: f64) {
        let tenths = (value * 10.0).round() as i64;
        self.separate();
        if tenths < 0 {
            self.0.push('-');
        }
        self.digits(tenths.unsigned_abs() / 10);
        self.0.push('.');
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

    fn enclosed(&mut self, open: char, close: char, write: impl FnOnce(&mut Self)) {
        self.separate();
        self.0.push(open);
        write(self);
        self.0.push(close);
    }

    fn separate(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(',');
        }
    }

    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => self.0.extend(['\\', character]),
                '\0'..='\x1f' => {
                    self.0.push_str("\\u00");
                    for nibble in [u32::from(character) >> 4, u32::from(character) & 15] {
                        self.0.extend(char::from_digit(nibble, 16));
                    }
                }
                _ => self.0.push(character),
            }
        }
        self.0.push('"');
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
        self.0.extend(digits[at..].iter().map(|&digit| char::from(digit)));
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
