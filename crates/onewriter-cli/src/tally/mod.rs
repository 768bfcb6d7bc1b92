//! The proof behind `check` and `demo`: is a log complete, in order and whole?
//!
//! Lines go in one by one; memory stays the same for each producer, however long the log is.

mod sequence;
mod sighting;

pub use sequence::Sequence;
pub use sighting::{Sighter, Sighting};

use std::collections::HashMap;
use std::io::BufRead;

use jiff::Zoned;

use crate::lines::{End, Lines};
use crate::moment;

/// A longer line is counted as torn.
const LINE_LIMIT: usize = 64 << 20;
/// So many findings are kept for the reader.
const MAX_FINDINGS: usize = 10;

/// What is known about the log beforehand.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The field that names the producer; `None`: `producer`, else `thread`.
    pub producer_field: Option<String>,
    /// The field with the sequence number; empty: `seq`.
    pub seq_field: String,
    /// The field with the ticket: a number that the producer drew from a counter of all producers
    /// right before the put. With it, real-time order is checked: if put A had returned before put
    /// B began, A stands first.
    pub ticket_field: Option<String>,
    /// The first number of each producer; `None`: the smallest that is found.
    pub first: Option<u64>,
    /// The last number of each producer; `None`: the largest that is found.
    pub last: Option<u64>,
    /// How many producers there were; those without a single line are lost with all their numbers,
    /// if `first` and `last` are given.
    pub producers: Option<u64>,
    /// How many records each producer is known to have put, by its name: their numbers begin at 0.
    /// One more may be there: that of a put that was killed before it returned.
    pub returned: HashMap<String, u64>,
    /// Times that go back are a miss.
    ///
    /// A put that is interrupted between reading the clock and its end stands after those that
    /// ended meanwhile, with the time at which it began. Nothing was overtaken then: which of two
    /// puts at the same moment stands first is open. So times alone prove nothing; tickets do.
    pub strict_time: bool,
}

/// What was found in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// All lines.
    pub lines: u64,
    /// Lines with a sequence number.
    pub records: u64,
    /// Whole lines without one.
    pub others: u64,
    /// How many producers there are.
    pub producers: u64,
    /// Numbers that are missing.
    pub lost: u64,
    /// Runs of missing numbers.
    pub gaps: u64,
    /// Numbers that stood there already.
    pub doubled: u64,
    /// Lines that are not whole: cut off, or one inside another.
    pub torn: u64,
    /// Numbers that stand after a later number of the same producer.
    pub misordered: u64,
    /// Numbers beyond those that a producer is known to have put, one at most for each.
    #[serde(skip)]
    pub unreturned: u64,
    /// Records before which another stands whose put began only after theirs had returned.
    pub overtaken: u64,
    /// Lines whose time is before the time of the line above.
    pub backwards: u64,
    /// Whether these are a miss.
    pub strict_time: bool,
    /// The first findings, as sentences with file and line.
    pub findings: Vec<String>,
}

impl Verdict {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let backwards = if self.strict_time { self.backwards } else { 0 };
        self.lost + self.doubled + self.torn + self.misordered + self.overtaken + backwards == 0
    }
}

/// Counts lines.
///
/// ```
/// use onewriter_cli::tally::{Expect, Tally};
/// let mut tally = Tally::new(Expect::default());
/// let log = &b"{\"producer\":1,\"seq\":0}\n{\"producer\":1,\"seq\":2}\n"[..];
/// tally.read("shop.log", log).unwrap();
/// let verdict = tally.finish();
/// assert_eq!((verdict.records, verdict.lost, verdict.gaps), (2, 1, 1));
/// ```
pub struct Tally {
    expect: Expect,
    sighter: Sighter,
    producers: HashMap<Box<[u8]>, Producer>,
    /// The largest ticket so far.
    highest: u64,
    last_time: Vec<u8>,
    now: Zoned,
    place: Place,
    verdict: Verdict,
}

/// What is kept of one producer.
struct Producer {
    sequence: Sequence,
    /// The largest ticket of the log when its last record came.
    highest_before: u64,
}

/// Where the line stands, for findings.
#[derive(Default)]
struct Place {
    file: String,
    line: u64,
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(expect: Expect) -> Tally {
        let sighter = Sighter::new(
            expect.producer_field.as_deref(),
            &expect.seq_field,
            expect.ticket_field.as_deref(),
        );
        Tally {
            expect,
            sighter,
            producers: HashMap::new(),
            highest: 0,
            last_time: Vec::new(),
            now: Zoned::now(),
            place: Place::default(),
            verdict: Verdict::default(),
        }
    }

