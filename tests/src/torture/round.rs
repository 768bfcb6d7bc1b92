//! One round: starts the programs, does to them what the plan says, and judges what is left.

use super::ledger::Ledger;
use super::plan::{Action, Kind, Plan};
use super::processes::{Processes, files_in, kill, signal, writer};
use super::report::Totals;
use super::rounds::has_own_mounts;
use super::seed::Seed;
use super::tally::Tally;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything that is to end.
const PATIENCE: Duration = Duration::from_secs(130);
/// Where the log begins in a round with a quota: behind this, files may not grow.
const QUOTA: u64 = 64 << 20;
/// The disk of a round that is full now and then.
const DISK: &str = "size=192m";
/// So often the records that are allowed grow.
const BURSTS: Duration = Duration::from_millis(500);

/// A round while it runs.
pub struct Round<'a> {
    plan: Plan,
    /// What a worker needs to make the same plan.
    args: [String; 3],
    folder: PathBuf,
    ledger: Ledger,
    processes: Processes,
    tallies: Vec<Tally>,
    totals: &'a mut Totals,
    begun: Instant,
    /// The seed of the next program that is started.
    births: Seed,
    /// What has to be undone, and when.
    undo: Vec<(Instant, Undo)>,
    watch: Option<Watch>,
    /// The log has a small disk of its own.
    has_disk: bool,
    pauses: u64,
    /// What was done, and when.
    history: Vec<(Duration, String)>,
}

enum Undo {
    Continue(u32),
    Unchoke,
}

/// Waits for the first line after a kill of the writer.
struct Watch {
    since: Instant,
    file: Option<(u64, u64)>,
}

