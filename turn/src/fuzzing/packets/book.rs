//! The model: what clients have, worked out from what they sent and what they were told, by other means than the relay's.

#![expect(clippy::panic, reason = "that is how a fuzzer and a test hear of what is wrong")]

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::world::{TestAuth, World, thread_of};
use crate::credentials::{Authority, password, read_username};
use crate::limits::{CHANNEL_MS, NONCE_S, PERMISSION_MS};
use crate::server::{Opened, Path, RelayKey};
use crate::stun::integrity::Integrity;
use crate::stun::{Algorithm, Class, Key, Message, Method, TransactionId, attribute};

/// What a client has.
pub(super) struct Held {
    user: String,
    transaction: TransactionId,
    relayed: Vec<SocketAddr>,
    expires_ms: u64,
    permissions: HashMap<IpAddr, u64>,
    channels: HashMap<u16, (SocketAddr, u64)>,
}

/// What all clients have, and which nonces they were given.
#[derive(Default)]
pub(super) struct Book {
    pub(super) held: HashMap<Path, Held>,
    nonces: Vec<(IpAddr, Vec<u8>, u64)>,
}

/// Who made a request, and the key that shows it.
pub(super) struct Maker {
    user: String,
    pub(super) key: Key,
    pub(super) integrity: Integrity,
}

/// Whoever knows a password of ours that is good now made this message.
fn knows_password(auth: &TestAuth, realm: &str, message: &Message<'_>) -> Option<Maker> {
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
    Some(Maker { user: user.to_owned(), key, integrity })
}

fn peers_of(message: &Message<'_>) -> Vec<SocketAddr> {
    message.addresses(attribute::XOR_PEER_ADDRESS).flatten().collect()
}

impl Book {
    /// Who made a request, if they may: they know a password and got their nonce from us, here, within the hour.
    pub(super) fn maker(&self, world: &World, path: &Path, message: &Message<'_>) -> Option<Maker> {
        let nonce = message.get(attribute::NONCE)?.value;
        let fresh = |(ip, issued, at_ms): &(IpAddr, Vec<u8>, u64)| {
            let age_s = world.now_ms / 1_000 - at_ms / 1_000;
            *ip == path.client.ip() && issued == nonce && age_s < u64::from(NONCE_S)
        };
        self.nonces.iter().any(fresh).then_some(())?;
        let realm = &world.shared.realm;
        (message.get(attribute::REALM)?.value == realm.as_bytes()).then_some(())?;
        knows_password(&world.auth, realm, message)
    }

    /// The newest nonce that somebody has who is not at `ip`.
    pub(super) fn nonce_elsewhere(&self, ip: IpAddr) -> &[u8] {
        let mut newest = self.nonces.iter().rev();
        newest.find(|(other, _, _)| *other != ip).map_or(&[], |(_, nonce, _)| nonce)
    }

    /// Somebody was given a nonce.
    pub(super) fn note_nonce(&mut self, now_ms: u64, path: &Path, answer: &Message<'_>) {
        if let Some(nonce) = answer.get(attribute::NONCE) {
            self.nonces.push((path.client.ip(), nonce.value.to_vec(), now_ms));
        }
    }

    /// Somebody known was told yes. Panics if they cannot have been.
    pub(super) fn note_success(
        &mut self,
        world: &World,
        path: &Path,
        maker: &Maker,
        asked: &Message<'_>,
        told: &Message<'_>,
    ) {
        assert_eq!(told.class(), Class::Success);
        if asked.method() == Method::ALLOCATE {
            return self.note_allocation(world, path, maker, asked, told);
        }
        let held = self.held.get_mut(path).expect("only who has an allocation is told yes");
        assert_eq!(held.user, maker.user, "only its owner is told yes");
        let peers = peers_of(asked);
        match asked.method() {
            Method::REFRESH => self.note_refresh(world, path, asked, told),
            Method::CREATE_PERMISSION => {
                assert!(!peers.is_empty(), "a permission is for somebody");
                for peer in peers {
                    assert_may_be_reached(world, peer, false);
                    held.permissions.insert(peer.ip(), world.now_ms + PERMISSION_MS);
                }
            }
            Method::CHANNEL_BIND => {
                let number = asked.number(attribute::CHANNEL_NUMBER).flatten().expect("a channel has a number");
                let (number, peer) = ((number >> 16) as u16, peers[0]);
                assert_may_be_reached(world, peer, true);
                held.channels.retain(|_, (_, expires_ms)| *expires_ms > world.now_ms);
                let is_same = |(other, (at, _)): (&u16, &(SocketAddr, u64))| (*other == number) == (*at == peer);
                assert!(held.channels.iter().all(is_same), "one number for one peer");
                held.channels.insert(number, (peer, world.now_ms + CHANNEL_MS));
                held.permissions.insert(peer.ip(), world.now_ms + PERMISSION_MS);
            }
            other => panic!("told yes to {other:?}"),
        }
    }