    /// Counts all lines of a file; files are given oldest first. A last line without newline is
    /// torn.
    ///
    /// # Errors
    /// Those of the reader, after what could be read has been counted.
    pub fn read(&mut self, name: &str, from: impl BufRead) -> std::io::Result<()> {
        self.place = Place { file: name.to_owned(), line: 0 };
        let mut lines = Lines::new(from, LINE_LIMIT);
        while let Some((line, end)) = lines.next()? {
            self.place.line += 1;
            self.verdict.lines += 1;
            match end {
                End::Newline => self.line(line),
                End::Limit => self.torn("is longer than 64 MiB"),
                End::Input => self.torn("has no newline at its end"),
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) {
        match self.sighter.look(line) {
            Sighting::Torn => self.torn("is not whole"),
            Sighting::Other { time } => {
                self.verdict.others += 1;
                self.time(time);
            }
            Sighting::Record { producer, seq, time, ticket } => {
                self.verdict.records += 1;
                self.time(time);
                self.record(producer, seq, ticket);
            }
        }
    }

    fn record(&mut self, name: &[u8], seq: u64, ticket: Option<u64>) {
        // No `entry`: that would copy the name of the producer for each line.
        if !self.producers.contains_key(name) {
            let sequence = Sequence::new(self.expect.first.unwrap_or(seq));
            self.producers.insert(name.into(), Producer { sequence, highest_before: 0 });
        }
        let Some(producer) = self.producers.get_mut(name) else { return };
        let expected = producer.sequence.next();
        let is_next = producer.sequence.put(seq);
        let overtaken = ticket.is_some_and(|ticket| {
            // The put before this one had returned when this ticket was drawn. A larger ticket
            // that stood before that put was drawn later, and its record stands too early.
            let overtaken = is_next && producer.highest_before > ticket;
            producer.highest_before = self.highest;
            self.highest = self.highest.max(ticket);
            overtaken
        });
        if is_next && !overtaken {
            return;
        }
        let name = String::from_utf8_lossy(name);
        let of = if name.is_empty() { String::new() } else { format!(" of producer {name}") };
        if overtaken {
            self.verdict.overtaken += 1;
            let what = format!("shows that the record before number {seq}{of} was overtaken");
            finding(&mut self.verdict, &self.place, &what);
        } else {
            let what = format!("has number {seq}{of}, expected {expected}");
            finding(&mut self.verdict, &self.place, &what);
        }
    }

    fn time(&mut self, time: Option<&[u8]>) {
        let Some(time) = time else { return };
        if is_before(time, &self.last_time, &self.now) {
            self.verdict.backwards += 1;
            if self.expect.strict_time {
                let last = String::from_utf8_lossy(&self.last_time);
                let time = String::from_utf8_lossy(time);
                let what = format!("goes back in time: {time} after {last}");
                finding(&mut self.verdict, &self.place, &what);
            }
        }
        self.last_time.clear();
        self.last_time.extend_from_slice(time);
    }

    fn torn(&mut self, why: &str) {
        self.verdict.torn += 1;
        finding(&mut self.verdict, &self.place, why);
    }

    /// How many lines have been counted.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.verdict.lines
    }

    /// The sum of it all.
    #[must_use]
    pub fn finish(mut self) -> Verdict {
        let verdict = &mut self.verdict;
        verdict.strict_time = self.expect.strict_time;
        verdict.producers = self.producers.len() as u64;
        for (name, count) in &self.expect.returned {
            let found = self.producers.get_mut(name.as_bytes()).map(|found| &mut found.sequence);
            match (found, count.checked_sub(1)) {
                (Some(sequence), Some(last)) => sequence.reach(last),
                (None, Some(_)) => {
                    verdict.lost += count;
                    verdict.gaps += 1;
                }
                (_, None) => {}
            }
            let next = self.producers.get(name.as_bytes()).map_or(0, |it| it.sequence.next());
            verdict.unreturned += next.saturating_sub(*count);
        }
        for Producer { sequence, .. } in self.producers.values_mut() {
            if let Some(last) = self.expect.last {
                sequence.reach(last);
            }
            verdict.lost += sequence.lost();
            verdict.gaps += sequence.gaps();
            verdict.doubled += sequence.doubled();
            verdict.misordered += sequence.misordered();
        }
        let absent = self.expect.producers.unwrap_or(0).saturating_sub(verdict.producers);
        if let (Some(first), Some(last)) = (self.expect.first, self.expect.last) {
            verdict.lost += absent * (last + 1).saturating_sub(first);
            verdict.gaps += absent;
        }
        self.verdict
    }
}

fn finding(verdict: &mut Verdict, place: &Place, what: &str) {
    if verdict.findings.len() < MAX_FINDINGS {
        verdict.findings.push(format!("{}:{} {what}", place.file, place.line));
    }
}

/// Whether a time is before another. Times of one shape compare as bytes; others are parsed.
fn is_before(time: &[u8], last: &[u8], now: &Zoned) -> bool {
    if time >= last && time.len() == last.len() {
        return false;
    }
    let parsed =
        |bytes| std::str::from_utf8(bytes).ok().and_then(|text| moment::of_line(text, now));
    match (parsed(time), parsed(last)) {
        (Some(time), Some(last)) => time < last,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(expect: Expect, log: &str) -> Verdict {
        let mut tally = Tally::new(expect);
        tally.read("x.log", log.as_bytes()).unwrap();
        tally.finish()
    }

    fn json(pairs: &[(u64, u64)]) -> String {
        let line = |(producer, seq): &(u64, u64)| {
            format!("{{\"time\":\"2026-11-21T08:00:00Z\",\"producer\":{producer},\"seq\":{seq}}}\n")
        };
        pairs.iter().map(line).collect()
    }

    #[test]
    fn a_perfect_log_of_two_producers_is_clean() {
        let log = json(&[(1, 0), (2, 0), (1, 1), (2, 1), (1, 2)]);
        let found = verdict(Expect::default(), &log);
        let expected = Verdict { lines: 5, records: 5, producers: 2, ..Verdict::default() };
        assert_eq!(found, expected);
        assert!(found.is_clean());
    }

    #[test]
    fn gaps_doubles_and_late_numbers_are_told_apart() {
        let found = verdict(Expect::default(), &json(&[(1, 0), (1, 4), (1, 2), (1, 2), (1, 5)]));
        assert_eq!((found.lost, found.gaps, found.doubled, found.misordered), (2, 2, 1, 1));
        assert_eq!(
            found.findings,
            [
                "x.log:2 has number 4 of producer 1, expected 1",
                "x.log:3 has number 2 of producer 1, expected 5",
                "x.log:4 has number 2 of producer 1, expected 5",
            ]
        );
    }

    #[test]
    fn what_is_expected_and_absent_is_lost() {
        let expect =
            Expect { first: Some(0), last: Some(9), producers: Some(3), ..Expect::default() };
        let found = verdict(expect, &json(&[(1, 2), (1, 3), (2, 0)]));
        assert_eq!((found.lost, found.gaps), (2 + 6 + 9 + 10, 4));
    }

    #[test]
    fn what_each_producer_is_known_to_have_put_must_be_there_and_one_more_may_be() {
        let returned = [("1", 3), ("2", 2), ("3", 4), ("4", 0)];
        let returned = returned.map(|(name, count)| (name.to_owned(), count)).into();
        let expect = Expect { first: Some(0), returned, ..Expect::default() };
        let found = verdict(expect, &json(&[(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]));
        assert_eq!((found.lost, found.gaps, found.unreturned), (1 + 4, 2, 1));
    }

    #[test]
    fn a_line_without_newline_or_inside_another_is_torn() {
        let log = "{\"producer\":1,\"seq\":0}\n{\"producer\":1,{\"producer\":1,\"seq\":1}\n{\"producer\":1,\"seq\":1}";
        let found = verdict(Expect::default(), log);
        assert_eq!((found.lines, found.records, found.torn), (3, 1, 2));
        assert_eq!(found.findings, ["x.log:2 is not whole", "x.log:3 has no newline at its end"]);
    }

    #[test]
    fn time_that_goes_back_is_found_across_offsets_and_precisions() {
        let log = "2026-11-21T08:00:00.5Z INFO a: x seq=1\n\
                   2026-11-21T09:00:00.6+01:00 INFO a: x seq=2\n\
                   2026-11-21T08:00:00.55Z INFO a: x seq=3\n";
        let found = verdict(Expect { strict_time: true, ..Expect::default() }, log);
        assert_eq!((found.records, found.backwards, found.is_clean()), (3, 1, false));
        let found = verdict(Expect::default(), log);
        assert_eq!((found.backwards, found.is_clean()), (1, true));
    }

    #[test]
    fn a_record_that_overtakes_one_whose_put_had_returned_is_found() {
        let log = |rows: &[(u64, u64, u64)]| -> String {
            let line = |(producer, seq, ticket): &(u64, u64, u64)| {
                format!("{{\"producer\":{producer},\"seq\":{seq},\"ticket\":{ticket}}}\n")
            };
            rows.iter().map(line).collect()
        };
        let expect = || Expect { ticket_field: Some("ticket".into()), ..Expect::default() };
        // Drawn as 1, 2 and put at the same time: either order is right.
        let fine = log(&[(1, 0, 0), (2, 0, 2), (1, 1, 1), (1, 2, 3), (2, 1, 4)]);
        assert_eq!(verdict(expect(), &fine).overtaken, 0);
        // Producer 1 drew 3 after its put with ticket 1; ticket 5 came later, and stands before it.
        let wrong = log(&[(1, 0, 0), (2, 0, 5), (1, 1, 1), (1, 2, 3)]);
        let found = verdict(expect(), &wrong);
        assert_eq!((found.overtaken, found.misordered), (1, 0));
        assert_eq!(
            found.findings,
            ["x.log:4 shows that the record before number 2 of producer 1 was overtaken"]
        );
    }

    #[test]
    fn a_summer_time_change_in_local_times_is_no_step_back() {
        let log = "2026-10-25T02:59:59+02:00 INFO a: x seq=1\n2026-10-25T02:00:00+01:00 INFO a: x seq=2\n";
        assert_eq!(verdict(Expect::default(), log).backwards, 0);
    }
}
