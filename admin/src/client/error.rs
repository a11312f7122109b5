//! Errors of the admin client, with a remedy for the user.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use http::StatusCode;

use crate::text::safe_text;
use crate::wire::ErrorBody;

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientError {
    /// For programs.
    pub kind: ErrorKind,
    /// What happened: one sentence, safe to print.
    pub what: String,
    /// What to do: one sentence, safe to print. May be empty.
    pub remedy: String,
}

/// The kind of a [`ClientError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No process listens on the socket.
    NotRunning,
    /// The socket exists, but this account may not open it.
    NotAllowed,
    /// The connection failed, timed out, or did not carry HTTP.
    Broken,
    /// The server returned an error with this `code`.
    Refused(String),
    /// The response does not parse: client and server may differ in version.
    Unreadable,
}

impl ClientError {
    /// Whether the server cannot be reached, as opposed to refusing the request.
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

/// Connecting to the socket failed.
pub(super) fn unreachable(socket: &Path, cause: &io::Error) -> ClientError {
    let path = safe_text(&socket.to_string_lossy());
    match cause.kind() {
        io::ErrorKind::NotFound => error(
            ErrorKind::NotRunning,
            format!("Is the server running? There is no socket at {path}."),
            "Start it with `hearth serve` or `sudo systemctl start hearth`, or name the right socket with --socket.",
        ),
        io::ErrorKind::ConnectionRefused => error(
            ErrorKind::NotRunning,
            format!("No server answers on {path}: it has stopped."),
            "Start it with `hearth serve` or `sudo systemctl start hearth`; `systemctl status hearth` tells why a service \
             stopped.",
        ),
        io::ErrorKind::PermissionDenied => {
            error(ErrorKind::NotAllowed, format!("This account may not open {path}."), access(socket))
        }
        _ => error(
            ErrorKind::Broken,
            format!("The socket {path} cannot be opened: {}.", safe_text(&cause.to_string())),
            "Check that the path is the admin socket of a running server.",
        ),
    }
}

/// How this account gets access to a socket that it may not open.
fn access(socket: &Path) -> String {
    access_by(socket.metadata().ok().and_then(|metadata| group_name(metadata.gid())).as_deref())
}

/// As [`access`], by the group of the socket; `None` if it is not known.
pub(super) fn access_by(group: Option<&str>) -> String {
    match group {
        // Not a group to be in: its members can do more than this.
        Some("root") | None => {
            "Use sudo. For an account without it: name a group with `admin.group`, and let the account \
                                be in that group."
                .to_owned()
        }
        Some(group) => {
            let group = safe_text(group);
            format!(
                "Add it to the group `{group}` with `sudo usermod -aG {group} $USER` and log in again, or use sudo."
            )
        }
    }
}

/// The name of a group of this machine.
fn group_name(gid: u32) -> Option<String> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

/// The connection failed during the request.
pub(super) fn broken(cause: &dyn fmt::Display) -> ClientError {
    error(
        ErrorKind::Broken,
        format!("The connection to the server failed: {}.", safe_text(&cause.to_string())),
        "If it happens again, check the server's log.",
    )
}

/// The response did not arrive in time.
pub(super) fn timed_out(waited: Duration) -> ClientError {
    error(
        ErrorKind::Broken,
        format!("The server did not answer within {} s.", waited.as_secs()),
        "It may be overloaded; check its log and the disk.",
    )
}

/// A response other than 2xx.
pub(super) fn refused(status: StatusCode, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => error(
            ErrorKind::Refused(safe_text(&body.error.code)),
            safe_text(&body.error.message),
            safe_text(&body.error.remedy),
        ),
        Err(_) => error(
            ErrorKind::Refused(format!("http_{}", status.as_u16())),
            format!("The server returned {status} without a reason."),
            "Check that this is Hearth's admin socket and that client and server have the same version.",
        ),
    }
}

/// A 2xx response that does not parse.
pub(super) fn unreadable(path: &str, cause: &serde_json::Error) -> ClientError {
    error(
        ErrorKind::Unreadable,
        format!("The response to {} cannot be parsed: {}.", safe_text(path), safe_text(&cause.to_string())),
        "Use the same version of Hearth on both sides.",
    )
}

/// A request body that cannot be serialised.
pub(super) fn unsendable(cause: &serde_json::Error) -> ClientError {
    error(ErrorKind::Broken, format!("The request cannot be serialised as JSON: {cause}."), "")
}
