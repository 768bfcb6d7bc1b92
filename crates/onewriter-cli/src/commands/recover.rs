//! `recover`: what dead processes have left is written, and what is empty is tidied up.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onewriter::Stats;
use onewriter_engine::SinkStats;
use onewriter_ring::{Queue, Reader, Survey, SurveyedName, SurveyedSegment};

use super::check::grouped;
use super::stat::page::{bytes, count, count_of};
use crate::cli::Recover;
use crate::config::{Plan, Raw};
use crate::engine_door::{Place, Scribe};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::queues::{self, Found};

/// Longer than another program needs to say that it has the lead.
const WAIT: Duration = Duration::from_secs(5);

/// What became of a queue.
enum Outcome {
    /// Nothing is left that could be written.
    Done,
    /// Something waits that only its own program can write.
    Remains,
}

/// Recovers all queues, or those that are named.
pub fn run(args: &Recover, output: &mut Output<'_>) -> Result<Exit, Failure> {
    if args.queues.len() != 1 && (args.file.is_some() || args.format.is_some()) {
        return Err(Failure::usage("--file and --format are about one queue: name it"));
    }
    let (found, missing) = queues::find_present(&args.queues)?;
    for name in missing {
        writeln!(output.out, "{name}: no such queue, nothing is left")?;
    }
    let mut exit = Exit::DONE;
    let mut lines = Vec::new();
    for queue in &found {
        if let Outcome::Remains = recover(queue, args, &mut lines)? {
            exit = Exit::MISS;
        }
        for line in lines.drain(..) {
            writeln!(output.out, "{line}")?;
        }
    }
    Ok(exit)
}

fn recover(queue: &Found, args: &Recover, lines: &mut Vec<String>) -> Result<Outcome, Failure> {
    let survey = &queue.survey;
    let title = queue.title();
    if survey.is_led {
        if !args.queues.is_empty() {
            lines.push(format!("{title}: {} writes it", writer_of(queue)));
        }
        return Ok(Outcome::Done);
    }
    if survey.waiting() == 0 && survey.pending_journals == 0 {
        tidy(queue, args.dry_run, lines)?;
        return Ok(Outcome::Done);
    }
    let left = left_in(survey);
    let plans = match plans(queue, args)? {
        Ok(plans) => plans,
        Err(why) => {
            lines.push(format!("{title}: {left} wait, and {why}"));
            return Ok(Outcome::Remains);
        }
    };
    if args.dry_run {
        let places: Vec<String> = plans.iter().map(place_of).collect();
        lines.push(format!("{title}: {left} would be written to {}", places.join(" and ")));
        return Ok(Outcome::Done);
    }
    let notes: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = Arc::clone(&notes);
    let note = move |text: &str| locked(&noted).push(text.to_owned());
    let scribe = Scribe::start(&Place::Folder(&survey.dir), &plans, Some(Arc::new(note)))?;
    if !scribe.wait_for_lead(WAIT) {
        scribe.finish()?;
        lines.push(format!("{title}: another program has begun to write it"));
        return Ok(Outcome::Done);
    }
    let stats = scribe.finish()?;
    report(queue, &stats, &locked(&notes), lines);
    Ok(Outcome::Done)
}

