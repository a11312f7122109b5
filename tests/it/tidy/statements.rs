//! Every SQL statement is in the list of those that are prepared on both engines
//! (`src/store/src/contract/statements.rs`), so that a test finds a statement that PostgreSQL rejects, and not a user.

use std::fs;

use super::source::{around, code, words};
use super::{none, root};

const KEYWORDS: [&str; 5] = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WITH "];

/// Statements that cannot be prepared on a complete database: the one that creates its first table.
const EXCEPT: [&str; 1] = ["CREATE_META"];

#[test]
fn every_statement_is_prepared_on_both_engines() {
    let mut complaints = Vec::new();
    let store = code()
        .into_iter()
        .filter(|(path, _)| path.starts_with("src/store/src") && !path.starts_with("src/store/src/engine"));
    let tables = fs::read_to_string(root().join("src/store/src/tables/mod.rs")).expect("the list of tables");
    let mut found = 0;
    for (path, text) in store {
        let listed =
            text.split("const STATEMENTS: ").nth(1).and_then(|list| list.split(';').next()).unwrap_or_default();
        let names: Vec<&str> = words(listed).collect();
        for name in constants(&text) {
            found += 1;
            if !names.contains(&name) && !EXCEPT.contains(&name) {
                complaints.push(format!("{}: {name} is not in STATEMENTS", path.display()));
            }
        }
        let module = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let is_table = path.starts_with("src/store/src/tables") && !names.is_empty() && module != "mod";
        if is_table && !around(&tables, module).any(|(_, after)| after.starts_with("::STATEMENTS")) {
            complaints.push(format!("{}: its STATEMENTS are not in tables/mod.rs", path.display()));
        }
        // SQL that is not a constant cannot be listed.
        for call in ["execute(\"", "one(\"", "all(\"", "int(\"", "exists(\"", "query(\""] {
            if text.contains(call) {
                complaints.push(format!("{}: a statement stands in a call of `{call}`", path.display()));
            }
        }
    }
    assert!(found > 200, "only {found} statements: the test looks for them in the wrong way");
    none(complaints);
}

/// The constants of a file that contain SQL, or that a macro builds from SQL.
fn constants(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (before, after) in around(text, "const") {
        let line = before.rsplit('\n').next().unwrap_or_default();
        let Some((name, value)) = after.split_once(": &str =") else { continue };
        if !(line.is_empty() || line.starts_with("pub")) || name.contains('\n') {
            continue;
        }
        let value = value.trim_start();
        let is_macro = value.split('(').next().is_some_and(|start| start.ends_with('!'));
        if is_macro || KEYWORDS.iter().any(|keyword| value.trim_start_matches('"').starts_with(keyword)) {
            found.extend(words(name).next());
        }
    }
    found
}
