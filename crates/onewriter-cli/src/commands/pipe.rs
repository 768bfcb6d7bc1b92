//! `pipe`: standard input to sinks.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::Pipe;
use crate::engine_door::Engine;
use crate::exit::{Exit, Failure};
use crate::feed::Feed;
use crate::output::Output;

/// Why reading stops.
enum Ending {
    Input(io::Result<()>),
    Signal(i32),
    Abandoned,
}

/// Reads until the input ends or a signal says so, and writes out what was read.
pub fn run(args: &Pipe, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let Some(plan) = super::plan(&args.settings, output)? else { return Ok(Exit::DONE) };
    let (end, ending) = mpsc::channel();
    let reader_left = end.clone();
    let engine = Engine::start(&plan, move || {
        let _main_has_ended = reader_left.send(Ending::Abandoned);
    })?;
    let feed = Feed::new(&plan, "pipe");
    watch_signals(end.clone())?;
    // A thread of its own, because a read cannot be interrupted from outside.
    let reader = thread::Builder::new().name("stdin".to_owned());
    let started = reader.spawn(move || {
        let read = feed.read(io::stdin().lock());
        let _main_has_ended = end.send(Ending::Input(read));
    });
    started.map_err(|err| Failure::system("cannot start a thread", &err))?;
    let ending = ending.recv();
    if matches!(ending, Ok(Ending::Abandoned)) {
        // Nobody reads: there is nothing to wait for, and nothing to say.
        return Ok(Exit::BROKEN_PIPE);
    }
    engine.finish()?;
    match ending {
        Ok(Ending::Input(Err(err))) => {
            Err(Failure::io("cannot read", Path::new("standard input"), &err))
        }
        Ok(Ending::Signal(signal)) => Ok(Exit::of_signal(signal)),
        Ok(_) | Err(_) => Ok(Exit::DONE),
    }
}

fn watch_signals(end: Sender<Ending>) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|err| Failure::system("cannot listen to signals", &err))?;
    thread::spawn(move || {
        let mut interrupted = false;
        for signal in signals.forever() {
            // The first one is for the program that writes: its end is the end of the input.
            if signal == SIGINT && !interrupted {
                interrupted = true;
            } else {
                let _main_has_ended = end.send(Ending::Signal(signal));
            }
        }
    });
    Ok(())
}
