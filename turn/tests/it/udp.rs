//! Relaying over UDP.

use std::net::{SocketAddr, UdpSocket};

use hearth_turn::stun::attribute;

use super::client::{Client, Datagrams};
use super::harness::{Echo, Relay, wait_until};

#[test]
fn data_is_relayed() {
    let (relay, echo) = (Relay::start(), Echo::start());
    let mut client = Client::new(Datagrams::to(relay.udp()));
    client.allocate();
    client.passes_data(echo.at);
    let views = relay.running.allocations();
    assert_eq!((views.len(), views[0].to_peers.packets, views[0].to_clients.packets), (1, 14, 14));
}

#[test]
fn data_is_relayed_without_batches() {
    let (relay, echo) = (Relay::with(|settings| settings.batches = false), Echo::start());
    let mut client = Client::new(Datagrams::to(relay.udp()));
    client.allocate();
    client.passes_data(echo.at);
}

#[test]
fn data_is_relayed_where_requests_and_data_share_a_socket() {
    let relay = Relay::with(|settings| settings.separate_requests = false);
    let echo = Echo::start();
    for _ in 0..4 {
        let mut client = Client::new(Datagrams::to(relay.udp()));
        client.allocate();
        client.passes_data(echo.at);
    }
}

#[test]
fn two_relays_do_not_share_an_address() {
    let relay = Relay::start();
    let mut settings = hearth_turn::Settings::new();
    settings.udp = vec![relay.udp()];
    let auth = super::harness::TestAuth { now_unix_s: 0.into(), revoked: false.into() };
    let error = hearth_turn::start(settings, std::sync::Arc::new(auth), std::sync::Arc::new(|_| {})).unwrap_err();
    assert!(error.to_string().contains(&relay.udp().to_string()), "{error}");
}

#[test]
fn data_is_relayed_when_listening_on_all_addresses() {
    let relay = Relay::with(|settings| settings.udp = vec!["0.0.0.0:0".parse().unwrap(), "[::]:0".parse().unwrap()]);
    let echo = Echo::start();
    let ports: Vec<u16> = relay.running.udp_addresses().iter().map(SocketAddr::port).collect();
    // The client's socket is connected, so a response from another address would be dropped.
    for at in [format!("127.0.0.1:{}", ports[0]), format!("127.0.0.7:{}", ports[0]), format!("[::1]:{}", ports[1])] {
        let mut client = Client::new(Datagrams::to(at.parse().unwrap()));
        client.allocate();
        client.passes_data(echo.at);
    }
}

#[test]
fn bursts_arrive_complete_and_in_order() {
    // Listening on one address, and on all, where each datagram carries its source address.
    for at in ["127.0.0.1", "0.0.0.0", "[::]"] {
        bursts(&Relay::with(|settings| settings.udp = vec![format!("{at}:0").parse().unwrap()]));
    }
}

fn bursts(relay: &Relay) {
    let echo = Echo::start();
    let ip = if relay.udp().is_ipv4() { "127.0.0.1" } else { "::1" };
    let mut client = Client::new(Datagrams::to(SocketAddr::new(ip.parse().unwrap(), relay.udp().port())));
    client.allocate();
    assert_eq!(client.bind(0x4000, echo.at), 0);
    for round in 0..50u32 {
        // Equal lengths use segmentation offload, others do not.
        let sizes = [500, 500, 500, 20, 500, 500, 30, 30, 700, 1_450, 1_450, 1_450, 9, 9, 9, 1];
        let sent: Vec<Vec<u8>> = (0u32..).zip(sizes).map(|(index, size)| vec![(round + index) as u8; size]).collect();
        sent.iter().for_each(|data| client.send_channel(0x4000, data));
        for data in sent {
            assert_eq!(client.receive(), Some((Ok(0x4000), data)));
        }
    }
    let counters = relay.running.counters();
    assert_eq!(counters.refused(hearth_turn::Refusal::Backpressure), 0);
}

#[test]
fn two_clients_of_the_relay_reach_each_other() {
    for family in [1, 2] {
        let relay = Relay::start();
        let mut clients =
            [0, 1].map(|index| Client::of(Datagrams::to(relay.udp()), &format!("@user{index}:example.org")));
        let relayed = clients.each_mut().map(|client| {
            let answer = client.allocate_with(&|w| _ = w.put(attribute::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]));
            assert_eq!(answer.code, 0);
            answer.address(attribute::XOR_RELAYED_ADDRESS)
        });
        let [one, other] = &mut clients;
        assert_eq!(one.permit(relayed[1]), 0);
        assert_eq!(other.permit(relayed[0]), 0);
        one.send(relayed[1], b"ping");
        assert_eq!(other.receive(), Some((Err(relayed[0]), b"ping".to_vec())));
        other.send(relayed[0], b"pong");
        assert_eq!(one.receive(), Some((Err(relayed[1]), b"pong".to_vec())));
    }
}

#[test]
fn a_reserved_port_stays_bound_and_is_handed_out() {
    let relay = Relay::start();
    let mut first = Client::new(Datagrams::to(relay.udp()));
    let answer = first.allocate_with(&|writer| _ = writer.put(attribute::EVEN_PORT, &[0x80]));
    assert_eq!(answer.code, 0);
    let at = answer.address(attribute::XOR_RELAYED_ADDRESS);
    assert_eq!(at.port() % 2, 0);
    let next = SocketAddr::new(at.ip(), at.port() + 1);
    assert!(UdpSocket::bind(next).is_err(), "the next port is free");
    let token = answer.message().get(attribute::RESERVATION_TOKEN).unwrap().value.to_vec();
    // On either thread.
    let mut thief = Client::of(Datagrams::to(relay.udp()), "@mallory:example.org");
    assert_eq!(thief.allocate_with(&|writer| _ = writer.put(attribute::RESERVATION_TOKEN, &token)).code, 508);
    let mut second = Client::new(Datagrams::to(relay.udp()));
    let answer = second.allocate_with(&|writer| _ = writer.put(attribute::RESERVATION_TOKEN, &token));
    assert_eq!((answer.code, answer.address(attribute::XOR_RELAYED_ADDRESS)), (0, next));
    let mut third = Client::new(Datagrams::to(relay.udp()));
    assert_eq!(third.allocate_with(&|writer| _ = writer.put(attribute::RESERVATION_TOKEN, &token)).code, 508);
}

#[test]
fn ports_come_from_the_range_and_are_reused() {
    let relay = Relay::with(|settings| settings.ports = 51_200..=51_203);
    let mut clients: Vec<_> = (0..5).map(|_| Client::new(Datagrams::to(relay.udp()))).collect();
    let codes: Vec<u16> = clients.iter_mut().map(|client| client.try_allocate().code).collect();
    assert_eq!(codes, [0, 0, 0, 0, 508]);
    assert_eq!(clients[0].refresh(0), 0);
    let at = clients[4].allocate();
    assert!((51_200..=51_203).contains(&at.port()));
}

#[test]
fn peers_without_a_permission_are_dropped() {
    let (relay, echo) = (Relay::start(), Echo::start());
    let mut client = Client::new(Datagrams::to(relay.udp()));
    let relayed = client.allocate();
    let stranger = UdpSocket::bind("127.0.0.3:0").unwrap();
    assert_eq!(client.permit(echo.at), 0);
    stranger.send_to(b"let me in", relayed).unwrap();
    client.send(echo.at, b"x");
    assert_eq!(client.receive(), Some((Err(echo.at), b"x".to_vec())));
    wait_until("it is counted", || relay.running.counters().refused(hearth_turn::Refusal::Permission) == 1);
}
