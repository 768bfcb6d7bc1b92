//! What the Markdown reports share.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The lock file that these programs were built with.
const LOCK: &str = include_str!("../../Cargo.lock");

/// A Markdown table; the first line is its head.
pub fn table(lines: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (k, line) in lines.iter().enumerate() {
        text.push_str(&format!("| {} |\n", line.join(" | ")));
        if k == 0 {
            text.push_str(&format!("|{}\n", " --- |".repeat(line.len())));
        }
    }
    text
}

/// One line of a table.
pub fn line<T: ToString>(cells: impl IntoIterator<Item = T>) -> Vec<String> {
    cells.into_iter().map(|cell| cell.to_string()).collect()
}

/// Processor, kernel, file system, compiler and day, in one sentence.
pub fn machine(logs: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown processor");
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{cpus} processors ({model}), Linux {}, logs on {}, {}, {}; load average {load}.",
        kernel.trim(),
        file_system(logs),
        said_by("rustc", &["--version"]),
        today(),
    )
}

/// The kind of file system that holds this folder.
fn file_system(folder: &Path) -> String {
    let folder = folder.display().to_string();
    said_by("stat", &["--file-system", "--format=%T", &folder])
}

fn said_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| format!("unknown ({program})"))
}

/// The day in UTC, as `2026-11-21`.
fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    day(now.as_secs() / 86_400)
}

/// Days since 1970 as a date, by Howard Hinnant's `civil_from_days`: years begin in March.
fn day(since_1970: u64) -> String {
    let days = since_1970 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + later)
}

/// The version of a crate in the lock file.
pub fn version(krate: &str) -> &'static str {
    let at = format!("name = \"{krate}\"\nversion = \"");
    let rest = LOCK.split_once(&at).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default()
}

/// `20000` as `20,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates_in_leap_years_too() {
        let dates = [0, 11_016, 20_453, 20_777].map(day);
        assert_eq!(dates, ["1970-01-01", "2000-02-29", "2025-12-31", "2026-11-20"]);
    }

    #[test]
    fn versions_are_those_of_the_lock_file() {
        assert_eq!(version("onewriter"), env!("CARGO_PKG_VERSION").replace("0.0.0", "0.1.0"));
        assert_eq!(version("no-such-crate"), "");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [0, 999, 1_000, 200_000, 1_234_567].map(grouped).join(" "),
            "0 999 1,000 200,000 1,234,567"
        );
    }

    #[test]
    fn a_table_has_a_rule_under_its_head() {
        let lines = [line(["a", "b"]), line([1, 2])];
        assert_eq!(table(&lines), "| a | b |\n| --- | --- |\n| 1 | 2 |\n");
    }
}
