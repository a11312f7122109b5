//! ICMP errors in Data indications.

use super::*;
use crate::limits::{UNREACHABLE_BURST, UNREACHABLE_INTERVAL_MS};

const CLIENT: &str = "192.0.2.1:5000";
const NO_PORT: Icmp = Icmp { kind: 3, code: 3, mtu: 0 };
const V6_PEER: &str = "[2600::1]:4444";

/// A client with both address families that has sent DONT-FRAGMENT.
fn ready() -> Bench {
    let mut bench = Bench::new();
    bench.ask(&five_tuple(CLIENT), Method::ALLOCATE, |w| {
        w.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    });
    assert_eq!(bench.permit(&five_tuple(CLIENT), &[PEER, V6_PEER]), 0);
    let mut out = Vec::new();
    Writer::new(&mut out, Method::SEND, Class::Indication, [0; 12])
        .put_address(attribute::XOR_PEER_ADDRESS, PEER.parse().unwrap())
        .put(attribute::DONT_FRAGMENT, &[])
        .put(attribute::DATA, b"x");
    assert_ne!(bench.raw(&five_tuple(CLIENT), &out).0, PacketOutcome::Nothing);
    bench
}

fn report(bench: &mut Bench, peer: &str, icmp: Icmp) -> Option<Vec<u8>> {
    let (peer, mut reply): (SocketAddr, _) = (peer.parse().unwrap(), Vec::new());
    let relay = RelayKey(u32::from(peer.is_ipv6()));
    let told = bench.server.peer_unreachable(bench.now_ms, relay, peer, icmp, &mut reply)?;
    assert_eq!(told, five_tuple(CLIENT));
    Some(reply)
}

#[test]
fn the_report_has_peer_type_code_and_mtu() {
    let cases = [
        (PEER, NO_PORT, [0, 0, 6, 3, 0, 0, 0, 0]),
        (PEER, Icmp { kind: 11, code: 0, mtu: 77 }, [0, 0, 22, 0, 0, 0, 0, 0]),
        (PEER, Icmp::too_big(true, 1_280), [0, 0, 6, 4, 0, 0, 5, 0]),
        (V6_PEER, Icmp { kind: 1, code: 4, mtu: 77 }, [0, 0, 2, 4, 0, 0, 0, 0]),
        (V6_PEER, Icmp { kind: 3, code: 1, mtu: 0 }, [0, 0, 6, 1, 0, 0, 0, 0]),
        (V6_PEER, Icmp::too_big(false, 1_280), [0, 0, 4, 0, 0, 0, 5, 0]),
    ];
    let mut bench = ready();
    for (peer, icmp, value) in cases {
        let packet = report(&mut bench, peer, icmp).unwrap();
        let message = Message::parse(&packet).unwrap();
        assert_eq!((message.class(), message.method()), (Class::Indication, Method::DATA));
        let from: Vec<_> = message.addresses(attribute::XOR_PEER_ADDRESS).collect();
        assert_eq!(from, [Some(peer.parse().unwrap())]);
        assert_eq!(message.get(attribute::ICMP).unwrap().value, value, "{icmp:?}");
        assert_eq!(message.attributes().count(), 2);
    }
}

#[test]
fn other_types_and_peers_without_permission_are_not_reported() {
    let mut bench = ready();
    for kind in [0, 4, 5, 8, 12, 255] {
        assert_eq!(report(&mut bench, PEER, Icmp { kind, ..NO_PORT }), None, "type {kind} over IPv4");
        assert_eq!(report(&mut bench, V6_PEER, Icmp { kind, ..NO_PORT }), None, "type {kind} over IPv6");
    }
    assert_eq!(report(&mut bench, "9.9.9.10:4444", NO_PORT), None, "no permission");
    let mut reply = Vec::new();
    for relay in [RelayKey(1), RelayKey(2), RelayKey(99)] {
        let peer = PEER.parse().unwrap();
        assert_eq!(bench.server.peer_unreachable(bench.now_ms, relay, peer, NO_PORT, &mut reply), None);
    }
    bench.now_ms += crate::limits::PERMISSION_MS;
    assert_eq!(report(&mut bench, PEER, NO_PORT), None, "the permission is over");
}

#[test]
fn only_clients_with_dont_fragment_get_reports() {
    let mut bench = Bench::new();
    bench.allocate(&five_tuple(CLIENT));
    bench.permit(&five_tuple(CLIENT), &[PEER]);
    bench.send(&five_tuple(CLIENT), PEER.parse().unwrap(), b"x");
    assert_eq!(report(&mut bench, PEER, NO_PORT), None);
}

#[test]
fn reports_are_rate_limited() {
    let mut bench = ready();
    let told = |bench: &mut Bench| (0..100).filter(|_| report(bench, PEER, NO_PORT).is_some()).count() as u64;
    assert_eq!(told(&mut bench), UNREACHABLE_BURST);
    bench.now_ms += 2 * UNREACHABLE_INTERVAL_MS;
    assert_eq!(told(&mut bench), 2);
    bench.now_ms += 100_000;
    assert_eq!(told(&mut bench), UNREACHABLE_BURST);
}
