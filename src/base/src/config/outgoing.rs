//! `[outgoing]`: requests that this server makes to others.

use std::path::PathBuf;

use super::Cidr;
use super::check::Checks;
use super::schema::section;

section! {
    /// Requests that this server makes to others: homeservers, push gateways, bridges.
    pub struct Outgoing {
        /// Whether requests may go to this machine, the local network and other addresses that are not public.
        /// Otherwise a stranger could make this server knock at doors behind the firewall.
        allow_private_addresses: bool = false,
        /// Ranges that requests may go to although they are not public.
        allowed_ranges: Vec<Cidr> = Vec::new() => "['192.168.1.10', 'fd00::/8']",
        /// Certificates of authorities to trust beside the usual ones, in PEM form.
        extra_ca_file: Option<PathBuf> = None => "'/etc/hearth/home-ca.pem'",
        /// How long a connection may take to stand, in milliseconds.
        connect_timeout_ms: u64 = 10_000,
        /// How long a request may take in all, in milliseconds.
        request_timeout_ms: u64 = 60_000,
    }
}

impl Outgoing {
    pub(super) fn check(&self, checks: &mut Checks) {
        if let Some(path) = &self.extra_ca_file {
            checks.file("outgoing.extra_ca_file", path);
        }
        checks.within("outgoing.connect_timeout_ms", self.connect_timeout_ms, 100..=600_000);
        checks.within("outgoing.request_timeout_ms", self.request_timeout_ms, 100..=600_000);
        checks.warn_if(
            self.allow_private_addresses,
            "outgoing.allow_private_addresses",
            "strangers can make this server send requests to your local network; `outgoing.allowed_ranges` opens less",
        );
    }
}
