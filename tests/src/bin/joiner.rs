//! The program of the joining tests: it starts others in every way there is, and all of them log.
#![forbid(unsafe_code)]

use onewriter::{Guard, Overflow, TextFormat, info, sink};
use onewriter_ring::testing::{bare_clone, fork};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, setsid, waitpid};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        // Logs and ends: what the others start by `exec`.
        ["log", path, prefix, count] => {
            let _guard = install(path);
            put(prefix, number(count));
        }
        // Only produces, into the queue of a name.
        ["produce", name, prefix, count] => {
            onewriter::join(name, onewriter::Level::Info).expect("the queue can be joined");
            put(prefix, number(count));
        }
        // The same, and asks by both doors whether it is on file.
        ["produce-complete", name, prefix, count, millis] => {
            let level = onewriter::Level::Info;
            let producer = onewriter::join(name, level).expect("the queue can be joined");
            put(prefix, number(count));
            let deadline = Duration::from_millis(number(millis) as u64);
            let says = |err: String| println!("{err}");
            producer.complete(deadline).map_err(|err| err.to_string()).unwrap_or_else(says);
            onewriter::complete(deadline).map_err(|err| err.to_string()).unwrap_or_else(says);
        }
        ["named", path, name] => serve(named(path, name)),
        ["serve", path] => serve(install(path)),
        ["thread-forks", path] => thread_forks(path),
        ["storm", path, children] => storm(path, number(children)),
        ["bare", path, children] => bare(path, number(children)),
        ["spawn-while-logging", path, children] => spawn_while_logging(path, number(children)),
        ["generations", path, depth] => {
            let _guard = install(path);
            generation(number(depth));
        }
        ["silent", path, children] => silent(path, number(children)),
        ["orphan", millis] => orphan(Duration::from_millis(number(millis) as u64)),
        ["daemon", path, ending] => daemon(path, ending),
        _ => panic!("unknown program {args:?}"),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

fn builder(path: &str) -> onewriter::Builder {
    let format = TextFormat::pattern("{message}").expect("a pattern");
    onewriter::builder()
        .sink(sink::file(path).format(format))
        .overflow(Overflow::block(PATIENCE))
        .on_error(|_| ())
}

fn install(path: &str) -> Guard {
    builder(path).install().expect("the logger can be installed")
}

fn named(path: &str, name: &str) -> Guard {
    builder(path).name(name).install().expect("the logger can be installed")
}

fn put(prefix: &str, count: usize) {
    for n in 0..count {
        info!("{prefix} {n}");
    }
}

/// Waits until its input ends.
fn serve(guard: Guard) {
    println!("ready");
    std::io::stdout().flush().expect("somebody listens");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    guard.complete(PATIENCE).expect("everything is written");
}

fn wait_for(child: u32) {
    let child = Pid::from_raw(child as i32).expect("the child's id");
    waitpid(Some(child), WaitOptions::empty()).expect("it ends");
}

/// A thread that is not the first one forks.
fn thread_forks(path: &str) {
    let _guard = install(path);
    put("before", 100);
    let forks = || {
        let Some(child) = fork().expect("a process may fork") else {
            put("child", 100);
            std::process::exit(0);
        };
        wait_for(child);
    };
    thread::scope(|scope| scope.spawn(forks).join()).expect("it ends");
    put("after", 100);
}

/// Children of a program whose threads log without a pause.
fn storm(path: &str, children: usize) {
    let _guard = install(path);
    let is_over = AtomicBool::new(false);
    let is_over = &is_over;
    thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || {
                let mut n = 0;
                while !is_over.load(Ordering::Relaxed) {
                    info!("thread {thread} {n}");
                    n += 1;
                }
                info!("thread {thread} has put {n}");
            });
        }
        let mut live = Vec::new();
        for child in 0..children {
            match fork().expect("a process may fork") {
                Some(id) => live.push(id),
                None => {
                    put(&format!("child {child}"), 50);
                    std::process::exit(0);
                }
            }
        }
        live.into_iter().for_each(wait_for);
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Children by the bare system call: the C library knows nothing of them.
fn bare(path: &str, children: usize) {
    let _guard = install(path);
    for child in 0..children {
        put(&format!("parent {child}"), 10);
        let Some(id) = bare_clone().expect("a process may be cloned") else {
            put(&format!("child {child}"), 10);
            // No more is known to work in such a child than its own system calls.
            kill_process(getpid(), Signal::KILL).expect("a process may signal itself");
            unreachable!("SIGKILL ends a process");
        };
        wait_for(id);
    }
}

