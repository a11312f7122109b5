//! Addresses of this machine's interfaces, read from procfs. Netlink would report more, but the service sandbox
//! would have to allow AF_NETLINK. Returns nothing on systems other than Linux; only configured and discovered
//! addresses are known there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const V4: &str = "/proc/self/net/fib_trie";
const V6: &str = "/proc/self/net/if_inet6";

/// All interface addresses that can be read.
pub(super) fn addresses() -> Vec<IpAddr> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let mut found: Vec<IpAddr> = local_v4(&read(V4)).into_iter().map(IpAddr::V4).collect();
    found.extend(read(V6).lines().filter_map(interface_v6).map(IpAddr::V6));
    found
}

/// Local addresses in the kernel's routing trie: a leaf whose next line has the type `host LOCAL`.
fn local_v4(trie: &str) -> Vec<Ipv4Addr> {
    let mut leaf: Option<Ipv4Addr> = None;
    let mut found = Vec::new();
    for line in trie.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["|--", address] => leaf = address.parse().ok(),
            ["/32", "host", "LOCAL"] => found.extend(leaf),
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Parses a line of `if_inet6`, which starts with 32 hexadecimal digits.
fn interface_v6(line: &str) -> Option<Ipv6Addr> {
    let digits = line.split_whitespace().next().filter(|digits| digits.len() == 32)?;
    u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_kernel_format() {
        let trie = "Local:\n  +-- 127.0.0.0/8 2 0 2\n     |-- 127.0.0.0\n        /8 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n\
                    |-- 192.168.1.0\n  /24 link UNICAST\n |-- 192.168.1.5\n /32 host LOCAL\n |-- 192.168.1.255\n /32 link BROADCAST\n";
        assert_eq!(local_v4(trie), [Ipv4Addr::LOCALHOST, Ipv4Addr::new(192, 168, 1, 5)]);
        let line = "fe8000000000000002163efffe4a2b1c 02 40 20 80     eth0";
        assert_eq!(interface_v6(line), "fe80::216:3eff:fe4a:2b1c".parse().ok());
        assert_eq!(interface_v6("nonsense"), None);
    }
}
