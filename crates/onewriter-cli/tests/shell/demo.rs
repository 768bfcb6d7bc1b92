//! `demo`.

use crate::Stage;

#[test]
fn the_demo_is_green_with_processes_killed_and_check_agrees() {
    let stage = Stage::in_memory();
    let args = ["demo", "--records", "40000", "--kills", "4", "--dir", "d", "--json"];
    let ended = stage.run(&args);
    assert_eq!(ended.code, Some(0), "{} {}", ended.out, ended.err);
    let found: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let names = ["lost", "doubled", "torn", "misordered", "others"];
    assert_eq!(names.map(|name| found[name].as_u64().unwrap()), [0; 5]);
    let count = |name: &str| found[name].as_u64().unwrap();
    assert!(count("accepted") >= 40_000);
    assert_eq!(count("written"), count("accepted") + count("unreturned"));
    let kills = ["kills", "writers_killed", "workers_killed", "forked_killed"].map(count);
    assert_eq!(kills[0], 4);
    assert_eq!(kills[1] + kills[2] + kills[3], 4);
    let takeovers = found["takeovers_ms"].as_array().unwrap();
    assert_eq!(takeovers.len() as u64, kills[1]);
    assert!(found["clean"].as_bool().unwrap());
    let check = stage.run(&["check", "--ticket", "ticket", "--first", "0", "d"]);
    assert_eq!(check.code, Some(0), "{}", check.out);
}

#[test]
fn the_verdict_is_a_table_and_a_sentence() {
    let stage = Stage::in_memory();
    let ended = stage.run(&["demo", "--processes", "1", "--records", "3000", "--kills", "0"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let head = "\
1 process, by exec and by fork, 3 threads each through the doors onewriter, log, tracing
killed with SIGKILL: 0 writers, 0 other processes, 0 forked children

accepted ";
    assert!(ended.out.starts_with(head), "{}", ended.out);
    let zeros = "
lost                      0  numbers that are missing
doubled                   0  numbers that stand there twice
torn                      0  lines that are not whole
misordered                0  lines that stand after a later one
unreturned                0  in the files, of puts that were killed before they returned

";
    assert!(ended.out.contains(zeros), "{}", ended.out);
    assert!(
        ended.out.ends_with(" records were written: once, whole, in order.\n"),
        "{}",
        ended.out
    );
}

#[test]
fn a_directory_that_is_not_empty_and_numbers_out_of_range_are_refused() {
    let stage = Stage::new();
    stage.write("d/mine.txt", "x");
    stage
        .run(&["demo", "--dir", "d"])
        .refuses(2, "d is not empty: give an empty directory, or one that does not exist");
    let wrong = stage.run(&["demo", "--threads", "0"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("0 is not in 1..=64"), "{}", wrong.err);
}
