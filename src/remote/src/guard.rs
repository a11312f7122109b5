//! Which addresses requests may go to. A stranger chooses names that this server looks up; without a guard they could make
//! it knock at doors behind the household's firewall.
//!
//! The addresses are checked after resolving and used as resolved, so there is no gap between check and connection.

use std::net::{IpAddr, SocketAddr};

use hearth_base::config::{Cidr, Outgoing};
use hearth_base::net::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

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
