//! The admin API: JSON over HTTP/1.1 on a Unix socket, so that `curl --unix-socket` works.
//!
//! One file per noun, holding what travels in both directions; [`paths`] says where. Everything is under `/api/v1/`.
//!
//! Rules that hold everywhere:
//! - Times are milliseconds since the Unix epoch and end in `_ms`; sizes are bytes and end in `_bytes`.
//! - Lists come in pages ([`Page`]): `next` is an opaque token for `from`, absent on the last page.
//! - Answers may gain fields: readers ignore what they do not know. Requests refuse unknown fields, because a misspelt
//!   `logout_devices` that is silently ignored would leave a stolen phone logged in.
//! - Whatever is not 2xx carries an [`ErrorBody`].
//!
//! Names in these answers come from strangers. Whoever prints them passes them through [`crate::text::safe_text`].

mod audit;
mod error;
mod federation;
mod jobs;
mod log;
mod page;
pub mod paths;
mod relay;
mod rooms;
mod signing_keys;
mod status;
mod store;
mod tokens;
mod users;

pub use audit::{AuditEntry, AuditList, AuditQuery};
pub use error::{ErrorBody, ErrorDetail};
pub use federation::Destination;
pub use jobs::{Job, JobList, JobState};
pub use log::{LogEntry, LogLevel, LogPage, LogQuery};
pub use page::{Done, ListQuery, Page};
pub use relay::{RelayAllocation, RelayCheck, RelayCheckList, RelayEnded, RelayRefusals, RelayStatus, RelayUser};
pub use rooms::{RoomDetail, RoomMember, RoomSummary};
pub use signing_keys::{SigningKey, SigningKeyList};
pub use status::{FederationFigures, HealthLevel, Listener, Problem, RelayFigures, Status, areas};
pub use store::{Operation, OperationKind, OperationList};
pub use tokens::{NewRegistrationToken, RegistrationToken, RegistrationTokenList};
pub use users::{
    CreatedUser, DeactivateUser, Device, LoggedOut, NewPassword, NewUser, PasswordSet, SetAdmin, SetLocked, UserDetail,
    UserRoom, UserSummary,
};

#[cfg(test)]
mod tests;
