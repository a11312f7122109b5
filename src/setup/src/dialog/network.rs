//! The second question, which depends most on the world: ports, DNS, and whether the internet reaches this machine.

use std::net::IpAddr;

use hearth_base::config::check_server_name;

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
        let text = "1  directly over the internet: Hearth gets its own certificate (ports 443, 8448, 80)\n\
                    2  through a reverse proxy on this machine that has the certificate\n\
                    3  in the local network only";
        self.title(2, "How phones and other servers reach it", text);
        let given = self.given.reach.map(|reach| reach.to_string());
        let default = self.old.reach.map(|reach| reach.to_string());
        let read = |text: &str| {
            let wrong = |text| Finding::wrong(text, "");
            text.parse::<Reach>().map(|reach| (reach, Vec::new())).map_err(wrong)
        };
        let mut reach = self.answer("--reach", given, default, read)?;
        let bare = name.split(':').next().unwrap_or(name).to_owned();
        let mut host = self.given.host.clone().or_else(|| self.old.host.clone()).unwrap_or_else(|| bare.clone());
        loop {
            let (network, findings) = self.look(name, &bare, reach, &host);
            self.show(&findings);
            if !any_wrong(&findings) || self.given.anyway {
                return Ok(network);
            }
            match self.next()? {
                Next::GoOn => return Ok(network),
                Next::Again => {}
                Next::Reach(other) => reach = other,
                Next::Host(other) => host = other,
            }
        }
    }

    /// Looks at the network as it is now.
    fn look(&self, name: &str, bare: &str, reach: Reach, host: &str) -> (Network, Vec<Finding>) {
        let old_port = self.old.port.filter(|_| self.old.reach == Some(reach) && reach != Reach::Internet);
        let port = self.given.port.or(old_port).unwrap_or(PORT);
        let place = Place::look(self.world, self.given.stun.as_deref(), self.router);
        let lan_address = place.own.iter().find(|ip| ip.is_ipv4()).or(place.own.first()).copied();
        let ipv6 = place.own.iter().any(IpAddr::is_ipv6);
        let mut name_is_elsewhere = false;
        let mut findings = names::name_for(name, reach);
        findings.extend(ports::check(self.world, reach, port));
        match reach {
            Reach::Lan => findings.push(lan(lan_address, port)),
            Reach::Internet | Reach::Proxy if findings.first().is_some_and(|first| first.text.starts_with(name)) => {}
            Reach::Internet | Reach::Proxy => {
                findings.extend(addresses::carrier_nat(&place));
                let records = addresses::dns(self.world, host, &place);
                let leads_here = !any_wrong(&records);
                findings.extend(records);
                if leads_here && reach == Reach::Internet {
                    findings.extend(addresses::reachable(self.world, host, &place));
                }
                if host != bare {
                    name_is_elsewhere = any_wrong(&addresses::dns(self.world, bare, &place));
                    findings.push(delegation(bare, host, name_is_elsewhere));
                }
            }
        }
        (Network { reach, host: host.to_owned(), port, lan_address, ipv6, name_is_elsewhere }, findings)
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
