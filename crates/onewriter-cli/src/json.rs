//! A scanner for JSON lines: finds the members of an object without building values, and says
//! whether the line is whole.
//!
//! `check` reads millions of lines a second with it, and `tail` its fields; neither needs a tree.

/// Deeper nesting than this is taken for a torn line: the scanner must not run out of stack.
const MAX_DEPTH: u32 = 64;

/// The line is not one whole JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn;

/// Calls `member` with the raw name (without quotes) and the raw value (strings with their quotes)
/// of each top-level member of the object that `line` is.
///
/// ```
/// let mut found = Vec::new();
/// let line = br#"{"seq":7,"message":"a } b"}"#;
/// onewriter_cli::json::members(line, |name, value| found.push((name.to_vec(), value.to_vec()))).unwrap();
/// assert_eq!(found[0], (b"seq".to_vec(), b"7".to_vec()));
/// assert_eq!(found[1].1, br#""a } b""#);
/// ```
///
/// # Errors
/// [`Torn`] if the line is anything but one whole object.
pub fn members<'a>(line: &'a [u8], mut member: impl FnMut(&'a [u8], &'a [u8])) -> Result<(), Torn> {
    let mut scan = Scan { bytes: line, at: 0 };
    scan.space();
    scan.object(0, &mut member)?;
    scan.space();
    if scan.at == line.len() { Ok(()) } else { Err(Torn) }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn object(
        &mut self,
        depth: u32,
        member: &mut dyn FnMut(&'a [u8], &'a [u8]),
    ) -> Result<(), Torn> {
        self.expect(b'{')?;
        self.space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
            let value = self.value(depth)?;
            member(&name[1..name.len() - 1], value);
            self.space();
            if self.take(b'}') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn value(&mut self, depth: u32) -> Result<&'a [u8], Torn> {
        let start = self.at;
        match self.peek() {
            b'"' => return self.string(),
            b'{' if depth < MAX_DEPTH => self.object(depth + 1, &mut |_, _| {})?,
            b'[' if depth < MAX_DEPTH => self.array(depth + 1)?,
            _ => self.word()?,
        }
        Ok(&self.bytes[start..self.at])
    }

    fn array(&mut self, depth: u32) -> Result<(), Torn> {
        self.expect(b'[')?;
        self.space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.space();
            self.value(depth)?;
            self.space();
            if self.take(b']') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// A string with its quotes. Raw control characters are as wrong as a missing quote.
    fn string(&mut self) -> Result<&'a [u8], Torn> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek() {
                b'"' => break,
                b'\\' => self.at += 2,
                0..=31 => return Err(Torn),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Ok(&self.bytes[start..self.at])
    }

    /// A number or `true`, `false`, `null`.
    fn word(&mut self) -> Result<(), Torn> {
        let start = self.at;
        while matches!(self.peek(), b'0'..=b'9' | b'a'..=b'z' | b'+' | b'-' | b'.' | b'E') {
            self.at += 1;
        }
        match &self.bytes[start..self.at] {
            [] => Err(Torn),
            b"true" | b"false" | b"null" => Ok(()),
            [b'-' | b'0'..=b'9', rest @ ..] => {
                let digit = |b: &u8| !b.is_ascii_lowercase() || *b == b'e';
                if rest.iter().all(digit) { Ok(()) } else { Err(Torn) }
            }
            _ => Err(Torn),
        }
    }

    /// The next byte; 0, which is nowhere valid, at the end.
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Torn> {
        if self.take(byte) { Ok(()) } else { Err(Torn) }
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r') {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(line: &str) -> bool {
        members(line.as_bytes(), |_, _| {}).is_ok()
    }

    #[test]
    fn whole_objects_of_every_kind_pass() {
        for line in [
            "{}",
            "{\"a\":1}",
            " { \"a\" : [ 1 , -2.5e+3, true ] , \"b\" : { \"c\" : null } } \r",
            r#"{"a":"quote \" backslash \\","b":[],"c":{}}"#,
        ] {
            assert!(whole(line), "{line}");
        }
    }

    #[test]
    fn every_strict_prefix_of_a_line_is_torn() {
        let line = r#"{"time":"2026-11-21T08:00:00Z","n":[1,{"x":"\"y"}],"seq":12}"#;
        assert!(whole(line));
        for end in 0..line.len() {
            assert!(!whole(&line[..end]), "{}", &line[..end]);
        }
    }

    #[test]
    fn a_line_spliced_into_another_at_any_place_is_torn() {
        let line = r#"{"time":"2026","seq":12,"m":"a"}"#;
        for end in 1..line.len() {
            let spliced = format!("{}{line}", &line[..end]);
            assert!(!whole(&spliced), "{spliced}");
        }
    }

    #[test]
    fn a_value_that_is_no_object_and_endless_nesting_are_torn() {
        for line in ["", "1", "[1]", "\"a\"", "{\"a\":nul}", "{\"a\":1e}x", "{\"a\":1b}"] {
            assert!(!whole(line), "{line}");
        }
        assert!(!whole(&format!("{{\"a\":{}", "[".repeat(1_000_000))));
    }
}
