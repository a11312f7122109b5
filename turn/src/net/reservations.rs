//! Ports that are kept for a client's next allocation (EVEN-PORT with its R bit): bound, so that nobody else gets them, and
//! common to all threads, as that allocation comes from another port of the client and perhaps to another thread.

use std::collections::HashMap;
use std::net::UdpSocket;

use parking_lot::Mutex;

use crate::limits::{RESERVATION_MS, RESERVATIONS_MAX};
use crate::server::Token;

struct Reservation {
    socket: UdpSocket,
    owner: String,
    expires_ms: u64,
}

#[derive(Default)]
pub(super) struct Reservations(Mutex<HashMap<Token, Reservation>>);

impl Reservations {
    /// Keeps a socket for `owner`. There is room for a limited number.
    pub(super) fn keep(&self, token: Token, socket: UdpSocket, owner: &str, now_ms: u64) -> bool {
        let mut kept = self.0.lock();
        kept.retain(|_, reservation| reservation.expires_ms > now_ms);
        if kept.len() >= RESERVATIONS_MAX || kept.contains_key(&token) {
            return false;
        }
        kept.insert(token, Reservation { socket, owner: owner.to_owned(), expires_ms: now_ms + RESERVATION_MS });
        true
    }

    /// Gives out what `owner` has had kept.
    pub(super) fn take(&self, token: &Token, owner: &str, now_ms: u64) -> Option<UdpSocket> {
        let mut kept = self.0.lock();
        kept.retain(|_, reservation| reservation.expires_ms > now_ms);
        kept.get(token).filter(|reservation| reservation.owner == owner)?;
        kept.remove(token).map(|reservation| reservation.socket)
    }

    /// Closes what has not been taken in time.
    pub(super) fn expire(&self, now_ms: u64) {
        self.0.lock().retain(|_, reservation| reservation.expires_ms > now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_stays_bound_until_it_is_taken_or_time_is_up() {
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
