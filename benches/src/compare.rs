mod child;
mod goals;
mod plan;
mod results;
mod svg;
mod table;

pub use plan::{Options, USAGE};
pub(crate) use results::Spread;

use plan::Row;
use results::Results;
use std::fs;
use std::io;
use std::path::Path;

/// Runs the rows, session after session, prints the tables and writes `report.json` and
/// `report.svg`. A goal that is missed is a result, not a failure.
pub fn run(options: &Options) -> io::Result<()> {
    fs::create_dir_all(&options.out)?;
    let mut results = Results::default();
    for session in 0..options.sessions {
        for row in options.rows().filter(|row| session == 0 || row.repeats) {
            eprintln!("session {} of {}: {}", session + 1, options.sessions, row.mode);
            measure(row, session, options, &mut results);
        }
    }
    for row in options.rows() {
        print!("{}", table::of_row(row, &results));
    }
    let goals = goals::judge(&results);
    print!("{}", table::of_goals(&goals));
    let report = results.report(&goals);
    fs::write(options.out.join("report.json"), format!("{report:#}\n"))?;
    fs::write(options.out.join("report.svg"), svg::picture(&results))?;
    println!("\n{}", options.out.join("report.json").display());
    println!("{}", options.out.join("report.svg").display());
    Ok(())
}

/// Ours, a peer, ours, a peer: so that both see the same moods of the machine.
fn measure(row: &Row, session: usize, options: &Options, results: &mut Results) {
    let ours = row.ours;
    for (k, peer) in row.peers(options.quick).into_iter().enumerate() {
        let turn = (!ours.is_empty()).then(|| ours[k % ours.len()]);
        for name in turn.into_iter().chain([peer]) {
            measure_one(row, name, session, options, results);
        }
    }
    // More rows of ours than peers: the rest comes at the end.
    for name in ours.iter().skip(row.peers(options.quick).len()) {
        measure_one(row, name, session, options, results);
    }
}

fn measure_one(row: &Row, name: &str, session: usize, options: &Options, results: &mut Results) {
    let dir = options.out.join("run");
    let outcome = fresh(&dir).map_err(|error| error.to_string()).and_then(|()| {
        child::measure(&child::Job {
            name,
            mode: row.mode,
            dir: &dir,
            amount: row.amount(options.quick),
        })
    });
    match outcome {
        Ok(value) => {
            eprintln!("  {name:<28} {}", table::in_short(row, &value));
            results.add(row.mode, name, session, value);
        }
        Err(why) => {
            eprintln!("  {name:<28} no result: {why}");
            results.fail(row.mode, name, why);
        }
    }
    let _ = fs::remove_dir_all(&dir);
}

fn fresh(dir: &Path) -> io::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)
}
