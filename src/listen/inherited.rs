//! Sockets that the service manager has bound (systemd's socket activation, `sd_listen_fds(3)`): ports below 1024 without a
//! privilege, and clients that wait while the server restarts.
//!
//! A socket belongs to the listener with its port, and with its address unless one of the two is the unspecified one. The names of
//! the sockets, such as `https`, are for people.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_base::limits::server::INHERITED_SOCKETS_MAX;
use hearth_turn::OpenedSockets;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{SocketType, sockopt};

/// The first inherited descriptor.
const FIRST: RawFd = 3;

/// The inherited sockets.
#[derive(Debug, Default)]
pub(crate) struct Inherited(Vec<Passed>);

#[derive(Debug)]
struct Passed {
    name: String,
    address: SocketAddr,
    /// `None` once a listener or the relay has it.
    socket: Option<Socket>,
}

#[derive(Debug)]
enum Socket {
    Stream(TcpListener),
    Datagram(UdpSocket),
}

impl Inherited {
    /// Takes the sockets that were passed to this process; the first time only.
    pub(super) fn take() -> Self {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        let pid = variable("LISTEN_PID").and_then(|pid| pid.parse().ok());
        if pid != Some(std::process::id()) || TAKEN.swap(true, Ordering::Relaxed) {
            return Self::default();
        }
        let count = variable("LISTEN_FDS").and_then(|count| count.parse::<RawFd>().ok()).unwrap_or(0);
        let names = variable("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let each = (FIRST..).take(count.clamp(0, INHERITED_SOCKETS_MAX) as usize);
        Self(each.filter_map(|fd| passed(fd, names.next().unwrap_or_default())).collect())
    }

    /// Whether a socket was passed that serves this address.
    pub(super) fn has(&self, wanted: SocketAddr) -> bool {
        self.0
            .iter()
            .any(|passed| !matches!(passed.socket, Some(Socket::Datagram(_))) && serves(passed.address, wanted))
    }

    /// The socket that serves this address; `None` if another listener has it.
    pub(super) fn socket(&mut self, wanted: SocketAddr) -> Option<TcpListener> {
        let fits =
            |passed: &&mut Passed| matches!(passed.socket, Some(Socket::Stream(_))) && serves(passed.address, wanted);
        match self.0.iter_mut().find(fits)?.socket.take() {
            Some(Socket::Stream(listener)) => Some(listener),
            _ => None,
        }
    }

    /// The sockets that are bound to exactly these addresses of the relay, which has one for each family.
    pub(crate) fn for_relay(&mut self, udp: &[SocketAddr], streams: &[SocketAddr]) -> OpenedSockets {
        let mut opened = OpenedSockets::default();
        for passed in &mut self.0 {
            match passed.socket.take() {
                Some(Socket::Datagram(socket)) if udp.contains(&passed.address) => opened.udp.push(Arc::new(socket)),
                Some(Socket::Stream(listener)) if streams.contains(&passed.address) => {
                    opened.streams.push(Arc::new(listener));
                }
                other => passed.socket = other,
            }
        }
        opened
    }

    /// Warns of sockets that nothing has: clients would wait in them for ever, so they are closed.
    pub(super) fn warn_of_rest(self) {
        for passed in self.0.iter().filter(|passed| passed.socket.is_some()) {
            let (name, address) = (&passed.name, passed.address);
            tracing::warn!(name, %address, "The service manager passed a socket that no listener of the configuration has.");
        }
    }
}

/// Whether a socket bound to `bound` takes the connections of a listener at `wanted`.
fn serves(bound: SocketAddr, wanted: SocketAddr) -> bool {
    let any = bound.ip().is_unspecified() || wanted.ip().is_unspecified();
    bound.port() == wanted.port() && (bound.ip() == wanted.ip() || any)
}

/// The socket of this number.
fn passed(fd: RawFd, name: &str) -> Option<Passed> {
    #[expect(unsafe_code, reason = "the number comes from the service manager; nothing else in this process owns it")]
    // SAFETY: `take` comes here once for each number, and the service manager has opened them all for this process.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    match prepared(fd) {
        Ok((address, socket)) => Some(Passed { name: name.to_owned(), address, socket: Some(socket) }),
        Err(error) => {
            tracing::warn!(name, %error, "The service manager passed something that is no socket of this server.");
            None
        }
    }
}

fn prepared(fd: OwnedFd) -> io::Result<(SocketAddr, Socket)> {
    fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
    if sockopt::socket_type(&fd)? == SocketType::DGRAM {
        let socket = UdpSocket::from(fd);
        socket.set_nonblocking(true)?;
        return Ok((socket.local_addr()?, Socket::Datagram(socket)));
    }
    if !sockopt::socket_acceptconn(&fd)? {
        return Err(io::Error::other("it does not listen"));
    }
    let listener = TcpListener::from(fd);
    listener.set_nonblocking(true)?;
    Ok((listener.local_addr()?, Socket::Stream(listener)))
}

#[expect(clippy::disallowed_methods, reason = "the service manager's own variables, which are no settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_at(address: &str) -> Passed {
        let socket = Socket::Stream(TcpListener::bind("127.0.0.1:0").unwrap());
        Passed { name: "https".to_owned(), address: address.parse().unwrap(), socket: Some(socket) }
    }

    #[test]
    fn a_socket_goes_to_the_listener_with_its_port() {
        let mut inherited = Inherited(vec![passed_at("[::]:443"), passed_at("127.0.0.1:8008")]);
        for other in ["0.0.0.0:80", "127.0.0.2:8008"] {
            assert!(!inherited.has(other.parse().unwrap()), "{other}");
        }
        // Listeners for IPv4 and IPv6 share one that takes both.
        assert!(inherited.socket("0.0.0.0:443".parse().unwrap()).is_some());
        assert!(inherited.has("[::]:443".parse().unwrap()));
        assert!(inherited.socket("[::]:443".parse().unwrap()).is_none());
        assert!(inherited.socket("127.0.0.1:8008".parse().unwrap()).is_some());
        // The relay has a socket for each family.
        let mut inherited =
            Inherited(vec![passed_at("0.0.0.0:3478"), passed_at("[::]:3478"), passed_at("0.0.0.0:5349")]);
        let (v4, v6) = ("0.0.0.0:3478".parse().unwrap(), "[::]:3478".parse().unwrap());
        assert_eq!(inherited.for_relay(&[v4], &[v4, v6]).streams.len(), 2);
        assert_eq!(inherited.0.iter().filter(|passed| passed.socket.is_some()).count(), 1);
    }
}
