//! Membership in rooms of other servers: remote joins, knocks, invites and leaves (server-server API,
//! "Joining Rooms" and what follows it).
//!
//! What can be done here is done by `rooms`; whether it can is decided by `actions`. Of what other servers answer, nothing is
//! signed as it comes ([`make_join`]), and nothing is believed that is not signed and allowed by the room's own rules
//! ([`join`]).

mod attempts;
mod candidates;
mod complexity;
mod countersigned;
mod import_state;
mod invite;
mod join;
mod knock;
mod leave;
mod make_join;
mod room_state_checks;
mod route;
mod send_join;
mod send_join_parser;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hearth_base::{Error, Result};
use ruma::canonical_json::CanonicalJsonObject;
use serde_json::value::RawValue;

use super::Federation;
use crate::Requester;
use crate::rooms::event::Authored;
use crate::rooms::member_profile;

/// How long a server may take for one step on the way into a room.
const ENTRY_WAIT: Duration = Duration::from_secs(30);
/// How long a server may take to let somebody go: nobody waits longer to be rid of an invite.
const LEAVE_WAIT: Duration = Duration::from_secs(10);

/// An event of ours as ruma's requests want it.
fn raw(event: &Authored) -> Result<Box<RawValue>> {
    serde_json::from_slice(&event.json).map_err(|error| Error::fault("reading an own event", error))
}

impl Federation {
    /// The content of a member event of our user, with their profile.
    async fn own_content(&self, who: &Requester, mut content: CanonicalJsonObject) -> Result<CanonicalJsonObject> {
        let user = who.user;
        let face = self.core.store.read("profile_face", move |tx| member_profile::face_of(tx.tx(), user)).await?;
        face.fill(&mut content);
        Ok(content)
    }
}
