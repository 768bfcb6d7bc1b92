//! `tail`: show the lines of a log, filtered, and follow it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use jiff::Zoned;
use regex_lite::Regex;

use crate::cli::{Show, Tail};
use crate::entry::Entry;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::follow::{Follower, LINE_LIMIT};
use crate::lines::Lines;
use crate::moment;
use crate::output::{Output, Paint, escaped};
use crate::select::Select;

/// How often a followed file is looked at.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// So many lines are shown where nothing else is asked for.
const DEFAULT_LINES: usize = 10;

/// Shows the files.
pub fn run(args: &Tail, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let now = Zoned::now();
    let select = select(args, &now)?;
    let everything = !args.rotated && select.is_everything();
    let limit = args.lines.unwrap_or(if everything { DEFAULT_LINES } else { usize::MAX });
    let colour = output.colour;
    let show = args.show.unwrap_or(if colour { Show::Text } else { Show::Raw });
    let mut screen =
        Screen { select, now, show, colour, passing: false, limit, last: VecDeque::new() };
    let mut followers = Vec::new();
    let several = args.files.len() > 1;
    for path in &args.files {
        if several {
            heading(path, followers.is_empty(), output)?;
        }
        followers.push(screen.existing(path, args, output)?);
    }
    output.out.flush()?;
    if args.follow {
        screen.limit = usize::MAX;
        let mut wait = || std::thread::sleep(POLL_EVERY);
        follow(&args.files, &mut followers, &mut screen, output, &mut wait)?;
    }
    Ok(Exit::DONE)
}

fn select(args: &Tail, now: &Zoned) -> Result<Select, Failure> {
    let moment = |flag: &str, text: &Option<String>| {
        let parsed = text.as_deref().map(|text| moment::parse(text, now)).transpose();
        parsed.map_err(|err| Failure::usage(format!("{flag}: {err}")))
    };
    let regex = args.grep.as_deref().map(Regex::new).transpose();
    Ok(Select {
        level: args.level,
        targets: args.target.clone(),
        fields: args.field.clone(),
        since: moment("--since", &args.since)?,
        until: moment("--until", &args.until)?,
        grep: regex.map_err(|err| Failure::usage(format!("--grep: {err}")))?,
    })
}

/// Looks at all files again and again, with a pause in between; ends with the first error, or when
/// the reader goes away.
fn follow(
    paths: &[std::path::PathBuf],
    followers: &mut [Follower],
    screen: &mut Screen,
    output: &mut Output<'_>,
    wait: &mut dyn FnMut(),
) -> Result<(), Failure> {
    let mut shown = followers.len() - 1;
    loop {
        wait();
        for (idx, follower) in followers.iter_mut().enumerate() {
            follower.poll(&mut |line| {
                let Some(text) = screen.line(line) else { return Ok(()) };
                if shown != idx {
                    heading(&paths[idx], false, output)?;
                    shown = idx;
                }
                output.out.write_all(text.as_bytes())?;
                Ok(())
            })?;
        }
        output.out.flush()?;
    }
}

fn heading(path: &Path, first: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    let gap = if first { "" } else { "\n" };
    writeln!(output.out, "{gap}==> {} <==", path.display())?;
    Ok(())
}

/// What is shown, and how.
struct Screen {
    select: Select,
    now: Zoned,
    show: Show,
    colour: bool,
    /// Whether the record that the next line may continue is shown.
    passing: bool,
    limit: usize,
    last: VecDeque<String>,
}

impl Screen {
    /// Shows what is there already.
    fn existing(
        &mut self,
        path: &Path,
        args: &Tail,
        output: &mut Output<'_>,
    ) -> Result<Follower, Failure> {
        self.passing = self.select.is_everything();
        if args.rotated {
            for rotated in files::rotated_set(path)? {
                if rotated != path {
                    self.whole(&rotated, output)?;
                }
            }
        }
        let mut follower = Follower::new(path);
        if !args.follow {
            self.whole(path, output)?;
        } else if path.exists() {
            follower.poll(&mut |line| self.keep(line, output))?;
        } else {
            writeln!(output.err, "onewriter: waiting for {}", path.display())?;
        }
        for line in self.last.drain(..) {
            output.out.write_all(line.as_bytes())?;
        }
        Ok(follower)
    }

    fn whole(&mut self, path: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
        let mut lines = Lines::new(files::open(path)?, LINE_LIMIT);
        let failed = |err| Failure::io("cannot read", path, &err);
        while let Some((line, _)) = lines.next().map_err(failed)? {
            self.keep(line, output)?;
        }
        Ok(())
    }

    /// Holds the line back until it is known to be among the last ones; without a limit, shows it.
    fn keep(&mut self, line: &[u8], output: &mut Output<'_>) -> Result<(), Failure> {
        let Some(text) = self.line(line) else { return Ok(()) };
        if self.limit == usize::MAX {
            output.out.write_all(text.as_bytes())?;
            return Ok(());
        }
        self.last.push_back(text);
        if self.last.len() > self.limit {
            self.last.pop_front();
        }
        Ok(())
    }

    /// The line as it is shown, with its newline; `None` if it does not pass.
    fn line(&mut self, line: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(line);
        let entry = Entry::parse(&text);
        if let Some(entry) = &entry {
            self.passing = self.select.admits(&text, entry, &self.now);
        }
        if !self.passing {
            return None;
        }
        let level = entry.as_ref().and_then(|entry| entry.level);
        let shown = match &entry {
            Some(entry) if self.show == Show::Text && text.starts_with('{') => {
                readable(entry).into()
            }
            _ => Cow::Borrowed(text.as_ref()),
        };
        let shown = if self.colour { escaped(&shown) } else { shown };
        Some(format!("{}\n", Paint::of(level).text(&shown, self.colour)))
    }
}

/// A JSON record as the text formatter would have written it.
fn readable(entry: &Entry<'_>) -> String {
    let mut line = String::new();
    let level = entry.level.map(|level| format!("{level:<5}"));
    let thread = entry.field("thread").filter(|name| !name.is_empty()).or(entry.field("thread_id"));
    let thread = thread.map(|thread| format!("[{thread}]"));
    let target = entry.target.as_ref().map(|target| format!("{target}:"));
    let (time, message) = (entry.time.as_deref(), entry.message.as_deref());
    let head = [time, level.as_deref(), thread.as_deref(), target.as_deref(), message];
    for part in head.into_iter().flatten() {
        line.push_str(part);
        line.push(' ');
    }
    for (name, value) in &entry.fields {
        if matches!(name.as_ref(), "thread" | "thread_id" | "process" | "process_id") {
            continue;
        }
        let bare = !value.is_empty() && !value.contains([' ', '"', '=']);
        let pair = if bare { format!("{name}={value} ") } else { format!("{name}={value:?} ") };
        line.push_str(&pair);
    }
    line.truncate(line.trim_end().len());
    escaped(&line).into_owned()
}
