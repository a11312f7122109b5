//! The admin API: JSON over HTTP/1.1 on a Unix socket, so that `curl --unix-socket` works.
//!
//! One file per resource, with the types of both directions; [`paths`] has the URLs. All paths start with
//! `/api/v1/`.
//!
//! Conventions:
//! - Times are in milliseconds since the Unix epoch and end in `_ms`; sizes are in bytes and end in `_bytes`.
//! - Lists are paged ([`Page`]): `next` is an opaque token for `from`, absent on the last page.
//! - Responses may gain fields, and clients ignore unknown ones. Requests with unknown fields are refused:
//!   ignoring a misspelt `logout_devices` would leave a stolen phone logged in.
//! - Every response that is not 2xx has an [`ErrorBody`].
//!
//! Names in responses are untrusted. Pass them through [`crate::text::safe_text`] before printing.

mod appservices;
mod audit;
mod certificates;
mod error;
mod federation;
mod jobs;
mod log;
mod page;
pub mod paths;
mod push;
mod relay;
mod rooms;
mod signing_keys;
mod status;
mod store;
mod tokens;
mod users;

pub use appservices::{
    Appservice, AppserviceList, AppserviceNamespace, AppserviceNamespaces, AppservicePing, NewAppservice,
    SetAppserviceDisabled,
};
pub use audit::{AuditEntry, AuditList, AuditQuery};
pub use certificates::{Certificate, CertificateList, CertificatesRenewed};
pub use error::{ErrorBody, ErrorDetail};
pub use federation::Destination;
pub use jobs::{Job, JobList, JobState};
pub use log::{LogEntry, LogLevel, LogPage, LogQuery};
pub use page::{Done, ListQuery, Page};
pub use push::{Pusher, PusherList, PusherTest, PusherTestList};
pub use relay::{RelayAllocation, RelayCheck, RelayCheckList, RelayEnded, RelayRefusals, RelayStatus, RelayUser};
pub use rooms::{RoomDetail, RoomMember, RoomSummary};
pub use signing_keys::{SigningKey, SigningKeyList};
pub use status::{FederationFigures, HealthLevel, Listener, Problem, RelayFigures, Status, areas};
pub use store::{Operation, OperationKind, OperationList};
pub use tokens::{
    NewRegistrationToken, RegistrationMode, RegistrationToken, RegistrationTokenList, RegistrationTokenUse,
    SetRegistrationMode,
};
pub use users::{
    CreatedUser, DeactivateUser, Device, LoggedOut, NewPassword, NewUser, PasswordSet, SetAdmin, SetLocked, UserDetail,
    UserQuota, UserRoom, UserSummary,
};

#[cfg(test)]
mod tests;
