//! An allocation: the relay sockets of a client, its permissions and channels, and its traffic.

use std::net::{IpAddr, SocketAddr};
use std::ops::AddAssign;
use std::sync::Arc;

use super::{FiveTuple, RelayKey, RelayedAddress, Transport};
use crate::shared::Shared;
use crate::shared::external_address::AddressFamily;
use crate::shared::users::RelayUser;
use crate::stun::TransactionId;

/// Identifies an allocation. Unique over all threads until the relay stops.
pub type AllocationId = u64;

/// Datagrams and payload bytes in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Number of datagrams.
    pub packets: u64,
    /// Payload, in bytes.
    pub bytes: u64,
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

impl Traffic {
    pub(super) fn count(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// An open relay socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelaySocket {
    pub(super) key: RelayKey,
    pub(super) address: RelayedAddress,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Permission {
    pub(super) ip: IpAddr,
    pub(super) expires_ms: u64,
    /// The peer address is one of this machine's. Only relay ports are permitted there; data checks the port
    /// again.
    pub(super) own: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Channel {
    pub(super) number: u16,
    pub(super) peer: SocketAddr,
    pub(super) expires_ms: u64,
}

#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) id: AllocationId,
    pub(super) five_tuple: FiveTuple,
    pub(super) user: Arc<RelayUser>,
    /// Transaction id of the Allocate request, to recognise retransmissions.
    pub(super) transaction: TransactionId,
    pub(super) lifetime_s: u32,
    pub(super) token: Option<super::ReservationToken>,
    pub(super) additional_failed: Option<u16>,
    pub(super) started_ms: u64,
    pub(super) expires_ms: u64,
    pub(super) relay_sockets: [Option<RelaySocket>; 2],
    pub(super) permissions: Vec<Permission>,
    pub(super) channels: Vec<Channel>,
    pub(super) to_peers: Traffic,
    pub(super) to_clients: Traffic,
    /// Whether to report ICMP errors to the client. Set once it has sent DONT-FRAGMENT.
    pub(super) reports_icmp: bool,
    /// Rate limit of ICMP error reports: when the next one is due at an even rate, on the clock of `now_ms`.
    pub(super) unreachable_due_ms: u64,
}

impl RelaySocket {
    /// The address under which clients know `peer`. Another client of this relay sends to and from a local
    /// address, which may differ from the public one that its signalling names.
    pub(super) fn peer_for_client(&self, peer: SocketAddr, shared: &Shared) -> SocketAddr {
        let ours = peer.ip() == self.address.local.ip() && shared.ports.is_open(peer);
        if ours { SocketAddr::new(self.address.public.ip(), peer.port()) } else { peer }
    }
}

impl Allocation {
    /// The relay socket for the address family of `ip`.
    pub(super) fn relay_socket(&self, ip: IpAddr) -> Option<&RelaySocket> {
        self.relay_sockets.iter().flatten().find(|relay_socket| relay_socket.address.public.is_ipv4() == ip.is_ipv4())
    }

    pub(super) fn families(&self) -> impl Iterator<Item = AddressFamily> + use<'_> {
        self.relay_sockets.iter().flatten().map(|relay_socket| AddressFamily::of(relay_socket.address.public.ip()))
    }

    /// The permission for `ip`, unless it has expired.
    pub(super) fn permission(&self, ip: IpAddr, now_ms: u64) -> Option<&Permission> {
        self.permissions.iter().find(|permission| permission.ip == ip && permission.expires_ms > now_ms)
    }

    /// The channel with this number, unless it has expired.
    pub(super) fn channel(&self, number: u16, now_ms: u64) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.number == number && channel.expires_ms > now_ms)
    }

    /// The channel bound to this peer, unless it has expired.
    pub(super) fn channel_to(&self, peer: SocketAddr, now_ms: u64) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.peer == peer && channel.expires_ms > now_ms)
    }

    pub(super) fn forget_expired(&mut self, now_ms: u64) {
        self.permissions.retain(|permission| permission.expires_ms > now_ms);
        self.channels.retain(|channel| channel.expires_ms > now_ms);
    }

    pub(super) fn view(&self, now_ms: u64) -> AllocationView {
        let alive = self.permissions.iter().filter(|permission| permission.expires_ms > now_ms);
        AllocationView {
            id: self.id,
            user: self.user.name.clone(),
            client: self.five_tuple.client,
            transport: self.five_tuple.transport,
            relayed: self.relay_sockets.iter().flatten().map(|relay_socket| relay_socket.address.public).collect(),
            peers: alive.map(|permission| permission.ip).collect(),
            channels: self.channels.iter().filter(|channel| channel.expires_ms > now_ms).count(),
            age_s: (now_ms - self.started_ms) / 1_000,
            expires_in_s: self.expires_ms.saturating_sub(now_ms) / 1_000,
            to_peers: self.to_peers,
            to_clients: self.to_clients,
        }
    }
}

/// A snapshot of an allocation, for status displays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationView {
    /// For [`Server::disconnect`](super::Server::disconnect).
    pub id: AllocationId,
    /// The user, as given to [`crate::credentials::mint`].
    pub user: String,
    /// Address and port of the client.
    pub client: SocketAddr,
    /// Transport between client and relay.
    pub transport: Transport,
    /// Relayed transport addresses, as peers see them.
    pub relayed: Vec<SocketAddr>,
    /// Peer addresses with a permission.
    pub peers: Vec<IpAddr>,
    /// Number of bound channels.
    pub channels: usize,
    /// Age, in seconds.
    pub age_s: u64,
    /// Time until it expires without a Refresh, in seconds.
    pub expires_in_s: u64,
    /// Traffic from the client to peers.
    pub to_peers: Traffic,
    /// Traffic from peers to the client.
    pub to_clients: Traffic,
}
