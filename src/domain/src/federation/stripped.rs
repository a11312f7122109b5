//! What another server shows of a room to somebody whom it invites or who knocks there (server-server API, `invite_room_state`,
//! `knock_room_state`): checked, bounded, and in the form that clients know.
//!
//! Since 1.16 these are whole events, whose signatures are checked and which must be of the room; older servers send the
//! form for clients, of which nothing can be checked. What is not right is left out, but for a create event: a room that
//! shows a false beginning is refused.

use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use ruma::events::AnyStrippedStateEvent;
use ruma::room_version_rules::RoomVersionRules;
use ruma::serde::Raw;
use ruma::{OwnedUserId, RoomId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Federation;
use super::pdu::{self, IncomingPdu};
use crate::rooms::event::Pdu;
use crate::rooms::event::client::strip;

type ClientStripped = Raw<AnyStrippedStateEvent>;

/// The form for clients.
#[derive(Deserialize, Serialize)]
struct PlainStripped<'a> {
    #[serde(borrow)]
    content: &'a RawValue,
    sender: OwnedUserId,
    state_key: String,
    #[serde(rename = "type")]
    kind: String,
}

/// What tells an event from the form for clients.
#[derive(Deserialize)]
struct StrippedShape {
    #[serde(rename = "type")]
    kind: Option<String>,
    signatures: Option<serde::de::IgnoredAny>,
}

/// An entry, as far as it has been read.
enum StrippedEntry {
    Event(Box<IncomingPdu>),
    Plain(ClientStripped),
}

impl Federation {
    /// Reads what is shown of a room with a member event, and writes it down for the member, with that event.
    ///
    /// Refuses with `M_INVALID_PARAM` a create event that is none, or another room's.
    pub(super) async fn read_stripped(
        self: &Arc<Self>,
        rules: &'static RoomVersionRules,
        room_id: &RoomId,
        shown: &[Box<RawValue>],
        member: &Pdu,
    ) -> Result<Vec<u8>> {
        let entries = shown.iter().take(limits::STRIPPED_EVENTS_MAX).filter_map(|raw| read(rules, room_id, raw));
        let mut events = Vec::new();
        let mut plain = Vec::new();
        for entry in entries.collect::<Result<Vec<_>>>()? {
            match entry {
                StrippedEntry::Event(event) => events.push(*event),
                StrippedEntry::Plain(shown) => plain.push(shown),
            }
        }
        let verified = if events.is_empty() { Vec::new() } else { self.check_signatures(rules, events).await };
        let verified = verified.into_iter().flatten().map(|event| strip::<AnyStrippedStateEvent>(&event.pdu));
        write(verified.chain(plain), strip(member))
    }
}

/// Reads an entry; none when it is not worth showing.
fn read(rules: &RoomVersionRules, room_id: &RoomId, raw: &RawValue) -> Option<Result<StrippedEntry>> {
    let form: StrippedShape = serde_json::from_str(raw.get()).ok()?;
    if form.signatures.is_none() {
        return plain(raw).map(|shown| Ok(StrippedEntry::Plain(shown)));
    }
    let event = pdu::parse(rules, Some(room_id), raw).ok().filter(|event| event.pdu.state_key.is_some());
    match event {
        Some(event) => Some(Ok(StrippedEntry::Event(Box::new(event)))),
        None if form.kind.as_deref() == Some("m.room.create") => {
            Some(Err(Error::invalid(format!("The create event that comes along is not that of {room_id}."))))
        }
        None => None,
    }
}

fn plain(raw: &RawValue) -> Option<ClientStripped> {
    let plain: PlainStripped<'_> = serde_json::from_str(raw.get()).ok()?;
    let is_right = plain.content.get().starts_with('{')
        && [&plain.kind, &plain.state_key].iter().all(|text| text.len() <= limits::ID_BYTES_MAX);
    is_right.then(|| Raw::new(&plain).ok().map(Raw::cast_unchecked)).flatten()
}

/// Writes as many entries as there is room for, and the member event.
fn write(shown: impl Iterator<Item = ClientStripped>, member: ClientStripped) -> Result<Vec<u8>> {
    let mut bytes = member.json().get().len();
    let fits = |shown: &ClientStripped| {
        bytes += shown.json().get().len() + 1;
        bytes <= limits::STRIPPED_BYTES_MAX
    };
    let all: Vec<ClientStripped> = shown.take_while(fits).chain([member]).collect();
    serde_json::to_vec(&all).map_err(|error| Error::fault("writing stripped state", error))
}
