//! The URL at which the client of a request reaches this server, for the well-known document, `/` and logins.
//!
//! A server with a public name has one URL for all. One without, or one that `server.lan` opens to a home network, has
//! several addresses, and the one that works for a client is the one that it has just used.

use std::net::IpAddr;

use hearth_base::config::{Address, Config};
use hearth_base::net;
use http::{HeaderMap, Uri, header, uri::Authority};

/// The base URL for the sender of a request, without a slash at its end.
///
/// The `Host` header is under the client's control, and what it says ends up in answers. It counts only for a server
/// without a public name and a configured URL, and only as the literal address of this machine: another name could lead
/// the client elsewhere. The port may be any, because a router or a container may forward another one.
#[must_use]
pub fn base_url(config: &Config, uri: &Uri, headers: &HeaderMap) -> String {
    let general = config.public_baseurl();
    if !config.server.is_reached_by_address() {
        return general;
    }
    match host(uri, headers) {
        Some(host) if is_own(&host) => format!("{}://{host}", scheme(config, &host)),
        _ => general,
    }
}

/// The host of the request: the `:authority` of HTTP/2, or the header of HTTP/1.1.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    if let Some(authority) = uri.authority() {
        return Some(authority.clone());
    }
    headers.get(header::HOST)?.to_str().ok()?.parse().ok()
}

/// Whether the host is a literal address of this machine for other machines, such as `192.168.1.20:8008`.
fn is_own(host: &Authority) -> bool {
    // User information before the host would be part of the URL as well.
    if host.as_str().contains('@') {
        return false;
    }
    let bare = host.host().trim_start_matches('[').trim_end_matches(']');
    let Ok(address) = bare.parse::<IpAddr>() else { return false };
    net::own_addresses().iter().any(|own| own.address == address && own.is_for_others())
}

/// The scheme of the listener with this port, or, for a forwarded port, of the first one.
fn scheme(config: &Config, host: &Authority) -> &'static str {
    let of_port = config
        .listeners
        .iter()
        .find(|listener| matches!(listener.address, Address::Tcp(at) if Some(at.port()) == host.port_u16()));
    let listener = of_port.or_else(|| config.listeners.first());
    if listener.is_some_and(|listener| listener.tls.is_some()) { "https" } else { "http" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(config: &Config, host: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a header"));
        base_url(config, &Uri::from_static("/"), &headers)
    }

    #[test]
    fn only_an_address_of_this_machine_is_taken_from_the_request() {
        let config = Config::default();
        let general = "http://localhost:8008";
        for host in ["evil.example", "evil.example:8008", "198.51.100.9:8008", "x@198.51.100.9", "", "127.0.0.1:8008"] {
            assert_eq!(asked(&config, host), general, "{host}");
        }
        let own = net::own_addresses().into_iter().find(|own| own.is_for_others() && own.address.is_ipv4());
        let Some(own) = own.map(|own| own.address) else { return };
        assert_eq!(asked(&config, &format!("{own}:8008")), format!("http://{own}:8008"));
        assert_eq!(asked(&config, &format!("{own}:80")), format!("http://{own}:80"));
        assert_eq!(asked(&config, &format!("evil@{own}:8008")), general);
        let mut named = config.clone();
        named.server.name = "family.net".to_owned();
        assert_eq!(asked(&named, &format!("{own}:8008")), "https://family.net");
        named.server.lan = true;
        assert_eq!(asked(&named, &format!("{own}:8008")), format!("http://{own}:8008"));
        assert_eq!(asked(&named, "evil.example:8008"), "https://family.net");
        let mut configured = config;
        configured.server.public_baseurl = "https://matrix.example.org".parse().ok();
        assert_eq!(asked(&configured, &format!("{own}:8008")), "https://matrix.example.org");
    }
}
