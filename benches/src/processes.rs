mod forks;
mod idle;
mod latency;
mod load;
mod report;
mod roles;
mod takeover;

pub use roles::play;

use crate::crew::Place;
use std::fs;
use std::io;
use std::path::Path;

/// Printed for `--help` and after a wrong argument.
pub const USAGE: &str = "\
usage: cargo xtask bench --processes [--quick] [--only PART]...

  --quick       small numbers, to see that it runs
  --only PART   one part; parts: latency, load, takeover, idle, forks
";

const PARTS: [&str; 5] = ["latency", "load", "takeover", "idle", "forks"];

/// What the command line asked for.
pub struct Options {
    quick: bool,
    only: Vec<String>,
}

impl Options {
    /// Reads the arguments; an error names the argument and what would be right.
    pub fn parse(args: &[String]) -> Result<Options, String> {
        let mut options = Options { quick: false, only: Vec::new() };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--only" => {
                    let name = rest.next().ok_or("--only needs a value")?;
                    if !PARTS.contains(&name.as_str()) {
                        let parts = PARTS.join(", ");
                        return Err(format!("--only {name:?} is no part; parts are {parts}"));
                    }
                    options.only.push(name.clone());
                }
                other => return Err(format!("unknown argument {other:?}")),
            }
        }
        Ok(options)
    }

    fn has(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    /// The full number, or the small one.
    fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// Measures the parts, and prints Markdown on standard output and into
/// `target/bench/processes.md`. A goal that is missed is a result, not a failure.
pub fn run(options: &Options) -> io::Result<()> {
    let out = Path::new("target/bench");
    let place = Place::new(out)?;
    let mut report = report::Report::default();
    for part in PARTS.into_iter().filter(|part| options.has(part)) {
        eprintln!("{part}");
        let measured = match part {
            "latency" => latency::measure(options, &place, &mut report),
            "load" => load::measure(options, &place, &mut report),
            "takeover" => takeover::measure(options, &place, &mut report),
            "idle" => idle::measure(options, &place, &mut report),
            _ => forks::measure(options, &place, &mut report),
        };
        if let Err(error) = measured {
            eprintln!("  no result: {error}");
            report.goal(part, "-", format!("no result: {error}"), false);
        }
    }
    let text = report.render(place.logs());
    print!("{text}");
    fs::write(out.join("processes.md"), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_arguments_are_named_with_what_would_be_right() {
        let said = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            Options::parse(&args).err().unwrap_or_default()
        };
        let parts = "--only \"speed\" is no part; parts are latency, load, takeover, idle, forks";
        assert_eq!(said(&["--only", "speed"]), parts);
        assert_eq!(said(&["--only"]), "--only needs a value");
        assert_eq!(said(&["--fast"]), "unknown argument \"--fast\"");
    }
}
