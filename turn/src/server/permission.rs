//! CreatePermission (RFC 8656 section 10).

use std::net::SocketAddr;

use super::allocation::Permission;
use super::request::{AuthenticatedRequest, RequestError};
use super::{Allocation, Server};
use crate::limits::PERMISSION_MS;
use crate::peers::PeerVerdict;
use crate::shared::{Refusal, Shared};
use crate::stun::attribute;

const FORBIDDEN: RequestError = RequestError::new(403, Refusal::Peer, "the peer address is forbidden");
const FULL: RequestError = RequestError::new(508, Refusal::Capacity, "too many permissions");

impl Shared {
    /// Checks whether `allocation` may have a permission for `peer`, and returns it without an expiry.
    ///
    /// A permission covers all ports of an address. For an address of this machine, only relay ports are
    /// allowed; otherwise a client could reach services that listen on localhost or behind the firewall. The
    /// port is checked here if the request names one, and again for each datagram.
    pub(super) fn check_peer(&self, allocation: &Allocation, peer: SocketAddr) -> Result<Permission, RequestError> {
        if allocation.relay_socket(peer.ip()).is_none() {
            return Err(RequestError::new(
                443,
                Refusal::BadRequest,
                "the allocation has no address of the peer's family",
            ));
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
    /// Handles the request. Installs permissions for all peers in it, or for none.
    pub(super) fn create_permission(&mut self, request: &AuthenticatedRequest<'_>) -> Result<(), RequestError> {
        let slot = self.find_allocation(request)?;
        let allocation = &mut self.allocations[slot];
        let mut wanted = Vec::new();
        for peer in request.message.addresses(attribute::XOR_PEER_ADDRESS) {
            let peer = peer.ok_or(RequestError::bad_request("XOR-PEER-ADDRESS is not well-formed"))?;
            wanted.push(self.shared.check_peer(allocation, peer)?);
        }
        if wanted.is_empty() {
            return Err(RequestError::bad_request("XOR-PEER-ADDRESS is missing"));
        }
        install_permissions(allocation, &wanted, request.now_ms, self.shared.quotas.permissions_per_allocation)
    }
}

/// Installs or refreshes permissions, all or none (RFC 8656 section 10.2).
pub(super) fn install_permissions(
    allocation: &mut Allocation,
    wanted: &[Permission],
    now_ms: u64,
    permissions_max: usize,
) -> Result<(), RequestError> {
    allocation.forget_expired(now_ms);
    // Work on a copy: a refused request must not even refresh existing permissions.
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
