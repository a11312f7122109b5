//! Rules for the whole repository, as tests.
//!
//! This file has the rules for source files and manifests; the modules have those for identifiers, documents, limits,
//! statements, screens and unused items.

mod documents;
mod futures;
mod words;

mod ballast;
mod bounds;
mod named;
mod promises;
mod screens;
mod source;
mod statements;

use std::fs;
use std::path::{Path, PathBuf};

/// Maximum lines of a source file, and of a test file.
const LINES_MAX: usize = 600;
const TEST_LINES_MAX: usize = 800;
/// Maximum lines of a function.
const FUNCTION_LINES_MAX: usize = 80;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below the source folders with one of these endings, with their text. Paths are relative to the root.
fn files(endings: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["src", "admin", "turn", "media", "tests", "benches", "docs", "packaging", "systemd"]
            .map(|name| root().join(name))
            .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending))
                && let Ok(text) = fs::read_to_string(&path)
            {
                found.push((path.strip_prefix(root()).expect("found under the root").to_owned(), text));
            }
        }
    }
    assert!(!found.is_empty(), "no files found: the test looks in the wrong place");
    found.sort();
    found
}

/// Fails with all complaints at once.
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn is_test(path: &Path) -> bool {
    path.starts_with("tests")
        || path.components().any(|part| ["tests", "tests.rs", "contract"].iter().any(|name| part.as_os_str() == *name))
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut complaints = Vec::new();
    for (path, text) in files(&[".rs"]) {
        let (lines, max) = (text.lines().count(), if is_test(&path) { TEST_LINES_MAX } else { LINES_MAX });
        if lines > max {
            complaints.push(format!("{}: {lines} lines; at most {max}", path.display()));
        }
        if !text.starts_with("//!") {
            complaints.push(format!("{}: does not open with what it is for", path.display()));
        }
    }
    none(complaints);
}

#[test]
fn functions_fit_a_screen_or_two() {
    let mut complaints = Vec::new();
    for (path, text) in files(&[".rs"]).into_iter().filter(|(path, _)| !is_test(path)) {
        let mut open: Option<(usize, String, String)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent: String = line.chars().take_while(|c| *c == ' ').collect();
            let words = line.trim_start();
            let is_function = [
                "fn ",
                "pub fn ",
                "pub(crate) fn ",
                "pub(super) fn ",
                "async fn ",
                "pub async fn ",
                "pub(crate) async fn ",
            ]
            .iter()
            .any(|start| words.starts_with(start));
            if open.is_none() && is_function && !line.trim_end().ends_with(['}', ';']) {
                open = Some((number, indent, words.to_owned()));
            } else if let Some((start, at, name)) = &open
                && (line == format!("{at}}}") || line == format!("{at});"))
            {
                if number - start + 1 > FUNCTION_LINES_MAX {
                    complaints.push(format!("{}:{}: {} lines: {name}", path.display(), start + 1, number - start + 1));
                }
                open = None;
            }
        }
    }
    none(complaints);
}

#[test]
fn sql_lives_in_the_store_alone() {
    let starts = ["\"SELECT ", "\"INSERT INTO ", "\"UPDATE ", "\"DELETE FROM ", "\"CREATE TABLE ", "\"PRAGMA "];
    let mut complaints = Vec::new();
    for (path, text) in files(&[".rs"]) {
        if path.starts_with("src/store") || path.starts_with("tests") || path.starts_with("benches") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if starts.iter().any(|start| line.contains(start)) {
                complaints.push(format!("{}:{}: SQL outside of the store", path.display(), number + 1));
            }
        }
    }
    none(complaints);
}

#[test]
fn arrows_between_crates_point_one_way() {
    // The workspace crates that each manifest may name. Cargo enforces the rest.
    let allowed: &[(&str, &[&str])] = &[
        ("src/net", &[]),
        ("src/boxed", &[]),
        ("src/base", &["net", "boxed"]),
        ("src/store", &["base"]),
        ("src/core", &["base", "store"]),
        ("src/rooms", &["base", "store", "core"]),
        ("src/users", &["base", "store", "core", "rooms", "media", "turn"]),
        ("src/federation", &["base", "store", "core", "rooms", "users"]),
        ("src/domain", &["base", "store", "core", "rooms", "users", "federation"]),
        ("src/remote", &["base", "domain"]),
        ("src/http", &["base", "domain", "admin"]),
        ("src/setup", &["base", "net", "admin", "turn"]),
        ("admin", &[]),
        ("turn", &["net"]),
        ("media", &[]),
    ];
    let mut complaints = Vec::new();
    for (folder, names) in allowed {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("every crate has a manifest");
        let named = manifest.lines().filter_map(|line| line.strip_prefix("hearth-")?.split(['.', ' ', '=']).next());
        for name in named.filter(|name| !names.contains(name)) {
            complaints.push(format!("{folder} names hearth-{name}"));
        }
    }
    none(complaints);
}

#[test]
fn there_is_one_tls_and_it_is_not_in_c() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file is in the repository");
    let banned = ["aws-lc-sys", "aws-lc-rs", "openssl-sys", "native-tls"];
    none(banned.iter().filter(|name| lock.contains(&format!("name = \"{name}\""))).map(ToString::to_string).collect());
}

#[test]
fn nothing_is_left_unfinished() {
    let mut complaints = Vec::new();
    for (path, text) in files(&[".rs", ".sql", ".md", ".toml", "start"]) {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if ["todo!(", "unimplemented!(", "FIXME", "XXX", "dbg!("].iter().any(|mark| line.contains(mark)) {
                complaints.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    none(complaints);
}

#[test]
fn the_entry_point_stays_small() {
    let main = fs::read_to_string(root().join("src/main.rs")).expect("there is a main.rs");
    assert!(
        main.lines().count() < 60,
        "main.rs parses, loads, starts and waits; everything else has a place of its own"
    );
}
