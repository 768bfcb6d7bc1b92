//! The `log` crate: installing onewriter is all; libraries that use `log` are heard too.

use onewriter::{TextFormat, sink};
use std::error::Error;
use std::fs;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shop.log");

    let format = TextFormat::pattern("{level} {target}: {message}{fields}")?;
    let logger = onewriter::builder().sink(sink::file(&path).format(format)).install()?;

    log::info!("order {} placed", 7);
    log::warn!(target: "shop::db", retries = 3, pool = "orders"; "slow");
    log::debug!("nobody has asked for this level");

    logger.complete(Duration::from_secs(5))?;
    let written = fs::read_to_string(&path)?;
    assert_eq!(
        written,
        "INFO log_facade: order 7 placed\nWARN shop::db: slow retries=3 pool=orders\n"
    );
    print!("{written}");
    Ok(())
}
