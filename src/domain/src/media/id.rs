//! Media ids: the last part of an `mxc://` address.

use std::fmt;

use hearth_base::{Error, Result, Seams, limits};
use ruma::OwnedMxcUri;

use super::Media;

/// Characters of an id of ours: as many as nobody can guess.
const FRESH_CHARS: usize = 24;

/// A well-formed media id. Never part of a path: files are named by their hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaId(String);

impl MediaId {
    /// An id that nobody has had.
    pub(super) fn fresh(seams: &Seams) -> Self {
        Self(seams.random.alphanumeric(FRESH_CHARS))
    }

    /// Reads an id: 1 to [`limits::MEDIA_ID_BYTES_MAX`] letters, digits, `_` and `-` (client-server API, "Matrix Content
    /// (`mxc://`) URIs"). None when it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let fits = (1..=limits::MEDIA_ID_BYTES_MAX).contains(&text.len());
        (fits && text.bytes().all(good)).then(|| Self(text.to_owned()))
    }

    /// The id as text.
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
    /// The id of media of this server; `M_NOT_FOUND` for anything else.
    pub(super) fn own(&self, server: &str, id: &str) -> Result<MediaId> {
        if server != self.core.server_name.as_str() {
            return Err(Error::not_found("This is media of another homeserver."));
        }
        MediaId::parse(id).ok_or_else(|| Error::not_found("This is not a media id."))
    }

    /// The address of media of this server.
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
