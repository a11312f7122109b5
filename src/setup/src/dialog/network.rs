//! The second question, which depends most on the world: ports, DNS, and whether the internet reaches this machine.

use std::net::IpAddr;

use hearth_base::config::check_server_name;
use hearth_net::is_public;

use super::{Dialog, PORT, Stop};
use crate::answers::Reach;
use crate::checks::addresses::{self, Place};
use crate::checks::{names, ports};
use crate::finding::{Finding, any_wrong};

/// What the second question settles.
pub(super) struct Network {
    pub(super) reach: Reach,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) lan_address: Option<IpAddr>,
    pub(super) public_address: Option<IpAddr>,
    pub(super) forward_ports: bool,
    pub(super) ipv6: bool,
    pub(super) name_is_elsewhere: bool,
}

/// What to do about findings that are wrong.
enum Next {
    Again,
    GoOn,
    Reach(Reach),
    Host(String),
}

impl Dialog<'_> {
    pub(super) fn reach(&mut self, name: &str) -> Result<Network, Stop> {
        let text = "1  directly over the internet, with a certificate of its own\n\
                    2  through a reverse proxy on this machine that has the certificate\n\
                    3  in the local network only";
        self.title("How phones and other servers reach it", text);
        let given = self.given.reach.map(|reach| reach.to_string());
        let default = self.old.reach.map(|reach| reach.to_string());
        let read = |text: &str| {
            let wrong = |text| Finding::wrong(text, "");
            text.parse::<Reach>().map(|reach| (reach, Vec::new())).map_err(wrong)
        };
        let mut reach = self.answer("--reach", given, default, read)?;
        let bare = name.split(':').next().unwrap_or(name).to_owned();
        let mut host = self.given.host.clone().or_else(|| self.old.host.clone()).unwrap_or_else(|| bare.clone());
        let network = loop {
            let (network, place, findings) = self.look(name, &bare, reach, &host);
            self.show(&findings);
            if !any_wrong(&findings) || self.given.anyway {
                break (network, place);
            }
            match self.next()? {
                Next::GoOn => break (network, place),
                Next::Again => {}
                Next::Reach(other) => reach = other,
                Next::Host(other) => host = other,
            }
        };
        self.offer_ports(network)
    }

    /// Looks at the network as it is now.
    fn look(&self, name: &str, bare: &str, reach: Reach, host: &str) -> (Network, Place, Vec<Finding>) {
        let old_port = self.old.port.filter(|_| self.old.reach == Some(reach) && reach != Reach::Internet);
        let port = self.given.port.or(old_port).unwrap_or(PORT);
        let mut findings = names::name_for(name, reach);
        let is_local = reach == Reach::Lan || !findings.is_empty();
        let place = match is_local {
            true => Place::local(self.world),
            false => Place::look(self.world, self.given.stun.as_deref()),
        };
        let mut network = Network {
            reach,
            host: host.to_owned(),
            port,
            lan_address: place.own.iter().find(|ip| ip.is_ipv4()).or(place.own.first()).copied(),
            public_address: place.public().into_iter().find(IpAddr::is_ipv4),
            forward_ports: false,
            ipv6: place.own.iter().any(IpAddr::is_ipv6),
            name_is_elsewhere: false,
        };
        findings.extend(ports::check(self.world, reach, port));
        if reach == Reach::Lan {
            findings.push(lan(network.lan_address, port));
        } else if !is_local {
            findings.extend(addresses::carrier_nat(&place));
            findings.extend(addresses::dns(self.world, host, &place));
            if host != bare {
                network.name_is_elsewhere = any_wrong(&addresses::dns(self.world, bare, &place));
                findings.push(delegation(bare, host, network.name_is_elsewhere));
            }
        }
        (network, place, findings)
    }

    /// Offers to let the router forward the ports, or tries whether it does already.
    fn offer_ports(&mut self, (mut network, place): (Network, Place)) -> Result<Network, Stop> {
        if network.reach == Reach::Lan {
            return Ok(network);
        }
        network.forward_ports = self.given.forward_ports == Some(true);
        let able = place.router.as_ref().filter(|router| is_public(router.external));
        if let Some(router) = able {
            let question =
                format!("\nYour router forwards ports on request ({}). Shall Hearth ask it?", router.protocol);
            let known = self.given.forward_ports.or(self.old.forward_ports.filter(|_| self.given.yes));
            network.forward_ports = match known {
                Some(known) => known,
                None => self.yes_or_no(&question, !self.given.yes)?,
            };
        }
        if !network.forward_ports && network.reach == Reach::Internet {
            let findings = addresses::reachable(self.world, &network.host, &place);
            self.show(&findings);
        }
        Ok(network)
    }

    fn next(&mut self) -> Result<Next, Stop> {
        if self.given.yes {
            return Err(Stop::Wrong);
        }
        self.terminal.say("Enter looks again. Or type: `go on`, another way (1, 2, 3), or another host for Matrix.");
        loop {
            let text = self.terminal.ask(">").ok_or(Stop::Ended)?;
            match text.to_lowercase().as_str() {
                "" => return Ok(Next::Again),
                "go on" => return Ok(Next::GoOn),
                text if text.parse::<Reach>().is_ok() => {
                    return Ok(text.parse().map_or(Next::Again, Next::Reach));
                }
                text if text.contains('.') && check_server_name(text).is_ok() && !text.contains(':') => {
                    return Ok(Next::Host(text.to_owned()));
                }
                _ => self.terminal.say("  Expected nothing, `go on`, 1, 2, 3 or a host such as matrix.family.example."),
            }
        }
    }
}

fn lan(address: Option<IpAddr>, port: u16) -> Finding {
    match address {
        Some(address) => Finding::good(format!(
            "Devices in this network will use http://{address}:{port}. In your router, let this machine always have that \
             address."
        )),
        None => {
            let fix = "Connect it; `ip address` shows its addresses.";
            Finding::wrong("This machine has no address in a network.", fix)
        }
    }
}

/// What the web server of the name has to answer.
fn delegation(name: &str, host: &str, is_elsewhere: bool) -> Finding {
    if !is_elsewhere {
        return Finding::good(format!(
            "{name} leads here too, so Hearth itself tells everyone that Matrix is at {host}."
        ));
    }
    Finding::note(format!(
        "Others ask https://{name}/.well-known/matrix/server for the host. Let the web server there redirect \
         /.well-known/matrix/ to https://{host}/.well-known/matrix/ (a redirect is enough)."
    ))
}
