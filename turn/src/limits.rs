//! The relay's limits, each with its unit last. What an operator may change is in [`crate::Settings`]; these are the bounds
//! of those and what nobody needs to change.

/// Largest datagram taken from a client or a peer, in bytes: a jumbo frame. Larger ones are dropped; calls stay below 1,500.
pub const DATAGRAM_BYTES_MAX: usize = 9_216;
/// Datagrams taken from a socket, or given to one, in one system call.
pub const BATCH_DATAGRAMS: usize = 32;
/// Batches taken from one socket before the others get their turn.
pub const BATCHES_PER_TURN: usize = 4;
/// Datagrams in a window of `BUSY_WINDOW_MS` from which on a thread counts as busy.
pub const BUSY_DATAGRAMS: u64 = 16;
/// The window, in milliseconds.
pub const BUSY_WINDOW_MS: u64 = 4;
/// How long a busy thread lets datagrams gather before it looks again, in microseconds: waking up costs more than relaying.
pub const GATHER_US: u64 = 300;
/// Room before a peer's datagram for what the client gets to see before it: header and peer address of a Data indication.
pub const HEADROOM_BYTES: usize = 64;
/// Room after a peer's datagram for padding.
pub const TAILROOM_BYTES: usize = 4;
/// Largest STUN message on a stream, with its header, in bytes; and largest ChannelData with its header.
pub const FRAME_BYTES_MAX: usize = DATAGRAM_BYTES_MAX + 64;
/// What may wait to be sent on one stream, in bytes. More is dropped, as UDP would.
pub const STREAM_QUEUE_BYTES_MAX: usize = 128 * 1_024;
/// Attributes in one message. RFC 8656 needs fewer than 20, without counting peers in CreatePermission.
pub const ATTRIBUTES_MAX: usize = 64;
/// Longest USERNAME, in bytes (RFC 8489 section 14.3 allows 508 characters).
pub const USERNAME_BYTES_MAX: usize = 512;

/// Time that an allocation gets when the client asks for none or less (RFC 8656 section 3.2), in seconds.
pub const LIFETIME_DEFAULT_S: u32 = 600;
/// Longest time that an allocation gets without a refresh, in seconds.
pub const LIFETIME_MAX_S: u32 = 3_600;
/// How long a permission holds (RFC 8656 section 9), in milliseconds.
pub const PERMISSION_MS: u64 = 300_000;
/// How long a channel holds (RFC 8656 section 12), in milliseconds.
pub const CHANNEL_MS: u64 = 600_000;
/// How long a port reserved by EVEN-PORT is kept (RFC 8656 section 7.2), in milliseconds.
pub const RESERVATION_MS: u64 = 30_000;
/// Reserved ports at any time.
pub const RESERVATIONS_MAX: usize = 64;
/// How long a nonce is accepted, in seconds.
pub const NONCE_S: u32 = 3_600;

/// Answers that one source may draw without credentials: at once.
pub const UNAUTHENTICATED_BURST: u32 = 60;
/// … and per second, after that.
pub const UNAUTHENTICATED_PER_S: u32 = 20;
/// Cells of the table that counts them; two per source are looked at. Never grows.
pub const FLOOD_CELLS: usize = 4_096;
/// An answer to somebody unauthenticated is at most this many times as long as the request.
pub const AMPLIFICATION_MAX: usize = 3;

/// Shorter than this, in bytes, no request can carry credentials: header, a USERNAME and a REALM of one letter, NONCE and
/// MESSAGE-INTEGRITY.
pub const SIGNED_BYTES_MIN: u32 = 20 + 8 + 8 + 20 + 24;
/// Requests in a window of `BUSY_WINDOW_MS` from which on they are a crowd: then they are looked at only now and then, and
/// data first. A household of callers makes a few in a second.
pub const CLIENT_TABLE_REQUESTS: usize = 64;
/// How long a crowd waits between two looks, in milliseconds.
pub const CLIENT_TABLE_WAIT_MS: u64 = 1;
/// How long a crowd counts as one, however few come, in milliseconds.
pub const CLIENT_TABLE_STAY_MS: u64 = 64;
/// Requests taken before data gets its turn again.
pub const REQUESTS_PER_TURN: usize = 8;
/// Requests of a crowd taken at one look. What does not fit into the system's queue until the next is dropped.
pub const REQUESTS_PER_LOOK: usize = 1_024;

/// Reports of unreachable peers that one allocation gets at once.
pub const UNREACHABLE_BURST: u64 = 8;
/// … and the time between two after that, in milliseconds.
pub const UNREACHABLE_INTERVAL_MS: u64 = 100;

/// Ports tried before an Allocate is refused for want of one.
pub const PORT_TRIES_MAX: usize = 24;
/// Users whose totals are remembered after their last allocation is gone.
pub const USERS_REMEMBERED_MAX: usize = 1_024;
/// Threads that relay.
pub const THREADS_MAX: usize = 16;
/// Time for a stream to become an allocation (TLS handshake included) before it is closed, in milliseconds.
pub const STREAM_IDLE_MS: u64 = 30_000;
/// Time between two log lines about the same kind of refusal, in milliseconds.
pub const LOG_EVERY_MS: u64 = 10_000;
/// The longest answer that is read of a STUN server that is asked for the public address.
pub const STUN_ANSWER_BYTES_MAX: usize = 512;
