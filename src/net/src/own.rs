//! The addresses of this machine, and the names of its network interfaces, as Linux lists them under `/proc/net`. Empty
//! on other systems.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Beginnings of the names of interfaces that lead to containers and virtual machines on this machine.
const VIRTUAL: [&str; 8] = ["docker", "br-", "veth", "virbr", "cni", "podman", "lxc", "lxd"];

/// An address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAddress {
    /// The address. Link-local IPv6 addresses are left out: they need a zone, which URLs in clients cannot have.
    pub address: IpAddr,
    /// The name of its interface, such as `eth0`; empty if it is not known.
    pub interface: String,
}

impl OwnAddress {
    /// Whether other machines can use the address: it is neither that of the loopback nor that of a bridge to
    /// containers.
    #[must_use]
    pub fn is_for_others(&self) -> bool {
        !self.address.is_loopback() && !VIRTUAL.iter().any(|beginning| self.interface.starts_with(beginning))
    }
}

/// All addresses of this machine, IPv4 first.
#[must_use]
pub fn own_addresses() -> Vec<OwnAddress> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let mut found = v4(&read("/proc/net/fib_trie"), &read("/proc/net/route"));
    found.extend(v6(&read("/proc/net/if_inet6")));
    found
}

/// The kernel lists no IPv4 addresses by interface, so they come from the table of local routes, and their interfaces
/// from the routes of the networks that they are in.
fn v4(trie: &str, routes: &str) -> Vec<OwnAddress> {
    let mut found: Vec<OwnAddress> = Vec::new();
    let mut last = None;
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = last
            && !found.iter().any(|known| known.address == address)
        {
            found.push(OwnAddress { address: address.into(), interface: interface(address, routes).to_owned() });
        }
    }
    found
}

/// The interface whose network is the narrowest with this address.
fn interface(address: Ipv4Addr, routes: &str) -> &str {
    // The kernel prints each number as the machine stores it: least significant byte first on all that Hearth runs on.
    let number = |text: &str| u32::from_str_radix(text, 16).map(u32::swap_bytes).ok();
    let network = |line: &'_ str| -> Option<(u32, u32)> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        Some((number(fields.get(1)?)?, number(fields.get(7)?)?))
    };
    let within =
        |line: &&str| network(line).is_some_and(|(network, mask)| mask != 0 && u32::from(address) & mask == network);
    let narrowest = routes.lines().filter(within).max_by_key(|line| network(line).map(|(_, mask)| mask));
    narrowest.and_then(|line| line.split_whitespace().next()).unwrap_or_default()
}

fn v6(list: &str) -> Vec<OwnAddress> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let address = Ipv6Addr::from(u128::from_str_radix(fields.first()?, 16).ok()?);
        let interface = (*fields.get(5)?).to_owned();
        (!address.is_unicast_link_local()).then_some(OwnAddress { address: address.into(), interface })
    };
    list.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIE: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 192.168.1.0
           /24 link UNICAST
           |-- 192.168.1.20
              /32 host LOCAL
        |-- 192.168.1.255
           /32 link BROADCAST
           |-- 172.17.0.1
              /32 host LOCAL
Local:
           |-- 192.168.1.20
              /32 host LOCAL
";
    const ROUTES: &str = "\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
wlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0
";
    const V6: &str = "\
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000002fc00fffe000001 02 40 20 80    wlan0
20010db8000000000000000000000020 02 40 00 80    wlan0
";

    #[test]
    fn addresses_come_with_their_interfaces() {
        let found: Vec<_> = v4(TRIE, ROUTES).into_iter().chain(v6(V6)).collect();
        let shown: Vec<_> =
            found.iter().map(|own| (own.address.to_string(), own.interface.as_str(), own.is_for_others())).collect();
        let shown: Vec<_> =
            shown.iter().map(|(address, interface, others)| (&**address, *interface, *others)).collect();
        assert_eq!(
            shown,
            [
                ("127.0.0.1", "", false),
                ("192.168.1.20", "wlan0", true),
                ("172.17.0.1", "docker0", false),
                ("::1", "lo", false),
                ("2001:db8::20", "wlan0", true),
            ]
        );
    }

    #[test]
    fn lists_in_another_form_are_harmless() {
        for text in ["", "|-- x\n/32 host LOCAL", "x b c d e f g h", "zz"] {
            assert_eq!((v4(text, text), v6(text)), (vec![], vec![]), "{text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_has_a_loopback() {
        assert!(own_addresses().iter().any(|own| own.address.is_loopback()));
    }
}
