//! The table of promises in docs/SECURITY.md names every attack, and every limit in it is the one in the code.

use std::collections::{BTreeMap, BTreeSet};

use super::{files, none, root};

/// The heading above the table.
const HEADING: &str = "## Promises and figures";
/// A limit stands this many words before its name at most, with its unit.
const WORDS_BETWEEN_MAX: usize = 8;
const MIB: f64 = 1_048_576.0;

/// The rows of the table, without its head.
fn rows() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docs/SECURITY.md")).expect("there is a SECURITY.md");
    let after = text.split_once(HEADING).expect("it has the table").1;
    let section = after.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .skip(1)
        .map(str::to_owned)
        .collect()
}

fn spans(row: &str) -> impl Iterator<Item = &str> {
    row.split('`').skip(1).step_by(2)
}

#[test]
fn the_table_of_promises_names_every_attack() {
    let scripts = files(&[".py"]).into_iter().filter(|(path, _)| path.starts_with("tests/attack/points"));
    let scripts: BTreeSet<String> = scripts
        .filter_map(|(path, _)| path.file_stem().and_then(|name| name.to_str()).map(str::to_owned))
        .filter(|name| name.starts_with('p'))
        .collect();
    let rows = rows();
    let is_attack = |span: &&str| span.starts_with('p') && span[1..].starts_with(|c: char| c.is_ascii_digit());
    let named: BTreeSet<String> = rows.iter().flat_map(|row| spans(row)).filter(is_attack).map(str::to_owned).collect();
    let missing = scripts.difference(&named).map(|name| format!("the table of promises lacks `{name}`"));
    let gone = named.difference(&scripts).map(|name| format!("`{name}` in the table of promises is no attack"));
    none(missing.chain(gone).collect());
    assert!(named.len() > 30, "the test looks in the wrong place");
}

/// What a product of numbers amounts to; `None` for other expressions.
fn product(expression: &str) -> Option<f64> {
    expression.split('*').map(|factor| factor.trim().replace('_', "").parse::<f64>().ok()).product()
}

/// All limits by name: constants of `limits`, defaults of `[quotas]`, and constants of the attacks' main program.
fn limits() -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for (path, text) in files(&[".rs", ".py"]) {
        let path = path.to_string_lossy();
        for line in text.lines().map(str::trim) {
            let (name, value) = if path.starts_with("src/base/src/limits") {
                let Some(rest) = line.strip_prefix("pub const ") else { continue };
                let Some((name, rest)) = rest.split_once(": ") else { continue };
                (name.to_owned(), rest.split_once(" = ").map_or("", |(_, value)| value.trim_end_matches(';')))
            } else if path == "src/base/src/config/quotas.rs" {
                let Some((name, value)) = line.split_once(": u32 = ") else { continue };
                (format!("quotas.{name}"), value.trim_end_matches(','))
            } else if path == "tests/attack/main.py" {
                let Some((name, value)) = line.split_once(" = ") else { continue };
                (name.to_owned(), value)
            } else {
                continue;
            };
            found.extend(product(value).map(|value| (name, value)));
        }
    }
    found
}

/// The factor of a unit in a sentence: of bytes or of milliseconds; others are counts.
fn unit(word: &str) -> f64 {
    match word.trim_matches(|c: char| !c.is_alphanumeric()) {
        "KiB" => 1_024.0,
        "MiB" => MIB,
        "GiB" => 1_024.0 * MIB,
        "s" | "seconds" => 1_000.0,
        "minutes" => 60_000.0,
        "hours" => 3_600_000.0,
        "days" => 86_400_000.0,
        _ => 1.0,
    }
}

/// The factor of the unit in a constant's name.
fn unit_of_name(name: &str) -> f64 {
    let name = name.to_uppercase();
    let has = |part: &str| name.split(['_', '.']).any(|word| word == part);
    if has("MIB") {
        MIB
    } else if has("S") {
        1_000.0
    } else {
        1.0
    }
}

