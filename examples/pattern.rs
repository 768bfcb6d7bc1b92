//! Text lines by a pattern, with the time of day of one city.

use onewriter::{Precision, TextFormat, Zone, sink, warn};
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let format = TextFormat::pattern("{level:<5} {target} [{field.user:>6}] {message}{fields}")?;
    let timed = TextFormat::pattern("{time:%H:%M:%S%.3f} {thread} {message}")?
        .with_zone(Zone::named("Europe/Berlin")?);
    let full = TextFormat::full().with_precision(Precision::Millis).with_zone(Zone::Local);

    let (first, lines) = sink::memory();
    let (second, times) = sink::memory();
    let log = onewriter::builder()
        .sink(first.format(format))
        .sink(second.format(timed))
        .sink(sink::stdout().format(full))
        .install()?;

    warn!("disk is {} % full", 93, user = "ann", path = "/var/my log");
    warn!("nobody forges a line:\nINFO pattern: all is well");

    log.complete(Duration::from_secs(5))?;
    assert_eq!(
        lines.lines(),
        [
            "WARN  pattern [   ann] disk is 93 % full user=ann path=\"/var/my log\"",
            "WARN  pattern [      ] nobody forges a line:\\nINFO pattern: all is well",
        ]
    );
    let first = &times.lines()[0];
    assert_eq!(first.find(" main disk"), Some("08:05:09.123".len()), "{first}");

    let wrong = TextFormat::pattern("{levle} {message}").err().ok_or("is refused")?;
    println!("{wrong}");
    assert!(wrong.to_string().ends_with("did you mean \"{level}\"?"));
    Ok(())
}
