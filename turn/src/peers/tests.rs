//! The whole table, and ways around it.

use std::net::{IpAddr, Ipv4Addr};

use super::tests_table::{REFUSED_V4, REFUSED_V6, embeddings};
use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_whole_table_is_refused() {
    let rules = PeerRules::default();
    for (first, last) in REFUSED_V4.iter().chain(&REFUSED_V6) {
        for end in [first, last] {
            assert_eq!(rules.judge(ip(end), &[], &[]), PeerVerdict::Refused, "{end}");
        }
    }
}

#[test]
fn neighbours_of_the_table_are_granted() {
    let neighbours = [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2001:200::",
        "2001:db7:ffff::",
        "2001:db9::",
        "2003::",
        "2600::1",
        "3ffe::1",
    ];
    for neighbour in neighbours {
        assert_eq!(PeerRules::default().judge(ip(neighbour), &[], &[]), PeerVerdict::Granted, "{neighbour}");
    }
}

#[test]
fn no_embedding_is_a_way_in() {
    let rules = PeerRules::default();
    for v4 in REFUSED_V4.iter().flat_map(|(a, b)| [*a, *b]).chain(["8.8.8.8"]) {
        for embedded in embeddings(v4.parse().unwrap()) {
            assert_eq!(rules.judge(embedded, &[], &[]), PeerVerdict::Refused, "{v4} as {embedded}");
        }
    }
}

#[test]
fn an_operator_opens_a_lan_and_nothing_else() {
    let rules =
        PeerRules { allow: vec!["192.168.1.0/24".parse().unwrap()], deny: vec!["192.168.1.9".parse().unwrap()] };
    assert_eq!(rules.judge(ip("192.168.1.5"), &[], &[]), PeerVerdict::Granted);
    assert_eq!(rules.judge(ip("192.168.1.9"), &[], &[]), PeerVerdict::Refused);
    assert_eq!(rules.judge(ip("192.168.2.5"), &[], &[]), PeerVerdict::Refused);
    assert_eq!(rules.judge(ip("::ffff:192.168.1.5"), &[], &[]), PeerVerdict::Refused);
}

#[test]
fn our_own_addresses_are_refused_but_for_relay_ports() {
    let all = Cidr::new(Ipv4Addr::UNSPECIFIED.into(), 0).unwrap();
    let rules = PeerRules { allow: vec![all], deny: Vec::new() };
    let own = [ip("8.8.8.8"), ip("192.168.1.2"), ip("10.0.0.1")];
    assert_eq!(rules.judge(own[0], &own, &own[..2]), PeerVerdict::OwnPortsOnly);
    assert_eq!(rules.judge(own[1], &own, &own[..2]), PeerVerdict::OwnPortsOnly);
    assert_eq!(rules.judge(own[2], &own, &own[..2]), PeerVerdict::Refused);
    assert_eq!(rules.judge(ip("9.9.9.9"), &own, &own[..2]), PeerVerdict::Granted);
}
