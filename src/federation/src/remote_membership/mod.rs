//! Membership in remote rooms: remote joins, knocks, invites and leaves (server-server API, "Joining Rooms" and the
//! following sections).
//!
//! Local changes are in `rooms`; `actions` decides which applies. Nothing from other servers is signed as received
//! ([`make_join`]), and nothing is accepted without valid signatures and the room's auth rules ([`join`]).

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
mod room_state_auth;
mod room_state_checks;
mod route;
mod send_join;
mod send_join_parser;
mod spool;

use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_rooms::event::Authored;
use hearth_rooms::member_profile;
use ruma::canonical_json::CanonicalJsonObject;
use serde_json::value::RawValue;

use super::Federation;

/// A local event in the form of ruma's requests.
fn raw(event: &Authored) -> Result<Box<RawValue>> {
    serde_json::from_slice(&event.json).map_err(|error| Error::fault("reading an own event", error))
}

impl Federation {
    /// The content of a local user's member event, with their profile.
    async fn own_content(&self, who: &Requester, mut content: CanonicalJsonObject) -> Result<CanonicalJsonObject> {
        let user = who.user;
        let face = self.core.store.read("profile_face", move |tx| member_profile::face_of(tx.tx(), user)).await?;
        face.fill(&mut content);
        Ok(content)
    }
}

#[cfg(test)]
mod tests;
