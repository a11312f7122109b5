//! Requests to other servers.

use std::time::Duration;

/// How long an idle connection is kept. Short, since this client contacts many servers and rarely the same one twice.
pub const WEB_IDLE_MAX: Duration = Duration::from_secs(15);
/// The longest chain of redirects that is followed.
pub const WEB_REDIRECTS_MAX: usize = 5;
/// Idle connections per server, and how long they stay open. Other servers close theirs after a minute or more.
pub const IDLE_PER_SERVER_MAX: usize = 2;
/// How long an unused connection to another server stays open.
pub const CALLS_IDLE_MAX: Duration = Duration::from_secs(30);
/// How long the other end of an HTTP/2 connection may take to answer a ping.
pub const CALLS_PING_WAIT: Duration = Duration::from_secs(10);
/// The size limit for response headers over HTTP/2. For HTTP/1.1, hyper has its own limits (100 headers, 400 KiB).
pub const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;
/// Timeout for a well-known document. Shorter than the timeout of the request that waits for it, so that the result is
/// still cached.
pub const WELL_KNOWN_WAIT: Duration = Duration::from_secs(6);
/// The longest that a download may take, however steadily it arrives.
pub const FILE_WAIT_MAX: Duration = Duration::from_secs(30 * 60);
/// Servers whose last line in the log about being unreachable is remembered.
pub const TOLD_SERVERS_MAX: usize = 1_024;
/// Servers in the cache.
pub const WELL_KNOWN_SERVERS_MAX: usize = 2_048;
/// Upper and lower bound on the lifetime, whatever the headers specify.
pub const WELL_KNOWN_LIFETIME_MAX: Duration = Duration::from_secs(48 * 60 * 60);
/// How long the last good document is used while its server fails.
pub const WELL_KNOWN_STALE_MAX: Duration = WELL_KNOWN_LIFETIME_MAX;
/// Cached answers; each expires with its TTL.
pub const DNS_ANSWERS_MAX: u64 = 2_048;
/// Upper bounds on the TTL of answers and of negative answers.
pub const DNS_TTL_MAX: Duration = Duration::from_secs(60 * 60);
/// The longest that it is remembered that a name does not exist.
pub const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(5 * 60);
/// Concurrent look-ups.
pub const DNS_LOOKUPS_MAX: usize = 24;
/// Addresses and SRV records of one name that are used; the rest are ignored.
pub const DNS_RECORDS_MAX: usize = 16;
