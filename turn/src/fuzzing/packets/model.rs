//! The model: the state that clients must have, derived from requests and responses, independently of the
//! relay's code.

#![expect(clippy::panic, reason = "a violated invariant must fail the fuzzer or the test")]

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::harness::{Harness, TestAuth, thread_of};
use crate::credentials::{Authority, password, read_username};
use crate::limits::{CHANNEL_MS, NONCE_S, PERMISSION_MS};
use crate::server::{FiveTuple, RelayKey, RelayedAddress};
use crate::stun::integrity::Integrity;
use crate::stun::{Algorithm, Class, Key, Message, Method, TransactionId, attribute};

/// The allocation of a client.
pub(super) struct ModelAllocation {
    user: String,
    transaction: TransactionId,
    relayed: Vec<SocketAddr>,
    expires_ms: u64,
    permissions: HashMap<IpAddr, u64>,
    channels: HashMap<u16, (SocketAddr, u64)>,
}

/// The allocations of all clients, and the nonces issued to them.
#[derive(Default)]
pub(super) struct Model {
    pub(super) held: HashMap<FiveTuple, ModelAllocation>,
    nonces: Vec<(IpAddr, Vec<u8>, u64)>,
}

/// The authenticated sender of a request.
pub(super) struct RequestSender {
    user: String,
    pub(super) key: Key,
    pub(super) integrity: Integrity,
}

/// The sender, if the message is signed with a valid password.
fn knows_password(auth: &TestAuth, realm: &str, message: &Message<'_>) -> Option<RequestSender> {
    let integrity = Integrity::of(message)?;
    let username = std::str::from_utf8(message.get(attribute::USERNAME)?.value).ok()?;
    let (expires_s, user) = read_username(username)?;
    let good = expires_s > auth.now_unix_s() && !auth.is_revoked(user);
    let secrets = auth.secrets();
    let mut keys = secrets.iter().flat_map(|secret| {
        let password = password(secret, username);
        let algorithms = [Algorithm::Md5, Algorithm::Sha256].into_iter();
        algorithms.map(move |algorithm| Key::long_term(algorithm, username, realm, &password))
    });
    let key = keys.find(|key| key.verifies(message, integrity)).filter(|_| good)?;
    Some(RequestSender { user: user.to_owned(), key, integrity })
}

fn peers_of(message: &Message<'_>) -> Vec<SocketAddr> {
    message.addresses(attribute::XOR_PEER_ADDRESS).flatten().collect()
}

impl Model {
    /// The sender, if the request is authenticated: a valid password, and a nonce issued to this source within
    /// the hour.
    pub(super) fn sender(
        &self,
        harness: &Harness,
        five_tuple: &FiveTuple,
        message: &Message<'_>,
    ) -> Option<RequestSender> {
        let nonce = message.get(attribute::NONCE)?.value;
        let fresh = |(ip, issued, at_ms): &(IpAddr, Vec<u8>, u64)| {
            let age_s = harness.now_ms / 1_000 - at_ms / 1_000;
            *ip == five_tuple.client.ip() && issued == nonce && age_s < u64::from(NONCE_S)
        };
        self.nonces.iter().any(fresh).then_some(())?;
        let realm = &harness.shared.realm;
        (message.get(attribute::REALM)?.value == realm.as_bytes()).then_some(())?;
        knows_password(&harness.auth, realm, message)
    }

    /// The newest nonce issued to another source than `ip`.
    pub(super) fn nonce_elsewhere(&self, ip: IpAddr) -> &[u8] {
        let mut newest = self.nonces.iter().rev();
        newest.find(|(other, _, _)| *other != ip).map_or(&[], |(_, nonce, _)| nonce)
    }

    /// Records the nonce in a challenge.
    pub(super) fn note_nonce(&mut self, now_ms: u64, five_tuple: &FiveTuple, answer: &Message<'_>) {
        if let Some(nonce) = answer.get(attribute::NONCE) {
            self.nonces.push((five_tuple.client.ip(), nonce.value.to_vec(), now_ms));
        }
    }

