//! The status of a user (MSC4426): what they write about themselves, and whether they are in a call.

use hearth_base::limits::users::{STATUS_EMOJI_BYTES_MAX, STATUS_TEXT_BYTES_MAX};
use hearth_base::{Error, Reason, Result, error::refuse};
use serde_json::Value;

/// Refuses a wrong value of a field of the user's status, under its name in the proposal and the name that clients use until
/// that is accepted; does nothing for other fields.
///
/// `M_TOO_LARGE` for a text or emoji that is too long, `M_INVALID_PARAM` for other values than the proposal has.
pub(super) fn check(name: &str, value: &Value) -> Result<()> {
    match name {
        "m.status" | "org.matrix.msc4426.status" => {
            part(value, "text", STATUS_TEXT_BYTES_MAX)?;
            part(value, "emoji", STATUS_EMOJI_BYTES_MAX)
        }
        "m.call" | "org.matrix.msc4426.call" => {
            let joined = value.get("call_joined_ts");
            if value.is_object() && joined.is_none_or(Value::is_u64) {
                return Ok(());
            }
            Err(Error::invalid(format!("`{name}` is an object; its `call_joined_ts` is a time in seconds.")))
        }
        _ => Ok(()),
    }
}

fn part(status: &Value, key: &str, bytes_max: usize) -> Result<()> {
    let Some(text) = status.get(key).and_then(Value::as_str) else {
        return Err(Error::invalid("A status is an object with the texts `text` and `emoji`."));
    };
    if text.len() > bytes_max {
        let message = format!("The `{key}` of a status can have {bytes_max} bytes at most.");
        return Err(refuse(Reason::ProfileFieldTooLarge, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_and_emoji_have_an_end() {
        for name in ["m.status", "org.matrix.msc4426.status"] {
            // One of four bytes.
            let (text, emoji) = ("x".repeat(STATUS_TEXT_BYTES_MAX), "\u{1F334}".repeat(STATUS_EMOJI_BYTES_MAX / 4));
            check(name, &json!({ "text": text, "emoji": emoji })).expect("as long as allowed");
            for long in [
                json!({ "text": format!("{text}x"), "emoji": "" }),
                json!({ "text": "", "emoji": format!("{emoji}x") }),
            ] {
                let refused = check(name, &long).expect_err("too long");
                assert_eq!(refused.reason(), Some(Reason::ProfileFieldTooLarge));
            }
            for wrong in [json!("away"), json!(null), json!({ "text": "away" }), json!({ "text": 1, "emoji": "" })] {
                assert_eq!(check(name, &wrong).expect_err("wrong").reason(), Some(Reason::InvalidParam), "{wrong}");
            }
        }
    }

    #[test]
    fn a_call_may_have_a_time() {
        for name in ["m.call", "org.matrix.msc4426.call"] {
            check(name, &json!({})).expect("without a time");
            check(name, &json!({ "call_joined_ts": 1_770_140_640 })).expect("with one");
            for wrong in [json!(true), json!({ "call_joined_ts": "now" }), json!({ "call_joined_ts": -1 })] {
                assert_eq!(check(name, &wrong).expect_err("wrong").reason(), Some(Reason::InvalidParam), "{wrong}");
            }
        }
    }
}
