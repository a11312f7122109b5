//! Peers that cannot be reached: clients are told, and nobody else is harmed.

use std::net::{SocketAddr, UdpSocket};

use hearth_turn::limits::UNREACHABLE_BURST;
use hearth_turn::stun::{Class, Message, Method, Writer, attribute};

use super::client::{Client, Datagrams, Link};
use super::harness::{Echo, Relay};

/// Sends in one piece or not at all, as those do who want to know what becomes of it.
fn send_whole(client: &mut Client<Datagrams>, peer: SocketAddr) {
    let mut out = Vec::new();
    Writer::new(&mut out, Method::SEND, Class::Indication, [8; 12])
        .put_address(attribute::XOR_PEER_ADDRESS, peer)
        .put(attribute::DONT_FRAGMENT, &[])
        .put(attribute::DATA, b"anybody?");
    client.link.send(&out);
}

/// An address of a port that was bound and closed: nothing listens there.
fn closed_address() -> SocketAddr {
    UdpSocket::bind("127.0.0.2:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_client_is_told_that_no_one_listens() {
    for batches in [true, false] {
        let relay = Relay::with(|settings| settings.batches = batches);
        let mut client = Client::new(Datagrams::to(relay.udp()));
        client.allocate();
        let peer = closed_address();
        assert_eq!(client.permit(peer), 0);
        send_whole(&mut client, peer);
        let packet = client.link.receive().expect("nothing was told");
        let message = Message::parse(&packet).unwrap();
        assert_eq!((message.class(), message.method()), (Class::Indication, Method::DATA));
        assert_eq!(message.addresses(attribute::XOR_PEER_ADDRESS).collect::<Vec<_>>(), [Some(peer)]);
        assert!(message.get(attribute::DATA).is_none());
        // Destination unreachable (3) in seven bits, port (3) in nine.
        assert_eq!(message.get(attribute::ICMP).unwrap().value, [0, 0, 6, 3, 0, 0, 0, 0]);
    }
}

#[test]
fn others_lose_nothing_by_it() {
    const ROUNDS: usize = 300;
    for batches in [true, false] {
        let (relay, echo, peer) = (Relay::with(|settings| settings.batches = batches), Echo::start(), closed_address());
        let mut client = Client::new(Datagrams::to(relay.udp()));
        client.allocate();
        assert_eq!(client.bind(0x4000, echo.at), 0);
        assert_eq!(client.permit(peer), 0);
        let mut told = 0;
        for round in 0..ROUNDS {
            send_whole(&mut client, peer);
            let sent = [round as u8; 300];
            client.send_channel(0x4000, &sent);
            client.send_channel(0x4000, &sent);
            client.send(peer, b"anybody?");
            let mut echoed = 0;
            while echoed < 2 {
                let packet = client.link.receive().expect("an echo was lost");
                if packet[0] == 0x40 {
                    assert_eq!(packet[4..], sent);
                    echoed += 1;
                } else {
                    assert!(Message::parse(&packet).unwrap().get(attribute::ICMP).is_some());
                    told += 1;
                }
            }
        }
        // A few at once, and then ten a second; rounds take far less than a second together.
        assert!((1..UNREACHABLE_BURST as usize + 50).contains(&told), "told {told} times");
        assert_eq!(relay.running.counters().refused(hearth_turn::Refusal::Backpressure), 0);
    }
}

#[test]
fn who_does_not_want_to_know_is_not_told() {
    let (relay, echo, peer) = (Relay::start(), Echo::start(), closed_address());
    let mut client = Client::new(Datagrams::to(relay.udp()));
    client.allocate();
    assert_eq!(client.permit(peer), 0);
    assert_eq!(client.permit(echo.at), 0);
    client.send(peer, b"anybody?");
    client.send(echo.at, b"hello");
    assert_eq!(client.receive(), Some((Err(echo.at), b"hello".to_vec())));
}