    /// Records a success response. Panics if the model does not allow it.
    pub(super) fn note_success(
        &mut self,
        harness: &Harness,
        five_tuple: &FiveTuple,
        sender: &RequestSender,
        asked: &Message<'_>,
        told: &Message<'_>,
    ) {
        assert_eq!(told.class(), Class::Success);
        if asked.method() == Method::ALLOCATE {
            return self.note_allocation(harness, five_tuple, sender, asked, told);
        }
        let held = self.held.get_mut(five_tuple).expect("success requires an allocation");
        assert_eq!(held.user, sender.user, "success requires the owner");
        let peers = peers_of(asked);
        match asked.method() {
            Method::REFRESH => self.note_refresh(harness, five_tuple, asked, told),
            Method::CREATE_PERMISSION => {
                assert!(!peers.is_empty(), "CreatePermission without a peer succeeded");
                for peer in peers {
                    assert_may_be_reached(harness, peer, false);
                    held.permissions.insert(peer.ip(), harness.now_ms + PERMISSION_MS);
                }
            }
            Method::CHANNEL_BIND => {
                let number = asked.number(attribute::CHANNEL_NUMBER).flatten().expect("ChannelBind has a number");
                let (number, peer) = ((number >> 16) as u16, peers[0]);
                assert_may_be_reached(harness, peer, true);
                held.channels.retain(|_, (_, expires_ms)| *expires_ms > harness.now_ms);
                let is_same = |(other, (at, _)): (&u16, &(SocketAddr, u64))| (*other == number) == (*at == peer);
                assert!(held.channels.iter().all(is_same), "one channel per peer");
                held.channels.insert(number, (peer, harness.now_ms + CHANNEL_MS));
                held.permissions.insert(peer.ip(), harness.now_ms + PERMISSION_MS);
            }
            other => panic!("success response to {other:?}"),
        }
    }

    fn note_allocation(
        &mut self,
        harness: &Harness,
        five_tuple: &FiveTuple,
        sender: &RequestSender,
        asked: &Message<'_>,
        told: &Message<'_>,
    ) {
        let relayed: Vec<_> = told.addresses(attribute::XOR_RELAYED_ADDRESS).flatten().collect();
        let mapped: Vec<_> = told.addresses(attribute::XOR_MAPPED_ADDRESS).collect();
        assert_eq!(mapped, [Some(five_tuple.client)]);
        let lifetime_s = told.number(attribute::LIFETIME).flatten().expect("Allocate returns a lifetime");
        if let Some(held) = self.held.get(five_tuple) {
            let same = held.user == sender.user && held.transaction == asked.transaction();
            assert!(same, "a second allocation on one five-tuple");
            assert!(held.relayed.iter().all(|at| relayed.contains(at)), "a retransmission gets the same addresses");
            return;
        }
        let open = |at: &SocketAddr| harness.ports.open.values().any(|opened| opened.public == *at);
        assert!(!relayed.is_empty() && relayed.iter().all(open), "the relayed transport addresses are open");
        let held = ModelAllocation {
            user: sender.user.clone(),
            transaction: asked.transaction(),
            relayed,
            expires_ms: harness.now_ms + u64::from(lifetime_s) * 1_000,
            permissions: HashMap::new(),
            channels: HashMap::new(),
        };
        self.held.insert(*five_tuple, held);
    }

    fn note_refresh(&mut self, harness: &Harness, five_tuple: &FiveTuple, asked: &Message<'_>, told: &Message<'_>) {
        let lifetime_s = told.number(attribute::LIFETIME).flatten().expect("Refresh returns a lifetime");
        let held = self.held.get_mut(five_tuple).expect("checked by the caller");
        if lifetime_s > 0 {
            held.expires_ms = harness.now_ms + u64::from(lifetime_s) * 1_000;
            return;
        }
        let family = asked.get(attribute::REQUESTED_ADDRESS_FAMILY).map(|found| found.value[0]);
        match family {
            Some(number) if held.relayed.len() == 2 => held.relayed.retain(|at| at.is_ipv4() != (number == 1)),
            _ => _ = self.held.remove(five_tuple),
        }
    }

    /// Removes expired allocations and nonces.
    pub(super) fn expire(&mut self, now_ms: u64) {
        self.held.retain(|_, held| held.expires_ms > now_ms);
        let oldest_ms = now_ms.saturating_sub(2 * u64::from(NONCE_S) * 1_000);
        self.nonces.retain(|(_, _, at_ms)| *at_ms > oldest_ms);
    }

    /// Removes the allocations of a user. Returns their number.
    pub(super) fn forget_user(&mut self, thread: usize, user: &str) -> usize {
        let before = self.held.len();
        self.held.retain(|five_tuple, held| thread_of(five_tuple) != thread || held.user != user);
        before - self.held.len()
    }

    /// The relay socket and destination for data to `peer`, if the model permits it.
    pub(super) fn route(
        &self,
        harness: &Harness,
        five_tuple: &FiveTuple,
        peer: SocketAddr,
    ) -> Option<(RelayKey, SocketAddr)> {
        let held = self.held.get(five_tuple)?;
        held.permissions.get(&peer.ip()).filter(|expires_ms| **expires_ms > harness.now_ms)?;
        (peer.port() != 0).then_some(())?;
        let (key, opened) = self.socket(harness, five_tuple, peer.is_ipv4())?;
        if !super::harness::OWN.contains(&peer.ip()) {
            return Some((key, peer));
        }
        has_port(harness, peer).then_some(())?;
        let turned = if peer.ip() == opened.public.ip() { opened.local.ip() } else { peer.ip() };
        Some((key, SocketAddr::new(turned, peer.port())))
    }

