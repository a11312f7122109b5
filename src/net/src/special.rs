//! Addresses that are not public: the IANA special-purpose registries, and every IPv6 form that embeds an IPv4 address,
//! because each of those could reach the addresses of the first table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First address and prefix length.
const V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, which includes the metadata services of cloud providers.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved, and the broadcast address.
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Only 2000::/3 is global unicast. Everything outside it is refused by that rule: loopback, mapped and compatible
/// addresses, NAT64's 64:ff9b::/96 and 64:ff9b:1::/48, discard-only, unique local, link- and site-local, multicast,
/// segment routing. These networks are inside it.
const V6_WITHIN_UNICAST: [(Ipv6Addr, u32); 4] = [
    // IETF protocol assignments; Teredo (2001::/32), which embeds two IPv4 addresses; ORCHID.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4 embeds an IPv4 address.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    // Documentation (RFC 9637).
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn v4_is_special(ip: Ipv4Addr) -> bool {
    V4.iter().any(|(net, bits)| (net.to_bits() ^ ip.to_bits()) >> (32 - bits) == 0)
}

fn v6_is_special(ip: Ipv6Addr) -> bool {
    // ISATAP: any prefix, then 0:5efe or 200:5efe, then an IPv4 address.
    let isatap = ip.segments()[5] == 0x5efe && ip.segments()[4] & !0x0200 == 0;
    ip.segments()[0] >> 13 != 1
        || isatap
        || V6_WITHIN_UNICAST.iter().any(|(net, bits)| (net.to_bits() ^ ip.to_bits()) >> (128 - bits) == 0)
}

/// Whether `ip` is a public address, to which the server may send requests and datagrams on behalf of untrusted
/// parties.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !v4_is_special(ip),
        IpAddr::V6(ip) => !v6_is_special(ip),
    }
}

#[cfg(test)]
mod tests {
    use super::is_public;
    use crate::samples::{PUBLIC, embeddings, refused};

    #[test]
    fn the_registries_are_not_public() {
        for ip in refused() {
            assert!(!is_public(ip), "{ip}");
        }
    }

    #[test]
    fn neighbours_of_the_registries_are() {
        for ip in PUBLIC {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn no_embedding_of_an_ipv4_address_is() {
        for ip in embeddings("8.8.8.8".parse().unwrap()) {
            assert!(!is_public(ip), "{ip}");
        }
    }
}
