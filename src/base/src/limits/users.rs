//! Accounts, devices, keys, sync, push, media.

use std::time::Duration;

/// Keys of a backup that one write stores.
pub const BACKUP_ROWS_PER_WRITE_MAX: usize = 500;
/// The largest stored body of a first request, in bytes.
pub const BODY_KEPT_BYTES_MAX: usize = 4_096;
/// Up to this number of users, query the shared rooms of each; above it, read all users who share a room.
pub const ASKED_ONE_BY_ONE_MAX: usize = 16;
/// Membership changes to delete in one transaction, so that none takes long.
pub const DEVICE_LISTS_FORGOTTEN_AT_ONCE_MAX: u64 = 1_000;
/// Device lists to delete in one transaction, so that none takes long.
pub const FORGET_FORGOTTEN_AT_ONCE_MAX: u64 = 100;
/// Parsed filters in the cache: about one for each device that syncs.
pub const FILTERS_PARSED_MAX: usize = 500;
/// Heroes of a room.
pub const SUMMARY_HEROES_MAX: u64 = 5;
/// Hidden or filtered events to skip before a timeline is marked as limited.
pub const TIMELINE_PASSED_OVER_MAX: usize = 500;
/// Events per query while many are skipped.
pub const TIMELINE_STEP_EVENTS_MAX: usize = 128;
/// How often to look for users who become unavailable or offline, while any user is online.
pub const PRESENCE_LOOK_EVERY: Duration = Duration::from_secs(20);
/// Open login tokens at a time, over all users.
pub const LOGIN_TOKENS_OPEN_MAX: usize = 10_000;
/// The longest token that the specification allows.
pub const TOKEN_CHARS_MAX: usize = 64;
/// Rooms that a registration token can name.
pub const TOKEN_ROOMS_MAX: usize = 20;
/// The longest note of a registration token, in bytes.
pub const TOKEN_NOTE_BYTES_MAX: usize = 200;
/// Accounts to list for a registration token, the newest ones.
pub const TOKEN_USES_SHOWN_MAX: u64 = 200;
/// How long a form of an invite link can be sent, in milliseconds.
pub const JOIN_FORM_MS_MAX: u64 = 2 * 60 * 60 * 1_000;
/// Sent forms of invite links to remember, so that one sent twice creates one account.
pub const JOIN_FORMS_SENT_MAX: usize = 1_000;
/// Characters of a name on the page of an invite link: others choose it, and it must not fill the page.
pub const INVITE_NAME_CHARS_MAX: usize = 64;
/// Sessions in the cache.
pub const SESSIONS_CACHED_MAX: usize = 4_096;
/// Lifetime of a nonce.
pub const NONCE_MS_MAX: u64 = 60_000;
/// Used nonces that are remembered until they expire. Only programs that know the shared secret use any.
pub const SHARED_SECRET_NONCES_MAX: usize = 10_000;
/// Longer texts are not looked up as tokens.
pub const TOKEN_BYTES_MAX: usize = 255;
/// Longer user agents are truncated.
pub const AGENT_BYTES_MAX: usize = 255;
