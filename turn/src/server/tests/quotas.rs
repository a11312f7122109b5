//! Quotas per user, in total and per allocation.

use super::*;

fn bench(quotas: Quotas) -> Bench {
    Bench::with(quotas, PeerRules::default())
}

#[test]
fn the_13th_allocation_of_a_user_is_486() {
    let mut bench = bench(Quotas { allocations_per_user: 12, ..Quotas::default() });
    for port in 1..=12 {
        assert_eq!(bench.allocate(&five_tuple(&format!("192.0.2.1:{port}"))).code, 0);
    }
    assert_eq!(bench.allocate(&five_tuple("192.0.2.1:13")).code, 486);
    // New credentials of the same user share the quota.
    let again = mint(b"north", "@alice:example.org", 6_000);
    (bench.username, bench.password) = (again.username, again.password);
    assert_eq!(bench.allocate(&five_tuple("192.0.2.1:13")).code, 486);
    bench.become_user("@bob:example.org");
    assert_eq!(bench.allocate(&five_tuple("192.0.2.1:13")).code, 0);
    bench.become_user("@alice:example.org");
    bench.refresh(&five_tuple("192.0.2.1:1"), 0);
    assert_eq!(bench.allocate(&five_tuple("192.0.2.1:14")).code, 0);
}

#[test]
fn all_users_together_have_a_quota() {
    let mut bench = bench(Quotas { allocations: 3, ..Quotas::default() });
    for port in 1..=3 {
        bench.become_user(&format!("@user{port}:example.org"));
        assert_eq!(bench.allocate(&five_tuple(&format!("192.0.2.1:{port}"))).code, 0);
    }
    bench.become_user("@late:example.org");
    assert_eq!(bench.allocate(&five_tuple("192.0.2.1:4")).code, 486);
    assert_eq!(bench.refused(Refusal::Quota), 1);
}

#[test]
fn permissions_and_channels_are_limited_per_allocation() {
    let mut bench = bench(Quotas { permissions_per_allocation: 4, channels_per_allocation: 2, ..Quotas::default() });
    let client = five_tuple("192.0.2.1:1");
    bench.allocate(&client);
    let peer = |host: u8| SocketAddr::from(([9, 9, 9, host], 1));
    assert_eq!(bench.permit_all(&client, &[peer(1), peer(2), peer(3)]), 0);
    assert_eq!(bench.permit_all(&client, &[peer(4), peer(5)]), 508);
    assert_eq!(bench.server.allocations(bench.now_ms)[0].peers.len(), 3, "all or none");
    assert_eq!(bench.permit_all(&client, &[peer(1)]), 0, "prolonging one needs no room");
    assert_eq!(bench.bind(&client, 0x4000, peer(1)), 0);
    assert_eq!(bench.bind(&client, 0x4001, peer(4)), 0);
    assert_eq!(bench.bind(&client, 0x4002, peer(2)), 508);
    assert_eq!(bench.bind(&client, 0x4001, peer(4)), 0);
    bench.now_ms += crate::limits::PERMISSION_MS;
    assert_eq!(bench.permit_all(&client, &[peer(6), peer(7), peer(8), peer(9)]), 0, "expired ones make room");
}

#[test]
fn a_refused_request_refreshes_no_permission() {
    let mut bench = bench(Quotas { permissions_per_allocation: 1, ..Quotas::default() });
    let (client, peer) = (five_tuple("192.0.2.1:1"), PEER.parse().unwrap());
    bench.allocate(&client);
    bench.permit(&client, &[PEER]);
    bench.now_ms += crate::limits::PERMISSION_MS - 1;
    assert_eq!(bench.permit(&client, &[PEER, "9.9.9.8:1"]), 508);
    assert_ne!(bench.send(&client, peer, b"x"), PacketOutcome::Nothing);
    bench.now_ms += 1;
    assert_eq!(bench.send(&client, peer, b"x"), PacketOutcome::Nothing);
}

#[test]
fn bandwidth_is_limited_per_user() {
    let mut bench = bench(Quotas { bytes_per_s_per_user: 100_000, ..Quotas::default() });
    let paths = [five_tuple("192.0.2.1:1"), five_tuple("192.0.2.1:2")];
    for five_tuple in &paths {
        bench.allocate(five_tuple);
        bench.permit(five_tuple, &[PEER]);
    }
    let mut sent = 0;
    for index in 0..1_000 {
        let outcome = bench.send(&paths[index % 2], PEER.parse().unwrap(), &[0; 1_000]);
        sent += usize::from(outcome != PacketOutcome::Nothing);
    }
    assert_eq!(sent, 100);
    assert_eq!(bench.peer_sends(RelayKey(0), PEER, b"x"), None, "both ways together");
    assert_eq!(bench.refused(Refusal::Bandwidth), 901);
    bench.now_ms += 500;
    assert!(bench.peer_sends(RelayKey(0), PEER, b"x").is_some());
}

#[test]
fn ended_allocations_are_in_the_totals() {
    let mut bench = bench(Quotas::default());
    let client = five_tuple("192.0.2.1:1");
    bench.allocate(&client);
    bench.permit(&client, &[PEER]);
    bench.send(&client, PEER.parse().unwrap(), &[0; 100]);
    bench.refresh(&client, 0);
    let totals = bench.shared.users.totals();
    assert_eq!(totals.len(), 1);
    assert_eq!((totals[0].allocations, totals[0].ended, totals[0].to_peers.bytes), (0, 1, 100));
}
