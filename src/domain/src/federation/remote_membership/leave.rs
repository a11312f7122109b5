//! Leaving rooms that this server is not in: refusing an invite, and taking a knock back (server-server API, "Leaving Rooms").

use std::sync::Arc;

use hearth_base::{Error, Reason, Result, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms;
use ruma::api::federation::membership::{create_leave_event, prepare_leave_event};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedRoomId, ServerName};

use super::make_join::{self, TemplateRequest};
use super::{Federation, LEAVE_WAIT, raw, route};
use crate::Requester;
use crate::core::Core;
use crate::federation::out_of_band::{self, OutOfBandMembership};
use crate::federation::{legacy, request};
use crate::rooms::event::author::author;
use crate::rooms::event::{Authored, Draft, GraphPosition, version};
use crate::rooms::find;
use crate::rooms::membership::MembershipRequest;

impl Federation {
    /// Takes the requester out of a room. An invite to a room of another server, or a knock there, ends in any case: if no
    /// server can be told, only this one knows.
    pub async fn leave(self: &Arc<Self>, who: &Requester, room_id: OwnedRoomId, reason: Option<String>) -> Result<()> {
        let Some(membership_status) = self.remote(who, &room_id).await? else {
            return self.parts.rooms.leave(who, room_id, reason).await;
        };
        match membership_status.row.membership {
            Membership::Invite | Membership::Knock => {}
            Membership::Leave => return Ok(()),
            _ => return Err(Error::forbidden(format!("You are not in {room_id}."))),
        }
        let content = MembershipRequest::new(Membership::Leave, reason).content()?;
        let left = match self.leave_by_others(who, &room_id, &membership_status, &content).await {
            Some(left) => left,
            None => self.leave_alone(who, &membership_status, content).await?,
        };
        self.core.store.write("federation_leave", left_behind(self.core.clone(), membership_status, left)).await
    }

    /// Takes a user out of every room they are in, are invited to, or have knocked at: for an account that is deactivated.
    /// One room after another, so that nobody waits for all of them.
    pub async fn leave_all(self: &Arc<Self>, who: &Requester) -> Result<()> {
        let user = who.user;
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let mut found = Vec::new();
            for row in memberships::of_user(tx.tx(), user)? {
                if matches!(row.membership, Membership::Join | Membership::Invite | Membership::Knock) {
                    found.extend(rooms::by_sn(tx.tx(), row.room)?.map(|room| find::id(&room)).transpose()?);
                }
            }
            Ok(found)
        };
        for room_id in self.core.store.read("rooms_of_user", read).await? {
            self.leave(who, room_id, None).await?;
        }
        Ok(())
    }

    /// How the requester stands to a room that others decide about.
    async fn remote(&self, who: &Requester, room_id: &OwnedRoomId) -> Result<Option<OutOfBandMembership>> {
        let (core, room_id, user_id) = (self.core.clone(), room_id.clone(), who.user_id.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            if route::is_own(&core, tx.tx(), &room_id)? {
                return Ok(None);
            }
            out_of_band::membership_status(tx.tx(), &room_id, &user_id)
        };
        self.core.store.read("federation_standing", read).await
    }

    /// Has a server of the room take our leave; none when no server does.
    async fn leave_by_others(
        &self,
        who: &Requester,
        room_id: &OwnedRoomId,
        membership_status: &OutOfBandMembership,
        content: &CanonicalJsonObject,
    ) -> Option<Authored> {
        let version = Some(membership_status.room.version.as_str());
        let wanted = TemplateRequest { room_id, user: &who.user_id, membership: Membership::Leave, version };
        let servers = self.candidates(room_id, who.user, Vec::new()).await.ok()?;
        for server in servers.iter().take(limits::LEAVE_SERVERS_MAX) {
            match self.leave_at(server, &wanted, content.clone()).await {
                Ok(left) => return Some(left),
                Err(error) => {
                    tracing::info!(federation.server = %server, %error, "A resident server refused send_leave.")
                }
            }
        }
        None
    }

    /// Leaves through one server, and returns our event.
    pub(super) async fn leave_at(
        &self,
        server: &ServerName,
        wanted: &TemplateRequest<'_>,
        content: CanonicalJsonObject,
    ) -> Result<Authored> {
        let request = prepare_leave_event::v1::Request::new(wanted.room_id.to_owned(), wanted.user.to_owned());
        let answer = self.ask_within(server, request, LEAVE_WAIT).await?;
        let template = make_join::read(server, wanted, answer.room_version.as_ref(), &answer.event)?;
        let ours = template.sign(&self.core, wanted, content)?;
        let (room_id, id) = (wanted.room_id.to_owned(), ours.pdu.event_id.clone());
        let request = create_leave_event::v2::Request::new(room_id, id.clone(), raw(&ours)?);
        let sent = self.ask_within(server, request, LEAVE_WAIT).await;
        if sent.as_ref().is_err_and(|error| error.reason() == Some(Reason::Unrecognized)) {
            let target = legacy::path("v1/send_leave", &[wanted.room_id.as_str(), id.as_str()]);
            let answer = self.ask_plain(server, "PUT", &target, ours.json.clone().into(), LEAVE_WAIT).await?;
            request::body(server, answer, limits::BODY_BYTES_MAX).await?;
            return Ok(ours);
        }
        sent.map(|_| ours)
    }

    /// Writes a leave that nobody gets to see but the user's own clients.
    async fn leave_alone(
        &self,
        who: &Requester,
        membership_status: &OutOfBandMembership,
        content: CanonicalJsonObject,
    ) -> Result<Authored> {
        let (core, who, membership_status) = (self.core.clone(), who.clone(), membership_status.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| alone(&core, tx.tx(), &who, &membership_status, content);
        self.core.store.read("federation_leave_alone", read).await
    }
}

fn alone(
    core: &Core,
    tx: &mut dyn Tx,
    who: &Requester,
    membership_status: &OutOfBandMembership,
    content: CanonicalJsonObject,
) -> Result<Authored> {
    let before = core.events.get(tx, membership_status.row.event)?;
    let room_id = find::id(&membership_status.room)?;
    let place = GraphPosition {
        room_id: Some(&room_id),
        prev_events: vec![before.pdu.event_id.clone()],
        auth_events: vec![before.pdu.event_id.clone()],
        depth: before.pdu.depth,
    };
    let rules = version::stored_rules(&membership_status.room.version)?;
    let draft = Draft::state("m.room.member", who.user_id.as_str(), content);
    author((&core.server_name, core.key.pair()), rules, &who.user_id, core.now_ms(), place, draft)
}

/// Lets the leave be how the user stands, unless something has happened to their membership meanwhile.
fn left_behind(
    core: Arc<Core>,
    before: OutOfBandMembership,
    left: Authored,
) -> impl FnOnce(&mut hearth_store::WriteTx<'_>) -> Result<()> + Send + 'static {
    move |tx| {
        let now = memberships::get(tx.tx(), before.room.sn, before.row.user)?;
        let is_same = |event: EventSn| event == before.row.event;
        if now.is_none_or(|row| !is_same(row.event)) || find::is_resident(tx.tx(), &before.room)? {
            return Ok(());
        }
        out_of_band::stand(&core, tx, &before.room, &left, None)
    }
}