    /// The relay socket of a client for an address family.
    fn socket(&self, harness: &Harness, five_tuple: &FiveTuple, v4: bool) -> Option<(RelayKey, RelayedAddress)> {
        let held = self.held.get(five_tuple)?;
        let at = held.relayed.iter().find(|at| at.is_ipv4() == v4)?;
        let mut open = harness.ports.open.iter();
        open.find(|((thread, _), opened)| *thread == thread_of(five_tuple) && opened.public == *at)
            .map(|((_, key), opened)| (*key, *opened))
    }

    /// The peer that a channel is bound to.
    pub(super) fn channel(&self, now_ms: u64, five_tuple: &FiveTuple, number: u16) -> Option<SocketAddr> {
        let (peer, expires_ms) = self.held.get(five_tuple)?.channels.get(&number)?;
        (*expires_ms > now_ms).then_some(*peer)
    }

    /// The client that owns a relay socket and the address under which it knows `peer`, if it has a permission.
    pub(super) fn owner(
        &self,
        harness: &Harness,
        at: (usize, RelayKey),
        peer: SocketAddr,
    ) -> Option<(FiveTuple, SocketAddr)> {
        let opened = harness.ports.open.get(&at)?;
        (opened.local.is_ipv4() == peer.is_ipv4()).then_some(())?;
        let (five_tuple, held) = self.held.iter().find(|(_, held)| held.relayed.contains(&opened.public))?;
        let known_as = match peer {
            ours if ours.ip() == opened.local.ip() && has_port(harness, ours) => {
                SocketAddr::new(opened.public.ip(), ours.port())
            }
            other => other,
        };
        let expires_ms = held.permissions.get(&known_as.ip())?;
        (*expires_ms > harness.now_ms).then_some((*five_tuple, known_as))
    }

    /// The client that receives a peer's datagram, its channel if one is bound, and the peer's address.
    pub(super) fn recipient(
        &self,
        harness: &Harness,
        at: (usize, RelayKey),
        from: SocketAddr,
    ) -> Option<(FiveTuple, Option<u16>, SocketAddr)> {
        let (five_tuple, from) = self.owner(harness, at, from)?;
        (!super::harness::OWN.contains(&from.ip()) || has_port(harness, from)).then_some(())?;
        let mut channels = self.held[&five_tuple].channels.iter();
        let bound = channels.find(|(_, (peer, expires_ms))| *peer == from && *expires_ms > harness.now_ms);
        Some((five_tuple, bound.map(|(number, _)| *number), from))
    }

    /// Panics if the relay's list of allocations differs from the model.
    pub(super) fn assert_shown(&self, harness: &Harness) {
        let views = harness.threads.iter().flat_map(|server| server.allocations(harness.now_ms));
        let mut count = 0;
        for view in views {
            count += 1;
            let mut held = self.held.iter();
            let (five_tuple, held) = held
                .find(|(_, held)| held.relayed == view.relayed)
                .expect("the relay lists an allocation that the model does not have");
            let expired = held.expires_ms.saturating_sub(harness.now_ms) / 1_000;
            assert_eq!(
                (five_tuple.client, five_tuple.transport, &held.user),
                (view.client, view.transport, &view.user)
            );
            assert_eq!(view.expires_in_s, expired);
            let alive = |expires_ms: u64| expires_ms > harness.now_ms;
            let permitted = held.permissions.iter().filter(|(_, expires_ms)| alive(**expires_ms));
            assert!(permitted.clone().all(|(ip, _)| view.peers.contains(ip)) && permitted.count() == view.peers.len());
            assert_eq!(held.channels.values().filter(|(_, expires_ms)| alive(*expires_ms)).count(), view.channels);
        }
        assert_eq!(count, self.held.len(), "the relay lists every allocation of the model");
    }
}

/// Whether a relay socket has this port, on any local address of the family.
fn has_port(harness: &Harness, at: SocketAddr) -> bool {
    harness
        .ports
        .open
        .values()
        .any(|opened| opened.public.port() == at.port() && opened.public.is_ipv4() == at.is_ipv4())
}

/// Panics if the rules forbid a permission for this peer.
fn assert_may_be_reached(harness: &Harness, peer: SocketAddr, to_port: bool) {
    let ip = peer.ip();
    assert!(!to_port || peer.port() != 0, "port 0 is not a valid peer port");
    if super::harness::OWN.contains(&ip) {
        assert_ne!(ip, super::harness::OTHER_OWN, "no relay socket has this address");
        assert!(peer.port() == 0 || has_port(harness, peer), "an own port without a relay socket");
        return;
    }
    let within = |ip: IpAddr, net: [u8; 3]| matches!(ip, IpAddr::V4(ip) if ip.octets()[..3] == net);
    let allowed = hearth_net::is_public(ip) || within(ip, [192, 168, 1]);
    assert!(allowed && !within(ip, [9, 9, 9]), "{ip} is forbidden");
}

/// Panics if the rules forbid a datagram to this address.
pub(super) fn assert_may_be_sent(harness: &Harness, to: SocketAddr) {
    assert_ne!(to.port(), 0);
    assert_may_be_reached(harness, to, true);
}
