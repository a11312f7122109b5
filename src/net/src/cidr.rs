//! A network in CIDR notation: `192.168.1.0/24`, `2001:db8::/32`, or one address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// A network: the addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    ip: IpAddr,
    bits: u8,
}

impl Cidr {
    /// The network of `ip`'s first `bits` bits. `None` if `ip` does not have that many.
    #[must_use]
    pub const fn new(ip: IpAddr, bits: u8) -> Option<Self> {
        if bits > bits_max(ip) { None } else { Some(Self { ip, bits }) }
    }

    /// Whether `ip` is in the network.
    ///
    /// An IPv4 address is never in an IPv6 network, nor an IPv6 address that embeds an IPv4 one in an IPv4 network:
    /// another machine may translate an embedded form, so it must not be permitted by a rule for its IPv4 form. Call
    /// [`IpAddr::to_canonical`] first for addresses of a dual-stack socket, where the operating system writes an IPv4
    /// address as `::ffff:…`.
    #[must_use]
    pub const fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                // A shift by all bits, for a network of all addresses, is `None` in Rust.
                matches!((net.to_bits() ^ ip.to_bits()).checked_shr(32 - self.bits as u32), None | Some(0))
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                matches!((net.to_bits() ^ ip.to_bits()).checked_shr(128 - self.bits as u32), None | Some(0))
            }
            _ => false,
        }
    }
}

const fn bits_max(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

impl Default for Cidr {
    /// `127.0.0.1/32`: only this machine.
    fn default() -> Self {
        Self { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), bits: 32 }
    }
}

/// Why a text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CidrError {
    /// It is not an address, with or without `/` and a number.
    Syntax,
    /// The prefix is longer than the address; the field is the address's number of bits.
    Bits(u8),
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => f.write_str("expected a network such as 192.168.1.0/24, or an address"),
            Self::Bits(bits) => write!(f, "there are only {bits} bits"),
        }
    }
}

impl std::error::Error for CidrError {}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
        let ip: IpAddr = ip.parse().map_err(|_| CidrError::Syntax)?;
        let bits = bits.map_or(Ok(bits_max(ip)), str::parse).map_err(|_| CidrError::Syntax)?;
        Self::new(ip, bits).ok_or(CidrError::Bits(bits_max(ip)))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let holds = |net: &str, ip: &str| net.parse::<Cidr>().unwrap().contains(ip.parse().unwrap());
        assert!(holds("192.168.1.0/24", "192.168.1.255"));
        assert!(!holds("192.168.1.0/24", "192.168.2.0"));
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        assert!(!holds("0.0.0.0/0", "::ffff:8.8.8.8"));
        assert!(holds("8.8.8.8", "8.8.8.8"));
        assert!(!holds("8.8.8.8", "8.8.8.9"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("fd00::/8", "fdff::1"));
        assert!(holds("::/0", "2001:db9::1"));
        assert!(!holds("::/0", "1.2.3.4"));
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in ["", "/", "/8", "10.0.0.0/", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/999", "host/8"] {
            assert_eq!(bad.parse::<Cidr>(), Err(CidrError::Syntax), "{bad:?}");
        }
        assert_eq!("10.0.0.0/33".parse::<Cidr>(), Err(CidrError::Bits(32)));
        assert_eq!("::/129".parse::<Cidr>(), Err(CidrError::Bits(128)));
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for text in ["192.168.1.0/24", "::/0", "2001:db8::1/128"] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
    }
}
