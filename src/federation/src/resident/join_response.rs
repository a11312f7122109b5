//! The response to `send_join`: the room's state before the join, whole or with members omitted (server-server API,
//! `PUT /_matrix/federation/v2/send_join/{roomId}/{eventId}`).
//!
//! Without members the response of a large room is small, and the joining server fetches the rest while the room is in
//! use there. Omitted whenever the other server asks for it, however small the room, so that its two ways to join do
//! not depend on a threshold of this server.

use std::collections::{BTreeSet, HashSet};

use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::load::Event;
use hearth_rooms::membership;
use hearth_rooms::read::heroes;
use hearth_rooms::state::snapshot::{self, StateIds};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{state_keys, users};
use ruma::{EventId, ServerName, UserId};

use crate::serve::{EventListBody, auth_chain};

/// The form of the response that the joining server asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinResponseFormat {
    /// That of version 1 of the endpoint, an array of status and body. Always with all members.
    V1,
    /// That of version 2.
    V2 {
        /// The query parameter `omit_members`: member events may be left out of the state.
        omit_members: bool,
    },
}

impl JoinResponseFormat {
    fn omits_members(self) -> bool {
        matches!(self, Self::V2 { omit_members: true })
    }
}

/// The events of a response.
pub(super) struct JoinResponse {
    state: Vec<EventSn>,
    auth_chain: Vec<EventSn>,
    /// The servers with joined members before the join, where members are omitted.
    servers: Option<BTreeSet<String>>,
}

/// Reads the response to a join that was accepted. `M_FORBIDDEN` when it is not in effect.
pub(super) fn read(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: &Room,
    join: &EventId,
    format: JoinResponseFormat,
) -> Result<JoinResponse> {
    let join = core.events.find(tx, join)?;
    let join = join.ok_or_else(|| Error::broken("a join is missing that was just let in"))?;
    // Stored but without a place in the timeline, so the join is not in effect.
    if join.ord.is_none() {
        return Err(Error::forbidden("The rules of this room do not allow that join any more."));
    }
    let before = snapshot::full(tx, join.snapshot)?;
    if !format.omits_members() {
        let state: Vec<_> = before.into_values().collect();
        let auth_chain = auth_chain(core, tx, room, state.iter().copied().chain([join.sn]))?;
        return Ok(JoinResponse { state, auth_chain, servers: None });
    }
    let state = without_members(core, tx, room, &before, &join.pdu.sender)?;
    let mut auth_chain = auth_chain(core, tx, room, state.iter().copied().chain([join.sn]))?;
    // Most of the chain is in the state already, and need not be sent twice.
    auth_chain.retain(|sn| !state.contains(sn));
    let members = before.into_iter().filter(|(key, _)| key.is_member()).map(|(_, sn)| sn).collect();
    let servers = Some(servers_before(core, tx, room, members)?);
    Ok(JoinResponse { state: state.into_iter().collect(), auth_chain, servers })
}

/// The state without member events, except those that the joining server needs at once: the former one of its user,
/// which the join replaces, and those of the heroes, who name a room without a name.
fn without_members(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: &Room,
    before: &StateIds,
    joiner: &UserId,
) -> Result<BTreeSet<EventSn>> {
    let mut state: BTreeSet<_> = before.iter().filter(|(key, _)| !key.is_member()).map(|(_, sn)| *sn).collect();
    let reader = users::find(tx, joiner.as_str())?;
    let reader = reader.ok_or_else(|| Error::broken("a user is missing that has just joined"))?;
    for user in heroes::of(core, tx, room, reader)?.iter().map(|hero| &**hero).chain([joiner]) {
        if let Some(key) = state_keys::find(tx, "m.room.member", user.as_str())? {
            state.extend(before.get(&key));
        }
    }
    Ok(state)
}

/// The servers of those of `members` that are joins. Also servers that this one does not talk to: the other server may.
///
/// The table of current memberships answers for nearly all member events, so that they need not be read and parsed;
/// only those that were replaced since the join are.
fn servers_before(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: &Room,
    mut members: HashSet<EventSn>,
) -> Result<BTreeSet<String>> {
    let mut servers = BTreeSet::new();
    let mut add = |user: &str| {
        if let Some((_, server)) = user.split_once(':')
            && !servers.contains(server)
        {
            servers.insert(server.to_owned());
        }
    };
    memberships::by_event(tx, room.sn, &mut |event, user, membership| {
        if members.remove(&event) && membership == Membership::Join {
            add(user);
        }
    })?;
    for sn in members {
        let event = core.events.get(tx, sn)?;
        if is_join(&event)
            && let Some(user) = &event.pdu.state_key
        {
            add(user);
        }
    }
    Ok(servers)
}

fn is_join(event: &Event) -> bool {
    membership::membership_status(Some(event)) == Some(Membership::Join)
}

impl JoinResponse {
    /// The body: `event` is the join as it was accepted, with this server's signature if the join needed one.
    pub(super) fn write(
        self,
        server_name: &ServerName,
        event: Vec<u8>,
        format: JoinResponseFormat,
    ) -> Result<EventListBody> {
        let fault = |error| Error::fault("writing the names of servers", error);
        let origin = serde_json::to_string(server_name.as_str()).map_err(fault)?;
        let (open, close) = if format == JoinResponseFormat::V1 { ("[200,{", "]}]") } else { ("{", "]}") };
        let mut head = format!("{open}\"members_omitted\":{},\"origin\":{origin},", self.servers.is_some());
        if let Some(servers) = &self.servers {
            head += &format!("\"servers_in_room\":{},", serde_json::to_string(servers).map_err(fault)?);
        }
        let head = [head.as_bytes(), b"\"event\":", &event, b",\"auth_chain\":["].concat();
        let body = EventListBody::default().text(head).events(self.auth_chain);
        Ok(body.text("],\"state\":[").events(self.state).text(close))
    }
}
