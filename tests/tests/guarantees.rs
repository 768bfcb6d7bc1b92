//! Every test that docs/guarantees.md names exists, and every test of the contract is named there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder above").to_owned()
}

/// `file::name`, as the page writes it.
fn named() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/guarantees.md")).expect("the page");
    let words = page.split('`').skip(1).step_by(2).filter(|word| word.contains(".rs::"));
    words.map(str::to_owned).collect()
}

/// The tests of a file.
fn tests_of(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(file)).unwrap_or_else(|err| panic!("{file}: {err}"));
    let after = text.split("#[test]").skip(1).filter_map(|rest| rest.split("fn ").nth(1));
    after.filter_map(|rest| Some(format!("{file}::{}", rest.split('(').next()?))).collect()
}

#[test]
fn every_test_that_the_page_names_exists() {
    let named = named();
    let files: BTreeSet<&str> = named.iter().filter_map(|test| test.split("::").next()).collect();
    let exist: BTreeSet<String> = files.into_iter().flat_map(tests_of).collect();
    let missing: Vec<_> = named.difference(&exist).collect();
    assert!(missing.is_empty(), "docs/guarantees.md names tests that do not exist: {missing:#?}");
    assert!(named.len() > 50, "the check sees only {} tests", named.len());
}

#[test]
fn every_test_of_an_ending_a_kill_a_fork_and_the_order_is_on_the_page() {
    let contract = [
        "endings",
        "kills",
        "fork",
        "order",
        "overflow",
        "joining",
        "order_processes",
        "complete_processes",
        "torture",
        "queues",
        "queues_processes",
    ];
    let exist = contract.iter().flat_map(|name| tests_of(&format!("tests/tests/{name}.rs")));
    let named = named();
    let missing: Vec<_> = exist.filter(|test| !named.contains(test)).collect();
    assert!(missing.is_empty(), "docs/guarantees.md does not name {missing:#?}");
}
