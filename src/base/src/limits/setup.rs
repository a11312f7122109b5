//! `hearth setup`: how long it waits for the network, and what it accepts.

use std::time::Duration;

use crate::Millis;

/// A user name that can be chosen, in bytes: the default of `registration.username_bytes_max`.
pub const USERNAME_BYTES_MAX: usize = 64;
/// An e-mail address (RFC 5321 section 4.5.3.1.3, without its angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Free space below which a server is soon out of it, in bytes: a database, its copy before a migration, and photos.
pub const SETUP_DISK_BYTES_MIN: u64 = 2 * 1024 * 1024 * 1024;
/// Memory below which large rooms are slow, in bytes.
pub const SETUP_MEMORY_BYTES_MIN: u64 = 400 * 1024 * 1024;
/// How far the clock may be off: certificates and signatures of other servers depend on it.
pub const CLOCK_SKEW_MS_MAX: Millis = 2 * 60 * 1_000;
/// A time before this one, in milliseconds since the epoch, is that of a machine that does not know it: the start of 2026.
pub const CLOCK_MS_MIN: Millis = 1_767_225_600_000;
/// How long a DNS server may take.
pub const SETUP_DNS_WAIT_MAX: Duration = Duration::from_secs(4);
/// How long a connection to the own public address may take: that of a router next door.
pub const SETUP_CONNECT_MAX: Duration = Duration::from_secs(3);
/// The most that is read of an answer in the network, in bytes.
pub const SETUP_ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// The waits for an answer of PCP or NAT-PMP, in milliseconds; after each, the request is sent again.
pub const PCP_WAITS_MS: [Millis; 3] = [250, 500, 1_000];
/// How long answers to a UPnP search are waited for: devices wait up to a second before they answer.
pub const SSDP_WAIT_MAX: Duration = Duration::from_millis(2_500);
/// UDP ports of the relay that the router is asked for: more would take it minutes.
pub const FORWARDED_RELAY_PORTS_MAX: usize = 256;
/// How long a forwarded port lasts unless it is asked for again.
pub const FORWARD_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Interval at which forwarded ports are asked for again: well within their lifetime, and soon after a router has restarted.
pub const FORWARD_EVERY: Duration = Duration::from_secs(10 * 60);
/// Bytes of a line to a vantage point.
pub const VANTAGE_LINE_BYTES_MAX: u64 = 128;
/// Ports that a vantage point tries for one request.
pub const VANTAGE_PORTS_MAX: usize = 8;
/// How long its answer may take: each port that does not answer takes [`SETUP_CONNECT_MAX`].
pub const VANTAGE_WAIT_MAX: Duration = Duration::from_secs(30);
/// The interval between two looks at a server that is starting, in milliseconds.
pub const SETUP_LOOK_MS: Millis = 300;
/// How long a service may take to start, in seconds.
pub const SETUP_START_S: u64 = 60;
/// How long setup waits for the server and its certificate, in seconds.
pub const SETUP_WAIT_S: u64 = 600;