    fn note_allocation(&mut self, world: &World, path: &Path, maker: &Maker, asked: &Message<'_>, told: &Message<'_>) {
        let relayed: Vec<_> = told.addresses(attribute::XOR_RELAYED_ADDRESS).flatten().collect();
        let mapped: Vec<_> = told.addresses(attribute::XOR_MAPPED_ADDRESS).collect();
        assert_eq!(mapped, [Some(path.client)]);
        let lifetime_s = told.number(attribute::LIFETIME).flatten().expect("an allocation ends");
        if let Some(held) = self.held.get(path) {
            let same = held.user == maker.user && held.transaction == asked.transaction();
            assert!(same, "a second allocation on one path");
            assert!(held.relayed.iter().all(|at| relayed.contains(at)), "told the same as before");
            return;
        }
        let open = |at: &SocketAddr| world.ports.open.values().any(|opened| opened.public == *at);
        assert!(!relayed.is_empty() && relayed.iter().all(open), "told of sockets that there are");
        let held = Held {
            user: maker.user.clone(),
            transaction: asked.transaction(),
            relayed,
            expires_ms: world.now_ms + u64::from(lifetime_s) * 1_000,
            permissions: HashMap::new(),
            channels: HashMap::new(),
        };
        self.held.insert(*path, held);
    }

    fn note_refresh(&mut self, world: &World, path: &Path, asked: &Message<'_>, told: &Message<'_>) {
        let lifetime_s = told.number(attribute::LIFETIME).flatten().expect("told how long");
        let held = self.held.get_mut(path).expect("looked at before");
        if lifetime_s > 0 {
            held.expires_ms = world.now_ms + u64::from(lifetime_s) * 1_000;
            return;
        }
        let family = asked.get(attribute::REQUESTED_ADDRESS_FAMILY).map(|found| found.value[0]);
        match family {
            Some(number) if held.relayed.len() == 2 => held.relayed.retain(|at| at.is_ipv4() != (number == 1)),
            _ => _ = self.held.remove(path),
        }
    }

    /// What has expired is gone.
    pub(super) fn expire(&mut self, now_ms: u64) {
        self.held.retain(|_, held| held.expires_ms > now_ms);
        let oldest_ms = now_ms.saturating_sub(2 * u64::from(NONCE_S) * 1_000);
        self.nonces.retain(|(_, _, at_ms)| *at_ms > oldest_ms);
    }

    /// What is a user's is gone.
    pub(super) fn forget_user(&mut self, thread: usize, user: &str) -> usize {
        let before = self.held.len();
        self.held.retain(|path, held| thread_of(path) != thread || held.user != user);
        before - self.held.len()
    }

    /// To which peer a client's data for `peer` goes and through which socket, if it may.
    pub(super) fn route(&self, world: &World, path: &Path, peer: SocketAddr) -> Option<(RelayKey, SocketAddr)> {
        let held = self.held.get(path)?;
        held.permissions.get(&peer.ip()).filter(|expires_ms| **expires_ms > world.now_ms)?;
        (peer.port() != 0).then_some(())?;
        let (key, opened) = self.socket(world, path, peer.is_ipv4())?;
        if !super::world::OWN.contains(&peer.ip()) {
            return Some((key, peer));
        }
        has_port(world, peer).then_some(())?;
        let turned = if peer.ip() == opened.public.ip() { opened.local.ip() } else { peer.ip() };
        Some((key, SocketAddr::new(turned, peer.port())))
    }

    /// A client's socket for a family.
    fn socket(&self, world: &World, path: &Path, v4: bool) -> Option<(RelayKey, Opened)> {
        let held = self.held.get(path)?;
        let at = held.relayed.iter().find(|at| at.is_ipv4() == v4)?;
        let mut open = world.ports.open.iter();
        open.find(|((thread, _), opened)| *thread == thread_of(path) && opened.public == *at)
            .map(|((_, key), opened)| (*key, *opened))
    }

