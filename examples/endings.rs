//! However the program ends, what was put before is in the file.

use onewriter::{info, sink};
use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, process};

/// The program that is ended: a thousand records, and no time to write them.
fn child(ending: &str, path: &str) -> Result<(), Box<dyn Error>> {
    let _log = onewriter::builder().sink(sink::file(path)).drain_on_signals().install()?;
    for order in 0..1000 {
        info!("order {order} placed");
    }
    match ending {
        "return" => Ok(()),
        "exit" => process::exit(3),
        "panic" => panic!("out of paper"),
        "abort" => process::abort(),
        signal => loop {
            Command::new("kill").args([signal, &process::id().to_string()]).status()?;
            std::thread::park();
        },
    }
}

fn orders(path: &Path) -> Result<usize, Box<dyn Error>> {
    let text = fs::read_to_string(path).unwrap_or_default();
    Ok(text.lines().filter(|line| line.ends_with("placed")).count())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().collect();
    if let [_, ending, path] = &args[..] {
        return child(ending, path);
    }
    let folder = tempfile::tempdir()?;
    for ending in ["return", "exit", "panic", "-TERM", "abort", "-KILL"] {
        let path = folder.path().join(format!("{ending}.log"));
        Command::new(env::current_exe()?)
            .args([ending.as_ref(), path.as_os_str()])
            .stderr(Stdio::null())
            .status()?;
        let before = orders(&path)?;
        if ["abort", "-KILL"].contains(&ending) {
            // Nobody can write then: the records are in shared memory, and the next program that
            // logs to the same file writes them first.
            let log = onewriter::builder().sink(sink::file(&path)).install()?;
            log.shutdown(onewriter::DRAIN_DEADLINE)?;
        }
        println!("{ending:>7}: {before} at once, {} in all", orders(&path)?);
        assert_eq!(orders(&path)?, 1000, "{ending}");
    }
    Ok(())
}
