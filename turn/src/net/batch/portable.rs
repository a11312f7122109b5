//! One system call for each datagram, on any system. Does not choose the address that datagrams leave from: on such systems
//! listen on each address by itself.

use std::net::{SocketAddr, UdpSocket};

use super::{Outgoing, PLACE_BYTES, Received};
use crate::limits::{DATAGRAM_BYTES_MAX, HEADROOM_BYTES};

/// Receives up to `max` datagrams. Returns whether more may be there.
pub(super) fn receive(socket: &UdpSocket, max: usize, memory: &mut [u8], received: &mut Vec<Received>) -> bool {
    for _ in 0..max {
        let start = received.len() * PLACE_BYTES + HEADROOM_BYTES;
        // One byte more than may be used shows what has been cut.
        match socket.recv_from(&mut memory[start..=start + DATAGRAM_BYTES_MAX]) {
            Ok((bytes, from)) if bytes <= DATAGRAM_BYTES_MAX => {
                received.push(Received { from: SocketAddr::new(from.ip(), from.port()), to: None, bytes });
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
            // An ICMP message about an earlier datagram: not about this one.
            Err(_) => {}
        }
    }
    true
}

/// Sends each. Returns how many were not taken.
pub(super) fn send(socket: &UdpSocket, datagrams: &[Outgoing<'_>]) -> usize {
    datagrams.iter().filter(|datagram| !insist(socket, datagram)).count()
}

/// Tries twice: an error may be about an earlier datagram, perhaps to another peer, and is then told only once.
fn insist(socket: &UdpSocket, datagram: &Outgoing<'_>) -> bool {
    let send = || socket.send_to(datagram.bytes, datagram.to);
    match send() {
        Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => send().is_ok(),
        done => done.is_ok(),
    }
}
