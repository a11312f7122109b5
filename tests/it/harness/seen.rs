//! The response to a `/sync`.

use serde_json::Value;

use super::{Room, bodies, list};

/// A sync response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen(pub(crate) Value);

impl Seen {
    /// The next token.
    pub(crate) fn next(&self) -> &str {
        self.0["next_batch"].as_str().expect("a sync says where to go on")
    }

    /// A joined room; `null` when the response does not contain it.
    pub(crate) fn joined(&self, room: &Room) -> &Value {
        &self.0["rooms"]["join"][&room.0]
    }

    /// A left room; `null` when the response does not contain it.
    pub(crate) fn left(&self, room: &Room) -> &Value {
        &self.0["rooms"]["leave"][&room.0]
    }

    /// The stripped state of an invite.
    pub(crate) fn invited(&self, room: &Room) -> &[Value] {
        list(&self.0["rooms"]["invite"][&room.0]["invite_state"]["events"])
    }

    /// The stripped state of a knock.
    pub(crate) fn knocked(&self, room: &Room) -> &[Value] {
        list(&self.0["rooms"]["knock"][&room.0]["knock_state"]["events"])
    }

    /// The timeline of a joined room.
    pub(crate) fn timeline(&self, room: &Room) -> &[Value] {
        list(&self.joined(room)["timeline"]["events"])
    }

    /// The texts in the timeline of a joined room.
    pub(crate) fn texts(&self, room: &Room) -> Vec<&str> {
        bodies(self.timeline(room))
    }

    /// The state of a joined room.
    pub(crate) fn state(&self, room: &Room) -> &[Value] {
        list(&self.joined(room)["state"]["events"])
    }

    /// Typing or receipts of a joined room, by type; `null` when there are none.
    pub(crate) fn ephemeral(&self, room: &Room, kind: &str) -> &Value {
        find(&self.joined(room)["ephemeral"]["events"], kind)
    }

    /// Account data, by type.
    pub(crate) fn account_data(&self, kind: &str) -> &Value {
        find(&self.0["account_data"]["events"], kind)
    }

    /// Account data of a joined room, by type.
    pub(crate) fn room_account_data(&self, room: &Room, kind: &str) -> &Value {
        find(&self.joined(room)["account_data"]["events"], kind)
    }

    /// To-device messages.
    pub(crate) fn to_device(&self) -> &[Value] {
        list(&self.0["to_device"]["events"])
    }

    /// Whether the response contains no room.
    pub(crate) fn is_quiet(&self) -> bool {
        let sections = ["join", "leave", "invite", "knock"];
        sections.iter().all(|name| self.0["rooms"][name].as_object().is_none_or(serde_json::Map::is_empty))
    }
}

/// The content of the event of a type in a list; `null` when there is none.
fn find<'a>(events: &'a Value, kind: &str) -> &'a Value {
    list(events).iter().find(|event| event["type"] == kind).map_or(&Value::Null, |event| &event["content"])
}
