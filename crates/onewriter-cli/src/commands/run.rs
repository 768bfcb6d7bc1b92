//! `run -- CMD`: a program's output becomes records.

use std::ffi::OsStr;
use std::io::{self, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

use crate::cli::Run;
use crate::engine_door::Engine;
use crate::exit::{Exit, Failure};
use crate::feed::{Feed, Field};
use crate::output::Output;

const FORWARDED: [i32; 7] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH];

/// The program, until it is reaped: after that its number may be another's.
type Target = Arc<Mutex<Option<Pid>>>;

/// Runs the program to its end; the exit code is its own.
pub fn run(args: &Run, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let Some(plan) = super::plan(&args.settings, output)? else { return Ok(Exit::DONE) };
    let Some((program, rest)) = args.command.split_first() else { return Ok(Exit::DONE) };
    let target = Target::default();
    let abandoned = target.clone();
    // As if the program itself had written to whoever went away.
    let engine = Engine::start(&plan, move || send(&abandoned, Signal::PIPE))?;
    // From before the program starts, so that no signal ends us and leaves it alone; what comes in
    // between waits at the lock.
    let mut number = target.lock().unwrap_or_else(PoisonError::into_inner);
    forward_signals(target.clone())?;
    let mut child = spawn(program, rest)?;
    *number = Pid::from_raw(child.id().cast_signed());
    drop(number);
    let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
    let feed = Feed::new(&plan, &name);
    let streams = read_streams(&mut child, &feed)?;
    let status = wait(&mut child, &target)?;
    drain(&streams, plan.grace);
    engine.finish()?;
    Ok(exit_of(status))
}

fn spawn(program: &OsStr, args: &[std::ffi::OsString]) -> Result<Child, Failure> {
    let spawned =
        Command::new(program).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    spawned.map_err(|err| {
        let exit = match err.kind() {
            io::ErrorKind::NotFound => Exit::NOT_FOUND,
            _ => Exit::CANNOT_EXECUTE,
        };
        Failure { exit, ..Failure::io("cannot run", Path::new(program), &err) }
    })
}

fn forward_signals(target: Target) -> Result<(), Failure> {
    let mut signals = SignalsInfo::<WithOrigin>::new(FORWARDED)
        .map_err(|err| Failure::system("cannot listen to signals", &err))?;
    thread::spawn(move || {
        for origin in signals.forever() {
            // What the terminal sends, it sends to the program as well.
            if matches!(origin.cause, Cause::Kernel) {
                continue;
            }
            if let Some(signal) = Signal::from_named_raw(origin.signal) {
                send(&target, signal);
            }
        }
    });
    Ok(())
}

fn send(target: &Target, signal: Signal) {
    let target = target.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pid) = *target {
        let _it_has_just_ended = kill_process(pid, signal);
    }
}

/// One thread for each stream; each says when its stream has ended.
fn read_streams(child: &mut Child, feed: &Feed) -> Result<Receiver<()>, Failure> {
    let (end, ended) = mpsc::channel();
    let pid = child.id();
    let stdout = child.stdout.take().map(|out| ("stdout", Box::new(out) as Box<dyn Read + Send>));
    let stderr = child.stderr.take().map(|err| ("stderr", Box::new(err) as Box<dyn Read + Send>));
    for (name, stream) in stdout.into_iter().chain(stderr) {
        let feed = feed.clone().field("stream", Field::Text(name)).field("pid", Field::Number(pid));
        let end = end.clone();
        let reader = thread::Builder::new().name(name.to_owned());
        let started = reader.spawn(move || {
            // A pipe that cannot be read has ended, too.
            let _ended = feed.read(BufReader::with_capacity(64 * 1024, stream));
            let _main_has_ended = end.send(());
        });
        started.map_err(|err| Failure::system("cannot start a thread", &err))?;
    }
    Ok(ended)
}

/// Waits for the program, and takes its number back before it can become another's.
fn wait(child: &mut Child, target: &Target) -> Result<ExitStatus, Failure> {
    let failed = |err: io::Error| Failure::io("cannot wait for", Path::new("the program"), &err);
    if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(err) = waitid(WaitId::Pid(pid), ended) {
            if err != rustix::io::Errno::INTR {
                return Err(failed(err.into()));
            }
        }
    }
    *target.lock().unwrap_or_else(PoisonError::into_inner) = None;
    child.wait().map_err(failed)
}

/// Waits until both streams have ended, but not for ever: a child of the program may hold them.
fn drain(ended: &Receiver<()>, grace: Duration) {
    let start = Instant::now();
    while ended.recv_timeout(grace.saturating_sub(start.elapsed())).is_ok() {}
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, Some(signal)) => Exit::of_signal(signal),
        (None, None) => Exit::IO,
    }
}
