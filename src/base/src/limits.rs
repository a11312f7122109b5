//! Limits: named, with the unit at the end of the name. In one place, so that a reader sees what untrusted input can
//! cost: here those that several crates share, and a module for each crate.

pub mod certificates;
pub mod core;
pub mod domain;
pub mod federation;
pub mod http;
pub mod remote;
pub mod rooms;
pub mod server;
pub mod setup;
pub mod store;
pub mod users;

/// An event's canonical JSON (client-server API, "Size limits").
pub const PDU_BYTES_MAX: usize = 65_535;
/// User ids, room ids, event ids, event types, state keys: bytes, not characters.
pub const ID_BYTES_MAX: usize = 255;
/// Nesting of JSON that comes in from clients, and of an event. Other servers have no limit; clients' parsers, to which an event
/// comes some levels deeper, stop at 128 as serde_json does.
pub const JSON_DEPTH_MAX: usize = 112;
/// Nesting of a body of the server-server API: events stand in it some levels deep, and each is bounded by itself.
pub const FEDERATION_JSON_DEPTH_MAX: usize = 1_000;
/// A request body, unless the endpoint says otherwise.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// A request body of an endpoint that anyone may call: nothing there carries more than a form or a few names.
pub const UNAUTHENTICATED_BODY_BYTES_MAX: usize = 64 * 1024;
/// A form of one of the fallback pages: a session and a token.
pub const FORM_BODY_BYTES_MAX: usize = 4 * 1024;
/// A request body at the admin socket: a few names.
pub const ADMIN_BODY_BYTES_MAX: usize = 64 * 1024;
/// Bodies that carry keys for many devices: `/keys/*`, `/room_keys/*`, `/sendToDevice`.
pub const KEYS_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A request's target: path and query.
pub const URI_BYTES_MAX: usize = 16 * 1024;
/// How much of a path is logged that no endpoint has: clients may send any.
pub const LOGGED_PATH_CHARS_MAX: usize = 256;
/// The longest a `/sync` may wait.
pub const SYNC_WAIT_MS_MAX: u64 = 90_000;
/// Events per room in one `/sync`, and per page elsewhere.
pub const PAGE_EVENTS_MAX: usize = 1_000;
/// Events of one answer, as JSON, in bytes. A page ends here or at [`PAGE_EVENTS_MAX`], and has at least one event.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Timelines of all rooms in one `/sync` together, as JSON, in bytes. A room that gets no more is `limited`.
pub const SYNC_TIMELINES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events per page if the client gives no `limit`.
pub const PAGE_EVENTS_DEFAULT: usize = 10;
/// `prev_events` of one event (server-server API).
pub const PREV_EVENTS_MAX: usize = 20;
/// Previous events that we put into an event of our own. A room may have more extremities; the next events join those.
pub const PREV_EVENTS_AUTHORED_MAX: usize = PREV_EVENTS_MAX;
/// Different states after the other extremities of such a room that are resolved for an event of our own.
pub const AUTHORED_STATES_MAX: usize = 20;
/// Extremities of a room, beyond which those are let go whose state another one has, too. One with a state of its own is
/// always kept: without it this server would come to another state than all others.
pub const EXTREMITIES_MAX: usize = 1_000;
/// Stored ancestors of an event in which extremities are looked for that are none.
pub const ANCESTORS_SEARCHED_MAX: usize = 1_000;
/// States after different extremities that are resolved all at once. Of more, the newest is resolved with the room's current
/// state, in which all others are.
pub const EXTREMITY_STATES_MAX: usize = 200;
/// A display name, in bytes.
pub const DISPLAY_NAME_BYTES_MAX: usize = 1_000;
/// An avatar URL, in bytes.
pub const AVATAR_URL_BYTES_MAX: usize = 1_000;
/// A whole profile (client-server API 1.16).
pub const PROFILE_BYTES_MAX: usize = 65_536;
/// A password. Argon2 accepts longer ones, but its cost grows with the length.
pub const PASSWORD_BYTES_MAX: usize = 512;
/// The shortest password that registration accepts.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// A device's display name, in bytes.
pub const DEVICE_NAME_BYTES_MAX: usize = 255;
/// Rooms that one user makes with one content in one millisecond; each takes the next millisecond for its own.
pub const ROOMS_PER_CREATOR_AND_MS_MAX: u64 = 1_000;
/// Rooms that one search for users looks at, when it looks for those that are open to all.
pub const USER_SEARCH_ROOMS_MAX: u64 = 10_000;
/// Members that one search for users looks at.
pub const USER_SEARCH_MEMBERS_MAX: usize = 100_000;
/// Devices that other servers are told one by one when their user comes to share a room with them.
pub const DEVICES_ANNOUNCED_ON_JOIN_MAX: usize = 20;
/// Devices of a user of another server, and devices that are deleted at a time.
pub const DEVICES_PER_USER_MAX: usize = 1_000;
/// One-time keys of one device and algorithm.
pub const ONE_TIME_KEYS_PER_DEVICE_MAX: usize = 1_000;
/// One account-data item.
pub const ACCOUNT_DATA_BYTES_MAX: usize = 512 * 1024;
/// A filter definition.
pub const FILTER_BYTES_MAX: usize = 16 * 1024;
/// What one user has waiting for one device, in bytes and in messages.
pub const TO_DEVICE_SENDER_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// See [`TO_DEVICE_SENDER_BYTES_MAX`].
pub const TO_DEVICE_SENDER_MESSAGES_MAX: u64 = 100_000;
/// What one server that shares no room with the receiver has waiting for one device, in bytes and in messages.
pub const TO_DEVICE_STRANGER_BYTES_MAX: u64 = 64 * 1024;
/// See [`TO_DEVICE_STRANGER_BYTES_MAX`].
pub const TO_DEVICE_STRANGER_MESSAGES_MAX: u64 = 100;
/// What all servers that share no room with the receiver have waiting for one device, in bytes: they leave the rest of the
/// inbox to those who do.
pub const TO_DEVICE_STRANGERS_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// When a client may try again whose messages did not fit into an inbox, in milliseconds.
pub const TO_DEVICE_RETRY_MS: u64 = 30_000;
/// To-device messages in one `/sync`.
pub const TO_DEVICE_PER_SYNC_MAX: usize = 100;
/// Devices and users in one `/keys/query` or `/keys/claim`.
pub const KEYS_QUERY_USERS_MAX: usize = 5_000;
/// Memberships of one account that one sync reads.
pub const ROOMS_PER_USER_MAX: usize = 20_000;
/// Tags of one user in one room.
pub const TAGS_PER_ROOM_MAX: usize = 100;
/// Lifetime of an OpenID token.
pub const OPENID_TOKEN_MS_MAX: u64 = 60 * 60 * 1_000;
/// Valid OpenID tokens of one account.
pub const OPENID_TOKENS_PER_USER_MAX: u64 = 100;
/// A pusher, as JSON.
pub const PUSHER_BYTES_MAX: usize = 16 * 1024;
/// A pusher's `app_id` (client-server API, `POST /pushers/set`).
pub const APP_ID_BYTES_MAX: usize = 64;
/// A pusher's `pushkey` (client-server API, `POST /pushers/set`).
pub const PUSHKEY_BYTES_MAX: usize = 512;
/// Push rules of one account.
pub const PUSH_RULES_PER_USER_MAX: usize = 1_000;
/// Bytes of one pattern in a push rule.
pub const PUSH_PATTERN_BYTES_MAX: usize = 1_024;
/// Bytes of all patterns of one account's push rules that are searched for: those of words in messages, and those with
/// wildcards. An event of 64 KiB costs this many times its length in bits: about 17 million steps.
pub const PUSH_PATTERNS_BYTES_MAX: usize = 16 * 1024;
/// Conditions of all push rules of one account.
pub const PUSH_CONDITIONS_PER_USER_MAX: usize = 4_000;
/// Steps of push rule evaluation in one database read; a step takes one to ten nanoseconds. What costs more is evaluated
/// off the reader threads.
pub const PUSH_STEPS_PER_READ_MAX: u64 = 4_000_000;
/// Steps of push rule evaluation off the reader threads in one turn, after which other users have theirs.
pub const PUSH_STEPS_PER_TURN_MAX: u64 = 32_000_000;
/// Bytes of events that are in memory together for one turn.
pub const PUSH_LOAD_BYTES_MAX: usize = 1024 * 1024;
/// Turns at the same time. One, so that small machines keep the other cores for requests.
pub const PUSH_EVALUATIONS_AT_ONCE_MAX: usize = 1;
/// Compiled push rules in memory, of all users, in bytes.
pub const PUSH_RULES_CACHED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events parsed for push rules in memory, in bytes.
pub const PUSH_EVENTS_CACHED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Lifetime of a user-interactive authentication session.
pub const UIA_SESSION_MS_MAX: u64 = 10 * 60 * 1_000;
/// Open UIA sessions of all users together, and as many again of clients that are not logged in. The oldest of the user
/// or network with the most are closed first.
pub const UIA_SESSIONS_MAX: usize = 5_000;
/// Open UIA sessions of one user; the oldest are closed first.
pub const UIA_SESSIONS_PER_USER_MAX: usize = 100;
/// The earliest time that a clock can show, in milliseconds since the epoch: 1 January 2026, before this version was
/// released. A machine without a battery-backed clock starts in 1970.
pub const CLOCK_MS_MIN: u64 = 1_767_225_600_000;
/// Wrong passwords for an account from all unknown networks together, as a multiple of what one network may try.
pub const LOGIN_NETWORKS_FACTOR: u32 = 4;
/// Membership changes stored for `device_lists`, in all rooms together; the oldest are deleted first.
pub const MEMBERSHIP_MOVES_MAX: u64 = 20_000;
/// How long the response to a transaction id is stored.
pub const TXN_MS_MAX: u64 = 48 * 60 * 60 * 1_000;
/// The `status_msg` of presence, in bytes.
pub const PRESENCE_STATUS_BYTES_MAX: usize = 1_000;
/// The longest typing notification.
pub const TYPING_MS_MAX: u64 = 120_000;
/// Unread events that one read transaction looks at to count notifications. All are counted; more take several.
pub const COUNTED_PER_READ_EVENTS_MAX: usize = 2_000;
/// Unread events that are added up together: as many are counted again when one of them is redacted.
pub const COUNT_BLOCK_EVENTS_MAX: u64 = 256;
/// Pairs of user and room whose unread counts are remembered.
pub const COUNTS_CACHED_MAX: usize = 5_000;
/// Up to how many others are asked about one by one whether they share a room with a user.
pub const NEIGHBOURS_ASKED_ONE_BY_ONE_MAX: usize = 16;
/// Member events of one stay in a room that are followed back to when it began.
pub const STAY_MEMBER_EVENTS_MAX: usize = 32;
/// Items in initial state, invites, and aliases of one `createRoom`.
pub const CREATE_ROOM_ITEMS_MAX: usize = 500;
/// Aliases of one room.
pub const ALIASES_PER_ROOM_MAX: usize = 100;
/// The reason of a report, in bytes.
pub const REPORT_REASON_BYTES_MAX: usize = 10_000;
/// Open connections of all listeners; more wait in the kernel's queue. Fewer if the process may open fewer files.
pub const CONNECTIONS_MAX: usize = 16_384;
/// Open connections of one client address (an IPv4 address or an IPv6 /64) without an access token; a /56 has twice, a /48 four
/// times as many. Fewer when the process may open fewer files: an eighth of all.
pub const ANONYMOUS_CONNECTIONS_PER_ADDRESS_MAX: usize = 1_024;
/// A request's head: its line and headers, in HTTP/1.1 and in HTTP/2.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long the request line and headers may take to arrive, also for the first request of a connection.
pub const HEAD_MS_MAX: u64 = 10_000;
/// How long a TLS handshake may take.
pub const TLS_HANDSHAKE_MS_MAX: u64 = 10_000;
/// How long a connection may be idle between requests, and how long a client may stall while it reads a response.
pub const IDLE_MS_MAX: u64 = 75_000;
/// How long a client may stall while it sends a body.
pub const BODY_SILENCE_MS_MAX: u64 = 30_000;
/// How long the sender of a body that is held in memory may take, in milliseconds.
pub const BODY_MS_MAX: u64 = 120_000;
/// How slow such a body may be after [`BODY_GRACE_MS`], in bytes per second: a tenth of a slow mobile line.
pub const BODY_BYTES_PER_S_MIN: u64 = 1_024;
/// How long a body may be slower than that, in milliseconds.
pub const BODY_GRACE_MS: u64 = 10_000;
/// Request bodies of all clients with an access token together that are held in memory, in bytes. Small ones are not
/// counted.
pub const CLIENT_BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The same, of one client address.
pub const CLIENT_BODIES_PER_ADDRESS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Request bodies of all clients without an access token that are held in memory, in bytes. Small ones are not counted.
pub const STRANGER_BODIES_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The same, of one client address.
pub const STRANGER_BODIES_PER_ADDRESS_BYTES_MAX: usize = 1024 * 1024;
/// A body up to this size is small.
pub const CLIENT_SMALL_BODY_BYTES: usize = 8 * 1024;
/// How much of the body of a refused request is read and discarded, so that the client gets to read the answer, in bytes:
/// for a user or another server the largest body that an endpoint takes.
pub const REFUSED_BODY_DRAIN_BYTES_MAX: u64 = KEYS_BODY_BYTES_MAX as u64;
/// The same for a client without an access token, or with one that is not valid.
pub const REFUSED_STRANGER_BODY_DRAIN_BYTES_MAX: u64 = 1024 * 1024;
/// How long discarding the body of a refused request may take.
pub const REFUSED_BODY_DRAIN_MS_MAX: u64 = 10_000;
/// How long a body waits for memory before its request is refused.
pub const BODY_WAIT_MS_MAX: u64 = 10_000;
/// Concurrent requests of one HTTP/2 connection.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 128;
/// A device's identity keys, or one cross-signing key, as JSON.
pub const IDENTITY_KEY_BYTES_MAX: usize = 32 * 1024;
/// One one-time or fallback key, as JSON.
pub const ONE_TIME_KEY_BYTES_MAX: usize = 4 * 1024;
/// Algorithms with a fallback key per device.
pub const FALLBACK_KEYS_PER_DEVICE_MAX: usize = 10;
/// Signed keys in one `/keys/signatures/upload`; each costs a signature check.
pub const SIGNED_KEYS_MAX: usize = 1_000;
/// The content of one to-device message, as for an event.
pub const TO_DEVICE_BYTES_MAX: usize = 65_535;
/// Devices in one `/sendToDevice`.
pub const TO_DEVICE_TARGETS_MAX: usize = 5_000;
/// One room key in a backup, as JSON.
pub const BACKUP_SESSION_BYTES_MAX: usize = 64 * 1024;
/// The `auth_data` of a backup, as JSON.
pub const BACKUP_AUTH_DATA_BYTES_MAX: usize = 64 * 1024;
/// The `device_data` of a dehydrated device, as JSON.
pub const DEHYDRATED_BYTES_MAX: usize = 512 * 1024;
/// Events that one request for a page scans before it responds with what it has and a token to continue.
pub const PAGE_SCANNED_EVENTS_MAX: usize = 5_000;
/// Relations of one event that are scanned for a page.
pub const RELATIONS_PER_EVENT_MAX: usize = 10_000;
/// Rooms of a space's hierarchy, on all pages together.
pub const HIERARCHY_ROOMS_MAX: usize = 1_000;
/// Rooms on one page of a space's hierarchy.
pub const HIERARCHY_PAGE_ROOMS_MAX: usize = 100;
/// Candidates of the search index, or events that are not in it yet, that one search looks at, newest first.
pub const SEARCH_SCANNED_EVENTS_MAX: usize = 20_000;
/// Events that one request looks at to say how many results a search has in all; the requests for further pages go on
/// from there.
pub const SEARCH_COUNTED_EVENTS_MAX: usize = 400_000;
/// Words of a search term; further ones are not searched for.
pub const SEARCH_WORDS_MAX: usize = 16;
/// A word in the search index, in characters: longer ones are cut.
pub const SEARCH_WORD_CHARS_MAX: usize = 64;
/// Different words of one event in the search index. An event with more is in the index as a long one, which each search
/// looks at: in SQLite, taking a word out of the index costs 60 microseconds, and the writer waits for a redaction.
pub const SEARCH_WORDS_PER_EVENT_MAX: usize = 512;
/// Rooms of one user that the search index tells apart. With more rooms, candidates of other rooms are looked at too.
pub const SEARCH_ROOMS_MAX: usize = 256;
/// Rooms that a search in certain rooms looks up to find those that they have replaced.
pub const SEARCH_REPLACED_ROOMS_MAX: usize = 256;
/// Further spellings of the searched words, found in the results, that clients are told to highlight.
pub const SEARCH_HIGHLIGHTS_MAX: usize = 100;
/// Events that wait until they are put into the search index together. Until then a search reads them one by one.
pub const SEARCH_INDEX_EVENTS_MIN: u64 = 500;
/// JSON of the events that are put into the search index in one write, in bytes.
pub const SEARCH_INDEX_BYTES_MAX: usize = 512 * 1024;
/// Words in one such write, or those of one event. Each takes about 4 microseconds, for which the writer waits.
pub const SEARCH_INDEX_WORDS_MAX: usize = 8_192;
/// Pages of the index that are merged in one write, after words were added.
pub const SEARCH_MERGE_PAGES: i64 = 32;
/// Words after which one such write follows. A page has some 300, and each is merged about once per level of the index.
pub const SEARCH_MERGE_WORDS: usize = 2_048;
/// Pause between two such writes, in milliseconds, so that indexing old events leaves the disk to others.
pub const SEARCH_INDEX_PAUSE_MS: u64 = 50;
/// Pause after a failed one, in milliseconds.
pub const SEARCH_INDEX_FAULT_MS: u64 = 60_000;
/// A search term, in bytes.
pub const SEARCH_TERM_BYTES_MAX: usize = 512;
/// Events that one `GET /notifications` scans, newest first.
pub const NOTIFICATIONS_SCANNED_EVENTS_MAX: usize = 5_000;
/// Later events of the rooms of these notifications that are searched for one of the user's own, which reads them.
pub const NOTIFICATIONS_LATER_EVENTS_MAX: usize = 100_000;
/// Results of one search in the user directory.
pub const USER_SEARCH_RESULTS_MAX: usize = 50;
/// A media id (client-server API, "Matrix Content (mxc://) URIs").
pub const MEDIA_ID_BYTES_MAX: usize = 255;
/// The content type of an upload; a longer one is ignored.
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// How long a download waits for media that is not uploaded yet.
pub const MEDIA_WAIT_MS_MAX: u64 = 60_000;
/// How long it waits without `timeout_ms` (client-server API).
pub const MEDIA_WAIT_MS_DEFAULT: u64 = 20_000;
/// Uploads are refused if less than this is free on the file system of the media: the database may need the rest.
pub const MEDIA_FREE_BYTES_MIN: u64 = 200 * 1024 * 1024;
/// The steps in which an upload of unknown length reserves space.
pub const MEDIA_RESERVE_STEP_BYTES: u64 = 4 * 1024 * 1024;
/// How much of a refused upload is read and discarded, so that the client gets to read the response.
pub const MEDIA_DRAIN_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long discarding a refused upload may take.
pub const MEDIA_DRAIN_MS_MAX: u64 = 10_000;
/// Thumbnails waiting to be generated; more are refused.
pub const THUMBNAILS_WAITING_MAX: usize = 64;
/// Media in one request of an administrator.
pub const MEDIA_PAGE_MAX: u64 = 1_000;
/// Downloads whose time is not stored yet; further ones are not recorded.
pub const MEDIA_ACCESSES_NOTED_MAX: usize = 10_000;
/// Registrations of application services.
pub const APPSERVICES_MAX: usize = 100;
/// A registration file of an application service.
pub const APPSERVICE_FILE_BYTES_MAX: u64 = 256 * 1024;
/// A token in the registration of an application service.
pub const APPSERVICE_TOKEN_BYTES_MAX: usize = 255;
/// Namespaces of one kind in the registration of an application service.
pub const APPSERVICE_NAMESPACES_MAX: usize = 200;
/// The regular expression of a namespace, as text.
pub const NAMESPACE_REGEX_BYTES_MAX: usize = 4 * 1024;
/// The compiled regular expression of a namespace. A few bytes, such as `.{9}{9}{9}`, can compile to much more.
pub const NAMESPACE_REGEX_COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// Rooms that one application service lists for its networks.
pub const NETWORK_ROOMS_PER_APPSERVICE_MAX: u64 = 10_000;
/// A response of another homeserver other than a file: the state of a room with tens of thousands of members.
pub const FEDERATION_ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Gaps in one room's timeline; with more, the oldest neighbours become one.
pub const HISTORY_GAPS_PER_ROOM_MAX: usize = 64;
/// Stored ids of missing events directly before the oldest known event above a gap.
pub const HISTORY_MISSING_MAX: usize = 1_000;
/// Events in one request for history, and used from its response.
pub const HISTORY_PIECE_EVENTS_MAX: usize = 100;
/// How long a client waits for history from all servers together.
pub const HISTORY_WAIT_MS_MAX: u64 = 10_000;
/// Servers asked for one piece of history.
pub const HISTORY_SERVERS_MAX: usize = 5;
/// Events fetched one by one to authorize and place one piece of history; if more are missing, the whole state is
/// requested.
pub const HISTORY_SINGLE_EVENTS_MAX: usize = 60;
/// States requested to place one piece of history.
pub const HISTORY_STATES_MAX: usize = 8;
/// The body of an incoming transaction, in bytes: 50 PDUs and 100 EDUs of the largest size, and some space.
pub const TRANSACTION_BYTES_MAX: usize = 200 * 65_536;
/// Concurrent requests of one remote server.
pub const FEDERATION_REQUESTS_PER_SERVER_MAX: usize = 16;
/// Requests of one remote server that wait for its earlier ones; more are refused.
pub const FEDERATION_WAITING_PER_SERVER_MAX: usize = 64;
/// How long such a request waits, in milliseconds.
pub const FEDERATION_WAIT_MS_MAX: u64 = 30_000;
/// Concurrent lookups of a requesting server's key, which may need a request to that server.
pub const FEDERATION_STRANGERS_MAX: usize = 64;
/// Request bodies of remote servers in memory, in bytes; small ones do not count.
pub const FEDERATION_BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The same, from one address.
pub const FEDERATION_BODIES_PER_ADDRESS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A small body, in bytes.
pub const FEDERATION_SMALL_BODY_BYTES: usize = 64 * 1024;
/// Events in one response to `/backfill`.
pub const BACKFILL_EVENTS_MAX: usize = 100;
/// Events in one response to `/get_missing_events`.
pub const MISSING_EVENTS_MAX: usize = 20;
/// Event ids in one request for `/backfill` or `/get_missing_events`.
pub const GRAPH_QUESTION_EVENTS_MAX: usize = 100;
/// Events visited for one such request.
pub const GRAPH_WALKED_EVENTS_MAX: usize = 1_000;
/// Events of one auth chain.
pub const AUTH_CHAIN_EVENTS_MAX: usize = 200_000;
/// Rooms in one response to a federation `/hierarchy` request.
pub const SPACE_CHILDREN_SERVED_MAX: usize = 100;
/// Servers in the response to a directory query of a remote server.
pub const ALIAS_SERVERS_MAX: usize = 50;
/// PDUs in one transaction (server-server API).
pub const TRANSACTION_PDUS_MAX: usize = 50;
/// EDUs in one transaction (server-server API).
pub const TRANSACTION_EDUS_MAX: usize = 100;
/// How long the PDUs of a transaction are processed before the rest goes to the inbox, in milliseconds.
pub const TRANSACTION_MS_MAX: u64 = 2_000;
/// Incoming transactions whose responses are cached.
pub const TRANSACTIONS_REMEMBERED_MAX: usize = 2_000;
/// PDUs of one room in the inbox; more are dropped, and fetched when a later event refers to them.
pub const INBOX_EVENTS_PER_ROOM_MAX: u64 = 2_000;
/// Soft-failed events that are judged again when an auth event of theirs gets its place.
pub const SOFT_FAILED_WAITING_MAX: u64 = 100;
/// Events of one server that is not known to be in the room, put aside until its join comes; more are refused.
pub const INBOX_STRANGER_EVENTS_MAX: u64 = 10;
/// Events in a room's inbox, from which on no more of strangers are put aside.
pub const INBOX_STRANGER_ROOM_MAX: u64 = 200;
/// The answer to a question for the auth chain of one event, in bytes.
pub const AUTH_ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events taken from such an answer: those that the event's auth events lead to.
pub const AUTH_ANSWER_EVENTS_MAX: usize = 5_000;
/// How long a rejected event without a place is kept, so that it is not fetched again at once.
pub const REJECTED_OUTLIER_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// Rejected events without a place that are kept; of more the oldest go.
pub const REJECTED_OUTLIERS_MAX: u64 = 2_000;
/// How often an event that was put aside is tried.
pub const INBOX_TRIES_MAX: u64 = 12;
/// Tries of such an event from which on the state before it may lack events that cannot be checked: about 20 seconds.
pub const INBOX_WHOLE_STATE_TRIES: u64 = 1;
/// Tries from which on it may also lack events that cannot be fetched: about five minutes.
pub const INBOX_FETCHED_STATE_TRIES: u64 = 5;
/// Requests for missing events between an event and the known ones, of up to [`MISSING_EVENTS_MAX`] each.
pub const MISSING_ROUNDS_MAX: usize = 10;
/// Events of a state or of its auth chain in the response of a remote server.
pub const STATE_EVENTS_MAX: usize = 200_000;
/// Events of a state that are fetched one by one; if more are missing, the whole state is requested.
pub const STATE_SINGLE_EVENTS_MAX: usize = 50;
/// An outgoing EDU, as JSON.
pub const EDU_BYTES_MAX: usize = 256 * 1024;
/// PDUs and EDUs of one outgoing transaction together; a single one may be larger.
pub const OUTGOING_BYTES_MAX: usize = 1024 * 1024;
/// The response of a remote server to a transaction.
pub const TRANSACTION_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Concurrent outgoing transactions, not counting slow ones.
pub const OUTGOING_TRANSACTIONS_MAX: usize = 32;
/// Concurrent outgoing transactions, including slow ones.
pub const OUTGOING_TRANSACTIONS_WITH_SLOW_MAX: usize = 160;
/// PDUs queued for a server that does not answer; of more, only the newest of each room stays.
pub const OUTGOING_EVENTS_AWAY_MAX: usize = 50;
/// PDUs queued for a server that answers; of more, only the newest of each room stays.
pub const OUTGOING_EVENTS_MAX: usize = 5_000;
/// Device list updates of one user queued for one server; of more, only the newest stays: the server sees from it that it
/// missed some, and fetches the whole list.
pub const OUTGOING_DEVICE_UPDATES_MAX: usize = 100;
/// To-device messages of one local user that wait for one server, as [`OUTGOING_EDU_OVERHEAD_BYTES`] counts them. More are
/// refused.
pub const OUTGOING_SENDER_DESTINATION_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// To-device messages of all users that wait for one server. More are refused.
pub const OUTGOING_DESTINATION_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// To-device messages of one user that wait for all servers together, which need not exist. More are refused.
pub const OUTGOING_SENDER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How long a to-device message waits for a server that cannot be reached: 30 days. Then it is given up, so that its
/// sender's share is free again.
pub const OUTGOING_MESSAGE_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1_000;
/// What a waiting to-device message counts in addition to its JSON.
pub const OUTGOING_EDU_OVERHEAD_BYTES: u64 = 512;
/// Typing notifications, receipts and presence updates queued for one server, of each kind; more are dropped.
pub const OUTGOING_EPHEMERAL_MAX: usize = 1_000;
/// The longest time between two attempts to reach a server that was reachable recently.
pub const BACKOFF_MS_MAX: u64 = 60 * 60 * 1_000;
/// The longest time between two attempts to reach a server that has been unreachable for days.
pub const BACKOFF_AWAY_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// A server's key document, as JSON.
pub const KEY_DOCUMENT_BYTES_MAX: usize = 128 * 1024;
/// Keys in a key document, current and expired.
pub const KEYS_PER_SERVER_MAX: usize = 500;
/// Signatures of one server on one event that are checked.
pub const SIGNATURES_PER_SERVER_MAX: usize = 10;
/// Servers in one request to a notary.
pub const NOTARY_SERVERS_MAX: usize = 100;
/// Servers in a room that are asked for the keys of others when the room is joined or its past is fetched.
pub const NOTARIES_PER_ROOM_MAX: usize = 4;
/// Servers that one error names.
pub const SERVERS_NAMED_MAX: usize = 5;
/// Parameters of an `X-Matrix` header that are read, known or not; more make the header malformed.
pub const X_MATRIX_PARAMETERS_MAX: usize = 32;
/// Servers whose keys are stored; those fetched longest ago are deleted first.
pub const KEY_SERVERS_MAX: u64 = 50_000;
/// Servers tried for a remote join, knock or leave before it fails.
pub const ENTRY_SERVERS_MAX: usize = 20;
/// How long an action of a user may take that goes on when its client hangs up, all requests to other servers together.
pub const ACTION_MS_MAX: u64 = 10 * 60 * 1_000;
/// Durable actions that are resumed at the same time: one that waits for a slow server does not hold up the others.
pub const DURABLE_ACTIONS_AT_ONCE_MAX: usize = 16;
/// How often the list of a user's rooms is read while they leave all: rooms that they come into meanwhile are left, too.
pub const LEAVE_ALL_ROUNDS_MAX: usize = 4;
/// How long a stop of the server waits for actions that go on without their client, such as an invite that another server signs.
pub const STOP_ACTIONS_MS_MAX: u64 = 5_000;
/// How long a stop of the server waits for reads of the database that do not end when they are interrupted.
pub const STOP_READERS_MS_MAX: u64 = 500;
/// How long an action is tried again that a crash has interrupted, or whose server does not answer, such as an invite.
pub const DURABLE_ACTION_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// Servers that are told that somebody has refused an invite or does not knock any more, before they are let go all the same.
pub const LEAVE_SERVERS_MAX: usize = 3;
/// Events in a `send_join` response, duplicates included: state and auth chain of the largest rooms there are.
pub const JOIN_EVENTS_MAX: usize = 400_000;
/// Stripped state events of an invite or a knock.
pub const STRIPPED_EVENTS_MAX: usize = 50;
/// Stripped state as stored for the user, in bytes; what does not fit is left out.
pub const STRIPPED_BYTES_MAX: usize = 64 * 1024;
/// Open invites of a user by one server that shares no room with them.
pub const INVITES_STRANGER_MAX: u64 = 50;
/// Stripped state of those, in bytes.
pub const INVITES_STRANGER_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Open invites of a user, from which on servers that share no room with them are refused.
pub const INVITES_STRANGERS_MAX: u64 = 100;
/// Stripped state of those, in bytes.
pub const INVITES_STRANGERS_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Open invites of a user by one server that shares a room with them.
pub const INVITES_SERVER_MAX: u64 = 500;
/// Stripped state of those, in bytes.
pub const INVITES_SERVER_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// When a server may try again to invite a user who has too many open invites, in milliseconds.
pub const INVITES_RETRY_MS: u64 = 60 * 60 * 1_000;
/// Third-party invites that a server delivers at once, after a user has verified an e-mail address or phone number.
pub const BOUND_INVITES_MAX: usize = 100;
/// Concurrent downloads of remote media.
pub const MEDIA_FETCHES_MAX: usize = 8;
/// The `Location` of a file in a response of a remote server.
pub const MEDIA_LOCATION_BYTES_MAX: usize = 8 * 1024;
/// Users in one incoming `m.presence`.
pub const PRESENCE_UPDATES_MAX: usize = 1_000;
/// Receipts in one incoming `m.receipt`.
pub const RECEIPTS_PER_EDU_MAX: usize = 1_000;
/// Events named in one incoming receipt.
pub const EVENTS_PER_RECEIPT_MAX: usize = 5;
/// Incoming receipts that wait for their events.
pub const LATE_RECEIPTS_MAX: usize = 1_000;
/// How long the ids of incoming to-device messages are stored, to recognise duplicates.
pub const RECEIVED_MESSAGE_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1_000;
/// Open connections to remote servers; more wait. If more than half are open, none is kept idle.
pub const FEDERATION_CONNECTIONS_MAX: usize = 512;
/// A response to `/.well-known/matrix/server`.
pub const WELL_KNOWN_BYTES_MAX: usize = 50 * 1024;
/// A remote server's response to a query of device lists.
pub const DEVICE_LISTS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Responses of all remote servers to one query or claim of keys together. Small ones are not counted.
pub const REMOTE_KEYS_BYTES_MAX: usize = 20 * 1024 * 1024;
/// A response up to this size is small: servers with few keys are heard, whatever others answer.
pub const REMOTE_KEYS_SMALL_BYTES: usize = 64 * 1024;
/// A remote server's response to a claim of one-time keys.
pub const CLAIMED_KEYS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A page of a remote server's directory, or its response about a space.
pub const REMOTE_ROOMS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Rooms on one page of a remote server's directory.
pub const REMOTE_ROOMS_MAX: usize = 500;
/// Rooms of a space's hierarchy that remote servers are asked about at the same time.
pub const HIERARCHY_ASKED_MAX: usize = 50;
/// Summaries of remote rooms in the cache.
pub const REMOTE_ROOMS_CACHED_MAX: usize = 1_000;
/// A token for the SFU of group calls.
pub const RTC_TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How long a token for the SFU allows connecting. Connected clients get newer tokens from the SFU.
pub const RTC_TOKEN_MS_MAX: u64 = 10 * 60 * 1_000;
/// A response of the SFU, such as the list of participants.
pub const SFU_ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A device id, slot or membership id in a request for an SFU token.
pub const RTC_NAME_BYTES_MAX: usize = 255;
/// A request for an SFU token.
pub const RTC_BODY_BYTES_MAX: usize = 64 * 1024;
/// Participants in calls whose user is cached.
pub const RTC_PLACES_MAX: usize = 10_000;
/// Connections forwarded to the SFU.
pub const RTC_PASSAGES_MAX: usize = 256;
/// Forwarded connections of one user: several devices, each of which may be reconnecting.
pub const RTC_PASSAGES_PER_USER_MAX: usize = 16;
/// How long a forwarded connection may be silent. The SFU and its clients ping each other every few seconds.
pub const RTC_SILENCE_MS_MAX: u64 = 90_000;
/// The error of the SFU for a refused connection.
pub const SFU_REFUSAL_BYTES_MAX: usize = 64 * 1024;
/// Waiting delayed events of one user.
pub const DELAYED_EVENTS_PER_USER_MAX: usize = 100;
/// Waiting delayed events of all users.
pub const DELAYED_EVENTS_MAX: usize = 5_000;
/// Finalised delayed events of one user that are stored.
pub const DELAYED_FINALISED_PER_USER_MAX: u64 = 100;
/// How long a finalised delayed event is stored.
pub const DELAYED_FINALISED_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1_000;
/// A `delay_id` in a request.
pub const DELAY_ID_BYTES_MAX: usize = 64;
/// A webhook of the SFU, which contains data that its clients chose.
pub const SFU_WEBHOOK_BYTES_MAX: usize = 64 * 1024;
/// Idle connections that are kept to one host of the web.
pub const WEB_IDLE_PER_HOST_MAX: usize = 1;
