//! Permissions, channels and relayed data.

use super::*;
use crate::limits::{CHANNEL_MS, PERMISSION_MS};

const CLIENT: &str = "192.0.2.1:5000";
const RELAY: RelayKey = RelayKey(0);

fn peer() -> SocketAddr {
    PEER.parse().unwrap()
}

fn ready() -> Bench {
    let mut bench = Bench::new();
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 0);
    bench
}

fn channel(number: u16, data: &[u8]) -> Vec<u8> {
    [&channel_data::header(number, u16::try_from(data.len()).unwrap())[..], data].concat()
}

#[test]
fn data_needs_a_permission_in_both_directions() {
    let mut bench = ready();
    assert_eq!(bench.send(&five_tuple(CLIENT), peer(), b"hello"), PacketOutcome::Nothing);
    assert_eq!(bench.peer_sends(RELAY, PEER, b"hello"), None);
    assert_eq!(bench.refused(Refusal::Permission), 2);
    assert_eq!(bench.permit(&five_tuple(CLIENT), &[PEER]), 0);
    let PacketOutcome::ToPeer { relay, peer: to, payload, dont_fragment } =
        bench.send(&five_tuple(CLIENT), peer(), b"hello")
    else {
        panic!("not sent");
    };
    assert_eq!((relay, to, payload.len(), dont_fragment), (RELAY, peer(), 5, false));
    assert!(bench.peer_sends(RELAY, PEER, b"hello").is_some());
    // A permission covers all ports of the address.
    assert!(bench.peer_sends(RELAY, "9.9.9.9:1", b"hello").is_some());
    assert!(bench.peer_sends(RELAY, "9.9.9.10:4444", b"hello").is_none());
}

#[test]
fn webrtc_rs_reads_data_indications() {
    for peer in [PEER, "[2600::1]:4444"] {
        for data in [&b""[..], b"a", b"abcd", b"abcdefg"] {
            let mut bench = Bench::new();
            bench.ask(&five_tuple(CLIENT), Method::ALLOCATE, |w| {
                w.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
                    .put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
            });
            assert_eq!(bench.permit(&five_tuple(CLIENT), &[peer]), 0);
            let relay = if peer == PEER { RelayKey(0) } else { RelayKey(1) };
            let packet = bench.peer_sends(relay, peer, data).unwrap();
            let message = Message::parse(&packet).unwrap();
            assert_eq!((message.class(), message.method()), (Class::Indication, Method::DATA));
            assert_eq!(message.get(attribute::DATA).unwrap().value, data);
            let from: Vec<_> = message.addresses(attribute::XOR_PEER_ADDRESS).collect();
            assert_eq!(from, [Some(peer.parse().unwrap())]);
            let mut theirs = stun::message::Message { raw: packet.clone(), ..Default::default() };
            theirs.decode().unwrap();
        }
    }
}

#[test]
fn channels_carry_data_in_both_directions() {
    let mut bench = ready();
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x4001, peer()), 0);
    let (outcome, _) = bench.raw(&five_tuple(CLIENT), &channel(0x4001, b"hello"));
    assert_eq!(outcome, PacketOutcome::ToPeer { relay: RELAY, peer: peer(), payload: 4..9, dont_fragment: false });
    assert_eq!(bench.peer_sends(RELAY, PEER, b"hello").unwrap(), channel(0x4001, b"hello"));
    // Another port of the peer has no channel.
    assert_eq!(bench.peer_sends(RELAY, "9.9.9.9:1", b"hello").unwrap()[..2], [0, 0x17]);
    assert_eq!(bench.raw(&five_tuple(CLIENT), &channel(0x4002, b"hello")).0, PacketOutcome::Nothing);
    assert_eq!(bench.raw(&five_tuple("192.0.2.1:5001"), &channel(0x4001, b"hello")).0, PacketOutcome::Nothing);
    let totals = &bench.server.allocations(bench.now_ms)[0];
    assert_eq!((totals.to_peers, totals.to_clients.packets), (Traffic { packets: 1, bytes: 5 }, 2));
}

#[test]
fn channel_data_is_padded_on_streams() {
    let mut bench = Bench::new();
    let stream = FiveTuple { transport: Transport::Tcp, ..five_tuple(CLIENT) };
    bench.allocate(&stream);
    bench.bind(&stream, 0x4001, peer());
    assert_eq!(bench.peer_sends(RELAY, PEER, b"hello").unwrap(), [&channel(0x4001, b"hello")[..], &[0; 3]].concat());
}

#[test]
fn channel_bind_follows_the_rfc() {
    let mut bench = ready();
    let other: SocketAddr = "9.9.9.10:4444".parse().unwrap();
    for number in [0x0000, 0x3FFF, 0x8000, 0xFFFF] {
        assert_eq!(bench.bind(&five_tuple(CLIENT), number, peer()), 400);
    }
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x4000, peer()), 0);
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x4000, peer()), 0);
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x4000, other), 400);
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x4001, peer()), 400);
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x7FFF, other), 0);
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x4002, "[2600::1]:1".parse().unwrap()), 443);
    assert_eq!(bench.ask(&five_tuple(CLIENT), Method::CHANNEL_BIND, |_| {}).code, 400);
    let no_peer = bench
        .ask(&five_tuple(CLIENT), Method::CHANNEL_BIND, |w| _ = w.put_number(attribute::CHANNEL_NUMBER, 0x4003_0000));
    assert_eq!(no_peer.code, 400);
}

