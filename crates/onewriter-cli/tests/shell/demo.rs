//! `demo`.

use crate::Stage;

#[test]
fn the_demo_is_green_and_check_agrees() {
    let stage = Stage::new();
    let ended =
        stage.run(&["demo", "--threads", "2", "--records", "20000", "--dir", "d", "--json"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    let found: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let names = ["accepted", "written", "lost", "doubled", "torn", "misordered", "others"];
    let counts = names.map(|name| found[name].as_u64().unwrap());
    assert_eq!(counts, [120_000, 120_000, 0, 0, 0, 0, 0]);
    assert!(found["seconds"].as_f64().unwrap() > 0.0);
    let check = stage.run(&["check", "--ticket", "ticket", "--first", "0", "--last", "19999", "d"]);
    assert_eq!(check.code, Some(0), "{}", check.out);
}

#[test]
fn the_verdict_is_a_table_and_a_sentence() {
    let ended = Stage::new().run(&["demo", "--threads", "1", "--records", "1000"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let table = "\
door       threads        records
onewriter        1          1,000
log              1          1,000
tracing          1          1,000

accepted              3,000  puts that returned
written               3,000  found in the files
lost                      0  numbers that are missing
doubled                   0  numbers that stand there twice
torn                      0  lines that are not whole
misordered                0  lines that stand after a later one

";
    assert!(ended.out.starts_with(table), "{}", ended.out);
    let verdict = "\nAll 3,000 records were written: once, whole, in order.\n";
    assert!(ended.out.ends_with(verdict), "{}", ended.out);
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
    assert!(wrong.err.contains("0 is not in 1..=256"), "{}", wrong.err);
}
