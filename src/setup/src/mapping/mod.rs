//! Port mapping: asks the router to forward ports to this machine, by PCP (RFC 6887), NAT-PMP (RFC 6886) or UPnP (IGD,
//! WANIPConnection), whichever it answers first in that order.
//!
//! A mapping has a lifetime and is asked for again before its end, so that it is gone soon after this server is. Only IPv4:
//! with IPv6 there is nothing to translate. What a router answers is read with bounds, as everything from the network.

mod gateway;
mod igd;
mod pcp;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::world::Transport;

use hearth_base::config::{Address, Config};
use hearth_base::limits::setup::FORWARDED_RELAY_PORTS_MAX;

use pcp::Dialect;

/// UDP port of PCP and NAT-PMP.
const PCP_PORT: u16 = 5351;
/// UPnP's discovery (UPnP Device Architecture section 1.3.2).
const SSDP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(239, 255, 255, 250)), 1900);

/// The ports of these settings that are reached from the internet: those of listeners that are not on the loopback, and those of
/// the relay for calls.
#[must_use]
pub fn forwarded_ports(config: &Config) -> Vec<(u16, Transport)> {
    let port = |address: &Address| match address {
        Address::Tcp(address) if !address.ip().is_loopback() => Some(address.port()),
        _ => None,
    };
    let mut ports: Vec<(u16, Transport)> = Vec::new();
    let mut add = |port, transport| {
        if !ports.contains(&(port, transport)) {
            ports.push((port, transport));
        }
    };
    config.listeners.iter().filter_map(|listener| port(&listener.address)).for_each(|port| add(port, Transport::Tcp));
    if config.turn.runs_relay(&config.server.name) {
        let turn = &config.turn;
        turn.addresses.iter().filter_map(port).for_each(|port| add(port, Transport::Udp));
        turn.addresses.iter().chain(&turn.tls_addresses).filter_map(port).for_each(|port| add(port, Transport::Tcp));
        (turn.port_min..=turn.port_max).take(FORWARDED_RELAY_PORTS_MAX).for_each(|port| add(port, Transport::Udp));
    }
    ports
}

/// A router that forwards ports on request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    way: Way,
    /// This machine's address on the router's side.
    local: Ipv4Addr,
    /// The address of the router's outer side.
    pub external: IpAddr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    Pcp(SocketAddr, Dialect),
    Igd(igd::Service),
}

/// Why a port is not forwarded: a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapError(pub String);

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Router {
    /// Looks for a router. Takes some seconds if there is none that answers.
    #[must_use]
    pub fn find() -> Option<Self> {
        let gateway = gateway::default_gateway()?;
        let local = gateway::source_towards(gateway)?;
        Self::at(SocketAddr::from((gateway, PCP_PORT)), local).or_else(|| {
            let (service, external) = igd::find(SSDP, local, gateway)?;
            Some(Self { way: Way::Igd(service), local, external })
        })
    }

    /// Asks a gateway for its outer address.
    fn at(gateway: SocketAddr, local: Ipv4Addr) -> Option<Self> {
        let (external, dialect) = pcp::external(gateway, local)?;
        Some(Self { way: Way::Pcp(gateway, dialect), local, external })
    }

    /// The protocol that the router understands.
    #[must_use]
    pub fn protocol(&self) -> &'static str {
        match &self.way {
            Way::Pcp(_, Dialect::Pcp) => "PCP",
            Way::Pcp(_, Dialect::NatPmp) => "NAT-PMP",
            Way::Igd(_) => "UPnP",
        }
    }

    /// Lets the router forward a port of its outer side to the same port of this machine. Asked again, it extends the lifetime.
    ///
    /// # Errors
    /// If the router refuses, or forwards another port: Matrix needs this one.
    pub fn map(&self, port: u16, transport: Transport, lifetime: Duration) -> Result<(), MapError> {
        match &self.way {
            Way::Pcp(gateway, dialect) => pcp::map(*gateway, *dialect, self.local, port, transport, lifetime),
            Way::Igd(service) => igd::map(service, self.local, port, transport, lifetime),
        }
    }

    /// Ends the forwarding of a port.
    ///
    /// # Errors
    /// If the router does not answer.
    pub fn unmap(&self, port: u16, transport: Transport) -> Result<(), MapError> {
        match &self.way {
            Way::Pcp(..) => self.map(port, transport, Duration::ZERO),
            Way::Igd(service) => igd::unmap(service, port, transport),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_from_outside_is_forwarded() {
        let mut config = Config::default();
        assert_eq!(forwarded_ports(&config), [], "only this machine reaches the default listener");
        config.server.name = "hearth.family".to_owned();
        config.listeners[0].address = "[::]:443".parse().unwrap();
        config.turn.port_max = config.turn.port_min + 1;
        let ports = forwarded_ports(&config);
        let expected = [
            (443, Transport::Tcp),
            (3478, Transport::Udp),
            (3478, Transport::Tcp),
            (5349, Transport::Tcp),
            (49_152, Transport::Udp),
            (49_153, Transport::Udp),
        ];
        assert_eq!(ports, expected);
        config.turn.port_max = u16::MAX;
        assert_eq!(forwarded_ports(&config).len(), 4 + FORWARDED_RELAY_PORTS_MAX);
    }

    /// Run by `tests/doorstep/miniupnpd` in a network with Debian's miniupnpd as the router.
    #[test]
    #[ignore = "needs a router: tests/doorstep/miniupnpd"]
    fn a_real_router_forwards_a_port() {
        let hour = Duration::from_secs(3_600);
        let gateway = gateway::default_gateway().unwrap();
        let local = gateway::source_towards(gateway).unwrap();
        let pcp = Router::at(SocketAddr::from((gateway, PCP_PORT)), local).expect("PCP");
        assert_eq!(pcp.protocol(), "PCP");
        let nat_pmp = Way::Pcp(SocketAddr::from((gateway, PCP_PORT)), Dialect::NatPmp);
        let nat_pmp = Router { way: nat_pmp, ..pcp.clone() };
        let (service, external) = igd::find(SSDP, local, gateway).expect("UPnP");
        let upnp = Router { way: Way::Igd(service), local, external };
        assert_eq!(pcp.external, upnp.external);
        for (router, port) in [(pcp, 8448), (nat_pmp, 3478), (upnp, 443)] {
            for transport in [Transport::Tcp, Transport::Udp] {
                router.map(port, transport, hour).unwrap_or_else(|error| panic!("{}: {error}", router.protocol()));
                router
                    .map(port, transport, hour)
                    .unwrap_or_else(|error| panic!("{} again: {error}", router.protocol()));
            }
            router.unmap(port, Transport::Udp).unwrap_or_else(|error| panic!("{} ends: {error}", router.protocol()));
        }
        // The ports over TCP stay for the script, which connects to them from outside.
        assert_eq!(Router::find().expect("a router").protocol(), "PCP");
    }
}
