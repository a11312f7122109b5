//! Parses a server name: the host or address to resolve, and the port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ruma::{OwnedServerName, ServerName};

use crate::connect::words::Words;

/// The default port of homeservers.
pub(super) const PORT: u16 = 8448;

/// The host part of a server name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// An IP address, which needs no look-up.
    Address(IpAddr),
    /// A DNS name, in lower case.
    Name(String),
}

/// A server name, or the name that it delegates to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) host: Host,
    /// The explicit port; without one, SRV records or the default port apply.
    pub(super) port: Option<u16>,
    /// The value of the `Host` header.
    pub(super) text: String,
}

impl Authority {
    /// Parses a server name.
    pub(super) fn of(server: &ServerName) -> Result<Self, Words> {
        let port = server.port();
        if port == Some(0) {
            return Err(Words(format!("there is no port 0 ({server})")));
        }
        let host = server.host();
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address.parse::<Ipv6Addr>().map(|address| Host::Address(address.into())),
            None => Ok(match host.parse::<Ipv4Addr>() {
                Ok(address) => Host::Address(address.into()),
                Err(_) => Host::Name(host.to_ascii_lowercase()),
            }),
        };
        let host = host.map_err(|_| Words(format!("there is no IPv6 address in the brackets of {server}")))?;
        Ok(Self { host, port, text: server.as_str().to_ascii_lowercase() })
    }

    /// Parses untrusted text, such as a delegation in a well-known document.
    pub(super) fn parse(text: &str) -> Result<Self, Words> {
        let server: OwnedServerName =
            ServerName::parse(text).map_err(|_| Words(format!("{} is not a server name", text.escape_debug())))?;
        Self::of(&server)
    }

    /// The host to query for `/.well-known/matrix/server`. Only a DNS name without a port may delegate.
    pub(super) fn may_delegate(&self) -> Option<&str> {
        match (&self.host, self.port) {
            (Host::Name(name), None) => Some(name),
            _ => None,
        }
    }

    /// The name that the certificate must be valid for.
    pub(super) fn certified(&self) -> String {
        match &self.host {
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let authority = |text| Authority::parse(text).expect("a server name");
        assert_eq!(authority("Example.org").host, Host::Name("example.org".to_owned()));
        assert_eq!(authority("Example.org").may_delegate(), Some("example.org"));
        assert_eq!(authority("example.org:443").port, Some(443));
        assert_eq!(authority("example.org:443").text, "example.org:443");
        assert_eq!(authority("example.org:443").may_delegate(), None);
        assert_eq!(authority("1.2.3.4").host, Host::Address(Ipv4Addr::new(1, 2, 3, 4).into()));
        assert_eq!(authority("1.2.3.4").may_delegate(), None);
        assert_eq!(authority("[::1]:1").host, Host::Address(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(authority("[::1]:1").certified(), "::1");
    }

    #[test]
    fn what_is_no_server_name_is_refused() {
        for text in ["", "example.org:0", "example.org:65536", "[::1", "[example.org]", "bücher.example", "a/b", "a@b"]
        {
            assert!(Authority::parse(text).is_err(), "{text:?}");
        }
    }
}
