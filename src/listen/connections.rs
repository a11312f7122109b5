//! Connection limits: a total, a share for each client address, and a reserve for clients with an access token.
//!
//! A connection starts as anonymous and becomes authenticated with its first request that has a valid token. Anonymous
//! connections are limited by address (and, for IPv6, by the enclosing /56 and /48), so that one address cannot take
//! every slot; and in total, so that users of this server still connect during a flood. At a limit, the anonymous
//! connection that has been idle longest is closed for the new one. A connection with a request in flight is never
//! closed for another; when only those are left, the new connection is refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use hearth_base::limits;
use hearth_http::app::ConnectionAuth;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::paced::Pace;

/// The maximum number of connections of each kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    /// All connections.
    total: usize,
    /// Anonymous connections of all addresses; the rest of the total is reserved for clients with a token.
    anonymous: usize,
    /// Anonymous connections of one IPv4 address or IPv6 /64. A /56 may have twice as many, a /48 four times.
    per_address: usize,
    /// All connections of one address, authenticated ones included.
    per_address_authenticated: usize,
}

impl ConnectionLimits {
    /// Derives all limits from the total.
    pub(super) fn of(total: usize) -> Self {
        Self {
            total,
            anonymous: total - total / 4,
            per_address: (total / 8).clamp(8, limits::ANONYMOUS_CONNECTIONS_PER_ADDRESS_MAX),
            per_address_authenticated: total - total / 4,
        }
    }
}

/// An IPv4 address, or an IPv6 prefix with its length in bits.
type Prefix = (IpAddr, u8);

/// The counter that a connection is part of. It changes only under the table's lock, so relaxed ordering suffices.
const COUNTED_IN_TOTAL: u8 = 0;
const COUNTED_ANONYMOUS: u8 = 1;
const COUNTED_AUTHENTICATED: u8 = 2;
/// The connection was told to close, and its slot belongs to another already.
const COUNTED_NOWHERE: u8 = 3;

/// One open connection.
#[derive(Debug)]
struct Entry {
    counted: AtomicU8,
    address: Option<IpAddr>,
    auth: ConnectionAuth,
    pace: Arc<Pace>,
    accepted: Instant,
    close: Notify,
}

impl Entry {
    /// When the connection became idle; `None` while a request is in flight.
    fn idle_since(&self) -> Option<Instant> {
        self.pace.idle_since(self.accepted)
    }
}

#[derive(Debug, Default)]
struct Table {
    /// All open connections, including those of trusted proxies and Unix sockets.
    open: usize,
    /// Anonymous connections by IPv4 address or IPv6 /64. Some may be authenticated by now: see [`Table::settle`].
    anonymous: HashMap<IpAddr, Vec<Arc<Entry>>>,
    /// Authenticated connections by IPv4 address or IPv6 /64.
    authenticated: HashMap<IpAddr, usize>,
    /// Anonymous connections by IPv6 /56 and /48.
    wider: HashMap<Prefix, usize>,
    anonymous_total: usize,
}

/// All open connections of the server's listeners.
#[derive(Debug)]
pub(super) struct Connections {
    limits: ConnectionLimits,
    table: Mutex<Table>,
}

/// The slot of one connection. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct ConnectionPlace {
    connections: Arc<Connections>,
    entry: Arc<Entry>,
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, table: Mutex::default() })
    }

    /// Takes a slot for a connection from `address`. `address` is `None` for Unix sockets and trusted proxies, which
    /// only the total limits. Returns `None` when the limit is reached and no idle connection can be closed.
    pub(super) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Option<ConnectionPlace> {
        let address = address.map(own_prefix);
        let mut table = self.table.lock();
        if let Some(address) = address {
            table.make_way_at(address, &self.limits)?;
        }
        if table.open >= self.limits.total || (address.is_some() && table.anonymous_total >= self.limits.anonymous) {
            table.make_way_anywhere(&self.limits, address.is_some())?;
        }
        let (auth, pace) = (ConnectionAuth::default(), Arc::default());
        let counted = AtomicU8::new(if address.is_some() { COUNTED_ANONYMOUS } else { COUNTED_IN_TOTAL });
        let entry = Entry { counted, address, auth, pace, accepted: Instant::now(), close: Notify::new() };
        let entry = Arc::new(entry);
        table.open += 1;
        if let Some(address) = address {
            table.anonymous.entry(address).or_default().push(Arc::clone(&entry));
            table.anonymous_total += 1;
            for prefix in wider_prefixes(address) {
                *table.wider.entry(prefix).or_default() += 1;
            }
        }
        Some(ConnectionPlace { connections: Arc::clone(self), entry })
    }
}

