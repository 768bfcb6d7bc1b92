//! Strings through the real ring.
#![cfg(feature = "embedded")]

use std::time::Duration;

#[test]
fn strings_of_every_length_arrive_as_they_were() {
    let (memory, lines) = onewriter::sink::memory();
    let log = onewriter::builder().sink(memory).install().unwrap();
    let text: String = ('a'..='z').chain('A'..='Z').chain("äöü→😀".chars()).collect();
    let texts: Vec<&str> = text.char_indices().map(|(end, _)| &text[..end]).collect();
    for text in &texts {
        onewriter::info!("<{text}>", field = text.len());
    }
    log.complete(Duration::from_secs(10)).unwrap();
    let seen: Vec<String> = lines
        .lines()
        .iter()
        .map(|line| line.split_once("strings: ").map_or("", |(_, text)| text).to_owned())
        .collect();
    let expected: Vec<String> =
        texts.iter().map(|text| format!("<{text}> field={}", text.len())).collect();
    assert_eq!(seen, expected);
}
