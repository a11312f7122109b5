//! Peer address rules. The relay is inside a network and forwards datagrams of untrusted clients: without these rules
//! it would bypass every firewall. They only concern addresses; permissions decide which peers a client may use.

#[cfg(test)]
#[path = "../../../src/net/src/samples.rs"]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use hearth_net::{Cidr, is_public};

/// The operator's additions and exclusions. Neither can open an address of the relay itself.
#[derive(Debug, Clone, Default)]
pub struct PeerRules {
    /// Networks that are reachable although the table refuses them: a LAN whose devices take part in calls.
    pub allow: Vec<Cidr>,
    /// Networks that are unreachable although the table permits them. Takes precedence over `allow`.
    pub deny: Vec<Cidr>,
}

/// The decision about a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerVerdict {
    /// The relay may send to all its ports.
    Granted,
    /// It is a relay address: only allocated ports are permitted, so that two clients of this relay can reach each
    /// other.
    OwnPortsOnly,
    /// The relay may not send to it.
    Refused,
}

impl PeerRules {
    /// The decision about `ip`, where `own` are the known addresses of this machine, and `relayed` are those of them
    /// that the relay allocates on.
    #[must_use]
    pub fn judge(&self, ip: IpAddr, own: &[IpAddr], relayed: &[IpAddr]) -> PeerVerdict {
        let within = |nets: &[Cidr]| nets.iter().any(|net| net.contains(ip));
        // The machine's own addresses come before the operator's lists, so that neither list can open them.
        if relayed.contains(&ip) {
            PeerVerdict::OwnPortsOnly
        } else if own.contains(&ip) {
            // Another service may use the same port on one of the machine's other addresses.
            PeerVerdict::Refused
        } else if within(&self.deny) || ip.is_unspecified() {
            PeerVerdict::Refused
        } else if within(&self.allow) || is_public(ip) {
            PeerVerdict::Granted
        } else {
            PeerVerdict::Refused
        }
    }
}
