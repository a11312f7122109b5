//! Event contents as canonical JSON: from clients, and from this server.

use hearth_base::{Error, Result};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use serde::Serialize;

/// Parses the content in a request body: an object without fractions, with integers within ±2^53.
///
/// Refuses anything else with `M_BAD_JSON`.
pub fn from_client(json: &str) -> Result<CanonicalJsonObject> {
    serde_json::from_str(json).map_err(|error| {
        Error::bad_json(format!("The content of an event must be an object of canonical JSON: {error}"))
    })
}

/// Serialises a content that this server writes.
pub fn from_parts(parts: impl Serialize) -> Result<CanonicalJsonObject> {
    match ruma::canonical_json::to_canonical_value(parts) {
        Ok(CanonicalJsonValue::Object(object)) => Ok(object),
        Ok(_) => Err(Error::broken("an event's content was written as something else than an object")),
        Err(error) => Err(Error::fault("writing an event's content", error)),
    }
}

/// Returns a string field of a content; none when it is missing or not a string.
#[must_use]
pub fn text<'a>(content: &'a CanonicalJsonObject, field: &str) -> Option<&'a str> {
    content.get(field).and_then(CanonicalJsonValue::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_servers_would_refuse_is_refused() {
        for bad in ["[]", "7", r#"{"a":1.5}"#, r#"{"a":9007199254740993}"#, r#"{"a":"#, ""] {
            assert_eq!(from_client(bad).expect_err(bad).reason(), Some(hearth_base::Reason::BadJson));
        }
        assert!(from_client(r#"{"a":[-9007199254740991,{"b":null}]}"#).is_ok());
    }
}
