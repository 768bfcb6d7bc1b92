//! The macros, from the call to the decoded record.

use crate::callsite::set_interest;
use crate::put::memory::{Kept, set_capacity, taken};
use crate::{
    Level, Limit, PutError, Value, context, debug, error, info, log, trace, try_info, warn,
};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static IS_TOGGLED: AtomicBool = AtomicBool::new(false);

/// The filter of all these tests: they run side by side.
pub(crate) fn open() {
    set_interest(|level, target| match target {
        "closed" => false,
        "warnings" => Level::Warn <= level,
        "toggled" => IS_TOGGLED.load(Ordering::SeqCst),
        "nosy" => {
            info!(target: "nosy", "asked");
            true
        }
        _ => true,
    });
    taken();
}

/// The only record that this thread put.
#[track_caller]
pub(crate) fn only() -> Kept {
    let mut kept = taken();
    assert_eq!(kept.len(), 1, "records put");
    kept.remove(0)
}

/// What the only record of this thread says, in a form that is easy to compare.
#[track_caller]
pub(crate) fn seen() -> String {
    only().look(|record| {
        let show = |value: Value<'_>| match value {
            Value::Error(items) => format!("Error{:?}", items.collect::<Vec<_>>()),
            Value::List(items) => format!("List{:?}", items.collect::<Vec<_>>()),
            Value::Map(entries) => format!("Map{:?}", entries.collect::<Vec<_>>()),
            other => format!("{other:?}"),
        };
        let mut text = format!("{:?}", record.site.template.to_string());
        for (name, value) in record.site.args.iter().zip(record.args()) {
            text += &format!(" {}{}{}", name, if name.is_empty() { "" } else { ":" }, show(value));
        }
        let mut pairs = |mark: &str, pairs: Vec<(&str, Value<'_>)>| {
            for (key, value) in pairs {
                text += &format!(" {mark}{key}={}", show(value));
            }
        };
        pairs("", record.fields().collect());
        pairs("@", record.context().collect());
        for span in record.spans() {
            pairs(&format!("{}/", span.name), span.entries.collect());
        }
        text
    })
}

/// The messages of this thread's records that have no arguments but a rendered one.
pub(crate) fn taken_texts() -> Vec<String> {
    let text = |kept: &Kept| {
        kept.look(|record| match record.args().next() {
            Some(Value::Text(text)) => text.to_owned(),
            _ => record.site.template.to_string(),
        })
    };
    taken().iter().map(text).collect()
}

/// A type that cannot travel.
struct Point(i32, i32);

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("<{},{}>", self.0, self.1))
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Point").field(&self.0).field(&self.1).finish()
    }
}

macro_rules! sees {
    ($(($($call:tt)*) => $seen:expr;)*) => { $(
        info!($($call)*);
        assert_eq!(seen(), $seen, "info!({})", stringify!($($call)*));
    )* };
}

