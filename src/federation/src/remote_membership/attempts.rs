//! Attempts through several servers in turn; after the last failure the most informative error is returned.

use hearth_base::{Error, Reason, Result};
use ruma::{RoomId, ServerName};

/// The errors so far.
#[derive(Debug, Default)]
pub(super) struct JoinErrors {
    best: Option<Error>,
}

impl JoinErrors {
    /// Notes a server's error, so that the next one is tried. A local error is returned at once, because no other
    /// server could help.
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

    /// The error for the client. `M_NOT_FOUND` without a server to ask.
    pub(super) fn verdict(self, room_id: &RoomId) -> Error {
        self.best.unwrap_or_else(|| {
            Error::not_found(format!(
                "This server is not in {room_id} and knows no server that is: name one, with ?via= in the request."
            ))
        })
    }
}

/// How informative an error is: a refusal ranks above an unreachable server.
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
