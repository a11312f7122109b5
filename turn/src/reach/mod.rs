//! How is this machine reached from outside? The public address comes from the configuration, from an interface, from a server
//! that is asked by STUN, or from the name service; homes get new ones, so that this is looked at again and again. Whether a
//! router passes packets on cannot be found out from inside.

mod ask;
mod interfaces;

use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

use hearth_net::is_public;

use crate::settings::{Public, Settings};
use crate::shared::external_address::Family;
use crate::shared::{ExternalAddress, RelayAddress};

/// Somewhere on the internet. Nothing is sent there: the system is asked by which of our addresses it would be.
const FAR_V4: &str = "198.41.0.4:53";
const FAR_V6: &str = "[2001:503:ba3e::2:30]:53";

/// What was found out, and what is wrong with it, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReachReport {
    pub(crate) external_address: ExternalAddress,
    pub(crate) warnings: Vec<String>,
}

/// Finds out where the relay is. Takes some seconds if servers have to be asked and do not answer.
pub(crate) fn find(settings: &Settings) -> ReachReport {
    let mut warnings = Vec::new();
    let v4 = find_v4(settings, &mut warnings);
    let v6 = find_v6(settings, &mut warnings);
    warnings.extend(lacking(v4.is_some(), v6.is_some()).map(str::to_owned));
    let listening = settings.udp.iter().chain(&settings.tcp).chain(&settings.tls).map(SocketAddr::ip);
    let mut own: Vec<IpAddr> = listening.filter(|ip| !ip.is_unspecified()).collect();
    own.extend(ExternalAddress { v4, v6, own: Vec::new() }.relayed());
    own.extend([settings.public.v4, settings.public.v6].into_iter().flatten());
    own.extend(interfaces::addresses());
    own.sort_unstable();
    own.dedup();
    ReachReport { external_address: ExternalAddress { v4, v6, own }, warnings }
}

/// What cannot be done without an address of each family.
fn lacking(v4: bool, v6: bool) -> Option<&'static str> {
    match (v4, v6) {
        (true, _) => None,
        (false, false) => {
            Some("Calls cannot be relayed: there is no address at which this machine is reached from outside.")
        }
        (false, true) => Some(
            "Calls are relayed over IPv6 alone, as this machine has no public IPv4 address: who has no IPv6 is not helped by this \
             relay.",
        ),
    }
}

fn find_v4(settings: &Settings, warnings: &mut Vec<String>) -> Option<RelayAddress> {
    let local = local_towards(FAR_V4);
    if let Some(public) = settings.public.v4 {
        return configured(public, local, warnings);
    }
    let local = local?;
    if is_public(local) {
        return Some(RelayAddress { local, public: local });
    }
    let Public { stun_servers, names, .. } = &settings.public;
    let asked = stun_servers.iter().find_map(|server| ask::public_address(server, Family::V4));
    let learned = asked.filter(|ip| is_public(*ip)).or_else(|| names.iter().find_map(|name| named(name)));
    if let Some(public) = learned {
        return Some(RelayAddress { local, public });
    }
    warnings.push(format!(
        "The relay has no public IPv4 address: this machine is {local}, behind a router, and neither {} nor {} says how it is \
         seen from outside. Configure that address, or a STUN server to ask for it.",
        if stun_servers.is_empty() { "a STUN server (none is configured)" } else { "a configured STUN server" },
        if names.is_empty() { "a name" } else { "the server's name" },
    ));
    None
}

/// The public IPv4 address that a name leads to.
fn named(name: &str) -> Option<IpAddr> {
    let found = (name, 0).to_socket_addrs().ok()?;
    found.map(|at| at.ip()).find(|ip| ip.is_ipv4() && is_public(*ip))
}

fn find_v6(settings: &Settings, warnings: &mut Vec<String>) -> Option<RelayAddress> {
    let local = local_towards(FAR_V6);
    if let Some(public) = settings.public.v6 {
        return configured(public, local, warnings);
    }
    // No translators here: an address that is not public is none.
    let local = local.filter(|ip| is_public(*ip))?;
    Some(RelayAddress { local, public: local })
}

/// What to bind for a public address that somebody has written down.
fn configured(public: IpAddr, local: Option<IpAddr>, warnings: &mut Vec<String>) -> Option<RelayAddress> {
    if UdpSocket::bind((public, 0)).is_ok() {
        return Some(RelayAddress { local: public, public });
    }
    if local.is_none() {
        warnings.push(format!("The relay cannot use {public}: this machine has no route to the internet for it."));
    }
    local.map(|local| RelayAddress { local, public })
}

/// The address of ours by which datagrams would leave.
fn local_towards(far: &str) -> Option<IpAddr> {
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
        assert_eq!([lacking(true, true), lacking(true, false)], [None, None]);
        assert!(lacking(false, true).unwrap().contains("IPv6 alone"));
        assert!(lacking(false, false).unwrap().contains("no address"));
    }

    #[test]
    fn a_configured_address_of_this_machine_is_bound() {
        let mut settings = Settings::new();
        settings.public.v4 = Some("127.0.0.1".parse().unwrap());
        let found = find(&settings);
        let loopback = "127.0.0.1".parse().unwrap();
        assert_eq!(found.external_address.v4, Some(RelayAddress { local: loopback, public: loopback }));
        assert!(found.external_address.own.contains(&loopback));
    }

    #[test]
    fn what_we_listen_on_is_ours() {
        let mut settings = Settings::new();
        settings.udp = vec!["192.0.2.77:3478".parse().unwrap(), "0.0.0.0:3478".parse().unwrap()];
        let own = find(&settings).external_address.own;
        assert!(own.contains(&"192.0.2.77".parse().unwrap()));
        assert!(!own.contains(&"0.0.0.0".parse().unwrap()));
    }

    #[test]
    fn a_public_address_that_is_a_routers_is_not_bound() {
        let mut warnings = Vec::new();
        let (public, local) = ("198.41.0.4".parse().unwrap(), "192.168.1.2".parse().unwrap());
        assert_eq!(configured(public, Some(local), &mut warnings), Some(RelayAddress { local, public }));
        assert!(configured(public, None, &mut warnings).is_none());
        assert_eq!(warnings.len(), 1);
    }
}
