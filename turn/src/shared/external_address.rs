//! Where the relay is: what it binds, what its peers see, and which addresses are this machine's. Changes while the relay
//! runs, as homes get new addresses.

use std::net::{IpAddr, SocketAddr};

/// An address that is relayed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayAddress {
    /// What sockets are bound to: an address of this machine.
    pub local: IpAddr,
    /// What peers see. Another one than `local` behind an address translator.
    pub public: IpAddr,
}

/// All that is known about addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExternalAddress {
    /// For IPv4 peers. `None`: not reachable over IPv4.
    pub v4: Option<RelayAddress>,
    /// For IPv6 peers.
    pub v6: Option<RelayAddress>,
    /// Addresses of this machine, public ones included: peers there must be ports on which we relay.
    pub own: Vec<IpAddr>,
}

impl ExternalAddress {
    /// The addresses that are relayed from: what is bound, and what peers see.
    #[must_use]
    pub fn relayed(&self) -> Vec<IpAddr> {
        [self.v4, self.v6].into_iter().flatten().flat_map(|at| [at.local, at.public]).collect()
    }

    /// What is relayed from for this family.
    #[must_use]
    pub fn of(&self, family: Family) -> Option<RelayAddress> {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The number in REQUESTED-ADDRESS-FAMILY.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    /// The family with this number in REQUESTED-ADDRESS-FAMILY.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::V4, Self::V6].into_iter().find(|family| family.number() == number)
    }
}

/// An address and port without IPv6's flow and scope, which peers do not have.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}
