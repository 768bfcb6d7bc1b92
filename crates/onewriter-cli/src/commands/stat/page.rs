//! Queues as lines for a terminal.

use super::view::{Process, Sink, View, Writer};
use crate::commands::check::grouped;
use crate::output::{Paint, escaped};

/// The line above a page that changes.
pub fn head(views: &[View], now: &str, width: usize) -> String {
    let n_processes: usize = views.iter().map(|view| view.processes.len()).sum();
    let left = format!(
        "{}, {}",
        count(views.len(), "queue"),
        count_of(n_processes, "process", "processes")
    );
    spread(&left, now, width)
}

/// How lines are made.
pub struct Look {
    /// In how many columns.
    pub width: usize,
    /// Whether an error is cut where the line ends.
    pub cuts_errors: bool,
    /// Whether in colours.
    pub colour: bool,
}

/// All queues, and in one line those private ones of programs that have ended.
pub fn lines(views: &[View], over: &[View], look: &Look) -> Vec<String> {
    let mut lines = Vec::new();
    if views.is_empty() {
        lines.push("no queues: nobody of this user logs".to_owned());
    }
    for view in views {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        queue(view, look, &mut lines);
    }
    if !over.is_empty() {
        lines.push(ended(over));
    }
    lines
}

fn ended(over: &[View]) -> String {
    let what = match over.len() {
        1 => "1 private queue of a program".to_owned(),
        n => format!("{} private queues of programs", grouped(n as u64)),
    };
    let left = match over.iter().map(|view| view.waiting_bytes).sum() {
        0 => String::new(),
        left => format!(", {} left in them", bytes(left)),
    };
    format!("and {what} that ended{left}")
}

fn queue(view: &View, look: &Look, lines: &mut Vec<String>) {
    let Look { width, colour, .. } = *look;
    let rate = view
        .rate
        .map_or(String::new(), |rate| format!("{} records/s", grouped(rate.round() as u64)));
    lines.push(spread(&shortened(&view.queue, width.saturating_sub(rate.len() + 2)), &rate, width));
    lines.push(match (&view.writer, view.is_led) {
        (Some(writer), _) => format!(
            "  writer {} ({}) for {}, take-overs {}",
            writer.process,
            shortened(&writer.name, 20),
            age(writer.age_seconds),
            grouped(view.takeovers)
        ),
        (None, true) => "  a writer that has not said who it is".to_owned(),
        (None, false) => {
            Paint::Yellow.text("  nobody writes: what is put waits", colour).into_owned()
        }
    });
    lines.extend(view.writer.as_ref().and_then(|writer| no_beat(writer, colour)));
    let lost = format!("lost {}", grouped(view.lost));
    let lost = if view.lost > 0 { Paint::Red.text(&lost, colour).into_owned() } else { lost };
    let mut facts = format!(
        "  written {}, waiting {}, {lost}",
        grouped(view.written),
        bytes(view.waiting_bytes)
    );
    if view.oldest_seconds >= 0.001 {
        facts.push_str(&format!(", oldest {:.3} s", view.oldest_seconds));
    }
    if view.pending_writes > 0 && !view.is_led {
        facts.push_str(", a write was begun and not finished");
    }
    lines.push(facts);
    if !view.processes.is_empty() {
        lines.push(format!(
            "  {:>8}  {:<20}  {:<9}  {:>5}  {:>10}  {:>10}",
            "process", "name", "role", "rings", "waiting", "lost"
        ));
        let is_over = |it: &&Process| it.role == "dead" && it.waiting_bytes == 0 && it.lost == 0;
        let shown = view.processes.iter().filter(|it| !is_over(it));
        lines.extend(shown.map(|it| process(it, colour)));
        match view.processes.iter().filter(is_over).count() {
            0 => {}
            n => lines.push(format!("  {} dead, with nothing left", grouped(n as u64))),
        }
    }
    if !view.sinks.is_empty() {
        lines.push(format!(
            "  {:<30}  {:>13}  {:>8}  {:>10}  {:>6}",
            "sink", "taken", "dropped", "pending", "errors"
        ));
        for it in &view.sinks {
            sink(it, look, lines);
        }
    }
}

