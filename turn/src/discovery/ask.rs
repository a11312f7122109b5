//! Asks a STUN server for the address that it sees: one Binding request with retries. A response counts if it
//! comes from the server and carries the request's transaction id. A wrong address breaks calls, but is no
//! security risk.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use crate::settings::Entropy;
use crate::shared::external_address::AddressFamily;
use crate::stun::{Class, Message, Method, Writer, attribute};

const TRIES: u32 = 3;
const WAIT: Duration = Duration::from_millis(700);

/// Our address as the STUN server `server` (`host:port`) sees it. Blocks for up to `TRIES` times `WAIT`.
pub(super) fn public_address(server: &str, family: AddressFamily, entropy: &Entropy) -> Option<IpAddr> {
    let servers = server.to_socket_addrs().ok()?;
    let server = servers.into_iter().find(|at| AddressFamily::of(at.ip()) == family)?;
    ask(server, entropy).map(|mapped| mapped.ip())
}

fn ask(server: SocketAddr, entropy: &Entropy) -> Option<SocketAddr> {
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(server).ok()?;
    socket.set_read_timeout(Some(WAIT)).ok()?;
    let mut transaction = [0; 12];
    entropy(&mut transaction);
    let mut request = Vec::new();
    Writer::new(&mut request, Method::BINDING, Class::Request, transaction);
    let mut answer = [0; 512];
    for _ in 0..TRIES {
        if socket.send(&request).is_err() {
            continue;
        }
        let Ok(bytes) = socket.recv(&mut answer) else { continue };
        let Ok(message) = Message::parse(&answer[..bytes]) else { continue };
        if message.class() == Class::Success && message.transaction() == transaction {
            return message.addresses(attribute::XOR_MAPPED_ADDRESS).next().flatten();
        }
    }
    None
}
