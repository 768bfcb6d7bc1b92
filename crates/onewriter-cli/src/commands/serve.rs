//! `serve CONFIG`: a process that only writes.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::Serve;
use crate::config::ServePlan;
use crate::engine_door::{Place, Scribe};
use crate::exit::{Exit, Failure};
use crate::notify::Service;
use crate::output::Output;

/// How long the start waits for the lead before it says that it stands by.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How often who stands by looks whether it writes.
const LOOK: Duration = Duration::from_millis(250);

/// Writes until a signal ends it.
pub fn run(args: &Serve, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let plan = load(&args.config)?;
    let (send, events) = mpsc::channel();
    watch_signals(send)?;
    let scribe = start(&plan)?;
    let service = Service::of_environment();
    let mut served = Served { config: args.config.clone(), plan, scribe, service, leads: None };
    served.look(FIRST_WAIT, output)?;
    served.until_signal(&events, output)?;
    served.service.tell("STOPPING=1\nSTATUS=writing what was put");
    served.scribe.finish()?;
    Ok(Exit::DONE)
}

fn load(path: &Path) -> Result<ServePlan, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|err| Failure { exit: Exit::USAGE, ..Failure::io("cannot read", path, &err) })?;
    ServePlan::parse(&text, &path.display().to_string()).map_err(Failure::usage)
}

fn start(plan: &ServePlan) -> Result<Scribe, Failure> {
    let place = plan.name.as_deref().map_or(Place::OfFile, Place::Named);
    Scribe::start(&place, &plan.sinks, None)
}

fn watch_signals(send: Sender<i32>) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|err| Failure::system("cannot listen to signals", &err))?;
    thread::spawn(move || {
        for signal in signals.forever() {
            let _main_has_ended = send.send(signal);
        }
    });
    Ok(())
}

/// The writer, and what it was told.
struct Served {
    config: PathBuf,
    plan: ServePlan,
    scribe: Scribe,
    service: Service,
    /// Whether it writes, as far as it has said so.
    leads: Option<bool>,
}

impl Served {
    fn until_signal(
        &mut self,
        events: &Receiver<i32>,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        loop {
            let look = (self.leads != Some(true)).then_some(LOOK);
            let wait = [look, self.service.watchdog()].into_iter().flatten().min();
            let event = match wait {
                Some(wait) => events.recv_timeout(wait),
                None => events.recv().map_err(RecvTimeoutError::from),
            };
            match event {
                Ok(SIGHUP) => self.reload(output)?,
                Ok(_) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look(Duration::ZERO, output)?;
            self.service.keep_alive(|patience| self.scribe.is_well(patience));
        }
    }

    /// Says whether it writes, whenever that has changed.
    fn look(&mut self, wait: Duration, output: &mut Output<'_>) -> Result<(), Failure> {
        let leads = self.scribe.wait_for_lead(wait);
        if self.leads == Some(leads) {
            return Ok(());
        }
        self.leads = Some(leads);
        let status = if leads { "writing" } else { "standing by" };
        self.service.tell(&format!("READY=1\nSTATUS={status}"));
        say(output, &format!("{status}: {}", self.title()))
    }

    fn title(&self) -> String {
        let named = |name: &String| format!("queue {name}");
        self.plan.name.as_ref().map(named).unwrap_or_else(|| {
            let file = self.plan.sinks.first().and_then(|plan| plan.file.as_ref());
            file.map_or_else(String::new, |file| file.path.display().to_string())
        })
    }

    /// Opens the files anew, by new settings if there are some and they are right.
    fn reload(&mut self, output: &mut Output<'_>) -> Result<(), Failure> {
        self.service.reloading();
        self.leads = None;
        let fresh = match load(&self.config) {
            Ok(fresh) if fresh.is_same(&self.plan) => return self.scribe.reopen(),
            Ok(fresh) if fresh.is_same_queue(&self.plan) => fresh,
            Ok(_) => {
                let config = self.config.display();
                say(
                    output,
                    &format!(
                        "{config} is about another queue now: end this and start it again for that; the settings from before hold"
                    ),
                )?;
                return self.scribe.reopen();
            }
            Err(wrong) => {
                say(output, &format!("{wrong}; the settings from before hold"))?;
                return self.scribe.reopen();
            }
        };
        // Its files are closed before they are opened by the new settings: records wait meanwhile.
        if let Err(failure) = self.scribe.finish() {
            say(output, &failure.message)?;
        }
        match start(&fresh) {
            Ok(scribe) => (self.scribe, self.plan) = (scribe, fresh),
            Err(failure) => {
                say(output, &format!("{failure}; the settings from before hold"))?;
                self.scribe = start(&self.plan)?;
            }
        }
        self.look(FIRST_WAIT, output)
    }
}

fn say(output: &mut Output<'_>, text: &str) -> Result<(), Failure> {
    let mut said = writeln!(output.err, "onewriter: {text}");
    if said.is_ok() {
        said = output.err.flush();
    }
    // There is nowhere left to report that standard error is closed; the writing goes on.
    drop(said);
    Ok(())
}
