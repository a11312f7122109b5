//! The client address of a request, as far as it can be trusted.

use std::net::{IpAddr, SocketAddr};

use hearth_base::config::Cidr;
use http::HeaderMap;

/// The client's address: that of the connection, or, if that is a trusted proxy, the nearest hop in `X-Forwarded-For`
/// that is not a trusted proxy. Hops further left are under the client's control.
///
/// `remote` is `None` for a Unix socket, which only a proxy on this machine can open.
pub(super) fn address(remote: Option<IpAddr>, headers: &HeaderMap, trusted: &[Cidr]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    if remote.is_some_and(|remote| !is_trusted(remote)) {
        return remote;
    }
    let mut nearest = remote;
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let hops = lines.iter().rev().flat_map(|line| line.to_str().unwrap_or("").rsplit(','));
    for hop in hops {
        // A hop that cannot be parsed is not trusted, nor are the hops beyond it.
        let Some(hop) = parse(hop.trim()) else { break };
        nearest = Some(hop);
        if !is_trusted(hop) {
            break;
        }
    }
    nearest
}

/// Parses an address with or without a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(remote: &str, header: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in header {
            headers.append("x-forwarded-for", http::HeaderValue::from_static(line));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        address(remote.parse().ok(), &headers, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn a_stranger_cannot_invent_an_address() {
        assert_eq!(seen("198.51.100.7", &["192.0.2.1"]).unwrap(), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["192.0.2.1, 203.0.113.9"]).unwrap(), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["192.0.2.1", "203.0.113.9"]).unwrap(), "203.0.113.9");
    }

    #[test]
    fn proxies_before_proxies_are_passed_over() {
        assert_eq!(seen("::1", &["203.0.113.9, 10.1.1.1"]).unwrap(), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["10.2.2.2, 10.1.1.1"]).unwrap(), "10.2.2.2");
    }

    #[test]
    fn what_cannot_be_read_falls_back() {
        assert_eq!(seen("10.0.0.1", &[]).unwrap(), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4, garbage"]).unwrap(), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]:443"]).unwrap(), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &["192.0.2.1:99"]).unwrap(), "192.0.2.1");
        // A Unix socket.
        assert_eq!(seen("", &["192.0.2.1"]).unwrap(), "192.0.2.1");
        assert_eq!(seen("", &[]), None);
    }
}
