//! Whether a port can be listened on, and which program has it.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use crate::world::{PortState, Transport};

/// The state of a listening TCP socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// Listens for a moment, as the server would: on all addresses.
pub(super) fn state(port: u16, transport: Transport) -> PortState {
    let all = [SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))];
    for (address, last) in all.into_iter().zip([false, true]) {
        let bound = match transport {
            Transport::Tcp => TcpListener::bind(address).map(drop),
            Transport::Udp => UdpSocket::bind(address).map(drop),
        };
        match bound.map_err(|error| (error.kind(), error)) {
            Ok(()) => {}
            Err((ErrorKind::AddrInUse, _)) => return PortState::Taken(holder(port, transport)),
            Err((ErrorKind::PermissionDenied, _)) => return PortState::Denied,
            // Without IPv6, only the second address counts.
            Err(_) if !last => {}
            Err((_, error)) => return PortState::Failed(error.to_string()),
        }
    }
    PortState::Free
}

/// The program with this port, if this process may see it: that of another account only as root.
fn holder(port: u16, transport: Transport) -> Option<(String, u32)> {
    let lists = match transport {
        Transport::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
        Transport::Udp => ["/proc/net/udp", "/proc/net/udp6"],
    };
    let texts = lists.map(|list| std::fs::read_to_string(list).unwrap_or_default());
    let links: Vec<String> = texts.iter().flat_map(|text| sockets(text, port, transport)).collect();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok()).find_map(|id| {
        let folder = Path::new("/proc").join(id.to_string());
        let mut files = std::fs::read_dir(folder.join("fd")).ok()?.flatten();
        let has = files.any(|file| {
            let target = std::fs::read_link(file.path()).unwrap_or_default();
            links.iter().any(|link| target.as_os_str() == link.as_str())
        });
        let name = std::fs::read_to_string(folder.join("comm")).ok().filter(|_| has)?;
        Some((name.trim().to_owned(), id))
    })
}

/// The sockets with this port, as their file descriptors are shown.
fn sockets(list: &str, port: u16, transport: Transport) -> impl Iterator<Item = String> {
    let own = format!(":{port:04X}");
    list.lines().filter_map(move |line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let listens = transport == Transport::Udp || *state == LISTENING;
        (address.ends_with(&own) && listens).then(|| format!("socket:[{inode}]"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_until_it_is_taken_and_its_holder_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let PortState::Taken(Some((program, id))) = state(port, Transport::Tcp) else { panic!("the port is taken") };
        assert_eq!(id, std::process::id());
        assert!(!program.is_empty());
        drop(listener);
        assert_eq!(state(port, Transport::Tcp), PortState::Free);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(matches!(state(port, Transport::Udp), PortState::Taken(Some(_))));
    }

    #[test]
    fn connections_are_not_listeners() {
        let list = "  sl  local_address rem_address   st tx rx tr tm retrnsmt uid timeout inode\n\
                    0: 00000000:01BB 00000000:0000 0A 0:0 0:0 0 0 0 111 1 0\n\
                    1: 0100007F:01BB 0100007F:A000 01 0:0 0:0 0 0 0 222 1 0\n";
        assert_eq!(sockets(list, 443, Transport::Tcp).collect::<Vec<_>>(), ["socket:[111]"]);
        assert_eq!(sockets(list, 444, Transport::Tcp).count(), 0);
        assert_eq!(sockets("nonsense\n", 443, Transport::Tcp).count(), 0);
    }
}
