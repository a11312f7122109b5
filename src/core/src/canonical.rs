//! Canonical JSON (appendices, "Canonical JSON"), checked on all input that is sent to other servers.
//!
//! A federation request is signed over its canonical form. JSON without one (fractions, integers beyond 2^53, lone
//! surrogates) cannot be sent at all, so it must be refused on input.

use hearth_base::{Error, Result, limits};
use ruma::canonical_json::CanonicalJsonValue;

/// `M_BAD_JSON` for JSON without a canonical form; `what` names it in the error. Of two equal keys the last counts, as
/// on every other server.
pub fn check(what: &str, json: &str) -> Result<()> {
    let refused = |error| {
        Error::bad_json(format!("{what} is not canonical JSON (no fractions, integers within \u{b1}(2^53-1)): {error}"))
    };
    serde_json::from_str::<CanonicalJsonValue>(json).map(drop).map_err(refused)
}

/// `M_BAD_JSON` for JSON that clients cannot parse (lone surrogates, nesting beyond [`limits::JSON_DEPTH_MAX`]), although
/// `RawValue` accepts it. Fractions are allowed: other servers send them to devices, and they go no further.
pub fn check_readable(what: &str, json: &str) -> Result<()> {
    let refused = |error| Error::bad_json(format!("{what} is not JSON: {error}"));
    let value: serde_json::Value = serde_json::from_str(json).map_err(refused)?;
    if depth(&value) > limits::JSON_DEPTH_MAX {
        return Err(Error::bad_json(format!("{what} nests deeper than {} levels.", limits::JSON_DEPTH_MAX)));
    }
    Ok(())
}

/// The levels of a value. The parser has bounded them, so this cannot exhaust the stack.
fn depth(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        serde_json::Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_signed_is_refused() {
        for bad in ["1.5", "1.0", "1e300", "-0", "9007199254740992", "9223372036854775808", "18446744073709551616"] {
            assert!(check("This", &format!("{{\"n\":[{bad}]}}")).is_err(), "{bad}");
            assert!(check_readable("This", &format!("{{\"n\":[{bad}]}}")).is_ok(), "{bad}");
        }
        for bad in [r#"{"a":"\ud800"}"#, r#"{"\ud800":1}"#] {
            assert!(check("This", bad).is_err() && check_readable("This", bad).is_err(), "{bad}");
        }
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(check_readable("This", &nested(limits::JSON_DEPTH_MAX)).is_ok());
        // A client's parser that stops at 128 levels would refuse the whole answer that this stands in.
        assert!(check_readable("This", &nested(limits::JSON_DEPTH_MAX + 1)).is_err());
        assert!(check("This", r#"{"a":[-9007199254740991,null,true,"\u0000"]}"#).is_ok());
    }
}
