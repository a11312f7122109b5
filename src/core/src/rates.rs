//! Rate limits: a token bucket for each kind and each user, address, or name.
//!
//! A bucket is one number: the time at which it is full again. A full bucket needs no entry, so memory is proportional
//! to recently active users, up to a bound. Nothing is stored on disk: a restart fills all buckets.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use hearth_base::config::{self, Config};
use hearth_base::limits::LOGIN_NETWORKS_FACTOR;
use hearth_base::limits::core::RATES_BUCKETS_MAX;
use hearth_base::{Clock, Reason, Result, error::refuse};
use hearth_store::ids::UserSn;
use parking_lot::Mutex;

use crate::Requester;

/// A rate-limited kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rate {
    /// Not limited: reads, and requests that are bounded elsewhere.
    None,
    /// Logins, and other checks of a password.
    Login,
    /// Wrong passwords for one account from all networks that it has not been used from: a multiple of [`Rate::Login`],
    /// so that it takes several networks to keep the owner out from an unknown one.
    LoginNetworks,
    /// Registering accounts.
    Registration,
    /// Sending message events, state and redactions.
    Message,
    /// Joining rooms and knocking.
    Join,
    /// Sending invites.
    Invite,
    /// Creating rooms.
    CreateRoom,
    /// Uploading media.
    MediaUpload,
    /// Fetching previews of links.
    UrlPreview,
    /// Uploading, querying and claiming keys.
    Keys,
    /// Searching.
    Search,
    /// Requests of other homeservers.
    Federation,
    /// Requests on behalf of another homeserver without a signature, or with one that cannot be checked.
    FederationUnproven,
    /// Sending to-device messages.
    ToDevice,
    /// Reading and writing key backups and dehydrated devices.
    KeyBackup,
    /// Requests without authentication.
    Unauthenticated,
    /// All other writes.
    Other,
}

impl Rate {
    /// Its key in `[rate_limits]`; `None` without a limit.
    #[must_use]
    pub fn key(self) -> Option<&'static str> {
        Some(match self {
            Self::None => return None,
            Self::Login | Self::LoginNetworks => "login",
            Self::Registration => "registration",
            Self::Message => "message",
            Self::Join => "join",
            Self::Invite => "invite",
            Self::CreateRoom => "create_room",
            Self::MediaUpload => "media_upload",
            Self::UrlPreview => "url_preview",
            Self::Keys => "keys",
            Self::Search => "search",
            Self::Federation => "federation",
            Self::FederationUnproven => "federation_unproven",
            Self::ToDevice => "to_device",
            Self::KeyBackup => "key_backup",
            Self::Unauthenticated => "unauthenticated",
            Self::Other => "other",
        })
    }
}

/// The owner of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateSubject {
    /// A local user.
    User(UserSn),
    /// An IPv4 address.
    V4([u8; 4]),
    /// An IPv6 /64 network, because a household has one.
    V6([u8; 8]),
    /// A name, such as a server name or the user name of a login attempt, by its hash.
    Name(i64),
    /// All requests with an unknown address.
    Unknown,
}

impl RateSubject {
    /// The bucket of a client address; an IPv4-mapped IPv6 address counts as IPv4.
    #[must_use]
    pub fn address(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
            None => Self::Unknown,
        }
    }

    /// The bucket of a name, by a 64-bit hash, so that its memory does not depend on the name's length.
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self::Name(hearth_store::hash64(&[name.as_bytes()]))
    }

    /// The bucket of a name as used from one network: an IPv4 address, or an IPv6 /48, the most that one customer gets.
    #[must_use]
    pub fn name_from(name: &str, address: Option<IpAddr>) -> Self {
        let network = Self::network(address);
        let bytes: &[u8] = match &network {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
            _ => &[],
        };
        Self::Name(hearth_store::hash64(&[name.as_bytes(), bytes]))
    }

    /// The network of an address: an IPv4 address, or an IPv6 /48.
    #[must_use]
    pub fn network(address: Option<IpAddr>) -> Self {
        match Self::address(address) {
            Self::V6([a, b, c, d, e, f, ..]) => Self::V6([a, b, c, d, e, f, 0, 0]),
            other => other,
        }
    }
}

