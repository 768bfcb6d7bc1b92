//! The short form of `cargo xtask torture`.

use std::fs;
use std::process::Command;

#[test]
fn whatever_happens_to_the_programs_of_a_file_each_line_is_there_once_whole_and_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let totals = folder.path().join("totals.json");
    let mut torture = Command::new(env!("CARGO_BIN_EXE_torture"));
    let ended = torture.args(["--short", "--seed", "7", "--json"]).arg(&totals).output();
    let ended = ended.expect("it starts");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    let totals = fs::read_to_string(&totals).expect("the totals");
    let totals: serde_json::Value = serde_json::from_str(&totals).expect("JSON");
    for none in ["lost", "doubled", "torn", "misordered"] {
        assert_eq!(totals[none], 0, "{said}");
    }
    for some in ["accepted", "kills", "kills_of_writers", "stops"] {
        assert!(totals[some].as_u64() > Some(0), "{some}: {said}");
    }
    assert_eq!(totals["rounds"], 6);
}

#[test]
fn a_bad_flag_is_refused_with_what_would_be_right() {
    let ended = Command::new(env!("CARGO_BIN_EXE_torture")).arg("--minutes").output();
    let ended = ended.expect("it starts");
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(said, "torture: --minutes needs a number, such as 10\n");
}
