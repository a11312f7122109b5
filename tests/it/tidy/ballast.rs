//! Finds unused dependencies, settings and public items.

use std::collections::HashMap;
use std::fs;

use super::source::{CRATES, around, code, crate_of, declared, words};
use super::{files, none, root};

/// Dependencies that no line of Rust names, with the reason to keep them.
const NAMED_FOR_A_REASON: [(&str, &str); 0] = [];

/// Items that only tests of other crates, the harness or an example use. Each stays because it is the only way to test
/// something.
const FOR_TESTS: [&str; 10] = [
    // The harness: a server on a simulated network, and cheap password hashes.
    "start_with_network",
    "cheap",
    // Access to a store from outside of an async runtime.
    "snapshot_blocking",
    "check_blocking",
    // The place where tests interrupt an action.
    "before_writes",
    // The relay's invariants, which its tests and its fuzzer check.
    "assert_invariants",
    "allocation_owners",
    // Attributes and keys of RFC 8489 that only its test vectors use.
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

/// The packages in a manifest's dependency tables.
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

/// A section of the configuration: its type and its keys.
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
            // The loader reads `x_file` and stores its contents in `x`.
            if key.strip_suffix("_file").is_some_and(|value| keys.iter().any(|other| other == value)) {
                continue;
            }
            let is_field = |(before, after): (&str, &str)| before.ends_with('.') && !after.starts_with('(');
            let reads = |text: &str| around(text, key).any(is_field);
            // If several sections have a key of this name, the code that reads it must name this section.
            let field = snake(kind);
            let knows = |text: &str| around(text, kind).next().is_some() || around(text, &field).any(is_field);
            let is_read = others.iter().any(|(_, text)| reads(text) && (homes[key.as_str()] == 1 || knows(text)));
            // Use in the configuration's own methods counts, too.
            if !is_read && !config.iter().any(|(_, text)| reads(&without_checks(text)) && knows(text)) {
                complaints.push(format!("nothing reads `{key}` of {kind}"));
            }
        }
    }
    none(complaints);
}

/// The `section!` declarations: keys are the lines with an indent of eight spaces.
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

/// Removes `check` functions, because a setting that is only validated is unused.
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

/// The field name of a type: `rate_limits` for `RateLimits`.
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

/// The compiler finds dead code within a crate, but not unused public items.
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