impl Table {
    /// Closes idle anonymous connections of this address and its wider prefixes until one more fits under their limits.
    fn make_way_at(&mut self, address: IpAddr, limits: &ConnectionLimits) -> Option<()> {
        if self.at(address) >= limits.per_address {
            self.settle(address);
        }
        if self.authenticated.get(&address).copied().unwrap_or(0) + self.at(address) >= limits.per_address_authenticated
        {
            return None;
        }
        if self.at(address) >= limits.per_address {
            self.close_idle_of(address)?;
        }
        for (factor, prefix) in [2, 4].into_iter().zip(wider_prefixes(address)) {
            if self.wider.get(&prefix).copied().unwrap_or(0) >= factor * limits.per_address {
                let inside = |other: &IpAddr| wider_prefixes(*other).contains(&prefix);
                let fullest = self.fullest(inside)?;
                self.close_idle_of(fullest)?;
            }
        }
        Some(())
    }

    /// Closes an idle anonymous connection of the address that has the most of them.
    fn make_way_anywhere(&mut self, limits: &ConnectionLimits, is_anonymous: bool) -> Option<()> {
        let addresses: Vec<IpAddr> = self.anonymous.keys().copied().collect();
        // A connection becomes authenticated without a call to this table, so the counts may be too high until settled.
        for address in addresses {
            self.settle(address);
        }
        if self.open < limits.total && !(is_anonymous && self.anonymous_total >= limits.anonymous) {
            return Some(());
        }
        let fullest = self.fullest(|_| true)?;
        self.close_idle_of(fullest)
    }

    fn at(&self, address: IpAddr) -> usize {
        self.anonymous.get(&address).map_or(0, Vec::len)
    }

    /// Moves the connections of an address that have become authenticated to the authenticated count. Done lazily, so
    /// that a request with a token does not take the table's lock.
    fn settle(&mut self, address: IpAddr) {
        let Some(entries) = self.anonymous.get_mut(&address) else { return };
        let moved: Vec<_> = entries.extract_if(.., |entry| entry.auth.is_authenticated()).collect();
        for entry in &moved {
            entry.counted.store(COUNTED_AUTHENTICATED, Ordering::Relaxed);
            self.leave_anonymous(address);
        }
        if !moved.is_empty() {
            *self.authenticated.entry(address).or_default() += moved.len();
        }
        if self.anonymous.get(&address).is_some_and(Vec::is_empty) {
            self.anonymous.remove(&address);
        }
    }

    fn leave_anonymous(&mut self, address: IpAddr) {
        self.anonymous_total -= 1;
        for prefix in wider_prefixes(address) {
            if let Some(count) = self.wider.get_mut(&prefix) {
                *count -= 1;
                if *count == 0 {
                    self.wider.remove(&prefix);
                }
            }
        }
    }

    /// The address with the most anonymous connections, among addresses with at least one idle connection.
    fn fullest(&self, among: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
        let idle = |entries: &[Arc<Entry>]| entries.iter().any(|entry| entry.idle_since().is_some());
        let candidates = self.anonymous.iter().filter(|(address, entries)| among(address) && idle(entries));
        candidates.max_by_key(|(_, entries)| entries.len()).map(|(address, _)| *address)
    }

    /// Closes the connection of an address that has been idle longest. Its slot is free at once: the connection leaves
    /// the counts here, and [`Table::forget`] skips it when it ends.
    fn close_idle_of(&mut self, address: IpAddr) -> Option<()> {
        let entries = self.anonymous.get_mut(&address)?;
        let idle = entries.iter().enumerate().filter_map(|(at, entry)| Some((entry.idle_since()?, at)));
        let (_, at) = idle.min()?;
        let entry = entries.swap_remove(at);
        if entries.is_empty() {
            self.anonymous.remove(&address);
        }
        self.leave_anonymous(address);
        self.open -= 1;
        entry.counted.store(COUNTED_NOWHERE, Ordering::Relaxed);
        entry.close.notify_one();
        Some(())
    }

    /// Removes a connection that has ended from the counts.
    fn forget(&mut self, entry: &Arc<Entry>) {
        let counted = entry.counted.load(Ordering::Relaxed);
        if counted == COUNTED_NOWHERE {
            return;
        }
        self.open -= 1;
        let Some(address) = entry.address else { return };
        if counted == COUNTED_AUTHENTICATED {
            if let Some(count) = self.authenticated.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    self.authenticated.remove(&address);
                }
            }
            return;
        }
        let Some(entries) = self.anonymous.get_mut(&address) else { return };
        entries.retain(|other| !Arc::ptr_eq(other, entry));
        if entries.is_empty() {
            self.anonymous.remove(&address);
        }
        self.leave_anonymous(address);
    }
}

