//! Actions of users in rooms.

use serde_json::{Value, json};

use super::{Person, Room, v3};

/// An event that is sent when its room is given.
#[derive(Debug)]
#[must_use = "nothing is sent until a room is named"]
pub(crate) struct Sending<'a> {
    sender: &'a Person,
    kind: String,
    content: Value,
    transaction: Option<String>,
}

/// State that is set when its room is given.
#[derive(Debug)]
#[must_use = "nothing is set until a room is named"]
pub(crate) struct Setting<'a> {
    setter: &'a Person,
    kind: String,
    key: String,
    content: Value,
}

impl Person {
    /// A text message.
    pub(crate) fn sends(&self, text: &str) -> Sending<'_> {
        self.sends_event("m.room.message", json!({ "msgtype": "m.text", "body": text }))
    }

    /// Any message event.
    pub(crate) fn sends_event(&self, kind: &str, content: Value) -> Sending<'_> {
        Sending { sender: self, kind: kind.to_owned(), content, transaction: None }
    }

    /// A text message that relates to `event`, for example in a thread.
    pub(crate) fn replies(&self, text: &str, rel_type: &str, event: &str) -> Sending<'_> {
        let relation = json!({ "rel_type": rel_type, "event_id": event });
        let content = json!({ "msgtype": "m.text", "body": text, "m.relates_to": relation });
        self.sends_event("m.room.message", content)
    }

    /// A state event.
    pub(crate) fn sets(&self, kind: &str, key: &str, content: Value) -> Setting<'_> {
        Setting { setter: self, kind: kind.to_owned(), key: key.to_owned(), content }
    }

    pub(crate) async fn joins(&self, room: &Room) {
        self.post(v3!("join/{}", room), json!({})).await.ok();
    }

    pub(crate) async fn knocks_on(&self, room: &Room) {
        self.post(v3!("knock/{}", room), json!({})).await.ok();
    }

    pub(crate) async fn leaves(&self, room: &Room) {
        self.post(v3!("rooms/{}/leave", room), json!({})).await.ok();
    }

    pub(crate) async fn forgets(&self, room: &Room) {
        self.post(v3!("rooms/{}/forget", room), json!({})).await.ok();
    }

    pub(crate) async fn invites(&self, other: &Person, room: &Room) {
        self.post(v3!("rooms/{}/invite", room), json!({ "user_id": other.id })).await.ok();
    }

    pub(crate) async fn kicks(&self, other: &Person, room: &Room) {
        self.post(v3!("rooms/{}/kick", room), json!({ "user_id": other.id, "reason": "enough" })).await.ok();
    }

    pub(crate) async fn bans(&self, other: &Person, room: &Room) {
        self.post(v3!("rooms/{}/ban", room), json!({ "user_id": other.id })).await.ok();
    }

    pub(crate) async fn unbans(&self, other: &Person, room: &Room) {
        self.post(v3!("rooms/{}/unban", room), json!({ "user_id": other.id })).await.ok();
    }

    /// Redacts an event; returns the id of the redaction.
    pub(crate) async fn redacts(&self, event: &str, room: &Room) -> String {
        let path = v3!("rooms/{}/redact/{}/{}", room, event, self.fresh_transaction());
        event_id(&self.put(path, json!({ "reason": "a slip" })).await.ok())
    }

    /// Marks everything up to `event` as read.
    pub(crate) async fn reads_up_to(&self, event: &str, room: &Room) {
        self.post(v3!("rooms/{}/receipt/m.read/{}", room, event), json!({})).await.ok();
    }

    /// The content of a state event; `null` when there is none.
    pub(crate) async fn state_of(&self, room: &Room, kind: &str, key: &str) -> Value {
        let answer = self.get(v3!("rooms/{}/state/{}/{}", room, kind, key)).await;
        if answer.status == 404 { Value::Null } else { answer.ok() }
    }
}

impl Sending<'_> {
    /// Uses this transaction id instead of a new one.
    pub(crate) fn under_transaction(mut self, id: &str) -> Self {
        self.transaction = Some(id.to_owned());
        self
    }

    /// Sends it; returns the event id.
    pub(crate) async fn in_room(self, room: &Room) -> String {
        let transaction = self.transaction.unwrap_or_else(|| self.sender.fresh_transaction());
        let path = v3!("rooms/{}/send/{}/{}", room, self.kind, transaction);
        event_id(&self.sender.put(path, self.content).await.ok())
    }
}

impl Setting<'_> {
    /// Sets it; returns the event id.
    pub(crate) async fn in_room(self, room: &Room) -> String {
        let path = v3!("rooms/{}/state/{}/{}", room, self.kind, self.key);
        event_id(&self.setter.put(path, self.content).await.ok())
    }
}

fn event_id(answer: &Value) -> String {
    answer["event_id"].as_str().expect("a sent event has an id").to_owned()
}
