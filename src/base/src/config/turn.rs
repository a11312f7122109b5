//! `[turn]`: the TURN relay for calls between devices that cannot reach each other.

use std::net::IpAddr;
use std::path::PathBuf;

use super::check::Checks;
use super::schema::{choice, section};
use super::{Address, Cidr, Secret};

/// Domains that do not exist on the internet (RFC 6761 and others): a server with such a name cannot be reached from
/// outside.
const PRIVATE_DOMAINS: [&str; 14] = [
    "test",
    "example",
    "invalid",
    "localhost",
    "local",
    "internal",
    "lan",
    "home",
    "private",
    "arpa",
    "onion",
    "example.com",
    "example.net",
    "example.org",
];

section! {
    /// The relay for calls between devices that cannot reach each other (STUN and TURN). Hearth runs its own, unless
    /// `uris` and `shared_secret` name another, such as coturn with `use-auth-secret`.
    pub struct Turn {
        /// Whether Hearth's own relay runs. `auto`: if the server's name is a public name and `uris` is empty; if the
        /// relay then cannot start, the server runs without it. `on`, `off`: always, never.
        relay: RelayMode = RelayMode::Auto,
        /// The relay's addresses for UDP and TCP. Open these ports in the firewall and forward them in the router, and
        /// the UDP ports from `port_min` to `port_max`.
        addresses: Vec<Address> = vec![tcp([0; 4].into(), 3_478), tcp([0u16; 8].into(), 3_478)],
        /// The relay's addresses for TLS, with the certificate of the first listener that has one; without a
        /// certificate it does not listen for TLS. Networks that allow only HTTPS reach the relay through a listener on
        /// port 443, which needs no setting.
        tls_addresses: Vec<Address> = vec![tcp([0; 4].into(), 5_349), tcp([0u16; 8].into(), 5_349)],
        /// The first UDP port for relayed addresses.
        port_min: u16 = 49_152,
        /// The last UDP port for relayed addresses.
        port_max: u16 = 65_535,
        /// The public IPv4 address of this machine. Unset, it is the machine's own address if that is public, or the
        /// answer of `stun_servers`, or the address of the server's name.
        public_ipv4: Option<String> = None => "'198.51.100.7'",
        /// The public IPv6 address of this machine. Unset, it is the machine's own.
        public_ipv6: Option<String> = None => "'2001:db8::7'",
        /// STUN servers, as host and port, to ask for the public IPv4 address of this machine. They learn that address.
        stun_servers: Vec<String> = Vec::new() => "['stun.example.org:3478']",
        /// Private networks that the relay may send to. By default there are none: the relay sends to public addresses
        /// only, and never to this machine. Add a network if its devices have no other way to each other.
        allow_peers: Vec<Cidr> = Vec::new() => "['192.168.1.0/24']",
        /// Networks that the relay must not send to.
        deny_peers: Vec<Cidr> = Vec::new() => "['203.0.113.0/24']",
        /// The most relayed addresses of one user at the same time. A call needs up to eight, and while a browser sets
        /// it up three times as many.
        allocations_per_user: u32 = 40,
        /// The most relayed addresses of all users.
        allocations_max: u32 = 300,
        /// The most data relayed for one user, in bytes per second in both directions together; 0: no limit.
        bytes_per_s_per_user: u64 = 5_000_000,
        /// The URIs of another relay, to use instead of Hearth's own.
        uris: Vec<String> = Vec::new() => "['turn:turn.example.org?transport=udp', 'turns:turn.example.org']",
        /// The secret shared with that relay. Hearth's own needs none.
        shared_secret: Option<Secret> = None => "'a long random text'",
        /// A file that holds the value of `shared_secret`.
        shared_secret_file: Option<PathBuf> = None => "'/run/secrets/hearth-turn'",
        /// Lifetime of TURN credentials, in milliseconds.
        credential_lifetime_ms: u64 = 24 * 60 * 60 * 1_000,
    }
}

choice! {
    /// Whether Hearth's own relay runs.
    pub enum RelayMode {
        /// If the server's name is a public name.
        Auto = "auto",
        /// Always; the server does not start without it.
        On = "on",
        /// Never.
        Off = "off",
    }
}

fn tcp(ip: IpAddr, port: u16) -> Address {
    Address::Tcp((ip, port).into())
}

