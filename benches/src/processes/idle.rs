//! Processes that have logged once and do nothing.

use super::Options;
use super::load::used;
use super::report::Report;
use crate::crew::{Place, Worker};
use crate::process::status_kib;
use std::io;
use std::time::{Duration, Instant};

const NAME: &str = "onewriter/strict";

/// What the writer and they cost while nobody logs, and what memory they hold.
pub fn measure(options: &Options, place: &Place, report: &mut Report) -> io::Result<()> {
    let processes = options.pick(256, 16);
    let dir = place.fresh()?.display().to_string();
    let start = || Worker::ready(place, &["crew", NAME, &dir, ""]);
    let mut writer = start()?;
    put_once(&mut writer)?;
    let before = used(place.queues());
    let mut crew = (0..processes).map(|_| start()).collect::<io::Result<Vec<_>>>()?;
    crew.iter_mut().try_for_each(put_once)?;
    let shared = (used(place.queues()) - before) as f64 / 1024.0 / processes as f64;
    let private: u64 = crew.iter().map(|it| status_kib(&it.id().to_string(), "RssAnon")).sum();
    std::thread::sleep(Duration::from_secs(1));
    let began = Instant::now();
    let at_first = [cpu(std::slice::from_mut(&mut writer))?, cpu(&mut crew)?];
    std::thread::sleep(Duration::from_secs(options.pick(10, 2)));
    let at_last = [cpu(std::slice::from_mut(&mut writer))?, cpu(&mut crew)?];
    let elapsed = began.elapsed().as_nanos() as f64;
    let [own, theirs] = [0, 1].map(|k| 100.0 * (at_last[k] - at_first[k]) as f64 / elapsed);
    let what = format!("writer's processor time, {processes} idle processes attached");
    report.goal(&what, "under 0.2 %", format!("{own:.3} %"), own < 0.2);
    let what = format!("all {processes} idle processes together");
    report.fact(&what, format!("{theirs:.3} %"));
    report.fact(
        "shared memory of an idle process",
        format!("{shared:.0} KiB, and {} KiB private", private / processes),
    );
    Ok(())
}

fn put_once(worker: &mut Worker) -> io::Result<()> {
    worker.tell("put 1")?;
    worker.ask("complete").map(drop)
}

/// Nanoseconds of processor time so far. The question itself costs some 20 us each.
fn cpu(crew: &mut [Worker]) -> io::Result<u64> {
    let mut sum = 0;
    for worker in crew {
        sum += worker.ask_number("cpu")?;
    }
    Ok(sum)
}
