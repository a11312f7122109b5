//! What ICMP says about datagrams that we sent. A socket without a connection hears of it only if it asks to; then it lies in
//! a queue of its own, and the socket's next call, whatever for, fails once to point at it. Sockets are asked to only when their
//! client wants to know (see [`crate::server::Server::peer_unreachable`]); others cost nothing.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use super::name::Name;
use super::turn_on;
use crate::server::Icmp;

/// Room for a packet's error with the address of who reported it.
#[repr(C, align(8))]
struct Control([u8; 128]);

/// Asks a socket to keep what ICMP says.
pub(in crate::net) fn listen_to_icmp(socket: &UdpSocket) -> io::Result<()> {
    let (level, option) = if socket.local_addr()?.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_RECVERR)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
    };
    turn_on(socket, level, option)
}

/// Takes what is next in the queue: what was said, of a datagram to whom. An outer `None`: there is nothing; an inner one:
/// it was nothing of ICMP's.
pub(in crate::net) fn hear(socket: &UdpSocket) -> Option<Option<(SocketAddr, Icmp)>> {
    let (mut name, mut control) = (Name::EMPTY, Control([0; 128]));
    #[expect(unsafe_code, reason = "a C structure of numbers and pointers, for which zero means absent")]
    // SAFETY: msghdr has integers and raw pointers only, for all of which zero bits are a value.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = Name::BYTES_MAX;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Control>() as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    #[expect(unsafe_code, reason = "recvmsg with control messages has no safe wrapper that knows this queue")]
    // SAFETY: the header's pointers are to `name` and `control`, in their sizes; both live until this returns. There is no
    // room for the datagram itself, which nobody needs.
    let got = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    if got < 0 {
        return None;
    }
    Some(error(&header).and_then(|error| Some((name.read()?, icmp(&error, name.read()?.is_ipv4())?))))
}

/// The error among the control messages.
fn error(header: &libc::msghdr) -> Option<libc::sock_extended_err> {
    #[expect(unsafe_code, reason = "control messages are read with the C library's macros")]
    // SAFETY: the kernel has filled the control buffer and said how much of it; CMSG_FIRSTHDR and CMSG_NXTHDR return null or
    // a header within it. The data is read unaligned, and only where its type and length say that it is an error.
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

/// What ICMP said, or would have said if the datagram had not been too large for our own link already.
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
    fn a_closed_port_is_heard_of_once() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        listen_to_icmp(&socket).unwrap();
        assert!(hear(&socket).is_none());
        let closed = UdpSocket::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
        socket.send_to(b"anybody?", closed).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let (peer, icmp) = hear(&socket).unwrap().unwrap();
        assert_eq!((peer, icmp.kind, icmp.code), (closed, 3, 3));
        assert!(hear(&socket).is_none());
    }
}