impl ConnectionPlace {
    /// The request state that the connection's stream reads for its timeouts.
    pub(super) fn pace(&self) -> Arc<Pace> {
        Arc::clone(&self.entry.pace)
    }

    /// The flag that a request with a valid token sets.
    pub(super) fn auth(&self) -> ConnectionAuth {
        self.entry.auth.clone()
    }

    /// Completes when the connection must close to make way for another.
    pub(super) async fn closed(&self) {
        self.entry.close.notified().await;
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.connections.table.lock().forget(&self.entry);
    }
}

/// The IPv4 address itself, or the /64 of an IPv6 address, which is what one household or host has.
fn own_prefix(address: IpAddr) -> IpAddr {
    masked(address, 64)
}

/// The /56 and the /48 of an IPv6 address, the prefixes that providers assign to a customer.
fn wider_prefixes(address: IpAddr) -> Vec<Prefix> {
    match address {
        IpAddr::V4(_) => Vec::new(),
        IpAddr::V6(_) => vec![(masked(address, 56), 56), (masked(address, 48), 48)],
    }
}

fn masked(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & (u128::MAX << (128 - bits))).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn v4(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    fn is_closed(place: &ConnectionPlace) -> bool {
        place.closed().now_or_never().is_some()
    }

    #[tokio::test]
    async fn an_address_has_a_share_and_its_longest_idle_connection_gives_way() {
        let connections = Connections::new(ConnectionLimits::of(160));
        let mut places: Vec<_> = (0..20).map(|_| connections.admit(v4(1)).expect("within the share")).collect();
        // The first has a request in flight, so the second is the one that has been idle longest.
        let pace = places[0].pace();
        let under_way = pace.begin(http::Version::HTTP_11);
        let more = connections.admit(v4(1)).expect("another gives way");
        assert!(!is_closed(&places[0]) && is_closed(&places[1]) && !is_closed(&places[2]));
        assert!(connections.admit(v4(2)).is_some(), "other addresses have their own share");
        places.remove(1);
        drop(under_way);
        drop((places, more));
        let table = connections.table.lock();
        assert_eq!((table.open, table.anonymous_total, table.anonymous.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn busy_connections_are_not_closed_for_new_ones() {
        let connections = Connections::new(ConnectionLimits::of(64));
        let places: Vec<_> = (0..8).map(|_| connections.admit(v4(1)).expect("within the share")).collect();
        let paces: Vec<_> = places.iter().map(ConnectionPlace::pace).collect();
        let _requests: Vec<_> = paces.iter().map(|pace| pace.begin(http::Version::HTTP_11)).collect();
        assert!(connections.admit(v4(1)).is_none());
    }

    #[tokio::test]
    async fn tokens_take_a_connection_out_of_the_share() {
        let connections = Connections::new(ConnectionLimits::of(64));
        let places: Vec<_> = (0..8).map(|_| connections.admit(v4(1)).expect("within the share")).collect();
        places.iter().for_each(|place| place.auth().set());
        let more: Vec<_> = (0..8).map(|_| connections.admit(v4(1)).expect("the first are authenticated")).collect();
        assert!(!places.iter().any(is_closed) && !more.iter().any(is_closed));
        drop((places, more));
        let table = connections.table.lock();
        assert_eq!((table.open, table.anonymous_total, table.authenticated.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn many_addresses_leave_a_reserve_for_tokens() {
        let connections = Connections::new(ConnectionLimits::of(64));
        let held: Vec<_> = (0..=255).map(|last| connections.admit(v4(last)).expect("an idle one gives way")).collect();
        assert_eq!(held.iter().filter(|place| !is_closed(place)).count(), 48);
        assert_eq!(connections.table.lock().open, 48);
    }

    #[tokio::test]
    async fn neighbouring_ipv6_networks_share_a_bound() {
        let connections = Connections::new(ConnectionLimits::of(640));
        let address = |n: u16| Some(IpAddr::from([0x2001, 0xdb9, 0, n, 0, 0, 0, 1]));
        let held: Vec<_> = (0..320).map(|n| connections.admit(address(n)).expect("an idle one gives way")).collect();
        // The first 256 networks are in one /56, whose limit is twice that of one address.
        assert_eq!(held[..256].iter().filter(|place| !is_closed(place)).count(), 160);
        drop(held);
        assert!(connections.table.lock().wider.is_empty());
    }
}
