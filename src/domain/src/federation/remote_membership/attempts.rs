//! Several servers may lead into a room. They are tried in turn, and when none does, the most telling refusal is passed on.

use hearth_base::{Error, Reason, Result};
use ruma::{RoomId, ServerName};

/// Refusals so far.
#[derive(Debug, Default)]
pub(super) struct JoinErrors {
    best: Option<Error>,
}

impl JoinErrors {
    /// Notes that a server did not lead into the room, so that the next one is tried. What is our own fault is passed on at
    /// once, as no other server could help.
    pub(super) fn note(&mut self, server: &ServerName, error: Error) -> Result<()> {
        tracing::debug!(federation.server = %server, %error, "A candidate server refused the join.");
        if error.reason().is_none() || error.reason() == Some(Reason::RoomTooLarge) {
            return Err(error);
        }
        if self.best.as_ref().is_none_or(|best| rank(&error) > rank(best)) {
            self.best = Some(error);
        }
        Ok(())
    }

    /// What the user is told. `M_NOT_FOUND` when there was no server to ask.
    pub(super) fn verdict(self, room_id: &RoomId) -> Error {
        self.best.unwrap_or_else(|| {
            Error::not_found(format!(
                "This server is not in {room_id} and knows no server that is: name one, with ?via= in the request."
            ))
        })
    }
}

/// How much a refusal says: that the user may not come in is more than that a server does not answer.
fn rank(error: &Error) -> u8 {
    match error.reason() {
        None | Some(Reason::ConnectionFailed | Reason::NotAuthenticated) => 0,
        Some(Reason::NotFound | Reason::Unrecognized) => 1,
        Some(Reason::UnableToAuthoriseJoin | Reason::UnableToGrantJoin) => 3,
        Some(Reason::IncompatibleRoomVersion | Reason::UnsupportedRoomVersion) => 4,
        Some(Reason::Forbidden) => 5,
        Some(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_refusal_is_passed_on() {
        let (server, room) = (ruma::server_name!("a.example"), ruma::room_id!("!r:a.example"));
        let told = |reasons: &[Reason]| {
            let mut tries = JoinErrors::default();
            for reason in reasons {
                tries.note(server, hearth_base::error::refuse(*reason, "no")).expect("the next one");
            }
            tries.verdict(room).reason()
        };
        assert_eq!(told(&[]), Some(Reason::NotFound));
        assert_eq!(told(&[Reason::NotFound, Reason::ConnectionFailed]), Some(Reason::NotFound));
        assert_eq!(told(&[Reason::ConnectionFailed, Reason::Forbidden, Reason::NotFound]), Some(Reason::Forbidden));
        assert!(JoinErrors::default().note(server, Error::broken("ours")).is_err());
    }
}
