//! JSON for a terminal: the same values, with nothing in it that a terminal obeys or a reader cannot see.

use super::{Class, class};

/// `json` with C1 controls, direction controls, zero-width and other invisible characters escaped as JSON escapes characters.
///
/// JSON has such characters inside strings only, where the escape means the same, so a parser reads what it would have read.
pub fn safe_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // ASCII controls inside strings are escaped already; between values they are the line breaks of the layout.
        if c.is_ascii() || !matches!(class(c), Class::Control | Class::Invisible) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::safe_json;

    #[test]
    fn terminals_obey_nothing_and_parsers_read_the_same() {
        let hostile = serde_json::json!({ "name": "a\u{9b}2J\u{202e}b\u{200b}\u{e0001}\u{7f}\u{1b}[0m ä 👩‍🔬" });
        let pretty = serde_json::to_string_pretty(&hostile).unwrap();
        let safe = safe_json(&pretty);
        for bad in ['\u{9b}', '\u{202e}', '\u{200b}', '\u{e0001}', '\u{1b}'] {
            assert!(!safe.contains(bad), "{bad:?} in {safe}");
        }
        assert!(safe.contains('ä') && safe.contains('\n'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), hostile);
    }
}
