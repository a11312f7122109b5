//! The external address of the relay: what it binds, what peers see, and which addresses belong to this
//! machine. Changes at run time, as home connections get new addresses.

use std::net::{IpAddr, SocketAddr};

/// The local and the public side of an address for relay sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayAddress {
    /// The address to bind: one of this machine.
    pub local: IpAddr,
    /// The address that peers see. Differs from `local` behind NAT.
    pub public: IpAddr,
}

/// The addresses discovered for this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExternalAddress {
    /// For IPv4 peers. `None`: the relay cannot be reached over IPv4.
    pub v4: Option<RelayAddress>,
    /// For IPv6 peers. `None`: the relay cannot be reached over IPv6.
    pub v6: Option<RelayAddress>,
    /// All addresses of this machine, public ones included. Peers there must be relay ports.
    pub own: Vec<IpAddr>,
}

impl ExternalAddress {
    /// Local and public addresses of both families.
    #[must_use]
    pub fn relayed(&self) -> Vec<IpAddr> {
        [self.v4, self.v6].into_iter().flatten().flat_map(|at| [at.local, at.public]).collect()
    }

    /// The address for this family.
    #[must_use]
    pub fn of(&self, family: AddressFamily) -> Option<RelayAddress> {
        match family {
            AddressFamily::V4 => self.v4,
            AddressFamily::V6 => self.v6,
        }
    }
}

/// An IP address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// IPv4, number 1 in STUN.
    V4,
    /// IPv6, number 2 in STUN.
    V6,
}

impl AddressFamily {
    /// The family of `ip`.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Its number in REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.6).
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    /// The family with this number in REQUESTED-ADDRESS-FAMILY, if any.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::V4, Self::V6].into_iter().find(|family| family.number() == number)
    }
}

/// Removes IPv6 flow info and scope id, which differ between otherwise equal addresses.
pub(crate) fn without_scope(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}
