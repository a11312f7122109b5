//! One thread's relay sockets.

use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::unix::SourceFd;
use mio::{Interest, Registry};

use super::event::About;
use super::open;
use super::reservations::Reservations;
use crate::limits::PORT_TRIES_MAX;
use crate::server::{Opened, Port, RelayKey, Sockets, Token};
use crate::settings::Entropy;
use crate::shared::external_address::Family;
use crate::shared::{RelayAddress, Shared};

/// Up to so many ports, all are tried before there is none.
const SMALL_RANGE: usize = 1_024;

/// Relay sockets by key.
pub(super) struct Relays {
    open: Vec<Option<UdpSocket>>,
    registry: Registry,
    shared: Arc<Shared>,
    reservations: Arc<Reservations>,
    ports: RangeInclusive<u16>,
    entropy: Entropy,
}

impl Relays {
    pub(super) fn new(
        registry: Registry,
        shared: Arc<Shared>,
        reservations: Arc<Reservations>,
        ports: RangeInclusive<u16>,
        entropy: Entropy,
    ) -> Self {
        Self { open: Vec::new(), registry, shared, reservations, ports, entropy }
    }

    /// The socket with this key, if it is open.
    pub(super) fn get(&self, key: RelayKey) -> Option<&UdpSocket> {
        self.open.get(key.0 as usize)?.as_ref()
    }

    /// Ports to try, in order, from an unpredictable one on: who cannot guess a port cannot send to it from outside.
    fn candidates(&self, even: bool) -> impl Iterator<Item = u16> + use<> {
        let (first, last) = (usize::from(*self.ports.start()), usize::from(*self.ports.end()));
        let count = (last + 1).saturating_sub(first);
        let mut random = [0; 4];
        (self.entropy)(&mut random);
        let start = u32::from_ne_bytes(random) as usize;
        let tries = if count <= SMALL_RANGE { count } else { PORT_TRIES_MAX };
        let ports = (0..tries).filter_map(move |step| u16::try_from(first + (start + step) % count).ok());
        ports.filter(move |port| !even || port % 2 == 0)
    }

    /// Binds a port, and the one after it if that is to be kept.
    fn bind(&self, at: RelayAddress, port: Port, owner: &str, now_ms: u64) -> Option<UdpSocket> {
        self.candidates(port != Port::Any).find_map(|number| {
            let socket = open::relay(SocketAddr::new(at.local, number)).ok()?;
            if let Port::EvenAndReserve(token) = port {
                self.keep_next(at, number, token, owner, now_ms)?;
            }
            Some(socket)
        })
    }

    fn keep_next(&self, at: RelayAddress, number: u16, token: Token, owner: &str, now_ms: u64) -> Option<()> {
        let next = number.checked_add(1).filter(|next| self.ports.contains(next))?;
        let socket = open::relay(SocketAddr::new(at.local, next)).ok()?;
        self.reservations.keep(token, socket, owner, now_ms).then_some(())
    }
}

impl Sockets for Relays {
    fn open(&mut self, key: RelayKey, family: Family, port: Port, owner: &str, now_ms: u64) -> Option<Opened> {
        let socket = match port {
            Port::Reserved(token) => self.reservations.take(&token, owner, now_ms)?,
            _ => self.bind(self.shared.external_address().of(family)?, port, owner, now_ms)?,
        };
        let local = socket.local_addr().ok()?;
        let public = self.shared.external_address().of(Family::of(local.ip()))?.public;
        let at = Opened { local, public: SocketAddr::new(public, local.port()) };
        let interest = Interest::READABLE;
        self.registry.register(&mut SourceFd(&socket.as_raw_fd()), About::Relay(key).token(), interest).ok()?;
        let index = key.0 as usize;
        if self.open.len() <= index {
            self.open.resize_with(index + 1, || None);
        }
        self.open[index] = Some(socket);
        Some(at)
    }

    fn close(&mut self, key: RelayKey) {
        if let Some(socket) = self.open.get_mut(key.0 as usize).and_then(Option::take) {
            // Closing it would do as well; an error means that it is gone already.
            let _ = self.registry.deregister(&mut SourceFd(&socket.as_raw_fd()));
        }
    }
}
