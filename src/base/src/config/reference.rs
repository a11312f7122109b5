//! Generates `docs/CONFIG.md` and `docs/hearth.example.toml` from the documentation of the sections.

use std::fmt::Write;

use super::{Config, Key, Section, Shape};

const MARKDOWN_INTRODUCTION: &str = r#"# Configuration

Hearth runs without any configuration, for users on the same machine. To change settings, write them into a TOML file
and start Hearth with `--config hearth.toml`; [hearth.example.toml](hearth.example.toml) has every key with its
default. `hearth check-config` reports mistakes.

**From the environment.** Every key is also an environment variable: `HEARTH_`, the section, two underscores, the key.
The variable overrides the file. Text is written without quotes; other values as in TOML or JSON. A list replaces the
one of the file. An empty variable unsets a key that can be unset.

```sh
HEARTH_SERVER__NAME=example.org
HEARTH_SERVER__TRUSTED_PROXIES='["10.0.0.0/8"]'
HEARTH_LISTENERS='[{ address = "0.0.0.0:8008", resources = ["client"] }]'
```

**Mistakes.** With an unknown key, an unknown `HEARTH_` variable or an invalid value, Hearth does not start; the error
names the place and the remedy. Variables that an orchestrator sets, such as `HEARTH_SERVICE_HOST`, only cause a
warning.

**Secrets.** For each key that holds a secret there is another whose name ends in `_file`: the path of a file with the
secret as its only line. Set one of the two. Secrets are never logged or shown.

**Units** are at the end of a key's name: `_ms` is milliseconds, `_kib` and `_mib` are 1024 and 1024 × 1024 bytes.
Paths that do not start with `/` are relative to the folder in which Hearth starts.

This file is generated from the declarations in `src/base/src/config/`.
"#;

const EXAMPLE_INTRODUCTION: &str = "\
# All settings with their defaults. To change a setting, remove the `#` before its key.
# CONFIG.md explains how to set them in the environment.
#
# This file is generated from src/base/src/config/.
";

/// The text of `docs/CONFIG.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let mut out = MARKDOWN_INTRODUCTION.to_owned();
    for key in Config::describe().keys {
        let (heading, section) = match key.shape {
            Shape::Table(section) => (format!("[{}]", key.name), section),
            Shape::Tables(section) => (format!("[[{}]]", key.name), section),
            Shape::Leaf(_) => continue,
        };
        line(&mut out, &format!("\n## `{heading}`\n\n{}", prose(section.about)));
        if heading.starts_with("[[") {
            line(&mut out, &format!("\n_Environment_ `{}`, as a list of tables.", variable(key.name)));
        }
        let prefix = if heading.starts_with("[[") { "" } else { key.name };
        let mut explained = Vec::new();
        for key in &section.keys {
            markdown_key(&mut out, prefix, key, &mut explained);
        }
    }
    out
}

/// One key. The keys of a table are explained at the first key of that type.
fn markdown_key(out: &mut String, section: &str, key: &Key, explained: &mut Vec<&'static str>) {
    let name = if section.is_empty() { key.name.to_owned() } else { format!("{section}.{}", key.name) };
    line(out, &format!("\n### `{name}`\n\n{}\n", prose(key.about)));
    line(out, &format!("- Value: {}", allowed(&key.shape)));
    line(
        out,
        &match (&key.default, key.example) {
            (Some(default), None) => format!("- Default: `{default}`"),
            (Some(default), Some(example)) => format!("- Default: `{default}`; an example: `{example}`"),
            (None, Some(example)) => format!("- Unset by default; an example: `{example}`"),
            (None, None) => "- Unset by default".to_owned(),
        },
    );
    if !section.is_empty() {
        line(out, &format!("- Environment: `{}`", variable(&name)));
    }
    if let Shape::Table(inner) = &key.shape
        && !explained.contains(&inner.name)
    {
        explained.push(inner.name);
        for key in &inner.keys {
            line(out, &format!("- `{}`: {} Value: {}.", key.name, prose(key.about), allowed(&key.shape)));
        }
    }
}

/// The text of `docs/hearth.example.toml`.
#[must_use]
pub fn example_toml() -> String {
    let mut out = EXAMPLE_INTRODUCTION.to_owned();
    for key in Config::describe().keys {
        let (heading, section) = match key.shape {
            Shape::Table(section) => (format!("[{}]", key.name), section),
            Shape::Tables(section) => (format!("[[{}]]", key.name), section),
            Shape::Leaf(_) => continue,
        };
        line(&mut out, &format!("\n{}\n{heading}", commented(section.about)));
        for key in &section.keys {
            line(&mut out, &format!("\n{}", commented(key.about)));
            let value = match (&key.default, key.example) {
                (Some(default), None) => default,
                (Some(default), Some(example)) => {
                    line(&mut out, &format!("# An example: {} = {example}", key.name));
                    default
                }
                (None, example) => {
                    line(&mut out, "# Unset by default; an example:");
                    example.unwrap_or("''")
                }
            };
            line(&mut out, &format!("#{} = {value}", key.name));
        }
    }
    out
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn allowed(shape: &Shape) -> String {
    match shape {
        Shape::Leaf(allowed) => allowed.to_string(),
        Shape::Table(Section { keys, .. }) | Shape::Tables(Section { keys, .. }) => {
            let names: Vec<_> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
            format!("a table with {}", names.join(" and "))
        }
    }
}

/// Doc comments have a space before each line.
fn prose(about: &str) -> String {
    about.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

fn commented(about: &str) -> String {
    about.lines().map(|line| format!("# {}", line.trim())).collect::<Vec<_>>().join("\n")
}

fn variable(key: &str) -> String {
    format!("HEARTH_{}", key.to_uppercase().replace('.', "__"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::super::schema::{Found, Reading, Value};
    use super::{example_toml, reference_markdown};
    use crate::config::Place;

    /// Compares a file of the repository with its generated text; with `HEARTH_BLESS=1`, writes it.
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, not a setting")]
    fn expect_file(name: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        if std::env::var("HEARTH_BLESS").is_ok() {
            std::fs::write(&path, text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == text, "docs/{name} is out of date: run the tests of hearth-base with HEARTH_BLESS=1");
    }

    fn read(text: &str) -> Config {
        let mut config = Config::default();
        let mut reading = Reading::new(Place::File("hearth.toml".into(), 1));
        config.set(&Found::document(text).unwrap(), &mut reading);
        assert_eq!(reading.problems, []);
        config
    }

    #[test]
    fn the_documents_are_up_to_date() {
        expect_file("CONFIG.md", &reference_markdown());
        expect_file("hearth.example.toml", &example_toml());
    }

    #[test]
    fn the_example_is_the_default() {
        let example = example_toml();
        assert_eq!(read(&example), Config::default());
        let (mut defaults, mut all, mut is_example) = (String::new(), String::new(), false);
        for line in example.lines() {
            let key = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
            let line = key.unwrap_or(line);
            all.push_str(&format!("{line}\n"));
            if !(is_example && key.is_some()) {
                defaults.push_str(&format!("{line}\n"));
            }
            is_example = line.starts_with("# Unset by default");
        }
        assert_eq!(read(&defaults), Config::default());
        read(&all);
    }

    #[test]
    fn every_key_is_explained() {
        fn look(section: &super::Section) {
            for key in &section.keys {
                assert!(key.about.trim().len() > 10, "{}.{}", section.name, key.name);
                if let super::Shape::Table(inner) | super::Shape::Tables(inner) = &key.shape {
                    look(inner);
                }
            }
        }
        look(&Config::describe());
    }
}
