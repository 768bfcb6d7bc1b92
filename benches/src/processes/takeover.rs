//! The writer is killed, and another process writes on.

use super::Options;
use super::report::{Report, Samples};
use super::roles::SOUGHT;
use crate::crew::{Place, Worker};
use crate::peer::FILE;
use crate::report::grouped;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

const NAME: &str = "onewriter/strict";
/// Between a start and the next kill: both processes have come to rest.
const REST: Duration = Duration::from_millis(20);
/// A take-over that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Kills a writer that rests, and one that logs as fast as it can.
pub fn measure(options: &Options, place: &Place, report: &mut Report) -> io::Result<()> {
    let kills = options.pick(250, 20);
    let goal = "p99 under 20 ms";
    let (_, lines) = chain(place, kills, false)?;
    let what = "take-over: kill of a resting writer until the standby's line is in the file";
    report.goal(what, goal, lines.shown("ms", 2), lines.at(0.99) < 20.0);
    let (grows, lines) = chain(place, kills, true)?;
    let what = "the same, the writer logs at full speed: until the file grows again";
    report.goal(what, goal, grows.shown("ms", 2), grows.at(0.99) < 20.0);
    let what = "the same, until the standby's line, behind all that the killed one had put";
    report.fact(what, lines.shown("ms", 2));
    Ok(())
}

/// One is killed, the next takes over and will be killed, a new one stands by.
fn chain(place: &Place, kills: u64, is_busy: bool) -> io::Result<(Samples, Samples)> {
    let dir = place.fresh()?.display().to_string();
    let start = || Worker::ready(place, &["crew", NAME, &dir, ""]);
    let mut writer = start()?;
    let file = File::open(place.logs().join(FILE))?;
    let (mut grows, mut lines) = (Vec::new(), Vec::new());
    for round in 0..kills {
        let mut standby = start()?;
        if is_busy {
            writer.tell("flood")?;
        }
        std::thread::sleep(REST);
        let (grew, line) = take_over(&mut writer, &mut standby, &file, round)?;
        grows.push(grew.as_secs_f64() * 1e3);
        lines.push(line.as_secs_f64() * 1e3);
        writer = standby;
    }
    Ok((Samples::new(grows), Samples::new(lines)))
}

/// From the kill until the file has grown after the writer's death, and until the line that the
/// standby puts at once.
fn take_over(
    writer: &mut Worker,
    standby: &mut Worker,
    file: &File,
    round: u64,
) -> io::Result<(Duration, Duration)> {
    let began = Instant::now();
    writer.kill()?;
    standby.tell(&format!("put {round}"))?;
    // Dead, so that it is not its own last write that is seen.
    writer.reap()?;
    let size = file.metadata()?.len();
    let sought = format!("Logging int: {round} int: {SOUGHT} ");
    let mut grew = None;
    while began.elapsed() < PATIENCE {
        let now = file.metadata()?.len();
        if now > size {
            grew.get_or_insert_with(|| began.elapsed());
        }
        if is_at_end(file, now, &sought)? {
            let line = began.elapsed();
            return Ok((grew.unwrap_or(line), line));
        }
        std::thread::sleep(Duration::from_micros(20));
    }
    let bytes = grouped(size);
    Err(io::Error::other(format!("kill {round}: nobody took over; the file has {bytes} bytes")))
}

/// Nobody else logs after the kill, so the line is the last one.
fn is_at_end(file: &File, size: u64, sought: &str) -> io::Result<bool> {
    const TAIL: usize = 512;
    let mut tail = [0; TAIL];
    let read = file.read_at(&mut tail, size.saturating_sub(TAIL as u64))?;
    Ok(String::from_utf8_lossy(&tail[..read]).contains(sought))
}
