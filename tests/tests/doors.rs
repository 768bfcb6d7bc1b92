//! The facades into a JSON file that is parsed back: exact objects.

use onewriter::{JsonFormat, Level, info, sink};
use onewriter_tests::{PATIENCE, Place, alone};
use serde_json::{Value, json};
use std::error::Error;
use std::fmt;
use tracing::instrument;

/// What `run` logs, as objects without their times.
fn logged(run: impl FnOnce()) -> Vec<Value> {
    let _alone = alone();
    let place = Place::default();
    let format = JsonFormat::new().with_thread(false).with_process(false);
    let log = onewriter::builder()
        .sink(sink::file(place.log()).format(format).level(Level::Trace))
        .install()
        .expect("the logger can be installed");
    run();
    log.shutdown(PATIENCE).expect("everything is written");
    let parse = |line: String| -> Value {
        let mut object: Value = serde_json::from_str(&line).expect("a JSON object");
        let time = object["time"].take();
        let time = time.as_str().expect("a time");
        assert!(time.len() == 30 && time.ends_with('Z'), "{time}");
        object.as_object_mut().expect("an object").remove("time");
        object
    };
    place.lines().into_iter().map(parse).collect()
}

#[derive(Debug)]
struct Broken(Option<Box<Broken>>, &'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_deref().map(|source| source as _)
    }
}

#[test]
fn own_macros_into_json() {
    let objects = logged(|| {
        let order = 7;
        info!(target: "shop", "order {order} placed", customer = "c-42", total = 19.5, paid = true);
        info!(target: "shop", "{:>4}|{:#x}|{:?}", 7, 255, Some("x"));
        info!(target: "shop", big = u128::MAX, small = i64::MIN, none = None::<u32>, nan = f64::NAN);
        info!(target: "shop", "\u{1b}[31m\n\"quoted\"\0", key = "a\\b");
    });
    let wanted = [
        json!({"level": "INFO", "target": "shop", "message": "order 7 placed",
            "fields": {"customer": "c-42", "total": 19.5, "paid": true}}),
        json!({"level": "INFO", "target": "shop", "message": "   7|0xff|Some(\"x\")"}),
        json!({"level": "INFO", "target": "shop", "message": "\u{1b}[31m\n\"quoted\"\0",
            "fields": {"key": "a\\b"}}),
    ];
    assert_eq!(objects[0], wanted[0]);
    assert_eq!(objects[1], wanted[1]);
    assert_eq!(objects[3], wanted[2]);
    let fields = &objects[2]["fields"];
    assert_eq!((&fields["small"], &fields["none"]), (&json!(i64::MIN), &Value::Null));
    assert_eq!(objects.len(), 4);
}

#[test]
fn the_log_facade_with_key_values_into_json() {
    let objects = logged(|| {
        let broken = Broken(Some(Box::new(Broken(None, "the fuse"))), "the lamp");
        log::info!(target: "shop", order = 7, name = "ann", rate = 0.5, ok = true; "placed {}", 7);
        log::warn!(target: "shop", list:? = [1, 2], shown:% = broken; "look");
        log::trace!(target: "shop", "a trace");
    });
    assert_eq!(
        objects,
        [
            json!({"level": "INFO", "target": "shop", "message": "placed 7",
                "fields": {"order": 7, "name": "ann", "rate": 0.5, "ok": true}}),
            json!({"level": "WARN", "target": "shop", "message": "look",
                "fields": {"list": "[1, 2]", "shown": "the lamp"}}),
            json!({"level": "TRACE", "target": "shop", "message": "a trace"}),
        ]
    );
}

#[instrument(target = "shop", fields(kind = "express"))]
fn place(order: u32, customer: &str) -> u32 {
    tracing::info!(target: "shop", total = 19.5, "placed");
    order + 1
}

#[test]
fn tracing_with_spans_and_instrumented_functions_into_json() {
    let objects = logged(|| {
        let span =
            tracing::info_span!(target: "shop", "request", id = 12, user = tracing::field::Empty);
        let _entered = span.enter();
        tracing::debug!(target: "shop", ok = true, "before");
        span.record("user", "ann");
        assert_eq!(place(7, "c-42"), 8);
    });
    assert_eq!(
        objects,
        [
            json!({"level": "DEBUG", "target": "shop", "message": "before", "fields": {"ok": true},
                "spans": [{"name": "request", "fields": {"id": 12}}]}),
            json!({"level": "INFO", "target": "shop", "message": "placed", "fields": {"total": 19.5},
            "spans": [
                {"name": "request", "fields": {"id": 12, "user": "ann"}},
                {"name": "place", "fields":
                    {"kind": "express", "order": 7, "customer": "c-42"}},
            ]}),
        ]
    );
}

#[test]
fn all_doors_stand_in_one_order() {
    let objects = logged(|| {
        for n in 0..200 {
            info!(target: "shop", "own {n}");
            log::info!(target: "shop", "log {n}");
            tracing::info!(target: "shop", "tracing {n}");
        }
    });
    let messages: Vec<&str> =
        objects.iter().map(|object| object["message"].as_str().expect("a message")).collect();
    let wanted: Vec<String> = (0..200)
        .flat_map(|n| ["own", "log", "tracing"].map(|door| format!("{door} {n}")))
        .collect();
    assert_eq!(messages, wanted);
}