#[test]
fn typed_arguments_travel_as_they_are_and_others_as_text() {
    open();
    let (name, p) = ("ann", Point(1, -2));
    sees! {
        () => r#""""#;
        ("plain") => r#""plain""#;
        ("{{}} \"q\" \u{e9}\n") => "\"{{}} \\\"q\\\" é\\n\"";
        (r#"raw {} \n"#, 1) => r#""raw {0} \\n" I32(1)"#;
        ("a \
          b {}", 1,) => r#""a b {0}" I32(1)"#;
        ("int: {} int: {} double: {}", 1, 2_u8, 3.5) =>
            r#""int: {0} int: {1} double: {2}" I32(1) U8(2) F64(3.5)"#;
        ("{name} {name:?} {}", name.len()) =>
            r#""{0} {1:?} {2}" name:Str("ann") name:Str("ann") U64(3)"#;
        ("{1} {0} {1}", 'a', true) => r#""{0} {1} {0}" Bool(true) Char('a')"#;
        ("{x:>5} {y:#x}", y = 255_u16, x = -1_i64) => r#""{0:>5} {1:#x}" x:I64(-1) y:U16(255)"#;
        ("{:>1$} {:.*} {:w$.p$}", 7, 4, 1.0, 2.0, w = 9, p = 3) =>
            r#""{0:>1$} {2:.1$} {3:4$.5$}" I32(7) U64(4) F64(1.0) F64(2.0) w:U64(9) p:U64(3)"#;
        ("{}", p) => r#""{0}" Text("<1,-2>")"#;
        ("{p:>8} {p:?} {p:#?}") =>
            r#""{0:>8} {1:?} {2:#?}" p:Text("  <1,-2>") p:Text("Point(1, -2)") p:Text("Point(\n    1,\n    -2,\n)")"#;
        ("{:>1$}", p, 8) => r#""{0:>1$}" Text("  <1,-2>") U64(8)"#;
        ("{:?} {:?}", Some(5), Duration::from_millis(1)) =>
            r#""{0:?} {1:?}" Text("Some(5)") Duration(1000000)"#;
        ("{:?}", [1.5_f32, 2.0]) => r#""{0:?}" List[F32(1.5), F32(2.0)]"#;
        ("{} {}", String::from("s"), std::sync::Arc::<str>::from("t")) =>
            r#""{0} {1}" Str("s") Str("t")"#;
        ("{}", i128::MIN) => r#""{0}" I128(-170141183460469231731687303715884105728)"#;
        (concat!("a{}", "b"), 1) => r#""{0}" Text("a1b")"#;
    }
}

#[cfg(feature = "embedded")]
macro_rules! agrees {
    ($(($($call:tt)*);)*) => { $(
        info!($($call)*);
        let mut message = Vec::new();
        only().look(|record| onewriter_engine::format::message(record, &mut message));
        let message = String::from_utf8(message).unwrap();
        assert_eq!(message, format!($($call)*), "({})", stringify!($($call)*));
    )* };
}

#[cfg(feature = "embedded")]
#[test]
#[expect(clippy::approx_constant, reason = "digits to format")]
fn the_writer_formats_what_format_would() {
    open();
    let (width, precision, text, point) = (9, 2, "naïve \"q\" \t", Point(-3, 4));
    let (list, nothing) = (vec![1.5_f32, -0.0, f32::NAN], None::<u8>);
    agrees! {
        ("plain {{braces}} \u{1F600}");
        ("{} {} {} {}", i8::MIN, u16::MAX, i128::MIN, u128::MAX);
        ("{:5}|{:<5}|{:^5}|{:>5}|{:*^5}|{:+}|{:05}|{:+05}|{:#06x}", 1, 2, 3, 4, 5, 6, 7, 8, 9);
        ("{:x} {:X} {:o} {:b} {:#x} {:#X} {:#o} {:#b}", -1_i8, 255_u8, 8, 5, 255, 255, 8, 5_i128);
        ("{:e} {:E} {:e} {:.2e}", 1500, 1500_u64, 0.00012, 123_456.0);
        ("{} {} {} {} {}", 1.0, 0.1_f32, f64::INFINITY, -f64::NAN, 1e300);
        ("{:?} {:?} {:?} {:?}", 1.0, 0.1_f32, 1e300, -0.0);
        ("{:.2} {:8.3} {:+.1} {:08.2} {:<8.1}|", 3.14159, 2.71828, 1.05, -1.5, 9.99);
        ("{:?} {:?} {:5?} {:#?} {:x?} {:#X?}", 1, true, 2_u8, 3, 255, 255);
        ("{text} {text:?} {text:>20} {text:.3} {text:^20.5}|");
        ("{:?} {:?} {} {:>3}|", 'a', '\n', 'ß', 'x');
        ("{} {:?} {:>7}", true, false, true);
        ("{:width$} {:.precision$} {:>width$.precision$}", 1, 1.23456, 7.891);
        ("{:1$} {:.*} {2:?}", 5, 8, 1.23456);
        ("{:>1$}|{:>w$}|{}", point, width, point, w = 12);
        ("{point} {point:?} {point:#?} {:p}", std::ptr::null::<u8>());
        ("{:?} {:#?} {:?} {:.1?}", list, list, [1, 2], list);
        ("{:02x?} {:?} {:?}", [1_u8, 255], vec!["a\"b", "c"], [["x"; 2]; 1]);
        ("{:?} {:?} {:?} {nothing:?}", Some(1), Ok::<u8, ()>(2), ());
        ("{:?} {:?} {:?} {:?}", Duration::from_millis(1500), Duration::ZERO,
            Duration::from_nanos(1_000_001), Duration::MAX);
        ("{:.1?} {:>10?} {:+?}", Duration::from_micros(1234), Duration::from_secs(1),
            Duration::from_secs(2));
        ("{} {:?}", String::from("s"), Box::<str>::from("t"));
        ("{} {:?}", std::borrow::Cow::Borrowed("cow"), std::sync::Arc::new(5));
        ("{:?} {:?}", std::num::NonZeroU32::MIN, std::cell::Cell::new(1));
        ("{0} {0:?} {1} {0:>4} {name} {name:?}", "a", 2, name = 'n');
    }
}

#[test]
fn fields_keep_their_names_types_and_order() {
    open();
    let p = Point(1, 2);
    sees! {
        ("m", status = 200, http.method = "GET", "any key" = 1.5, r#type = 'c') =>
            r#""m" status=I32(200) http.method=Str("GET") any key=F64(1.5) type=Char('c')"#;
        (only = true) => r#""" only=Bool(true)"#;
        (first = 1, "m {}", 2, last = 3) => r#""m {0}" I32(2) first=I32(1) last=I32(3)"#;
        ("{a}", a = 1, a = 3) => r#""{0}" a:I32(1) a=I32(3)"#;
        ("{a}", a = 1, b = 2) => r#""{0}" a:I32(1) b=I32(2)"#;
        ("m", p = ?p, q = %p, none = None::<u8>, some = Some(1_u8)) =>
            r#""m" p=Text("Point(1, 2)") q=Text("<1,2>") none=Null some=U8(1)"#;
        ("m", list = [1_u8, 2], pairs = crate::Pairs(&[("k", 1)]), raw = crate::Bytes(b"\xff")) =>
            r#""m" list=List[U8(1), U8(2)] pairs=Map[("k", I32(1))] raw=Bytes([255])"#;
        ("m", a = 1 == 2, b = if p.0 <= 1 { "x" } else { "y" }) => r#""m" a=Bool(false) b=Str("x")"#;
        ("m {}", Vec::<(u8, u16)>::new().len(), n = u64::max(1, 2)) =>
            r#""m {0}" U64(0) n=U64(2)"#;
        (concat!("m", "{}"), 1, k = 2) => r#""{0}" Text("m1") k=I32(2)"#;
    }
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot read the price")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn an_error_as_a_field_brings_its_sources() {
    open();
    let outer = || Outer("x".parse::<i32>().unwrap_err());
    let chain =
        r#""m" e=Error[Str("cannot read the price"), Str("invalid digit found in string")]"#;
    let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(outer());
    let plain: Box<dyn std::error::Error> = Box::new(outer());
    let dynamic: &dyn std::error::Error = &outer();
    sees! {
        ("m", e = outer()) => chain;
        ("m", e = &outer()) => chain;
        ("m", e = boxed) => chain;
        ("m", e = plain) => chain;
        ("m", e = &plain) => chain;
        ("m", e = dynamic) => chain;
        ("m", e = *dynamic) => chain;
        ("m {}", boxed) => r#""m {0}" Text("cannot read the price")"#;
    }
}

#[test]
fn the_call_site_says_where_and_how_important() {
    open();
    let show = |kept: Kept| {
        kept.look(|record| {
            let site = record.site;
            assert_eq!((&*site.file, &*site.module), (file!(), module_path!()));
            (site.level.number(), kept.level, site.line - START, site.target.to_string())
        })
    };
    const START: u32 = line!();
    trace!("m");
    assert_eq!(show(only()), (5, 5, 1, module_path!().into()));
    debug!("m");
    assert_eq!(show(only()), (10, 10, 3, module_path!().into()));
    warn!(target: "audit", "m");
    assert_eq!(show(only()), (30, 30, 5, "audit".into()));
    const TARGET: &str = "billing";
    error!(target: TARGET, "m");
    assert_eq!(show(only()), (40, 40, 8, "billing".into()));
    log!(Level::new(25), "m {}", 1);
    assert_eq!(show(only()), (25, 25, 10, module_path!().into()));
    log!(target: "a", Level::Warn, "m");
    assert_eq!(show(only()), (30, 30, 12, "a".into()));
}

#[test]
fn a_level_known_only_at_the_call_has_a_call_site_each() {
    open();
    let levels = [20, 25, 40, 25, 20, 7].map(Level::new);
    for level in levels {
        log!(level, "m {}", 1, k = 2);
    }
    let kept = taken();
    assert_eq!(kept.iter().map(|kept| kept.level).collect::<Vec<_>>(), [20, 25, 40, 25, 20, 7]);
    assert_eq!(kept[0].site.number, kept[4].site.number);
    assert_eq!(kept[1].site.number, kept[3].site.number);
    assert_ne!(kept[0].site.number, kept[1].site.number);
}

#[test]
fn arguments_are_evaluated_once_if_wanted_and_never_otherwise() {
    open();
    let calls = Cell::new(0);
    let count = || {
        calls.set(calls.get() + 1);
        calls.get()
    };
    info!("{0} {0:?} {x} {x}", count(), x = count(), k = count());
    assert_eq!(seen(), r#""{0} {1:?} {2} {2}" I32(1) I32(1) x:I32(2) k=I32(3)"#);
    info!(target: "closed", "{} {}", count(), count());
    info!(limit: Limit::at_most(0, Duration::ZERO), "{}", count());
    assert_eq!((calls.get(), taken().len()), (3, 0));
}

#[test]
fn arguments_are_only_borrowed() {
    open();
    let (text, list) = (String::from("a"), vec![1]);
    let boxed: Box<str> = "b".into();
    let mut changed = 1;
    let reference = &mut changed;
    info!("{} {text} {list:?} {}", *boxed, reference, list = list);
    *reference += 1;
    drop((text, list, boxed));
    assert_eq!(taken().len(), 1);
}

#[test]
fn in_generic_code_a_value_is_rendered() {
    fn log_it<T: fmt::Display + ?Sized>(value: &T) {
        info!("{value:>4}");
    }
    fn log_typed<T: crate::Encode + fmt::Display>(value: T) {
        info!("{}", value, field = value);
    }
    open();
    log_it(&7);
    assert_eq!(seen(), r#""{0:>4}" value:Text("   7")"#);
    log_it("x");
    assert_eq!(seen(), r#""{0:>4}" value:Text("   x")"#);
    log_typed(7);
    assert_eq!(seen(), r#""{0}" Text("7") field=I32(7)"#);
}

#[test]
fn a_debug_impl_may_log_and_its_panic_takes_only_its_record() {
    struct Chatty;
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!("inner {:?}", Point(0, 0));
            f.write_str("chatty")
        }
    }
    struct Faulty;
    impl fmt::Display for Faulty {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in Display")
        }
    }
    open();
    info!("outer {:?} {:?}", Chatty, Point(1, 1));
    let args: Vec<String> = taken()
        .iter()
        .map(|kept| kept.look(|record| format!("{:?}", record.args().collect::<Vec<_>>())))
        .collect();
    assert_eq!(args, [r#"[Text("Point(0, 0)")]"#, r#"[Text("chatty"), Text("Point(1, 1)")]"#]);
    let panicked = std::panic::catch_unwind(|| info!("{} {}", Point(2, 2), Faulty));
    assert!(panicked.is_err());
    // Another test may have set a hook that logs.
    assert!(!taken_texts().contains(&String::from("<2,2>")));
    info!("{}", Point(3, 3));
    assert_eq!(seen(), r#""{0}" Text("<3,3>")"#);
}

#[test]
fn the_expansion_neither_sees_nor_hides_names_of_the_caller() {
    open();
    let (a0, v0, site, out, result, suppressed) = (1, 2, 3, 4, 5, 6);
    info!("{} {a0} {v0} {site} {out} {result} {suppressed}", a0, k = site);
    assert_eq!(
        seen(),
        "\"{0} {1} {2} {3} {4} {5} {6}\" I32(1) a0:I32(1) v0:I32(2) site:I32(3) out:I32(4) \
         result:I32(5) suppressed:I32(6) k=I32(3)"
    );
    macro_rules! through {
        ($format:literal, $value:expr) => {
            info!($format, $value)
        };
        ($format:expr) => {{
            let user = "macro";
            info!($format, k = user);
        }};
    }
    through!("{}", 1 + 1);
    assert_eq!(seen(), r#""{0}" I32(2)"#);
    let user = "caller";
    through!("{user}");
    assert_eq!(seen(), r#""{0}" user:Str("caller") k=Str("macro")"#);
    let r#type = 5;
    info!("{type}");
    assert_eq!(seen(), r#""{0}" type:I32(5)"#);
}

#[test]
fn the_filter_can_change_at_run_time() {
    open();
    let call = || info!(target: "toggled", "m");
    call();
    assert_eq!(taken().len(), 0);
    IS_TOGGLED.store(true, Ordering::SeqCst);
    open();
    call();
    assert_eq!(taken().len(), 1);
    IS_TOGGLED.store(false, Ordering::SeqCst);
    open();
    call();
    info!(target: "warnings", "m");
    assert_eq!(taken().len(), 0);
    warn!(target: "warnings", "m");
    assert_eq!(taken().len(), 1);
}

#[test]
fn a_filter_that_logs_ends() {
    open();
    info!(target: "nosy", "m");
    assert!(!taken().is_empty());
}

#[test]
fn the_next_record_that_passes_a_limit_says_how_many_did_not() {
    open();
    for n in 0..7 {
        info!(limit: Limit::every(3), "m {n}", k = n);
    }
    let fields: Vec<String> = taken()
        .iter()
        .map(|kept| kept.look(|record| format!("{:?}", record.fields().collect::<Vec<_>>())))
        .collect();
    assert_eq!(
        fields,
        [
            r#"[("k", I32(0))]"#,
            r#"[("k", I32(3)), ("suppressed", U64(2))]"#,
            r#"[("k", I32(6)), ("suppressed", U64(2))]"#
        ]
    );
}

#[test]
fn the_try_forms_say_why_a_record_was_not_accepted() {
    open();
    assert_eq!(try_info!("m {}", 1), Ok(()));
    assert_eq!(try_info!(target: "closed", "m"), Ok(()));
    set_capacity(8);
    assert_eq!(try_info!("m {}", 1), Err(PutError::Full));
    assert_eq!(crate::try_log!(Level::Error, "m", k = 1), Err(PutError::Full));
    info!("m {}", 1);
    set_capacity(usize::MAX);
    assert_eq!(taken().len(), 1);
    fn tail(cell: &RefCell<u8>) -> Result<(), PutError> {
        let local = RefCell::new(*cell.borrow());
        try_info!("{}", local.borrow())
    }
    assert_eq!(tail(&RefCell::new(1)), Ok(()));
}

#[test]
fn context_is_on_every_record_of_its_scope() {
    open();
    let call = || info!("m", k = 1);
    let outer = context::push([("request", 17)]);
    call();
    assert_eq!(seen(), r#""m" k=I32(1) @request=I32(17)"#);
    context::with(context::Context::new().with("user", "ann").with("vip", true), || {
        call();
        assert_eq!(seen(), r#""m" k=I32(1) @request=I32(17) @user=Str("ann") @vip=Bool(true)"#);
        let carried = context::Context::current();
        assert_eq!(
            format!("{carried:?}"),
            r#"{"request": I32(17), "user": Str("ann"), "vip": Bool(true)}"#
        );
        let in_thread = std::thread::spawn(move || {
            context::with(carried, || {
                info!("t");
                seen()
            })
        });
        assert_eq!(
            in_thread.join().unwrap(),
            r#""t" @request=I32(17) @user=Str("ann") @vip=Bool(true)"#
        );
    });
    let inner = context::push(("later", 1));
    drop(outer);
    call();
    assert_eq!(seen(), r#""m" k=I32(1) @later=I32(1)"#);
    drop(inner);
    call();
    assert_eq!(seen(), r#""m" k=I32(1)"#);
}

#[test]
fn a_task_takes_its_context_from_thread_to_thread() {
    use context::WithContext as _;
    use std::future::{Future, poll_fn};
    use std::task::{Context, Poll, Waker};

    async fn serve(text: &str) {
        let mut is_second = false;
        info!("{text} {}", "begun");
        poll_fn(|_| {
            if std::mem::replace(&mut is_second, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        info!("{}", async { 1 }.await, k = async { 2 }.await);
    }
    fn is_send<T: Send>(task: T) -> T {
        task
    }
    open();
    let text = String::from("request");
    let mut task = Box::pin(is_send(serve(&text)).with_context([("task", 5)]));
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(task.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(seen(), r#""{0} {1}" text:Str("request") Str("begun") @task=I32(5)"#);
    info!("between");
    assert_eq!(seen(), r#""between""#);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let mut cx = Context::from_waker(Waker::noop());
            assert_eq!(task.as_mut().poll(&mut cx), Poll::Ready(()));
            seen()
        });
        assert_eq!(second.join().unwrap(), r#""{0}" I32(1) k=I32(2) @task=I32(5)"#);
    });
}
