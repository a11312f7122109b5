//! The state of a media ID and what it allows: reserved, then uploaded, then immutable.

use hearth_base::{Error, Millis, Reason, Result, error};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::announced_media::{self, Announced};
use hearth_store::tables::media::{self, MediaRow};

use super::{MediaId, refuse};

/// The state of a media id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MediaState {
    /// Never reserved, or deleted.
    Nothing,
    /// Reserved; the upload is pending.
    Announced(Announced),
    /// Uploaded.
    Uploaded(MediaRow),
}

/// Reads the state of a media ID.
pub(super) fn look(tx: &mut dyn Tx, id: &MediaId) -> Result<MediaState> {
    if let Some(row) = media::get(tx, id.as_str())? {
        return Ok(MediaState::Uploaded(row));
    }
    Ok(announced_media::get(tx, id.as_str())?.map_or(MediaState::Nothing, MediaState::Announced))
}

impl MediaState {
    /// Whether `who` may upload to this ID at `now_ms`: only the user who reserved it, before the deadline, and once
    /// (client-server API, `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`).
    pub(super) fn may_be_uploaded(&self, who: UserSn, now_ms: Millis) -> Result<()> {
        match self {
            Self::Nothing => Err(refuse::unknown()),
            Self::Announced(Announced { uploader, .. }) | Self::Uploaded(MediaRow { uploader, .. })
                if *uploader != who =>
            {
                Err(Error::forbidden("Only the user who created this media id may upload to it."))
            }
            Self::Uploaded(_) => Err(error::refuse(
                Reason::CannotOverwriteMedia,
                "This media has been uploaded, and media never changes.",
            )),
            Self::Announced(announced) if announced.expires_ms <= now_ms => {
                Err(Error::not_found("This media id has expired: create another one."))
            }
            Self::Announced(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_uploaded_once_by_its_creator_and_in_time() {
        let (alice, bob) = (UserSn(1), UserSn(2));
        let announced = MediaState::Announced(Announced { uploader: alice, expires_ms: 100 });
        let uploaded = MediaState::Uploaded(MediaRow {
            id: "x".to_owned(),
            uploader: alice,
            created_ms: 1,
            accessed_ms: 1,
            hash: [0; 32],
            bytes: 1,
            content_type: "image/png".to_owned(),
            file_name: None,
            markup: false,
        });
        let reason =
            |known: &MediaState, who, now_ms| known.may_be_uploaded(who, now_ms).err().and_then(|error| error.reason());
        assert_eq!(reason(&announced, alice, 99), None);
        assert_eq!(reason(&announced, alice, 100), Some(Reason::NotFound));
        assert_eq!(reason(&announced, bob, 99), Some(Reason::Forbidden));
        assert_eq!(reason(&uploaded, alice, 99), Some(Reason::CannotOverwriteMedia));
        assert_eq!(reason(&uploaded, bob, 99), Some(Reason::Forbidden));
        assert_eq!(reason(&MediaState::Nothing, alice, 99), Some(Reason::NotFound));
    }
}
