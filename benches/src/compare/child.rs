//! One measurement in a process of its own, watched from outside.

use crate::process::{kib, shared_memory_kib};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than the slowest peer takes; who takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What to run.
pub struct Job<'a> {
    pub name: &'a str,
    pub mode: &'a str,
    pub dir: &'a Path,
    pub amount: u64,
}

/// Runs it and gives its JSON object with the peak memory added, or why there is none.
pub fn measure(job: &Job<'_>) -> Result<Value, String> {
    let runner = std::env::current_exe().map_err(|e| e.to_string())?.with_file_name("peer");
    let said = job.dir.join("stderr");
    let stderr = File::create(&said).map_err(|e| e.to_string())?;
    let shared_before = shared_memory_kib();
    let mut child = Command::new(&runner)
        .args([job.name, job.mode])
        .arg(job.dir)
        .arg(job.amount.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(|error| format!("{}: {error}", runner.display()))?;
    let peak = watch(&mut child, shared_before)?;
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let last = fs::read_to_string(&said).unwrap_or_default();
        return Err(format!("{}; {}", output.status, last.lines().last().unwrap_or_default()));
    }
    let last = text.lines().last().unwrap_or_default();
    let mut value: Value = serde_json::from_str(last).map_err(|e| format!("{e} in {last:?}"))?;
    let hwm = value.get("vm_hwm_kib").and_then(Value::as_u64).unwrap_or(0);
    value["peak_kib"] = json!(peak.max(hwm));
    Ok(value)
}

/// Waits for the end. Returns the most memory it had at a look: its own pages, and whatever grew on
/// `/dev/shm`, mapped by it or not.
fn watch(child: &mut Child, shared_before: u64) -> Result<u64, String> {
    let began = Instant::now();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        let now = fs::read_to_string(&status).unwrap_or_default();
        let own = kib(&now, "RssAnon") + kib(&now, "RssFile");
        peak = peak.max(own + shared_memory_kib().saturating_sub(shared_before));
        if began.elapsed() > PATIENCE {
            child.kill().map_err(|error| error.to_string())?;
            let _ = child.wait();
            return Err(format!("hung: no end after {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(peak)
}
