//! Discovers the external address of this machine. In order: the configuration, a public interface address, a
//! STUN server, a host name. Home connections get new addresses, so discovery runs again and again. It cannot
//! detect whether a router forwards the ports.

mod ask;
mod interfaces;

use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

use hearth_net::is_public;

use crate::settings::{Public, Settings};
use crate::shared::external_address::AddressFamily;
use crate::shared::{ExternalAddress, RelayAddress};

/// Addresses on the public internet (root name servers). Connecting a UDP socket sends nothing; it only makes
/// the kernel choose a source address.
const INTERNET_V4: &str = "198.41.0.4:53";
const INTERNET_V6: &str = "[2001:503:ba3e::2:30]:53";

/// Result of a discovery. The warnings are sentences for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddressReport {
    pub(crate) external_address: ExternalAddress,
    pub(crate) warnings: Vec<String>,
}

/// Runs a discovery. Blocks for some seconds if STUN servers do not answer.
pub(crate) fn discover(settings: &Settings) -> AddressReport {
    let mut warnings = Vec::new();
    let v4 = find_v4(settings, &mut warnings);
    let v6 = find_v6(settings, &mut warnings);
    warnings.extend(missing_family_warning(v4.is_some(), v6.is_some()).map(str::to_owned));
    let listening = settings.udp.iter().chain(&settings.tcp).chain(&settings.tls).map(SocketAddr::ip);
    let mut own: Vec<IpAddr> = listening.filter(|ip| !ip.is_unspecified()).collect();
    own.extend(ExternalAddress { v4, v6, own: Vec::new() }.relayed());
    own.extend([settings.public.v4, settings.public.v6].into_iter().flatten());
    own.extend(interfaces::addresses());
    own.sort_unstable();
    own.dedup();
    AddressReport { external_address: ExternalAddress { v4, v6, own }, warnings }
}

/// The public IPv4 address of this machine as the STUN server `server` (`host:port`) sees it. Blocks for some seconds if it does
/// not answer.
#[must_use]
pub fn seen_by(server: &str) -> Option<IpAddr> {
    ask::public_address(server, AddressFamily::V4)
}

/// The addresses with which this machine talks to the internet: at most one of each family, IPv4 first. Nothing is sent.
#[must_use]
pub fn source_addresses() -> Vec<IpAddr> {
    [INTERNET_V4, INTERNET_V6].into_iter().filter_map(source_address_towards).collect()
}

/// Warning for a missing address family.
fn missing_family_warning(v4: bool, v6: bool) -> Option<&'static str> {
    match (v4, v6) {
        (true, _) => None,
        (false, false) => Some("Calls cannot be relayed: this machine has no address that is reachable from outside."),
        (false, true) => Some(
            "Calls are relayed over IPv6 alone, because this machine has no public IPv4 address. Clients without IPv6 \
             cannot use this relay.",
        ),
    }
}

fn find_v4(settings: &Settings, warnings: &mut Vec<String>) -> Option<RelayAddress> {
    let local = source_address_towards(INTERNET_V4);
    if let Some(public) = settings.public.v4 {
        return configured(public, local, warnings);
    }
    let local = local?;
    if is_public(local) {
        return Some(RelayAddress { local, public: local });
    }
    let Public { stun_servers, names, .. } = &settings.public;
    let asked = stun_servers.iter().find_map(|server| ask::public_address(server, AddressFamily::V4));
    let learned = asked.filter(|ip| is_public(*ip)).or_else(|| names.iter().find_map(|name| resolve_public_v4(name)));
    if let Some(public) = learned {
        return Some(RelayAddress { local, public });
    }
    warnings.push(format!(
        "The relay has no public IPv4 address: this machine is {local}, behind a router, and neither {} nor {} gives \
         its public address. Configure the public address, or a STUN server to ask for it.",
        if stun_servers.is_empty() { "a STUN server (none is configured)" } else { "a configured STUN server" },
        if names.is_empty() { "a host name" } else { "the server's name" },
    ));
    None
}

/// The first public IPv4 address that a host name resolves to.
fn resolve_public_v4(name: &str) -> Option<IpAddr> {
    let found = (name, 0).to_socket_addrs().ok()?;
    found.map(|at| at.ip()).find(|ip| ip.is_ipv4() && is_public(*ip))
}

fn find_v6(settings: &Settings, warnings: &mut Vec<String>) -> Option<RelayAddress> {
    let local = source_address_towards(INTERNET_V6);
    if let Some(public) = settings.public.v6 {
        return configured(public, local, warnings);
    }
    // IPv6 hosts are not behind NAT: an address that is not public cannot be reached from outside.
    let local = local.filter(|ip| is_public(*ip))?;
    Some(RelayAddress { local, public: local })
}

/// The address to bind for a configured public address: that address itself, or behind NAT the local one.
fn configured(public: IpAddr, local: Option<IpAddr>, warnings: &mut Vec<String>) -> Option<RelayAddress> {
    if UdpSocket::bind((public, 0)).is_ok() {
        return Some(RelayAddress { local: public, public });
    }
    if local.is_none() {
        warnings.push(format!(
            "The relay cannot use the public address {public}: this machine has no route to the internet in that \
             address family."
        ));
    }
    local.map(|local| RelayAddress { local, public })
}

/// The source address that the kernel would use towards `far`.
fn source_address_towards(far: &str) -> Option<IpAddr> {
    let far: SocketAddr = far.parse().ok()?;
    let any: IpAddr = if far.is_ipv4() { [0; 4].into() } else { [0u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(far).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified() && !ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_ipv4_there_is_a_warning() {
        assert_eq!([missing_family_warning(true, true), missing_family_warning(true, false)], [None, None]);
        assert!(missing_family_warning(false, true).unwrap().contains("IPv6 alone"));
        assert!(missing_family_warning(false, false).unwrap().contains("no address"));
    }

    #[test]
    fn binds_a_configured_address_of_this_machine() {
        let mut settings = Settings::new();
        settings.public.v4 = Some("127.0.0.1".parse().unwrap());
        let found = discover(&settings);
        let loopback = "127.0.0.1".parse().unwrap();
        assert_eq!(found.external_address.v4, Some(RelayAddress { local: loopback, public: loopback }));
        assert!(found.external_address.own.contains(&loopback));
    }

    #[test]
    fn listening_addresses_count_as_own() {
        let mut settings = Settings::new();
        settings.udp = vec!["192.0.2.77:3478".parse().unwrap(), "0.0.0.0:3478".parse().unwrap()];
        let own = discover(&settings).external_address.own;
        assert!(own.contains(&"192.0.2.77".parse().unwrap()));
        assert!(!own.contains(&"0.0.0.0".parse().unwrap()));
    }

    #[test]
    fn does_not_bind_the_public_address_of_a_router() {
        let mut warnings = Vec::new();
        let (public, local) = ("198.41.0.4".parse().unwrap(), "192.168.1.2".parse().unwrap());
        assert_eq!(configured(public, Some(local), &mut warnings), Some(RelayAddress { local, public }));
        assert!(configured(public, None, &mut warnings).is_none());
        assert_eq!(warnings.len(), 1);
    }
}
