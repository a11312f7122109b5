//! The limits of the relay, each with its unit last. [`crate::Settings`] has what an operator may change; this
//! file has the bounds of those settings and the values that have no reason to change.

/// Largest datagram accepted from a client or a peer, in bytes: a jumbo frame. Larger datagrams are dropped;
/// media stays below 1,500 bytes.
pub const DATAGRAM_BYTES_MAX: usize = 9_216;
/// Datagrams received or sent in one system call.
pub const BATCH_DATAGRAMS: usize = 32;
/// Batches read from one socket before the thread serves its other sockets, so that one busy allocation cannot
/// starve the rest.
pub const BATCHES_PER_TURN: usize = 4;
/// Datagrams within `BUSY_WINDOW_MS` from which on a thread counts as busy.
pub const BUSY_DATAGRAMS: u64 = 16;
/// Length of the window over which datagrams and requests are counted, in milliseconds.
pub const BUSY_WINDOW_MS: u64 = 4;
/// How long a busy thread waits for more datagrams before it polls again, in microseconds. Waking up costs more
/// than relaying a datagram, so a busy thread wakes up less often.
pub const GATHER_US: u64 = 300;
/// Free bytes before a received datagram. A Data indication needs them for the STUN header and
/// XOR-PEER-ADDRESS, ChannelData for its header, so that the payload is never copied.
pub const HEADROOM_BYTES: usize = 64;
/// Free bytes after a received datagram, for padding to a multiple of four.
pub const TAILROOM_BYTES: usize = 4;
/// Largest frame on a stream (STUN message or ChannelData, header included), in bytes.
pub const FRAME_BYTES_MAX: usize = DATAGRAM_BYTES_MAX + 64;
/// Bytes that may wait to be sent on one stream. Further frames are dropped, as a congested UDP path would drop
/// them: late media is useless, and the queue must not grow with a client that does not read.
pub const STREAM_QUEUE_BYTES_MAX: usize = 128 * 1_024;
/// Attributes in one message. RFC 8656 needs fewer than 20, not counting the XOR-PEER-ADDRESS attributes of
/// CreatePermission.
pub const ATTRIBUTES_MAX: usize = 64;
/// Longest USERNAME, in bytes (RFC 8489 section 14.3 allows 508 characters).
pub const USERNAME_BYTES_MAX: usize = 512;

/// Lifetime of an allocation whose client asks for less or for none, in seconds (RFC 8656 section 3.2).
pub const LIFETIME_DEFAULT_S: u32 = 600;
/// Longest lifetime that one Allocate or Refresh grants, in seconds.
pub const LIFETIME_MAX_S: u32 = 3_600;
/// Lifetime of a permission, in milliseconds (RFC 8656 section 9).
pub const PERMISSION_MS: u64 = 300_000;
/// Lifetime of a channel binding, in milliseconds (RFC 8656 section 12).
pub const CHANNEL_MS: u64 = 600_000;
/// How long a port reserved with EVEN-PORT stays bound, in milliseconds (RFC 8656 section 7.2).
pub const RESERVATION_MS: u64 = 30_000;
/// Ports reserved with EVEN-PORT at any time, over all clients.
pub const RESERVATIONS_MAX: usize = 64;
/// How long the server accepts a nonce, in seconds. Afterwards the client gets 438 (Stale Nonce) and a new one.
pub const NONCE_S: u32 = 3_600;

/// Responses that one source may draw without credentials in a burst.
pub const UNAUTHENTICATED_BURST: u32 = 60;
/// Responses per second that one source may draw without credentials after the burst.
pub const UNAUTHENTICATED_PER_S: u32 = 20;
/// Cells of the table that counts unauthenticated requests. Each source maps to two cells. The table has a
/// fixed size, so forged source addresses cannot make it grow.
pub const FLOOD_CELLS: usize = 4_096;
/// An unauthenticated response is at most this many times as long as its request, so that the server is of
/// little use for amplification attacks with forged source addresses.
pub const AMPLIFICATION_MAX: usize = 3;

/// Shortest request that can carry credentials, in bytes: header, USERNAME and REALM of one letter each, NONCE
/// and MESSAGE-INTEGRITY. The kernel filter uses it to separate signed from unsigned requests.
pub const SIGNED_BYTES_MIN: u32 = 20 + 8 + 8 + 20 + 24;
/// Requests within `BUSY_WINDOW_MS` from which on a thread polls its request sockets instead of waiting for
/// them, so that data goes first. A household in calls makes a few requests per second.
pub const POLLING_REQUESTS: usize = 64;
/// Time between two polls of the request sockets, in milliseconds.
pub const POLLING_INTERVAL_MS: u64 = 1;
/// Shortest time that a thread keeps polling, in milliseconds, however few requests arrive. Prevents toggling
/// between the two modes.
pub const POLLING_PERIOD_MS: u64 = 64;
/// Requests read from a socket before the thread serves data again.
pub const REQUESTS_PER_TURN: usize = 8;
/// Requests read in one poll. What does not fit into the kernel's queue until the next poll is dropped there;
/// clients retransmit.
pub const REQUESTS_PER_POLL: usize = 1_024;

/// ICMP errors reported to one allocation in a burst.
pub const UNREACHABLE_BURST: u64 = 8;
/// Time between two ICMP error reports to one allocation after the burst, in milliseconds.
pub const UNREACHABLE_INTERVAL_MS: u64 = 100;

/// Ports tried before Allocate fails with 508 (Insufficient Capacity).
pub const PORT_TRIES_MAX: usize = 24;
/// Users whose totals stay in memory. Users without an allocation are dropped first.
pub const USERS_REMEMBERED_MAX: usize = 1_024;
/// Upper bound of the number of relay threads.
pub const THREADS_MAX: usize = 16;
/// How long a stream may stay without an allocation (TLS handshake included) before it is closed, in
/// milliseconds.
pub const STREAM_IDLE_MS: u64 = 30_000;
/// How long clients wait at most, from the start of the relay, for the first discovery of the external address, in
/// milliseconds. Longer than two STUN servers that do not answer; clients retransmit for 39.5 seconds (RFC 8489 section 6.2.1).
pub const FIRST_DISCOVERY_MS_MAX: u64 = 5_000;
/// Time between two log lines about refusals, in milliseconds.
pub const LOG_EVERY_MS: u64 = 10_000;
/// The longest answer that is read of a STUN server that is asked for the public address.
pub const STUN_ANSWER_BYTES_MAX: usize = 512;
