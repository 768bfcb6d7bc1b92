//! The program that the tests of small rooms start: it logs into a file, and says where its queue
//! is and what the logger had to tell.
#![forbid(unsafe_code)]

use onewriter::{Overflow, TextFormat, info, sink};
use onewriter_ring::testing::fork;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Long enough for every wait that is to end.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (path, overflow) = match args[..] {
        [path, "wait"] => (path, Overflow::block(PATIENCE)),
        [path, "soon"] => (path, Overflow::block(Duration::from_millis(1))),
        [path, "drop"] => (path, Overflow::drop_newest()),
        _ => panic!("unknown program {args:?}"),
    };
    let told = Arc::new(Mutex::new(Vec::new()));
    let told_here = Arc::clone(&told);
    let format = TextFormat::pattern("{message}").expect("a pattern");
    let installed = onewriter::builder()
        .sink(sink::file(path).format(format))
        .overflow(overflow)
        .on_error(move |err| {
            told_here.lock().unwrap_or_else(PoisonError::into_inner).push(err.to_string());
        })
        .install();
    let guard = match installed {
        Ok(guard) => guard,
        Err(err) => return answer(&err.to_string()),
    };
    answer("ready");
    for order in std::io::stdin().lines() {
        let order = order.expect("an order");
        let words: Vec<&str> = order.split(' ').collect();
        match words[..] {
            ["put", prefix, count] => {
                put(prefix, count);
                answer("ok");
            }
            ["long", count] => {
                for n in 0..count.parse::<usize>().expect("a count") {
                    info!(
                        "{n} xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                         xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                         xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                         xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                    );
                }
                answer("ok");
            }
            ["hold", file] => {
                hold(Path::new(file));
                answer("ok");
            }
            ["fork", prefix, count] => answer(&forked(prefix, count)),
            ["complete", millis] => {
                let deadline = Duration::from_millis(millis.parse().expect("milliseconds"));
                match onewriter::complete(deadline) {
                    Ok(()) => answer("ok"),
                    Err(err) => answer(&err.to_string()),
                }
            }
            ["told"] => answer(&told.lock().unwrap_or_else(PoisonError::into_inner).join(" | ")),
            ["pid"] => answer(&std::process::id().to_string()),
            ["where"] => answer(&queue_folder()),
            ["stats"] => answer(&guard.stats().to_string()),
            _ => panic!("unknown order {order:?}"),
        }
    }
}

fn put(prefix: &str, count: &str) {
    for n in 0..count.parse::<usize>().expect("a count") {
        info!("{prefix} {n}");
    }
}

/// Forks a child that never logs and lives as long as the file.
fn hold(file: &Path) {
    if fork().expect("a process may fork").is_none() {
        while file.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::process::exit(0);
    }
}

/// What became of a child that logs and exits.
fn forked(prefix: &str, count: &str) -> String {
    let Some(child) = fork().expect("a process may fork") else {
        put(prefix, count);
        std::process::exit(0);
    };
    let child = Pid::from_raw(child as i32).expect("the child's id");
    let ended = waitpid(Some(child), WaitOptions::empty()).expect("it ends");
    let code = ended.and_then(|(_, status)| status.exit_status());
    code.map_or_else(|| "killed".to_owned(), |code| format!("exit {code}"))
}

fn answer(text: &str) {
    println!("{text}");
    std::io::stdout().flush().expect("somebody listens");
}

/// The folder whose doorbell this process has mapped.
fn queue_folder() -> String {
    let maps = fs::read_to_string("/proc/self/maps").expect("its own mappings");
    let bell = maps.lines().find_map(|line| line.strip_suffix("/bell"));
    let (_, folder) = bell.and_then(|line| line.split_once('/')).expect("a doorbell");
    format!("/{folder}")
}
