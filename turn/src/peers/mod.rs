//! Whom the relay may send to. A relay stands inside of a network and sends for strangers: without this it is a way around
//! every firewall. Decides about addresses only; whether a client asked for a peer is the permissions' matter.

#[cfg(test)]
#[path = "../../../src/net/src/samples.rs"]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use hearth_net::{Cidr, is_public};

/// Which peers an operator adds and takes away. Neither can open an address of the relay's own.
#[derive(Debug, Clone, Default)]
pub struct PeerRules {
    /// Networks that may be reached although the table refuses them: a LAN whose devices are to take part in calls.
    pub allow: Vec<Cidr>,
    /// Networks that may not be reached although the table has nothing against them. Wins over `allow`.
    pub deny: Vec<Cidr>,
}

/// What is decided about a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerVerdict {
    /// The relay may send to any port of it.
    Granted,
    /// It is an address that is relayed from: only ports on which that happens, so that two clients can meet.
    OwnPortsOnly,
    /// Nothing may be sent to it.
    Refused,
}

impl PeerRules {
    /// What applies to `ip`, where `own` are this machine's addresses as far as they are known, and `relayed` those of them
    /// that are relayed from.
    #[must_use]
    pub fn judge(&self, ip: IpAddr, own: &[IpAddr], relayed: &[IpAddr]) -> PeerVerdict {
        let within = |nets: &[Cidr]| nets.iter().any(|net| net.contains(ip));
        if relayed.contains(&ip) {
            PeerVerdict::OwnPortsOnly
        } else if own.contains(&ip) {
            // Another service may have the same port at another of our addresses.
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
