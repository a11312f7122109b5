//! Socket addresses in the kernel's format.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A `sockaddr_in` or `sockaddr_in6`. Field offsets are the same on every Linux architecture.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct SockAddr([u8; 28]);

impl SockAddr {
    pub(super) const EMPTY: Self = Self([0; 28]);
    /// Length of a `sockaddr_in6`, in bytes.
    pub(super) const BYTES_MAX: u32 = 28;

    /// Writes an address and returns its length in bytes.
    pub(super) fn write(&mut self, address: SocketAddr) -> u32 {
        self.0[2..4].copy_from_slice(&address.port().to_be_bytes());
        match address.ip() {
            IpAddr::V4(ip) => {
                self.0[..2].copy_from_slice(&family(libc::AF_INET));
                self.0[4..8].copy_from_slice(&ip.octets());
                self.0[8..16].fill(0);
                16
            }
            IpAddr::V6(ip) => {
                self.0[..2].copy_from_slice(&family(libc::AF_INET6));
                self.0[4..8].fill(0);
                self.0[8..24].copy_from_slice(&ip.octets());
                self.0[24..28].fill(0);
                28
            }
        }
    }

    /// The address, or `None` for another address family.
    pub(super) fn read(&self) -> Option<SocketAddr> {
        let port = u16::from_be_bytes([self.0[2], self.0[3]]);
        let ip = if self.0[..2] == family(libc::AF_INET) {
            IpAddr::V4(Ipv4Addr::from(*self.0[4..].first_chunk::<4>()?))
        } else if self.0[..2] == family(libc::AF_INET6) {
            IpAddr::V6(Ipv6Addr::from(*self.0[8..].first_chunk::<16>()?))
        } else {
            return None;
        };
        Some(SocketAddr::new(ip, port))
    }
}

fn family(number: libc::c_int) -> [u8; 2] {
    u16::try_from(number).unwrap_or(0).to_ne_bytes()
}
