//! Requests of clients and servers.

use std::time::Duration;

/// Log entries that are kept in memory; the oldest are dropped first.
pub const LOG_RING_ENTRIES_MAX: usize = 2_000;
/// Entries in one answer.
pub const LOG_RING_PAGE_MAX: u32 = 1_000;
/// The longest that a request waits for an entry.
pub const WAIT_MS_MAX: u64 = 30_000;
/// How long one direction stays open after the other has closed.
pub const ONWARD_REST_MAX: Duration = Duration::from_secs(5);
/// How long the body of a request may pause.
pub const SLOW_BODY_SILENCE_MAX: Duration = Duration::from_millis(super::BODY_SILENCE_MS_MAX);
/// Languages to read from `Accept-Language`; browsers send up to about ten.
pub const LANGUAGES_READ_MAX: usize = 20;
/// The form of an invite link, in bytes: a name, and a password twice, each byte of them written as three.
pub const JOIN_BODY_BYTES_MAX: usize = 8 * 1024;
