//! Other servers: what is fetched, kept and waited for.

use std::time::Duration;

/// Default time limit for a response.
pub const REQUEST_ASK_WAIT: Duration = Duration::from_secs(30);
/// Maximum characters of another server's error message that are passed on.
pub const SHOWN_CHARS_MAX: usize = 200;
/// Failures in a row after which to-device messages for a server may expire: half an hour at least.
pub const OUTBOX_EXPIRY_FAILURES_MIN: u32 = 10;
/// Maximum of signatures copied from one server.
pub const SIGNATURES_MAX: usize = 8;
/// Time limit for another server; a user waits for the result.
pub const REMOTE_ROOMS_OUTSIDE_WAIT: Duration = Duration::from_secs(10);
/// Maximum of servers asked about one room.
pub const REMOTE_ROOM_SERVERS_MAX: usize = 3;
/// Maximum of event ids in one backfill request.
pub const ASKED_IDS_MAX: usize = 20;
/// Time limit for one batch, over all servers and with all events that it needs.
pub const FILL_WAIT: Duration = Duration::from_secs(120);
/// Time limit for one server's answer when several are asked in turn.
pub const HISTORY_ASK_WAIT: Duration = Duration::from_secs(15);
/// Rooms for which the last server that returned history is cached.
pub const HISTORY_GIVERS_MAX: usize = 500;
/// Events for which a failed fetch is cached.
pub const HISTORY_NOWHERE_MAX: usize = 5_000;
/// Time limit for one event.
pub const INBOX_EVENT_WAIT: Duration = Duration::from_secs(5 * 60);
/// Pause of a worker after a local fault.
pub const INBOX_FAULT_WAIT: Duration = Duration::from_secs(30);
/// Maximum of cached rooms.
pub const KNOWN_ROOMS_MAX: usize = 4_000;
/// The greatest depth in canonical JSON.
pub const MAKE_JOIN_DEPTH_MAX: i64 = (1 << 53) - 1;
/// Time limit for one request during a join.
pub const REMOTE_MEMBERSHIP_ENTRY_WAIT: Duration = Duration::from_secs(30);
/// Time limit for one request during a leave: a user does not wait longer to reject an invite.
pub const REMOTE_MEMBERSHIP_LEAVE_WAIT: Duration = Duration::from_secs(10);
/// Time limit until the response starts: the server has to gather the state of a possibly large room.
pub const SEND_JOIN_BEGIN_WAIT: Duration = Duration::from_secs(180);
/// Timeout without data after that.
pub const SEND_JOIN_SILENCE_MAX: Duration = Duration::from_secs(60);
/// The largest event read, in bytes: includes `unsigned`, which the PDU size limit does not count.
pub const SEND_JOIN_EVENT_BYTES_MAX: usize = 256 * 1024;
/// Receipts and updates that the EDUs of one write name, and messages to devices that it stores.
pub const EDU_ROWS_PER_WRITE_MAX: usize = 500;
/// As how many rows of such a write an update of a device list counts: it goes through the rooms of its user.
pub const DEVICE_LIST_EDU_ROWS: usize = 20;
/// Devices of fetched device lists that one write stores, unless they are of a single user.
pub const DEVICE_LIST_ROWS_PER_WRITE_MAX: usize = 500;
/// Devices named in a to-device message that cost as much as a row, if they do not exist.
pub const TO_DEVICE_TARGETS_PER_ROW: usize = 50;
/// What of the events of a `send_join` response is in memory before the rest goes to a file, in bytes.
pub const JOIN_SPOOL_MEMORY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Events that are in memory while the auth rules of such a response are checked, in bytes.
pub const JOIN_AUTH_CACHE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Maximum of events in one chunk.
pub const STATE_PIECE_EVENTS_MAX: usize = 256;
/// Maximum validity of a key, in milliseconds, whatever its document states (server-server API, "Validating hashes and
/// signatures": at most seven days).
pub const KEYS_VALID_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1_000;
/// Time limit for a notary, which may have to ask other servers.
pub const KEYS_NOTARY_WAIT: Duration = Duration::from_secs(20);
/// Time limit for obtaining the keys of a batch of events.
pub const KEYS_OF_ALL_WAIT: Duration = Duration::from_secs(30);
/// Maximum of servers whose keys are cached in memory.
pub const KEYS_SERVERS_IN_MEMORY_MAX: usize = 4_096;
/// Maximum of concurrent key fetches on behalf of notary requests.
pub const NOTARY_FETCHES_MAX: usize = 8;
/// Maximum of servers with a cached last attempt.
pub const KEYS_RETRY_SERVERS_MAX: usize = 4_096;
/// After many failures, in milliseconds.
pub const KEYS_RETRY_PAUSE_MS_MAX: u64 = 60 * 60 * 1_000;
/// Maximum of cached failures.
pub const MEDIA_FAILURES_MAX: usize = 10_000;
/// Maximum bytes read of an error response.
pub const MEDIA_ERROR_BYTES_MAX: usize = 64 * 1024;
/// Time limit for one fetch.
pub const MEDIA_FETCH_WAIT: Duration = Duration::from_secs(600);
/// Maximum size of a part's headers, in bytes.
pub const MULTIPART_HEADERS_BYTES_MAX: usize = 16 * 1024;
/// Maximum size of the JSON object in the first part, in bytes. Its content is ignored.
pub const MULTIPART_METADATA_BYTES_MAX: usize = 64 * 1024;
/// Maximum size of the text before the first part, in bytes.
pub const MULTIPART_PREAMBLE_BYTES_MAX: usize = 16 * 1024;
/// Maximum length of a boundary, in bytes. RFC 2046 allows 70 characters; some servers use more.
pub const MULTIPART_BOUNDARY_BYTES_MAX: usize = 200;
/// Maximum of `prev_id` entries in a device list update; an update with more is dropped.
pub const DEVICES_PREVIOUS_MAX: usize = 100;
/// Interval between two retries.
pub const RECEIPTS_LOOK_EVERY: Duration = Duration::from_secs(2);
/// Number of retries before a receipt is dropped.
pub const RECEIPTS_LOOKS_MAX: u32 = 15;
/// Maximum of receipts or presence updates in one EDU.
pub const ENTRIES_PER_EDU_MAX: usize = 50;
/// At most one attempt in this time follows from incoming requests: the server may reach this one while it is not
/// reachable itself.
pub const OUTBOX_ALIVE_EVERY: Duration = Duration::from_secs(10);
/// Maximum of servers with an empty queue in memory.
pub const OUTBOX_IDLE_SERVERS_MAX: usize = 1_000;
/// How far the database may lag behind. Deliveries since the last write are repeated after a crash.
pub const OUTBOX_SETTLE_EVERY: Duration = Duration::from_secs(30);
/// How long shutdown waits for running transactions.
pub const OUTBOX_STOP_WAIT: Duration = Duration::from_secs(2);
/// Pause after a failed database read.
pub const OUTBOX_TROUBLE_WAIT: Duration = Duration::from_secs(5);
/// How often one item must be refused alone before it is dropped.
pub const OUTBOX_REFUSALS_MAX: u32 = 5;
/// Maximum of rows in one write.
pub const OUTBOX_SETTLE_ROWS_MAX: usize = 500;
/// After a start, the servers with a queue are tried within this time, spread at random.
pub const OUTBOX_START_SPREAD_MS_MAX: u64 = 20_000;
/// Maximum of servers that are asked for the same event.
pub const AUTH_EVENTS_SERVERS_MAX: usize = 4;
/// Maximum of auth event generations that are fetched one by one.
pub const AUTH_EVENTS_GENERATIONS_MAX: usize = 6;
/// How often an event is planned again because its room has changed meanwhile.
pub const PDU_PLANS_MAX: usize = 12;
/// Maximum of generations of rejected and soft-failed events that are searched for visible ancestors.
pub const HIDDEN_GENERATIONS_MAX: usize = 20;
/// Up to how many users of a server are requested one by one. That takes more requests, and the responses have the
/// stream ids which later updates build on.
pub const ONE_BY_ONE_MAX: usize = 3;
/// Default time limit for concurrent key requests.
pub const REMOTE_USERS_KEYS_WAIT: Duration = Duration::from_secs(10);
/// Maximum time limit for key requests, whatever the client requests.
pub const KEYS_WAIT_MAX: Duration = Duration::from_secs(30);
/// Time limit for servers that could not be reached recently.
pub const REMOTE_USERS_FAILING_WAIT: Duration = Duration::from_secs(2);
/// Maximum of servers that are asked concurrently for one request.
pub const SERVERS_AT_ONCE_MAX: usize = 32;
/// Time limit for a profile request; a user waits for the result.
pub const PROFILE_WAIT: Duration = Duration::from_secs(10);
/// Time limit for a policy server. A user is waiting for the message to be sent.
pub const POLICY_SERVER_SIGN_WAIT: Duration = Duration::from_secs(10);
/// Fetched prev events that may fail for want of other data before the rest is left to history.
pub const PULLED_FAILURES_MAX: usize = 3;
/// Levels of depth between a single event of history and the known events above it that count: another server may claim
/// any depth.
pub const HISTORY_DEPTHS_MAX: i64 = 1 << 32;
