//! Canonical JSON (appendices, "Canonical JSON"), checked on all input that is sent to other servers.
//!
//! A federation request is signed over its canonical form. JSON without one (fractions, integers beyond 2^53, lone
//! surrogates) cannot be sent at all, so it must be refused on input.

use hearth_base::{Error, Result};
use ruma::canonical_json::CanonicalJsonValue;

/// `M_BAD_JSON` for JSON without a canonical form; `what` names it in the error. Of two equal keys the last counts, as
/// on every other server.
pub fn check(what: &str, json: &str) -> Result<()> {
    let refused = |error| {
        Error::bad_json(format!("{what} is not canonical JSON (no fractions, integers within \u{b1}(2^53-1)): {error}"))
    };
    serde_json::from_str::<CanonicalJsonValue>(json).map(drop).map_err(refused)
}

/// `M_BAD_JSON` for JSON that clients cannot parse (lone surrogates, nesting beyond 128 levels), although `RawValue`
/// accepts it. Fractions are allowed: other servers send them to devices, and they go no further.
pub fn check_readable(what: &str, json: &str) -> Result<()> {
    let refused = |error| Error::bad_json(format!("{what} is not JSON: {error}"));
    serde_json::from_str::<serde_json::Value>(json).map(drop).map_err(refused)
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
        assert!(check("This", r#"{"a":[-9007199254740991,null,true,"\u0000"]}"#).is_ok());
    }
}
