//! An allocation: a client's relay sockets, whom it may talk to through them, and what it has relayed.

use std::net::{IpAddr, SocketAddr};
use std::ops::AddAssign;
use std::sync::Arc;

use super::{Opened, Path, RelayKey, Transport};
use crate::shared::Shared;
use crate::shared::external_address::Family;
use crate::shared::users::User;
use crate::stun::TransactionId;

/// Names an allocation, over all threads and for as long as the relay runs.
pub type AllocationId = u64;

/// Datagrams and the bytes in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Datagrams.
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

/// A relay socket of an allocation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leg {
    pub(super) key: RelayKey,
    pub(super) at: Opened,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Permission {
    pub(super) ip: IpAddr,
    pub(super) expires_ms: u64,
    /// An address of our own: only ports on which we relay.
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
    pub(super) path: Path,
    pub(super) user: Arc<User>,
    /// Of the request that made it, so that the same request again gets the same answer.
    pub(super) transaction: TransactionId,
    pub(super) lifetime_s: u32,
    pub(super) token: Option<super::Token>,
    pub(super) additional_failed: Option<u16>,
    pub(super) started_ms: u64,
    pub(super) expires_ms: u64,
    pub(super) legs: [Option<Leg>; 2],
    pub(super) permissions: Vec<Permission>,
    pub(super) channels: Vec<Channel>,
    pub(super) to_peers: Traffic,
    pub(super) to_clients: Traffic,
    /// Whether the client is told which peers cannot be reached, and why.
    pub(super) hears_icmp: bool,
    /// When the next report of an unreachable peer would be due if they were evenly spaced.
    pub(super) unreachable_due_ms: u64,
}

impl Leg {
    /// Who a peer is to clients: another client of ours, which sends to our local address and from there, is known to them by the
    /// public one.
    pub(super) fn as_clients_know(&self, peer: SocketAddr, shared: &Shared) -> SocketAddr {
        let ours = peer.ip() == self.at.local.ip() && shared.ports.is_open(peer);
        if ours { SocketAddr::new(self.at.public.ip(), peer.port()) } else { peer }
    }
}

impl Allocation {
    /// The socket for peers of this address's family.
    pub(super) fn leg(&self, ip: IpAddr) -> Option<&Leg> {
        self.legs.iter().flatten().find(|leg| leg.at.public.is_ipv4() == ip.is_ipv4())
    }

    pub(super) fn families(&self) -> impl Iterator<Item = Family> + use<'_> {
        self.legs.iter().flatten().map(|leg| Family::of(leg.at.public.ip()))
    }

    /// The permission for this address, if it holds.
    pub(super) fn permission(&self, ip: IpAddr, now_ms: u64) -> Option<&Permission> {
        self.permissions.iter().find(|permission| permission.ip == ip && permission.expires_ms > now_ms)
    }

    /// The channel with this number, if it is bound.
    pub(super) fn channel(&self, number: u16, now_ms: u64) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.number == number && channel.expires_ms > now_ms)
    }

    /// The channel to this peer, if one is bound.
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
            client: self.path.client,
            transport: self.path.transport,
            relayed: self.legs.iter().flatten().map(|leg| leg.at.public).collect(),
            peers: alive.map(|permission| permission.ip).collect(),
            channels: self.channels.iter().filter(|channel| channel.expires_ms > now_ms).count(),
            age_s: (now_ms - self.started_ms) / 1_000,
            expires_in_s: self.expires_ms.saturating_sub(now_ms) / 1_000,
            to_peers: self.to_peers,
            to_clients: self.to_clients,
        }
    }
}

/// An allocation, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationView {
    /// To name it by.
    pub id: AllocationId,
    /// Whose it is, as given to [`crate::credentials::mint`].
    pub user: String,
    /// Where the client is.
    pub client: SocketAddr,
    /// How it reaches us.
    pub transport: Transport,
    /// The addresses that peers see.
    pub relayed: Vec<SocketAddr>,
    /// Whom it may talk to.
    pub peers: Vec<IpAddr>,
    /// Channels bound.
    pub channels: usize,
    /// Since when it exists, in seconds.
    pub age_s: u64,
    /// When it ends without a refresh, in seconds.
    pub expires_in_s: u64,
    /// What the client has sent.
    pub to_peers: Traffic,
    /// What the client has got.
    pub to_clients: Traffic,
}
