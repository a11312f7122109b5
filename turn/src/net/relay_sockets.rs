//! The relay sockets of one thread.

use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::unix::SourceFd;
use mio::{Interest, Registry};

use super::event::EventSource;
use super::open;
use super::reservations::Reservations;
use crate::limits::PORT_TRIES_MAX;
use crate::server::{PortRequest, RelayKey, RelaySockets, RelayedAddress, ReservationToken};
use crate::settings::Entropy;
use crate::shared::external_address::AddressFamily;
use crate::shared::{RelayAddress, Shared};

/// Port ranges up to this size are tried in full before Allocate fails.
const SMALL_RANGE: usize = 1_024;

/// Open relay sockets, by key.
pub(super) struct RelaySocketTable {
    open: Vec<Option<UdpSocket>>,
    registry: Registry,
    shared: Arc<Shared>,
    reservations: Arc<Reservations>,
    ports: RangeInclusive<u16>,
    entropy: Entropy,
}

impl RelaySocketTable {
    pub(super) fn new(
        registry: Registry,
        shared: Arc<Shared>,
        reservations: Arc<Reservations>,
        ports: RangeInclusive<u16>,
        entropy: Entropy,
    ) -> Self {
        Self { open: Vec::new(), registry, shared, reservations, ports, entropy }
    }

    /// The open socket with this key.
    pub(super) fn get(&self, key: RelayKey) -> Option<&UdpSocket> {
        self.open.get(key.0 as usize)?.as_ref()
    }

    /// Ports to try, in order. The first one is random: an off-path attacker who cannot guess the port cannot
    /// send to it.
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

    /// Binds a port, and reserves the next one if requested.
    fn bind(&self, at: RelayAddress, port: PortRequest, owner: &str, now_ms: u64) -> Option<UdpSocket> {
        self.candidates(port != PortRequest::Any).find_map(|number| {
            let socket = open::relay(SocketAddr::new(at.local, number)).ok()?;
            if let PortRequest::EvenAndReserve(token) = port {
                self.keep_next(at, number, token, owner, now_ms)?;
            }
            Some(socket)
        })
    }

    fn keep_next(
        &self,
        at: RelayAddress,
        number: u16,
        token: ReservationToken,
        owner: &str,
        now_ms: u64,
    ) -> Option<()> {
        let next = number.checked_add(1).filter(|next| self.ports.contains(next))?;
        let socket = open::relay(SocketAddr::new(at.local, next)).ok()?;
        self.reservations.keep(token, socket, owner, now_ms).then_some(())
    }
}

impl RelaySockets for RelaySocketTable {
    fn open(
        &mut self,
        key: RelayKey,
        family: AddressFamily,
        port: PortRequest,
        owner: &str,
        now_ms: u64,
    ) -> Option<RelayedAddress> {
        let socket = match port {
            PortRequest::Reserved(token) => self.reservations.take(&token, owner, now_ms)?,
            _ => self.bind(self.shared.external_address().of(family)?, port, owner, now_ms)?,
        };
        let local = socket.local_addr().ok()?;
        let public = self.shared.external_address().of(AddressFamily::of(local.ip()))?.public;
        let at = RelayedAddress { local, public: SocketAddr::new(public, local.port()) };
        let interest = Interest::READABLE;
        self.registry.register(&mut SourceFd(&socket.as_raw_fd()), EventSource::Relay(key).token(), interest).ok()?;
        let index = key.0 as usize;
        if self.open.len() <= index {
            self.open.resize_with(index + 1, || None);
        }
        self.open[index] = Some(socket);
        Some(at)
    }

    fn close(&mut self, key: RelayKey) {
        if let Some(socket) = self.open.get_mut(key.0 as usize).and_then(Option::take) {
            // An error only means that it is not registered. Dropping the socket closes it either way.
            let _ = self.registry.deregister(&mut SourceFd(&socket.as_raw_fd()));
        }
    }
}
