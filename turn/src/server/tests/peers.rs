//! Nothing goes to an address that strangers have no business at, whichever way it is asked for.

use super::*;
use crate::peers::samples::refused;

const CLIENT: &str = "192.0.2.1:5000";

fn dual() -> Bench {
    let mut bench = Bench::new();
    let answer = bench.ask(&path(CLIENT), Method::ALLOCATE, |w| {
        w.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    });
    assert_eq!(answer.code, 0);
    bench
}

fn refuses_everything_to(bench: &mut Bench, peer: SocketAddr) {
    assert_eq!(bench.permit_all(&path(CLIENT), &[peer]), 403, "CreatePermission for {peer}");
    assert_eq!(bench.bind(&path(CLIENT), 0x4000, peer), 403, "ChannelBind for {peer}");
    assert_eq!(bench.send(&path(CLIENT), peer, b"x"), PacketOutcome::Nothing, "Send to {peer}");
    let data = [&channel_data::header(0x4000, 1)[..], b"x"].concat();
    assert_eq!(bench.raw(&path(CLIENT), &data).0, PacketOutcome::Nothing, "ChannelData to {peer}");
}

#[test]
fn the_whole_table_is_refused_every_way() {
    let mut bench = dual();
    for ip in refused() {
        refuses_everything_to(&mut bench, SocketAddr::new(ip, 53));
    }
    assert!(bench.server.allocations(bench.now_ms)[0].peers.is_empty());
}

#[test]
fn our_own_services_are_refused_every_way() {
    let mut bench = dual();
    for ip in [LOCAL_V4, PUBLIC_V4, PUBLIC_V6] {
        for port in [22, 53, 80, 443, 3_478, 5_349, 8_008, 49_152, 65_535] {
            refuses_everything_to(&mut bench, SocketAddr::new(ip.parse().unwrap(), port));
        }
    }
}

#[test]
fn even_with_everything_allowed_our_own_services_are_refused() {
    let all = PeerRules { allow: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()], deny: Vec::new() };
    let mut bench = Bench::with(Quotas::default(), all);
    bench.allocate(&path(CLIENT));
    assert_eq!(bench.permit(&path(CLIENT), &["10.0.0.1:53"]), 0);
    assert_eq!(bench.permit(&path(CLIENT), &["198.41.0.4:53"]), 403);
}

#[test]
fn a_permission_for_our_address_opens_relay_ports_only() {
    let mut bench = dual();
    // A client that leaves the port out means the address.
    assert_eq!(bench.permit(&path(CLIENT), &["198.41.0.4:0"]), 0);
    let own = |port| SocketAddr::new(PUBLIC_V4.parse().unwrap(), port);
    for port in [22, 53, 443, 3_478, 50_001] {
        assert_eq!(bench.send(&path(CLIENT), own(port), b"x"), PacketOutcome::Nothing);
        assert_eq!(bench.peer_says(RelayKey(0), &own(port).to_string(), b"x"), None);
    }
    let relay = bench.sockets.open[0].1;
    assert!(matches!(bench.send(&path(CLIENT), relay, b"x"), PacketOutcome::ToPeer { .. }));
}
