//! Certificates: how often an authority is asked, and what it may answer.

use std::time::Duration;

use crate::{Backoff, Millis};

const MINUTE_MS: Millis = 60 * 1_000;
const HOUR_MS: Millis = 60 * MINUTE_MS;
const DAY_MS: Millis = 24 * HOUR_MS;

/// Names in one certificate: as many as Let's Encrypt puts into one.
pub const ACME_NAMES_MAX: usize = 100;
/// The longest wait for a DNS update to reach all servers of a zone.
pub const DNS_PROPAGATION_MS_MAX: u64 = 10 * MINUTE_MS;
/// Orders that may fail while a name is being proven, within [`ACME_VALIDATIONS_MS`]. Let's Encrypt counts 5 per account and name.
pub const ACME_FAILED_VALIDATIONS_MAX: usize = 5;
/// The time over which an authority counts failed validations.
pub const ACME_VALIDATIONS_MS: Millis = HOUR_MS;
/// Certificates for the same names within [`ACME_DUPLICATES_MS`]. Let's Encrypt issues 5.
pub const ACME_DUPLICATES_MAX: usize = 5;
/// The time over which an authority counts certificates for the same names.
pub const ACME_DUPLICATES_MS: Millis = 7 * DAY_MS;
/// Waits after an order that the authority did not complete: at least 10 minutes, whatever chance takes off.
pub const ACME_ORDER_BACKOFF: Backoff = Backoff::new(14 * MINUTE_MS, 12 * HOUR_MS);
/// Waits after an authority that did not answer, which counts such attempts not at all.
pub const ACME_REACH_BACKOFF: Backoff = Backoff::new(MINUTE_MS, HOUR_MS);
/// The shortest wait after an authority has refused an order because there were too many, in milliseconds.
pub const ACME_RATE_LIMITED_MS_MIN: Millis = HOUR_MS;
/// The longest such wait, whatever the authority asks for and however wrong the clock is, in milliseconds.
pub const ACME_WAIT_MS_MAX: Millis = 7 * DAY_MS;
/// How often a request is repeated whose nonce the authority has refused.
pub const ACME_NONCES_MAX: u32 = 3;
/// The longest that an order may take, besides the time that a DNS update needs.
pub const ACME_ORDER_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a server that stops waits for an order that is under way. Shorter than `server.graceful_stop_ms` is by default.
pub const ACME_STOP_MAX: Duration = Duration::from_secs(3);
/// The longest that one request to an authority may take.
pub const ACME_REQUEST_MAX: Duration = Duration::from_secs(30);
/// The largest answer of an authority: a chain of a few certificates.
pub const ACME_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// The longest reason of a failure that is kept, in characters: an authority writes it.
pub const ACME_REASON_CHARS_MAX: usize = 500;
/// The waits between two looks at an order that the authority is working on, in milliseconds; the last one repeats.
pub const ACME_LOOK_MS: [Millis; 5] = [250, 500, 1_000, 2_000, 4_000];
/// How often it is looked whether a certificate is due, at the latest: a machine without a battery-backed clock learns the time
/// after it has started.
pub const CERTIFICATE_LOOK_MS: Millis = 10 * MINUTE_MS;
/// The time before its end at which a certificate is renewed, as a divisor of its lifetime: a third.
pub const RENEW_LEFT_DIVISOR: u64 = 3;
/// When a certificate that has not been renewed is warned of: with so many days left, or with that part of its lifetime if that is
/// less, so that certificates of a week do not warn all their life.
pub const EXPIRY_WARNINGS: [(Millis, u64); 3] = [(20 * DAY_MS, 4), (10 * DAY_MS, 9), (3 * DAY_MS, 30)];
/// The lifetime of the private authority of a LAN, in milliseconds. Each device is told once to trust it.
pub const LAN_AUTHORITY_MS: Millis = 3_650 * DAY_MS;
/// The lifetime of a certificate in a LAN, in milliseconds: below the 825 days that Apple's systems accept.
pub const LAN_CERTIFICATE_MS: Millis = 800 * DAY_MS;
/// How long a DNS server may take to answer an update.
pub const DNS_UPDATE_MAX: Duration = Duration::from_secs(10);
/// How far the clocks of this server and the DNS server may differ, in seconds (RFC 8945 recommends it).
pub const TSIG_FUDGE_S: u16 = 300;
/// The longest answer of a DNS server to an update that is read: its header, the zone, a signature.
pub const DNS_ANSWER_BYTES_MAX: usize = 1_024;