/// What is wrong with a writer that does not go on.
fn no_beat(writer: &Writer, colour: bool) -> Option<String> {
    let state = match writer.state {
        "writing" => return None,
        "stopped" => "stopped (SIGSTOP, or a debugger)",
        state => state,
    };
    let text = format!("  the writer is {state}: no sign of life for {:.1} s", writer.beat_seconds);
    Some(Paint::Red.text(&text, colour).into_owned())
}

fn process(process: &Process, colour: bool) -> String {
    let role = format!("{:<9}", process.role);
    let paint = match process.role {
        "dead" => Paint::Yellow,
        "writer" => Paint::Green,
        _ => Paint::Plain,
    };
    format!(
        "  {:>8}  {:<20}  {}  {:>5}  {:>10}  {:>10}",
        process.process,
        shortened(&process.name, 20),
        paint.text(&role, colour),
        process.rings,
        bytes(process.waiting_bytes),
        grouped(process.lost)
    )
}

fn sink(sink: &Sink, look: &Look, lines: &mut Vec<String>) {
    lines.push(format!(
        "  {:<30}  {:>13}  {:>8}  {:>10}  {:>6}",
        shortened(&sink.name, 30),
        grouped(sink.taken),
        grouped(sink.dropped),
        bytes(sink.pending_bytes),
        grouped(sink.errors)
    ));
    if let Some(error) = &sink.last_error {
        let text = format!("    last error: {}", escaped(error));
        let text = if look.cuts_errors { cut(&text, look.width) } else { text };
        lines.push(Paint::Red.text(&text, look.colour).into_owned());
    }
}

/// `1 queue`, `2 queues`.
pub fn count(n: usize, one: &str) -> String {
    count_of(n, one, &format!("{one}s"))
}

/// `1 process`, `2 processes`.
pub fn count_of(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n as u64), if n == 1 { one } else { many })
}

fn spread(left: &str, right: &str, width: usize) -> String {
    if right.is_empty() {
        return left.to_owned();
    }
    let gap = width.saturating_sub(left.chars().count() + right.chars().count()).max(2);
    format!("{left}{:gap$}{right}", "")
}

/// The end of a text is what tells paths apart.
fn shortened(text: &str, width: usize) -> String {
    let text = escaped(text);
    let n_chars = text.chars().count();
    if n_chars <= width {
        return text.into_owned();
    }
    let end: String = text.chars().skip(n_chars + 3 - width.max(4)).collect();
    format!("...{end}")
}

/// The words that fit, and three points where there are more.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    // With the character behind it, which tells whether the last word is whole.
    let fits: String = text.chars().take(width.saturating_sub(2)).collect();
    let words = fits.rsplit_once(' ').map_or("", |(words, _)| words.trim_end());
    format!("{words}...")
}

