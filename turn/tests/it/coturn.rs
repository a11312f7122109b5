//! coturn's own test tools against our relay (Debian: `apt-get install coturn`). Without them, the tests say so and pass.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use super::harness::{Echo, Relay, credentials};
use super::streams::tls;

fn run(tool: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(tool).args(arguments).output() {
        Ok(output) => Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()),
        Err(_) => {
            println!("SKIPPED: {tool} is not installed (Debian: apt-get install coturn)");
            None
        }
    }
}

/// Runs `turnutils_uclient` with 4 clients and 100 messages each; every message must come back.
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

#[test]
fn turnutils_uclient_between_its_own_clients_over_udp() {
    uclient(Relay::start().udp(), &["-y", "-c"]);
}

#[test]
fn turnutils_uclient_with_send_indications() {
    uclient(Relay::start().udp(), &["-y", "-c", "-s"]);
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
fn turnutils_uclient_over_tcp() {
    uclient(Relay::start().tcp(), &["-y", "-c", "-t"]);
}

#[test]
fn turnutils_uclient_over_tls() {
    let (server, _) = tls();
    let relay = Relay::with(|settings| {
        settings.tls = vec!["127.0.0.1:0".parse().unwrap()];
        settings.tls_config = Some(Arc::new(move || Arc::clone(&server)));
    });
    uclient(*relay.running.stream_addresses().last().unwrap(), &["-y", "-c", "-t", "-S"]);
}

#[test]
fn turnutils_uclient_with_ipv6_relays() {
    uclient(Relay::start().udp(), &["-y", "-c", "-x"]);
}

#[test]
fn turnutils_stunclient_learns_its_address() {
    let relay = Relay::start();
    let port = relay.udp().port().to_string();
    if let Some(text) = run("turnutils_stunclient", &["-p", &port, "127.0.0.1"]) {
        assert!(text.contains("UDP reflexive addr: 127.0.0.1:"), "{text}");
    }
}
