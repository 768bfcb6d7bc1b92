//! Bytes to lines, with a bound: no line, however long, takes more memory than its limit.

use std::io::{self, BufRead};

/// How a piece of a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a newline, which is not part of the piece.
    Newline,
    /// At the limit: the next piece continues the line.
    Limit,
    /// At the end of the input, without a newline.
    Input,
}

/// Reads pieces of at most `limit` bytes.
///
/// ```
/// use onewriter_cli::lines::{End, Lines};
/// let mut lines = Lines::new(&b"one\ntwo"[..], 1024);
/// assert_eq!(lines.next().unwrap(), Some((&b"one"[..], End::Newline)));
/// assert_eq!(lines.next().unwrap(), Some((&b"two"[..], End::Input)));
/// assert_eq!(lines.next().unwrap(), None);
/// ```
pub struct Lines<R> {
    input: R,
    limit: usize,
    piece: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Pieces of `input`, of at most `limit` bytes (at least 1).
    pub fn new(input: R, limit: usize) -> Lines<R> {
        Lines { input, limit: limit.max(1), piece: Vec::new() }
    }

    /// The next piece; `None` at the end of the input.
    ///
    /// # Errors
    /// Those of the input, except interruptions.
    #[expect(clippy::should_implement_trait, reason = "the piece is borrowed: no iterator can")]
    pub fn next(&mut self) -> io::Result<Option<(&[u8], End)>> {
        self.piece.clear();
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) => return Err(err),
            };
            if chunk.is_empty() {
                let end = (!self.piece.is_empty()).then_some(End::Input);
                return Ok(end.map(|end| (&self.piece[..], end)));
            }
            let room = self.limit - self.piece.len();
            // One byte more than there is room for: a newline right at the limit ends the line.
            let window = &chunk[..chunk.len().min(room.saturating_add(1))];
            if let Some(at) = memchr::memchr(b'\n', window) {
                self.piece.extend_from_slice(&window[..at]);
                self.input.consume(at + 1);
                return Ok(Some((&self.piece, End::Newline)));
            }
            let taken = window.len().min(room);
            self.piece.extend_from_slice(&window[..taken]);
            let beyond = window.len() > room;
            self.input.consume(taken);
            if beyond {
                return Ok(Some((&self.piece, End::Limit)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(input: &[u8], limit: usize, chunk: usize) -> Vec<(String, End)> {
        let reader = io::BufReader::with_capacity(chunk, input);
        let mut lines = Lines::new(reader, limit);
        let mut all = Vec::new();
        while let Some((piece, end)) = lines.next().unwrap() {
            all.push((String::from_utf8(piece.to_vec()).unwrap(), end));
        }
        all
    }

    #[test]
    fn a_last_line_without_newline_is_kept() {
        let expected = vec![("a".into(), End::Newline), ("b".into(), End::Input)];
        assert_eq!(pieces(b"a\nb", 10, 1), expected);
        assert_eq!(pieces(b"a\nb", 10, 64), expected);
    }

    #[test]
    fn an_empty_line_is_a_line_and_an_empty_input_is_none() {
        assert_eq!(pieces(b"\n\n", 4, 8), [("".into(), End::Newline), ("".into(), End::Newline)]);
        assert_eq!(pieces(b"", 4, 8), []);
    }

    #[test]
    fn a_long_line_is_split_at_the_limit_and_nothing_is_lost() {
        for chunk in [1, 2, 3, 5, 100] {
            let found = pieces(b"abcdefgh\nxy\n", 3, chunk);
            let texts: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
            assert_eq!(texts, ["abc", "def", "gh", "xy"], "chunk {chunk}");
            let ends: Vec<End> = found.iter().map(|&(_, end)| end).collect();
            assert_eq!(ends, [End::Limit, End::Limit, End::Newline, End::Newline]);
        }
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_not_split() {
        for chunk in [1, 2, 3, 4, 100] {
            let found = pieces(b"abc\nabc", 3, chunk);
            assert_eq!(found, [("abc".into(), End::Newline), ("abc".into(), End::Input)]);
        }
    }
}