impl Turn {
    /// Whether Hearth's own relay should run on a server with this name.
    #[must_use]
    pub fn runs_relay(&self, server_name: &str) -> bool {
        match self.relay {
            RelayMode::Auto => self.uris.is_empty() && is_public_name(server_name),
            RelayMode::On => true,
            RelayMode::Off => false,
        }
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        for (index, uri) in self.uris.iter().enumerate() {
            let good = ["turn:", "turns:", "stun:", "stuns:"].iter().any(|scheme| uri.starts_with(scheme));
            let text = format!("expected a URI such as `turn:turn.example.org?transport=udp`, found {uri:?}");
            checks.require(good, &format!("turn.uris[{index}]"), text);
        }
        let other = !self.uris.is_empty();
        checks.require(
            !other || self.shared_secret.is_some(),
            "turn.uris",
            "needs `turn.shared_secret` or `turn.shared_secret_file`, the same as the relay has",
        );
        checks.warn_if(
            !other && self.shared_secret.is_some(),
            "turn.shared_secret",
            "not used, because `turn.uris` is empty",
        );
        checks.warn_if(
            other && self.relay == RelayMode::On,
            "turn.relay",
            "clients use the relay of `turn.uris`; no client uses the one that runs here",
        );
        checks.within("turn.credential_lifetime_ms", self.credential_lifetime_ms, 60_000..=30 * 24 * 60 * 60 * 1_000);
        self.check_relay(checks);
    }

    fn check_relay(&self, checks: &mut Checks) {
        for (key, addresses) in [("turn.addresses", &self.addresses), ("turn.tls_addresses", &self.tls_addresses)] {
            let all_tcp = addresses.iter().all(|address| matches!(address, Address::Tcp(_)));
            checks.require(all_tcp, key, "expected IP addresses with ports; a relay cannot listen on a Unix socket");
        }
        checks.within("turn.port_min", self.port_min, 1_024..=65_535);
        checks.require(
            self.port_min <= self.port_max,
            "turn.port_max",
            format!("expected a number from {} (`turn.port_min`) to 65535, found {}", self.port_min, self.port_max),
        );
        let public = [("turn.public_ipv4", &self.public_ipv4, true), ("turn.public_ipv6", &self.public_ipv6, false)];
        for (key, value, v4) in public {
            let good = value.as_deref().is_none_or(|text| text.parse().is_ok_and(|ip: IpAddr| ip.is_ipv4() == v4));
            checks.require(good, key, "expected an IP address of that kind, without a port");
        }
        for (index, server) in self.stun_servers.iter().enumerate() {
            let good =
                server.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
            let text = format!("expected a host and port such as `stun.example.org:3478`, found {server:?}");
            checks.require(good, &format!("turn.stun_servers[{index}]"), text);
        }
        checks.within("turn.allocations_per_user", self.allocations_per_user, 1..=10_000);
        checks.within("turn.allocations_max", self.allocations_max, 1..=10_000);
    }
}

/// Whether a name is a public domain name, not an address or a reserved domain.
#[must_use]
pub fn is_public_name(server_name: &str) -> bool {
    let host = server_name.split_once(':').map_or(server_name, |(host, _)| host).to_ascii_lowercase();
    let within = |domain: &&str| host == **domain || host.strip_suffix(*domain).is_some_and(|rest| rest.ends_with('.'));
    let domain = host.contains('.') && !host.starts_with('[') && host.parse::<IpAddr>().is_err();
    domain && !PRIVATE_DOMAINS.iter().any(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relay_runs_where_it_can_be_reached() {
        let turn = Turn::default();
        for name in ["hearth.family", "matrix.hearth.family:8448", "EXAMPLE.DE", "notexample.org", "latest.dev"] {
            assert!(turn.runs_relay(name), "{name}");
        }
        for name in
            ["localhost", "a.test", "matrix.example.org", "example.org:8448", "pi.local", "1.2.3.4", "[::1]:1", "pi"]
        {
            assert!(!turn.runs_relay(name), "{name}");
        }
        let other = Turn { uris: vec!["turn:a".to_owned()], ..Turn::default() };
        assert!(!other.runs_relay("hearth.family"));
        assert!(Turn { relay: RelayMode::On, ..Turn::default() }.runs_relay("localhost"));
        assert!(!Turn { relay: RelayMode::Off, ..Turn::default() }.runs_relay("hearth.family"));
    }
}
