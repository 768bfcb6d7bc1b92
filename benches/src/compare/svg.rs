//! The picture: latency curves on a log scale, throughput bars. Written by hand; no plotting crate.

use super::results::Results;
use crate::latency::POINTS;
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 210.0;
const INK: &str = "#1f2430";
const FAINT: &str = "#d9dce3";
const MEASURE: &str = "#d9480f";
const OURS: [&str; 5] = ["#0b5fff", "#00a3a3", "#7a3ff2", "#c2187a", "#0b5fff"];
const THEIRS: [&str; 8] =
    ["#8a6d00", "#9a4b00", "#6b7280", "#a0522d", "#5b6b3a", "#94626a", "#70757f", "#7d5a8a"];

/// The whole picture.
pub fn picture(results: &Results) -> String {
    let mut body = String::new();
    let mut y = 20.0;
    y = latency(results, y, &mut body);
    for (mode, title) in [
        ("throughput-1", "Million lines per second until all is on file, one producer"),
        ("throughput-2", "The same, two producers"),
    ] {
        y = bars(results, (mode, title), y, &mut body);
    }
    y = limits(results, y, &mut body);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" \
         height=\"{y}\" font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" \
         font-size=\"13\" fill=\"{INK}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         {body}</svg>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn heading(text: &str, y: f64, body: &mut String) {
    let text = escaped(text);
    let _ = writeln!(
        body,
        "<text x=\"20\" y=\"{y}\" font-size=\"17\" font-weight=\"600\">{text}</text>"
    );
}

fn is_ours(name: &str) -> bool {
    name.starts_with("onewriter")
}

/// A colour for each name: strong ones for ours and for whom the goals are held against, quiet ones
/// for the others.
fn colours(names: &[String]) -> Vec<&'static str> {
    let (mut ours, mut theirs) = (OURS.iter().cycle(), THEIRS.iter().cycle());
    let mut next = |name: &String| match name.as_str() {
        "tracing-appender/lossy" => Some(&MEASURE),
        name if is_ours(name) => ours.next(),
        _ => theirs.next(),
    };
    names.iter().map(|name| next(name).copied().unwrap_or(INK)).collect()
}

/// Where a latency chart stands and what its axis spans.
struct Frame {
    top: f64,
    height: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn x(&self, point: usize) -> f64 {
        let steps = (POINTS.len() - 1) as f64;
        LEFT + (WIDTH - LEFT - RIGHT) * point as f64 / steps
    }

    fn y(&self, ns: f64) -> f64 {
        let share = (ns.max(self.low) / self.low).ln() / (self.high / self.low).ln();
        self.top + self.height * (1.0 - share)
    }
}

fn latency(results: &Results, y: f64, body: &mut String) -> f64 {
    let mut names: Vec<String> = results.names("latency").into_iter().map(str::to_owned).collect();
    names.retain(|name| name != "nothing");
    if names.is_empty() {
        return y;
    }
    heading("Nanoseconds for a call, each call timed (log scale)", y + 16.0, body);
    let note = "batches of 20 calls, 2 ms apart; the two clock reads around each call are in it";
    let _ = writeln!(body, "<text x=\"20\" y=\"{}\" fill=\"#5b6270\">{note}</text>", y + 36.0);
    let worst = names.iter().filter_map(|name| results.median("latency", name, "/each/max"));
    let high = worst.fold(100_000.0, f64::max) * 1.2;
    let frame = Frame { top: y + 56.0, height: 430.0, low: 10.0, high };
    grid(&frame, body);
    let colours = colours(&names);
    let mut labels = Vec::new();
    for (name, colour) in names.iter().zip(colours) {
        if let Some(end) = curve(results, name, (&frame, colour), body) {
            labels.push((end, name.clone(), colour));
        }
    }
    label_ends(&frame, labels, body);
    frame.top + frame.height + 60.0
}

