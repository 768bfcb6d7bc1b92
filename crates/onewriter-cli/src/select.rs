//! Which lines `tail` shows.

use std::cmp::Ordering;

use jiff::{Timestamp, Zoned};
use onewriter_record::LevelFilter;
use regex_lite::Regex;

use crate::entry::Entry;
use crate::moment;

/// All conditions; a line must meet each of them.
#[derive(Debug, Default)]
pub struct Select {
    /// The least severe level.
    pub level: Option<LevelFilter>,
    /// Targets, of which one must match: itself or what is below it.
    pub targets: Vec<String>,
    /// Conditions on fields.
    pub fields: Vec<FieldTest>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// A regular expression somewhere in the line.
    pub grep: Option<Regex>,
}

impl Select {
    /// Whether there is no condition at all.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.level.is_none()
            && self.targets.is_empty()
            && self.fields.is_empty()
            && self.since.is_none()
            && self.until.is_none()
            && self.grep.is_none()
    }

    /// Whether a line that starts a record passes.
    #[must_use]
    pub fn admits(&self, line: &str, entry: &Entry<'_>, now: &Zoned) -> bool {
        let level = self.level.is_none_or(|filter| entry.level.is_some_and(|it| filter.admits(it)));
        level
            && self.admits_target(entry)
            && self.fields.iter().all(|test| test.admits(entry))
            && self.admits_time(entry, now)
            && self.grep.as_ref().is_none_or(|regex| regex.is_match(line))
    }

    fn admits_target(&self, entry: &Entry<'_>) -> bool {
        let Some(target) = entry.target.as_deref() else { return self.targets.is_empty() };
        let below = |above: &String| {
            let rest = target.strip_prefix(above.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '.', '/']))
        };
        self.targets.is_empty() || self.targets.iter().any(below)
    }

    fn admits_time(&self, entry: &Entry<'_>, now: &Zoned) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let time = entry.time.as_deref().and_then(|text| moment::of_line(text, now));
        time.is_some_and(|time| {
            self.since.is_none_or(|since| since <= time)
                && self.until.is_none_or(|until| time < until)
        })
    }
}

/// A condition on a field: `status=200`, `status!=200`, `ms>=2.5`.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldTest {
    name: String,
    op: Op,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl std::str::FromStr for FieldTest {
    type Err = String;

    fn from_str(text: &str) -> Result<FieldTest, String> {
        let wrong = || {
            format!(
                "{text:?} is no condition: use name=value, name!=value, name>value, name<value, name>=value or name<=value"
            )
        };
        let at = text.find(['=', '!', '<', '>']).filter(|&at| at > 0).ok_or_else(wrong)?;
        let (name, rest) = text.split_at(at);
        const OPS: [(&str, Op); 6] = [
            ("!=", Op::IsNot),
            ("<=", Op::AtMost),
            (">=", Op::AtLeast),
            ("=", Op::Is),
            ("<", Op::Less),
            (">", Op::More),
        ];
        let found =
            OPS.iter().find_map(|&(sign, op)| rest.strip_prefix(sign).map(|value| (op, value)));
        let (op, value) = found.ok_or_else(wrong)?;
        Ok(FieldTest { name: name.trim().to_owned(), op, value: value.trim().to_owned() })
    }
}

impl FieldTest {
    /// Numbers compare as numbers, everything else as text. A field that is not there meets `!=`
    /// and nothing else.
    fn admits(&self, entry: &Entry<'_>) -> bool {
        let Some(found) = entry.field(&self.name) else { return self.op == Op::IsNot };
        let order = match (found.parse::<f64>(), self.value.parse::<f64>()) {
            (Ok(found), Ok(value)) => found.partial_cmp(&value),
            _ => Some(found.cmp(self.value.as_str())),
        };
        let Some(order) = order else { return self.op == Op::IsNot };
        match self.op {
            Op::Is => order == Ordering::Equal,
            Op::IsNot => order != Ordering::Equal,
            Op::Less => order == Ordering::Less,
            Op::AtMost => order != Ordering::Greater,
            Op::More => order == Ordering::Greater,
            Op::AtLeast => order != Ordering::Less,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"time":"2026-11-21T08:00:00Z","level":"WARN","target":"shop::db","message":"slow","ms":12.5,"who":"ann"}"#;

    fn admits(select: &Select) -> bool {
        let now: Zoned = "2026-11-21T10:00:00[UTC]".parse().unwrap();
        select.admits(LINE, &Entry::parse(LINE).unwrap(), &now)
    }

    fn field(test: &str) -> bool {
        admits(&Select { fields: vec![test.parse().unwrap()], ..Select::default() })
    }

    #[test]
    fn fields_compare_as_numbers_where_both_are_and_as_text_else() {
        for test in ["ms=12.50", "ms>9", "ms<=12.5", "who=ann", "who>al", "no!=1", "who!=bob"] {
            assert!(field(test), "{test}");
        }
        for test in ["ms=12", "ms<9", "ms>12.5", "who=an", "no=1", "no<1", "who!=ann"] {
            assert!(!field(test), "{test}");
        }
    }

    #[test]
    fn a_condition_without_name_or_sign_is_refused_with_the_forms() {
        for text in ["ms", "=5", "", "ms!5"] {
            let message = text.parse::<FieldTest>().unwrap_err();
            assert!(message.starts_with(&format!("{text:?} is no condition: use name=value, ")));
        }
    }

    #[test]
    fn a_target_matches_itself_and_what_is_below_it() {
        let target =
            |name: &str| admits(&Select { targets: vec![name.into()], ..Select::default() });
        assert!(target("shop") && target("shop::db"));
        assert!(!target("sho") && !target("shop::db::pool") && !target("db"));
    }

    #[test]
    fn times_are_a_half_open_interval() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let (start, end) = (at("2026-11-21T08:00:00Z"), at("2026-11-21T08:00:00.1Z"));
        assert!(admits(&Select { since: start, until: end, ..Select::default() }));
        assert!(!admits(&Select { until: start, ..Select::default() }));
        assert!(!admits(&Select { since: end, ..Select::default() }));
    }
}