/// The token buckets of all kinds and owners.
pub struct Rates {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    /// When each bucket is full again, in microseconds of steady time.
    full_at_us: Mutex<HashMap<(Rate, RateSubject), u64>>,
}

impl Rates {
    /// Creates full buckets.
    #[must_use]
    pub fn new(config: Arc<Config>, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, full_at_us: Mutex::default() }
    }

    fn limit(&self, rate: Rate) -> Option<config::Rate> {
        let limits = &self.config.rate_limits;
        let limit = match rate {
            Rate::None => return None,
            Rate::Login => &limits.login,
            Rate::LoginNetworks => {
                let burst = limits.login.burst.saturating_mul(LOGIN_NETWORKS_FACTOR);
                &config::Rate::new(limits.login.per_second * f64::from(LOGIN_NETWORKS_FACTOR), burst)
            }
            Rate::Registration => &limits.registration,
            Rate::Message => &limits.message,
            Rate::Join => &limits.join,
            Rate::Invite => &limits.invite,
            Rate::CreateRoom => &limits.create_room,
            Rate::MediaUpload => &limits.media_upload,
            Rate::UrlPreview => &limits.url_preview,
            Rate::Keys => &limits.keys,
            Rate::Search => &limits.search,
            Rate::Federation => &limits.federation,
            Rate::FederationUnproven => &limits.federation_unproven,
            Rate::ToDevice => &limits.to_device,
            Rate::KeyBackup => &limits.key_backup,
            Rate::Unauthenticated => &limits.unauthenticated,
            Rate::Other => &limits.other,
        };
        limits.enabled.then(|| limit.clone())
    }

    /// Takes a token from a bucket; `M_LIMIT_EXCEEDED` when it is empty.
    pub fn take(&self, rate: Rate, whose: RateSubject) -> Result<()> {
        self.ask(rate, whose, true)
    }

    /// Same as [`Rates::take`] for a user; application services may be exempt.
    pub fn take_of(&self, rate: Rate, who: &Requester) -> Result<()> {
        if who.is_unlimited() { Ok(()) } else { self.take(rate, RateSubject::User(who.user)) }
    }

    /// `M_LIMIT_EXCEEDED` when a bucket is empty, without taking a token: for requests that only count when they fail.
    pub fn peek(&self, rate: Rate, whose: RateSubject) -> Result<()> {
        self.ask(rate, whose, false)
    }

    fn ask(&self, rate: Rate, whose: RateSubject, take: bool) -> Result<()> {
        let Some(limit) = self.limit(rate) else { return Ok(()) };
        let permit_us = permit_us(&limit);
        let capacity_us = permit_us.saturating_mul(limit.burst.into());
        // Not the wall clock: when that is set back, full buckets would look empty.
        let now_us = self.clock.steady_ms().saturating_mul(1_000);
        let mut buckets = self.full_at_us.lock();
        let full_at_us = buckets.get(&(rate, whose)).map_or(now_us, |at| (*at).clamp(now_us, now_us + capacity_us));
        let after_us = full_at_us.saturating_add(permit_us);
        if let Some(wait_us) = after_us.checked_sub(now_us + capacity_us).filter(|wait_us| *wait_us > 0) {
            let retry_after_ms = wait_us.div_ceil(1_000);
            return Err(refuse(
                Reason::LimitExceeded { retry_after_ms },
                format!("Too many requests: try again in {} s.", retry_after_ms.div_ceil(1_000)),
            ));
        }
        if take {
            reserve(&mut buckets, now_us);
            buckets.insert((rate, whose), after_us);
        }
        Ok(())
    }
}

/// Time to refill one token.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the configuration keeps it within 1 and 10^11"
)]
fn permit_us(limit: &config::Rate) -> u64 {
    (1_000_000.0 / limit.per_second) as u64
}

