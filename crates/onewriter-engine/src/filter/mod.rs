//! Filters: which records pass, by level, target, span, field, message or function.

mod parse;
mod rules;

use crate::error::Error;
use onewriter_record::{Level, LevelFilter, Record};
use rules::Rules;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Decides which records pass.
///
/// A filter is made from a level, from a text in the syntax of `RUST_LOG`, or from a function, and
/// filters are combined with [`and`](Filter::and) and [`or`](Filter::or). It is cheap to clone and
/// never changes; the router exchanges whole filters.
///
/// # The text
///
/// ```text
/// info                              this level and above, for every target
/// info,my_crate::db=debug           another level for one target and what is below it
/// my_crate                          all levels of a target
/// off,my_crate=25                   a custom level by its number, 1 to 254
/// warn,my_crate[request]=debug      more from inside a span of that name
/// warn,[{user=alice}]=trace         more where a field, or a field of a span, has that value
/// info/time(d )?out                 only messages that match a regular expression
/// ```
///
/// The first, second, third and last line are `env_logger`'s syntax, the ones with brackets
/// `tracing_subscriber::EnvFilter`'s. Where the two, or one of them, would surprise, this holds:
///
/// * **The longest target that matches decides**, as in both; of two equal ones, the later.
/// * **A target matches at its borders**: `foo` matches `foo`, `foo::bar` and (for Python's names)
///   `foo.bar`, but not `foobar`. Both peers compare mere prefixes, so that `tower=debug` also
///   turns on `tower_http`.
/// * **A rule with brackets only adds**: what it matches passes from its level up, and other
///   records are as the rules without brackets say. This is `EnvFilter`'s rule; `off` is therefore
///   refused there. Its target is compared with that of the record, not that of the span. Its
///   fields may be those of the record itself, of the context or of one span.
/// * A field's value is a truth value or a number, a `"quoted text"`, or a regular expression; the
///   last two must match the whole value as `{}` writes it.
/// * **A number is a level of this library**, larger is more severe. `EnvFilter` reads 1 to 5 as
///   error to trace.
/// * **What is malformed is refused**, with the place and an example. `env_logger` prints a warning
///   and goes on without the rule. A single word that looks like a misspelt level is refused too;
///   both peers take `inof` for a target and fall silent.
///
/// ```
/// use onewriter_engine::filter::Filter;
/// use onewriter_record::Level;
///
/// let filter = Filter::parse("warn,shop::db=debug")?;
/// assert!(filter.could_admit(Level::Debug, "shop::db::pool"));
/// assert!(!filter.could_admit(Level::Info, "shop"));
///
/// let err = Filter::parse("warn,shop=loud").unwrap_err().to_string();
/// assert_eq!(
///     err,
///     "filter \"warn,shop=loud\", column 11: \"loud\" is no level: use trace, debug, info, warn, \
///      error, off or a number from 1 to 254, as in \"info,my_crate::db=debug\""
/// );
/// # Ok::<(), onewriter_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Filter(Arc<Node>);

enum Node {
    Level(LevelFilter),
    Rules(Rules),
    Function(Box<dyn Fn(&Record<'_>) -> bool + Send + Sync>),
    And(Filter, Filter),
    Or(Filter, Filter),
}

/// What a filter says about all records of a call site at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// No record of it passes: the call site can be switched off.
    Never,
    /// It depends on the record.
    Sometimes,
    /// Each record of it passes.
    Always,
}

impl Filter {
    /// Passes this level and what is more severe: a [`Level`] or a [`LevelFilter`].
    pub fn level(level: impl Into<LevelFilter>) -> Filter {
        Filter(Arc::new(Node::Level(level.into())))
    }

    /// Passes everything.
    #[must_use]
    pub fn all() -> Filter {
        Filter::level(LevelFilter::ALL)
    }

    /// Reads a filter's text; the grammar is that of [`Filter`].
    ///
    /// # Errors
    /// A text that is empty or malformed is an [`ErrorKind::Config`](crate::ErrorKind::Config)
    /// that names the part, its column (in characters, from 1) and what would be right.
    pub fn parse(text: &str) -> Result<Filter, Error> {
        parse::parse(text).map(Filter::from_rules)
    }

    /// Reads a filter from an environment variable, by custom `RUST_LOG`; `None` if it is not set
    /// or empty.
    ///
    /// Both peers show only errors where the variable is not set; here the caller says what holds:
    ///
    /// ```
    /// use onewriter_engine::filter::Filter;
    /// use onewriter_record::{Level, LevelFilter};
    /// let filter = Filter::from_env("SHOP_LOG")?.unwrap_or(Filter::level(Level::Info));
    /// assert_eq!(filter.max_level(), LevelFilter::from(Level::Info));
    /// # Ok::<(), onewriter_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Filter::parse`], with the variable's name; also where it is not UTF-8.
    pub fn from_env(variable: &str) -> Result<Option<Filter>, Error> {
        let Some(value) = std::env::var_os(variable) else { return Ok(None) };
        let refused = |why: &str| Error::config(format!("environment variable {variable}: {why}"));
        let Some(text) = value.to_str() else {
            let value = value.to_string_lossy();
            return Err(refused(&format!(
                "{value:?} is not UTF-8: use a filter such as \"info,my_crate::db=debug\""
            )));
        };
        if text.trim().is_empty() {
            return Ok(None);
        }
        Filter::parse(text).map(Some).map_err(|err| refused(&err.to_string()))
    }

