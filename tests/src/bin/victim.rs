//! The program that the process tests start, fork and kill.
#![forbid(unsafe_code)]

use onewriter::{Builder, DiskFull, Guard, Overflow, Rotation, TextFormat, info, sink};
use onewriter_ring::testing::{at_exit, close_all_descriptors, fork};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["log", path, count, ending] => {
            log_then(path, count.parse().expect("a count"), ending);
        }
        ["recover", path] => {
            install(path, false).shutdown(PATIENCE).expect("there is time to write everything");
        }
        ["chase", path, progress, round] => chase(rotated(path), progress, round),
        ["chase-two", path, progress, round] => chase(two_files(path), progress, round),
        ["recover-two", path] => {
            let guard = two_files(path).install().expect("the logger can be installed");
            guard.shutdown(PATIENCE).expect("there is time to write everything");
        }
        ["container", path, name, count] => log_lines(rotated(path), name, count),
        ["container-plain", path, name, count] => log_lines(plain(path), name, count),
        ["chase-plain", path, progress, round] => chase(plain(path), progress, round),
        ["talk", path] => talk(talker(path, DiskFull::Wait), path),
        ["talk-drop", path] => talk(talker(path, DiskFull::Drop), path),
        ["talk-lose", path] => {
            let soon = Overflow::block(Duration::from_millis(1));
            talk(talker(path, DiskFull::Wait).overflow(soon), path);
        }
        ["talk-signals", path] => {
            talk(talker(path, DiskFull::Wait).drain_on_signals().reopen_on_hangup(), path);
        }
        ["exit-order", path] => exit_order(path),
        _ => panic!("unknown program {args:?}"),
    }
}

fn install(path: &str, signals: bool) -> Guard {
    let format = TextFormat::pattern("{message}").expect("a pattern");
    let mut builder = onewriter::builder()
        .sink(sink::file(path).format(format))
        .overflow(Overflow::block(PATIENCE));
    if signals {
        builder = builder.drain_on_signals();
    }
    builder.install().expect("the logger can be installed")
}

fn signal_self(signal: Signal) {
    kill_process(getpid(), signal).expect("a process may signal itself");
}

/// Logs in a tight loop and then ends in one of the ways in which programs end.
fn log_then(path: &str, count: usize, ending: &str) {
    if ending == "panic_abort" {
        // What `panic = "abort"` does: nothing is unwound, no destructor and no `atexit` runs.
        std::panic::set_hook(Box::new(|_| std::process::abort()));
    }
    let guard = install(path, ending.ends_with("_drained"));
    for n in 0..count {
        info!("line {n}");
    }
    match ending {
        "return" => std::mem::forget(guard),
        "guard" => drop(guard),
        "panic" | "panic_abort" => panic!("the ending"),
        "thread_panic" => {
            std::mem::forget(guard);
            let thread = std::thread::Builder::new().name("worker".into());
            let worker = thread.spawn(|| panic!("the ending")).expect("a thread");
            assert!(worker.join().is_err());
            // Nothing but the panic has drained.
            signal_self(Signal::KILL);
        }
        "exit" => std::process::exit(3),
        "term" | "term_drained" => signal_self(Signal::TERM),
        "int" | "int_drained" => signal_self(Signal::INT),
        "abort" => std::process::abort(),
        "kill" => signal_self(Signal::KILL),
        "shutdown" => guard.shutdown(PATIENCE).expect("everything is written"),
        _ => panic!("unknown ending {ending}"),
    }
    if ending.ends_with("_drained") {
        // The signal's own thread ends the process.
        loop {
            std::thread::park();
        }
    }
}

fn rotated(path: &str) -> Builder {
    let format = TextFormat::pattern("{message}").expect("a pattern");
    let file = sink::file(path).format(format).rotation(Rotation::size("40 KB"));
    let builder = onewriter::builder().sink(file.compress(sink::Gzip));
    builder.overflow(Overflow::block(PATIENCE))
}

fn plain(path: &str) -> Builder {
    let format = TextFormat::pattern("{message}").expect("a pattern");
    let file = sink::file(path).format(format).rotation(Rotation::size("400 KB"));
    onewriter::builder().sink(file).overflow(Overflow::block(PATIENCE))
}

/// Logs so many lines with its name.
fn log_lines(builder: Builder, name: &str, count: &str) {
    let guard = builder.install().expect("the logger can be installed");
    for n in 0..count.parse::<usize>().expect("a count") {
        info!("{name} {n}");
    }
    guard.shutdown(PATIENCE).expect("everything is written");
}

/// The first, and beside it a file that is never rotated.
fn two_files(path: &str) -> Builder {
    let format = TextFormat::pattern("{message}").expect("a pattern");
    let beside = Path::new(path).with_file_name("beside.log");
    rotated(path).sink(sink::file(beside).format(format)).name("two-files")
}

/// Logs for ever, on two threads, and says in a file how many puts have returned.
fn chase(builder: Builder, progress: &str, round: &str) {
    let guard = builder.install().expect("the logger can be installed");
    let progress = OpenOptions::new().write(true).open(progress).expect("the progress file");
    std::thread::scope(|scope| {
        for thread in 0..2_u64 {
            let progress = &progress;
            scope.spawn(move || {
                let huge = "x".repeat(300_000);
                for n in 0_u64.. {
                    // Now and then one that goes through a side file.
                    let padding = if n % 1_000 == 999 { huge.as_str() } else { "" };
                    info!("round {round} thread {thread} n {n} padding {padding}");
                    let returned = (n + 1).to_le_bytes();
                    progress.write_all_at(&returned, 8 * thread).expect("progress");
                }
            });
        }
    });
    drop(guard);
}

