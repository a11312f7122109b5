//! The `send_join` response as it arrives: the room's state and its auth chain, as unparsed events.

use futures_util::StreamExt;
use hearth_base::limits::federation::{SEND_JOIN_BEGIN_WAIT, SEND_JOIN_SILENCE_MAX};
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::jobs::Handle;
use hearth_core::ports::RemoteResponse;
use hearth_rooms::event::Authored;
use hearth_store::hash64;
use ruma::api::federation::membership::create_join_event;
use ruma::{OwnedServerName, RoomId, ServerName};

use super::room_state_checks::{self, note_notary};
use super::send_join_parser::{ResponseParser, ResponsePiece};
use super::spool::{self, Spool, SpoolPlace};
use super::{Federation, raw};
use crate::{legacy, request};

/// Number of events between two progress reports.
const EVENTS_PER_STEP: usize = 500;

/// The events of a `send_join` response.
#[derive(Debug)]
pub(super) struct SendJoinResponse {
    /// The JSON of all events.
    pub(super) spool: Spool,
    /// The state before the join.
    pub(super) state: Vec<SpoolPlace>,
    /// The auth chain of that state.
    pub(super) auth_chain: Vec<SpoolPlace>,
    /// The join event with the resident server's signature.
    pub(super) event: Option<Vec<u8>>,
    /// Whether the state has power levels.
    pub(super) has_levels: bool,
    /// Some servers with members in the room: see [`note_notary`].
    pub(super) members_servers: Vec<OwnedServerName>,
}

/// Limits and estimates of the response size.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseLimits {
    /// Expected number of state events, if known.
    pub(super) expected: Option<u64>,
    /// Maximum number of state events.
    pub(super) max: Option<u64>,
}

impl Federation {
    /// Sends the join, and returns the response stream if the server has accepted it.
    pub(super) async fn send_join(
        &self,
        server: &ServerName,
        room_id: &RoomId,
        ours: &Authored,
    ) -> Result<RemoteResponse> {
        let id = ours.pdu.event_id.clone();
        let join = create_join_event::v2::Request::new(room_id.to_owned(), id.clone(), raw(ours)?);
        let answer = self.ask_streamed(server, join, SEND_JOIN_BEGIN_WAIT).await?;
        let (status, body) = match refusal(answer).await? {
            Ok(answer) => return Ok(answer),
            Err(refused) => refused,
        };
        if !request::is_unknown_endpoint(status, &body) {
            return Err(request::refused(server, status, &body));
        }
        let target = legacy::path("v1/send_join", &[room_id.as_str(), id.as_str()]);
        let answer = self.ask_plain(server, "PUT", &target, ours.json.clone().into(), SEND_JOIN_BEGIN_WAIT).await?;
        refusal(answer).await?.map_err(|(status, body)| request::refused(server, status, &body))
    }

    /// Reads the response to the join `ours`. `M_RESOURCE_LIMIT_EXCEEDED` as soon as it exceeds `extent`.
    pub(super) async fn hear(
        &self,
        room_id: &RoomId,
        ours: &Authored,
        answer: RemoteResponse,
        extent: ResponseLimits,
        job: &Handle,
    ) -> Result<SendJoinResponse> {
        let file = format!("join-{:016x}", hash64(&[ours.pdu.event_id.as_bytes()]));
        let mut told = SendJoinResponse::new(Spool::new(self.core.config.server.data_dir.join(file)));
        let (mut body, mut splitter, mut bytes) = (answer.body, ResponseParser::default(), 0);
        let broken = |what: &str| refuse(Reason::ConnectionFailed, format!("The answer to the join {what}."));
        while let Some(piece) = tokio::time::timeout(SEND_JOIN_SILENCE_MAX, body.next())
            .await
            .map_err(|_| broken("does not come to an end"))?
        {
            let piece = piece?;
            bytes += piece.len();
            if bytes > limits::FEDERATION_ANSWER_BYTES_MAX {
                return Err(broken("is larger than any room"));
            }
            splitter.push(&piece, &mut |piece| {
                told.take(piece)?;
                match extent.max {
                    Some(max) if told.state.len() as u64 > max => Err(self.too_large(room_id)),
                    _ => Ok(()),
                }
            })?;
            if !told.report(extent, job) {
                return Err(broken("is not waited for any longer: the join was cancelled"));
            }
            if told.spool.is_full() {
                told = self.flush(told).await?;
            }
        }
        splitter.finish()?;
        Ok(told)
    }

    /// Moves what has been received to disk, as long as the database has space there, too.
    async fn flush(&self, mut told: SendJoinResponse) -> Result<SendJoinResponse> {
        if self.core.store.health().free_bytes.is_some_and(|free| free < limits::MEDIA_FREE_BYTES_MIN) {
            return Err(spool::no_space());
        }
        let flushed = tokio::task::spawn_blocking(move || told.spool.flush().map(|()| told)).await;
        flushed.map_err(|error| Error::fault("keeping the answer to a join", error))?
    }
}

/// The response, or the status and body of an error.
async fn refusal(answer: RemoteResponse) -> Result<std::result::Result<RemoteResponse, (u16, bytes::Bytes)>> {
    if answer.status < 400 {
        return Ok(Ok(answer));
    }
    let status = answer.status;
    Ok(Err((status, request::whole(answer, limits::BODY_BYTES_MAX).await?)))
}

impl SendJoinResponse {
    fn new(spool: Spool) -> Self {
        let (state, auth_chain, members_servers) = (Vec::new(), Vec::new(), Vec::new());
        Self { spool, state, auth_chain, event: None, has_levels: false, members_servers }
    }

    fn take(&mut self, piece: ResponsePiece) -> Result<()> {
        match piece {
            ResponsePiece::State(event) => {
                self.has_levels |= room_state_checks::is_levels(&event);
                note_notary(&mut self.members_servers, &event);
                self.state.push(self.spool.append(&event));
            }
            ResponsePiece::Auth(event) => self.auth_chain.push(self.spool.append(&event)),
            ResponsePiece::Event(event) if event != b"null" => self.event = Some(event),
            ResponsePiece::Omitted(value) if value == b"true" => {
                return Err(refuse(Reason::ConnectionFailed, "The answer to the join leaves members out, unasked."));
            }
            ResponsePiece::Event(_) | ResponsePiece::Omitted(_) => {}
        }
        if self.state.len() + self.auth_chain.len() > limits::JOIN_EVENTS_MAX {
            return Err(refuse(Reason::ConnectionFailed, "The answer to the join has more events than any room."));
        }
        Ok(())
    }

    /// Reports progress; false when the job was cancelled.
    fn report(&self, extent: ResponseLimits, job: &Handle) -> bool {
        let count = self.state.len() + self.auth_chain.len();
        // An auth chain has about as many events as the state.
        let expected = extent.expected.map_or(u64::MAX, |state| state.saturating_mul(2).max(1));
        let expected = u32::try_from(expected).unwrap_or(u32::MAX);
        let share = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / f64::from(expected);
        let told = match extent.expected {
            Some(state) => format!("{} of about {state} state events received", self.state.len()),
            None => format!("{} state events received", self.state.len() / EVENTS_PER_STEP * EVENTS_PER_STEP),
        };
        job.step(0.05 + 0.35 * share.min(1.0), told)
    }
}
