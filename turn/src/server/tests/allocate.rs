//! Allocate and Refresh: what is granted, and each way to be refused.

use super::*;

const CLIENT: &str = "192.0.2.1:5000";

fn with(bench: &mut Bench, client: &str, fill: impl FnOnce(&mut Writer<'_>)) -> Answer {
    bench.ask(&path(client), Method::ALLOCATE, |writer| {
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        fill(writer);
    })
}

#[test]
fn an_allocation_has_all_that_the_rfc_wants_told() {
    let mut bench = Bench::new();
    let answer = bench.allocate(&path(CLIENT));
    assert_eq!(answer.code, 0);
    assert_eq!(answer.address(attribute::XOR_RELAYED_ADDRESS).ip().to_string(), PUBLIC_V4);
    assert_eq!(answer.address(attribute::XOR_MAPPED_ADDRESS), CLIENT.parse::<SocketAddr>().unwrap());
    assert_eq!(answer.lifetime_s(), 600);
}

#[test]
fn lifetimes_are_at_least_the_default_and_at_most_an_hour() {
    for (asked, granted) in [(1, 600), (600, 600), (1_000, 1_000), (4_000_000, 3_600)] {
        let mut bench = Bench::new();
        let answer = with(&mut bench, CLIENT, |writer| _ = writer.put_number(attribute::LIFETIME, asked));
        assert_eq!(answer.lifetime_s(), granted);
        assert_eq!(bench.refresh(&path(CLIENT), asked).lifetime_s(), granted);
    }
}

#[test]
fn the_same_request_again_gets_the_same_answer() {
    let mut bench = Bench::new();
    let id = bench.transaction();
    let packet = bench.signed(id, Method::ALLOCATE, |writer| {
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    });
    let first = bench.give(&path(CLIENT), &packet);
    let again = bench.give(&path(CLIENT), &packet);
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(bench.sockets.open.len(), 1);
    // Another request on the same path is a mistake.
    assert_eq!(bench.allocate(&path(CLIENT)).code, 437);
}

#[test]
fn malformed_wishes_are_bad_requests() {
    let (transport, family) = (attribute::REQUESTED_TRANSPORT, attribute::REQUESTED_ADDRESS_FAMILY);
    let (more, even, token) =
        (attribute::ADDITIONAL_ADDRESS_FAMILY, attribute::EVEN_PORT, attribute::RESERVATION_TOKEN);
    let udp: (u16, &[u8]) = (transport, &[17, 0, 0, 0]);
    type Attributes<'a> = &'a [(u16, &'a [u8])];
    let cases: [(Attributes<'_>, u16); 16] = [
        (&[], 400),
        (&[(transport, &[17])], 400),
        (&[(transport, &[6, 0, 0, 0])], 442),
        (&[udp, (attribute::LIFETIME, &[1, 2])], 400),
        (&[udp, (family, &[3, 0, 0, 0])], 440),
        (&[udp, (family, &[1])], 400),
        (&[udp, (more, &[1, 0, 0, 0])], 400),
        (&[udp, (more, &[2])], 400),
        (&[udp, (more, &[2, 0, 0, 0]), (family, &[1, 0, 0, 0])], 400),
        (&[udp, (even, &[])], 400),
        (&[udp, (even, &[0x80]), (more, &[2, 0, 0, 0])], 400),
        (&[udp, (even, &[0x80]), (token, &[0; 8])], 400),
        (&[udp, (token, &[0; 7])], 400),
        (&[udp, (token, &[0; 8]), (family, &[1, 0, 0, 0])], 400),
        (&[udp, (token, &[0; 8]), (more, &[2, 0, 0, 0])], 400),
        (&[udp, (0x0033, &[])], 420),
    ];
    for (attributes, code) in cases {
        let mut bench = Bench::new();
        let answer = bench.ask(&path(CLIENT), Method::ALLOCATE, |writer| {
            attributes.iter().for_each(|(kind, value)| _ = writer.put(*kind, value));
        });
        assert_eq!(answer.code, code, "{attributes:?}");
        assert!(bench.sockets.asked.is_empty());
    }
}

#[test]
fn ports_are_asked_for_as_wished() {
    let mut bench = Bench::new();
    with(&mut bench, "192.0.2.1:1", |writer| _ = writer.put(attribute::EVEN_PORT, &[0]));
    let answer = with(&mut bench, "192.0.2.1:2", |writer| _ = writer.put(attribute::EVEN_PORT, &[0x80]));
    let token: Token = answer.message().get(attribute::RESERVATION_TOKEN).unwrap().value.try_into().unwrap();
    with(&mut bench, "192.0.2.1:3", |writer| _ = writer.put(attribute::RESERVATION_TOKEN, &token));
    with(&mut bench, "192.0.2.1:4", |writer| _ = writer.put(attribute::DONT_FRAGMENT, &[]));
    let ports = [Port::Even, Port::EvenAndReserve(token), Port::Reserved(token), Port::Any];
    assert_eq!(bench.sockets.asked, ports.map(|port| (Family::V4, port)));
}

#[test]
fn families_are_as_wished() {
    let mut bench = Bench::new();
    let six = with(&mut bench, "192.0.2.1:1", |w| _ = w.put(attribute::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]));
    assert_eq!(six.address(attribute::XOR_RELAYED_ADDRESS).ip().to_string(), PUBLIC_V6);
    let both = with(&mut bench, "192.0.2.1:2", |w| _ = w.put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]));
    let relayed: Vec<_> = both.message().addresses(attribute::XOR_RELAYED_ADDRESS).flatten().collect();
    assert_eq!(relayed.iter().map(|at| at.ip().to_string()).collect::<Vec<_>>(), [PUBLIC_V4, PUBLIC_V6]);
    bench.sockets.none_left = Some(Family::V6);
    let half = with(&mut bench, "192.0.2.1:3", |w| _ = w.put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]));
    assert_eq!(half.code, 0);
    assert_eq!(half.message().get(attribute::ADDRESS_ERROR_CODE).unwrap().value, [2, 0, 4, 40]);
}

