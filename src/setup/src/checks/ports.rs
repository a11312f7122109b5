//! The ports that the server needs: whether they are free, and who has them if not.

use crate::answers::Reach;
use crate::finding::Finding;
use crate::world::{PortState, Transport, World};

use Transport::{Tcp, Udp};

/// The ports of a server on the internet: HTTPS, federation, redirects and certificates, the relay for calls.
pub(crate) const INTERNET: [(u16, Transport, &str); 6] = [
    (443, Tcp, "clients"),
    (8448, Tcp, "other servers"),
    (80, Tcp, "redirects to https"),
    (3478, Udp, "calls"),
    (3478, Tcp, "calls"),
    (5349, Tcp, "calls with TLS"),
];

/// Checks the ports. `own` is the port behind a proxy and in a local network.
pub(crate) fn check(world: &dyn World, reach: Reach, own: u16) -> Vec<Finding> {
    let needed: Vec<(u16, Transport, &str)> = match reach {
        Reach::Internet => INTERNET.to_vec(),
        // The relay is not behind the proxy.
        Reach::Proxy => [&[(own, Tcp, "the proxy")], &INTERNET[3..]].concat(),
        Reach::Lan => vec![(own, Tcp, "clients")],
    };
    let (mut free, mut findings) = (Vec::new(), Vec::new());
    for (port, transport, purpose) in needed {
        let shown = format!("port {port} {} (for {purpose})", transport.as_str());
        match world.port(port, transport) {
            PortState::Free => free.push(format!("{port} {}", transport.as_str())),
            PortState::Taken(Some((program, _))) if program == "hearth" => {
                findings.push(Finding::good(format!("A Hearth that runs already has {shown}.")));
            }
            PortState::Taken(by) => findings.push(taken(&shown, (port, transport), by, port == own)),
            // The unit of systemd opens it for the server.
            PortState::Denied if world.has_systemd() => free.push(format!("{port} {}", transport.as_str())),
            PortState::Denied => {
                let text = format!("This account may not use {shown}.");
                findings.push(Finding::wrong(text, "Start setup with `sudo`, which makes the service that may."));
            }
            PortState::Failed(why) => {
                findings.push(Finding::warning(format!("Whether {shown} is free cannot be told: {why}."), ""));
            }
        }
    }
    if !free.is_empty() {
        findings.insert(0, Finding::good(format!("Free ports: {}.", free.join(", "))));
    }
    findings
}

/// `is_own`: the port that can be chosen, behind a proxy and in a local network.
fn taken(shown: &str, (port, transport): (u16, Transport), by: Option<(String, u32)>, is_own: bool) -> Finding {
    let way_out = match is_own {
        true => "or start setup again with another port (--port).",
        false => "or, if it is a web server that stays, choose 2 and let it forward to Hearth.",
    };
    let flag = if transport == Udp { "u" } else { "t" };
    match by {
        Some((program, id)) => Finding::wrong(
            format!("The program {program} (process {id}) has {shown}."),
            format!("Stop it (`sudo systemctl disable --now {program}`, if that is its service); {way_out}"),
        ),
        None => Finding::wrong(
            format!("Another program has {shown}."),
            format!("`sudo ss -{flag}lnp 'sport = :{port}'` shows which. Stop it; {way_out}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;
    use crate::tests::FakeWorld;

    #[test]
    fn the_holder_of_a_port_is_named() {
        let mut world = FakeWorld::default();
        assert_eq!(check(&world, Reach::Internet, 8008).len(), 1);
        world.ports.insert((443, Tcp), PortState::Taken(Some(("nginx".to_owned(), 7))));
        world.ports.insert((80, Tcp), PortState::Taken(None));
        world.ports.insert((3478, Udp), PortState::Taken(Some(("hearth".to_owned(), 8))));
        let found = check(&world, Reach::Internet, 8008);
        let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(texts.iter().any(|text| text.contains("nginx (process 7) has port 443 TCP")), "{texts:#?}");
        assert!(texts.iter().any(|text| text.contains("ss -tlnp 'sport = :80'")), "{texts:#?}");
        assert_eq!(found.iter().filter(|found| found.level == Level::Wrong).count(), 2);
        assert_eq!(check(&world, Reach::Lan, 8008).len(), 1, "other ports do not matter there");
        world.ports.insert((8008, Tcp), PortState::Taken(None));
        assert!(check(&world, Reach::Lan, 8008)[0].fix.contains("--port"), "a port that can be chosen");
    }

    #[test]
    fn the_service_may_use_ports_that_this_account_may_not() {
        let mut world = FakeWorld::default();
        world.ports.insert((443, Tcp), PortState::Denied);
        assert!(check(&world, Reach::Internet, 8008).iter().any(|found| found.level == Level::Wrong));
        world.has_systemd = true;
        assert!(check(&world, Reach::Internet, 8008).iter().all(|found| found.level == Level::Good));
    }
}
