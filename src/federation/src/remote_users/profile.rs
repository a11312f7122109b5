//! Profiles of remote users.

use hearth_base::boxed;
use hearth_base::limits::federation::PROFILE_WAIT;
use hearth_base::{Result, limits};
use hearth_users::personal::profiles::ProfileField;
use ruma::UserId;
use ruma::api::federation::query::get_profile_information;
use serde_json::{Map, Value};

use crate::Federation;

impl Federation {
    /// The full profile of a remote user, by field. `M_NOT_FOUND` for unknown users.
    #[boxed]
    pub async fn remote_profile(&self, user_id: &UserId) -> Result<Map<String, Value>> {
        let request = get_profile_information::v1::Request::new(user_id.to_owned());
        let server = user_id.server_name();
        let mut profile: Map<String, Value> =
            self.ask_loosely(server, request, PROFILE_WAIT, limits::PROFILE_BYTES_MAX).await?;
        // Clients expect strings in these fields.
        profile.retain(|name, value| !ProfileField::is_face(name) || value.is_string());
        Ok(profile)
    }
}
