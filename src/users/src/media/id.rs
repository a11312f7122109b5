//! Media IDs: the last part of an `mxc://` URI.

use std::fmt;

use hearth_base::{Error, Result, Seams, limits};
use ruma::OwnedMxcUri;

use super::Media;

/// Characters of a generated ID: too many to guess.
const FRESH_CHARS: usize = 24;

/// A well-formed media ID. It is never part of a path: files are named by their hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaId(String);

impl MediaId {
    /// Generates an ID.
    pub(super) fn fresh(seams: &Seams) -> Self {
        Self(seams.random.alphanumeric(FRESH_CHARS))
    }

    /// Parses an ID: 1 to [`limits::MEDIA_ID_BYTES_MAX`] letters, digits, `_` and `-` (client-server API, "Matrix
    /// Content (`mxc://`) URIs"). `None` if it is malformed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let fits = (1..=limits::MEDIA_ID_BYTES_MAX).contains(&text.len());
        (fits && text.bytes().all(good)).then(|| Self(text.to_owned()))
    }

    /// The ID as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Media {
    /// The ID of local media; `M_NOT_FOUND` for anything else.
    pub(super) fn own(&self, server: &str, id: &str) -> Result<MediaId> {
        if server != self.core.server_name.as_str() {
            return Err(Error::not_found("This is media of another homeserver."));
        }
        MediaId::parse(id).ok_or_else(|| Error::not_found("This is not a media id."))
    }

    /// The `mxc://` URI of local media.
    pub(super) fn address(&self, id: &MediaId) -> OwnedMxcUri {
        format!("mxc://{}/{id}", self.core.server_name).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_be_paths_are_none() {
        let long = "x".repeat(256);
        for bad in ["", ".", "..", "../x", "a/b", "a\\b", "a%2e", "a b", "a\0", "é", "a.jpg", long.as_str()] {
            assert_eq!(MediaId::parse(bad), None, "{bad:?}");
        }
        for good in ["a", "A-z_0", &long[1..]] {
            assert_eq!(MediaId::parse(good).expect("an id").as_str(), good);
        }
    }
}
