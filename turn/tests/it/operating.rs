//! Listing and ending allocations, stopping, start errors.

use std::sync::atomic::Ordering;

use hearth_turn::{Refusal, Transport};

use super::client::{Bytes, Client, Datagrams};
use super::harness::{Echo, Relay};

#[test]
fn allocations_are_listed_and_ended() {
    let (relay, echo) = (Relay::start(), Echo::start());
    let mut alice = Client::of(Datagrams::to(relay.udp()), "@alice:example.org");
    let mut bob = Client::of(Bytes::to(relay.tcp()), "@bob:example.org");
    let relayed = alice.allocate();
    bob.allocate();
    alice.passes_data(echo.at);
    let views = relay.running.allocations();
    let view = views.iter().find(|view| view.user == "@alice:example.org").unwrap();
    assert_eq!(
        (view.transport, &view.relayed[..], &view.peers[..]),
        (Transport::Udp, &[relayed][..], &[echo.at.ip()][..])
    );
    assert_eq!(view.client, alice.link.0.local_addr().unwrap());
    assert!(relay.running.disconnect(view.id));
    assert!(!relay.running.disconnect(view.id));
    assert_eq!(alice.refresh(600), 437);
    assert_eq!(relay.running.disconnect_user("@bob:example.org"), 1);
    assert_eq!(relay.running.allocation_count(), 0);
    let users = relay.running.users();
    assert_eq!((users.len(), users[0].ended, users[0].to_peers.packets), (2, 1, 14));
}

#[test]
fn expired_and_revoked_credentials_fail_at_the_next_refresh() {
    let relay = Relay::start();
    let mut client = Client::new(Datagrams::to(relay.udp()));
    client.allocate();
    relay.auth.revoked.store(true, Ordering::Relaxed);
    assert_eq!(client.refresh(600), 401);
    relay.auth.revoked.store(false, Ordering::Relaxed);
    assert_eq!(client.refresh(600), 0);
    relay.auth.now_unix_s.store(2_000_000_000, Ordering::Relaxed);
    assert_eq!(client.refresh(600), 401);
    assert!(relay.running.counters().refused(Refusal::Credentials) >= 2);
}

#[test]
fn own_services_are_refused_as_peers() {
    let relay = Relay::start();
    let mut client = Client::new(Datagrams::to(relay.udp()));
    client.allocate();
    assert_eq!(client.permit(relay.udp()), 403);
    assert_eq!(client.permit("127.0.0.1:53".parse().unwrap()), 403);
    assert_eq!(client.bind(0x4000, "127.0.0.1:53".parse().unwrap()), 403);
    assert_eq!(client.permit("10.0.0.1:53".parse().unwrap()), 403);
}

#[test]
fn stopping_closes_everything() {
    let relay = Relay::start();
    let mut client = Client::new(Datagrams::to(relay.udp()));
    let relayed = client.allocate();
    let listening = relay.udp();
    relay.running.stop();
    std::net::UdpSocket::bind(listening).unwrap();
    std::net::UdpSocket::bind(relayed).unwrap();
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut settings = hearth_turn::Settings::new();
    settings.udp = vec![taken.local_addr().unwrap()];
    let auth = super::harness::TestAuth { now_unix_s: 0.into(), revoked: false.into() };
    let error = hearth_turn::start(settings, std::sync::Arc::new(auth), std::sync::Arc::new(|_| {})).unwrap_err();
    assert!(error.to_string().contains(&taken.local_addr().unwrap().to_string()), "{error}");
}
