//! The layer, from the calls of `tracing` to the decoded record.

use crate::put::memory::taken;
use crate::tests::{only, open, seen};
use crate::{Level, Value};
use tracing::field::Empty;
use tracing::{debug_span, error, info, info_span, instrument, subscriber::with_default};
use tracing_subscriber::layer::SubscriberExt as _;

fn with_layer(f: impl FnOnce()) {
    open();
    with_default(tracing_subscriber::registry().with(super::layer()), f);
}

#[test]
fn an_event_keeps_its_place_message_and_typed_fields() {
    with_layer(|| {
        let line = line!() + 1;
        error!(target: "audit", count = 3_u64, a.b = "x", y = ?(1, 2), z = %7, "n {}", 5);
        let kept = only();
        kept.look(|record| {
            assert_eq!(record.level(), Level::Error);
            assert_eq!((record.target(), &*record.site.module), ("audit", module_path!()));
            assert_eq!((&*record.site.file, record.site.line), (file!(), line));
            assert_eq!(record.args().collect::<Vec<_>>(), [Value::Text("n 5")]);
            assert_eq!(
                format!("{:?}", record.fields().collect::<Vec<_>>()),
                r#"[("count", U64(3)), ("a.b", Str("x")), ("y", Text("(1, 2)")), ("z", Text("7"))]"#
            );
        });
        info!(only = true, big = i128::MAX, none = Empty);
        assert_eq!(
            seen(),
            r#""" only=Bool(true) big=I128(170141183460469231731687303715884105727) none=Null"#
        );
        info!("static");
        assert_eq!(seen(), r#""{0}" Text("static")"#);
        let fault = "x".parse::<i32>().unwrap_err();
        info!(fault = &fault as &dyn std::error::Error, "m");
        assert_eq!(seen(), r#""{0}" Text("m") fault=Error[Str("invalid digit found in string")]"#);
    });
}

#[test]
fn a_record_stands_in_its_spans_with_fields_recorded_late() {
    with_layer(|| {
        let outer = info_span!("outer", id = 17, user = Empty);
        let inner = outer.in_scope(|| info_span!("inner", step = "a"));
        let _inner = inner.enter();
        info!("m");
        assert_eq!(seen(), r#""{0}" Text("m") outer/id=I64(17) inner/step=Str("a")"#);
        outer.record("user", "ann");
        crate::info!("own {}", 1);
        assert_eq!(
            seen(),
            r#""own {0}" I32(1) outer/id=I64(17) outer/user=Str("ann") inner/step=Str("a")"#
        );
        outer.record("user", "bob");
        info!(parent: &outer, "m");
        assert_eq!(seen(), r#""{0}" Text("m") outer/id=I64(17) outer/user=Str("bob")"#);
        info!(parent: None, "m");
        assert_eq!(seen(), r#""{0}" Text("m")"#);
        let other = info_span!(parent: None, "other", o = 1).entered();
        info!("m");
        assert_eq!(seen(), r#""{0}" Text("m") other/o=I64(1)"#);
        drop(other);
        let _context = crate::context::push([("request", 5)]);
        info!("m");
        assert_eq!(
            seen(),
            r#""{0}" Text("m") @request=I32(5) outer/id=I64(17) outer/user=Str("bob") inner/step=Str("a")"#
        );
    });
    crate::info!("after");
    assert_eq!(seen(), r#""after""#);
}

#[test]
fn an_instrumented_function_is_a_span() {
    #[instrument(skip(secret), fields(extra = 1))]
    fn serve(path: &str, secret: u8) {
        info!("served {}", secret);
    }
    with_layer(|| {
        serve("/shop", 5);
        assert_eq!(seen(), r#""{0}" Text("served 5") serve/path=Str("/shop") serve/extra=I64(1)"#);
    });
}

#[test]
fn the_end_of_a_span_is_a_record_if_asked() {
    open();
    let layer = super::layer().span_close(true);
    with_default(tracing_subscriber::registry().with(layer), || {
        let span = info_span!("job", id = 1);
        span.in_scope(|| ());
        drop(span);
        only().look(|record| {
            assert_eq!(record.site.template.to_string(), "close");
            let fields: Vec<_> = record.fields().collect();
            assert!(
                matches!(
                    fields[..],
                    [("time.busy", Value::Duration(1..)), ("time.idle", Value::Duration(1..))]
                ),
                "{fields:?}"
            );
            assert_eq!(record.spans().map(|span| span.name).collect::<Vec<_>>(), ["job"]);
        });
    });
}

#[test]
fn what_the_filter_refuses_is_closed_for_the_lone_subscriber_only() {
    open();
    let is_open = || tracing::enabled!(target: "closed", tracing::Level::ERROR);
    with_default(super::subscriber(), || {
        assert!(!is_open());
        error!(target: "closed", "m");
        let _span = debug_span!(target: "closed", "s", a = 1).entered();
        info!("m");
        assert_eq!(seen(), r#""{0}" Text("m")"#);
    });
    with_layer(|| {
        assert!(tracing::enabled!(target: "closed", tracing::Level::WARN));
        error!(target: "closed", "m");
        let _span = debug_span!(target: "closed", "s", a = 1).entered();
        assert_eq!(taken().len(), 0);
        info!("m");
        assert_eq!(seen(), r#""{0}" Text("m")"#);
    });
}

#[test]
fn a_record_of_log_that_comes_through_tracing_keeps_its_own_place() {
    with_layer(|| {
        // What `tracing-log`'s `LogTracer` makes of `log::warn!(target: "audit", "n 5")`.
        tracing::event!(
            name: "log event",
            target: "log",
            tracing::Level::WARN,
            log.target = "audit",
            log.module_path = "shop::till",
            log.file = "src/till.rs",
            log.line = 12_u64,
            "n {}",
            5
        );
        only().look(|record| {
            let site = record.site;
            assert_eq!((record.level(), record.target()), (Level::Warn, "audit"));
            assert_eq!((&*site.module, &*site.file, site.line), ("shop::till", "src/till.rs", 12));
            assert_eq!(record.args().collect::<Vec<_>>(), [Value::Text("n 5")]);
            assert_eq!(record.fields().count(), 0);
        });
    });
}
