//! A program that used `tracing-subscriber` with `tracing-appender`, before and after.

use std::error::Error;
use std::time::Duration;
use tracing::{debug, info, info_span};

// Before:
//
//     let file = tracing_appender::rolling::daily(folder, "shop.log");
//     let (writer, _guard) = tracing_appender::non_blocking(file);
//     tracing_subscriber::fmt()
//         .with_env_filter(EnvFilter::try_from_default_env().unwrap_or("info,shop=debug".into()))
//         .json()
//         .with_writer(writer)
//         .init();
//
// The guard must be kept there too. What is different: the live file is always `shop.log`, rotated
// ones have the date, local time decides what a day is, nothing is dropped silently, and spans are
// in `spans` as there, but not in `span`.

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shop.log");

    // After:
    use onewriter::{Filter, Names, Rotation, sink};
    let filter = Filter::from_env("RUST_LOG")?.unwrap_or(Filter::parse("info,shop=debug")?);
    let file = sink::file(&path).json().rotation(Rotation::daily()).names(Names::time("%Y-%m-%d"));
    let guard = onewriter::builder().filter(filter).sink(file).install()?;

    // What stays as it is:
    let _request = info_span!("request", id = 17).entered();
    info!(status = 200, "served");
    debug!(target: "shop::db", "connected");
    debug!("not wanted");

    guard.complete(Duration::from_secs(5))?;
    let written = std::fs::read_to_string(&path)?;
    print!("{written}");
    if std::env::var_os("RUST_LOG").is_none() {
        assert_eq!(written.lines().count(), 2);
        assert!(written.contains(r#""fields":{"status":200}"#));
        assert!(written.contains(r#""spans":[{"name":"request","fields":{"id":17}}]"#));
    }
    Ok(())
}
