//! Addresses that must be refused, and neighbouring ones that must not. The tests of the table, of outgoing requests
//! and of the relay share this list. Included by path, so that only their builds contain it.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First and last address of each network that must be refused.
pub(crate) const REFUSED_V4: [(&str, &str); 16] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("169.254.169.254", "169.254.170.2"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
];

pub(crate) const REFUSED_V6: [(&str, &str); 16] = [
    ("::", "::1"),
    ("::2", "::ffff:ffff"),
    ("::ffff:0:0", "::ffff:ffff:ffff"),
    ("::ffff:0:0:0", "::ffff:0:ffff:ffff"),
    ("64:ff9b::", "64:ff9b::ffff:ffff"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("100::", "100::ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

/// Every IPv6 form of an IPv4 address that some machine translates back.
pub(crate) fn embeddings(v4: Ipv4Addr) -> Vec<IpAddr> {
    let bits = u128::from(v4.to_bits());
    let low = |prefix: &str| Ipv6Addr::from_bits(prefix.parse::<Ipv6Addr>().unwrap().to_bits() | bits).into();
    let at = |prefix: &str, shift: u32| {
        Ipv6Addr::from_bits(prefix.parse::<Ipv6Addr>().unwrap().to_bits() | bits << shift).into()
    };
    vec![
        low("::"),
        low("::ffff:0:0"),
        low("::ffff:0:0:0"),
        low("64:ff9b::"),
        low("64:ff9b:1::"),
        low("64:ff9b:1:ffff::"),
        at("2002::", 80),
        // Teredo: the server in plain form, the client with inverted bits.
        at("2001::", 64),
        Ipv6Addr::from_bits("2001::".parse::<Ipv6Addr>().unwrap().to_bits() | (!bits & 0xFFFF_FFFF)).into(),
        low("2600:1234:5678:9abc:0:5efe::"),
        low("2600:1234:5678:9abc:200:5efe::"),
    ]
}

/// Every address that must be refused: both ends of each network, and both in every embedded form.
pub(crate) fn refused() -> Vec<IpAddr> {
    let ends = REFUSED_V4.iter().chain(&REFUSED_V6).flat_map(|(first, last)| [*first, *last]);
    let mut all: Vec<IpAddr> = ends.map(|ip| ip.parse().unwrap()).collect();
    for ip in all.clone() {
        if let IpAddr::V4(ip) = ip {
            all.extend(embeddings(ip));
        }
    }
    all
}

/// Addresses just outside the networks that must be refused.
pub(crate) const PUBLIC: [&str; 28] = [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::",
    "2001:200::",
    "2001:db7:ffff::",
    "2001:db9::",
    "2003::",
    "2600::1",
    "3ffe::1",
];