    /// To whom a channel leads.
    pub(super) fn channel(&self, now_ms: u64, path: &Path, number: u16) -> Option<SocketAddr> {
        let (peer, expires_ms) = self.held.get(path)?.channels.get(&number)?;
        (*expires_ms > now_ms).then_some(*peer)
    }

    /// Whose a socket is, and who its owner takes `peer` for, if they may talk.
    pub(super) fn owner(&self, world: &World, at: (usize, RelayKey), peer: SocketAddr) -> Option<(Path, SocketAddr)> {
        let opened = world.ports.open.get(&at)?;
        (opened.local.is_ipv4() == peer.is_ipv4()).then_some(())?;
        let (path, held) = self.held.iter().find(|(_, held)| held.relayed.contains(&opened.public))?;
        let known_as = match peer {
            ours if ours.ip() == opened.local.ip() && has_port(world, ours) => {
                SocketAddr::new(opened.public.ip(), ours.port())
            }
            other => other,
        };
        let expires_ms = held.permissions.get(&known_as.ip())?;
        (*expires_ms > world.now_ms).then_some((*path, known_as))
    }

    /// Who gets what a peer sends to a socket, by which channel, and as whose.
    pub(super) fn recipient(
        &self,
        world: &World,
        at: (usize, RelayKey),
        from: SocketAddr,
    ) -> Option<(Path, Option<u16>, SocketAddr)> {
        let (path, from) = self.owner(world, at, from)?;
        (!super::world::OWN.contains(&from.ip()) || has_port(world, from)).then_some(())?;
        let mut channels = self.held[&path].channels.iter();
        let bound = channels.find(|(_, (peer, expires_ms))| *peer == from && *expires_ms > world.now_ms);
        Some((path, bound.map(|(number, _)| *number), from))
    }

    /// Panics if the relay shows something else than the model has.
    pub(super) fn assert_shown(&self, world: &World) {
        let views = world.threads.iter().flat_map(|server| server.allocations(world.now_ms));
        let mut count = 0;
        for view in views {
            count += 1;
            let mut held = self.held.iter();
            let (path, held) = held.find(|(_, held)| held.relayed == view.relayed).expect("shown and not known");
            let expired = held.expires_ms.saturating_sub(world.now_ms) / 1_000;
            assert_eq!((path.client, path.transport, &held.user), (view.client, view.transport, &view.user));
            assert_eq!(view.expires_in_s, expired);
            let alive = |expires_ms: u64| expires_ms > world.now_ms;
            let permitted = held.permissions.iter().filter(|(_, expires_ms)| alive(**expires_ms));
            assert!(permitted.clone().all(|(ip, _)| view.peers.contains(ip)) && permitted.count() == view.peers.len());
            assert_eq!(held.channels.values().filter(|(_, expires_ms)| alive(*expires_ms)).count(), view.channels);
        }
        assert_eq!(count, self.held.len(), "what is known is shown");
    }
}

/// Whether one of our clients has this port, at whichever of our addresses of this family.
fn has_port(world: &World, at: SocketAddr) -> bool {
    world.ports.open.values().any(|opened| opened.public.port() == at.port() && opened.public.is_ipv4() == at.is_ipv4())
}

/// Panics if nobody may get leave to send to this peer.
fn assert_may_be_reached(world: &World, peer: SocketAddr, to_port: bool) {
    let ip = peer.ip();
    assert!(!to_port || peer.port() != 0, "nobody listens on port 0");
    if super::world::OWN.contains(&ip) {
        assert_ne!(ip, super::world::OTHER_OWN, "nothing is relayed from there");
        assert!(peer.port() == 0 || has_port(world, peer), "a port of ours on which nothing is relayed");
        return;
    }
    let within = |ip: IpAddr, net: [u8; 3]| matches!(ip, IpAddr::V4(ip) if ip.octets()[..3] == net);
    let allowed = hearth_net::is_public(ip) || within(ip, [192, 168, 1]);
    assert!(allowed && !within(ip, [9, 9, 9]), "{ip} may not be reached");
}

/// Panics if a datagram must not leave for this address.
pub(super) fn assert_may_be_sent(world: &World, to: SocketAddr) {
    assert_ne!(to.port(), 0);
    assert_may_be_reached(world, to, true);
}
