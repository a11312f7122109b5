//! PCP (RFC 6887) and NAT-PMP (RFC 6886), which share a port: a router that knows only the older one says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use hearth_base::limits::setup::PCP_WAITS_MS;

use super::MapError;
use crate::world::Transport;

/// The largest PCP message (RFC 6887 section 7).
const MESSAGE_BYTES: usize = 1_100;
const PCP: u8 = 2;
const NAT_PMP: u8 = 0;
/// The opcode MAP of PCP.
const MAP: u8 = 1;
/// Set in the opcode of an answer.
const ANSWER: u8 = 0x80;
/// The port for a mapping that is asked for its address and ended at once: discard (RFC 863), which no server uses.
const PROBE_PORT: u16 = 9;
const PROBE_LIFETIME: Duration = Duration::from_secs(5);

/// Which of the two a router understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Pcp,
    NatPmp,
}

/// The outer address of a router, and what it understands.
pub(super) fn external(gateway: SocketAddr, local: Ipv4Addr) -> Option<(IpAddr, Dialect)> {
    // NAT-PMP can ask for the address alone; PCP tells it with a mapping only.
    let answer =
        exchange(gateway, &[NAT_PMP, 0], |answer| answer.get(1) == Some(&ANSWER) || answer.first() == Some(&PCP));
    let address = answer.as_deref().and_then(external_by_nat_pmp);
    match pcp_map(gateway, local, PROBE_PORT, Transport::Udp, PROBE_LIFETIME) {
        Ok((_, external)) => {
            let _ = pcp_map(gateway, local, PROBE_PORT, Transport::Udp, Duration::ZERO);
            Some((address.unwrap_or(external), Dialect::Pcp))
        }
        Err(_) => address.map(|address| (address, Dialect::NatPmp)),
    }
}

fn external_by_nat_pmp(answer: &[u8]) -> Option<IpAddr> {
    let (head, address) = (answer.get(..8)?, answer.get(8..12)?);
    let ip = Ipv4Addr::new(address[0], address[1], address[2], address[3]);
    (head[0] == NAT_PMP && head[2..4] == [0, 0]).then_some(IpAddr::V4(ip))
}

/// Maps a port to the same port; a lifetime of zero ends it.
pub(super) fn map(
    gateway: SocketAddr,
    dialect: Dialect,
    local: Ipv4Addr,
    port: u16,
    transport: Transport,
    lifetime: Duration,
) -> Result<(), MapError> {
    let outer = match dialect {
        Dialect::Pcp => pcp_map(gateway, local, port, transport, lifetime)?.0,
        Dialect::NatPmp => nat_pmp_map(gateway, port, transport, lifetime)?,
    };
    if lifetime.is_zero() || outer == port {
        return Ok(());
    }
    // Of no use, so it is given back.
    let _ = match dialect {
        Dialect::Pcp => pcp_map(gateway, local, port, transport, Duration::ZERO).map(drop),
        Dialect::NatPmp => nat_pmp_map(gateway, port, transport, Duration::ZERO).map(drop),
    };
    Err(MapError(format!("Port {port} of the router is in use by another machine or by the router itself.")))
}

/// Returns the outer port and address.
fn pcp_map(
    gateway: SocketAddr,
    local: Ipv4Addr,
    port: u16,
    transport: Transport,
    lifetime: Duration,
) -> Result<(u16, IpAddr), MapError> {
    let request = pcp_request(local, port, transport, lifetime);
    let matches = |answer: &[u8]| {
        let same = answer.get(1) == Some(&(MAP | ANSWER)) && answer.get(24..42) == request.get(24..42);
        // A router that knows only NAT-PMP answers with its own version and without the request.
        same || answer.first() == Some(&NAT_PMP)
    };
    let answer = exchange(gateway, &request, matches).ok_or_else(no_answer)?;
    if answer.first() != Some(&PCP) || answer.len() < request.len() {
        return Err(MapError("The router does not understand PCP.".to_owned()));
    }
    if answer[3] != 0 {
        return Err(MapError(format!("The router refuses to forward port {port} (PCP result {}).", answer[3])));
    }
    let ip: [u8; 16] = answer[44..60].try_into().map_err(|_| no_answer())?;
    Ok((u16::from_be_bytes([answer[42], answer[43]]), Ipv6Addr::from(ip).to_canonical()))
}

fn pcp_request(local: Ipv4Addr, port: u16, transport: Transport, lifetime: Duration) -> Vec<u8> {
    let mut request = vec![PCP, MAP, 0, 0];
    request.extend(seconds(lifetime));
    request.extend(local.to_ipv6_mapped().octets());
    // The nonce proves to the router that the same client extends or ends a mapping, also after a restart; so it follows from
    // the mapping. Those who could use it are in the same network and can ask for the port anyway.
    request.extend(*b"hearth:");
    request.extend(local.octets());
    request.push(1);
    request.extend([protocol(transport), 0, 0, 0]);
    request.extend(port.to_be_bytes());
    request.extend(port.to_be_bytes());
    request.extend(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets());
    request
}

/// The number of a transport in the IP header.
fn protocol(transport: Transport) -> u8 {
    match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
    }
}

fn seconds(lifetime: Duration) -> [u8; 4] {
    u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX).to_be_bytes()
}

