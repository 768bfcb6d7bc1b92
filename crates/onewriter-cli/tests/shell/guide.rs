//! The guide says what the command does.

use crate::Stage;

const GUIDE: &str = include_str!("../../../../docs/guide/shell.md");

#[test]
fn every_setting_stands_in_the_guide_and_is_a_flag_of_pipe_and_run() {
    let stage = Stage::new();
    for command in ["pipe", "run"] {
        let help = stage.run(&[command, "-h"]).out;
        for key in &onewriter_cli::config::KEYS {
            assert!(help.contains(&format!("--{}", key.name)), "{command}: {}", key.name);
            let row = format!("| `{}` | `{}` |", key.name, key.variable());
            assert!(GUIDE.contains(&row), "{row}");
        }
    }
}

#[test]
fn the_configuration_of_the_guide_is_a_right_one() {
    let (_, rest) = GUIDE.split_once("```toml\n").unwrap();
    let (toml, _) = rest.split_once("```").unwrap();
    let stage = Stage::new();
    stage.write("pipe.toml", toml);
    let printed = stage.run(&["pipe", "--config", "pipe.toml", "--print-config"]);
    assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
    assert!(printed.out.contains("keep = 7  # pipe.toml:5\n"), "{}", printed.out);
}

#[test]
fn every_flag_in_an_example_of_the_guide_exists() {
    let stage = Stage::new();
    for line in GUIDE.lines().filter(|line| line.contains("onewriter ") && !line.starts_with('|')) {
        let Some((_, call)) = line.split_once("onewriter ") else { continue };
        let words: Vec<&str> = call.split(" -- ").next().unwrap().split_whitespace().collect();
        let Some(&command) = words.first() else { continue };
        let commands = ["demo", "pipe", "run", "serve", "tail", "stat", "recover", "check"];
        if !commands.contains(&command) && !["completions", "man"].contains(&command) {
            continue;
        }
        let help = stage.run(&[command, "--help"]).out;
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "{line}: {flag}");
        }
    }
}
