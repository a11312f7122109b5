//! Asks a STUN server for the address that it sees: one Binding request with retries. A response counts if it
//! comes from the server and carries the request's transaction id. A wrong address breaks calls, but is no
//! security risk. Request and response are the `stun` crate's.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use ::stun::agent::TransactionId;
use ::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Message};
use ::stun::xoraddr::XorMappedAddress;

use crate::limits::STUN_ANSWER_BYTES_MAX;
use crate::shared::external_address::AddressFamily;

const TRIES: u32 = 3;
const WAIT: Duration = Duration::from_millis(700);

/// Our address as the STUN server `server` (`host:port`) sees it. Blocks for up to `TRIES` times `WAIT`.
pub(super) fn public_address(server: &str, family: AddressFamily) -> Option<IpAddr> {
    let servers = server.to_socket_addrs().ok()?;
    let server = servers.into_iter().find(|at| AddressFamily::of(at.ip()) == family)?;
    ask(server).map(|mapped| mapped.ip())
}

fn ask(server: SocketAddr) -> Option<SocketAddr> {
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(server).ok()?;
    socket.set_read_timeout(Some(WAIT)).ok()?;
    let mut request = Message::new();
    request.build(&[Box::new(TransactionId::new()), Box::new(BINDING_REQUEST)]).ok()?;
    let mut buffer = [0; STUN_ANSWER_BYTES_MAX];
    for _ in 0..TRIES {
        if socket.send(&request.raw).is_err() {
            continue;
        }
        let Ok(bytes) = socket.recv(&mut buffer) else { continue };
        let mut answer = Message::new();
        if answer.write(&buffer[..bytes]).is_err() {
            continue;
        }
        if answer.typ == BINDING_SUCCESS && answer.transaction_id == request.transaction_id {
            let mut mapped = XorMappedAddress::default();
            return mapped.get_from(&answer).ok().map(|()| SocketAddr::new(mapped.ip, mapped.port));
        }
    }
    None
}
