//! Which addresses requests may go to. A stranger chooses names that this server looks up; without a guard they could make
//! it knock at doors behind the household's firewall.
//!
//! The addresses are checked after resolving and used as resolved, so there is no gap between check and connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hearth_base::config::{Cidr, Outgoing};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// IPv4 ranges that are not public: base and prefix length (IANA special-purpose registry).
const NOT_PUBLIC_V4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// IPv6 ranges that are not public, or that carry an IPv4 address inside and are judged by nobody else.
const NOT_PUBLIC_V6: &[(&str, u8)] = &[
    ("::", 96),
    ("::ffff:0:0", 96),
    ("64:ff9b::", 96),
    ("64:ff9b:1::", 48),
    ("100::", 64),
    ("2001::", 23),
    ("2001:db8::", 32),
    ("2002::", 16),
    ("fc00::", 7),
    ("fe80::", 10),
    ("fec0::", 10),
    ("ff00::", 8),
];

/// Decides which addresses may be connected to.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    everything: bool,
    allowed: Vec<Cidr>,
}

impl Guard {
    /// The guard that the configuration asks for.
    #[must_use]
    pub fn new(config: &Outgoing) -> Self {
        Self { everything: config.allow_private_addresses, allowed: config.allowed_ranges.clone() }
    }

    /// Whether a request may go to this address.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.everything || is_public(address) || self.allowed.iter().any(|range| range.contains(address))
    }

    /// Whether a URL names an address that may not be connected to. The HTTP client does not ask a resolver about
    /// addresses, so this is asked about every URL and every redirect.
    #[must_use]
    pub fn forbids_literal(&self, url: &reqwest::Url) -> bool {
        // `Url` has already turned 0x7f.1, 2130706433 and the like into the address they mean.
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host.parse::<IpAddr>().is_ok_and(|address| !self.allows(address))
    }
}

/// Whether an address is one that anybody on the internet could reach.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let within = |(base, bits): &([u8; 4], u8)| {
                (u32::from(address) ^ u32::from(Ipv4Addr::from(*base))) >> (32 - bits) == 0
            };
            !NOT_PUBLIC_V4.iter().any(within)
        }
        IpAddr::V6(address) => {
            let within = |(base, bits): &(&str, u8)| {
                base.parse::<Ipv6Addr>().is_ok_and(|base| (u128::from(address) ^ u128::from(base)) >> (128 - bits) == 0)
            };
            !NOT_PUBLIC_V6.iter().any(within)
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| guard.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(format!("{name} has no address that this server may connect to").into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_allowed() {
        let guard = Guard::default();
        for address in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.0.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!guard.allows(address.parse().expect("an address")), "{address}");
        }
        for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2a00:1450::1", "2606:4700::1111"] {
            assert!(guard.allows(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn addresses_in_urls_are_seen_in_every_spelling() {
        let guard = Guard::default();
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://127.1/",
        ] {
            assert!(guard.forbids_literal(&url.parse().expect("a URL")), "{url}");
        }
        assert!(!guard.forbids_literal(&"https://matrix.org/".parse().expect("a URL")));
    }
}
