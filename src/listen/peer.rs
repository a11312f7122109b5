//! The client address of a request, as far as it can be trusted.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use hearth_base::config::Cidr;
use hearth_base::limits::server::PROXY_WARNING_EVERY;
use hearth_base::net::is_public;
use http::HeaderMap;
use parking_lot::Mutex;

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

/// Warns of a reverse proxy that the configuration does not name, once an hour: all clients behind it share its address,
/// and so its rate limits. Only addresses of this machine and of private networks count, because strangers send the
/// header too.
#[derive(Debug, Default)]
pub(crate) struct ProxyWarning(Mutex<Option<Instant>>);

impl ProxyWarning {
    /// Looks at a request; returns whether it warned.
    pub(super) fn look(&self, remote: Option<IpAddr>, headers: &HeaderMap, trusted: &[Cidr]) -> bool {
        let Some(remote) = remote.filter(|_| headers.contains_key("x-forwarded-for")) else { return false };
        if is_public(remote) || trusted.iter().any(|range| range.contains(remote)) {
            return false;
        }
        let (mut last, now) = (self.0.lock(), Instant::now());
        if last.is_some_and(|last| now.duration_since(last) < PROXY_WARNING_EVERY) {
            return false;
        }
        *last = Some(now);
        drop(last);
        tracing::warn!(
            address = %remote,
            "A request came with X-Forwarded-For from an address that `server.trusted_proxies` does not name; the header \
             is ignored. If a reverse proxy runs there, name it: now all its clients share one address, and a few wrong \
             passwords of one keep all of them from logging in."
        );
        true
    }
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
    fn a_proxy_that_is_not_named_is_warned_of_once() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let forwarded = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-forwarded-for"),
            http::HeaderValue::from_static("192.0.2.1"),
        )]);
        let warning = ProxyWarning::default();
        let look = |remote: &str, headers: &HeaderMap| warning.look(remote.parse().ok(), headers, &trusted);
        assert!(!look("127.0.0.1", &HeaderMap::new()) && !look("10.0.0.1", &forwarded));
        assert!(!look("9.9.9.9", &forwarded), "strangers send it too");
        assert!(look("127.0.0.1", &forwarded) && !look("172.17.0.1", &forwarded));
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