#[test]
fn a_family_that_the_relay_does_not_have_is_440() {
    let mut bench = Bench::new();
    *bench.shared.external_address.write() = Arc::default();
    assert_eq!(bench.allocate(&path(CLIENT)).code, 440);
}

#[test]
fn without_ipv4_who_asks_for_no_family_gets_ipv6() {
    let mut bench = Bench::new();
    let both = ExternalAddress::clone(&bench.shared.external_address());
    *bench.shared.external_address.write() = Arc::new(ExternalAddress { v4: None, ..both });
    assert_eq!(
        with(&mut bench, "192.0.2.1:1", |_| {}).address(attribute::XOR_RELAYED_ADDRESS).ip().to_string(),
        PUBLIC_V6
    );
    let asked =
        [(attribute::REQUESTED_ADDRESS_FAMILY, [1, 0, 0, 0]), (attribute::ADDITIONAL_ADDRESS_FAMILY, [2, 0, 0, 0])];
    for (kind, family) in asked {
        assert_eq!(with(&mut bench, "192.0.2.1:2", |w| _ = w.put(kind, &family)).code, 440);
    }
}

#[test]
fn no_port_to_be_had_is_508_and_costs_no_quota() {
    let mut bench = Bench::new();
    bench.sockets.none_left = Some(Family::V4);
    for _ in 0..20 {
        assert_eq!(bench.allocate(&path(CLIENT)).code, 508);
    }
    bench.sockets.none_left = None;
    assert_eq!(bench.allocate(&path(CLIENT)).code, 0);
}

#[test]
fn requests_about_no_allocation_are_437() {
    let mut bench = Bench::new();
    assert_eq!(bench.refresh(&path(CLIENT), 600).code, 437);
    assert_eq!(bench.permit(&path(CLIENT), &[PEER]), 437);
    assert_eq!(bench.bind(&path(CLIENT), 0x4000, PEER.parse().unwrap()), 437);
}

#[test]
fn requests_about_a_user_elses_allocation_are_441() {
    let mut bench = Bench::new();
    assert_eq!(bench.allocate(&path(CLIENT)).code, 0);
    bench.become_user("@bob:example.org");
    assert_eq!(bench.refresh(&path(CLIENT), 0).code, 441);
    assert_eq!(bench.permit(&path(CLIENT), &[PEER]), 441);
    assert_eq!(bench.bind(&path(CLIENT), 0x4000, PEER.parse().unwrap()), 441);
    assert_eq!(bench.allocate(&path(CLIENT)).code, 437);
    // The wrong password for somebody else's is no different from any other.
    bench.password = "wrong".into();
    assert_eq!(bench.refresh(&path(CLIENT), 0).code, 401);
    assert_eq!(bench.sockets.open.len(), 1);
}

#[test]
fn refreshing_to_zero_ends_it() {
    let mut bench = Bench::new();
    bench.allocate(&path(CLIENT));
    assert_eq!(bench.refresh(&path(CLIENT), 0).lifetime_s(), 0);
    assert!(bench.sockets.open.is_empty());
    assert_eq!(bench.refresh(&path(CLIENT), 0).code, 437);
    assert_eq!(bench.shared.users.allocations(), 0);
}

#[test]
fn one_of_two_families_can_be_given_up() {
    let mut bench = Bench::new();
    with(&mut bench, CLIENT, |w| _ = w.put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]));
    let refresh = |bench: &mut Bench, family: u8| {
        let fill = |w: &mut Writer<'_>| {
            w.put_number(attribute::LIFETIME, 0).put(attribute::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]);
        };
        bench.ask(&path(CLIENT), Method::REFRESH, fill).code
    };
    assert_eq!(refresh(&mut bench, 1), 0);
    assert_eq!(bench.sockets.open.len(), 1);
    assert_eq!(refresh(&mut bench, 1), 443);
    assert_eq!(refresh(&mut bench, 2), 0);
    assert!(bench.sockets.open.is_empty());
}

#[test]
fn allocations_end_by_time() {
    let mut bench = Bench::new();
    assert_eq!(bench.server.next_timeout_ms(), None);
    bench.allocate(&path(CLIENT));
    assert_eq!(bench.server.next_timeout_ms(), Some(bench.now_ms + 600_000));
    bench.now_ms += 599_999;
    bench.server.expire(bench.now_ms, &mut bench.sockets);
    assert_eq!(bench.sockets.open.len(), 1);
    bench.now_ms += 1;
    bench.server.expire(bench.now_ms, &mut bench.sockets);
    assert!(bench.sockets.open.is_empty());
    assert_eq!(bench.server.next_timeout_ms(), None);
    assert_eq!(bench.allocate(&path(CLIENT)).code, 0);
}

#[test]
fn allocations_end_with_their_stream_or_when_told_to() {
    let mut bench = Bench::new();
    bench.allocate(&path("192.0.2.1:1"));
    bench.allocate(&path("192.0.2.1:2"));
    bench.server.closed(&path("192.0.2.1:1"), &mut bench.sockets);
    assert_eq!(bench.sockets.open.len(), 1);
    let views = bench.server.allocations(bench.now_ms + 5_000);
    assert_eq!((views.len(), views[0].user.as_str(), views[0].age_s), (1, "@alice:example.org", 5));
    let id = views[0].id;
    assert_eq!(bench.server.disconnect(|found, _| found == id, &mut bench.sockets), 1);
    assert!(bench.sockets.open.is_empty());
}
