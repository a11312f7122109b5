//! Which events go out to other servers, and to which: to those with members in the room before the event or after it.
//!
//! An event is put down for them in the transaction that stores it; sending is the business of `federation/outbox`.

use std::sync::Arc;

use hearth_base::{Position, Result};
use hearth_store::WriteTx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::users;
use ruma::events::TimelineEventType;
use ruma::{ServerName, UserId};

use super::event::Pdu;
use super::load::Event;
use super::servers::{self, Servers};
use crate::core::Core;

/// Who has to hear of an event because of the state before it. Ask this before the event has any effect.
///
/// Somebody whose invite or knock ends is not in the room, and their server is told of it nevertheless: nobody else would.
pub fn before(core: &Arc<Core>, tx: &mut WriteTx<'_>, room: RoomSn, pdu: &Pdu) -> Result<Servers> {
    let Some(target) = remote_member(core, pdu) else { return Ok(Servers::default()) };
    let servers = servers::numbered(core, tx, room)?;
    let Some(user) = users::find(tx.tx(), target.as_str())? else { return Ok(servers) };
    let membership_status = memberships::get(tx.tx(), room, user)?.map(|row| row.membership);
    if !matches!(membership_status, Some(Membership::Invite | Membership::Knock)) {
        return Ok(servers);
    }
    Ok(servers.with(Servers::intern(core, tx, [target.server_name()])?))
}

/// Puts an event down for every server that has to hear of it: those `before` it and those in the room now. `at` is a
/// position of the event's own. `except` is the server that it came from, when it came from one.
pub fn put(
    core: &Arc<Core>,
    tx: &mut WriteTx<'_>,
    event: &Event,
    at: Position,
    before: Servers,
    except: Option<&ServerName>,
) -> Result<()> {
    let servers = servers::numbered(core, tx, event.room)?.with(before);
    let servers = match except {
        Some(except) => servers.without(except),
        None => servers,
    };
    core.outgoing.event(core, tx, at, servers, event)
}

/// The member of another server whom a member event is about.
fn remote_member(core: &Core, pdu: &Pdu) -> Option<ruma::OwnedUserId> {
    if pdu.kind != TimelineEventType::RoomMember {
        return None;
    }
    UserId::parse(pdu.state_key.as_deref()?).ok().filter(|user| !core.is_local(user))
}
