//! Invites that are taken back, and knocks that are turned down, in rooms that this server is not in.
//!
//! The room's rules cannot be asked, as its state is not here. What can be told: the event was made by a server that knows the
//! very invite or knock that it ends, since it must be among its auth events; and an invite is only taken back by the server
//! that made it, which could have signed anything else in the inviter's name, too.

use std::sync::Arc;

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::Membership;
use ruma::events::TimelineEventType;
use ruma::{ServerName, UserId};

use super::Federation;
use crate::core::Core;
use crate::federation::admit::Candidate;
use crate::federation::stub::{self, Standing};
use crate::rooms::event::Authored;

impl Federation {
    /// Takes in a member event of a room that this server is not in, if it ends an invite or a knock of a user of this server.
    /// The event has been vetted. False when it is none of that, and of no use.
    pub async fn stub_member_event(&self, origin: &ServerName, event: &Candidate) -> Result<bool> {
        let pdu = &event.pdu;
        let user = pdu.state_key.as_deref().and_then(|key| UserId::parse(key).ok());
        let ends = matches!(pdu.content_str("membership").as_deref(), Some("leave" | "ban"));
        let (Some(room_id), Some(user)) = (pdu.room_id.clone(), user) else { return Ok(false) };
        let is_for_us = pdu.kind == TimelineEventType::RoomMember && self.core.is_local(&user) && ends;
        if !is_for_us || pdu.sender.server_name() != origin {
            return Ok(false);
        }
        let (core, event) = (self.core.clone(), event.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let Some(before) = stub::standing(tx.tx(), &room_id, &user)? else { return Ok(false) };
            if !may_end(&core, tx.tx(), &before, &event)? {
                return Ok(false);
            }
            stub::stand(&core, tx, &before.room, &Authored { pdu: event.pdu, json: event.json }, None)?;
            Ok(true)
        };
        self.core.store.write_in(hearth_store::Lane::Federation, "federation_rescind", write).await
    }
}

fn may_end(core: &Arc<Core>, tx: &mut dyn Tx, before: &Standing, event: &Candidate) -> Result<bool> {
    let member = core.events.get(tx, before.row.event)?;
    let knows = event.pdu.auth_events.contains(&member.pdu.event_id);
    Ok(match before.row.membership {
        Membership::Invite => knows && event.pdu.sender.server_name() == member.pdu.sender.server_name(),
        Membership::Knock => knows,
        _ => false,
    })
}
