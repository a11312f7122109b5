//! Events of users who asked for erasure when they deactivated their account (client-server API,
//! `/account/deactivate`, `erase`). Users who were in the room at the time still see the events; all other users and
//! all other servers get a redacted copy. The stored events stay unchanged, because the former need them.
//!
//! Erasure covers messages and names. State that belongs to the room, such as its topic, stays.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::accounts;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms;
use parking_lot::Mutex;
use ruma::canonical_json::{CanonicalJsonObject, redact_content_in_place};
use ruma::events::TimelineEventType;

use super::visibility::Viewer;
use crate::RoomCore;
use crate::event::{Pdu, version};
use crate::load::Event;

/// The erased local users. Loaded from the database once, and again after a change.
#[derive(Debug, Default)]
pub struct ErasedUsers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    users: Option<Arc<HashSet<UserSn>>>,
    /// Incremented by each change, so that a reader with an older snapshot does not store an outdated set.
    version: u64,
}

impl ErasedUsers {
    /// Returns whether a user is erased.
    pub fn contains(&self, tx: &mut dyn Tx, user: UserSn) -> Result<bool> {
        Ok(self.all(tx)?.contains(&user))
    }

    fn all(&self, tx: &mut dyn Tx) -> Result<Arc<HashSet<UserSn>>> {
        let version = {
            let known = self.0.lock();
            if let Some(users) = &known.users {
                return Ok(Arc::clone(users));
            }
            known.version
        };
        let users = Arc::new(HashSet::from_iter(accounts::erased(tx)?));
        let mut known = self.0.lock();
        // An account may have changed since; then this set may be outdated.
        if known.version == version {
            known.users = Some(Arc::clone(&users));
        }
        Ok(users)
    }

    /// Invalidates the set after an account was erased or reactivated. Call after the commit.
    pub fn changed(&self) {
        let mut known = self.0.lock();
        known.users = None;
        known.version += 1;
    }
}

/// Returns whether erasure hides an event: it is a message of its sender, or shows their name.
fn is_personal(event: &Event) -> bool {
    event.state_key.is_none() || event.pdu.kind == TimelineEventType::RoomMember
}

/// Returns whether an event is hidden from other servers.
pub fn is_erased(core: &RoomCore, tx: &mut dyn Tx, event: &Event) -> Result<bool> {
    Ok(is_personal(event) && core.erased.contains(tx, event.sender)?)
}

/// Returns whether a reader who may see an event gets a redacted copy.
pub(super) fn is_erased_for(viewer: &mut Viewer<'_>, tx: &mut dyn Tx, event: &Event) -> Result<bool> {
    let core = viewer.core();
    Ok(is_erased(core, tx, event)? && viewer.membership_at(tx, event)? != Membership::Join)
}

/// Returns the event as a reader may see it.
pub(super) fn shown_to<'a>(viewer: &mut Viewer<'_>, tx: &mut dyn Tx, event: &'a Event) -> Result<Cow<'a, Pdu>> {
    if !is_erased_for(viewer, tx, event)? {
        return Ok(Cow::Borrowed(&event.pdu));
    }
    let room = rooms::by_sn(tx, event.room)?.ok_or_else(|| Error::broken("the room of an event is missing"))?;
    let rules = version::stored_rules(&room.version)?;
    let mut content: CanonicalJsonObject = serde_json::from_str(event.pdu.content.get()).unwrap_or_default();
    redact_content_in_place(&mut content, &rules.redaction, event.pdu.kind.to_string());
    let content = serde_json::value::to_raw_value(&content)
        .map_err(|error| Error::fault("writing the content of an erased user's event", error))?;
    Ok(Cow::Owned(Pdu { content, ..event.pdu.clone() }))
}
