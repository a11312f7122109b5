//! Opening sockets. None of them waits.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

/// Asked of the kernel for a socket on which many clients' data arrives, in bytes. It gives what it may.
pub(super) const DATA_BUFFER_BYTES: usize = 4 * 1_024 * 1_024;
/// … for one on which only requests do: a bound of what a flood of them takes, and of how long they wait.
pub(super) const REQUESTS_BUFFER_BYTES: usize = 512 * 1_024;
/// … and for a relay socket.
const RELAY_BUFFER_BYTES: usize = 512 * 1_024;
const BACKLOG: i32 = 256;

fn family(ip: IpAddr) -> AddressFamily {
    if ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}

fn socket(at: SocketAddr, kind: SocketType) -> io::Result<std::os::fd::OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(family(at.ip()), kind, flags, None)?;
    if at.is_ipv6() {
        // IPv4 has sockets of its own: mapped addresses would be a second form of each.
        sockopt::set_ipv6_v6only(&fd, true)?;
    }
    Ok(fd)
}

/// A socket for clients' datagrams. Several threads may each have one at the same address; the kernel keeps a client with
/// the same one.
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
        super::linux::tell_destinations(&socket)?;
    }
    Ok(socket)
}

/// This address, at which there is no socket for datagrams yet; with port 0, at a port that the system chooses.
pub(super) fn unused(at: SocketAddr) -> io::Result<SocketAddr> {
    let fd = socket(at, SocketType::DGRAM)?;
    bind(&fd, &at)?;
    UdpSocket::from(fd).local_addr()
}

/// A socket for clients' streams.
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

/// A socket for peers. Datagrams that leave it may be fragmented on the way, unless the client says otherwise.
pub(super) fn relay(at: SocketAddr) -> io::Result<UdpSocket> {
    let fd = socket(at, SocketType::DGRAM)?;
    buffers(&fd, RELAY_BUFFER_BYTES);
    bind(&fd, &at)?;
    let socket = UdpSocket::from(fd);
    dont_fragment(&socket, at.is_ipv4(), false);
    Ok(socket)
}

fn buffers(fd: &std::os::fd::OwnedFd, bytes: usize) {
    // The kernel's defaults work, too.
    let _ = sockopt::set_socket_recv_buffer_size(fd, bytes);
    let _ = sockopt::set_socket_send_buffer_size(fd, bytes);
}

/// Whether datagrams that leave this socket may be fragmented.
#[cfg(target_os = "linux")]
pub(super) fn dont_fragment(socket: &UdpSocket, v4: bool, dont: bool) {
    use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
    // A socket that cannot is one whose datagrams go as they go.
    let _ = if v4 {
        let mode = if dont { Ipv4PathMtuDiscovery::DO } else { Ipv4PathMtuDiscovery::DONT };
        sockopt::set_ip_mtu_discover(socket, mode)
    } else {
        let mode = if dont { Ipv6PathMtuDiscovery::DO } else { Ipv6PathMtuDiscovery::DONT };
        sockopt::set_ipv6_mtu_discover(socket, mode)
    };
}

/// Elsewhere, the system's default applies.
#[cfg(not(target_os = "linux"))]
pub(super) fn dont_fragment(_socket: &UdpSocket, _v4: bool, _dont: bool) {}
