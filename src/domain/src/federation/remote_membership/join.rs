//! Joining rooms, here or through a server that is in them (server-server API, "Joining Rooms").
//!
//! A join through another server is a job: it goes on when the client that asked is gone, shows in the list of jobs, and
//! another client that wants the same waits for the same. What it has stored when it fails is beside the timeline and does not
//! show.

use std::sync::Arc;

use hearth_base::{Error, Reason, Result};
use hearth_store::tables::memberships::Membership;
use ruma::api::federation::membership::prepare_join_event;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedRoomId, OwnedRoomOrAliasId, OwnedServerName, RoomId, ServerName};

use super::attempts::JoinErrors;
use super::make_join::{self, TemplateRequest};
use super::room_state_checks::Source;
use super::route::JoinRoute;
use super::send_join::ResponseLimits;
use super::{ENTRY_WAIT, Federation};
use crate::Requester;
use crate::admin::jobs::{Handle, State};
use crate::federation::{detached, out_of_band};
use crate::ports::RemoteResponse;
use crate::rooms::event::{Authored, version};
use crate::rooms::{JoinContent, find};
use crate::rooms::membership::MembershipRequest;

/// A user on their way in.
struct JoinAttempt<'a> {
    wanted: TemplateRequest<'a>,
    content: CanonicalJsonObject,
    /// Whether this server is in the room and only lacks somebody who may vouch.
    is_resident: bool,
    job: &'a Handle,
}

impl Federation {
    /// Makes the requester a member of the room that `name` is the id or an alias of. `via` are servers that may be in it.
    ///
    /// Refuses with `M_NOT_FOUND` rooms that nobody here knows a way into, `M_FORBIDDEN` and the other reasons that the
    /// servers in the room give, `M_RESOURCE_LIMIT_EXCEEDED` rooms that are too large, `M_CONNECTION_FAILED` when no server
    /// answers as it should.
    pub async fn join(
        self: &Arc<Self>,
        who: &Requester,
        name: OwnedRoomOrAliasId,
        via: Vec<OwnedServerName>,
        content: JoinContent,
    ) -> Result<OwnedRoomId> {
        let room_id = self.join_room(who, name, via, content).await?;
        self.tell_devices(who, &room_id).await;
        Ok(room_id)
    }

    /// Tells servers that have not followed the requester's devices so far that they now have to. The join stands without it:
    /// they find out when they ask for keys.
    async fn tell_devices(&self, who: &Requester, room_id: &RoomId) {
        if let Err(error) = self.parts.crypto.announce_to_new_servers(who.user, room_id.to_owned()).await {
            tracing::warn!(room = %room_id, user = %who.user_id, %error, "Failed to announce devices after a join.");
        }
    }

    async fn join_room(
        self: &Arc<Self>,
        who: &Requester,
        name: OwnedRoomOrAliasId,
        via: Vec<OwnedServerName>,
        content: JoinContent,
    ) -> Result<OwnedRoomId> {
        let door = self.door(name, via).await?;
        if door.is_own {
            match self.parts.rooms.join(who, door.room_id.clone().into(), content.clone()).await {
                Err(error) if others_may(&error) => {}
                done => return done,
            }
        }
        find::no_guests(who)?;
        let (this, who) = (self.clone(), who.clone());
        let job = detached::go_on(async move { this.enter(&who, door, content).await });
        job.await.map_err(|error| Error::fault("joining a room", error))?
    }

    async fn enter(self: &Arc<Self>, who: &Requester, door: JoinRoute, content: JoinContent) -> Result<OwnedRoomId> {
        let _turn = self.entering.take(door.room_id.clone()).await;
        let is_resident = self.is_own(&door.room_id).await?;
        if is_resident && !door.is_own {
            // Another user of this server came in while we waited.
            match self.parts.rooms.join(who, door.room_id.clone().into(), content.clone()).await {
                Err(error) if others_may(&error) => {}
                done => return done,
            }
        }
        let job = self.parts.jobs.begin("join_room", self.core.now_ms());
        let entered = self.enter_by_any(who, &door, is_resident, content, &job).await;
        match &entered {
            Ok(()) => job.done(State::Done, format!("{} is in {}.", who.user_id, door.room_id)),
            Err(error) => job.done(State::Failed, error.to_string()),
        }
        entered.map(|()| door.room_id)
    }

