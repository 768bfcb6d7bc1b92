//! The laws of `docs/architecture.md`: which crate may name which, and that the documents are true.
//!
//! Each law is an absence, so nothing else would notice when it breaks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the root").into()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files under a folder with this ending, by their path from the root.
fn files(under: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(under)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("a folder's entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let relative = path.strip_prefix(root()).expect("it was found under the root");
                found.push(relative.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// The names in a manifest's tables whose title the filter takes, such as `dependencies`.
fn dependencies(manifest: &str, table: fn(&str) -> bool) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if let Some(title) = line.strip_prefix('[') {
            inside = table(title.trim_end_matches(']'));
        } else if inside && !line.starts_with('#') && line.contains('=') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            names.insert(name.to_owned());
        }
    }
    names
}

fn linked(krate: &str) -> BTreeSet<String> {
    dependencies(&read(&format!("crates/{krate}/Cargo.toml")), |title| title == "dependencies")
}

fn all_of(krate: &str) -> BTreeSet<String> {
    dependencies(&read(&format!("crates/{krate}/Cargo.toml")), |title| {
        title.ends_with("dependencies")
    })
}

fn crates() -> Vec<String> {
    let names = fs::read_dir(root().join("crates")).expect("crates/ can be read");
    names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A source file's text without its comments: a comment may explain what the code must not name.
fn code(path: &str) -> String {
    let text = read(path);
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Fails with every place in `files` that names one of `words`.
fn never_named(files: &[String], words: &[&str]) {
    assert!(!files.is_empty(), "no file to look at: the law guards nothing");
    let mut found = Vec::new();
    for file in files {
        for (number, line) in code(file).lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "these places must not name {words:?}:\n{}", found.join("\n"));
}

#[test]
fn the_record_depends_on_nothing() {
    assert_eq!(linked("onewriter-record"), set(&[]));
}

#[test]
fn the_ring_depends_on_libc_alone() {
    assert_eq!(linked("onewriter-ring"), set(&["libc"]));
}

#[test]
fn the_ring_names_no_crate_of_ours() {
    let ours = ["onewriter_record", "onewriter_engine", "onewriter_macros", "onewriter::"];
    never_named(&files("crates/onewriter-ring", ".rs"), &ours);
}

#[test]
fn the_macros_know_the_record_alone() {
    assert_eq!(linked("onewriter-macros"), set(&["onewriter-record"]));
}

#[test]
fn the_engine_knows_no_door_and_never_logs() {
    let named = all_of("onewriter-engine");
    let forbidden =
        ["onewriter", "onewriter-cli", "log", "tracing", "tracing-core", "clap", "serde"];
    let broken: Vec<_> = forbidden.iter().filter(|name| named.contains(**name)).collect();
    assert!(broken.is_empty(), "onewriter-engine must not depend on {broken:?}");
}

#[test]
fn the_drain_knows_no_concrete_sink() {
    let engine = files("crates/onewriter-engine/src", ".rs");
    let outside: Vec<String> = engine
        .into_iter()
        .filter(|file| {
            !["/src/sinks/", "/src/testing", "/src/lib.rs"].iter().any(|at| file.contains(at))
        })
        .collect();
    never_named(&outside, &["sinks::"]);
}

#[test]
fn formatters_do_not_know_sinks() {
    let formatters = files("crates/onewriter-engine/src/format", ".rs");
    never_named(
        &formatters,
        &["crate::sink", "crate::sinks", "crate::Sink", "std::fs", "std::net"],
    );
}

#[test]
fn sinks_do_not_know_the_drain() {
    let sinks = files("crates/onewriter-engine/src/sinks", ".rs");
    never_named(&sinks, &["crate::drain", "crate::order", "crate::route", "crate::writer"]);
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate_but_the_ring() {
    for krate in crates().iter().filter(|krate| *krate != "onewriter-ring") {
        let heads: Vec<String> = ["lib.rs", "main.rs"]
            .iter()
            .map(|name| format!("crates/{krate}/src/{name}"))
            .filter(|path| root().join(path).exists())
            .collect();
        assert!(!heads.is_empty(), "{krate} has neither lib.rs nor main.rs");
        // PyO3's macros allow themselves what they need, which `forbid` would not let them.
        let word = if krate == "onewriter-python" { "deny" } else { "forbid" };
        for head in heads {
            let forbids = read(&head).contains(&format!("#![{word}(unsafe_code)]"));
            assert!(forbids, "{head} lacks #![{word}(unsafe_code)]");
        }
    }
    // But for the one file of decision 0006.
    let mut python = files("crates/onewriter-python", ".rs");
    python.retain(|file| file != "crates/onewriter-python/src/fastcall.rs");
    never_named(&python, &["unsafe ", "allow(unsafe"]);
}

#[test]
fn a_process_that_only_produces_links_floors_one_and_two_the_macros_and_libc() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--no-default-features", "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}", "--package", "onewriter"])
        .current_dir(root())
        .output()
        .expect("cargo tree runs");
    let errors = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "cargo tree: {errors}");
    let listed = String::from_utf8_lossy(&tree.stdout);
    let names: BTreeSet<String> =
        listed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    let allowed = ["onewriter", "onewriter-record", "onewriter-ring", "onewriter-macros", "libc"];
    assert_eq!(names, set(&allowed));
}