/// `0 B`, `12.3 KB`, `4.5 MB`.
pub fn bytes(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { width: 80, cuts_errors: true, colour: false };

    fn view() -> View {
        let process = |process, role, waiting_bytes| Process {
            process,
            name: "shop".to_owned(),
            role,
            rings: 5,
            waiting_bytes,
            lost: 0,
            side_files: 0,
            memory_bytes: 0,
        };
        View {
            queue: "/var/log/shop.log".to_owned(),
            kind: "file",
            folder: "/dev/shm/onewriter-0/f-1-2-shop.log".to_owned(),
            writer: Some(Writer {
                process: 4711,
                name: "shop".to_owned(),
                since: "2026-11-21T08:05:09Z".to_owned(),
                age_seconds: 150,
                state: "writing",
                beat_seconds: 0.1,
            }),
            is_led: true,
            accepted: 1_234_567,
            written: 1_234_567,
            lost: 3,
            rate: Some(12_345.4),
            waiting_bytes: 1_200_000,
            oldest_seconds: 0.25,
            takeovers: 2,
            pending_writes: 0,
            processes: vec![process(4711, "writer", 0), process(4712, "dead", 1_200_000)],
            sinks: vec![Sink {
                name: format!("file /var/log/{}shop.log", "deep/".repeat(9)),
                taken: 1_234_567,
                rate: Some(12_345.4),
                dropped: 0,
                errors: 1,
                pending_bytes: 999,
                rotations: 0,
                last_error: Some("cannot write:\x1b[2J".to_owned()),
                settings: None,
            }],
        }
    }

    #[test]
    fn a_queue_is_readable_at_80_columns() {
        let lines = lines(&[view()], &[], &LOOK);
        let expected = "\
/var/log/shop.log                                               12,345 records/s
  writer 4711 (shop) for 2 min, take-overs 2
  written 1,234,567, waiting 1.2 MB, lost 3, oldest 0.250 s
   process  name                  role       rings     waiting        lost
      4711  shop                  writer         5         0 B           0
      4712  shop                  dead           5      1.2 MB           0
  sink                                    taken   dropped     pending  errors
  ...eep/deep/deep/deep/shop.log      1,234,567         0       999 B       1
    last error: cannot write:\\u{1b}[2J
";
        assert_eq!(lines.join("\n") + "\n", expected);
        assert!(lines.iter().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn the_dead_that_have_left_nothing_are_one_line() {
        let mut view = view();
        view.processes[1].waiting_bytes = 0;
        let lines = lines(&[view], &[], &LOOK);
        assert_eq!(lines[5], "  1 dead, with nothing left");
        assert_eq!(lines.len(), 9);
    }

    #[test]
    fn a_writer_that_does_not_go_on_is_marked() {
        let mut view = view();
        let mut line = |state| {
            let writer = view.writer.as_mut().unwrap();
            (writer.state, writer.beat_seconds) = (state, 3.21);
            lines(&[view.clone()], &[], &LOOK)[2].clone()
        };
        let stopped = "  the writer is stopped (SIGSTOP, or a debugger): no sign of life for 3.2 s";
        assert_eq!(line("stopped"), stopped);
        assert_eq!(line("stuck"), "  the writer is stuck: no sign of life for 3.2 s");
        assert!(line("writing").starts_with("  written "));
    }

    #[test]
    fn an_error_is_cut_behind_a_whole_word_and_only_on_a_page_that_changes() {
        let error = "cannot write to the log file /var/log/shop.log: No space left on device";
        let mut view = view();
        view.sinks[0].last_error = Some(error.to_owned());
        let last = |look: &Look| lines(&[view.clone()], &[], look).pop().unwrap();
        let whole = format!("    last error: {error}");
        let cut =
            "    last error: cannot write to the log file /var/log/shop.log: No space left...";
        assert_eq!((last(&LOOK).as_str(), cut.len()), (cut, 80));
        let narrower = Look { width: 79, ..LOOK };
        assert_eq!(last(&narrower), cut.replace(" left", ""));
        let wide = Look { width: whole.len(), ..LOOK };
        assert_eq!(last(&wide), whole);
        assert_eq!(last(&Look { cuts_errors: false, ..LOOK }), whole);
    }

    #[test]
    fn private_queues_of_programs_that_ended_are_one_line() {
        let empty = View { waiting_bytes: 0, ..view() };
        let last = |over: &[View]| lines(&[view()], over, &LOOK).pop().unwrap();
        assert_eq!(
            last(std::slice::from_ref(&empty)),
            "and 1 private queue of a program that ended"
        );
        let over = [view(), empty];
        let expected = "and 2 private queues of programs that ended, 1.2 MB left in them";
        assert_eq!(last(&over), expected);
        let none = lines(&[], &over, &LOOK);
        assert_eq!(none, ["no queues: nobody of this user logs", expected]);
    }

    #[test]
    fn a_queue_without_a_writer_says_so() {
        let lines = lines(
            &[View { writer: None, is_led: false, pending_writes: 1, sinks: Vec::new(), ..view() }],
            &[],
            &LOOK,
        );
        assert_eq!(lines[1], "  nobody writes: what is put waits");
        assert!(lines[2].ends_with(", a write was begun and not finished"), "{}", lines[2]);
    }

    #[test]
    fn no_queue_at_all_is_said_and_the_head_counts() {
        assert_eq!(lines(&[], &[], &LOOK), ["no queues: nobody of this user logs"]);
        assert_eq!(head(&[view()], "08:05:09", 40), "1 queue, 2 processes            08:05:09");
    }
}
