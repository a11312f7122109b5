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