fn talker(path: &str, policy: DiskFull) -> Builder {
    let format = TextFormat::pattern("{message}").expect("a pattern");
    onewriter::builder()
        .sink(sink::file(path).format(format).disk_full(policy))
        .overflow(Overflow::block(PATIENCE))
        .on_error(|_| ())
}

fn talk(builder: Builder, path: &str) {
    let guard = builder.install().expect("the logger can be installed");
    answer("ready");
    let mut guard = Some(guard);
    let mut own = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line.expect("an order");
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["put", prefix, count] => {
                put(prefix, count);
                answer("ok");
            }
            ["complete", millis] => answer(&complete(millis)),
            ["fork", prefix, count, ending] => {
                answer(&forked(path, prefix, count, ending, &mut guard))
            }
            ["storm", children] => {
                storm(children.parse().expect("a count"));
                answer("ok");
            }
            ["close", files] => {
                close_all_descriptors();
                // Their numbers are those that were closed.
                let open = |n: u32| {
                    let path = Path::new(path).with_file_name(format!("own-{n}"));
                    let mut file = fs::File::create_new(path).expect("a new file");
                    file.write_all(b"mine\n").expect("its text");
                    file
                };
                own.extend((0..files.parse().expect("a count")).map(open));
                answer("ok");
            }
            ["stats"] => {
                answer(&guard.as_ref().map_or_else(String::new, |it| it.stats().to_string()))
            }
            _ => panic!("unknown order {line:?}"),
        }
    }
}

fn answer(text: &str) {
    println!("{text}");
    std::io::stdout().flush().expect("somebody listens");
}

fn put(prefix: &str, count: &str) {
    for n in 0..count.parse::<usize>().expect("a count") {
        info!("{prefix} {n}");
    }
}

fn complete(millis: &str) -> String {
    let deadline = Duration::from_millis(millis.parse().expect("milliseconds"));
    match onewriter::complete(deadline) {
        Ok(()) => "ok".to_owned(),
        Err(err) => err.to_string(),
    }
}

/// Forks children while other threads keep every lock of a logger busy; each child logs through a
/// call site that the parent has met and through one that nobody has.
fn storm(children: u32) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let handle = onewriter::handle().expect("a logger");
                let mut n = 0;
                while !is_over.load(Ordering::Relaxed) {
                    n += 1;
                    // A target that nobody has met is a new call site; that nobody wants it spares
                    // the writer.
                    log::debug!(target: &format!("target {n}"), "parent");
                    if n % 256 == 0 {
                        info!("parent {n}");
                    }
                    let _ = handle.stats();
                    let _ = onewriter::complete(Duration::ZERO);
                    if n % 64 == 0 {
                        handle.set_level(onewriter::Level::Info).expect("it runs");
                    }
                }
            });
        }
        for n in 0..children {
            let Some(child) = fork().expect("a process may fork") else {
                info!("child {n} first");
                log::info!(target: &format!("child {n}"), "child {n} second");
                std::process::exit(0);
            };
            let child = Pid::from_raw(child as i32).expect("the child's id");
            waitpid(Some(child), WaitOptions::empty()).expect("it ends");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

/// What became of a child that logs and ends.
fn forked(
    path: &str,
    prefix: &str,
    count: &str,
    ending: &str,
    guard: &mut Option<Guard>,
) -> String {
    let Some(child) = fork().expect("a process may fork") else {
        put(prefix, count);
        end_child(Path::new(path), prefix, count, ending, guard);
    };
    let child = Pid::from_raw(child as i32).expect("the child's id");
    match waitpid(Some(child), WaitOptions::empty()) {
        Ok(Some((_, status))) => match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("exit {code}"),
            (_, Some(signal)) => format!("signal {signal}"),
            _ => "stopped".to_owned(),
        },
        other => format!("{other:?}"),
    }
}

fn end_child(path: &Path, prefix: &str, count: &str, ending: &str, guard: &mut Option<Guard>) -> ! {
    let is_in_file = || {
        let text = fs::read_to_string(path).unwrap_or_default();
        let count: usize = count.parse().expect("a count");
        text.contains(&format!("{prefix} {}\n", count - 1))
    };
    match ending {
        "exit" => std::process::exit(0),
        "complete" => {
            let done = onewriter::complete(PATIENCE).is_ok();
            std::process::exit(if done && is_in_file() { 0 } else { 1 })
        }
        "guard" => {
            drop(guard.take());
            std::process::exit(if is_in_file() { 0 } else { 1 })
        }
        "shutdown" => {
            let ended = guard.take().map(|guard| guard.shutdown(PATIENCE));
            let fine = matches!(ended, Some(Ok(()))) && is_in_file();
            std::process::exit(if fine { 0 } else { 1 })
        }
        "kill" => signal_self(Signal::KILL),
        "term" => signal_self(Signal::TERM),
        "hangup" => signal_self(Signal::HUP),
        "abort" => std::process::abort(),
        "panic" => {
            let result = std::panic::catch_unwind(|| panic!("in the child"));
            std::process::exit(if result.is_err() && is_in_file() { 0 } else { 1 })
        }
        _ => panic!("unknown ending {ending}"),
    }
    std::process::exit(9)
}

extern "C" fn before_the_logger() {
    info!("registered before the logger: runs after its end");
}

extern "C" fn after_the_logger() {
    info!("registered after the logger: runs before its end");
}

struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        info!("thread-local of the main thread");
    }
}

thread_local! {
    static LAST: Last = const { Last };
}

/// What runs at exit, before and after the logger's own end.
fn exit_order(path: &str) {
    assert!(at_exit(before_the_logger));
    let guard = install(path, false);
    assert!(at_exit(after_the_logger));
    LAST.with(|_| ());
    info!("main");
    drop(guard);
    info!("after the guard");
}
