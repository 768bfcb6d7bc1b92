//! The first put of a forked child, which attaches it.

use super::Options;
use super::report::{Report, Samples};
use crate::crew::{Place, Worker};
use std::io;

const NAME: &str = "onewriter/strict";

/// Children one after the other, their parent is the writer.
pub fn measure(options: &Options, place: &Place, report: &mut Report) -> io::Result<()> {
    let dir = place.fresh()?.display().to_string();
    let mut parent = Worker::ready(place, &["crew", NAME, &dir, ""])?;
    let answer = parent.ask(&format!("forks {}", options.pick(300, 40)))?;
    let numbers: Result<Vec<f64>, _> = answer.split(' ').map(str::parse).collect();
    let numbers = numbers.map_err(|_| io::Error::other(answer.clone()))?;
    let every = |first: usize, unit: f64| {
        let numbers = numbers.iter().skip(first).step_by(2).map(|ns| ns / unit);
        Samples::new(numbers.collect())
    };
    let first = every(0, 1e6);
    let what = "first put in a forked child, until it returns";
    report.goal(what, "under 1 ms", first.shown("ms", 3), first.at(0.99) < 1.0);
    let what = "second put in a forked child";
    report.fact(what, every(1, 1e3).shown("us", 2));
    Ok(())
}