    /// Passes the records for which the function returns true. It runs on the writer's thread, and
    /// for each record that the other parts of the filter admit.
    ///
    /// ```
    /// use onewriter_engine::filter::Filter;
    /// use onewriter_record::Level;
    /// let slow = Filter::function(|record| record.fields().any(|(name, _)| name == "slow"));
    /// let filter = Filter::level(Level::Info).and(slow);
    /// assert_eq!(filter.to_string(), "info and <function>");
    /// ```
    pub fn function(passes: impl Fn(&Record<'_>) -> bool + Send + Sync + 'static) -> Filter {
        Filter(Arc::new(Node::Function(Box::new(passes))))
    }

    /// Passes what both pass. The other one is asked only about what this one passes.
    #[must_use]
    pub fn and(self, other: Filter) -> Filter {
        Filter(Arc::new(Node::And(self, other)))
    }

    /// Passes what at least one of them passes.
    #[must_use]
    pub fn or(self, other: Filter) -> Filter {
        Filter(Arc::new(Node::Or(self, other)))
    }

    /// The level that says the same, if there is one.
    pub(crate) fn as_level(&self) -> Option<LevelFilter> {
        match &*self.0 {
            Node::Level(level) => Some(*level),
            Node::And(one, other) => Some(one.as_level()?.max(other.as_level()?)),
            Node::Or(one, other) => Some(one.as_level()?.min(other.as_level()?)),
            Node::Rules(_) | Node::Function(_) => None,
        }
    }

    fn from_rules(rules: Rules) -> Filter {
        match rules.only_level() {
            Some(level) => Filter::level(level),
            None => Filter(Arc::new(Node::Rules(rules))),
        }
    }

    /// Whether this record passes. The router uses a [`Matcher`], which remembers call sites.
    #[must_use]
    pub fn admits(&self, record: &Record<'_>) -> bool {
        match &*self.0 {
            Node::Level(level) => level.admits(record.level()),
            Node::Rules(rules) => rules.admits(record),
            Node::Function(passes) => passes(record),
            Node::And(one, other) => one.admits(record) && other.admits(record),
            Node::Or(one, other) => one.admits(record) || other.admits(record),
        }
    }

    /// What can be said of a call site before there is a record.
    #[must_use]
    pub fn interest(&self, level: Level, target: &str) -> Interest {
        use Interest::{Always, Never, Sometimes};
        match &*self.0 {
            Node::Level(least) if least.admits(level) => Always,
            Node::Level(_) => Never,
            Node::Rules(rules) => rules.interest(level, target),
            Node::Function(_) => Sometimes,
            Node::And(one, other) => {
                match (one.interest(level, target), other.interest(level, target)) {
                    (Never, _) | (_, Never) => Never,
                    (Always, Always) => Always,
                    _ => Sometimes,
                }
            }
            Node::Or(one, other) => {
                match (one.interest(level, target), other.interest(level, target)) {
                    (Always, _) | (_, Always) => Always,
                    (Never, Never) => Never,
                    _ => Sometimes,
                }
            }
        }
    }

    /// Whether a record of this level and target could pass.
    #[must_use]
    pub fn could_admit(&self, level: Level, target: &str) -> bool {
        self.interest(level, target) != Interest::Never
    }

    /// The least severe level that could pass, for whatever target: the caller's level test.
    #[must_use]
    pub fn max_level(&self) -> LevelFilter {
        match &*self.0 {
            Node::Level(level) => *level,
            Node::Rules(rules) => rules.max_level(),
            Node::Function(_) => LevelFilter::ALL,
            Node::And(one, other) => one.max_level().max(other.max_level()),
            Node::Or(one, other) => one.max_level().min(other.max_level()),
        }
    }
}

impl From<Level> for Filter {
    fn from(level: Level) -> Filter {
        Filter::level(level)
    }
}

impl From<LevelFilter> for Filter {
    fn from(level: LevelFilter) -> Filter {
        Filter::level(level)
    }
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Filter, Error> {
        Filter::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Node::Level(level) => rules::write_level(*level, f),
            Node::Rules(rules) => rules.fmt(f),
            Node::Function(_) => f.write_str("<function>"),
            Node::And(one, other) => write!(f, "{one} and {other}"),
            Node::Or(one, other) => write!(f, "({one} or {other})"),
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({self})")
    }
}

/// A filter with a memory of call sites: asked for each record, it compares one level or reads one
/// byte, unless the rule looks into the record. Owned by the thread that asks.
#[derive(Debug)]
pub struct Matcher {
    filter: Filter,
    /// By the number of the call site; `None` where it has not been asked about.
    sites: Vec<Option<Interest>>,
}

impl Matcher {
    /// A matcher that has not seen any call site.
    #[must_use]
    pub fn new(filter: Filter) -> Matcher {
        Matcher { filter, sites: Vec::new() }
    }

    /// The filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Exchanges the filter; from the next record on it holds.
    pub fn set(&mut self, filter: Filter) {
        *self = Matcher::new(filter);
    }

    /// Whether this record passes.
    #[inline]
    pub fn admits(&mut self, record: &Record<'_>) -> bool {
        if let Node::Level(level) = &*self.filter.0 {
            return level.admits(record.site.level);
        }
        let interest = match self.sites.get(record.site.number) {
            Some(Some(known)) => *known,
            _ => self.ask(record),
        };
        match interest {
            Interest::Never => false,
            Interest::Sometimes => self.filter.admits(record),
            Interest::Always => true,
        }
    }

    #[cold]
    fn ask(&mut self, record: &Record<'_>) -> Interest {
        let (site, number) = (record.site, record.site.number);
        if self.sites.len() <= number {
            self.sites.resize(number + 1, None);
        }
        let interest = self.filter.interest(site.level, &site.target);
        self.sites[number] = Some(interest);
        interest
    }
}

#[cfg(test)]
mod tests;
