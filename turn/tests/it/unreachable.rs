//! ICMP errors about unreachable peers are reported, and affect no other peer.

use std::net::{SocketAddr, UdpSocket};

use hearth_turn::limits::UNREACHABLE_BURST;
use hearth_turn::stun::{Class, Message, Method, Writer, attribute};

use super::client::{Client, Datagrams, Link};
use super::harness::{Echo, Relay};

/// Sends with DONT-FRAGMENT, as a client does that runs path MTU discovery.
fn send_dont_fragment(client: &mut Client<Datagrams>, peer: SocketAddr) {
    let mut out = Vec::new();
    Writer::new(&mut out, Method::SEND, Class::Indication, [8; 12])
        .put_address(attribute::XOR_PEER_ADDRESS, peer)
        .put(attribute::DONT_FRAGMENT, &[])
        .put(attribute::DATA, b"datagram");
    client.link.send(&out);
}

/// An address with a closed port.
fn closed_port() -> SocketAddr {
    UdpSocket::bind("127.0.0.2:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_closed_port_is_reported() {
    for batches in [true, false] {
        let relay = Relay::with(|settings| settings.batches = batches);
        let mut client = Client::new(Datagrams::to(relay.udp()));
        client.allocate();
        let peer = closed_port();
        assert_eq!(client.permit(peer), 0);
        send_dont_fragment(&mut client, peer);
        let packet = client.link.receive().expect("no report arrived");
        let message = Message::parse(&packet).unwrap();
        assert_eq!((message.class(), message.method()), (Class::Indication, Method::DATA));
        assert_eq!(message.addresses(attribute::XOR_PEER_ADDRESS).collect::<Vec<_>>(), [Some(peer)]);
        assert!(message.get(attribute::DATA).is_none());
        // Type 3 (destination unreachable) in seven bits, code 3 (port) in nine.
        assert_eq!(message.get(attribute::ICMP).unwrap().value, [0, 0, 6, 3, 0, 0, 0, 0]);
    }
}

#[test]
fn other_peers_lose_no_data() {
    const ROUNDS: usize = 300;
    for batches in [true, false] {
        let (relay, echo, peer) = (Relay::with(|settings| settings.batches = batches), Echo::start(), closed_port());
        let mut client = Client::new(Datagrams::to(relay.udp()));
        client.allocate();
        assert_eq!(client.bind(0x4000, echo.at), 0);
        assert_eq!(client.permit(peer), 0);
        let mut reports = 0;
        for round in 0..ROUNDS {
            send_dont_fragment(&mut client, peer);
            let sent = [round as u8; 300];
            client.send_channel(0x4000, &sent);
            client.send_channel(0x4000, &sent);
            client.send(peer, b"datagram");
            let mut echoed = 0;
            while echoed < 2 {
                let packet = client.link.receive().expect("an echo was lost");
                if packet[0] == 0x40 {
                    assert_eq!(packet[4..], sent);
                    echoed += 1;
                } else {
                    assert!(Message::parse(&packet).unwrap().get(attribute::ICMP).is_some());
                    reports += 1;
                }
            }
        }
        // A burst, then ten per second; all rounds together take far less than a second.
        assert!((1..UNREACHABLE_BURST as usize + 50).contains(&reports), "{reports} reports");
        assert_eq!(relay.running.counters().refused(hearth_turn::Refusal::Backpressure), 0);
    }
}

#[test]
fn clients_without_dont_fragment_get_no_reports() {
    let (relay, echo, peer) = (Relay::start(), Echo::start(), closed_port());
    let mut client = Client::new(Datagrams::to(relay.udp()));
    client.allocate();
    assert_eq!(client.permit(peer), 0);
    assert_eq!(client.permit(echo.at), 0);
    client.send(peer, b"datagram");
    client.send(echo.at, b"hello");
    assert_eq!(client.receive(), Some((Err(echo.at), b"hello".to_vec())));
}
