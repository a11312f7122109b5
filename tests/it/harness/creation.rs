//! Room creation.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use serde_json::{Value, json};

use super::{Person, v3};

/// A room id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Room(pub(crate) String);

impl AsRef<str> for Room {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A room that is created when this is awaited.
#[derive(Debug)]
#[must_use = "the room is made when this is awaited"]
pub(crate) struct Creation<'a> {
    creator: &'a Person,
    body: Value,
}

impl Person {
    /// A private room with its creator only.
    pub(crate) fn creates_room(&self) -> Creation<'_> {
        Creation { creator: self, body: json!({ "preset": "private_chat" }) }
    }

    /// A public room that the other users join.
    pub(crate) async fn creates_room_with(&self, others: &[&Person]) -> Room {
        let room = self.creates_room().public().await;
        for other in others {
            other.joins(&room).await;
        }
        room
    }
}

impl Creation<'_> {
    /// Makes the room public.
    pub(crate) fn public(self) -> Self {
        self.with("preset", json!("public_chat"))
    }

    pub(crate) fn version(self, version: &str) -> Self {
        self.with("room_version", json!(version))
    }

    pub(crate) fn inviting(self, people: &[&Person]) -> Self {
        let ids: Vec<_> = people.iter().map(|person| &person.id).collect();
        self.with("invite", json!(ids))
    }

    /// Sets the history visibility from the beginning.
    pub(crate) fn history(self, visibility: &str) -> Self {
        self.state("m.room.history_visibility", json!({ "history_visibility": visibility }))
    }

    /// Adds initial state with an empty state key.
    pub(crate) fn state(mut self, kind: &str, content: Value) -> Self {
        let event = json!({ "type": kind, "state_key": "", "content": content });
        match self.body["initial_state"].as_array_mut() {
            Some(events) => events.push(event),
            None => self.body["initial_state"] = json!([event]),
        }
        self
    }

    /// Sets any other field of the request.
    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.body[field] = value;
        self
    }
}

impl<'a> IntoFuture for Creation<'a> {
    type Output = Room;
    type IntoFuture = Pin<Box<dyn Future<Output = Room> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let answer = self.creator.post(v3!("createRoom"), self.body).await.ok();
            Room(answer["room_id"].as_str().expect("a room has an id").to_owned())
        })
    }
}
