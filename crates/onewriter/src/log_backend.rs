//! The backend for the `log` facade.

use crate::callsite::{CallSite, admits};
use crate::capture::{Messages, Scratch};
use crate::dynamic::{self, Place};
use crate::put::{put, put_with};
use log::kv::{self, VisitSource, VisitValue};
use onewriter_record::{Encode, Level, LevelFilter, Rendered, SectionKind, Tag, write_section};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};

/// Makes the records of the `log` crate's macros records of onewriter.
///
/// Installing onewriter does this by itself when the feature `log` is on; the type is public for
/// programs that combine several loggers. The message is rendered on the caller, because
/// `log` cannot hand its arguments on; key-values travel typed.
#[derive(Clone, Copy, Debug)]
pub struct LogBackend {
    flush: fn(),
}

impl LogBackend {
    /// `flush` is what [`log::Log::flush`] calls.
    #[must_use]
    pub const fn new(flush: fn()) -> LogBackend {
        LogBackend { flush }
    }
}

/// Makes [`LogBackend`] the logger of the `log` crate, unless the program has another one.
#[cfg_attr(not(feature = "embedded"), expect(dead_code, reason = "called by `install`"))]
pub(crate) fn install_if_free(most: LevelFilter, flush: fn()) {
    if log::set_boxed_logger(Box::new(LogBackend::new(flush))).is_ok() {
        IS_OURS.store(true, Ordering::Relaxed);
        set_max_level(most);
    }
}

/// Whether the logger of the `log` crate is this one.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// Lets the macros of `log` skip what no filter admits.
pub(crate) fn set_max_level(most: LevelFilter) {
    if !IS_OURS.load(Ordering::Relaxed) {
        return;
    }
    log::set_max_level(match most.number() {
        0..=5 => log::LevelFilter::Trace,
        6..=10 => log::LevelFilter::Debug,
        11..=20 => log::LevelFilter::Info,
        21..=30 => log::LevelFilter::Warn,
        31..=40 => log::LevelFilter::Error,
        _ => log::LevelFilter::Off,
    });
}

const fn level(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warn,
        log::Level::Info => Level::Info,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    }
}

impl log::Log for LogBackend {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        admits(level(metadata.level()), metadata.target())
    }

    fn log(&self, record: &log::Record<'_>) {
        let place = Place {
            level: level(record.level()),
            target: record.target(),
            module: record.module_path().unwrap_or_default(),
            file: record.file().unwrap_or_default(),
            line: record.line().unwrap_or_default(),
        };
        // The target may be a text of the moment; usually it is the module path.
        let is_static = record.file_static().is_some()
            && record.module_path_static().is_some_and(|module| std::ptr::eq(module, place.target));
        let site = dynamic::find(&place, is_static);
        if !site.is_enabled() {
            return;
        }
        match record.args().as_str() {
            Some(text) => log_message(site, &Rendered(text), record.key_values()),
            None => log_message(site, &Scratch::render(*record.args()), record.key_values()),
        }
    }

    fn flush(&self) {
        (self.flush)();
    }
}

/// What was not accepted is counted by the ring; `log` has no way to tell its caller.
fn log_message(site: &'static CallSite, message: &impl Encode, pairs: &dyn kv::Source) {
    if pairs.count() == 0 {
        put(site, [Tag::Text], message.size(), |out| message.write(out));
        return;
    }
    let mut sections = Scratch::empty();
    // The visitor returns no errors, and those of the source leave what it gave until then.
    let _ = pairs.visit(&mut Pairs(sections.buffer()));
    let write = |out: &mut crate::put::FrameOut<'_, '_>| message.write(out);
    put_with(site, &[Tag::Text], message.size(), write, sections.as_bytes());
}

/// Encodes key-values, each as a section of its own.
struct Pairs<'a>(&'a mut Vec<u8>);

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        value.visit(Pair { key: key.as_str(), out: self.0 })
    }
}

struct Pair<'a> {
    key: &'a str,
    out: &'a mut Vec<u8>,
}

impl Pair<'_> {
    fn put(&mut self, value: impl Encode) -> Result<(), kv::Error> {
        write_section(SectionKind::Fields, "", &[(self.key, value)], self.out);
        Ok(())
    }
}

impl VisitValue<'_> for Pair<'_> {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        self.put(Scratch::render(format_args!("{value}")))
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.put(None::<bool>)
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_u128(&mut self, value: u128) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_i128(&mut self, value: i128) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_char(&mut self, value: char) -> Result<(), kv::Error> {
        self.put(value)
    }

    fn visit_error(&mut self, error: &(dyn Error + 'static)) -> Result<(), kv::Error> {
        self.put(Messages::of(error))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{only, open, seen};
    use crate::{Level, context};
    use log::Log as _;

    static BACKEND: super::LogBackend = super::LogBackend::new(|| crate::info!("flushed"));

    #[test]
    fn a_record_of_log_keeps_its_place_message_and_key_values() {
        open();
        log::set_max_level(log::LevelFilter::Trace);
        let line = line!() + 1;
        log::warn!(logger: BACKEND, target: "audit", a = 1, b = "x", c:? = (1, 2), d = 1.5; "n {}", 5);
        let kept = only();
        kept.look(|record| {
            assert_eq!(record.level(), Level::Warn);
            assert_eq!((record.target(), &*record.site.module), ("audit", module_path!()));
            assert_eq!((&*record.site.file, record.site.line), (file!(), line));
            assert_eq!(format!("{:?}", record.args().collect::<Vec<_>>()), r#"[Text("n 5")]"#);
            assert_eq!(
                format!("{:?}", record.fields().collect::<Vec<_>>()),
                r#"[("a", I64(1)), ("b", Str("x")), ("c", Text("(1, 2)")), ("d", F64(1.5))]"#
            );
        });
    }

    #[test]
    fn call_sites_are_told_apart_and_found_again() {
        open();
        log::set_max_level(log::LevelFilter::Trace);
        let mut numbers = Vec::new();
        for target in ["a", "b", "a"] {
            let target = String::from(target);
            log::info!(logger: BACKEND, target: &target, "static");
            let kept = only();
            assert_eq!(*kept.site.target, *target);
            numbers.push(kept.site.number);
        }
        assert_eq!(numbers[0], numbers[2]);
        assert_ne!(numbers[0], numbers[1]);
        log::info!(logger: BACKEND, target: "closed", "static");
        context::with([("request", 1)], || log::info!(logger: BACKEND, "in context"));
        assert_eq!(seen(), r#""{0}" Text("in context") @request=I32(1)"#);
    }

    #[test]
    fn enabled_follows_the_filter_and_flush_flushes() {
        open();
        let enabled = |level, target| {
            BACKEND.enabled(&log::Metadata::builder().level(level).target(target).build())
        };
        assert!(enabled(log::Level::Warn, "warnings"));
        assert!(!enabled(log::Level::Info, "warnings"));
        BACKEND.flush();
        assert_eq!(seen(), r#""flushed""#);
    }
}
