//! Nothing is carried along that nothing uses: dependencies, settings, public items.

use std::collections::HashMap;
use std::fs;

use super::source::{CRATES, around, code, crate_of, declared, words};
use super::{files, none, root};

/// Named in a manifest for a reason that no line of Rust shows: dependency and reason.
const NAMED_FOR_A_REASON: [(&str, &str); 0] = [];

/// What only tests of other crates, the harness or an example use. Each stays because nothing else shows what it shows.
const FOR_TESTS: [&str; 10] = [
    // The harness: a server within a simulated network, with cheap passwords.
    "start_with_network",
    "cheap",
    // What a store tells of itself, from outside of an async runtime.
    "snapshot_blocking",
    "check_blocking",
    // Where an action is stopped in its tests.
    "before_writes",
    // The relay's invariants, which its tests and its fuzzer check.
    "assert_invariants",
    "allocation_owners",
    // Attributes and keys of RFC 8489 that the relay has no use for, and test vectors have.
    "MAPPED_ADDRESS",
    "error_code",
    "short_term",
];

#[test]
fn every_dependency_is_used() {
    let mut complaints = Vec::new();
    let sources = files(&[".rs"]);
    let mut named = Vec::new();
    for folder in CRATES {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("every crate has a manifest");
        named.extend(dependencies(&manifest).into_iter().map(str::to_owned));
        for dependency in dependencies(&manifest) {
            // The one library whose package has another name.
            let name = if dependency == "md-5" { "md5".to_owned() } else { dependency.replace('-', "_") };
            let mut own = sources.iter().filter(|(path, _)| crate_of(path) == folder);
            let is_used = own.any(|(_, text)| {
                around(text, &name).any(|(before, after)| {
                    after.starts_with("::") || (before.ends_with("use ") && after.starts_with([';', ' ']))
                })
            });
            if !is_used && NAMED_FOR_A_REASON.iter().all(|(named, _)| *named != dependency) {
                complaints.push(format!("{folder}/Cargo.toml names {dependency}, which no source file does"));
            }
        }
    }
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest");
    let versions = workspace.split("[workspace.dependencies]").nth(1).and_then(|text| text.split("\n[").next());
    let versions = versions.expect("the workspace names every version");
    for dependency in dependencies(&format!("[dependencies]{versions}")) {
        if !named.iter().any(|name| name == dependency) {
            complaints.push(format!("Cargo.toml: no crate of the workspace names {dependency}"));
        }
    }
    none(complaints);
}

/// The packages that a manifest's tables of dependencies name.
fn dependencies(manifest: &str) -> Vec<&str> {
    let (mut found, mut is_table) = (Vec::new(), false);
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_table = line.ends_with("dependencies]") && line != "[workspace.dependencies]";
        } else if is_table
            && let Some(name) =
                line.split(['.', ' ', '=']).next().filter(|name| name.starts_with(char::is_alphanumeric))
        {
            found.push(name);
        }
    }
    found
}

/// A section of the configuration: its type, the names of the fields that lead to it, and its keys.
struct Section {
    kind: String,
    keys: Vec<String>,
}

#[test]
fn every_setting_is_read() {
    let all = code();
    let (config, others): (Vec<_>, Vec<_>) = all.iter().partition(|(path, _)| path.starts_with("src/base/src/config"));
    let sections: Vec<Section> = config.iter().flat_map(|(_, text)| sections(text)).collect();
    assert!(sections.len() > 10, "the sections are declared in another way now");
    let mut homes: HashMap<&str, usize> = HashMap::new();
    for key in sections.iter().flat_map(|section| &section.keys) {
        *homes.entry(key).or_default() += 1;
    }
    let mut complaints = Vec::new();
    for Section { kind, keys } in &sections {
        for key in keys {
            // The loader reads `x_file` and puts what is in it into `x`.
            if key.strip_suffix("_file").is_some_and(|value| keys.iter().any(|other| other == value)) {
                continue;
            }
            let is_field = |(before, after): (&str, &str)| before.ends_with('.') && !after.starts_with('(');
            let reads = |text: &str| around(text, key).any(is_field);
            // Where several sections have a key of this name, the one who reads it must know this section.
            let field = snake(kind);
            let knows = |text: &str| around(text, kind).next().is_some() || around(text, &field).any(is_field);
            let is_read = others.iter().any(|(_, text)| reads(text) && (homes[key.as_str()] == 1 || knows(text)));
            // What the configuration's own methods make of it counts, too.
            if !is_read && !config.iter().any(|(_, text)| reads(&without_checks(text)) && knows(text)) {
                complaints.push(format!("nothing reads `{key}` of {kind}"));
            }
        }
    }
    none(complaints);
}

/// The declarations of `section!`: keys are the lines with eight spaces before them.
fn sections(text: &str) -> Vec<Section> {
    let mut found = Vec::new();
    for part in text.split("section! {\n").skip(1) {
        let part = part.split("\n}\n").next().unwrap_or_default();
        let Some(kind) = part.lines().find_map(|line| declared(line, &["struct "])) else { continue };
        let keys = part.lines().filter_map(|line| line.strip_prefix("        ")).filter(|line| line.contains(" = "));
        let keys = keys.filter_map(|line| Some(line.split_once(": ")?.0.trim_start_matches("pub ").to_owned()));
        found.push(Section { kind: kind.to_owned(), keys: keys.collect() });
    }
    found
}

/// A check is no use: what is only checked is not read.
fn without_checks(text: &str) -> String {
    let mut out = String::new();
    let mut is_check = false;
    for line in text.lines() {
        is_check |= line.contains("fn check(");
        if !is_check {
            out.extend([line, "\n"]);
        }
        is_check &= line != "    }";
    }
    out
}

/// `RateLimits` as a field: `rate_limits`.
fn snake(kind: &str) -> String {
    let mut out = String::new();
    for c in kind.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// The compiler says what is dead within a crate; of what is public it says nothing.
#[test]
fn what_is_public_is_used() {
    let all = code();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in all.iter().flat_map(|(_, text)| words(text)) {
        *counts.entry(word).or_default() += 1;
    }
    let kinds = ["fn ", "const ", "static ", "struct ", "enum ", "trait ", "type "];
    let mut complaints = Vec::new();
    for (path, text) in &all {
        let before = std::iter::once("").chain(text.lines().map(str::trim));
        let public = text
            .lines()
            .zip(before)
            .filter(|(line, before)| line.trim_start().starts_with("pub") && *before != "#[cfg(test)]");
        for name in public.filter_map(|(line, _)| declared(line, &kinds)) {
            if counts[name] == 1 && !FOR_TESTS.contains(&name) {
                complaints.push(format!("{}: nothing uses `{name}`", path.display()));
            }
        }
    }
    let is_needed = |name: &&str| counts.get(*name) == Some(&1);
    let superfluous = FOR_TESTS.iter().filter(|name| !is_needed(name));
    complaints.extend(superfluous.map(|name| format!("`{name}` need not be excepted any more")));
    none(complaints);
}
