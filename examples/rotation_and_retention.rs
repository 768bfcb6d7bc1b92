//! Files that rotate, are compressed, and are deleted in time.

use onewriter::{Names, Rotation, info, sink};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn names_in(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut names: Vec<String> =
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let by_size = folder.path().join("size/shop.log");
    let by_day = folder.path().join("day/shop.log");

    let log = onewriter::builder()
        .sink(
            sink::file(&by_size)
                .rotation(Rotation::size("64 KB").or(Rotation::start()))
                .keep(3)
                .compress(sink::Zstd),
        )
        .sink(
            sink::file(&by_day)
                .rotation("daily or 100 MB")
                .names(Names::time("%Y-%m-%d"))
                .keep_for(Duration::from_secs(30 * 86_400))
                .keep_bytes("2 GB")
                .current_link(folder.path().join("current")),
        )
        .install()?;

    for order in 0..10_000 {
        info!("order {order} placed");
    }
    log.rotate()?; // By hand, both files.
    info!("the first line of the new files");
    // The end of a sink waits a second for what is being compressed.
    log.shutdown(Duration::from_secs(5))?;

    let names = names_in(&folder.path().join("size"))?;
    println!("{names:?}");
    assert_eq!(names.len(), 4, "three rotated files and the live one: {names:?}");
    assert!(names.iter().filter(|name| name.ends_with(".log.zst")).count() > 0);
    let line = fs::read_to_string(folder.path().join("current"))?;
    assert!(line.ends_with("the first line of the new files\n") && line.lines().count() == 1);
    assert_eq!(names_in(&folder.path().join("day"))?.len(), 2);
    Ok(())
}
