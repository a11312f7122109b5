//! How an event's JSON lies in its column: plain, or compressed with a numbered dictionary when that is shorter.

use hearth_base::{Error, Result};
use std::borrow::Cow;

/// Stored as it is.
const PLAIN: i64 = 0;

/// What to store, and how it must be read.
#[must_use]
pub(crate) fn pack(json: &[u8]) -> (i64, Cow<'_, [u8]>) {
    (PLAIN, Cow::Borrowed(json))
}

/// Reads what [`pack`] made.
pub(crate) fn unpack(codec: i64, stored: &[u8]) -> Result<Vec<u8>> {
    match codec {
        PLAIN => Ok(stored.to_vec()),
        _ => Err(Error::broken(format!(
            "an event is stored with codec {codec}, which this version of Hearth does not know"
        ))),
    }
}
