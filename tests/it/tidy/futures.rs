//! The futures of the domain are compiled in their own crate; see `hearth_boxed`.

use super::none;
use super::source::code;

const CRATES: [&str; 4] = ["src/rooms", "src/users", "src/federation", "src/domain"];

/// Called for each piece of a file, or with a lifetime that the attribute cannot name.
const UNBOXED: [&str; 3] = ["begin_copy", "finish", "write"];

/// Whether the line declares a function that is compiled where it is called, boxed or not.
fn is_generic(declaration: &str) -> bool {
    let arguments = declaration.split(" -> ").next().unwrap_or_default();
    let parameters = arguments.split('(').next().and_then(|head| head.split_once('<'));
    parameters.is_some_and(|(_, names)| names.contains(char::is_uppercase)) || arguments.contains("impl ")
}

#[test]
fn public_futures_of_the_domain_are_boxed() {
    let mut complaints = Vec::new();
    let mut boxed = 0;
    for (path, text) in code() {
        if !CRATES.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let Some((_, after)) = line.split_once("pub async fn ") else { continue };
            let declaration: String = lines[number..].iter().take_while(|line| !line.ends_with(';')).copied().collect();
            let declaration = declaration.split('{').next().unwrap_or_default();
            let name = after.split(['(', '<']).next().unwrap_or_default();
            if lines[..number]
                .iter()
                .rev()
                .take_while(|line| line.trim_start().starts_with('#'))
                .any(|line| line.trim() == "#[boxed]")
            {
                boxed += 1;
            } else if !is_generic(declaration) && !UNBOXED.contains(&name) {
                complaints.push(format!("{}: `{name}` lacks `#[boxed]`", path.display()));
            }
        }
    }
    assert!(boxed > 100, "the test finds the attribute");
    none(complaints);
}
