//! The logger of the programs of a round: all of them have the same.

use super::plan::{Kind, Packing, Plan};
use onewriter::{Builder, DiskFull, Guard, Overflow, Rotation, TextFormat, sink};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than anything that happens here.
const PATIENCE: Duration = Duration::from_secs(120);

/// The logger of a round whose log is in this folder.
pub fn logger(plan: &Plan, folder: &Path) -> Builder {
    let format = || TextFormat::pattern("{message}").expect("a pattern");
    let mut file = sink::file(folder.join("shop.log")).format(format()).disk_full(DiskFull::Wait);
    if let Some(size) = plan.rotation {
        file = file.rotation(Rotation::size(size));
    }
    file = match plan.packing {
        Packing::None => file,
        Packing::Gzip => file.compress(sink::Gzip),
        Packing::Zstd => file.compress(sink::Zstd),
    };
    let mut builder = onewriter::builder()
        .sink(file)
        .overflow(Overflow::block(PATIENCE))
        .memory(plan.memory)
        .on_error(|_| ());
    if plan.kind == Kind::Beside {
        let (memory, _) = sink::memory();
        builder = builder
            .sink(sink::file(folder.join("beside.log")).format(format()))
            .sink(memory.keep(100))
            .sink(sink::function(|_| Ok(())));
    }
    if plan.is_named { builder.name("torture") } else { builder }
}

/// What the arguments of a program say: its folder, the round's seed and number, and whether it is
/// short.
pub fn round(args: &[String]) -> (Plan, PathBuf) {
    let [folder, seed, number, length, ..] = args else { panic!("a program of a round: {args:?}") };
    let parsed = |text: &String| text.parse().expect("a number");
    (Plan::new(parsed(seed), parsed(number), length == "short"), folder.into())
}

/// Writes what the dead have left, and says whether it was all.
pub fn recover(args: &[String]) -> Result<(), String> {
    let guard = installed(args)?;
    guard.shutdown(PATIENCE).map_err(|err| err.to_string())
}

/// Waits until everything that was put by anybody is written.
pub fn settle(args: &[String]) -> Result<(), String> {
    let guard = installed(args)?;
    guard.complete(Duration::from_secs(60)).map_err(|err| err.to_string())
}

fn installed(args: &[String]) -> Result<Guard, String> {
    let (plan, folder) = round(args);
    logger(&plan, &folder.join("log")).install().map_err(|err| err.to_string())
}
