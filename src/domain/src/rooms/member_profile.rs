//! How a user looks to others in a room: what a member event carries of their profile.

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::profiles;
use ruma::canonical_json::CanonicalJsonObject;

/// A display name and an avatar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberProfile {
    /// `displayname`.
    pub displayname: Option<String>,
    /// `avatar_url`, an `mxc://` URI.
    pub avatar_url: Option<String>,
}

/// One of the fields of a [`MemberProfile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberProfileField {
    /// `displayname`.
    DisplayName,
    /// `avatar_url`.
    AvatarUrl,
}

impl MemberProfile {
    /// Puts the face into a member event's content where the content does not already say something.
    pub fn fill(self, content: &mut CanonicalJsonObject) {
        for (field, value) in [("displayname", self.displayname), ("avatar_url", self.avatar_url)] {
            if let Some(value) = value {
                content.entry(field.to_owned()).or_insert_with(|| value.into());
            }
        }
    }
}

/// The face of a user by their profile; blank for users of other servers.
pub fn face_of(tx: &mut dyn Tx, user: UserSn) -> Result<MemberProfile> {
    let profile = profiles::get(tx, user)?;
    Ok(MemberProfile { displayname: profile.displayname, avatar_url: profile.avatar_url })
}
