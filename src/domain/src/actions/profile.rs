//! Profiles of users of all servers (client-server API, "Profiles").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_rooms::member_profile::MemberProfileField;
use hearth_store::WriteTx;
use hearth_users::personal::profiles::ProfileField;
use ruma::UserId;
use serde_json::{Map, Value};

use super::Actions;
use super::durable::DurableAction;

impl Actions {
    /// A user's whole profile, by field; asks the server of a remote user. `M_NOT_FOUND` for unknown users.
    ///
    /// Durability: reads.
    #[boxed]
    pub async fn profile(&self, user_id: &UserId) -> Result<Map<String, Value>> {
        if self.core.is_local(user_id) {
            self.parts.appservices.ask_for_user(user_id).await;
            return self.parts.personal.profiles.get(user_id).await;
        }
        self.parts.federation.remote_profile(user_id).await
    }

    /// One field of a user's profile, as [`Actions::profile`]. An unset display name or avatar is `None`; any other
    /// unset field is `M_NOT_FOUND`.
    ///
    /// Durability: reads.
    #[boxed]
    pub async fn profile_field(&self, user_id: &UserId, name: &str) -> Result<Option<Value>> {
        if self.core.is_local(user_id) {
            self.parts.appservices.ask_for_user(user_id).await;
            return self.parts.personal.profiles.field(user_id, name).await;
        }
        let value = self.parts.federation.remote_profile(user_id).await?.remove(name);
        if value.is_none() && !ProfileField::is_face(name) {
            return Err(Error::not_found(format!("{user_id} has not set {name}.")));
        }
        Ok(value)
    }

    /// Sets or removes a field of the requester's profile. A display name or avatar then also changes in the member
    /// events of all joined rooms, except in rooms that refuse it.
    ///
    /// `M_FORBIDDEN` for other users' profiles, `M_PROFILE_TOO_LARGE` above
    /// [`hearth_base::limits::PROFILE_BYTES_MAX`].
    ///
    /// Durability: one transaction; where rooms show it, a durable job.
    #[boxed]
    pub async fn set_profile_field(
        self: &Arc<Self>,
        who: &Requester,
        user_id: &UserId,
        field: ProfileField,
    ) -> Result<()> {
        who.must_be(user_id)?;
        let shown = match field {
            ProfileField::DisplayName(_) => MemberProfileField::DisplayName,
            ProfileField::AvatarUrl(_) => MemberProfileField::AvatarUrl,
            ProfileField::Other(..) => return self.parts.personal.profiles.set(who, field, |_| Ok(())).await,
        };
        let action = DurableAction::UpdateMemberEvents { field: shown };
        let (this, who) = (Arc::clone(self), who.clone());
        self.finish(async move {
            let (core, user) = (Arc::clone(&this.core), who.user);
            let noted = action.clone();
            let note = move |tx: &mut WriteTx<'_>| noted.insert(&core, tx, user);
            let sn = this.parts.personal.profiles.set(&who, field, note).await?;
            let promise = this.journal.promise(sn, user, action, this.core.now_ms());
            match this.parts.rooms.renew_face(&who, shown).await {
                Ok(()) => this.fulfil(promise).await,
                // The profile itself is changed, which is what the client asked for; the durable job updates the
                // rooms.
                Err(error) => tracing::info!(user = %who.user_id, %error, "Rooms have yet to show a changed profile."),
            }
            Ok(())
        })
        .await
    }
}
