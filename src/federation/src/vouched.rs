//! Member events that this server countersigns: added to their rooms and sent to the other servers there, because the
//! user's own server is not in the room, or was not until now.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::destinations;
use hearth_rooms::servers::Servers;
use hearth_store::ids::RoomSn;
use hearth_store::{Lane, WriteTx};
use ruma::{OwnedEventId, OwnedServerName, ServerName};

use super::Federation;
use super::pdu::{self, IncomingPdu, PduOutcome, PersistOutcome, StateNeed};

impl Federation {
    /// Adds an event to a room that this server is in, and queues it for the other servers there except `except`,
    /// which has it. For events that another server has just signed, which mostly fit the current state.
    pub(super) async fn let_in(
        self: &Arc<Self>,
        room: RoomSn,
        event: IncomingPdu,
        except: Option<OwnedServerName>,
    ) -> Result<PduOutcome> {
        let from = except.clone().unwrap_or_else(|| self.core.server_name.clone());
        let event_id = event.pdu.event_id.clone();
        let (core, to) = (self.core.clone(), except.clone());
        let write = move |tx: &mut WriteTx<'_>| quickly(&core, tx, room, event, to.as_deref());
        let (event, before) = match self.core.store.write_in(Lane::Federation, "member_let_in", write).await? {
            Ok(verdict) => return Ok(verdict),
            Err(hard) => *hard,
        };
        let verdict = self.handle_pdu(room, event, &from, StateNeed::Whole).await?;
        if verdict == PduOutcome::Accepted {
            let core = self.core.clone();
            let write = move |tx: &mut WriteTx<'_>| put(&core, tx, &event_id, before, except.as_deref());
            self.core.store.write_in(Lane::Federation, "member_passed_on", write).await?;
        }
        Ok(verdict)
    }
}

/// A deferred event, with the servers to notify because they were in the room before it.
type DeferredPdu = Box<(IncomingPdu, Servers)>;

fn quickly(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: RoomSn,
    event: IncomingPdu,
    except: Option<&ServerName>,
) -> Result<std::result::Result<PduOutcome, DeferredPdu>> {
    let mut room = pdu::room(tx, room)?;
    let event_id = event.pdu.event_id.clone();
    // Read before the event takes effect, because a leave may end the membership of a whole server.
    let before = destinations::before(core, tx, room.sn, &event.pdu)?;
    match pdu::quickly(core, tx, &mut room, event)? {
        PersistOutcome::Done(PduOutcome::Accepted) => {
            put(core, tx, &event_id, before, except)?;
            Ok(Ok(PduOutcome::Accepted))
        }
        PersistOutcome::Done(verdict) => Ok(Ok(verdict)),
        PersistOutcome::Not(event, _) => Ok(Err(Box::new((*event, before)))),
    }
}

fn put(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    event_id: &OwnedEventId,
    before: Servers,
    except: Option<&ServerName>,
) -> Result<()> {
    let event = core.events.find(tx.tx(), event_id)?;
    let event = event.ok_or_else(|| Error::broken("an event is missing that was just let in"))?;
    let at = tx.position();
    destinations::put(core, tx, &event, at, before, except)
}
