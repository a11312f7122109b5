//! The profile fields of a member event.

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::profiles;
use ruma::canonical_json::CanonicalJsonObject;

/// A display name and an avatar, as a member event carries them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberProfile {
    /// The `displayname` field.
    pub displayname: Option<String>,
    /// The `avatar_url` field, an `mxc://` URI.
    pub avatar_url: Option<String>,
}

/// A field of a [`MemberProfile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberProfileField {
    /// The `displayname` field.
    DisplayName,
    /// The `avatar_url` field.
    AvatarUrl,
}

impl MemberProfile {
    /// Adds the profile fields to a member event's content, except fields that the content already sets.
    pub fn fill(self, content: &mut CanonicalJsonObject) {
        for (field, value) in [("displayname", self.displayname), ("avatar_url", self.avatar_url)] {
            if let Some(value) = value {
                content.entry(field.to_owned()).or_insert_with(|| value.into());
            }
        }
    }
}

/// Reads a user's profile; empty for users of other servers.
pub fn face_of(tx: &mut dyn Tx, user: UserSn) -> Result<MemberProfile> {
    let profile = profiles::get(tx, user)?;
    Ok(MemberProfile { displayname: profile.displayname, avatar_url: profile.avatar_url })
}
