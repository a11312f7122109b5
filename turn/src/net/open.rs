//! Opens sockets. All of them are non-blocking.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

/// Buffer requested for a client data socket, in bytes. The kernel caps it at `net.core.rmem_max`.
pub(super) const DATA_BUFFER_BYTES: usize = 4 * 1_024 * 1_024;
/// Buffer requested for a client request socket, in bytes. It bounds the memory and the waiting time that a
/// flood of requests can cause.
pub(super) const REQUESTS_BUFFER_BYTES: usize = 512 * 1_024;
/// Buffer requested for a relay socket, in bytes.
const RELAY_BUFFER_BYTES: usize = 512 * 1_024;
const BACKLOG: i32 = 256;

fn family(ip: IpAddr) -> AddressFamily {
    if ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}

fn socket(at: SocketAddr, kind: SocketType) -> io::Result<std::os::fd::OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(family(at.ip()), kind, flags, None)?;
    if at.is_ipv6() {
        // IPv4 has its own sockets. IPv4-mapped addresses would give each address a second form, which peer
        // rules would have to handle too.
        sockopt::set_ipv6_v6only(&fd, true)?;
    }
    Ok(fd)
}

/// Opens a UDP socket for clients. With `shared`, several sockets may be bound to the same address; the kernel
/// then keeps each client on one of them.
pub(super) fn udp_listener(at: SocketAddr, shared: bool, buffer_bytes: usize) -> io::Result<UdpSocket> {
    let fd = socket(at, SocketType::DGRAM)?;
    if shared {
        sockopt::set_socket_reuseport(&fd, true)?;
    }
    buffers(&fd, buffer_bytes);
    bind(&fd, &at)?;
    let socket = UdpSocket::from(fd);
    #[cfg(target_os = "linux")]
    if at.ip().is_unspecified() {
        super::linux::enable_packet_info(&socket)?;
    }
    Ok(socket)
}

/// Prepares a UDP socket for clients that was opened by another program.
pub(super) fn adopted(socket: &UdpSocket, at: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket.try_clone()?;
    buffers(&socket, DATA_BUFFER_BYTES);
    #[cfg(target_os = "linux")]
    if at.ip().is_unspecified() {
        super::linux::enable_packet_info(&socket)?;
    }
    Ok(socket)
}

/// Returns `at` if no UDP socket is bound to it, with port 0 replaced by a port that the system chooses.
pub(super) fn unused(at: SocketAddr) -> io::Result<SocketAddr> {
    let fd = socket(at, SocketType::DGRAM)?;
    bind(&fd, &at)?;
    UdpSocket::from(fd).local_addr()
}

/// Opens a listening socket for streams.
pub(super) fn tcp_listener(at: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let fd = socket(at, SocketType::STREAM)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    if shared {
        sockopt::set_socket_reuseport(&fd, true)?;
    }
    bind(&fd, &at)?;
    listen(&fd, BACKLOG)?;
    Ok(TcpListener::from(fd))
}

/// Opens a relay socket. Its datagrams may be fragmented, unless the client sends DONT-FRAGMENT.
pub(super) fn relay(at: SocketAddr) -> io::Result<UdpSocket> {
    let fd = socket(at, SocketType::DGRAM)?;
    buffers(&fd, RELAY_BUFFER_BYTES);
    bind(&fd, &at)?;
    let socket = UdpSocket::from(fd);
    dont_fragment(&socket, at.is_ipv4(), false);
    Ok(socket)
}

fn buffers(fd: impl std::os::fd::AsFd, bytes: usize) {
    // Best effort: the relay also works with the kernel's default sizes.
    let _ = sockopt::set_socket_recv_buffer_size(&fd, bytes);
    let _ = sockopt::set_socket_send_buffer_size(&fd, bytes);
}

/// Sets whether datagrams that leave this socket may be fragmented.
#[cfg(target_os = "linux")]
pub(super) fn dont_fragment(socket: &UdpSocket, v4: bool, dont: bool) {
    use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
    // Best effort: without the option, the system's default applies.
    let _ = if v4 {
        let mode = if dont { Ipv4PathMtuDiscovery::DO } else { Ipv4PathMtuDiscovery::DONT };
        sockopt::set_ip_mtu_discover(socket, mode)
    } else {
        let mode = if dont { Ipv6PathMtuDiscovery::DO } else { Ipv6PathMtuDiscovery::DONT };
        sockopt::set_ipv6_mtu_discover(socket, mode)
    };
}

/// Not available on this system; its default applies.
#[cfg(not(target_os = "linux"))]
pub(super) fn dont_fragment(_socket: &UdpSocket, _v4: bool, _dont: bool) {}
