//! The process: connections, tasks, the command line.

use std::time::Duration;

/// Interval of the clean-up of expired data. Nothing depends on its timing, and an idle machine should stay idle.
pub const TASKS_UPKEEP_EVERY: Duration = Duration::from_secs(5 * 60);
/// Interval at which permissions of relay users are checked, in addition to the check on each change of account status.
/// This catches changes from before a restart. Without calls there is nothing to check.
pub const TASKS_RELAY_EVERY: Duration = Duration::from_secs(30);
/// Interval at which room membership of group call participants is checked. Without calls there is nothing to check.
pub const GROUP_CALLS_EVERY: Duration = Duration::from_secs(30);
/// Longest logged value, in bytes: untrusted text must not fill the disk.
pub const LOGGED_VALUE_BYTES_MAX: usize = 2_000;
/// Interval of HTTP/2 keep-alive pings.
pub const HTTP2_ASK_EVERY: Duration = Duration::from_secs(90);
/// How long the answer to an HTTP/2 ping may take.
pub const HTTP2_ANSWER_MAX: Duration = Duration::from_secs(20);
/// How long the head of a request may take.
pub const PACED_HEAD_MAX: Duration = Duration::from_millis(super::HEAD_MS_MAX);
/// How long a connection may wait for its next request.
pub const PACED_IDLE_MAX: Duration = Duration::from_millis(super::IDLE_MS_MAX);
/// Minimum interval between checks for changed files. Certificates are renewed weeks before they expire.
pub const TLS_LOOK_EVERY: Duration = Duration::from_secs(30);
/// More worker threads do not make a household's server faster, and each costs memory.
pub const SERVE_WORKERS_MAX: usize = 4;
/// Threads for password hashes, file access and other blocking work; they exit when idle.
pub const BLOCKING_THREADS_MAX: usize = 16;
/// The maximum width of a column, in characters.
pub const TABLE_COLUMNS_MAX: usize = 60;
/// Concurrent connections. Every request opens its own connection, and a dashboard keeps a few in flight.
pub const ADMIN_SOCKET_CONNECTIONS_MAX: usize = 64;
/// How often the log may warn of a reverse proxy that the configuration does not name.
pub const PROXY_WARNING_EVERY: Duration = Duration::from_secs(60 * 60);
/// Sockets that are taken from the service manager, whatever it announces.
pub const INHERITED_SOCKETS_MAX: i32 = 64;
