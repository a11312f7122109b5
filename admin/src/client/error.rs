//! What can go wrong between a caller and the server, in words that say what to do next.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use http::StatusCode;

use crate::text::safe_text;
use crate::wire::ErrorBody;

/// A request that did not get its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientError {
    /// Which kind, for a program.
    pub kind: ErrorKind,
    /// What happened, as one sentence, safe to print.
    pub what: String,
    /// What to do about it, as one sentence, safe to print; may be empty.
    pub remedy: String,
}

/// Kinds of [`ClientError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nobody listens on the socket.
    NotRunning,
    /// The socket is there, and this account may not use it.
    NotAllowed,
    /// The connection broke, timed out, or carried something that is not HTTP.
    Broken,
    /// The server answered with an error; this is its `code`.
    Refused(String),
    /// The answer is not what this version expects.
    Unreadable,
}

impl ClientError {
    /// Whether the server is gone, rather than unwilling.
    pub fn is_down(&self) -> bool {
        matches!(self.kind, ErrorKind::NotRunning | ErrorKind::NotAllowed | ErrorKind::Broken)
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.remedy.is_empty() {
            write!(f, " {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for ClientError {}

fn error(kind: ErrorKind, what: impl Into<String>, remedy: impl Into<String>) -> ClientError {
    ClientError { kind, what: what.into(), remedy: remedy.into() }
}

/// The socket could not be connected to.
pub(super) fn unreachable(socket: &Path, cause: &io::Error) -> ClientError {
    let path = safe_text(&socket.to_string_lossy());
    match cause.kind() {
        io::ErrorKind::NotFound => error(
            ErrorKind::NotRunning,
            format!("Is the server running? There is no socket at {path}."),
            "Start it with `systemctl start hearth`, or name the right socket with --socket.",
        ),
        io::ErrorKind::ConnectionRefused => error(
            ErrorKind::NotRunning,
            format!("Nobody answers on {path}: the server has stopped."),
            "Look at `systemctl status hearth`, then start it with `systemctl start hearth`.",
        ),
        io::ErrorKind::PermissionDenied => error(
            ErrorKind::NotAllowed,
            format!("This account may not open {path}."),
            "Add it to the group `hearth` with `sudo usermod -aG hearth $USER` and log in again, or use sudo.",
        ),
        _ => error(
            ErrorKind::Broken,
            format!("The socket {path} cannot be opened: {}.", safe_text(&cause.to_string())),
            "Check that the path is the admin socket of a running server.",
        ),
    }
}

/// The connection failed half-way.
pub(super) fn broken(cause: &dyn fmt::Display) -> ClientError {
    error(
        ErrorKind::Broken,
        format!("The connection to the server broke: {}.", safe_text(&cause.to_string())),
        "If it happens again, look at the server's log.",
    )
}

/// No answer in time.
pub(super) fn silent(waited: Duration) -> ClientError {
    error(
        ErrorKind::Broken,
        format!("The server did not answer within {} s.", waited.as_secs()),
        "It may be overloaded; look at its log and at the disk.",
    )
}

/// An answer that is not 2xx.
pub(super) fn refused(status: StatusCode, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => error(
            ErrorKind::Refused(safe_text(&body.error.code)),
            safe_text(&body.error.message),
            safe_text(&body.error.remedy),
        ),
        Err(_) => error(
            ErrorKind::Refused(format!("http_{}", status.as_u16())),
            format!("The server answered {status} without saying why."),
            "Check that this is Hearth's admin socket and that client and server have the same version.",
        ),
    }
}

/// A 2xx answer that does not parse.
pub(super) fn unreadable(path: &str, cause: &serde_json::Error) -> ClientError {
    error(
        ErrorKind::Unreadable,
        format!("The answer to {} is not understood: {}.", safe_text(path), safe_text(&cause.to_string())),
        "Use the same version of Hearth on both sides.",
    )
}

/// A request body that cannot be JSON.
pub(super) fn unsendable(cause: &serde_json::Error) -> ClientError {
    error(ErrorKind::Broken, format!("The request cannot be written as JSON: {cause}."), "")
}
