//! CreatePermission (RFC 8656 section 10): whom an allocation may talk to.

use std::net::SocketAddr;

use super::allocation::Permission;
use super::request::{Call, Failure};
use super::{Allocation, Server};
use crate::limits::PERMISSION_MS;
use crate::peers::PeerVerdict;
use crate::shared::{Refusal, Shared};
use crate::stun::attribute;

const FORBIDDEN: Failure = Failure::new(403, Refusal::Peer, "that peer may not be reached");
const FULL: Failure = Failure::new(508, Refusal::Capacity, "too many permissions");

impl Shared {
    /// Whether `allocation` may get a permission for this peer, as which it would be kept.
    ///
    /// A permission is for all ports of an address. If that is our own, only those on which we relay may be meant: the port
    /// is looked at here where a client names one, and again with each datagram.
    pub(super) fn judge_peer(&self, allocation: &Allocation, peer: SocketAddr) -> Result<Permission, Failure> {
        if allocation.leg(peer.ip()).is_none() {
            return Err(Failure::new(443, Refusal::BadRequest, "the allocation has no address of the peer's family"));
        }
        let here = self.external_address();
        let verdict = self.peers.judge(peer.ip(), &here.own, &here.relayed());
        let own_port = peer.port() == 0 || self.ports.is_open(peer);
        match verdict {
            PeerVerdict::Granted => Ok(Permission { ip: peer.ip(), expires_ms: 0, own: false }),
            PeerVerdict::OwnPortsOnly if own_port => Ok(Permission { ip: peer.ip(), expires_ms: 0, own: true }),
            PeerVerdict::OwnPortsOnly | PeerVerdict::Refused => Err(FORBIDDEN),
        }
    }
}

impl Server {
    /// All peers or none.
    pub(super) fn create_permission(&mut self, call: &Call<'_>) -> Result<(), Failure> {
        let slot = self.find(call)?;
        let allocation = &mut self.allocations[slot];
        let mut wanted = Vec::new();
        for peer in call.message.addresses(attribute::XOR_PEER_ADDRESS) {
            let peer = peer.ok_or(Failure::bad("XOR-PEER-ADDRESS is not well-formed"))?;
            wanted.push(self.shared.judge_peer(allocation, peer)?);
        }
        if wanted.is_empty() {
            return Err(Failure::bad("XOR-PEER-ADDRESS is missing"));
        }
        permit(allocation, &wanted, call.now_ms, self.shared.quotas.permissions_per_allocation)
    }
}

/// Installs permissions or prolongs them, all or none.
pub(super) fn permit(
    allocation: &mut Allocation,
    wanted: &[Permission],
    now_ms: u64,
    permissions_max: usize,
) -> Result<(), Failure> {
    allocation.forget_expired(now_ms);
    // A copy, so that what is refused changes nothing: not even how long those hold that are there.
    let mut permissions = allocation.permissions.clone();
    for new in wanted {
        let new = Permission { expires_ms: now_ms + PERMISSION_MS, ..*new };
        match permissions.iter().position(|old| old.ip == new.ip) {
            Some(index) => permissions[index] = new,
            None if permissions.len() < permissions_max => permissions.push(new),
            None => return Err(FULL),
        }
    }
    allocation.permissions = permissions;
    Ok(())
}
