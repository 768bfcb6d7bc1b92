//! Measures one logger in one way and prints one JSON object.
//!
//! `peer NAME[/VARIANT] MODE DIR [AMOUNT]`, where DIR is an empty folder.

use onewriter_benches::latency::{self, Plan};
use onewriter_benches::peer::{Peer, Setup};
use onewriter_benches::peers::{self, Measure};
use onewriter_benches::{limits, load, stall};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: peer NAME[/VARIANT] MODE DIR AMOUNT
modes: latency latency-sleep latency-2 throughput-1 throughput-2 disabled lone idle stall; NAME limits";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, mode, dir, amount] = args.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let Ok(amount) = amount.parse() else {
        eprintln!("AMOUNT {amount:?} is not a number, such as 1500\n{USAGE}");
        return ExitCode::from(2);
    };
    if name == "limits" {
        println!("{}", limits::measure(dir.as_ref()));
        return ExitCode::SUCCESS;
    }
    let (peer, variant) = name.split_once('/').unwrap_or((name, ""));
    let setup = Setup { dir: dir.into(), variant: variant.to_owned(), rotation: None };
    match peers::measure(peer, &setup, Run { mode: mode.clone(), amount }) {
        Some(result) if result.get("error").is_none() => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Some(result) => {
            eprintln!("{name} {mode}: {}", result["error"]);
            ExitCode::FAILURE
        }
        None => {
            eprintln!("peer {name:?} is not known, or not compiled in");
            ExitCode::from(2)
        }
    }
}

struct Run {
    mode: String,
    amount: u64,
}

impl Measure for Run {
    fn with<P: Peer>(self, setup: &Setup) -> Value {
        let n = self.amount;
        let plan = |producers, spin| Plan { batches: n as usize, producers, spin };
        match self.mode.as_str() {
            "latency" => latency::measure::<P>(setup, &plan(1, true)),
            "latency-sleep" => latency::measure::<P>(setup, &plan(1, false)),
            "latency-2" if P::THREADS => latency::measure::<P>(setup, &plan(2, false)),
            "throughput-1" => load::throughput::<P>(setup, n, 1),
            "throughput-2" if P::THREADS => load::throughput::<P>(setup, n, 2),
            "latency-2" | "throughput-2" => json!({ "error": "takes one producer only" }),
            "disabled" if P::LEVELS => load::disabled::<P>(setup, n),
            "disabled" => json!({ "error": "has levels at compile time only" }),
            "lone" => load::lone::<P>(setup, n),
            "idle" => load::idle::<P>(setup, Duration::from_secs(n)),
            "stall" => stall::measure::<P>(setup, n),
            other => json!({ "error": format!("no mode {other:?}\n{USAGE}") }),
        }
    }
}
