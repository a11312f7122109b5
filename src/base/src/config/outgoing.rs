//! `[outgoing]`: requests that this server makes to others.

use std::path::PathBuf;

use super::Cidr;
use super::schema::section;

section! {
    /// Requests that this server makes to others: homeservers, push gateways, bridges.
    pub struct Outgoing {
        /// Whether requests may go to this machine, the local network and other addresses that are not public. Otherwise
        /// a stranger could make this server knock at doors behind the firewall.
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
