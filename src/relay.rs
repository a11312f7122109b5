//! Starts the TURN relay from the configuration: its listen addresses, its certificate, and the URIs for clients.
//! The relay itself is the crate `turn`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hearth_base::config::{Address, Config, RelayMode, Turn};
use hearth_base::{Error, Result};
use hearth_domain::Domain;
use hearth_domain::calls::OwnRelay;
use hearth_turn::peers::PeerRules;
use hearth_turn::settings::Entropy;
use hearth_turn::{Public, Quotas, Running, Settings};

use crate::listen::Listeners;

/// The HTTPS port: firewalls let it through where they block the TURN ports.
const HTTPS: u16 = 443;

/// Starts the relay if the configuration enables it, and registers it with the domain. In `auto` mode the server starts
/// even when the relay cannot.
pub(crate) fn start(config: &Config, domain: &Arc<Domain>, listeners: &mut Listeners) -> Result<()> {
    if !config.turn.runs_relay(&config.server.name) {
        return Ok(());
    }
    let host = host_of(&config.public_baseurl());
    let settings = settings(&config.turn, &host, listeners);
    let plain = settings.tcp.len();
    let random = Arc::clone(&domain.core.seams.random);
    let entropy: Entropy = Arc::new(move |bytes| random.fill(bytes));
    match hearth_turn::start(settings, domain.calls.authority(), entropy) {
        Ok(running) => {
            // With the ports that the system chose for port 0.
            let (tcp, tls) = running.stream_addresses().split_at(plain);
            let uris = uris(&host, [running.udp_addresses(), tcp, tls], &listeners.tls_ports());
            tracing::info!(relay.udp = addresses(&running), "The relay for calls runs.");
            domain.calls.runs(OwnRelay { running: Arc::new(running), uris });
            Ok(())
        }
        Err(error) if config.turn.relay == RelayMode::Auto => {
            tracing::warn!(%error, "The relay for calls does not run; `turn.addresses` and `turn.relay` are its settings.");
            domain.calls.cannot_run(&error);
            Ok(())
        }
        Err(error) => Err(Error::fault("starting the relay for calls (`turn.addresses`, `turn.relay`)", error)),
    }
}

fn addresses(running: &Running) -> String {
    let shown: Vec<String> = running.udp_addresses().iter().map(ToString::to_string).collect();
    shown.join(" ")
}

/// The host of a URL, without a port.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let colon = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    colon.map_or(authority, |at| &authority[..at]).to_owned()
}

fn tcp(addresses: &[Address]) -> Vec<SocketAddr> {
    let tcp = addresses.iter().map(|address| match address {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) => None,
    });
    tcp.flatten().collect()
}

fn settings(turn: &Turn, host: &str, listeners: &mut Listeners) -> Settings {
    let certificates = listeners.certificates();
    let (plain, secure) = (tcp(&turn.addresses), tcp(&turn.tls_addresses));
    let opened = listeners.inherited.for_relay(&plain, &[&plain[..], &secure[..]].concat());
    let ip = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
    Settings {
        udp: plain.clone(),
        tcp: plain,
        tls: if certificates.is_some() { secure } else { Vec::new() },
        opened,
        tls_config: certificates.map(|found| Arc::new(move || found.current()) as _),
        ports: turn.port_min..=turn.port_max,
        public: Public {
            v4: ip(&turn.public_ipv4),
            v6: ip(&turn.public_ipv6),
            stun_servers: turn.stun_servers.clone(),
            names: vec![host.to_owned()],
        },
        peers: PeerRules { allow: turn.allow_peers.clone(), deny: turn.deny_peers.clone() },
        quotas: Quotas {
            allocations_per_user: turn.allocations_per_user,
            allocations: turn.allocations_max,
            bytes_per_s_per_user: turn.bytes_per_s_per_user,
            ..Quotas::default()
        },
        ..Settings::new()
    }
}

/// The TURN URIs for clients, cheapest transport first. Clients try all of them and prefer what works.
fn uris(host: &str, [udp, tcp, tls]: [&[SocketAddr]; 3], https_ports: &[u16]) -> Vec<String> {
    let mut uris = Vec::new();
    let mut add = |uri: String| {
        if !uris.contains(&uri) {
            uris.push(uri);
        }
    };
    for (listening, kind) in [(udp, "udp"), (tcp, "tcp")] {
        for at in listening {
            add(format!("turn:{host}:{}?transport={kind}", at.port()));
        }
    }
    for at in tls {
        add(format!("turns:{host}:{}?transport=tcp", at.port()));
    }
    if https_ports.contains(&HTTPS) {
        add(format!("turns:{host}:{HTTPS}?transport=tcp"));
    }
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_that_of_the_url() {
        for (url, host) in [
            ("https://matrix.hearth.family", "matrix.hearth.family"),
            ("https://matrix.hearth.family:8448/x", "matrix.hearth.family"),
            ("https://[2001:db8::1]:8448", "[2001:db8::1]"),
            ("https://[2001:db8::1]", "[2001:db8::1]"),
            ("http://localhost:8008", "localhost"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }

    #[test]
    fn clients_are_told_every_way_once() {
        let turn = Turn::default();
        let (plain, secure) = (tcp(&turn.addresses), tcp(&turn.tls_addresses));
        let two = ["turn:a.b:3478?transport=udp", "turn:a.b:3478?transport=tcp"];
        assert_eq!(uris("a.b", [&plain, &plain, &[]], &[8_448]), two);
        let four = [&two[..], &["turns:a.b:5349?transport=tcp", "turns:a.b:443?transport=tcp"]].concat();
        assert_eq!(uris("a.b", [&plain, &plain, &secure], &[443]), four);
    }
}
