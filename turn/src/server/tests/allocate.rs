//! Allocate and Refresh: successes and every error.

use super::*;

const CLIENT: &str = "192.0.2.1:5000";

fn with(bench: &mut Bench, client: &str, fill: impl FnOnce(&mut Writer<'_>)) -> Answer {
    bench.ask(&five_tuple(client), Method::ALLOCATE, |writer| {
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        fill(writer);
    })
}

#[test]
fn the_response_has_all_mandatory_attributes() {
    let mut bench = Bench::new();
    let answer = bench.allocate(&five_tuple(CLIENT));
    assert_eq!(answer.code, 0);
    assert_eq!(answer.address(attribute::XOR_RELAYED_ADDRESS).ip().to_string(), PUBLIC_V4);
    assert_eq!(answer.address(attribute::XOR_MAPPED_ADDRESS), CLIENT.parse::<SocketAddr>().unwrap());
    assert_eq!(answer.lifetime_s(), 600);
}

#[test]
fn lifetimes_are_clamped() {
    for (asked, granted) in [(1, 600), (600, 600), (1_000, 1_000), (4_000_000, 3_600)] {
        let mut bench = Bench::new();
        let answer = with(&mut bench, CLIENT, |writer| _ = writer.put_number(attribute::LIFETIME, asked));
        assert_eq!(answer.lifetime_s(), granted);
        assert_eq!(bench.refresh(&five_tuple(CLIENT), asked).lifetime_s(), granted);
    }
}

#[test]
fn a_retransmission_gets_the_same_response() {
    let mut bench = Bench::new();
    let id = bench.transaction();
    let packet = bench.signed(id, Method::ALLOCATE, |writer| {
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    });
    let first = bench.give(&five_tuple(CLIENT), &packet);
    let again = bench.give(&five_tuple(CLIENT), &packet);
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(bench.sockets.open.len(), 1);
    // Another request on the same five-tuple is an error.
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 437);
}

#[test]
fn malformed_attributes_are_400() {
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
        let answer = bench.ask(&five_tuple(CLIENT), Method::ALLOCATE, |writer| {
            attributes.iter().for_each(|(kind, value)| _ = writer.put(*kind, value));
        });
        assert_eq!(answer.code, code, "{attributes:?}");
        assert!(bench.sockets.asked.is_empty());
    }
}

#[test]
fn requested_ports_are_honoured() {
    let mut bench = Bench::new();
    with(&mut bench, "192.0.2.1:1", |writer| _ = writer.put(attribute::EVEN_PORT, &[0]));
    let answer = with(&mut bench, "192.0.2.1:2", |writer| _ = writer.put(attribute::EVEN_PORT, &[0x80]));
    let token: ReservationToken = answer.message().get(attribute::RESERVATION_TOKEN).unwrap().value.try_into().unwrap();
    with(&mut bench, "192.0.2.1:3", |writer| _ = writer.put(attribute::RESERVATION_TOKEN, &token));
    with(&mut bench, "192.0.2.1:4", |writer| _ = writer.put(attribute::DONT_FRAGMENT, &[]));
    let ports = [PortRequest::Even, PortRequest::EvenAndReserve(token), PortRequest::Reserved(token), PortRequest::Any];
    assert_eq!(bench.sockets.asked, ports.map(|port| (AddressFamily::V4, port)));
}

#[test]
fn requested_families_are_honoured() {
    let mut bench = Bench::new();
    let six = with(&mut bench, "192.0.2.1:1", |w| _ = w.put(attribute::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]));
    assert_eq!(six.address(attribute::XOR_RELAYED_ADDRESS).ip().to_string(), PUBLIC_V6);
    let both = with(&mut bench, "192.0.2.1:2", |w| _ = w.put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]));
    let relayed: Vec<_> = both.message().addresses(attribute::XOR_RELAYED_ADDRESS).flatten().collect();
    assert_eq!(relayed.iter().map(|at| at.ip().to_string()).collect::<Vec<_>>(), [PUBLIC_V4, PUBLIC_V6]);
    bench.sockets.none_left = Some(AddressFamily::V6);
    let half = with(&mut bench, "192.0.2.1:3", |w| _ = w.put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]));
    assert_eq!(half.code, 0);
    assert_eq!(half.message().get(attribute::ADDRESS_ERROR_CODE).unwrap().value, [2, 0, 4, 40]);
}

