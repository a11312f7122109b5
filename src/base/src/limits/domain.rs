//! Actions, application services, group calls, the admin API.

use std::time::Duration;

/// Entries in one response.
pub const AUDIT_ENTRIES_MAX: u64 = 1_000;
/// Members in a room's details.
pub const MEMBERS_SHOWN_MAX: usize = 200;
/// Rooms in a user's details.
pub const ROOMS_SHOWN_MAX: usize = 200;
/// Timeout for requests to another server.
pub const CALL_TOKEN_ASK_WAIT: Duration = Duration::from_secs(15);
/// Poll interval for a connected participant, in case a webhook gets lost.
pub const CALL_LEAVE_CHECK_EVERY: Duration = Duration::from_secs(30);
/// How long a participant may be missing without a webhook: the SFU may have restarted, and clients then reconnect by
/// themselves.
pub const CALL_LEAVE_MISSING_MAX: Duration = Duration::from_secs(10);
/// Rooms of the SFU polled concurrently.
pub const CALL_LEAVE_CHECKS_AT_ONCE_MAX: usize = 8;
/// How long one page waits for other servers; rooms without an answer by then are left out.
pub const HIERARCHY_PAGE_WAIT: Duration = Duration::from_secs(15);
/// Number of rooms that are requested concurrently.
pub const ROOMS_AT_ONCE_MAX: usize = 10;
/// Backfill requests for one page. Hidden events, or a filter, may use up a whole response.
pub const MESSAGES_PIECES_MAX: usize = 4;
/// Events in one transaction to an application service.
pub const APPSERVICE_TXN_EVENTS_MAX: usize = 100;
/// Bytes of the events, of the ephemeral events, and of the to-device messages in one transaction to an application
/// service, each; the first one of each may exceed it.
pub const APPSERVICE_TXN_BYTES_MAX: usize = 1024 * 1024;
/// To-device messages in one transaction to an application service.
pub const APPSERVICE_TXN_TO_DEVICE_MAX: usize = 100;
/// Ephemeral events in one transaction to an application service: the newest of more are left out.
pub const APPSERVICE_TXN_EPHEMERAL_MAX: usize = 500;
/// Users whose counts of one-time keys are in one transaction to an application service.
pub const APPSERVICE_TXN_KEY_USERS_MAX: usize = 500;
/// Events of all rooms that one read examines for an application service.
pub const APPSERVICE_SCAN_EVENTS_MAX: u64 = 1_000;
/// After how many positions without anything for an application service that is recorded: a restart examines no more.
pub const APPSERVICE_UNRECORDED_POSITIONS_MAX: u64 = 10_000;
/// Users that are remembered as belonging to an application service or not.
pub const APPSERVICE_KNOWN_USERS_MAX: usize = 100_000;
/// How long an application service may take to accept a transaction.
pub const APPSERVICE_TXN_WAIT: Duration = Duration::from_secs(60);
/// How long a query to an application service may take. A client waits for it.
pub const APPSERVICE_QUERY_WAIT: Duration = Duration::from_secs(10);
/// An answer of an application service.
pub const APPSERVICE_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The part of an application service's answer that is shown when it refuses something.
pub const APPSERVICE_ANSWER_SHOWN_CHARS_MAX: usize = 300;
/// Waits after failures of an application service.
pub const APPSERVICE_RETRY_FIRST_MS: u64 = 1_000;
/// The longest wait after failures of an application service.
pub const APPSERVICE_RETRY_MS_MAX: u64 = 300_000;
/// Up to how many undelivered events are counted.
pub const APPSERVICE_BEHIND_EVENTS_MAX: u64 = 10_000;
