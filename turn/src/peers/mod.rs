//! Whom the relay may send to. A relay stands inside of a network and sends for strangers: without this it is a way around
//! every firewall. Decides about addresses only; whether a client asked for a peer is the permissions' matter.

mod cidr;
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_table;

use std::net::{IpAddr, SocketAddr};

pub use cidr::Cidr;

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
pub enum Verdict {
    /// The relay may send to any port of it.
    Granted,
    /// It is this machine: only ports on which the relay itself relays, so that two of its clients can meet.
    OwnPortsOnly,
    /// Nothing may be sent to it.
    Refused,
}

impl PeerRules {
    /// What applies to `ip`, where `own` are this machine's addresses as far as they are known.
    #[must_use]
    pub fn judge(&self, ip: IpAddr, own: &[IpAddr]) -> Verdict {
        let within = |nets: &[Cidr]| nets.iter().any(|net| net.contains(ip));
        if own.contains(&ip) {
            Verdict::OwnPortsOnly
        } else if within(&self.deny) || ip.is_unspecified() {
            Verdict::Refused
        } else if within(&self.allow) || !table::is_special(ip) {
            Verdict::Granted
        } else {
            Verdict::Refused
        }
    }

    /// As [`judge`](Self::judge), for an address with its port: `is_relay_port` says on which ports the relay relays.
    #[must_use]
    pub fn permits(&self, peer: SocketAddr, own: &[IpAddr], is_relay_port: impl Fn(SocketAddr) -> bool) -> bool {
        match self.judge(peer.ip(), own) {
            Verdict::Granted => peer.port() != 0,
            Verdict::OwnPortsOnly => is_relay_port(peer),
            Verdict::Refused => false,
        }
    }
}

/// Whether `ip` is an ordinary address of the internet: what a relay may be reached at.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    !table::is_special(ip)
}
