//! What JSON from strangers must keep to before anything parses it.

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use ruma::api::error::DeserializationError;

/// Refuses JSON that nests deeper than [`limits::JSON_DEPTH_MAX`]; counts brackets outside of strings, so it needs no
/// parsing and no stack.
pub fn check_depth(body: &[u8]) -> Result<()> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > limits::JSON_DEPTH_MAX {
                    let message = format!("The JSON nests deeper than {} levels.", limits::JSON_DEPTH_MAX);
                    return Err(refuse(Reason::BadJson, message));
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Why a body could not be read: not JSON at all (`M_NOT_JSON`), or JSON of the wrong shape (`M_BAD_JSON`).
#[must_use]
pub fn explain(body: &[u8], why: &dyn std::fmt::Display) -> Error {
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Err(error) if !body.is_empty() => refuse(Reason::NotJson, format!("The body is not JSON: {error}")),
        _ => refuse(Reason::BadJson, format!("The request does not have the right shape: {why}")),
    }
}

/// Why a request of ruma's could not be read.
#[must_use]
pub fn explain_request(body: &[u8], why: &DeserializationError) -> Error {
    explain(body, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_inside_strings_do_not_count() {
        let text = format!(r#"{{"a":"{}\"["}}"#, "[".repeat(500));
        assert!(check_depth(text.as_bytes()).is_ok());
        assert!(check_depth("[".repeat(100_000).as_bytes()).is_err());
    }
}
