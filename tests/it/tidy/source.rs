//! Source text search for the rules: words, and code without comments and tests.

use std::path::{Path, PathBuf};

use super::{files, is_test};

/// The crates by folder; the root crate last, because its folder contains the others.
pub(super) const CRATES: [&str; 18] = [
    "src/net",
    "src/boxed",
    "src/base",
    "src/store",
    "src/core",
    "src/rooms",
    "src/users",
    "src/federation",
    "src/domain",
    "src/remote",
    "src/certificates",
    "src/http",
    "src/setup",
    "admin",
    "turn",
    "media",
    "packaging/manuals",
    "",
];

/// The folder of the crate that a file belongs to.
pub(super) fn crate_of(path: &Path) -> &'static str {
    CRATES.into_iter().find(|folder| path.starts_with(folder)).unwrap_or_default()
}

/// The program's source files without comments, test files and test modules.
pub(super) fn code() -> Vec<(PathBuf, String)> {
    let is_code = |path: &Path| {
        let apart = ["benches", "examples", "fuzzing", "fuzz"];
        !is_test(path)
            && !path.ends_with("samples.rs")
            && !path.components().any(|part| apart.iter().any(|name| part.as_os_str() == *name))
    };
    let code = files(&[".rs"]).into_iter().filter(|(path, _)| is_code(path));
    code.map(|(path, text)| (path, without_tests(&text))).collect()
}

fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of a text: identifiers, keywords and numbers.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty())
}

/// The text before and after each occurrence of `word` as a whole word.
pub(super) fn around<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = (&'t str, &'t str)> {
    text.match_indices(word).filter_map(move |(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        let is_whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        is_whole.then_some((before, after))
    })
}

/// The name that a line declares, if it declares one of these kinds (`"fn "`, `"const "`, ...), whatever its
/// visibility.
pub(super) fn declared<'l>(line: &'l str, kinds: &[&str]) -> Option<&'l str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1.trim_start(),
        Some(rest) => rest.strip_prefix(' ')?,
        None => line,
    };
    let is_function = |before: &str| before.split_whitespace().all(|word| ["const", "async", "unsafe"].contains(&word));
    let rest = match line.split_once("fn ").filter(|(before, _)| is_function(before)) {
        Some((_, rest)) if kinds.contains(&"fn ") => rest,
        Some(_) => return None,
        None => kinds.iter().find_map(|kind| line.strip_prefix(kind))?,
    };
    words(rest).next()
}

#[test]
fn words_are_found_whole() {
    let found: Vec<_> = around("a.push(x); b.pushes; self.push", "push").map(|(_, after)| after).collect();
    assert_eq!(found, ["(x); b.pushes; self.push", ""]);
    let all = ["fn ", "const "];
    assert_eq!(declared("    pub(super) async fn go_on(&self) {", &all), Some("go_on"));
    assert_eq!(declared("pub const A_MAX: usize = 1;", &all), Some("A_MAX"));
    assert_eq!(declared("const fn few() {}", &all), Some("few"));
    assert_eq!(declared("let const_ = 1;", &all), None);
    assert_eq!(without_tests("a\n// b\n#[cfg(test)]\nmod tests {\nc"), "a\n");
}