#[test]
fn one_request_permits_all_peers_or_none() {
    let mut bench = ready();
    assert_eq!(bench.permit(&five_tuple(CLIENT), &["9.9.9.1:1", "9.9.9.2:1", "9.9.9.3:1"]), 0);
    for peer in ["9.9.9.1:7", "9.9.9.2:7", "9.9.9.3:7"] {
        assert!(bench.peer_sends(RELAY, peer, b"x").is_some());
    }
    assert_eq!(bench.permit(&five_tuple(CLIENT), &["9.9.9.4:1", "10.0.0.1:1"]), 403);
    assert_eq!(bench.permit(&five_tuple(CLIENT), &["9.9.9.4:1", "[2600::1]:1"]), 443);
    assert!(bench.peer_sends(RELAY, "9.9.9.4:7", b"x").is_none());
    assert_eq!(bench.permit(&five_tuple(CLIENT), &[]), 400);
    let malformed =
        bench.ask(&five_tuple(CLIENT), Method::CREATE_PERMISSION, |w| _ = w.put(attribute::XOR_PEER_ADDRESS, &[0, 1]));
    assert_eq!(malformed.code, 400);
}

#[test]
fn permissions_and_channels_expire() {
    let mut bench = ready();
    bench.refresh(&five_tuple(CLIENT), 3_600);
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x4001, peer()), 0);
    let packet = channel(0x4001, b"hello");
    bench.now_ms += PERMISSION_MS - 1;
    assert_ne!(bench.raw(&five_tuple(CLIENT), &packet).0, PacketOutcome::Nothing);
    bench.now_ms += 1;
    assert_eq!(bench.raw(&five_tuple(CLIENT), &packet).0, PacketOutcome::Nothing, "a channel is no permission");
    assert_eq!(bench.peer_sends(RELAY, PEER, b"hello"), None);
    assert_eq!(bench.permit(&five_tuple(CLIENT), &[PEER]), 0);
    assert_ne!(bench.raw(&five_tuple(CLIENT), &packet).0, PacketOutcome::Nothing);
    bench.now_ms += CHANNEL_MS - PERMISSION_MS;
    assert_eq!(bench.permit(&five_tuple(CLIENT), &[PEER]), 0);
    assert_eq!(bench.raw(&five_tuple(CLIENT), &packet).0, PacketOutcome::Nothing, "a permission is no channel");
    assert_eq!(bench.peer_sends(RELAY, PEER, b"hello").unwrap()[..2], [0, 0x17]);
}

#[test]
fn dont_fragment_reaches_the_datagram() {
    let mut bench = ready();
    bench.permit(&five_tuple(CLIENT), &[PEER]);
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, Method::SEND, Class::Indication, [0; 12]);
    writer
        .put_address(attribute::XOR_PEER_ADDRESS, peer())
        .put(attribute::DONT_FRAGMENT, &[])
        .put(attribute::DATA, b"x");
    assert!(matches!(bench.raw(&five_tuple(CLIENT), &out).0, PacketOutcome::ToPeer { dont_fragment: true, .. }));
}

#[test]
fn two_clients_of_the_relay_reach_each_other() {
    let mut bench = ready();
    let other = bench.allocate(&five_tuple("192.0.2.1:6000")).address(attribute::XOR_RELAYED_ADDRESS);
    let mine = bench.sockets.open[0].1;
    assert_eq!(bench.permit_all(&five_tuple(CLIENT), &[other]), 0);
    assert_eq!(bench.permit_all(&five_tuple("192.0.2.1:6000"), &[mine]), 0);
    // Sent to the local address, so that no NAT has to support hairpinning …
    let PacketOutcome::ToPeer { peer: to, .. } = bench.send(&five_tuple(CLIENT), other, b"hello") else {
        panic!("not sent")
    };
    assert_eq!(to, SocketAddr::new(LOCAL_V4.parse().unwrap(), other.port()));
    // … and received from the public one.
    let from = SocketAddr::new(LOCAL_V4.parse().unwrap(), mine.port()).to_string();
    let packet = bench.peer_sends(RelayKey(2), &from, b"hello").unwrap();
    let seen: Vec<_> = Message::parse(&packet).unwrap().addresses(attribute::XOR_PEER_ADDRESS).collect();
    assert_eq!(seen, [Some(mine)]);
    // Other ports of this machine stay closed, although the permission is for the address.
    let service = SocketAddr::new(PUBLIC_V4.parse().unwrap(), 53);
    assert_eq!(bench.send(&five_tuple(CLIENT), service, b"hello"), PacketOutcome::Nothing);
    bench.refresh(&five_tuple("192.0.2.1:6000"), 0);
    assert_eq!(
        bench.send(&five_tuple(CLIENT), other, b"hello"),
        PacketOutcome::Nothing,
        "the port is not ours any more"
    );
}