/// The same program and another one, which knows of nothing, by `posix_spawn`, while threads log.
fn spawn_while_logging(path: &str, children: usize) {
    let _guard = install(path);
    let is_over = AtomicBool::new(false);
    let own = std::env::current_exe().expect("the path of this program");
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !is_over.load(Ordering::Relaxed) {
                info!("parent {n}");
                n += 1;
            }
            info!("parent has put {n}");
        });
        let mut live = Vec::new();
        for child in 0..children {
            let prefix = format!("child {child}");
            let mut command = Command::new(&own);
            command.args(["log", path, &prefix, "50"]).stdin(Stdio::null());
            live.push(command.spawn().expect("it starts"));
            assert!(Command::new("true").status().expect("it starts").success());
        }
        for mut child in live {
            assert!(child.wait().expect("it ends").success());
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

/// A child of a child of a child.
fn generation(left: usize) {
    put(&format!("generation {left}"), 20);
    if left > 0 {
        match fork().expect("a process may fork") {
            Some(child) => wait_for(child),
            None => {
                generation(left - 1);
                std::process::exit(0);
            }
        }
        put(&format!("generation {left} after"), 20);
    }
}

/// Children that never log; then it says how many segments there are.
fn silent(path: &str, children: usize) {
    let guard = install(path);
    put("before", 10);
    let live: Vec<u32> = (0..children)
        .filter_map(|_| {
            let child = fork().expect("a process may fork");
            if child.is_none() {
                // Until it is killed.
                thread::sleep(PATIENCE);
                std::process::abort();
            }
            child
        })
        .collect();
    serve(guard);
    for child in live {
        let id = Pid::from_raw(child as i32).expect("the child's id");
        kill_process(id, Signal::KILL).expect("a child can be killed");
        wait_for(child);
    }
}

/// A daemon goes on when the program that started it, and wrote, is gone.
fn daemon(path: &str, ending: &str) {
    let guard = install(path);
    put("parent", 100);
    if fork().expect("a process may fork").is_none() {
        setsid().expect("a child leads no group");
        if fork().expect("a process may fork").is_none() {
            put("daemon first", 100);
            println!("daemon {}", std::process::id());
            std::io::stdout().flush().expect("somebody listens");
            // Until the test closes its end, when the parent is gone.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            put("daemon alone", 100);
            let done = onewriter::complete(PATIENCE);
            println!("{}", done.map_or_else(|err| err.to_string(), |()| "complete".to_owned()));
            std::io::stdout().flush().expect("somebody listens");
            std::process::exit(0);
        }
        kill_process(getpid(), Signal::KILL).expect("a process may signal itself");
    }
    match ending {
        // The test kills it.
        "kill" => thread::sleep(PATIENCE),
        _ => drop(guard),
    }
}

/// A child whose parent alone could write: a function cannot be made anew.
fn orphan(deadline: Duration) {
    let builder = onewriter::builder().sink(sink::function(|_| Ok(())));
    let _guard = builder.install().expect("the logger can be installed");
    if fork().expect("a process may fork").is_none() {
        put("orphan", 10);
        onewriter::complete(PATIENCE).expect("the parent writes");
        println!("orphan");
        std::io::stdout().flush().expect("somebody listens");
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        put("orphan", 10);
        let done = onewriter::complete(deadline);
        println!("{}", done.map_or_else(|err| err.to_string(), |()| "complete".to_owned()));
        std::io::stdout().flush().expect("somebody listens");
        kill_process(getpid(), Signal::KILL).expect("a process may signal itself");
    }
    thread::sleep(PATIENCE);
}
