//! Queues as lines for a terminal.

use super::view::{Process, Sink, View};
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

/// All queues.
pub fn lines(views: &[View], width: usize, colour: bool) -> Vec<String> {
    if views.is_empty() {
        return vec!["no queues: nobody of this user logs".to_owned()];
    }
    let mut lines = Vec::new();
    for view in views {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        queue(view, width, colour, &mut lines);
    }
    lines
}

fn queue(view: &View, width: usize, colour: bool, lines: &mut Vec<String>) {
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
            sink(it, width, colour, lines);
        }
    }
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

fn sink(sink: &Sink, width: usize, colour: bool, lines: &mut Vec<String>) {
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
        lines.push(Paint::Red.text(&cut(&text, width), colour).into_owned());
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

fn cut(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
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
    use crate::commands::stat::view::Writer;

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
                last_error: Some("cannot write:\x1b[2J".to_owned()),
                settings: None,
            }],
        }
    }

    #[test]
    fn a_queue_is_readable_at_80_columns() {
        let lines = lines(&[view()], 80, false);
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
        let lines = lines(&[view], 80, false);
        assert_eq!(lines[5], "  1 dead, with nothing left");
        assert_eq!(lines.len(), 9);
    }

    #[test]
    fn a_queue_without_a_writer_says_so() {
        let lines = lines(
            &[View { writer: None, is_led: false, pending_writes: 1, sinks: Vec::new(), ..view() }],
            80,
            false,
        );
        assert_eq!(lines[1], "  nobody writes: what is put waits");
        assert!(lines[2].ends_with(", a write was begun and not finished"), "{}", lines[2]);
    }

    #[test]
    fn no_queue_at_all_is_said_and_the_head_counts() {
        assert_eq!(lines(&[], 80, false), ["no queues: nobody of this user logs"]);
        assert_eq!(head(&[view()], "08:05:09", 40), "1 queue, 2 processes            08:05:09");
    }
}
