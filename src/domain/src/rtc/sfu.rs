//! Requests to the SFU: create a room, list and remove participants. LiveKit's room service, over Twirp with JSON.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::ports::Appointed;
use hearth_federation::request::whole;
use serde::Deserialize;
use serde_json::{Value, json};

use super::token::{Grants, SfuKey, TokenClaims};

/// Timeout for the SFU, which runs near this server or not at all.
const WAIT: Duration = Duration::from_secs(10);
/// Lifetime of a token for a request of this server, in seconds.
const OWN_TOKEN_S: u64 = 60;
/// Lifetime of a room that no participant has joined, in seconds.
const EMPTY_S: u64 = 5 * 60;
/// Lifetime of a room after the last participant has left, in seconds: short, but enough for a client that
/// reconnects.
const DEPARTED_S: u64 = 20;

/// The SFU and the connection to it.
#[derive(Debug)]
pub(super) struct Sfu {
    /// Its `http` or `https` address, without a trailing slash.
    pub(super) base: String,
    pub(super) key: SfuKey,
    pub(super) line: Arc<dyn Appointed>,
}

/// A participant of a call, as the SFU lists them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Participant {
    /// The identity that this server has given them.
    pub identity: String,
}

#[derive(Deserialize)]
struct Participants {
    #[serde(default)]
    participants: Vec<Participant>,
}

/// A Twirp error.
#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default)]
    code: String,
}

impl Sfu {
    /// Creates a room; does nothing when it exists.
    pub(super) async fn create_room(&self, room: &str, now_s: u64) -> Result<()> {
        let grants = Grants { room_create: true, ..Grants::default() };
        let room = json!({ "name": room, "empty_timeout": EMPTY_S, "departure_timeout": DEPARTED_S });
        self.ask("CreateRoom", grants, &room, now_s).await.map(|_| ())
    }

    /// Returns the participants of a room; empty when the room does not exist.
    pub(super) async fn participants(&self, room: &str, now_s: u64) -> Result<Vec<Participant>> {
        let grants = Grants { room: room.to_owned(), room_admin: true, ..Grants::default() };
        match self.ask("ListParticipants", grants, &json!({ "room": room }), now_s).await {
            Ok(body) => read::<Participants>(&body).map(|list| list.participants),
            Err(error) if error.reason() == Some(Reason::NotFound) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Removes a participant from a room; succeeds when they are not there.
    pub(super) async fn remove_participant(&self, room: &str, identity: &str, now_s: u64) -> Result<()> {
        let grants = Grants { room: room.to_owned(), room_admin: true, ..Grants::default() };
        let who = json!({ "room": room, "identity": identity });
        match self.ask("RemoveParticipant", grants, &who, now_s).await {
            Err(error) if error.reason() == Some(Reason::NotFound) => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    /// Checks that the SFU answers and accepts the key.
    pub(super) async fn knock(&self, now_s: u64) -> Result<()> {
        let grants = Grants { room_list: true, ..Grants::default() };
        // No room has this name, so the response is short.
        self.ask("ListRooms", grants, &json!({ "names": ["-"] }), now_s).await.map(|_| ())
    }

    async fn ask(&self, method: &str, video: Grants, body: &Value, now_s: u64) -> Result<Bytes> {
        let iss = self.key.name.clone();
        let claims = TokenClaims { iss, nbf: now_s, exp: now_s + OWN_TOKEN_S, video, ..TokenClaims::default() };
        let request = http::Request::post(format!("{}/twirp/livekit.RoomService/{method}", self.base))
            .header(http::header::AUTHORIZATION, format!("Bearer {}", self.key.mint(&claims)))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .map_err(|error| Error::fault("writing a request to the SFU", error))?;
        let answer = self.line.send(request, WAIT).await?;
        let status = answer.status;
        let body = tokio::time::timeout(WAIT, whole(answer, limits::SFU_ANSWER_BYTES_MAX));
        let body = body.await.map_err(|_| unusable("it took too long to send its answer"))??;
        if status == 200 { Ok(body) } else { Err(refused(status, &body, &self.key.name)) }
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|_| unusable("its answer could not be understood"))
}

fn unusable(why: &str) -> Error {
    refuse(Reason::ConnectionFailed, format!("The SFU of group calls does not work: {why}."))
}

/// Turns an error of the SFU into a message for the operator: users cannot fix it.
fn refused(status: u16, body: &[u8], key: &str) -> Error {
    let Refused { code } = serde_json::from_slice(body).unwrap_or_default();
    match (code.as_str(), status) {
        ("not_found", _) => Error::not_found("The SFU has no such room."),
        (_, 401 | 403) | ("unauthenticated" | "permission_denied", _) => unusable(&format!(
            "it does not accept the key {key:?} of `livekit.key_file`; it must have the same key with the same secret, and its \
             clock must be right"
        )),
        (_, 404) => unusable("what answers at `livekit.address` is not LiveKit (it answered 404)"),
        _ => unusable(&format!("it answered {status}; look at its log")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_look_at() {
        let said = |status, body: &str| refused(status, body.as_bytes(), "devkey").to_string();
        assert!(said(401, r#"{"code":"unauthenticated","msg":"x"}"#).contains("\"devkey\""));
        assert!(said(404, "<html>").contains("not LiveKit"));
        assert!(said(500, r#"{"code":"internal"}"#).contains("500"));
        let gone = refused(404, br#"{"code":"not_found","msg":"no such room"}"#, "devkey");
        assert_eq!(gone.reason(), Some(Reason::NotFound));
    }
}