/// Returns the outer port.
fn nat_pmp_map(gateway: SocketAddr, port: u16, transport: Transport, lifetime: Duration) -> Result<u16, MapError> {
    let opcode = if transport == Transport::Udp { 1 } else { 2 };
    let mut request = vec![NAT_PMP, opcode, 0, 0];
    request.extend(port.to_be_bytes());
    // To end a mapping, the outer port is 0 (RFC 6886 section 3.4).
    request.extend(if lifetime.is_zero() { [0, 0] } else { port.to_be_bytes() });
    request.extend(seconds(lifetime));
    let matches =
        |answer: &[u8]| answer.get(1) == Some(&(opcode | ANSWER)) && answer.get(8..10) == Some(&port.to_be_bytes());
    let answer = exchange(gateway, &request, matches).filter(|answer| answer.len() >= 16).ok_or_else(no_answer)?;
    let result = u16::from_be_bytes([answer[2], answer[3]]);
    if result != 0 {
        return Err(MapError(format!("The router refuses to forward port {port} (NAT-PMP result {result}).")));
    }
    Ok(u16::from_be_bytes([answer[10], answer[11]]))
}

fn no_answer() -> MapError {
    MapError("The router does not answer.".to_owned())
}

/// Sends a request until an answer matches, with growing waits.
fn exchange(gateway: SocketAddr, request: &[u8], matches: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Only the gateway's answers are received.
    socket.connect(gateway).ok()?;
    let mut buffer = [0; MESSAGE_BYTES];
    for wait_ms in PCP_WAITS_MS {
        socket.set_read_timeout(Some(Duration::from_millis(wait_ms))).ok()?;
        if socket.send(request).is_err() {
            continue;
        }
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        if matches(&buffer[..length]) {
            return Some(buffer[..length].to_vec());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;
    const HOUR: Duration = Duration::from_secs(3_600);

    /// A router that answers each request with what the function returns, until it returns nothing.
    fn router(answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind((LOCAL, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let serve = move || {
            let mut buffer = [0; MESSAGE_BYTES];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let Some(answer) = answer(&buffer[..length]) else { return };
                socket.send_to(&answer, from).unwrap();
            }
        };
        std::thread::Builder::new().spawn(serve).unwrap();
        address
    }

    fn nat_pmp_only(request: &[u8]) -> Option<Vec<u8>> {
        Some(match request {
            [PCP, ..] => vec![0, 0x81, 0, 1, 0, 0, 0, 9],
            [0, 0] => vec![0, 128, 0, 0, 0, 0, 0, 9, 198, 41, 0, 4],
            [0, op, _, _, port @ ..] => {
                [&[0, op | ANSWER, 0, 0, 0, 0, 0, 9], &port[..2], &port[..2], &port[4..8]].concat()
            }
            _ => return None,
        })
    }

    /// Assigns `port` to all.
    fn pcp_router(result: u8, port: u16) -> SocketAddr {
        router(move |request| {
            if request == [0, 0] {
                return Some(vec![0, 128, 0, 1, 0, 0, 0, 9]);
            }
            let mut answer = request.to_vec();
            answer[1] |= ANSWER;
            answer[3] = result;
            answer[42..44].copy_from_slice(&port.to_be_bytes());
            answer[44..60].copy_from_slice(&Ipv4Addr::new(198, 41, 0, 4).to_ipv6_mapped().octets());
            Some(answer)
        })
    }

    #[test]
    fn a_router_of_either_generation_is_understood() {
        let old = router(nat_pmp_only);
        let address = IpAddr::from([198, 41, 0, 4]);
        assert_eq!(external(old, LOCAL), Some((address, Dialect::NatPmp)));
        assert_eq!(map(old, Dialect::NatPmp, LOCAL, 443, Transport::Tcp, HOUR), Ok(()));
        assert_eq!(map(old, Dialect::NatPmp, LOCAL, 443, Transport::Tcp, Duration::ZERO), Ok(()));
        let new = pcp_router(0, 443);
        assert_eq!(external(new, LOCAL), Some((address, Dialect::Pcp)));
        assert_eq!(map(new, Dialect::Pcp, LOCAL, 443, Transport::Tcp, HOUR), Ok(()));
    }

    #[test]
    fn another_port_than_the_wanted_one_is_of_no_use() {
        let busy = pcp_router(0, 1_024);
        let refused = map(busy, Dialect::Pcp, LOCAL, 443, Transport::Tcp, HOUR).unwrap_err();
        assert!(refused.0.contains("in use"), "{refused}");
        let closed = pcp_router(2, 443);
        let refused = map(closed, Dialect::Pcp, LOCAL, 443, Transport::Tcp, HOUR).unwrap_err();
        assert!(refused.0.contains("PCP result 2"), "{refused}");
    }

    #[test]
    fn nonsense_is_no_answer() {
        for nonsense in [vec![], vec![2], vec![2, 0x81], vec![0; 64], vec![0xff; MESSAGE_BYTES]] {
            let at = router(move |_| Some(nonsense.clone()));
            assert!(map(at, Dialect::Pcp, LOCAL, 443, Transport::Tcp, HOUR).is_err());
            assert!(map(at, Dialect::NatPmp, LOCAL, 443, Transport::Tcp, HOUR).is_err());
        }
    }

    #[test]
    fn a_request_has_the_form_of_the_rfc() {
        let request = pcp_request(Ipv4Addr::new(192, 168, 1, 2), 443, Transport::Tcp, HOUR);
        assert_eq!(request.len(), 60);
        assert_eq!(request[..8], [2, 1, 0, 0, 0, 0, 14, 16]);
        assert_eq!(request[18..24], [0xff, 0xff, 192, 168, 1, 2]);
        assert_eq!(request[36..44], [6, 0, 0, 0, 1, 187, 1, 187]);
    }
}
