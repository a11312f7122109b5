//! All limits are in `limits`, so that a reader sees at a glance how much work remote parties can cause.

use super::none;
use super::source::{code, crate_of, declared};

/// Limits that are defined elsewhere, one per line: crate and name: mostly those of the dashboard, the relay and the media
/// crate, which do not know `limits`. The list may only shrink.
const ELSEWHERE: &str = include_str!("bounds_elsewhere.txt");

/// The maximum length of the list. Lower it with the list; never raise it.
const ELSEWHERE_MAX: usize = 28;

#[test]
fn bounds_stand_in_limits() {
    let mut open: Vec<&str> = ELSEWHERE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(open.len() <= ELSEWHERE_MAX, "{} bounds elsewhere; at most {ELSEWHERE_MAX}", open.len());
    let mut complaints = Vec::new();
    for (path, text) in
        code().iter().filter(|(path, _)| !path.starts_with("src/base/src/limits") && !path.ends_with("limits.rs"))
    {
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
