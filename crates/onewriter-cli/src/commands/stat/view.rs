//! What is shown of a queue.

use std::time::Duration;

use onewriter_engine::publish::Published;
use onewriter_ring::SurveyedName;
use serde::Serialize;

use crate::queues::Found;

/// A queue.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// What people call it.
    pub queue: String,
    /// `file`, `named` or `private`.
    pub kind: &'static str,
    /// Its folder.
    pub folder: String,
    /// The writer; none if nobody has the lead, or it has not said who it is.
    pub writer: Option<Writer>,
    /// Whether anybody writes it.
    pub is_led: bool,
    /// Records taken out of the queue by this writer or the last one.
    pub accepted: u64,
    /// Those that all sinks have.
    pub written: u64,
    /// Records that found no room, by the account of the processes that are there.
    pub lost: u64,
    /// Records a second since the last look.
    pub rate: Option<f64>,
    /// Bytes that wait to be written.
    pub waiting_bytes: u64,
    /// How long the oldest record has waited that is not written, in seconds.
    pub oldest_seconds: f64,
    /// How often the queue has gone from one writer to another.
    pub takeovers: u64,
    /// Sinks with a write that was begun and not finished.
    pub pending_writes: usize,
    /// Who puts.
    pub processes: Vec<Process>,
    /// Where records go.
    pub sinks: Vec<Sink>,
}

/// Who writes.
#[derive(Clone, Debug, Serialize)]
pub struct Writer {
    /// Its process.
    pub process: u32,
    /// The name of the process.
    pub name: String,
    /// Since when, as RFC 3339.
    pub since: String,
    /// The same in seconds up to now.
    pub age_seconds: u64,
    /// `writing`; `stopped`, by SIGSTOP or a debugger; or `stuck`, in a sink perhaps.
    pub state: &'static str,
    /// How long ago it has shown that it goes on, in seconds: at most about one, if all is well.
    pub beat_seconds: f64,
}

/// A writer looks about itself ten times a second, or once if there is nothing to do: one that has not
/// for so long does not go on.
const NO_BEAT: Duration = Duration::from_secs(2);

/// Who puts.
#[derive(Clone, Debug, Serialize)]
pub struct Process {
    /// Its process id.
    pub process: u32,
    /// Its name.
    pub name: String,
    /// `writer`, `stands by`, `producer` or `dead`.
    pub role: &'static str,
    /// How many rings it has.
    pub rings: usize,
    /// Bytes of it that wait.
    pub waiting_bytes: u64,
    /// Records of it that found no room.
    pub lost: u64,
    /// Its large records that wait in files of their own.
    pub side_files: usize,
    /// Memory that it takes.
    pub memory_bytes: u64,
}

/// Where records go.
#[derive(Clone, Debug, Serialize)]
pub struct Sink {
    /// Its name.
    pub name: String,
    /// Records that it took.
    pub taken: u64,
    /// Records a second since the last look.
    pub rate: Option<f64>,
    /// Records that it lost.
    pub dropped: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Bytes that it has and has not written.
    pub pending_bytes: u64,
    /// How often it has rotated its file.
    pub rotations: u64,
    /// The last failure.
    pub last_error: Option<String>,
    /// Its settings, if anybody but its program can know them.
    pub settings: Option<String>,
}

impl View {
    /// What is shown of this queue.
    pub fn new(found: &Found) -> View {
        let survey = &found.survey;
        let said = found.writer.clone().unwrap_or_default();
        let is_led = survey.is_led;
        let writer = found.writer.as_ref().filter(|writer| is_led && !writer.has_ended);
        let role = |process: u32, is_alive: bool| match is_alive {
            false => "dead",
            true if writer.is_some_and(|writer| writer.process == process) => "writer",
            true if survey.waiting_for_lead.contains(&process) => "stands by",
            true => "producer",
        };
        let processes = survey.segments.iter().map(|segment| Process {
            process: segment.process,
            name: segment.name.clone(),
            role: role(segment.process, segment.is_alive),
            rings: segment.rings,
            waiting_bytes: segment.waiting,
            lost: segment.lost,
            side_files: segment.side_files,
            memory_bytes: segment.allocated,
        });
        let sinks =
            said.stats.sinks.iter().zip(said.settings.clone()).map(|(sink, settings)| Sink {
                name: sink.name.clone(),
                taken: sink.taken,
                rate: None,
                dropped: sink.dropped,
                errors: sink.errors,
                pending_bytes: sink.pending_bytes,
                rotations: sink.rotations,
                last_error: sink.last_error.clone(),
                settings,
            });
        let mut processes: Vec<_> = processes.collect();
        let place = |process: &Process| {
            ["writer", "stands by", "producer", "dead"]
                .iter()
                .position(|role| *role == process.role)
        };
        processes.sort_by_key(|process| (place(process), process.process));
        View {
            queue: found.title(),
            kind: match survey.name {
                SurveyedName::File { .. } => "file",
                SurveyedName::Named(_) => "named",
                SurveyedName::Private(_) | SurveyedName::Other(_) => "private",
            },
            folder: survey.dir.display().to_string(),
            writer: writer.map(|said| Writer::new(said, survey.beat.unwrap_or_default())),
            is_led,
            accepted: said.stats.accepted,
            written: said.stats.written,
            lost: said.stats.lost.max(processes.iter().map(|process| process.lost).sum()),
            rate: None,
            waiting_bytes: survey.waiting(),
            oldest_seconds: said.stats.oldest.as_secs_f64(),
            takeovers: said.takeovers,
            pending_writes: survey.pending_journals,
            sinks: sinks.collect(),
            processes,
        }
    }

    /// Whether nobody has anything to do with it now.
    pub fn is_idle(&self) -> bool {
        !self.is_led && self.processes.is_empty() && self.pending_writes == 0
    }

    /// Whether it was a private queue, and all its processes have ended: only `recover` can do anything
    /// with it.
    pub fn is_over(&self) -> bool {
        let is_dead = self.processes.iter().all(|process| process.role == "dead");
        self.kind == "private" && !self.is_led && is_dead
    }

    /// Works out rates from what was seen before.
    pub fn measure(&mut self, before: &[View], span: Duration) {
        let Some(before) = before.iter().find(|view| view.folder == self.folder) else { return };
        // Another writer counts from zero again.
        let same =
            |view: &View| view.writer.as_ref().map(|writer| (writer.process, writer.since.clone()));
        if same(before) != same(self) {
            return;
        }
        let rate = |now: u64, then: u64| {
            Some(now.saturating_sub(then) as f64 / span.as_secs_f64().max(0.001))
        };
        self.rate = rate(self.accepted, before.accepted);
        for (sink, then) in self.sinks.iter_mut().zip(&before.sinks) {
            sink.rate = rate(sink.taken, then.taken);
        }
    }
}

impl Writer {
    fn new(said: &Published, beat: Duration) -> Writer {
        let since = jiff::Timestamp::from_nanosecond(i128::from(said.since)).unwrap_or_default();
        let age = jiff::Timestamp::now().duration_since(since).as_secs();
        let state = match beat > NO_BEAT {
            false => "writing",
            true if is_stopped(said.process) => "stopped",
            true => "stuck",
        };
        Writer {
            process: said.process,
            name: said.name.clone(),
            since: since.to_string(),
            age_seconds: u64::try_from(age).unwrap_or(0),
            state,
            beat_seconds: beat.as_secs_f64(),
        }
    }
}

/// Whether the kernel has stopped the process: `4711 (shop) T 1 ..`.
fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('T' | 't'))
}
