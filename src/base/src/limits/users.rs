//! Accounts, devices, keys, sync, push, media.

use std::time::Duration;

/// Keys of a backup that one write stores or deletes.
pub const BACKUP_ROWS_PER_WRITE_MAX: usize = 500;
/// To-device messages that one write stores, and users that it looks up.
pub const TO_DEVICE_ROWS_PER_WRITE_MAX: usize = 500;
/// Up to this number of devices of a user, look up each; above it, read all that the user has.
pub const DEVICES_LOOKED_UP_ONE_BY_ONE_MAX: usize = 8;
/// Waiting messages of an inbox that cost as much time to sum up as one message does to store.
pub const INBOX_SUMMED_PER_ROW: u64 = 100;
/// Devices whose one-time keys one write claims.
pub const CLAIMS_PER_WRITE_MAX: usize = 500;
/// Signatures that one write stores.
pub const SIGNATURES_PER_WRITE_MAX: usize = 250;
/// Old transaction ids and message ids that one write deletes.
pub const OLD_IDS_PER_WRITE_MAX: usize = 500;
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
/// The longest URL of which there is a preview, in bytes.
pub const PREVIEW_URL_BYTES_MAX: usize = 4_096;
/// The longest chain of redirects to a page or to its image.
pub const PREVIEW_REDIRECTS_MAX: usize = 5;
/// Timeout for a page of which a client wants a preview, with all its redirects.
pub const PREVIEW_PAGE_WAIT: Duration = Duration::from_secs(10);
/// Timeout for the image of a preview; without it there is a preview without an image.
pub const PREVIEW_IMAGE_WAIT: Duration = Duration::from_secs(8);
/// The longest that a preview takes, waiting for others included.
pub const PREVIEW_WAIT: Duration = Duration::from_secs(30);
/// Pages that are fetched for previews at the same time.
pub const PREVIEWS_AT_ONCE_MAX: usize = 8;
/// Pages that are fetched for one user at the same time.
pub const PREVIEWS_PER_USER_MAX: usize = 3;
/// Images of previews in memory at the same time.
pub const PREVIEW_IMAGES_AT_ONCE_MAX: usize = 2;
/// URLs of which is remembered that there is no preview.
pub const PREVIEW_FAILURES_MAX: usize = 1_000;
/// How long it is remembered that there is no preview, in milliseconds.
pub const PREVIEW_FAILURE_MS: u64 = 5 * 60 * 1_000;
/// How long an image stays after its preview has expired, in milliseconds: clients keep previews, too.
pub const PREVIEW_IMAGE_MS: u64 = 24 * 60 * 60 * 1_000;
/// Characters of a description in a preview.
pub const PREVIEW_DESCRIPTION_CHARS_MAX: usize = 1_000;
/// Characters of any other text in a preview.
pub const PREVIEW_TEXT_CHARS_MAX: usize = 300;
/// Bytes of a page in which its encoding is looked for.
pub const PREVIEW_CHARSET_BYTES_MAX: usize = 4_096;
/// Previews that one write deletes.
pub const PREVIEWS_PER_WRITE_MAX: u64 = 100;
/// Unused devices that one read looks at, and that one write logs out.
pub const UNUSED_DEVICES_PER_WRITE_MAX: u64 = 100;
/// Longer user agents are truncated.
pub const AGENT_BYTES_MAX: usize = 255;
/// Connections of simplified sliding sync that a device may have. The one used longest ago goes first.
pub const SLIDING_CONNECTIONS_MAX: usize = 8;
/// Generations of a connection to keep besides the one that the client named: an answer may still be under way to a client that
/// has asked again.
pub const SLIDING_GENERATIONS_MAX: usize = 3;
/// Rooms that one connection of simplified sliding sync can show and remember.
pub const SLIDING_ROOMS_MAX: usize = 10_000;
/// Rooms that one read of simplified sliding sync may send for the first time without taking a slow reader.
pub const SLIDING_NEW_ROOMS_MAX: usize = 20;
/// Required state that a connection remembers, in bytes. Beyond it, rooms get their required state again.
pub const SLIDING_CONFIG_BYTES_MAX: usize = 64 * 1024;
/// How long a connection of simplified sliding sync may be unused, in milliseconds.
pub const SLIDING_UNUSED_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1_000;
/// How old the time of a connection's last use may be in the database, in milliseconds.
pub const SLIDING_USED_MS_ROUNDED: u64 = 24 * 60 * 60 * 1_000;
/// Threads that a user may have subscribed to or unsubscribed from (MSC4306). Later ones are refused.
pub const THREAD_SUBSCRIPTIONS_PER_USER_MAX: u64 = 20_000;
/// Changes of thread subscriptions in one response (MSC4308).
pub const THREAD_SUBSCRIPTIONS_PAGE_MAX: u64 = 500;
/// Changed fields of a profile that are stored one by one for sliding sync (MSC4262), counting those that were removed.
pub const PROFILE_CHANGES_PER_USER_MAX: u64 = 256;
/// Users whose profiles a connection of simplified sliding sync remembers to have sent, and as many that it has yet to send.
pub const SLIDING_PROFILES_KNOWN_MAX: usize = 4_000;
/// Members of one room without lazy members whose profiles a connection gets; the others' follow when they are seen.
pub const SLIDING_PROFILES_PER_ROOM_MAX: usize = 1_000;
/// Profiles in one response of simplified sliding sync. The others follow with the next one.
pub const SLIDING_PROFILES_PER_SYNC_MAX: usize = 500;
/// Profiles in one response of simplified sliding sync, in bytes.
pub const SLIDING_PROFILES_BYTES_MAX: usize = 512 * 1024;
/// The text of a user's status (MSC4426).
pub const STATUS_TEXT_BYTES_MAX: usize = 256;
/// The emoji of a user's status.
pub const STATUS_EMOJI_BYTES_MAX: usize = 32;
/// Lists in one request of simplified sliding sync (MSC4186).
pub const SLIDING_LISTS_MAX: usize = 100;
/// Room subscriptions in one request of simplified sliding sync.
pub const SLIDING_SUBSCRIPTIONS_MAX: usize = 500;
/// Ranges of one list, spaces and tags of its filters, and pairs of required state of one list or subscription.
pub const SLIDING_ITEMS_MAX: usize = 200;
/// The longest `conn_id` or name of a list, in bytes.
pub const SLIDING_NAME_BYTES_MAX: usize = 255;
/// Rooms of which the order in sliding sync is in the cache.
pub const SLIDING_FACTS_CACHED_MAX: usize = 20_000;
/// Size of the cache of the orders of users' rooms in sliding sync, in bytes: 50,000 rooms of users.
pub const SLIDING_ORDERS_CACHED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Comparisons of required state that one read remembers. With more, rooms have configurations of their own.
pub const SLIDING_COMPARISONS_MAX: usize = 16;
/// Newest events among which to look for the one that bumps a room.
pub const SLIDING_BUMP_EVENTS_MAX: usize = 200;
/// Timeout for one request to a push gateway.
pub const PUSH_WAIT: Duration = Duration::from_secs(20);
/// An answer of a push gateway: a list of rejected pushkeys.
pub const PUSH_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Requests to one push gateway at the same time.
pub const PUSHES_PER_GATEWAY_MAX: usize = 8;
/// Requests to all push gateways at the same time, without those that are slow.
pub const PUSHES_AT_ONCE_MAX: usize = 32;
/// A request to a push gateway that takes longer does not count towards [`PUSHES_AT_ONCE_MAX`] any more.
pub const PUSH_SLOW_WAIT: Duration = Duration::from_secs(3);
/// How long deliveries are in memory only before they are recorded: those are repeated after a crash. What is repeated is
/// recorded at once.
pub const PUSH_SETTLE_WAIT: Duration = Duration::from_secs(1);
/// The wait after the first failure of a push gateway, in milliseconds. It doubles up to `BACKOFF_MS_MAX`.
pub const PUSH_RETRY_MS: u64 = 1_000;
/// How old notifications are delivered to a push gateway that was away, in milliseconds; later it is tried once a day.
pub const PUSH_AGE_MS_MAX: u64 = 3 * 24 * 60 * 60 * 1_000;
/// How long a push gateway may refuse one notification (statuses 400, 413 and 422) before it is passed over, in
/// milliseconds. It would hold up all later ones.
pub const PUSH_REFUSED_MS_MAX: u64 = 10 * 60 * 1_000;
/// Events that one read examines for a pusher.
pub const PUSH_GATHERED_EVENTS_MAX: usize = 64;
/// Steps of push rules that one event may take on a thread that serves requests, too.
pub const PUSH_INLINE_STEPS_MAX: u64 = 200_000;
/// How long a stop of the server waits for running requests to push gateways.
pub const PUSH_STOP_WAIT: Duration = Duration::from_secs(2);
/// The wait after the database could not be read.
pub const PUSH_TROUBLE_WAIT: Duration = Duration::from_secs(10);
/// Members of a room whose names stand for a room without a name in a notification.
pub const PUSH_NAMED_MEMBERS_MAX: u64 = 3;
/// Characters of a failure that are kept.
pub const PUSH_ERROR_CHARS_MAX: usize = 300;
/// Positions without a notification after which that nothing is to be sent there is recorded.
pub const PUSH_PASSED_POSITIONS_MAX: i64 = 10_000;