/// The last number before a name in parentheses, with its unit.
fn stated(before: &str) -> Option<f64> {
    let words: Vec<&str> =
        before.trim_end_matches(['(', ' ']).split_whitespace().rev().take(WORDS_BETWEEN_MAX).collect();
    let number = |word: &str| word.trim_matches(|c: char| !c.is_ascii_digit()).replace(',', "").parse::<f64>().ok();
    let at = words.iter().position(|word| number(word).is_some())?;
    Some(number(words[at])? * at.checked_sub(1).map_or(1.0, |next| unit(words[next])))
}

#[test]
fn the_table_of_promises_states_the_limits_of_the_code() {
    let (known, mut complaints, mut checked) = (limits(), Vec::new(), 0);
    for row in rows() {
        for (at, name) in spans(&row).enumerate() {
            let is_limit = name.starts_with("quotas.")
                || name.contains('_') && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            if !is_limit {
                continue;
            }
            let before: String = row.split('`').take(2 * at + 1).collect::<Vec<_>>().join("`");
            let Some(value) = known.get(name) else {
                complaints.push(format!("`{name}` in the table of promises is no limit"));
                continue;
            };
            checked += 1;
            let value = value * unit_of_name(name);
            if stated(&before) != Some(value) {
                complaints.push(format!("`{name}` is {value}, and the table of promises states {:?}", stated(&before)));
            }
        }
    }
    none(complaints);
    assert!(checked > 20, "only {checked} limits found: the test looks in the wrong place");
}

#[test]
fn limits_are_read_as_a_reader_would() {
    assert_eq!(product("8 * 1024 * 1024"), Some(8.0 * MIB));
    assert_eq!(product("Duration::from_secs(3)"), None);
    assert_eq!(stated("| 3 attacks | at most 64 KiB ("), Some(65_536.0));
    assert_eq!(stated("at most 16,384 connections, and 30 days ("), Some(30.0 * 86_400_000.0));
    assert_eq!(stated("no number ("), None);
    assert_eq!((unit_of_name("RSS_MIB_MAX"), unit_of_name("quotas.media_mib")), (MIB, MIB));
    assert_eq!(
        (unit_of_name("STOP_S_MAX"), unit_of_name("BODY_MS_MAX"), unit_of_name("UIA_SESSIONS_MAX")),
        (1_000.0, 1.0, 1.0)
    );
}

/// Runs `compare.py` on two result files; `None` without Python.
fn compared(old: &str, new: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [("old", old), ("new", new)].map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    });
    let script = root().join("tests/attack/compare.py");
    let ran = std::process::Command::new("python3").arg(script).args(files).output().ok()?;
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(String::from_utf8(ran.stdout).expect("UTF-8"))
}

#[test]
fn two_runs_of_the_attacks_make_one_table() {
    // As `tests/attack/run --json` prints them, with what a shell may put around them.
    let old = concat!(
        "warming up\n",
        r#"{"attack":"p2_a","promise":"8 MiB","figures":{"rss_more_mib":96.4,"sync_ms":{"max":40},"rows":700},"broken":["x"]}"#,
        "\n",
        r#"{"attack":"p3_b","promise":"held","figures":{},"broken":["it could not be carried out"]}"#,
    );
    let new = concat!(
        r#"{"attack":"p2_a","promise":"8 MiB","figures":{"rss_more_mib":-3.0,"sync_ms":{"max":9},"rows":139},"broken":[]}"#,
        "\n",
        r#"{"attack":"p6_c","promise":"none lost","figures":{"skipped":"needs root"},"broken":[]}"#,
    );
    let Some(table) = compared(old, new) else { return };
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(
        rows,
        [
            "| `p2_a` | 8 MiB | +96 MiB, sync 40 ms, rows 700; **1 broken** | +0 MiB, sync 9 ms, rows 139; held |",
            "| `p3_b` | held | **not carried out** | - |",
            "| `p6_c` | none lost | - | skipped: needs root |",
        ]
    );
}
