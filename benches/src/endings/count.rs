//! Which lines are there.

use crate::peer::files;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

const MARK: &[u8] = b"Logging int: ";

/// The lines of a run, by their two numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Different lines.
    pub lines: u64,
    /// Lines that stand more than once, counted each time but the first.
    pub doubled: u64,
    /// Lines that are not whole, or hold parts of two.
    pub torn: u64,
}

/// How often each pair of numbers stands in the run's files.
pub struct Found {
    times: HashMap<(u64, u64), u64>,
    torn: u64,
}

impl Found {
    /// Reads all files of the run.
    pub fn read(dir: &Path) -> Found {
        let mut found = Found { times: HashMap::new(), torn: 0 };
        for file in files(dir) {
            found.add(&fs::read(file).unwrap_or_default());
        }
        found
    }

    fn add(&mut self, text: &[u8]) {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let mut numbers = pairs(line);
            match (numbers.next(), numbers.next(), line.ends_with(b"\n")) {
                (None, ..) if !contains(line, MARK) => {}
                (Some(pair), None, true) => *self.times.entry(pair).or_default() += 1,
                _ => self.torn += 1,
            }
        }
    }

    /// The lines whose numbers are wanted.
    pub fn count(&self, wanted: impl Fn(u64, u64) -> bool) -> Count {
        let mut count = Count { torn: self.torn, ..Count::default() };
        for (_, times) in self.times.iter().filter(|((i, j), _)| wanted(*i, *j)) {
            count.lines += 1;
            count.doubled += times - 1;
        }
        count
    }
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

/// The numbers after each mark in the line. Other text after a mark, such as the template beside its
/// message, is no message.
fn pairs(line: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let marks = line.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.filter_map(|(at, _)| {
        let (first, rest) = number(line.get(at + MARK.len()..)?)?;
        let (second, _) = number(rest.strip_prefix(b" int: ")?)?;
        Some((first, second))
    })
}

fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> Count {
        let mut found = Found { times: HashMap::new(), torn: 0 };
        found.add(text.as_bytes());
        found.count(|i, _| i < 10)
    }

    #[test]
    fn lines_that_stand_twice_count_once_and_as_doubled() {
        let text = "Logging int: 1 int: 7 double: 1\nLogging int: 1 int: 7 double: 1\n\
             Logging int: 2 int: 7 double: 2\nLogging int: 12 int: 7 double: 2\n";
        assert_eq!(counted(text), Count { lines: 2, doubled: 1, torn: 0 });
    }

    #[test]
    fn half_lines_and_two_in_one_are_torn_and_other_lines_are_nothing() {
        let text = "Logging int: 1 int: 7 doLogging int: 2 int: 7 double: 2\nrotated\n\
             Logging int: x\nLogging int: 3 int: 7 double: 3";
        assert_eq!(counted(text), Count { lines: 0, doubled: 0, torn: 3 });
    }

    #[test]
    fn a_template_beside_its_message_is_no_second_message() {
        let text =
            "{\"msg\":\"Logging int: 1 int: 7 double: 1\",\"tpl\":\"Logging int: {i} int: {j}\"}\n";
        assert_eq!(counted(text), Count { lines: 1, doubled: 0, torn: 0 });
    }
}
