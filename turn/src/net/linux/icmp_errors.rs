//! ICMP errors about sent datagrams. An unconnected socket gets them only with IP_RECVERR. They are then in an
//! error queue, and the socket's next call of any kind fails once to announce them. The relay sets the option
//! only for clients that can use the errors (see [`crate::server::Server::peer_unreachable`]), so that other
//! allocations do not pay for them.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use super::enable_option;
use super::sock_addr::SockAddr;
use crate::server::Icmp;

/// Buffer for one extended error and the address of the host that reported it.
#[repr(C, align(8))]
struct ErrorBuffer([u8; 128]);

/// Enables the error queue of a socket.
pub(in crate::net) fn enable_icmp_errors(socket: &UdpSocket) -> io::Result<()> {
    let (level, option) = if socket.local_addr()?.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_RECVERR)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
    };
    enable_option(socket, level, option)
}

/// Takes the next entry of the error queue: the destination of the datagram and the ICMP error. The outer
/// `None` means that the queue is empty, the inner one that the entry is not an ICMP error.
pub(in crate::net) fn next_icmp_error(socket: &UdpSocket) -> Option<Option<(SocketAddr, Icmp)>> {
    let (mut sock_addr, mut control) = (SockAddr::EMPTY, ErrorBuffer([0; 128]));
    #[expect(unsafe_code, reason = "a C structure of numbers and pointers, for which zero means absent")]
    // SAFETY: msghdr has integers and raw pointers only, for all of which zero bits are a value.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_name = (&raw mut sock_addr).cast();
    header.msg_namelen = SockAddr::BYTES_MAX;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = size_of::<ErrorBuffer>() as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    #[expect(unsafe_code, reason = "recvmsg with control messages has no safe wrapper that knows this queue")]
    // SAFETY: the header's pointers are to `sock_addr` and `control`, with their sizes. Both live until the call
    // returns. The payload of the datagram is not needed and has no buffer.
    let got = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    if got < 0 {
        return None;
    }
    Some(error(&header).and_then(|error| Some((sock_addr.read()?, icmp(&error, sock_addr.read()?.is_ipv4())?))))
}

/// The extended error among the control messages.
fn error(header: &libc::msghdr) -> Option<libc::sock_extended_err> {
    #[expect(unsafe_code, reason = "control messages are read with the C library's macros")]
    // SAFETY: the kernel filled the control buffer and set its length. CMSG_FIRSTHDR and CMSG_NXTHDR return
    // null or a header within it. The data is read unaligned, and only where type and length match.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(header);
        while let Some(control) = next.as_ref() {
            let kind = (control.cmsg_level, control.cmsg_type);
            let whole = control.cmsg_len >= libc::CMSG_LEN(size_of::<libc::sock_extended_err>() as _) as _;
            if whole && [(libc::IPPROTO_IP, libc::IP_RECVERR), (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)].contains(&kind)
            {
                return Some(ptr::read_unaligned(libc::CMSG_DATA(next).cast()));
            }
            next = libc::CMSG_NXTHDR(header, next);
        }
    }
    None
}

/// The ICMP error. A datagram too large for the local link never leaves, so the kernel reports EMSGSIZE
/// instead; it counts as the ICMP error that a router would send.
fn icmp(error: &libc::sock_extended_err, v4: bool) -> Option<Icmp> {
    match error.ee_origin {
        libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6 => {
            Some(Icmp { kind: error.ee_type, code: error.ee_code, mtu: error.ee_info })
        }
        libc::SO_EE_ORIGIN_LOCAL if i32::try_from(error.ee_errno) == Ok(libc::EMSGSIZE) => {
            Some(Icmp::too_big(v4, error.ee_info))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_closed_port_is_reported_once() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        enable_icmp_errors(&socket).unwrap();
        assert!(next_icmp_error(&socket).is_none());
        let closed = UdpSocket::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
        socket.send_to(b"datagram", closed).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let (peer, icmp) = next_icmp_error(&socket).unwrap().unwrap();
        assert_eq!((peer, icmp.kind, icmp.code), (closed, 3, 3));
        assert!(next_icmp_error(&socket).is_none());
    }
}
