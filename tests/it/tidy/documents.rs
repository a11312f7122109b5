//! Documents name files that exist, so that a rename cannot leave stale names behind.

use super::{files, none, root};

/// Folders at the root of the repository; a code span that begins with one of them is a path from the root.
const FOLDERS: [&str; 9] = ["src/", "docs/", "tests/", "admin/", "turn/", "media/", "benches/", ".ci/", "packaging/"];

/// The text between backticks outside of code blocks, with its line number.
fn code_spans(text: &str) -> Vec<(usize, &str)> {
    let (mut spans, mut in_block) = (Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            spans.extend(line.split('`').skip(1).step_by(2).map(|span| (number + 1, span)));
        }
    }
    spans
}

#[test]
fn documents_name_files_that_exist() {
    let sources: Vec<String> = files(&[".rs"]).iter().map(|(path, _)| path.display().to_string()).collect();
    let (mut complaints, mut checked) = (Vec::new(), 0);
    let mut documents = files(&[".md"]);
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    documents.push(("README.md".into(), readme));
    for (path, text) in &documents {
        for (line, span) in code_spans(text).into_iter().filter(|(_, span)| !span.contains(' ')) {
            let exists = if FOLDERS.iter().any(|folder| span.starts_with(folder)) {
                root().join(span).exists()
            } else if span.ends_with(".rs") {
                // Paths in a walkthrough are relative to the folder of the previous step.
                sources.iter().any(|source| source.ends_with(&format!("/{span}")))
            } else {
                continue;
            };
            checked += 1;
            if !exists {
                complaints.push(format!("{}:{line}: `{span}` does not exist", path.display()));
            }
        }
    }
    none(complaints);
    assert!(checked > 100, "only {checked} paths found: the test looks in the wrong place");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut complaints = Vec::new();
    let mut documents = files(&[".md"]);
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    documents.push(("README.md".into(), readme));
    for (path, text) in &documents {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let folder = root().join(path.parent().expect("a file lies in a folder"));
            if !folder.join(target).exists() {
                complaints.push(format!("{}: the link to {target} leads nowhere", path.display()));
            }
        }
    }
    none(complaints);
}
