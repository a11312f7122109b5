//! Restricts the addresses of outbound requests. Other servers and users choose names that this server resolves;
//! without a guard they could direct its requests to services behind the household's firewall (SSRF).
//!
//! Addresses are checked after resolution and used as resolved, so nothing can change between check and connection.

use std::net::IpAddr;

use hearth_base::config::{Cidr, Outgoing};
use hearth_base::net::is_public;

/// Decides which addresses may be connected to.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    everything: bool,
    allowed: Vec<Cidr>,
}

impl Guard {
    /// The guard with the configured ranges.
    #[must_use]
    pub fn new(config: &Outgoing) -> Self {
        Self { everything: config.allow_private_addresses, allowed: config.allowed_ranges.clone() }
    }

    /// The same guard with more ranges.
    #[must_use]
    pub fn allowing(mut self, ranges: &[Cidr]) -> Self {
        self.allowed.extend_from_slice(ranges);
        self
    }

    /// A guard that permits every address, for destinations that the operator configures.
    #[must_use]
    pub fn everything() -> Self {
        Self { everything: true, allowed: Vec::new() }
    }

    /// Whether a connection to this address is permitted.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.everything || is_public(address) || self.allowed.iter().any(|range| range.contains(address))
    }
}

#[cfg(test)]
#[path = "../../net/src/samples.rs"]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_relay_refuses_is_refused() {
        let guard = Guard::default();
        for ip in samples::refused() {
            assert!(!guard.allows(ip), "{ip}");
        }
        for ip in samples::PUBLIC {
            assert!(guard.allows(ip.parse().expect("an address")), "{ip}");
        }
    }

    #[test]
    fn an_opened_range_opens_no_embedded_form() {
        let config = Outgoing { allowed_ranges: vec!["10.0.0.0/8".parse().expect("a range")], ..Outgoing::default() };
        let guard = Guard::new(&config);
        let ten = std::net::Ipv4Addr::new(10, 0, 0, 1);
        assert!(guard.allows(ten.into()));
        for ip in samples::embeddings(ten) {
            assert!(!guard.allows(ip), "{ip}");
        }
    }
}
