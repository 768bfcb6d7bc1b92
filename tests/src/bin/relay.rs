//! The programs of the order tests: they hand a number on, from process to process, and each logs
//! it before it lets go of it.
#![forbid(unsafe_code)]

use onewriter::{Overflow, TextFormat, info, sink};
use onewriter_ring::testing::{SharedWords, fork};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["memory", log, page, own, of, count] => {
            let _guard = install(log);
            through_memory(Path::new(page), number(own), number(of), number(count));
        }
        ["forked-memory", log, page, of, count] => {
            let _guard = install(log);
            let of = number(of);
            let own = forked(of);
            through_memory(Path::new(page), own, of, number(count));
            if own > 0 {
                std::process::exit(0);
            }
            // The first one writes: it ends last.
            onewriter::complete(PATIENCE).expect("everything is written");
        }
        ["pipe", log] => {
            let _guard = install(log);
            through_pipes();
        }
        _ => panic!("unknown program {args:?}"),
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

fn install(path: &str) -> onewriter::Guard {
    let format = TextFormat::pattern("{message}").expect("a pattern");
    let builder = onewriter::builder().sink(sink::file(path).format(format));
    builder.overflow(Overflow::block(PATIENCE)).install().expect("the logger can be installed")
}

/// Which of `of` processes this one is: the first makes the others.
fn forked(of: u64) -> u64 {
    (1..of).find(|_| fork().expect("a process may fork").is_none()).unwrap_or(0)
}

/// Whoever's turn it is logs and makes it the next one's turn.
fn through_memory(page: &Path, own: u64, of: u64, count: u64) {
    let words = SharedWords::open(page, 8).expect("a page can be shared");
    let turn = words.word(0);
    let mut n = turn.load(Ordering::Acquire);
    while n < count {
        if n % of == own {
            info!("hand-off {n}");
            turn.store(n + 1, Ordering::Release);
        } else {
            std::thread::yield_now();
        }
        n = turn.load(Ordering::Acquire);
    }
}

/// Takes a number from its input, logs it, and hands the next one on.
fn through_pipes() {
    let (mut from, mut to) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut bytes = [0; 8];
    while from.read_exact(&mut bytes).is_ok() {
        let n = u64::from_le_bytes(bytes);
        info!("hand-off {n}");
        // The last one finds nobody who listens.
        if to.write_all(&(n + 1).to_le_bytes()).and_then(|()| to.flush()).is_err() {
            break;
        }
    }
}