impl<'a> Round<'a> {
    /// Prepares the folder of a round.
    pub fn new(
        plan: Plan,
        args: [String; 3],
        folder: &Path,
        totals: &'a mut Totals,
    ) -> io::Result<Round<'a>> {
        let log = folder.join("log");
        for folder in [&log, &folder.join("queues")] {
            fs::create_dir(folder)?;
        }
        let (mut offset, mut has_disk) = (0, false);
        match plan.kind {
            Kind::FullDisk if has_own_mounts() => {
                mount(&log)?;
                has_disk = true;
            }
            Kind::FullDisk => {
                eprintln!("torture: no small disk: this needs root or user namespaces")
            }
            Kind::Quota => {
                let file = File::create(log.join("shop.log"))?;
                file.write_all_at(b"\n", QUOTA - 1)?;
                offset = QUOTA;
            }
            _ => {}
        }
        let mut tallies = vec![Tally::new(&log, "shop", plan.is_large, offset)];
        if plan.kind == Kind::Beside {
            tallies.push(Tally::new(&log, "beside", plan.is_large, 0));
        }
        let ledger = Ledger::open(&folder.join("ledger"))?;
        ledger.beat();
        Ok(Round {
            births: Seed::new(plan.seed),
            plan,
            args,
            folder: folder.to_owned(),
            ledger,
            processes: Processes::default(),
            tallies,
            totals,
            begun: Instant::now(),
            undo: Vec::new(),
            watch: None,
            has_disk,
            pauses: 0,
            history: Vec::new(),
        })
    }

    /// Runs it to its verdict. Whatever happens, no process is left.
    pub fn run(mut self) -> io::Result<()> {
        let outcome = self.play();
        if outcome.is_err() {
            self.plan.ends_with_kills = true;
            self.end()?;
        }
        outcome
    }

    fn play(&mut self) -> io::Result<()> {
        let actions = std::mem::take(&mut self.plan.actions);
        let mut actions = actions.into_iter().peekable();
        while self.begun.elapsed() < self.plan.length {
            self.look_after()?;
            if let Some((_, action)) = actions.next_if(|(at, _)| *at <= self.begun.elapsed()) {
                self.act(action)?;
            }
            let rest = if self.watch.is_some() { 200 } else { 2_000 };
            std::thread::sleep(Duration::from_micros(rest));
        }
        self.end()?;
        let ended = self.program("recover").status()?;
        if !ended.success() {
            self.totals.fail(format!("the recovering program ended with {ended}"));
        }
        self.judge()
    }

    fn queues(&self) -> PathBuf {
        self.folder.join("queues")
    }

    /// A program that has the round's sinks.
    fn program(&self, what: &str) -> Command {
        let own = std::env::current_exe().unwrap_or_else(|_| "torture".into());
        let mut command = if self.plan.kind == Kind::Quota {
            // The signal of this limit would end the program: only a parent can have it ignored from
            // the start.
            let mut shell = Command::new("sh");
            shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(own);
            shell
        } else {
            Command::new(own)
        };
        command.arg(what).arg(&self.folder).args(&self.args);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.env("ONEWRITER_DIR", self.queues()).env("RUST_BACKTRACE", "0");
        let errors = OpenOptions::new().append(true).create(true).open(self.folder.join("errors"));
        command.stderr(errors.map_or(Stdio::null(), Stdio::from));
        command
    }

    /// Starts what is missing, collects what is dead, undoes what is over.
    fn look_after(&mut self) -> io::Result<()> {
        self.ledger.beat();
        let bursts = self.begun.elapsed().as_millis() / BURSTS.as_millis() + 1;
        let of = (self.plan.length.as_millis() / BURSTS.as_millis()).max(1);
        self.ledger.allow((u128::from(self.plan.budget) * bursts / of) as u64);
        self.processes.look(&self.ledger);
        while (self.processes.n_own() as u64) < self.plan.workers {
            let child = self.program("work").arg(self.births.next().to_string()).spawn()?;
            self.processes.started(child.id());
            self.totals.started += 1;
        }
        self.ledger.set_live(self.processes.n_known());
        let now = Instant::now();
        self.undo_until(now);
        self.look_for_a_line();
        Ok(())
    }

    fn undo_until(&mut self, now: Instant) {
        let due: Vec<_> = self.undo.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, undo) in due {
            match undo {
                Undo::Continue(id) => signal(id, Signal::CONT),
                Undo::Unchoke => self.choke(false),
            }
        }
    }

    fn later(&mut self, millis: u64, undo: Undo) {
        self.undo.push((Instant::now() + Duration::from_millis(millis), undo));
    }

    fn act(&mut self, action: Action) -> io::Result<()> {
        let pick =
            |of: Vec<u32>, number: u64| of.get((number % of.len().max(1) as u64) as usize).copied();
        self.note(format!("{action:?}"));
        match action {
            Action::KillWorker(number) => {
                let victim = pick(self.processes.live(), number);
                if let Some(victim) = victim {
                    self.kill(victim);
                }
            }
            Action::KillWriter => {
                if let Some(victim) = writer(&self.queues()).filter(|id| self.processes.lives(*id))
                {
                    self.kill(victim);
                }
            }
            Action::StopWorker(number, millis) => {
                if let Some(id) = pick(self.processes.live(), number) {
                    self.pause_process(id, millis);
                }
            }
            Action::StopWriter(millis) => {
                if let Some(id) = writer(&self.queues()).filter(|id| self.processes.lives(*id)) {
                    self.pause_process(id, millis);
                }
            }
            Action::Choke(millis) => {
                self.watch = None;
                self.choke(true);
                self.totals.chokes += u64::from(self.has_disk || self.plan.kind == Kind::Quota);
                self.later(millis, Undo::Unchoke);
            }
            Action::KillRecoverer(millis) => {
                let mut program = self.program("recover").spawn()?;
                std::thread::sleep(Duration::from_millis(millis));
                program.kill()?;
                program.wait()?;
            }
            Action::Pause => self.pause()?,
        }
        Ok(())
    }

    fn note(&mut self, what: String) {
        self.history.push((self.begun.elapsed(), what));
    }

    fn pause_process(&mut self, id: u32, millis: u64) {
        self.watch = None;
        signal(id, Signal::STOP);
        self.totals.stops += 1;
        self.later(millis, Undo::Continue(id));
    }

    /// Kills a process; if it was the writer, the time until the next line is taken.
    fn kill(&mut self, id: u32) {
        let is_writer = writer(&self.queues()) == Some(id);
        self.note(format!("SIGKILL for {}{id}", if is_writer { "the writer " } else { "" }));
        let others = self.processes.live().iter().filter(|it| **it != id).count();
        let since = Instant::now();
        if !kill(id) {
            return;
        }
        self.totals.kills += 1;
        if is_writer {
            self.totals.kills_of_writers += 1;
            // Nobody who stands by may be stopped, nor the disk be full.
            if others > 0 && self.undo.is_empty() {
                self.watch = Some(Watch { since, file: self.file() });
            }
        }
    }

    fn file(&self) -> Option<(u64, u64)> {
        let meta = fs::metadata(self.tallies[0].live()).ok()?;
        Some((meta.ino(), meta.len()))
    }

    fn look_for_a_line(&mut self) {
        let Some(watch) = &self.watch else { return };
        let waited = watch.since.elapsed();
        if self.file() != watch.file {
            self.totals.takeovers.push(waited);
            self.watch = None;
        } else if waited > Duration::from_secs(5) {
            self.watch = None;
            self.totals.unwatched += 1;
        }
    }

    /// Takes all room from the disk, or gives it back.
    fn choke(&mut self, is_full: bool) {
        match self.plan.kind {
            Kind::Quota => {
                let live = self.processes.live();
                let len = self.file().map_or(QUOTA, |(_, len)| len);
                for id in live {
                    let limit = Rlimit { current: is_full.then_some(len), maximum: None };
                    let _ = prlimit(Pid::from_raw(id as i32), Resource::Fsize, limit);
                }
            }
            Kind::FullDisk if self.has_disk => {
                let ballast = self.folder.join("log/ballast");
                if !is_full {
                    let _ = fs::remove_file(ballast);
                } else if let Ok(mut file) = File::create(ballast) {
                    while file.write_all(&[0; 4096]).is_ok() {}
                }
            }
            _ => {}
        }
    }

    /// Has everybody pause and everything written, counts, and lets others touch the files.
    fn pause(&mut self) -> io::Result<()> {
        self.pauses += 1;
        self.watch = None;
        self.undo_until(Instant::now() + PATIENCE);
        self.ledger.hold(self.pauses);
        if self.wait_for_rest() {
            let ended = self.program("settle").status()?;
            if ended.success() {
                self.totals.pauses += 1;
                self.count()?;
                self.touch()?;
            } else {
                self.totals.fail(format!("complete failed: {ended}; see {}", self.errors()));
            }
        }
        self.ledger.hold(0);
        Ok(())
    }

    /// Waits until all threads of live processes pause. False if they do not.
    fn wait_for_rest(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            self.ledger.beat();
            self.processes.look(&self.ledger);
            let busy =
                (0..self.ledger.n_slots()).map(|number| self.ledger.slot(number)).find(|it| {
                    let id = it.process().and_then(|number| self.ledger.process(number));
                    !it.rests(self.pauses) && id.is_none_or(|id| self.processes.lives(id))
                });
            let Some(busy) = busy else { return true };
            if begun.elapsed() > PATIENCE {
                self.totals.fail(format!("thread {} hangs", busy.number));
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn count(&mut self) -> io::Result<()> {
        for tally in &mut self.tallies {
            tally.read()?;
            tally.settle(&self.ledger);
        }
        Ok(())
    }

    /// What others do to the files while everything that was put is written and counted.
    fn touch(&mut self) -> io::Result<()> {
        if self.plan.kind != Kind::Foreign {
            return Ok(());
        }
        let deed = self.births.within(0..5);
        self.note(format!("all rest; deed {deed}"));
        let tally = &mut self.tallies[0];
        let live = tally.live();
        match deed {
            0 => {
                OpenOptions::new().write(true).open(&live)?.set_len(0)?;
                tally.was_emptied();
            }
            1 => {
                fs::remove_file(&live)?;
                tally.was_emptied();
            }
            2 => {
                let away = self.folder.join(format!("log/moved-{}", self.pauses));
                fs::rename(&live, &away)?;
                tally.was_moved(away);
            }
            _ => {}
        }
        if self.births.one_in(2) && live.exists() {
            let mut file = OpenOptions::new().append(true).open(&live)?;
            for _ in 0..self.births.within(1..50) {
                writeln!(file, "foreign {}", tally.next_foreign())?;
            }
        }
        Ok(())
    }

    fn errors(&self) -> String {
        let text = fs::read_to_string(self.folder.join("errors")).unwrap_or_default();
        text.lines().take(3).collect::<Vec<_>>().join(" / ")
    }

    /// Ends all processes, or kills them.
    fn end(&mut self) -> io::Result<()> {
        self.undo_until(Instant::now() + PATIENCE);
        if self.plan.ends_with_kills {
            self.kill_all();
        } else {
            self.ledger.stop();
        }
        let begun = Instant::now();
        while self.processes.look(&self.ledger) {
            self.ledger.beat();
            if begun.elapsed() > PATIENCE {
                self.totals.fail("processes do not end".to_owned());
                self.kill_all();
            }
            if self.plan.ends_with_kills {
                // Those that were not yet known.
                self.kill_all();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn kill_all(&mut self) {
        self.ledger.stop();
        for id in self.processes.live() {
            self.totals.kills += u64::from(kill(id));
        }
    }

    /// Counts all files, and what must not be left.
    fn judge(&mut self) -> io::Result<()> {
        self.count()?;
        self.totals.accepted +=
            (0..self.ledger.n_slots()).map(|number| self.ledger.slot(number).count()).sum::<u64>();
        self.totals.processes += self.ledger.n_processes() as u64;
        for tally in std::mem::take(&mut self.tallies) {
            self.totals.add(tally.counts);
        }
        if !self.totals.is_green() {
            for (at, what) in &self.history {
                eprintln!("torture: {:>8.3} s {what}", at.as_secs_f32());
            }
        }
        for path in files_in(&self.queues()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Nobody can write what a dead process has put into a queue that only it knew.
            let queue = path.parent().and_then(Path::file_name).unwrap_or_default();
            if queue.to_string_lossy().starts_with("p-") {
                self.totals.private_left += u64::from(name.starts_with("s-"));
            } else if ["s-", "b-", "d-", "bad-"].iter().any(|kind| name.starts_with(kind)) {
                self.totals.fail(format!("{} is left in the queue", path.display()));
            } else if name.starts_with('.') {
                self.totals.half_made += 1;
            }
        }
        let errors = self.errors();
        if errors.contains("panicked") {
            self.totals.fail(format!("a program panicked: {errors}"));
        }
        Ok(())
    }
}

/// A small disk of its own for the log.
fn mount(folder: &Path) -> io::Result<()> {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", DISK, "torture"]).arg(folder);
    match command.status()?.success() {
        true => Ok(()),
        false => Err(io::Error::other("the small disk cannot be mounted")),
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        if self.has_disk {
            let _ = Command::new("umount").arg(self.folder.join("log")).status();
        }
    }
}
