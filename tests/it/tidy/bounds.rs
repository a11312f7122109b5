//! Every bound in `limits`, so that a reader sees at a glance what a stranger can make the server do.

use super::none;
use super::source::{code, crate_of, declared};

/// Bounds that stand elsewhere, one a line: crate and name. The list only becomes shorter: new bounds go into `limits`,
/// and what moves there is taken out of the list.
const ELSEWHERE: &str = include_str!("bounds_elsewhere.txt");

/// How long the list may be. Lower it with the list; never raise it.
const ELSEWHERE_MAX: usize = 193;

#[test]
fn bounds_stand_in_limits() {
    let mut open: Vec<&str> = ELSEWHERE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(open.len() <= ELSEWHERE_MAX, "{} bounds elsewhere; at most {ELSEWHERE_MAX}", open.len());
    let mut complaints = Vec::new();
    for (path, text) in code().iter().filter(|(path, _)| !path.ends_with("limits.rs")) {
        for name in text.lines().filter_map(|line| declared(line, &["const "])) {
            if !["_MAX", "_WAIT", "_EVERY"].iter().any(|end| name.ends_with(end)) {
                continue;
            }
            let folder = crate_of(path);
            let entry = format!("{} {name}", if folder.is_empty() { "." } else { folder });
            match open.iter().position(|listed| *listed == entry) {
                Some(at) => _ = open.swap_remove(at),
                None => complaints.push(format!("{}: `{name}` belongs into `limits`", path.display())),
            }
        }
    }
    let gone = open.iter().map(|entry| format!("`{entry}` is gone: take it out of tidy/bounds_elsewhere.txt"));
    complaints.extend(gone);
    none(complaints);
}
