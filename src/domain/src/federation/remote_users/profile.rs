//! Profiles of users of all servers.

use std::time::Duration;

use hearth_base::{Error, Result, limits};
use ruma::UserId;
use ruma::api::federation::query::get_profile_information;
use serde_json::{Map, Value};

use crate::federation::Federation;
use crate::personal::profiles::ProfileField;

/// How long another server may take to tell of a profile: somebody looks at a screen meanwhile.
const PROFILE_WAIT: Duration = Duration::from_secs(10);

impl Federation {
    /// A user's whole profile, by field; their server is asked for it. `M_NOT_FOUND` for users whom there are not.
    pub async fn profile(&self, user_id: &UserId) -> Result<Map<String, Value>> {
        if self.core.is_local(user_id) {
            return self.parts.personal.profiles.get(user_id).await;
        }
        let request = get_profile_information::v1::Request::new(user_id.to_owned());
        let server = user_id.server_name();
        let mut profile: Map<String, Value> =
            self.ask_loosely(server, request, PROFILE_WAIT, limits::PROFILE_BYTES_MAX).await?;
        // Clients take these for texts.
        profile.retain(|name, value| !ProfileField::is_face(name) || value.is_string());
        Ok(profile)
    }

    /// One field of a user's profile, as [`Federation::profile`]. A display name or an avatar that is not set is none; any
    /// other field is `M_NOT_FOUND`.
    pub async fn profile_field(&self, user_id: &UserId, name: &str) -> Result<Option<Value>> {
        if self.core.is_local(user_id) {
            return self.parts.personal.profiles.field(user_id, name).await;
        }
        let value = self.profile(user_id).await?.remove(name);
        if value.is_none() && !ProfileField::is_face(name) {
            return Err(Error::not_found(format!("{user_id} has not set {name}.")));
        }
        Ok(value)
    }
}
