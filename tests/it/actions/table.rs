//! The table of all actions and their durability. It repeats what their documentation promises, so that a change is
//! noticed, and compares it with the code.

use std::collections::BTreeMap;
use std::path::Path;

const TABLE: &str = include_str!("table.txt");

/// Collects each `pub async fn` with the preceding `Durability:` line.
fn actions() -> (BTreeMap<String, String>, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain/src/actions");
    let (mut found, mut bodies) = (BTreeMap::new(), String::new());
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("a folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    for file in files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = std::fs::read_to_string(&file).expect("text");
        let mut promise: Option<String> = None;
        for line in text.lines().map(str::trim) {
            if let Some(doc) = line.strip_prefix("///") {
                match (doc.trim().strip_prefix("Durability: "), &mut promise) {
                    (Some(begin), _) => promise = Some(begin.to_owned()),
                    (None, Some(promise)) if !doc.trim().is_empty() => *promise = format!("{promise} {}", doc.trim()),
                    _ => {}
                }
            } else if let Some(name) = line.strip_prefix("pub async fn ") {
                let name = name.split(['(', '<']).next().expect("a name").to_owned();
                if !["run_durable", "run_delayed", "settled"].contains(&name.as_str()) {
                    let promise = promise.take().unwrap_or_else(|| unreachable!("{name} does not say how it ends"));
                    found.insert(name, promise);
                }
                promise = None;
            } else if !line.starts_with("#[") {
                promise = None;
            }
        }
        bodies.push_str(&text);
    }
    (found, bodies)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a switch for who runs the tests")]
fn every_action_says_how_it_ends() {
    let (found, _) = actions();
    let table: String = found.iter().map(|(name, promise)| format!("{name}: {promise}\n")).collect();
    if std::env::var("HEARTH_BLESS").is_ok() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/actions/table.txt");
        std::fs::write(path, &table).expect("the table is written");
        return;
    }
    assert_eq!(table, TABLE, "actions have changed; HEARTH_BLESS=1 writes the table anew");
}

#[test]
fn what_is_promised_to_be_finished_is_on_a_task_of_its_own() {
    let (found, text) = actions();
    let source = |name: &str| {
        let begin = text.find(&format!("pub async fn {name}(")).expect("an action");
        let rest = &text[begin..];
        let end = rest.find("\n    }\n").expect("an end");
        rest[..end].to_owned()
    };
    let (mut finished, mut durable) = (0, 0);
    for (name, promise) in &found {
        let body = source(name);
        let is_finished = ["self.finish(", "durably(", "self.close_account("].iter().any(|way| body.contains(way));
        let says_so = promise.starts_with("finished") || promise.contains("durable job");
        assert_eq!(is_finished, says_so, "{name}: {promise}");
        finished += usize::from(promise.starts_with("finished"));
        durable += usize::from(promise.contains("durable job"));
    }
    assert!(finished >= 4 && durable >= 8, "{finished} finished, {durable} durable: this test would see nothing");
}
