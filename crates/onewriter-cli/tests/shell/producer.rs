//! A program that only puts: this test program once more, with a task in its environment.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use onewriter::{Level, Overflow, sink};

use crate::Stage;

const TASK: &str = "SHELL_TEST_TASK";

/// A process with a task, that waits for its end when it has done it.
pub struct Producer {
    child: Child,
}

impl Producer {
    /// Starts it, and waits until it has done its task: `join NAME` puts three records into a queue
    /// of that name; `own NAME FILE` writes it, in a way that nobody else knows, and does not move on;
    /// `overfill NAME FILE` loses records then.
    pub fn that(stage: &Stage, task: &str) -> Producer {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "producer::what_a_producer_does", "--nocapture", "--test-threads=1"])
            .env(TASK, task)
            .env("ONEWRITER_DIR", stage.path(".queues"))
            .current_dir(stage.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("the task is done")), "{task}");
        Producer { child }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it.
    pub fn kill(self) {}
}

impl Drop for Producer {
    /// Whatever went wrong, it is not left behind.
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn what_a_producer_does() {
    let Ok(task) = std::env::var(TASK) else { return };
    match task.split(' ').collect::<Vec<_>>()[..] {
        ["join", name] => {
            onewriter::join(name, Level::Info).unwrap();
            for n in 0..3 {
                onewriter::info!("order {n}");
            }
        }
        [task @ ("own" | "overfill"), name, file] => {
            let (began, begins) = std::sync::mpsc::channel();
            let stuck = sink::function(move |_: &onewriter::Record<'_>| {
                let _ = began.send(());
                std::thread::park();
                Ok::<(), onewriter::Error>(())
            });
            let log = onewriter::builder().name(name).sink(sink::file(file)).sink(stuck);
            let log = log.memory(64 << 10).overflow(Overflow::drop_newest());
            std::mem::forget(log.install().unwrap());
            onewriter::info!("order 0");
            begins.recv().unwrap();
            // More than its memory takes.
            let padding = "x".repeat(1_000);
            for n in 1..if task == "overfill" { 200 } else { 1 } {
                onewriter::info!("order {n} {padding}");
            }
        }
        _ => panic!("no task {task:?}"),
    }
    std::io::stdout().write_all(b"\nthe task is done\n").unwrap();
    // Until it is killed, or whoever started it ends.
    let _ = std::io::stdin().read_line(&mut String::new());
}
