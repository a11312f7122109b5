//! Selects the servers that receive an event: those with members in the room before the event or after it.
//!
//! The event is queued for them in the transaction that stores it, so a crash loses neither without the other;
//! `federation/outbox` sends it.

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
use crate::RoomCore;

/// Returns the servers that must receive an event because of the state before it. Call this before the event has any
/// effect.
///
/// A user whose invite or knock ends is not in the room, and their server still receives the event: no other server
/// would tell it.
pub fn before(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, room: RoomSn, pdu: &Pdu) -> Result<Servers> {
    let Some(target) = remote_member(core, pdu) else { return Ok(Servers::default()) };
    let servers = servers::numbered(core, tx, room)?;
    let Some(user) = users::find(tx.tx(), target.as_str())? else { return Ok(servers) };
    let membership_status = memberships::get(tx.tx(), room, user)?.map(|row| row.membership);
    if !matches!(membership_status, Some(Membership::Invite | Membership::Knock)) {
        return Ok(servers);
    }
    Ok(servers.with(Servers::intern(core, tx, [target.server_name()])?))
}

/// Queues an event for every server that must receive it: those `before` it and those in the room now. `at` is a
/// position of the event's own. `except` is the server that sent the event, if it came over federation.
pub fn put(
    core: &Arc<RoomCore>,
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

/// Returns the remote user that a member event is about.
fn remote_member(core: &RoomCore, pdu: &Pdu) -> Option<ruma::OwnedUserId> {
    if pdu.kind != TimelineEventType::RoomMember {
        return None;
    }
    UserId::parse(pdu.state_key.as_deref()?).ok().filter(|user| !core.is_local(user))
}
