//! Remote joins through a resident server (server-server API, "Joining Rooms").
//!
//! A remote join appears in the list of jobs. What a failed one has stored are invisible outliers.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::limits::federation::REMOTE_MEMBERSHIP_ENTRY_WAIT;
use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_core::detached;
use hearth_core::jobs::{Handle, State};
use hearth_core::ports::RemoteResponse;
use hearth_rooms::JoinContent;
use hearth_rooms::event::{Authored, version};
use hearth_rooms::membership::MembershipRequest;
use hearth_store::tables::memberships::Membership;
use ruma::api::federation::membership::prepare_join_event;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedServerName, RoomId, ServerName};

use super::Federation;
use super::attempts::JoinErrors;
use super::make_join::{self, TemplateRequest};
use super::room_state_checks::Source;
use super::send_join::ResponseLimits;
use crate::out_of_band;

/// A running remote join.
struct JoinAttempt<'a> {
    wanted: TemplateRequest<'a>,
    content: CanonicalJsonObject,
    /// Whether this server is in the room and only lacks a user who may authorise the join.
    is_resident: bool,
    job: &'a Handle,
}

impl Federation {
    /// Joins a room through another server. `via` lists candidate servers; with `is_resident` this server is in the
    /// room and only lacks a user who may authorise the join.
    ///
    /// Errors of `Actions::join`. Callers hold the room's lock in [`Federation::entering`].
    #[boxed]
    pub async fn join_remote_room(
        self: &Arc<Self>,
        who: &Requester,
        room_id: &RoomId,
        via: Vec<OwnedServerName>,
        is_resident: bool,
        content: JoinContent,
    ) -> Result<()> {
        let job = self.parts.jobs.begin("join_room", self.core.now_ms());
        let joined = self.join_by_any(who, room_id, via, is_resident, content, &job).await;
        match &joined {
            Ok(()) => job.done(State::Done, format!("{} is in {room_id}.", who.user_id)),
            Err(error) => job.done(State::Failed, error.for_operator()),
        }
        joined
    }

    async fn join_by_any(
        self: &Arc<Self>,
        who: &Requester,
        room_id: &RoomId,
        via: Vec<OwnedServerName>,
        is_resident: bool,
        content: JoinContent,
        job: &Handle,
    ) -> Result<()> {
        let content = self.own_content(who, content.content()?).await?;
        let wanted = TemplateRequest { room_id, user: &who.user_id, membership: Membership::Join, version: None };
        let entry = JoinAttempt { wanted, content, is_resident, job };
        let mut tries = JoinErrors::default();
        for server in self.candidates(room_id, who.user, via).await? {
            if !job.step(0.0, format!("{server} is asked for a way into {room_id}")) {
                return Err(Error::forbidden("The join was cancelled."));
            }
            match self.enter_by(&server, &entry).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.note(&server, error)?,
            }
        }
        Err(tries.verdict(room_id))
    }

    async fn enter_by(self: &Arc<Self>, server: &ServerName, entry: &JoinAttempt<'_>) -> Result<()> {
        let wanted = &entry.wanted;
        let mut request = prepare_join_event::v1::Request::new(wanted.room_id.to_owned(), wanted.user.to_owned());
        request.ver = version::SUPPORTED.to_vec();
        let answer = self.ask_within(server, request, REMOTE_MEMBERSHIP_ENTRY_WAIT).await?;
        let template = make_join::read(server, wanted, answer.room_version.as_ref(), &answer.event)?;
        out_of_band::check_id(wanted.room_id, template.rules)?;
        // A server in the room stores its state already, so the size does not matter.
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

    /// The steps after a server has accepted the join.
    async fn come_in(
        self: &Arc<Self>,
        source: &Source<'_>,
        entry: &JoinAttempt<'_>,
        ours: &Authored,
        is_vouched: bool,
        answer: RemoteResponse,
        extent: ResponseLimits,
    ) -> Result<()> {
        let mut told = self.hear(source.room_id, ours, answer, extent, entry.job).await?;
        let theirs = told.event.take();
        let join = self.countersigned(source, &entry.wanted, ours, theirs, is_vouched).await?;
        // The state is stored here already; only the join is added.
        if entry.is_resident {
            return self.admit_own(source.room_id, join, source.server).await;
        }
        let examined = self.examine(source, told, entry.job).await?;
        self.take_over(source, examined, join, entry.job).await
    }

    /// Leaves a room after a join that the server accepted and that failed here, so that other servers do not list
    /// this one as a member. Runs in the background; its result is ignored.
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
