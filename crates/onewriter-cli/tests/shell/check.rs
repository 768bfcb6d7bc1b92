//! `check`.

use std::io::Write;

use crate::Stage;

fn json(numbers: std::ops::Range<u64>) -> String {
    let line = |n: u64| {
        let (producer, seq) = (n % 2, n / 2);
        format!("{{\"time\":\"2026-11-21T08:00:{n:02}Z\",\"producer\":{producer},\"seq\":{seq}}}\n")
    };
    numbers.map(line).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn a_complete_rotated_log_is_green() {
    let stage = Stage::new();
    stage.write("shop.1.log.gz", gzip(&json(0..10)));
    stage.write("shop.2.log", json(10..20));
    stage.write("shop.log", json(20..24));
    stage.run(&["check", "shop.log"]).prints(
        "\
file                  lines
shop.1.log.gz            10
shop.2.log               10
shop.log                  4

records                  24
producers                 2
other lines               0
backwards                 0
lost                      0
doubled                   0
torn                      0
misordered                0
overtaken                 0

All 24 records are there, once, whole and in order.
",
    );
    assert_eq!(stage.run(&["check", "."]).code, Some(0));
    assert_eq!(stage.run(&["check", "--first", "0", "--last", "11", "shop.log"]).code, Some(0));
}

#[test]
fn every_miss_is_counted_named_and_ends_with_code_1() {
    let stage = Stage::new();
    let line =
        |seq: u64, time: u64| format!("2026-11-21T08:00:0{time}Z INFO a: x seq={seq} producer=p\n");
    let mut text = [line(0, 0), line(4, 1), line(2, 2), line(2, 3), line(5, 2)].concat();
    text.push_str("2026-11-21T08:00:05Z INFO a: no number\n2026-11-21T08:00:06Z INF");
    stage.write("a.log", text);
    let found = stage.run(&["check", "--strict-time", "a.log"]);
    assert_eq!((found.code, found.err.as_str()), (Some(1), ""));
    assert_eq!(
        found.out,
        "\
file          lines
a.log             7

records                   5
producers                 1
other lines               1
lost                      2
doubled                   1
torn                      1
misordered                1
overtaken                 0
backwards                 1
  a.log:2 has number 4 of producer p, expected 1
  a.log:3 has number 2 of producer p, expected 5
  a.log:4 has number 2 of producer p, expected 5
  a.log:5 goes back in time: 2026-11-21T08:00:02Z after 2026-11-21T08:00:03Z
  a.log:7 has no newline at its end

Not clean: 2 lost, 1 doubled, 1 torn, 1 misordered, 1 backwards.
"
    );
    let json = stage.run(&["check", "--json", "a.log"]);
    assert_eq!(json.code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let counts = ["lines", "records", "others", "lost", "gaps", "doubled", "torn", "misordered"];
    assert_eq!(counts.map(|name| json[name].as_u64().unwrap()), [7, 5, 1, 2, 2, 1, 1, 1]);
}

#[test]
fn named_fields_and_expected_numbers_are_what_is_counted() {
    let stage = Stage::new();
    stage.write(
        "a.log",
        "{\"worker\":\"x\",\"n\":2,\"seq\":9}\n{\"worker\":\"x\",\"n\":3,\"seq\":9}\n",
    );
    let args =
        ["check", "--json", "--producer", "worker", "--seq", "n", "--first", "1", "--last", "5"];
    let found = stage.run(&[&args[..], &["--producers", "2", "a.log"]].concat());
    assert_eq!(found.code, Some(1));
    let found: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!((&found["records"], &found["lost"]), (&2.into(), &8.into()));
}

#[test]
fn tickets_show_who_overtook_whom() {
    let stage = Stage::new();
    let line = |(producer, seq, ticket): (u64, u64, u64)| {
        format!("{{\"producer\":{producer},\"seq\":{seq},\"t\":{ticket}}}\n")
    };
    let rows = [(1, 0, 0), (2, 0, 5), (1, 1, 1), (1, 2, 3)];
    stage.write("a.log", rows.map(line).concat());
    assert_eq!(stage.run(&["check", "a.log"]).code, Some(0));
    let found = stage.run(&["check", "--ticket", "t", "a.log"]);
    assert_eq!(found.code, Some(1));
    assert!(found.out.ends_with("\nNot clean: 1 overtaken.\n"), "{}", found.out);
}

#[test]
fn wrong_files_are_named_with_what_would_be_right() {
    let stage = Stage::new();
    stage.write("a.log", "hello\nworld\n");
    stage.write("cut.log.gz", &gzip(&json(0..40))[..60]);
    std::fs::create_dir(stage.path("empty")).unwrap();
    stage
        .run(&["check", "no.log"])
        .refuses(3, "cannot read no.log: No such file or directory (os error 2)");
    stage.run(&["check", "empty"]).refuses(2, "no files in the directory empty");
    stage.run(&["check", "a.log"]).refuses(
        2,
        "no line of a.log has a sequence number (2 lines read): name its field with --seq, and the \
         producer's with --producer; a number that a message names, as in info!(\"{n}\", n = n), is no \
         field, that of info!(\"{}\", n, n = n) is one",
    );
    let cut = stage.run(&["check", "cut.log.gz"]);
    assert_eq!((cut.code, cut.out.as_str()), (Some(3), ""));
    assert!(cut.err.starts_with("onewriter: cannot read cut.log.gz: "), "{}", cut.err);
}
