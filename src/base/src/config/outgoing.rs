//! `[outgoing]`: requests to other servers.

use std::path::PathBuf;

use super::Cidr;
use super::check::Checks;
use super::schema::section;

section! {
    /// Requests to other servers: homeservers, push gateways, bridges.
    pub struct Outgoing {
        /// Whether requests may go to this machine, the local network and other addresses that are not public. If so,
        /// remote users can make this server send requests to services behind your firewall.
        allow_private_addresses: bool = false,
        /// Address ranges that requests may go to although they are not public.
        allowed_ranges: Vec<Cidr> = Vec::new() => "['192.168.1.10', 'fd00::/8']",
        /// Additional CA certificates to trust, in PEM format.
        extra_ca_file: Option<PathBuf> = None => "'/etc/hearth/home-ca.pem'",
        /// Timeout for connecting, in milliseconds.
        connect_timeout_ms: u64 = 10_000,
        /// Timeout for a whole request, in milliseconds.
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
            "remote users can make this server send requests to your local network; prefer `outgoing.allowed_ranges`",
        );
    }
}