fn reserve(buckets: &mut HashMap<(Rate, RateSubject), u64>, now_us: u64) {
    if buckets.len() < RATES_BUCKETS_MAX {
        return;
    }
    buckets.retain(|_, full_at_us| *full_at_us > now_us);
    if buckets.len() >= RATES_BUCKETS_MAX {
        let mut times: Vec<u64> = buckets.values().copied().collect();
        // Drops half at once, so that the next requests do not repeat the search.
        let (_, middle, _) = times.select_nth_unstable(RATES_BUCKETS_MAX / 2);
        let middle = *middle;
        buckets.retain(|_, full_at_us| *full_at_us > middle);
    }
}

impl std::fmt::Debug for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rates").field("buckets", &self.full_at_us.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use hearth_base::clock::ManualClock;

    use super::*;

    fn rates(login: config::Rate) -> (Arc<ManualClock>, Rates) {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let mut config = Config::default();
        config.rate_limits.login = login;
        (clock.clone(), Rates::new(Arc::new(config), clock))
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let (clock, rates) = rates(config::Rate::new(0.5, 3));
        let whose = RateSubject::address("192.0.2.1".parse().ok());
        for _ in 0..3 {
            rates.take(Rate::Login, whose).unwrap();
        }
        let reason = rates.take(Rate::Login, whose).unwrap_err().reason();
        assert_eq!(reason, Some(Reason::LimitExceeded { retry_after_ms: 2_000 }));
        assert!(rates.take(Rate::Login, RateSubject::address("192.0.2.2".parse().ok())).is_ok());
        clock.advance(2_000);
        rates.peek(Rate::Login, whose).unwrap();
        rates.take(Rate::Login, whose).unwrap();
        assert!(rates.peek(Rate::Login, whose).is_err());
    }

    #[test]
    fn an_ipv6_household_is_one_and_a_mapped_address_is_its_ipv4() {
        let bucket = |text: &str| RateSubject::address(text.parse().ok());
        assert_eq!(bucket("2001:db8::1"), bucket("2001:db8::ffff:1"));
        assert_ne!(bucket("2001:db8::1"), bucket("2001:db8:0:1::1"));
        assert_eq!(bucket("::ffff:192.0.2.1"), bucket("192.0.2.1"));
    }

    #[test]
    fn a_clock_that_jumps_changes_no_bucket() {
        let (clock, rates) = rates(config::Rate::new(0.5, 2));
        let whose = RateSubject::Name(1);
        rates.take(Rate::Login, whose).unwrap();
        clock.set(0);
        rates.take(Rate::Login, whose).unwrap();
        clock.set(1_000_000_000);
        let reason = rates.take(Rate::Login, whose).unwrap_err().reason();
        assert_eq!(reason, Some(Reason::LimitExceeded { retry_after_ms: 2_000 }));
    }

    #[test]
    fn a_name_has_a_bucket_for_each_network() {
        let bucket = |text: &str| RateSubject::name_from("alice", text.parse().ok());
        assert_ne!(bucket("192.0.2.1"), bucket("192.0.2.2"));
        assert_eq!(bucket("2001:db8:1:2::3"), bucket("2001:db8:1:ffff::4"));
        assert_ne!(bucket("2001:db8:1::1"), bucket("2001:db8:2::1"));
        assert_ne!(bucket("192.0.2.1"), RateSubject::name_from("bob", "192.0.2.1".parse().ok()));
        assert_ne!(bucket("192.0.2.1"), RateSubject::name("alice"));
    }

    #[test]
    fn memory_is_bounded() {
        let (_, rates) = rates(config::Rate::new(0.001, 5));
        for n in 0..RATES_BUCKETS_MAX as i64 + 100 {
            rates.take(Rate::Login, RateSubject::Name(n)).unwrap();
        }
        assert!(rates.full_at_us.lock().len() <= RATES_BUCKETS_MAX);
    }
}
