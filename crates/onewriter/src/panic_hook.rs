//! Panics as records.

use crate::capture::Scratch;
use crate::dynamic::{self, Place};
use crate::put::put_with;
use onewriter_record::{Encode, Level, SectionKind, Tag, write_section};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

/// Makes each panic a record of level ERROR and target `panic`, then calls `drain`, then the hook
/// that was in force before.
///
/// The record says the thread, the place and the message; it has a backtrace where
/// `RUST_BACKTRACE` asks for one.
#[cfg_attr(not(feature = "embedded"), expect(dead_code, reason = "called by `install`"))]
pub(crate) fn install_once(drain: fn()) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| install(drain));
}

fn install(drain: fn()) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        put_panic(info);
        drain();
        before(info);
    }));
}

fn put_panic(info: &PanicHookInfo<'_>) {
    let (file, line) = info.location().map_or(("", 0), |place| (place.file(), place.line()));
    let place = Place { level: Level::Error, target: "panic", module: "", file, line };
    let site = dynamic::find(&place, false);
    if !site.is_enabled() {
        return;
    }
    let message = message(info);
    let mut sections = Vec::new();
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        let none: [(&str, bool); 0] = [];
        write_section(SectionKind::Backtrace, &backtrace.to_string(), &none, &mut sections);
    }
    // A record that is not accepted is counted; a panic is no time for another.
    let write = |out: &mut crate::put::FrameOut<'_, '_>| message.write(out);
    put_with(site, &[Tag::Text], message.size(), write, &sections);
}

fn message(info: &PanicHookInfo<'_>) -> Scratch {
    let payload = info.payload();
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(a payload that is no text)");
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("(unnamed)");
    match info.location() {
        Some(place) => Scratch::render(format_args!("thread '{name}' panicked at {place}: {text}")),
        None => Scratch::render(format_args!("thread '{name}' panicked: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{open, taken_texts};
    use std::panic;

    const LINE: u32 = line!() + 9;

    #[test]
    fn a_panic_is_a_record_then_drains_then_goes_on() {
        let before = panic::take_hook();
        panic::set_hook(Box::new(|_| crate::info!("the hook before")));
        super::install(|| crate::info!("drained"));
        let thread = std::thread::Builder::new().name("worker".into()).spawn(|| {
            open();
            let _ = panic::catch_unwind(|| panic!("boom {}", LINE));
            let _ = panic::catch_unwind(|| panic::panic_any(5));
            taken_texts()
        });
        let texts = thread.unwrap().join().unwrap();
        panic::set_hook(before);
        let place = format!("thread 'worker' panicked at {}:{LINE}:", file!());
        assert!(
            texts[0].starts_with(&place) && texts[0].ends_with(&format!(": boom {LINE}")),
            "{}",
            texts[0]
        );
        assert_eq!(texts[1..3], ["drained", "the hook before"]);
        assert!(texts[3].ends_with(": (a payload that is no text)"), "{}", texts[3]);
    }
}
