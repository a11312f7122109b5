//! Rooms: reading, writing, state.

use std::time::Duration;

/// Parsed lists in the cache. The longest event makes one of about half a megabyte, a typical one a few hundred
/// bytes.
pub const ACL_LISTS_MAX: usize = 64;
/// The greatest depth that canonical JSON can express. Depths saturate here, because a remote event may claim any
/// depth and must not stop the room.
pub const DEPTH_MAX: i64 = (1 << 53) - 1;
/// Approximate size of the event cache, in bytes.
pub const EVENT_CACHE_BYTES_MAX: u64 = 6 * 1024 * 1024;
/// State events of an answer that are serialised at once, as JSON, in bytes. The others are written while it is sent.
pub const STATE_AT_ONCE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Where a piece of such an answer ends, in bytes.
pub const DEFERRED_PIECE_BYTES: usize = 64 * 1024;
/// Events of such a piece.
pub const DEFERRED_PIECE_EVENTS_MAX: usize = 256;
/// Rooms in the cache.
pub const LOCALS_CACHED_ROOMS_MAX: usize = 2_000;
/// Size of the cache of the memberships of local users, in bytes: 75,000 rooms of users.
pub const MEMBERSHIPS_CACHED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Runs of a use case before it fails. It runs again when its room has moved on, and once for each event to sign.
pub const POLICY_ROUNDS_MAX: usize = 12;
/// Refused event ids in the cache, so that the same event is not sent to the policy server again.
pub const POLICY_REFUSALS_MAX: usize = 1_000;
/// Relations followed to find an event's thread (client-server API, "Threading").
pub const THREAD_HOPS_MAX: usize = 3;
/// Longest key of an annotation, in bytes: an emoji, or a short word.
pub const ANNOTATION_KEY_BYTES_MAX: usize = 500;
/// Rooms in the cache. The list of a large room may have thousands of servers.
pub const SERVERS_CACHED_ROOMS_MAX: usize = 500;
/// Aliases in one `m.room.canonical_alias`.
pub const ALT_ALIASES_MAX: usize = 100;
/// Rooms of a join rule that the server checks.
pub const ALLOWED_ROOMS_MAX: usize = 100;
/// Events in one page.
pub const DIRECTORY_PAGE_MAX: usize = 50;
/// How far the database may be behind with restarts. A device in a call restarts its event every few seconds, and
/// writing each restart would cost a disk sync. After a crash such an event is late by at most this time, or waits
/// its full delay again if that is shorter.
pub const DELAYED_NOTE_EVERY: Duration = Duration::from_secs(5 * 60);
/// Attempts to send an event whose room's policy server does not answer.
pub const DELAYED_TRIES_MAX: u32 = 30;
/// Events sent concurrently. They share disk syncs, and an event whose room has a slow policy server does not delay
/// the others.
pub const DELAYED_AT_ONCE_MAX: usize = 32;
/// References of one event in a bundle; clients fetch the rest.
pub const BUNDLE_REFERENCES_MAX: usize = 100;
/// Newest edits that are examined for the valid one.
pub const BUNDLE_EDITS_MAX: usize = 16;
/// Visibility events in the cache.
pub const HISTORY_CACHED_ROOMS_MAX: usize = 10_000;
/// Visibility changes to follow back; in a room with more, visibility is checked event by event.
pub const HISTORY_CHANGES_MAX: usize = 64;
/// Poll interval. The reader need not be in the room, so the notifier does not wake them.
pub const PEEK_LOOK_EVERY: Duration = Duration::from_millis(500);
/// Relations followed when recursive: a reaction to an edit of a reply in a thread. The same depth as in other
/// servers.
pub const RELATIONS_RECURSION_MAX: u32 = 3;
/// Newest replies of a thread that are examined, and counted, for a reader who may not see the newest one.
pub const REPLIES_LATEST_MAX: u64 = 64;
/// Events that are serialised together: one query finds the bundles of all of them, and those of events that do not fit
/// are thrown away.
pub const SHOWN_AT_ONCE_EVENTS_MAX: usize = 64;
/// Events read in one step of a scan over all rooms, in bytes.
pub const SCAN_STEP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Maximum number of events around a result.
pub const SEARCH_CONTEXT_MAX: usize = 50;
/// Member events of a former member that are followed back to find when they last left.
pub const VISIBILITY_DEPARTURES_MAX: usize = 32;
/// Longest valid `order` of a child, in characters.
pub const ORDER_CHARS_MAX: usize = 50;
/// Servers tried for a child.
pub const CHILDREN_VIA_MAX: usize = 5;
/// Rooms per page, whatever the client asks for.
pub const PAGE_ROOMS_MAX: u64 = 500;
/// Events with cached edges: about five megabytes.
pub const AUTH_CHAIN_EVENTS_MAX: usize = 50_000;
