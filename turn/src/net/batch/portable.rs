//! One system call per datagram, on any system. Cannot choose the source address: on systems other than Linux,
//! listen on each address separately.

use std::net::{SocketAddr, UdpSocket};

use super::{OutgoingDatagram, ReceivedDatagram, SLOT_BYTES};
use crate::limits::{DATAGRAM_BYTES_MAX, HEADROOM_BYTES};

/// Receives up to `max` datagrams. Returns whether the socket may hold more.
pub(super) fn receive(socket: &UdpSocket, max: usize, memory: &mut [u8], received: &mut Vec<ReceivedDatagram>) -> bool {
    for _ in 0..max {
        let start = received.len() * SLOT_BYTES + HEADROOM_BYTES;
        // One byte more than the limit, to detect truncation.
        match socket.recv_from(&mut memory[start..=start + DATAGRAM_BYTES_MAX]) {
            Ok((bytes, from)) if bytes <= DATAGRAM_BYTES_MAX => {
                received.push(ReceivedDatagram { from: SocketAddr::new(from.ip(), from.port()), to: None, bytes });
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
            // A pending ICMP error for an earlier datagram of ours.
            Err(_) => {}
        }
    }
    true
}

/// Sends each datagram. Returns how many the kernel did not take.
pub(super) fn send(socket: &UdpSocket, datagrams: &[OutgoingDatagram<'_>]) -> usize {
    datagrams.iter().filter(|datagram| !send_with_retry(socket, datagram)).count()
}

/// Sends a datagram, with one retry. The first error may be a pending ICMP error for an earlier datagram,
/// perhaps to another peer; the kernel reports it once and sends nothing.
fn send_with_retry(socket: &UdpSocket, datagram: &OutgoingDatagram<'_>) -> bool {
    let send = || socket.send_to(datagram.bytes, datagram.to);
    match send() {
        Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => send().is_ok(),
        result => result.is_ok(),
    }
}
