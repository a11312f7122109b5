//! Remote knocks (server-server API, "Knocking upon a room").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::limits::federation::REMOTE_MEMBERSHIP_ENTRY_WAIT;
use hearth_base::{Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_rooms::event::version;
use hearth_rooms::find;
use hearth_rooms::membership::MembershipRequest;
use hearth_store::tables::memberships::Membership;
use ruma::api::federation::membership::{create_knock_event, prepare_knock_event};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedServerName, RoomId, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::attempts::JoinErrors;
use super::make_join::{self, TemplateRequest};
use super::{Federation, raw};
use crate::{out_of_band, request};

/// The stripped state of a knock response.
#[derive(Deserialize)]
struct KnockState {
    #[serde(default)]
    knock_room_state: Vec<Box<RawValue>>,
}

impl Federation {
    /// Knocks on a room through another server. Errors as for a join.
    #[boxed]
    pub async fn knock_on_remote_room(
        self: &Arc<Self>,
        who: &Requester,
        room_id: &RoomId,
        via: Vec<OwnedServerName>,
        reason: Option<String>,
    ) -> Result<()> {
        let content = self.own_content(who, MembershipRequest::new(Membership::Knock, reason).content()?).await?;
        let wanted = TemplateRequest { room_id, user: &who.user_id, membership: Membership::Knock, version: None };
        let mut tries = JoinErrors::default();
        for server in self.candidates(room_id, who.user, via).await? {
            match self.knock_at(&server, &wanted, content.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.note(&server, error)?,
            }
        }
        Err(tries.verdict(room_id))
    }

    async fn knock_at(
        self: &Arc<Self>,
        server: &ServerName,
        wanted: &TemplateRequest<'_>,
        content: CanonicalJsonObject,
    ) -> Result<()> {
        let mut request = prepare_knock_event::v1::Request::new(wanted.room_id.to_owned(), wanted.user.to_owned());
        request.ver = version::SUPPORTED.to_vec();
        let answer = self.ask_within(server, request, REMOTE_MEMBERSHIP_ENTRY_WAIT).await?;
        let template = make_join::read(server, wanted, Some(&answer.room_version), &answer.event)?;
        out_of_band::check_id(wanted.room_id, template.rules)?;
        let (rules, version) = (template.rules, template.version.clone());
        let ours = template.sign(&self.core, wanted, content)?;
        let room_id = wanted.room_id.to_owned();
        let request = create_knock_event::v1::Request::new(room_id, ours.pdu.event_id.clone(), raw(&ours)?);
        let answer = self.ask_streamed(server, request, REMOTE_MEMBERSHIP_ENTRY_WAIT).await?;
        let body = request::body(server, answer, limits::BODY_BYTES_MAX).await?;
        // The knock is accepted, even if the response has no readable stripped state.
        let shown =
            serde_json::from_slice::<KnockState>(&body).map_or_else(|_| Vec::new(), |shown| shown.knock_room_state);
        let stripped = self.read_stripped(rules, wanted.room_id, &shown, &ours.pdu).await?;
        let (core, room_id) = (self.core.clone(), wanted.room_id.to_owned());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let room = out_of_band::room(&core, tx, &room_id, &version)?;
            if find::is_resident(tx.tx(), &room)? {
                let message = "This server has come into the room meanwhile; knock again.";
                return Err(refuse(Reason::BadState, message));
            }
            out_of_band::stand(&core, tx, &room, &ours, Some(&stripped))
        };
        self.core.store.write("federation_knock", write).await
    }
}
