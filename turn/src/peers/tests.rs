//! The whole table, and attempts to bypass it.

use std::net::{IpAddr, Ipv4Addr};

use super::samples::{PUBLIC, refused};
use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_whole_table_is_refused_in_every_form() {
    for ip in refused() {
        assert_eq!(PeerRules::default().judge(ip, &[], &[]), PeerVerdict::Refused, "{ip}");
    }
}

#[test]
fn neighbours_of_the_table_are_granted() {
    for neighbour in PUBLIC {
        assert_eq!(PeerRules::default().judge(ip(neighbour), &[], &[]), PeerVerdict::Granted, "{neighbour}");
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