fn locked(notes: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    // A list is whole, whoever panicked.
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn writer_of(queue: &Found) -> String {
    let writer = queue.writer.as_ref().filter(|writer| !writer.has_ended);
    let name = |writer: &onewriter_engine::publish::Published| {
        format!("process {} ({})", writer.process, writer.name)
    };
    writer.map_or_else(|| "another process".to_owned(), name)
}

fn left_in(survey: &Survey) -> String {
    let waiting: Vec<_> = survey.segments.iter().filter(|segment| segment.waiting > 0).collect();
    let n_dead = waiting.iter().filter(|segment| !segment.is_alive).count();
    let mut text = format!(
        "{} of {}",
        bytes(survey.waiting()),
        count_of(waiting.len(), "process", "processes")
    );
    if n_dead > 0 {
        text.push_str(&format!(", {n_dead} dead,"));
    }
    if survey.pending_journals > 0 {
        text.push_str(&format!(" and {}", count(survey.pending_journals, "unfinished write")));
    }
    text
}

/// How the queue is written: as it is asked for, or as its last writer was set up; or why not.
fn plans(queue: &Found, args: &Recover) -> Result<Result<Vec<Plan>, String>, Failure> {
    if args.file.is_some() || args.format.is_some() {
        let file = args.file.clone().or_else(|| queue.file().map(PathBuf::from));
        let of_name = || args.queues.first().map(PathBuf::from);
        let is_file = matches!(queue.survey.name, SurveyedName::File { .. });
        let file = file.or_else(|| of_name().filter(|_| is_file));
        let Some(file) = file else {
            return Err(Failure::usage("--format alone does not say where: give --file too"));
        };
        let mut raw = Raw::default();
        raw.put_flag("file", &file.to_string_lossy()).map_err(Failure::usage)?;
        if let Some(format) = &args.format {
            raw.put_flag("format", format).map_err(Failure::usage)?;
        }
        return Ok(Ok(vec![Plan::new(&raw).map_err(Failure::usage)?]));
    }
    let title = queue.title();
    let by_hand = match queue.survey.name {
        SurveyedName::File { .. } => format!("`onewriter recover {title} --format FORMAT`"),
        _ => format!("`onewriter recover {title} --file PATH --format FORMAT`"),
    };
    let start = match queue.survey.name {
        SurveyedName::Private(_) => format!("{by_hand} writes them"),
        _ => format!("start it again, or {by_hand}"),
    };
    let sinks = queue.writer.as_ref().map(|writer| &writer.settings);
    let Some(sinks) = sinks.filter(|sinks| !sinks.is_empty()) else {
        return Ok(Err(format!("nobody has ever said how they are written: {start}")));
    };
    let known: Option<Vec<&String>> = sinks.iter().map(Option::as_ref).collect();
    let Some(known) = known else {
        return Ok(Err(format!("only their program knows how they are written: {start}")));
    };
    let read =
        |settings: &&String| Raw::parse_named(settings, "settings").and_then(|raw| Plan::new(&raw));
    let plans: Result<Vec<_>, _> = known.iter().map(read).collect();
    Ok(match plans {
        Ok(plans) => Ok(plans.into_iter().map(without_start).collect()),
        Err(wrong) => Err(format!("their program's settings cannot be read ({wrong}): {start}")),
    })
}

/// What the program wants at its start, it wants at its own.
fn without_start(mut plan: Plan) -> Plan {
    if let Some(file) = &mut plan.file {
        let terms: Vec<&str> = file.rotate.split(" or ").filter(|term| *term != "start").collect();
        file.rotate = if terms.is_empty() { "never".to_owned() } else { terms.join(" or ") };
    }
    plan
}

fn place_of(plan: &Plan) -> String {
    plan.file
        .as_ref()
        .map_or_else(|| "the terminal".to_owned(), |file| file.path.display().to_string())
}

/// What was left, what became of it in each sink, and what is lost, in the words of the log.
fn report(queue: &Found, stats: &Stats, notes: &[String], lines: &mut Vec<String>) {
    let survey = &queue.survey;
    let n_processes = survey.segments.iter().filter(|segment| segment.waiting > 0).count();
    let mut line = format!(
        "{}: {} of {} left",
        queue.title(),
        count(stats.accepted as usize, "record"),
        count_of(n_processes, "process", "processes")
    );
    for (n, what) in [(stats.lost, "lost before"), (stats.unreadable, "unreadable")] {
        if n > 0 {
            line.push_str(&format!(", {} {what}", grouped(n)));
        }
    }
    lines.push(line);
    let had_begun = survey.pending_journals > 0;
    lines.extend(stats.sinks.iter().map(|sink| outcome(sink, stats.accepted, had_begun)));
    lines.extend(notes.iter().map(|note| format!("  note: {note}")));
}

/// What became of the records in this sink: the numbers add up to those that were left.
fn outcome(sink: &SinkStats, n_left: u64, had_begun: bool) -> String {
    let recovered = sink.taken.saturating_sub(sink.notices);
    let refused = n_left.saturating_sub(recovered).saturating_sub(sink.already);
    let mut line = format!("  {}: {} recovered", sink.name, grouped(recovered));
    let there = match had_begun {
        true => "already there or in the write that was begun",
        false => "already there",
    };
    let rest = [(sink.already, there), (refused, "not for it"), (sink.dropped, "dropped")];
    for (n, what) in rest.into_iter().filter(|(n, _)| *n > 0) {
        line.push_str(&format!(", {} {what}", grouped(n)));
    }
    line
}

/// Removes what is drained of the dead; and of a private queue, which nobody can find again, all.
fn tidy(queue: &Found, dry_run: bool, lines: &mut Vec<String>) -> Result<(), Failure> {
    let survey = &queue.survey;
    let n_dead = survey.segments.iter().filter(|segment| !segment.is_alive).count();
    let is_private = matches!(survey.name, SurveyedName::Private(_));
    let is_over = is_private && n_dead == survey.segments.len() && !is_mapped(&survey.dir);
    if n_dead == 0 && !is_over {
        return Ok(());
    }
    if dry_run {
        lines.push(format!("{}: empty remains would be removed", queue.title()));
        return Ok(());
    }
    let failed = |err: onewriter_ring::Error| Failure { exit: Exit::IO, message: err.to_string() };
    let opened: &'static Queue = Box::leak(Box::new(Queue::open_in(&survey.dir).map_err(failed)?));
    let Some(_lead) = opened.try_lead().map_err(failed)? else { return Ok(()) };
    let mut reader = Reader::new(opened);
    reader.begin();
    reader.remove_drained_segments();
    if is_over {
        opened.remove_if_private();
    }
    let lost = lost_by(&survey.segments);
    lines.push(format!("{}: empty remains removed{lost}", queue.title()));
    Ok(())
}

/// Which of the dead had lost records; nothing if none had. Their count goes with their segments.
fn lost_by(segments: &[SurveyedSegment]) -> String {
    let losers = segments.iter().filter(|segment| !segment.is_alive && segment.lost > 0);
    let lost = |it: &SurveyedSegment| {
        format!("{} of process {} ({})", grouped(it.lost), it.process, it.name)
    };
    let lost: Vec<String> = losers.map(lost).collect();
    match &lost[..] {
        [] => String::new(),
        lost => format!("; records had found no room: {}", lost.join(", ")),
    }
}

/// Whether a process has something of this folder in its memory: a child that was forked by who made
/// it, and has not logged yet, has no segment.
fn is_mapped(dir: &Path) -> bool {
    let dir = dir.to_string_lossy();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut maps = processes
        .filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
        .filter_map(|entry| fs::read(entry.path().join("maps")).ok());
    maps.any(|maps| memchr::memmem::find(&maps, dir.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remains_that_are_removed_say_who_had_lost_records() {
        let segment = |process, lost, is_alive| {
            let name = "shop".to_owned();
            SurveyedSegment { process, name, lost, is_alive, ..SurveyedSegment::default() }
        };
        assert_eq!(lost_by(&[segment(1, 0, false), segment(2, 9, true)]), "");
        let expected =
            "; records had found no room: 1,234 of process 3 (shop), 1 of process 4 (shop)";
        assert_eq!(lost_by(&[segment(3, 1_234, false), segment(4, 1, false)]), expected);
    }

    #[test]
    fn what_became_of_the_records_adds_up_to_those_that_were_left() {
        let mut sink = SinkStats::default();
        (sink.name, sink.taken, sink.notices) = ("file a.log".to_owned(), 1_002, 2);
        assert_eq!(outcome(&sink, 1_000, false), "  file a.log: 1,000 recovered");
        sink.already = 30;
        let expected = "  file a.log: 1,000 recovered, 30 already there, 7 not for it";
        assert_eq!(outcome(&sink, 1_037, false), expected);
        sink.dropped = 1;
        let expected = "  file a.log: 1,000 recovered, 30 already there or in the write that was \
                        begun, 1 dropped";
        assert_eq!(outcome(&sink, 1_030, true), expected);
    }
}