#[test]
fn a_missing_address_family_is_440() {
    let mut bench = Bench::new();
    *bench.shared.external_address.write() = Arc::default();
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 440);
}

#[test]
fn without_ipv4_a_request_without_family_gets_ipv6() {
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
fn no_free_port_is_508_and_uses_no_quota() {
    let mut bench = Bench::new();
    bench.sockets.none_left = Some(AddressFamily::V4);
    for _ in 0..20 {
        assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 508);
    }
    bench.sockets.none_left = None;
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 0);
}

#[test]
fn requests_without_an_allocation_are_437() {
    let mut bench = Bench::new();
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 600).code, 437);
    assert_eq!(bench.permit(&five_tuple(CLIENT), &[PEER]), 437);
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x4000, PEER.parse().unwrap()), 437);
}

#[test]
fn requests_about_another_users_allocation_are_441() {
    let mut bench = Bench::new();
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 0);
    bench.become_user("@bob:example.org");
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 0).code, 441);
    assert_eq!(bench.permit(&five_tuple(CLIENT), &[PEER]), 441);
    assert_eq!(bench.bind(&five_tuple(CLIENT), 0x4000, PEER.parse().unwrap()), 441);
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 437);
    // A wrong password is 401 here too: the response must not reveal whose allocation it is.
    bench.password = "wrong".into();
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 0).code, 401);
    assert_eq!(bench.sockets.open.len(), 1);
}

#[test]
fn refresh_with_lifetime_zero_ends_the_allocation() {
    let mut bench = Bench::new();
    bench.allocate(&five_tuple(CLIENT));
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 0).lifetime_s(), 0);
    assert!(bench.sockets.open.is_empty());
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 0).code, 437);
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
        bench.ask(&five_tuple(CLIENT), Method::REFRESH, fill).code
    };
    assert_eq!(refresh(&mut bench, 1), 0);
    assert_eq!(bench.sockets.open.len(), 1);
    assert_eq!(refresh(&mut bench, 1), 443);
    assert_eq!(refresh(&mut bench, 2), 0);
    assert!(bench.sockets.open.is_empty());
}

#[test]
fn allocations_expire() {
    let mut bench = Bench::new();
    assert_eq!(bench.server.next_timeout_ms(), None);
    bench.allocate(&five_tuple(CLIENT));
    assert_eq!(bench.server.next_timeout_ms(), Some(bench.now_ms + 600_000));
    bench.now_ms += 599_999;
    bench.server.expire(bench.now_ms, &mut bench.sockets);
    assert_eq!(bench.sockets.open.len(), 1);
    bench.now_ms += 1;
    bench.server.expire(bench.now_ms, &mut bench.sockets);
    assert!(bench.sockets.open.is_empty());
    assert_eq!(bench.server.next_timeout_ms(), None);
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 0);
}

#[test]
fn allocations_end_with_their_stream_or_on_disconnect() {
    let mut bench = Bench::new();
    bench.allocate(&five_tuple("192.0.2.1:1"));
    bench.allocate(&five_tuple("192.0.2.1:2"));
    bench.server.stream_closed(&five_tuple("192.0.2.1:1"), &mut bench.sockets);
    assert_eq!(bench.sockets.open.len(), 1);
    let views = bench.server.allocations(bench.now_ms + 5_000);
    assert_eq!((views.len(), views[0].user.as_str(), views[0].age_s), (1, "@alice:example.org", 5));
    let id = views[0].id;
    assert_eq!(bench.server.disconnect(|found, _| found == id, &mut bench.sockets), 1);
    assert!(bench.sockets.open.is_empty());
}
