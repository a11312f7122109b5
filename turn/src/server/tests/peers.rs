//! Forbidden peer addresses are refused in every kind of request.

use super::*;
use crate::peers::samples::refused;

const CLIENT: &str = "192.0.2.1:5000";

fn dual() -> Bench {
    let mut bench = Bench::new();
    let answer = bench.ask(&five_tuple(CLIENT), Method::ALLOCATE, |w| {
        w.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    });
    assert_eq!(answer.code, 0);
    bench
}

fn refuses_everything_to(bench: &mut Bench, peer: SocketAddr) {
    assert_eq!(bench.permit_all(&five_tuple(CLIENT), &[peer]), 403, "CreatePermission for {peer}");
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x4000, peer), 403, "ChannelBind for {peer}");
    assert_eq!(bench.send(&five_tuple(CLIENT), peer, b"x"), PacketOutcome::Nothing, "Send to {peer}");
    let data = [&channel_data::header(0x4000, 1)[..], b"x"].concat();
    assert_eq!(bench.raw(&five_tuple(CLIENT), &data).0, PacketOutcome::Nothing, "ChannelData to {peer}");
}

#[test]
fn special_addresses_are_refused_in_every_request() {
    let mut bench = dual();
    for ip in refused() {
        refuses_everything_to(&mut bench, SocketAddr::new(ip, 53));
    }
    assert!(bench.server.allocations(bench.now_ms)[0].peers.is_empty());
}

#[test]
fn own_services_are_refused_in_every_request() {
    let mut bench = dual();
    for ip in [LOCAL_V4, PUBLIC_V4, PUBLIC_V6] {
        for port in [22, 53, 80, 443, 3_478, 5_349, 8_008, 49_152, 65_535] {
            refuses_everything_to(&mut bench, SocketAddr::new(ip.parse().unwrap(), port));
        }
    }
}

#[test]
fn own_services_are_refused_even_if_all_peers_are_allowed() {
    let all = PeerRules { allow: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()], deny: Vec::new() };
    let mut bench = Bench::with(Quotas::default(), all);
    bench.allocate(&five_tuple(CLIENT));
    assert_eq!(bench.permit(&five_tuple(CLIENT), &["10.0.0.1:53"]), 0);
    assert_eq!(bench.permit(&five_tuple(CLIENT), &["198.41.0.4:53"]), 403);
}

#[test]
fn a_permission_for_an_own_address_opens_relay_ports_only() {
    let mut bench = dual();
    // Port 0 stands for the address alone.
    assert_eq!(bench.permit(&five_tuple(CLIENT), &["198.41.0.4:0"]), 0);
    let own = |port| SocketAddr::new(PUBLIC_V4.parse().unwrap(), port);
    for port in [22, 53, 443, 3_478, 50_001] {
        assert_eq!(bench.send(&five_tuple(CLIENT), own(port), b"x"), PacketOutcome::Nothing);
        assert_eq!(bench.peer_sends(RelayKey(0), &own(port).to_string(), b"x"), None);
    }
    let relay = bench.sockets.open[0].1;
    assert!(matches!(bench.send(&five_tuple(CLIENT), relay, b"x"), PacketOutcome::ToPeer { .. }));
}
