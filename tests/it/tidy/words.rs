//! Identifiers use the words of the Matrix specification and the RFCs; a private vocabulary costs every newcomer time.

use std::collections::{BTreeMap, BTreeSet};

use super::source::crate_of;
use super::{files, is_test, none};

/// Parts of identifiers for which the field has another word: `resident` or `remote` for `distant`, `core` for `desk`.
const PRIVATE: [&str; 19] = [
    "whoever",
    "somebody",
    "nobody",
    "anybody",
    "everybody",
    "house",
    "town",
    "weather",
    "streets",
    "outcry",
    "crowd",
    "whereabouts",
    "massaged",
    "desk",
    "stub",
    "distant",
    "police",
    "beat",
    "vet",
];
/// Keywords that precede the name of an item.
const ITEMS: [&str; 10] = ["fn", "struct", "enum", "trait", "type", "mod", "const", "static", "def", "class"];
/// Keywords that precede the name of a type.
const TYPES: [&str; 4] = ["struct", "enum", "trait", "type"];
/// How many names of types with module-crossing visibility a crate may use for more than one type.
const SHARED_NAMES_MAX: usize = 5;

/// The parts of a `snake_case` or `CamelCase` name, in lower case.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut previous_lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && previous_lower) {
            parts.push(String::new());
        }
        if c.is_ascii_alphanumeric()
            && let Some(part) = parts.last_mut()
        {
            part.push(c.to_ascii_lowercase());
        }
        previous_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    parts
}

fn private_part(name: &str) -> Option<String> {
    parts(name).into_iter().find(|part| PRIVATE.contains(&part.as_str()))
}

/// The item that a line declares: its keyword and its name.
fn declared(line: &str) -> Option<(&str, &str)> {
    let code = line.trim_start();
    if code.starts_with("//") {
        return None;
    }
    let words: Vec<&str> = code.split_whitespace().collect();
    // `pub(in crate::rooms) async unsafe fn name` has five words before its name.
    words.windows(2).take(6).find(|pair| ITEMS.contains(&pair[0])).map(|pair| {
        let end = pair[1].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(pair[1].len());
        (pair[0], &pair[1][..end])
    })
}

#[test]
fn identifiers_use_the_words_of_the_field() {
    assert_eq!(parts("EndedCallOf2Users"), ["ended", "call", "of2", "users"]);
    assert_eq!(private_part("ask_somebody_else").as_deref(), Some("somebody"));
    assert_eq!(declared("    pub(in crate::rooms) async fn name<T>(&self) {"), Some(("fn", "name")));
    let mut complaints = Vec::new();
    for (path, text) in files(&[".rs", ".py"]) {
        for folder in path.iter().filter_map(|part| private_part(&part.to_string_lossy())) {
            complaints.push(format!("{}: `{folder}` in a name of a file", path.display()));
        }
        for (number, line) in text.lines().enumerate() {
            if let Some((keyword, name)) = declared(line)
                && let Some(part) = private_part(name)
            {
                complaints.push(format!("{}:{}: `{part}` in `{keyword} {name}`", path.display(), number + 1));
            }
        }
    }
    none(complaints);
}

#[test]
fn few_types_of_a_crate_share_a_name() {
    let mut places: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (path, text) in files(&[".rs"]).into_iter().filter(|(path, _)| !is_test(path)) {
        for line in text.lines().filter(|line| line.trim_start().starts_with("pub")) {
            if let Some((keyword, name)) = declared(line)
                && TYPES.contains(&keyword)
            {
                let key = (crate_of(&path).to_owned(), name.to_owned());
                places.entry(key).or_default().insert(path.display().to_string());
            }
        }
    }
    let mut shared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ((package, name), files) in places.into_iter().filter(|(_, files)| files.len() > 1) {
        shared
            .entry(package)
            .or_default()
            .push(format!("{name}: {}", files.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let too_many = shared.into_iter().filter(|(_, names)| names.len() > SHARED_NAMES_MAX);
    none(too_many.map(|(package, names)| format!("{package}:\n  {}", names.join("\n  "))).collect());
}