    async fn enter_by_any(
        self: &Arc<Self>,
        who: &Requester,
        door: &JoinRoute,
        is_resident: bool,
        content: JoinContent,
        job: &Handle,
    ) -> Result<()> {
        let content = self.own_content(who, content.content()?).await?;
        let wanted =
            TemplateRequest { room_id: &door.room_id, user: &who.user_id, membership: Membership::Join, version: None };
        let entry = JoinAttempt { wanted, content, is_resident, job };
        let mut tries = JoinErrors::default();
        for server in self.candidates(&door.room_id, who.user, door.via.clone()).await? {
            if !job.step(0.0, format!("{server} is asked for a way into {}", door.room_id)) {
                return Err(Error::forbidden("The join was cancelled."));
            }
            match self.enter_by(&server, &entry).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.note(&server, error)?,
            }
        }
        Err(tries.verdict(&door.room_id))
    }

    async fn enter_by(self: &Arc<Self>, server: &ServerName, entry: &JoinAttempt<'_>) -> Result<()> {
        let wanted = &entry.wanted;
        let mut request = prepare_join_event::v1::Request::new(wanted.room_id.to_owned(), wanted.user.to_owned());
        request.ver = version::SUPPORTED.to_vec();
        let answer = self.ask_within(server, request, ENTRY_WAIT).await?;
        let template = make_join::read(server, wanted, answer.room_version.as_ref(), &answer.event)?;
        out_of_band::check_id(wanted.room_id, template.rules)?;
        let expected = if entry.is_resident { None } else { self.check_size(server, wanted.room_id).await? };
        let (version, rules, is_vouched) =
            (template.version.clone(), template.rules, template.authorised_via.is_some());
        let source = Source { server, room_id: wanted.room_id, version: &version, rules };
        let ours = template.sign(&self.core, wanted, entry.content.clone())?;
        let answer = self.send_join(server, wanted.room_id, &ours).await?;
        let extent = ResponseLimits { expected, max: if entry.is_resident { None } else { self.state_events_max() } };
        let taken = self.come_in(&source, entry, &ours, is_vouched, answer, extent).await;
        if taken.is_err() && !entry.is_resident {
            self.back_out(server, wanted);
        }
        taken
    }

    /// What follows once a server has let us in.
    async fn come_in(
        self: &Arc<Self>,
        source: &Source<'_>,
        entry: &JoinAttempt<'_>,
        ours: &Authored,
        is_vouched: bool,
        answer: RemoteResponse,
        extent: ResponseLimits,
    ) -> Result<()> {
        let mut told = self.hear(source.room_id, answer, extent, entry.job).await?;
        let theirs = told.event.take();
        let join = self.countersigned(source, &entry.wanted, ours, theirs, is_vouched).await?;
        if entry.is_resident {
            return self.admit_own(source.room_id, join, source.server).await;
        }
        let examined = self.examine(source, told, entry.job).await?;
        self.take_over(source, examined, join, entry.job).await
    }

    /// Takes a join back that a server has let in and that came to nothing here, so that nobody believes us to be there. Whether
    /// that succeeds or not, nobody waits for it.
    fn back_out(self: &Arc<Self>, server: &ServerName, wanted: &TemplateRequest<'_>) {
        let (this, server) = (self.clone(), server.to_owned());
        let (room_id, user) = (wanted.room_id.to_owned(), wanted.user.to_owned());
        drop(detached::go_on(async move {
            let wanted =
                TemplateRequest { room_id: &room_id, user: &user, membership: Membership::Leave, version: None };
            if let Ok(content) = MembershipRequest::new(Membership::Leave, None).content()
                && let Err(error) = this.leave_at(&server, &wanted, content).await
            {
                tracing::info!(federation.server = %server, room = %room_id, %error, "Failed to clean up after a failed join.");
            }
        }));
    }
}

/// Whether a server that is in the room cannot let a user in by itself, and another may.
fn others_may(error: &Error) -> bool {
    matches!(error.reason(), Some(Reason::UnableToAuthoriseJoin | Reason::UnableToGrantJoin))
}