fn grid(frame: &Frame, body: &mut String) {
    let (left, right) = (frame.x(0), frame.x(POINTS.len() - 1));
    for (ns, label) in [
        (10.0, "10 ns"),
        (100.0, "100 ns"),
        (1_000.0, "1 \u{b5}s"),
        (10_000.0, "10 \u{b5}s"),
        (100_000.0, "100 \u{b5}s"),
        (1_000_000.0, "1 ms"),
        (10_000_000.0, "10 ms"),
    ] {
        if ns > frame.high {
            continue;
        }
        let y = frame.y(ns);
        let _ = writeln!(body, "<path d=\"M{left} {y}H{right}\" stroke=\"{FAINT}\"/>");
        let (x, y) = (left - 8.0, y + 4.0);
        let _ = writeln!(body, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{label}</text>");
    }
    for (k, (name, _)) in POINTS.iter().enumerate() {
        let (x, y) = (frame.x(k), frame.top + frame.height + 20.0);
        let _ = writeln!(body, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{name}</text>");
    }
}

/// Draws one peer's curve; returns the height at which it ends.
fn curve(results: &Results, name: &str, how: (&Frame, &str), body: &mut String) -> Option<f64> {
    let (frame, colour) = how;
    let mut path = String::new();
    let mut end = None;
    for (k, (point, _)) in POINTS.iter().enumerate() {
        let ns = results.median("latency", name, &format!("/each/{point}"))?;
        let (x, y) = (frame.x(k), frame.y(ns));
        let _ = write!(path, "{}{x:.1} {y:.1}", if k == 0 { "M" } else { "L" });
        end = Some(y);
    }
    let (width, opacity) = if is_ours(name) { (3.0, 1.0) } else { (1.5, 0.85) };
    let _ = writeln!(
        body,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" \
         stroke-opacity=\"{opacity}\" stroke-linejoin=\"round\"/>"
    );
    end
}

/// Names beside the ends of their curves, moved apart where they would cover each other.
fn label_ends(frame: &Frame, mut labels: Vec<(f64, String, &str)>, body: &mut String) {
    const APART: f64 = 16.0;
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lowest = frame.top + frame.height;
    let needed = APART * labels.len() as f64;
    let mut y = f64::MIN;
    let mut places: Vec<f64> = labels.iter().map(|label| label.0).collect();
    for place in &mut places {
        y = place.max(y + APART);
        *place = y;
    }
    let over = (y - lowest).max(0.0).min(needed);
    let x = frame.x(POINTS.len() - 1);
    for (place, (end, name, colour)) in places.iter().zip(&labels) {
        let at = place - over;
        let weight = if is_ours(name) { 700 } else { 400 };
        let _ = writeln!(
            body,
            "<path d=\"M{x} {end:.1}L{} {at:.1}\" stroke=\"{colour}\" stroke-opacity=\"0.5\"/>\
             <text x=\"{}\" y=\"{:.1}\" fill=\"{colour}\" font-weight=\"{weight}\">{}</text>",
            x + 14.0,
            x + 18.0,
            at + 4.0,
            escaped(name)
        );
    }
}

fn bars(results: &Results, row: (&str, &str), y: f64, body: &mut String) -> f64 {
    const BAR: f64 = 20.0;
    const NAMES: f64 = 190.0;
    let (mode, title) = row;
    let speed = |name: &str| results.median(mode, name, "/lines_per_s").unwrap_or(0.0) / 1e6;
    let mut names: Vec<String> = results.names(mode).into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        return y;
    }
    names.sort_by(|a, b| speed(b).total_cmp(&speed(a)));
    heading(title, y + 16.0, body);
    let most = speed(&names[0]).max(0.1);
    let mut at = y + 34.0;
    for name in &names {
        let width = (WIDTH - NAMES - 190.0) * speed(name) / most;
        let colour = match name.as_str() {
            "tracing-appender/block" => MEASURE,
            name if is_ours(name) => OURS[0],
            _ => "#a9b0bd",
        };
        let weight = if is_ours(name) { 700 } else { 400 };
        let text = at + 14.0;
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\" font-weight=\"{weight}\">{}</text>\
             <rect x=\"{NAMES}\" y=\"{at}\" width=\"{width:.1}\" height=\"{}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{text}\">{}</text>",
            NAMES - 8.0,
            escaped(name),
            BAR - 4.0,
            NAMES + width + 6.0,
            bar_label(results, mode, name)
        );
        at += BAR;
    }
    at + 30.0
}

/// What no logger can beat on this machine, in one line.
fn limits(results: &Results, y: f64, body: &mut String) -> f64 {
    let number = |name| results.median("limits", "limits", &format!("/{name}"));
    let Some((rdtscp, gettime)) = number("rdtscp_ns").zip(number("clock_gettime_ns")) else {
        return y;
    };
    let copy = number("ring_64_bytes_ns").unwrap_or(0.0);
    let write = number("write_64_kib_mb_s").unwrap_or(0.0);
    let _ = writeln!(
        body,
        "<text x=\"20\" y=\"{}\" fill=\"#5b6270\">limits here: rdtscp {rdtscp:.1} ns, clock_gettime \
         {gettime:.1} ns, 64 bytes into a ring {copy:.1} ns, write in 64 KiB pieces {write:.0} MB/s\
         </text>",
        y + 4.0
    );
    y + 24.0
}

/// The number, its range, and what was lost.
fn bar_label(results: &Results, mode: &str, name: &str) -> String {
    let Some(spread) = results.spread(mode, name, "/lines_per_s") else { return String::new() };
    let mut text = format!("{:.2}", spread.median / 1e6);
    if spread.max > spread.min {
        let _ = write!(text, " ({:.2}..{:.2})", spread.min / 1e6, spread.max / 1e6);
    }
    let offered = results.median(mode, name, "/offered").unwrap_or(0.0);
    let lost = super::goals::lost(results, mode, name).unwrap_or(0.0);
    if lost > 0.0 {
        let _ = write!(text, ", {:.0} % lost", 100.0 * lost / offered);
    }
    text
}
