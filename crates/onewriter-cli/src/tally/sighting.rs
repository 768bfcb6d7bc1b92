//! One line: whose it is, its number and time, and whether it is whole.

use memchr::memmem::Finder;

use crate::entry::Entry;
use crate::json;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting<'a> {
    /// A line with a sequence number.
    Record {
        /// The raw value of the producer's field; empty if there is none.
        producer: &'a [u8],
        /// The number.
        seq: u64,
        /// The time as written.
        time: Option<&'a [u8]>,
        /// The number that the producer drew before the put.
        ticket: Option<u64>,
    },
    /// A whole line without a sequence number.
    Other {
        /// The time as written.
        time: Option<&'a [u8]>,
    },
    /// Not one whole line.
    Torn,
}

/// Finds the fields of a sequence in JSON, logfmt and text lines.
pub struct Sighter {
    producers: Vec<Key>,
    seq: Key,
    time: Key,
    ticket: Option<Key>,
}

struct Key {
    name: Vec<u8>,
    /// ` name=`
    finder: Finder<'static>,
}

impl Key {
    fn new(name: &str) -> Key {
        let finder = Finder::new(format!(" {name}=").as_bytes()).into_owned();
        Key { name: name.as_bytes().to_vec(), finder }
    }

    /// The value of `name=value` in the line. Twice is as wrong as in a line inside another.
    fn value<'a>(&self, line: &'a [u8]) -> Result<Option<&'a [u8]>, json::Torn> {
        let start = if self.starts(line) {
            self.name.len() + 1
        } else {
            match self.finder.find(line) {
                Some(at) => at + self.name.len() + 2,
                None => return Ok(None),
            }
        };
        if self.finder.find(&line[start..]).is_some() {
            return Err(json::Torn);
        }
        let end = memchr::memchr(b' ', &line[start..]).map_or(line.len(), |len| start + len);
        Ok(Some(&line[start..end]))
    }

    fn starts(&self, line: &[u8]) -> bool {
        line.strip_prefix(&self.name[..]).is_some_and(|rest| rest.first() == Some(&b'='))
    }
}

impl Sighter {
    /// Looks for these fields: `None` is `producer`, else `thread`; the empty name is `seq`.
    #[must_use]
    pub fn new(producer: Option<&str>, seq: &str, ticket: Option<&str>) -> Sighter {
        let producers = match producer {
            Some(name) => vec![Key::new(name)],
            None => vec![Key::new("producer"), Key::new("thread")],
        };
        let seq = Key::new(if seq.is_empty() { "seq" } else { seq });
        Sighter { producers, seq, time: Key::new("time"), ticket: ticket.map(Key::new) }
    }

    /// Looks at a line, without its newline.
    #[must_use]
    pub fn look<'a>(&self, line: &'a [u8]) -> Sighting<'a> {
        let found = if line.first() == Some(&b'{') { self.json(line) } else { self.words(line) };
        found.unwrap_or(Sighting::Torn)
    }

    fn json<'a>(&self, line: &'a [u8]) -> Result<Sighting<'a>, json::Torn> {
        let (mut best, mut producer) = (usize::MAX, &b""[..]);
        let (mut seq, mut time, mut ticket) = (None, None, None);
        let mut member = |name: &'a [u8], value: &'a [u8]| {
            if name == self.seq.name {
                seq = number(value);
            } else if matches!(name, b"time" | b"timestamp") {
                time = Some(unquoted(value));
            } else if self.ticket.as_ref().is_some_and(|key| name == key.name) {
                ticket = number(value);
            } else if let Some(rank) = self.producers.iter().position(|key| key.name == name)
                && rank < best
            {
                (best, producer) = (rank, value);
            }
        };
        let mut nested = None;
        json::members(line, |name, value| {
            if name == b"fields" && value.first() == Some(&b'{') {
                nested = Some(value);
            } else {
                member(name, value);
            }
        })?;
        if let Some(fields) = nested {
            json::members(fields, &mut member)?;
        }
        Ok(sighting(producer, seq, time, ticket))
    }

    fn words<'a>(&self, line: &'a [u8]) -> Result<Sighting<'a>, json::Torn> {
        let time = match line.first() {
            Some(b'0'..=b'9' | b'[') => Some(leading_time(line)),
            _ => self.time.value(line)?,
        };
        let seq = self.seq.value(line)?.and_then(number);
        if time.is_none() || seq.is_none() {
            let whole = std::str::from_utf8(line).is_ok_and(|line| Entry::parse(line).is_some());
            return if whole { Ok(Sighting::Other { time }) } else { Err(json::Torn) };
        }
        let mut producer = &b""[..];
        for key in &self.producers {
            if let Some(value) = key.value(line)? {
                producer = value;
                break;
            }
        }
        let ticket = self.ticket.as_ref().map(|key| key.value(line)).transpose()?.flatten();
        Ok(sighting(producer, seq, time, ticket.and_then(number)))
    }
}