/// What a document puts in backticks and means as a path of this repository.
fn named_paths(text: &str) -> Vec<&str> {
    const TOPS: [&str; 10] = [
        "crates/",
        "docs/",
        "tests/",
        "examples/",
        "benches/",
        "fuzz/",
        "xtask/",
        "python/",
        ".ci/",
        ".cargo/",
    ];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| TOPS.iter().any(|top| word.starts_with(top)) && !word.contains([' ', '*']))
        .map(|word| word.split(':').next().unwrap_or(word))
        .collect()
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in files("docs", ".md") {
        let text = read(&document);
        for path in named_paths(&text).into_iter().filter(|path| !root().join(path).exists()) {
            missing.push(format!("{document} names {path}"));
        }
    }
    assert!(missing.is_empty(), "no such file or folder:\n{}", missing.join("\n"));
    assert!(named_paths(&read("docs/architecture.md")).len() > 10, "the check sees no paths");
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut documents = files("docs", ".md");
    documents.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned));
    let mut broken = Vec::new();
    for document in documents {
        let text = read(&document);
        let folder = root().join(&document).parent().expect("a file has a folder").to_path_buf();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            let local = !path.is_empty() && !path.contains("://");
            if local && !folder.join(path).exists() {
                broken.push(format!("{document} links to {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn every_decision_is_linked_from_the_list_of_decisions() {
    let list = read("docs/decisions/README.md");
    for page in files("docs/decisions", ".md") {
        let name = page.rsplit('/').next().unwrap_or_default();
        let linked = name == "README.md" || list.contains(&format!("({name})"));
        assert!(linked, "docs/decisions/README.md does not link {name}");
    }
}

#[test]
fn every_dependency_has_its_line_in_decision_0001_and_no_line_is_stale() {
    let page = read("docs/decisions/0001-dependencies.md");
    let justified: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    let of_others = |name: &String| name != "onewriter" && !name.starts_with("onewriter-");
    let used: BTreeSet<String> =
        crates().iter().flat_map(|krate| all_of(krate)).filter(of_others).collect();
    assert_eq!(justified, used);
}

/// Rows of `docs/format.md` that state a constant: `| \`NAME\` | value | ...`.
fn stated(name: &str) -> String {
    let row = format!("| `{name}` | ");
    let text = read("docs/format.md");
    let line = text.lines().find_map(|line| line.strip_prefix(&row));
    let line = line.unwrap_or_else(|| panic!("docs/format.md has no row for `{name}`"));
    line.split(" |").next().unwrap_or_default().replace('_', "")
}

#[test]
fn the_constants_of_the_format_page_are_those_of_the_code() {
    use onewriter_record::{CONTROL_SITE, EXTRA_FLAG, FORMAT_VERSION, NAME_MAX, SITE_MASK};
    assert_eq!(stated("FORMAT_VERSION"), FORMAT_VERSION.to_string());
    assert_eq!(stated("CONTROL_SITE"), CONTROL_SITE.to_string());
    assert_eq!(stated("EXTRA_FLAG"), format!("{EXTRA_FLAG:#x}"));
    assert_eq!(stated("SITE_MASK"), format!("{SITE_MASK:#x}"));
    assert_eq!(stated("NAME_MAX"), NAME_MAX.to_string());
    let mut levels = onewriter_record::Level::STANDARD.iter();
    for name in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] {
        let level = levels.next().expect("five standard levels");
        assert_eq!(stated(name), level.number().to_string());
    }
}
