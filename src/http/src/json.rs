//! Checks on untrusted JSON before the parser runs, and the error codes for what it refuses.

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use ruma::api::error::DeserializationError;

/// Fails when the JSON nests deeper than [`limits::JSON_DEPTH_MAX`].
pub fn check_depth(body: &[u8]) -> Result<()> {
    check_depth_within(body, limits::JSON_DEPTH_MAX)
}

/// Fails when the JSON is not UTF-8 (`M_NOT_JSON`) or nests deeper than `depth_max`. Counts brackets outside of
/// strings, so deep nesting costs neither parsing nor stack.
///
/// UTF-8 is checked here because the parser validates only the strings that it reads: invalid bytes in a skipped field
/// would go unnoticed.
pub fn check_depth_within(body: &[u8], depth_max: usize) -> Result<()> {
    if let Err(error) = std::str::from_utf8(body) {
        return Err(refuse(Reason::NotJson, format!("The body is not JSON, which is UTF-8: {error}.")));
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > depth_max {
                    let message = format!("The JSON nests deeper than {depth_max} levels.");
                    return Err(refuse(Reason::BadJson, message));
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Why a body failed to parse: not JSON at all (`M_NOT_JSON`), or JSON of the wrong shape (`M_BAD_JSON`).
#[must_use]
pub fn explain(body: &[u8], why: &dyn std::fmt::Display) -> Error {
    explained(body, why, Reason::BadJson)
}

fn explained(body: &[u8], why: &dyn std::fmt::Display, missing: Reason) -> Error {
    if let Err(error) = std::str::from_utf8(body) {
        return refuse(Reason::NotJson, format!("The body is not JSON, which is UTF-8: {error}."));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Err(error) if !body.is_empty() => refuse(Reason::NotJson, format!("The body is not JSON: {error}")),
        _ => wrong_shape(body, &why.to_string(), missing),
    }
}

/// Why a client's request failed to parse: as [`explain`], and `M_MISSING_PARAM` for a body without a required field;
/// `M_MISSING_PARAM` and `M_INVALID_PARAM` for the query; `M_INVALID_PARAM` for identifiers and headers.
#[must_use]
pub fn explain_request(body: &[u8], why: &DeserializationError) -> Error {
    match why {
        DeserializationError::Query(error) => match quoted_after(&error.to_string(), "missing field `") {
            Some(name) => refuse(Reason::MissingParam, format!("The query has no `{name}`.")),
            None => Error::invalid(format!("The query is not right: {error}.")),
        },
        DeserializationError::Ident(error) => {
            Error::invalid(format!("An identifier in the path is not right: {error}."))
        }
        DeserializationError::Header(error) => Error::invalid(format!("A header is not right: {error}.")),
        other => explained(body, other, Reason::MissingParam),
    }
}

/// Names the offending field for the client. The parser's own message is written for programmers and is not sent.
fn wrong_shape(body: &[u8], why: &str, missing: Reason) -> Error {
    let object: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(body).ok();
    let Some(object) = object.or_else(|| body.is_empty().then(Default::default)) else {
        return Error::bad_json("The body must be a JSON object.");
    };
    match quoted_after(why, "missing field `") {
        // If the missing field is nested, the outer object that contains it is what is wrong.
        Some(name) if !object.contains_key(name) => refuse(missing, format!("The body has no `{name}`.")),
        Some(name) => Error::bad_json(format!("Something in the body has no `{name}`.")),
        None => match where_and_what(body, why) {
            Some((field, what)) => Error::bad_json(format!("`{field}` in the body is not right: {what}.")),
            None => Error::bad_json(format!("The body does not have the right shape: {why}")),
        },
    }
}

/// The path of the field where parsing failed, such as `filter.limit`, and the error. The parser reports only line and
/// column, so the path is derived from the text before them.
fn where_and_what<'a>(body: &[u8], why: &'a str) -> Option<(String, &'a str)> {
    let (what, place) = why.rsplit_once(" at line ")?;
    let (line, column) = place.split_once(" column ")?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.trim_end_matches('.').parse().ok()?);
    let before: usize = body.split(|byte| *byte == b'\n').take(line.checked_sub(1)?).map(|line| line.len() + 1).sum();
    let read = body.get(..before.checked_add(column)?.min(body.len()))?;
    let field = field_at_end(read)?;
    Some((field, what))
}

/// The path of the fields that are open at the end of a JSON prefix, joined with dots.
fn field_at_end(json: &[u8]) -> Option<String> {
    // One entry per open bracket: the current field name for an object, `None` for an array.
    let mut open: Vec<Option<&str>> = Vec::new();
    let (mut text, mut last_text): (Option<usize>, Option<&str>) = (None, None);
    let mut escaped = false;
    for (at, byte) in json.iter().enumerate() {
        match (text, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(begin), b'"') => {
                last_text = std::str::from_utf8(&json[begin..at]).ok();
                text = None;
            }
            (Some(_), _) => {}
            (None, b'"') => text = Some(at + 1),
            (None, b'{' | b'[') => open.push(None),
            // A value that closes at the very end may be the one that is wrong, so it stays on the stack.
            (None, b'}' | b']') if at + 1 < json.len() => _ = open.pop(),
            (None, b':') => _ = open.last_mut().map(|field| *field = last_text),
            (None, b',') if at + 1 < json.len() => _ = open.last_mut().map(|field| *field = None),
            _ => {}
        }
    }
    let names: Vec<&str> = open.into_iter().flatten().collect();
    (!names.is_empty()).then(|| names.join("."))
}

/// The text between `before`, which ends with a backtick, and the next backtick.
fn quoted_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split('`').next()
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

    #[test]
    fn bytes_that_are_not_text_are_not_json_wherever_they_stand() {
        for body in [&b"{\"a\":\"\xff\"}"[..], b"{\"\xfe\":1}", b"{\"unknown\":[\"\xc3\x28\"]}"] {
            assert_eq!(check_depth(body).expect_err("not UTF-8").reason(), Some(Reason::NotJson));
            assert_eq!(explain(body, &"whatever").reason(), Some(Reason::NotJson));
        }
    }

    #[test]
    fn refusals_name_the_field() {
        #[derive(Debug, serde::Deserialize)]
        struct Inner {
            #[expect(dead_code, reason = "only whether it is there matters")]
            name: String,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            #[expect(dead_code, reason = "only whether it is there matters")]
            inner: Inner,
        }
        let refused = |body: &str| {
            let error = serde_json::from_str::<Outer>(body).expect_err("wrong");
            assert_ne!(explain(body.as_bytes(), &error).reason(), Some(Reason::MissingParam));
            let error = explain_request(body.as_bytes(), &error.into());
            (error.reason(), error.to_string())
        };
        let (reason, message) = refused("{}");
        assert_eq!((reason, message.contains("`inner`")), (Some(Reason::MissingParam), true), "{message}");
        let (reason, message) = refused(r#"{"inner":{}}"#);
        assert_eq!((reason, message.contains("`name`")), (Some(Reason::MissingParam), true), "{message}");
        let (reason, message) = refused(r#"{"inner":{"name":7}}"#);
        assert_eq!((reason, message.contains("`inner.name`")), (Some(Reason::BadJson), true), "{message}");
        let (reason, message) = refused("{\n \"other\": {\"name\": []},\n \"inner\": 7\n}");
        assert_eq!((reason, message.contains("`inner`")), (Some(Reason::BadJson), true), "{message}");
        assert_eq!(refused("[]").0, Some(Reason::BadJson));
        assert_eq!(refused("{").0, Some(Reason::NotJson));
    }
}
