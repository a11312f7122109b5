//! coturn's test tools against this relay (Debian: `apt-get install coturn`). Without them the tests are
//! skipped with a message, unless `HEARTH_REQUIRE_COTURN` is set.

use std::net::SocketAddr;
use std::process::Command;

use hearth_turn::Transport;

use super::harness::{Echo, Relay, credentials};
use super::streams::relay_at;

#[expect(clippy::disallowed_methods, reason = "whether a missing tool is an error")]
fn run(tool: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(tool).args(arguments).output() {
        Ok(output) => Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()),
        Err(error) => {
            assert!(std::env::var_os("HEARTH_REQUIRE_COTURN").is_none(), "{tool} does not run: {error}");
            println!("SKIPPED: {tool} is not installed (Debian: apt-get install coturn)");
            None
        }
    }
}

/// Runs `turnutils_uclient` with 4 clients and 100 messages each. Every message must come back.
fn uclient(at: SocketAddr, more: &[&str]) {
    let credentials = credentials("@alice:example.org");
    let port = at.port().to_string();
    let ip = at.ip().to_string();
    let mut arguments = vec!["-n", "100", "-m", "4", "-l", "160", "-p", &port];
    arguments.extend(["-u", &credentials.username, "-w", &credentials.password]);
    arguments.extend(more);
    arguments.push(&ip);
    if let Some(text) = run("turnutils_uclient", &arguments) {
        let lost_none = text.contains("Total lost packets 0 (0.000000%), total send dropped 0 (0.000000%)");
        assert!(lost_none && text.contains("tot_send_msgs=400, tot_recv_msgs=400"), "{more:?}:\n{text}");
    }
}

/// The tool's clients send to each other, over every combination of address families.
fn between_clients(transport: Transport) {
    for ip in ["127.0.0.1", "::1"] {
        let at = relay_at(ip);
        for relayed_v6 in [false, true] {
            let mut more = vec!["-y", "-c"];
            more.extend(match transport {
                Transport::Udp => &[][..],
                Transport::Tcp => &["-t"],
                Transport::Tls => &["-t", "-S"],
            });
            more.extend(relayed_v6.then_some("-x"));
            uclient(at.address(transport), &more);
        }
    }
}

#[test]
fn turnutils_uclient_over_udp() {
    between_clients(Transport::Udp);
}

#[test]
fn turnutils_uclient_over_tcp() {
    between_clients(Transport::Tcp);
}

#[test]
fn turnutils_uclient_over_tls() {
    between_clients(Transport::Tls);
}

#[test]
fn turnutils_uclient_with_send_indications() {
    for ip in ["127.0.0.1", "::1"] {
        uclient(relay_at(ip).address(Transport::Udp), &["-y", "-c", "-s"]);
    }
}

#[test]
fn turnutils_uclient_with_dont_fragment() {
    uclient(Relay::start().udp(), &["-y", "-c", "-g"]);
}

#[test]
fn turnutils_uclient_to_a_peer() {
    let (relay, echo) = (Relay::start(), Echo::start());
    let (ip, port) = (echo.at.ip().to_string(), echo.at.port().to_string());
    uclient(relay.udp(), &["-c", "-e", &ip, "-r", &port]);
}

#[test]
fn turnutils_stunclient_learns_its_address() {
    for ip in ["127.0.0.1", "::1"] {
        let at = relay_at(ip);
        let port = at.relay.udp().port().to_string();
        if let Some(text) = run("turnutils_stunclient", &["-p", &port, ip]) {
            assert!(text.contains(&format!("UDP reflexive addr: {ip}:")), "{text}");
        }
    }
}
