//! Messages and documents name only commands and settings that exist, because a user who follows them is in
//! trouble already.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use hearth_base::config::{Config, Section, Shape};

use super::{files, is_test, none, root};

/// Endings of file names that look like keys of a section, such as `turn.rs`.
const ENDINGS: [&str; 9] = ["rs", "md", "toml", "sql", "py", "db", "sock", "json", "yaml"];

/// Sources and documents, with their text. A string literal that goes on in the next line is one line.
fn texts() -> Vec<(PathBuf, String)> {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    let mut found = files(&[".rs", ".md", ".service"]);
    found.retain(|(path, _)| {
        !is_test(path)
            && !path.ends_with("samples.rs")
            && !path.starts_with("benches")
            && !path.ends_with("CHANGELOG.md")
    });
    found.push(("README.md".into(), readme));
    found.into_iter().map(|(path, text)| (path, joined(&text))).collect()
}

fn joined(text: &str) -> String {
    let mut out = String::new();
    let mut goes_on = false;
    for line in text.lines() {
        let line = if goes_on { line.trim_start() } else { line };
        goes_on = line.ends_with('\\');
        out.push_str(line.trim_end_matches('\\'));
        if !goes_on {
            out.push('\n');
        }
    }
    out
}

/// What stands between backticks, and, in documents and examples, lines that begin with the program's name.
fn spans<'t>(path: &Path, text: &'t str) -> Vec<(usize, &'t str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        found.extend(line.split('`').skip(1).step_by(2).map(|span| (number + 1, span)));
        let example = line.trim_start().trim_start_matches("$ ").trim_start_matches("sudo ");
        let is_example = path.extension().is_some_and(|extension| extension == "md") || path.starts_with("src/cli");
        if is_example && example.starts_with("hearth ") && !line.contains('`') {
            // The explanation of an example stands after several spaces.
            found.push((number + 1, example.split("  ").next().unwrap_or(example)));
        }
    }
    found
}

/// The words of a command up to a pipe, without quotes.
fn words(span: &str) -> Vec<String> {
    let command = span.split(['|', '>', ';', '#', '&']).next().unwrap_or_default();
    command.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()
}

/// Why the program does not understand a command; `None` if it does, or if only required arguments are missing.
fn misunderstood(span: &str) -> Option<String> {
    let error = hearth::cli::Cli::try_parse_from(words(span)).err()?;
    let incomplete = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::MissingSubcommand
            | ErrorKind::MissingRequiredArgument
    );
    (!incomplete).then(|| error.to_string().lines().next().unwrap_or_default().to_owned())
}

#[test]
fn commands_that_are_named_exist() {
    assert_eq!(misunderstood("hearth ctl users create NAME --admin"), None);
    assert_eq!(misunderstood("hearth ctl status --config x --json"), None);
    assert!(misunderstood("hearth dance").is_some() && misunderstood("hearth serve --fast").is_some());
    let (mut complaints, mut checked) = (Vec::new(), 0);
    for (path, text) in texts() {
        for (line, span) in spans(&path, &text) {
            // Lower-case letters after the name: `hearth ctl` is a command, `hearth (1)` is prose.
            let command =
                span.strip_prefix("hearth ").filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
            if command.is_none() {
                continue;
            }
            checked += 1;
            complaints.extend(misunderstood(span).map(|why| format!("{}:{line}: `{span}`: {why}", path.display())));
        }
    }
    none(complaints);
    assert!(checked > 40, "only {checked} commands found: the test looks in the wrong place");
}

/// All keys of the configuration at every level, such as `server` and `server.name`.
fn keys(section: &Section, path: &str, found: &mut BTreeSet<String>) {
    for key in &section.keys {
        let path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        if let Shape::Table(section) | Shape::Tables(section) = &key.shape {
            keys(section, &path, found);
        }
        found.insert(path);
    }
}

/// The key that a span names, such as `registration.mode` in `registration.mode = "token"`.
fn key(span: &str) -> Option<&str> {
    let key = span.split([' ', '=']).next()?;
    let plain = key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.');
    let (_, last) = key.rsplit_once('.').filter(|_| plain)?;
    (!last.is_empty() && !ENDINGS.contains(&last)).then_some(key)
}

#[test]
fn settings_that_are_named_exist() {
    assert_eq!(key("registration.mode = \"token\""), Some("registration.mode"));
    assert_eq!((key("turn.rs"), key("etc."), key("Some.thing"), key("server")), (None, None, None, None));
    let mut known = BTreeSet::new();
    keys(&Config::describe(), "", &mut known);
    assert!(known.contains("listeners.tls.key_file") && known.contains("rate_limits.login.burst"), "{known:?}");
    let (mut complaints, mut checked) = (Vec::new(), 0);
    for (path, text) in texts() {
        for (line, span) in spans(&path, &text) {
            let Some(key) = key(span) else { continue };
            let section = key.split('.').next().unwrap_or_default();
            if !known.contains(section) {
                continue;
            }
            checked += 1;
            if !known.contains(key) {
                complaints.push(format!("{}:{line}: there is no setting `{key}`", path.display()));
            }
        }
    }
    none(complaints);
    assert!(checked > 60, "only {checked} settings found: the test looks in the wrong place");
}