fn sighting<'a>(
    producer: &'a [u8],
    seq: Option<u64>,
    time: Option<&'a [u8]>,
    ticket: Option<u64>,
) -> Sighting<'a> {
    match seq {
        Some(seq) => Sighting::Record { producer, seq, time, ticket },
        None => Sighting::Other { time },
    }
}

fn leading_time(line: &[u8]) -> &[u8] {
    let word_end =
        |from: usize| memchr::memchr(b' ', &line[from..]).map_or(line.len(), |n| from + n);
    let mut end = word_end(0);
    // A date alone: the time of day is the next word.
    if matches!(end, 10 | 11) && end < line.len() {
        end = word_end(end + 1);
    }
    let time = &line[..end];
    time.strip_prefix(b"[").map_or(time, |time| time.strip_suffix(b"]").unwrap_or(time))
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

fn number(value: &[u8]) -> Option<u64> {
    let digits = unquoted(value);
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { sum.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(line: &str) -> String {
        match Sighter::new(None, "", None).look(line.as_bytes()) {
            Sighting::Torn => "torn".into(),
            Sighting::Other { time } => format!("other {}", time.unwrap_or(b"-").escape_ascii()),
            Sighting::Record { producer, seq, time, .. } => {
                format!("{} {seq} {}", producer.escape_ascii(), time.unwrap_or(b"-").escape_ascii())
            }
        }
    }

    #[test]
    fn the_fields_are_found_in_every_form() {
        for (line, expected) in [
            (r#"{"time":"T","seq":7,"producer":3,"x":{"seq":9}}"#, "3 7 T"),
            (r#"{"time":"T","thread":"main","fields":{"producer":3,"seq":7}}"#, "3 7 T"),
            (r#"{"thread":4,"seq":"8"}"#, "4 8 -"),
            ("2026-11-21T08:00:00Z INFO a: x producer=3 seq=7", "3 7 2026-11-21T08:00:00Z"),
            ("2026-11-21 08:00:00 INFO a: x seq=7 thread=2", "2 7 2026-11-21 08:00:00"),
            ("time=T level=info msg=x seq=7 producer=p", "p 7 T"),
            ("[2026-11-21 08:00:00] INFO seq=7", " 7 2026-11-21 08:00:00"),
        ] {
            assert_eq!(look(line), expected, "{line}");
        }
    }

    #[test]
    fn whole_lines_without_a_number_are_others() {
        assert_eq!(look(r#"{"time":"T","message":"started"}"#), "other T");
        assert_eq!(look(r#"{"seq":-1}"#), "other -");
        assert_eq!(look("2026-11-21T08:00:00Z INFO a: seq = 1"), "other 2026-11-21T08:00:00Z");
    }

    #[test]
    fn cut_and_spliced_text_lines_are_torn() {
        for line in [
            "",
            "eq=7",
            "2026-11-21T08:00:00Z INF",
            "2026-11-21T08:00:00Z INFO a: x producer=3 se2026-11-21T08:00:00Z INFO a: x producer=3 seq=7",
            "2026-11-21T08:00:00Z INFO a: x producer=3 seq=6 seq=7",
        ] {
            assert_eq!(look(line), "torn", "{line}");
        }
    }
}
