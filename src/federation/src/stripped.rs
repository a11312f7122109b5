//! Stripped state of a remote room for an invited or knocking user (server-server API, `invite_room_state`,
//! `knock_room_state`): checked, bounded, and converted to the client format.
//!
//! Since 1.16 the entries are full events, whose signatures and room are checked; older servers send the client
//! format, which cannot be checked. Invalid entries are left out, except for a create event: an invite with a false
//! create event is refused.

use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_rooms::event::Pdu;
use hearth_rooms::event::client::strip;
use ruma::events::AnyStrippedStateEvent;
use ruma::room_version_rules::RoomVersionRules;
use ruma::serde::Raw;
use ruma::{OwnedUserId, RoomId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Federation;
use super::pdu::{self, IncomingPdu};

type ClientStripped = Raw<AnyStrippedStateEvent>;

/// What an invite should show (client-server API, "Stripped state"), the most important first.
const FIRST: [&str; 7] = [
    "m.room.create",
    "m.room.name",
    "m.room.canonical_alias",
    "m.room.join_rules",
    "m.room.encryption",
    "m.room.avatar",
    "m.room.topic",
];

/// An entry in the client format.
#[derive(Deserialize, Serialize)]
struct PlainStripped<'a> {
    #[serde(borrow)]
    content: &'a RawValue,
    sender: OwnedUserId,
    state_key: String,
    #[serde(rename = "type")]
    kind: String,
}

/// The fields that distinguish an event from the client format.
#[derive(Deserialize)]
struct StrippedShape {
    #[serde(rename = "type")]
    kind: Option<String>,
    signatures: Option<serde::de::IgnoredAny>,
}

/// A parsed entry.
enum StrippedEntry {
    Event(Box<IncomingPdu>),
    Plain(ClientStripped),
}

impl Federation {
    /// Reads the stripped state that belongs to a member event, and serialises it for the user together with that
    /// event.
    ///
    /// `M_INVALID_PARAM` for a create event that is invalid or of another room.
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

/// Parses an entry; `None` for one that is not shown.
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

/// Serialises as many entries as the size limit allows, and the member event. If not all fit, those that the
/// specification asks for come first.
fn write(shown: impl Iterator<Item = ClientStripped>, member: ClientStripped) -> Result<Vec<u8>> {
    let mut all: Vec<ClientStripped> = shown.collect();
    // Stable: otherwise the order stays.
    all.sort_by_key(|shown| {
        let kind = shown.get_field::<String>("type").ok().flatten();
        kind.and_then(|kind| FIRST.iter().position(|first| *first == kind)).unwrap_or(FIRST.len())
    });
    let mut bytes = member.json().get().len() + 2;
    all.retain(|shown| {
        let with = bytes + shown.json().get().len() + 1;
        let fits = with <= limits::STRIPPED_BYTES_MAX;
        bytes = if fits { with } else { bytes };
        fits
    });
    all.push(member);
    serde_json::to_vec(&all).map_err(|error| Error::fault("writing stripped state", error))
}
