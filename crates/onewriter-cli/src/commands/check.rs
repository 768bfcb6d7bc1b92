//! `check`: prove a log complete, in order and whole.

use std::path::{Path, PathBuf};

use crate::cli::Check;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::{Output, Paint};
use crate::tally::{Expect, Tally, Verdict};

/// Counts the lines of all files, and says what is wrong with them.
pub fn run(args: Check, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let files = log_files(&args.paths, args.alone)?;
    let mut tally = Tally::new(Expect {
        producer_field: args.producer,
        seq_field: args.seq,
        ticket_field: args.ticket,
        first: args.first,
        last: args.last,
        producers: args.producers,
        strict_time: args.strict_time,
        ..Expect::default()
    });
    let mut rows = Vec::new();
    for file in &files {
        let before = tally.lines();
        read(&mut tally, file)?;
        rows.push((file.display().to_string(), tally.lines() - before));
    }
    let verdict = tally.finish();
    if verdict.records == 0 {
        return Err(Failure::usage(nothing_to_count(&verdict, &files)));
    }
    if args.json {
        serde_json::to_writer(&mut *output.out, &verdict).map_err(std::io::Error::from)?;
        writeln!(output.out)?;
    } else {
        print(&rows, &verdict, output)?;
    }
    Ok(if verdict.is_clean() { Exit::DONE } else { Exit::MISS })
}

/// Counts the lines of one file.
pub fn read(tally: &mut Tally, file: &Path) -> Result<(), Failure> {
    let name = file.display().to_string();
    tally.read(&name, files::open(file)?).map_err(|err| Failure::io("cannot read", file, &err))
}

fn log_files(paths: &[PathBuf], alone: bool) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        let found = if path.is_dir() {
            files::in_directory(path)?
        } else if alone || !path.exists() {
            vec![path.clone()]
        } else {
            files::rotated_set(path)?
        };
        if found.is_empty() {
            return Err(Failure::usage(format!("no files in the directory {}", path.display())));
        }
        all.extend(found);
    }
    Ok(all)
}

fn nothing_to_count(verdict: &Verdict, files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    format!(
        "no line of {} has a sequence number ({} lines read): name its field with --seq, and the \
         producer's with --producer; a number that a message names, as in info!(\"{{n}}\", n = n), is \
         no field, that of info!(\"{{}}\", n, n = n) is one",
        names.join(", "),
        verdict.lines
    )
}

fn print(
    rows: &[(String, u64)],
    verdict: &Verdict,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(4);
    writeln!(output.out, "{:<width$}  {:>12}", "file", "lines")?;
    for (name, lines) in rows {
        writeln!(output.out, "{name:<width$}  {:>12}", grouped(*lines))?;
    }
    writeln!(output.out)?;
    print_counts(verdict, output)?;
    for finding in &verdict.findings {
        writeln!(output.out, "  {finding}")?;
    }
    let sentence = sentence(verdict);
    let paint = if verdict.is_clean() { Paint::Green } else { Paint::Red };
    writeln!(output.out, "\n{}", paint.text(&sentence, output.colour))?;
    Ok(())
}

fn print_counts(verdict: &Verdict, output: &mut Output<'_>) -> Result<(), Failure> {
    let facts = [
        ("records", verdict.records),
        ("producers", verdict.producers),
        ("other lines", verdict.others),
    ];
    for (name, count) in facts {
        writeln!(output.out, "{name:<12} {:>14}", grouped(count))?;
    }
    if !verdict.strict_time {
        writeln!(output.out, "{:<12} {:>14}", "backwards", grouped(verdict.backwards))?;
    }
    for (name, count) in misses(verdict) {
        let paint = if count == 0 { Paint::Green } else { Paint::Red };
        let count = format!("{:>14}", grouped(count));
        writeln!(output.out, "{name:<12} {}", paint.text(&count, output.colour))?;
    }
    Ok(())
}

fn misses(verdict: &Verdict) -> impl Iterator<Item = (&'static str, u64)> {
    let backwards = verdict.strict_time.then_some(("backwards", verdict.backwards));
    let always = [
        ("lost", verdict.lost),
        ("doubled", verdict.doubled),
        ("torn", verdict.torn),
        ("misordered", verdict.misordered),
        ("overtaken", verdict.overtaken),
    ];
    always.into_iter().chain(backwards)
}

fn sentence(verdict: &Verdict) -> String {
    if verdict.is_clean() {
        return format!(
            "All {} records are there, once, whole and in order.",
            grouped(verdict.records)
        );
    }
    let wrong: Vec<String> = misses(verdict)
        .filter(|&(_, count)| count > 0)
        .map(|(name, count)| format!("{} {name}", grouped(count)))
        .collect();
    format!("Not clean: {}.", wrong.join(", "))
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
