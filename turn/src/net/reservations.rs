//! Ports reserved with EVEN-PORT for a client's next allocation. A reserved port stays bound, so that no other
//! allocation gets it. Reservations are shared by all threads: the next Allocate comes from another port of the
//! client and may reach another thread.

use std::collections::HashMap;
use std::net::UdpSocket;

use parking_lot::Mutex;

use crate::limits::{RESERVATION_MS, RESERVATIONS_MAX};
use crate::server::ReservationToken;

struct Reservation {
    socket: UdpSocket,
    owner: String,
    expires_ms: u64,
}

#[derive(Default)]
pub(super) struct Reservations(Mutex<HashMap<ReservationToken, Reservation>>);

impl Reservations {
    /// Reserves a bound socket for `owner`. Returns `false`, and closes the socket, when [`RESERVATIONS_MAX`]
    /// is reached.
    pub(super) fn keep(&self, token: ReservationToken, socket: UdpSocket, owner: &str, now_ms: u64) -> bool {
        let mut kept = self.0.lock();
        kept.retain(|_, reservation| reservation.expires_ms > now_ms);
        if kept.len() >= RESERVATIONS_MAX || kept.contains_key(&token) {
            return false;
        }
        kept.insert(token, Reservation { socket, owner: owner.to_owned(), expires_ms: now_ms + RESERVATION_MS });
        true
    }

    /// Hands out a reserved socket, to the user who reserved it.
    pub(super) fn take(&self, token: &ReservationToken, owner: &str, now_ms: u64) -> Option<UdpSocket> {
        let mut kept = self.0.lock();
        kept.retain(|_, reservation| reservation.expires_ms > now_ms);
        kept.get(token).filter(|reservation| reservation.owner == owner)?;
        kept.remove(token).map(|reservation| reservation.socket)
    }

    /// Closes reservations that have expired.
    pub(super) fn expire(&self, now_ms: u64) {
        self.0.lock().retain(|_, reservation| reservation.expires_ms > now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_stays_bound_until_taken_or_expired() {
        let kept = Reservations::default();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        assert!(kept.keep([1; 8], socket, "alice", 0));
        assert!(UdpSocket::bind(at).is_err());
        assert!(kept.take(&[1; 8], "bob", 1).is_none());
        assert!(kept.take(&[2; 8], "alice", 1).is_none());
        assert_eq!(kept.take(&[1; 8], "alice", 1).unwrap().local_addr().unwrap(), at);
        assert!(kept.keep([1; 8], UdpSocket::bind(at).unwrap(), "alice", 1));
        kept.expire(RESERVATION_MS + 1);
        assert!(UdpSocket::bind(at).is_ok());
    }
}
