//! The relay's self-test.

use std::sync::Arc;
use std::time::Duration;

use hearth_turn::Transport;
use hearth_turn::probe::{Probe, ProbeError, probe};

use super::harness::{Relay, credentials};
use super::streams::tls;

fn to(relay: &Relay, transport: Transport) -> Probe {
    let at = match transport {
        Transport::Udp => relay.udp(),
        Transport::Tcp => relay.tcp(),
        Transport::Tls => *relay.running.stream_addresses().last().unwrap(),
    };
    let credentials = [credentials("@alice:example.org"), credentials("@alice:example.org")];
    let wait = Duration::from_millis(500);
    Probe { host: "127.0.0.1".to_owned(), port: at.port(), transport, tls: None, credentials, wait }
}

#[tokio::test]
async fn every_transport_works() {
    let (server, trusting) = tls();
    let relay = Relay::with(|settings| {
        settings.tls = vec!["127.0.0.1:0".parse().unwrap()];
        settings.tls_config = Some(Arc::new(move || Arc::clone(&server)));
    });
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut wanted = to(&relay, transport);
        if transport == Transport::Tls {
            (wanted.host, wanted.tls) = ("localhost".to_owned(), Some(Arc::clone(&trusting)));
        }
        let report = probe(&wanted).await.unwrap();
        assert_eq!((report.sent, report.returned), (50, 50), "{transport:?}");
        assert!(report.round_trip > Duration::ZERO && report.relayed[0] != report.relayed[1]);
    }
    // The library does not wait for the answer when it gives an address back.
    for _ in 0..200 {
        if relay.running.allocation_count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(relay.running.allocation_count(), 0, "given back");
}

#[tokio::test]
async fn failures_are_distinguished() {
    let relay = Relay::start();
    let mut wrong = to(&relay, Transport::Udp);
    wrong.credentials[0].password.push('x');
    assert!(matches!(probe(&wrong).await, Err(ProbeError::Refused { code: 401, .. })));
    let mut silent = to(&relay, Transport::Udp);
    silent.port = 9;
    assert!(matches!(probe(&silent).await, Err(ProbeError::Silence(_))));
    let mut closed = to(&relay, Transport::Tcp);
    closed.port = 9;
    assert!(matches!(probe(&closed).await, Err(ProbeError::Connect { .. })));
    let mut nowhere = to(&relay, Transport::Udp);
    nowhere.host = "nowhere.invalid".to_owned();
    assert!(matches!(probe(&nowhere).await, Err(ProbeError::Name(_))));
    let untrusted = Relay::with(|settings| {
        let (server, _) = tls();
        settings.tls = vec!["127.0.0.1:0".parse().unwrap()];
        settings.tls_config = Some(Arc::new(move || Arc::clone(&server)));
    });
    let mut wanted = to(&untrusted, Transport::Tls);
    (wanted.host, wanted.tls) = ("localhost".to_owned(), Some(tls().1));
    assert!(matches!(probe(&wanted).await, Err(ProbeError::Tls(_))));
}
