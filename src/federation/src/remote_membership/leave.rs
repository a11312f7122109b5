//! Leaves for rooms that this server is not in: rejecting an invite, retracting a knock (server-server API, "Leaving
//! Rooms").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::error::refuse;
use hearth_base::limits::federation::REMOTE_MEMBERSHIP_LEAVE_WAIT;
use hearth_base::{Reason, Result, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::event::author::author;
use hearth_rooms::event::{Authored, Draft, GraphPosition, version};
use hearth_rooms::find;
use hearth_rooms::membership::MembershipRequest;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::memberships::{self, Membership};
use ruma::api::federation::membership::{create_leave_event, prepare_leave_event};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, RoomId, ServerName};

use super::make_join::{self, TemplateRequest};
use super::{Federation, raw, route};
use crate::out_of_band::{self, OutOfBandMembership};
use crate::{legacy, request};

/// The result of sending a leave to other servers.
enum Told {
    /// A server has accepted this event.
    Left(Box<Authored>),
    /// No server knows of a membership to end.
    Refused,
    /// No server has accepted it, and some could not be reached.
    Unreachable,
}

impl Federation {
    /// Ends the requester's invite or knock in a remote room, read as `before`. It always ends: when no resident
    /// server could be reached, `tell_later` runs in the transaction that ends it here, with the local event and the
    /// servers to notify; its result is returned.
    ///
    /// Changes nothing when the membership has changed since `before` was read.
    pub async fn leave_remote_room<T: Send + 'static>(
        &self,
        who: &Requester,
        room_id: &RoomId,
        before: OutOfBandMembership,
        reason: Option<String>,
        tell_later: impl FnOnce(&mut WriteTx<'_>, OwnedEventId, Vec<OwnedServerName>) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let content = MembershipRequest::new(Membership::Leave, reason).content()?;
        let version = Some(before.room.version.as_str());
        let wanted = TemplateRequest { room_id, user: &who.user_id, membership: Membership::Leave, version };
        let mut servers = self.candidates(room_id, who.user, Vec::new()).await?;
        servers.truncate(limits::LEAVE_SERVERS_MAX);
        let (left, untold) = match self.leave_by_any(&servers, &wanted, &content).await {
            Told::Left(left) => (*left, None),
            Told::Refused => (self.leave_alone(who, &before, content).await?, None),
            Told::Unreachable => (self.leave_alone(who, &before, content).await?, Some((tell_later, servers))),
        };
        let core = self.core.clone();
        let write = move |tx: &mut WriteTx<'_>| {
            let event_id = left.pdu.event_id.clone();
            if !left_behind(&core, tx, &before, &left)? {
                return Ok(None);
            }
            untold.map(|(tell_later, servers)| tell_later(tx, event_id, servers)).transpose()
        };
        self.core.store.write("federation_leave", write).await
    }

    /// Notifies a resident server of a membership that ended locally by `left`, when no server could be reached then.
    /// Does nothing when the user has another membership by now: a new invite has not been rejected.
    ///
    /// `M_CONNECTION_FAILED` when still no server can be reached.
    #[boxed]
    pub async fn withdraw_membership(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        left: OwnedEventId,
        via: Vec<OwnedServerName>,
    ) -> Result<()> {
        let Some(now) = self.membership_elsewhere(who, &room_id).await? else { return Ok(()) };
        let event = now.row.event;
        let core = self.core.clone();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| Ok(core.events.get(tx.tx(), event)?.pdu.event_id == left);
        if now.row.membership != Membership::Leave || !self.core.store.read("federation_left", read).await? {
            return Ok(());
        }
        let version = Some(now.room.version.as_str());
        let wanted = TemplateRequest { room_id: &room_id, user: &who.user_id, membership: Membership::Leave, version };
        let content = MembershipRequest::new(Membership::Leave, None).content()?;
        match self.leave_by_any(&via, &wanted, &content).await {
            Told::Left(_) | Told::Refused => Ok(()),
            Told::Unreachable => Err(refuse(Reason::ConnectionFailed, "No server of the room can be reached.")),
        }
    }

    /// The requester's membership of a room that this server is not in; `None` when this server is in it, or they have
    /// none.
    #[boxed]
    pub async fn membership_elsewhere(&self, who: &Requester, room_id: &RoomId) -> Result<Option<OutOfBandMembership>> {
        let (core, room_id, user_id) = (self.core.clone(), room_id.to_owned(), who.user_id.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            if route::is_own(&core, tx.tx(), &room_id)? {
                return Ok(None);
            }
            out_of_band::membership_status(tx.tx(), &room_id, &user_id)
        };
        self.core.store.read("federation_standing", read).await
    }

    /// Sends the leave through the first server that accepts it.
    async fn leave_by_any(
        &self,
        servers: &[OwnedServerName],
        wanted: &TemplateRequest<'_>,
        content: &CanonicalJsonObject,
    ) -> Told {
        let mut told = Told::Refused;
        for server in servers {
            match self.leave_at(server, wanted, content.clone()).await {
                Ok(left) => return Told::Left(Box::new(left)),
                Err(error) => {
                    tracing::info!(federation.server = %server, %error, "A resident server refused a leave.");
                    if error.is_undecided() {
                        told = Told::Unreachable;
                    }
                }
            }
        }
        told
    }

    /// Leaves through one server, and returns the event.
    pub(super) async fn leave_at(
        &self,
        server: &ServerName,
        wanted: &TemplateRequest<'_>,
        content: CanonicalJsonObject,
    ) -> Result<Authored> {
        let request = prepare_leave_event::v1::Request::new(wanted.room_id.to_owned(), wanted.user.to_owned());
        let answer = self.ask_within(server, request, REMOTE_MEMBERSHIP_LEAVE_WAIT).await?;
        let template = make_join::read(server, wanted, answer.room_version.as_ref(), &answer.event)?;
        let ours = template.sign(&self.core, wanted, content)?;
        let (room_id, id) = (wanted.room_id.to_owned(), ours.pdu.event_id.clone());
        let request = create_leave_event::v2::Request::new(room_id, id.clone(), raw(&ours)?);
        let sent = self.ask_within(server, request, REMOTE_MEMBERSHIP_LEAVE_WAIT).await;
        if sent.as_ref().is_err_and(|error| error.reason() == Some(Reason::Unrecognized)) {
            let target = legacy::path("v1/send_leave", &[wanted.room_id.as_str(), id.as_str()]);
            let answer =
                self.ask_plain(server, "PUT", &target, ours.json.clone().into(), REMOTE_MEMBERSHIP_LEAVE_WAIT).await?;
            request::body(server, answer, limits::BODY_BYTES_MAX).await?;
            return Ok(ours);
        }
        sent.map(|_| ours)
    }

    /// Creates a leave event that only the user's own clients see.
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
    core: &RoomCore,
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

/// Makes the leave the user's membership, unless that has changed meanwhile; returns whether it did.
fn left_behind(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    before: &OutOfBandMembership,
    left: &Authored,
) -> Result<bool> {
    let now = memberships::get(tx.tx(), before.room.sn, before.row.user)?;
    let is_same = |event: EventSn| event == before.row.event;
    if now.is_none_or(|row| !is_same(row.event)) || find::is_resident(tx.tx(), &before.room)? {
        return Ok(false);
    }
    out_of_band::stand(core, tx, &before.room, left, None).map(|()| true)
}
