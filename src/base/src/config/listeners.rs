//! `[[listeners]]`: where the server listens, and for what.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::Mode;
use super::check::Checks;
use super::schema::{choice, section, text_value};

section! {
    /// Where the server listens, and for what. Each listener is a table of its own; together they replace the default
    /// one.
    pub struct Listener {
        /// An address and port, or `unix:` and the path of a socket.
        address: Address = Address::default(),
        /// The permission bits of a Unix socket.
        socket_mode: Mode = Mode(0o660),
        /// The certificate with which the listener speaks TLS. Unset, it speaks plain HTTP, to be used behind a reverse
        /// proxy or on this machine only.
        tls: Option<Tls> = None => "{ certificate_file = 'fullchain.pem', key_file = 'privkey.pem' }",
        /// What is served here.
        resources: Vec<Resource> = vec![Resource::Client, Resource::Federation, Resource::Media],
    }
}

section! {
    /// A certificate and its private key.
    pub struct Tls {
        /// The certificate and those that vouch for it, in PEM form.
        certificate_file: PathBuf = PathBuf::new(),
        /// The private key, in PEM form.
        key_file: PathBuf = PathBuf::new(),
    }
}

choice! {
    /// Something that a listener serves.
    pub enum Resource {
        /// What clients use.
        Client = "client",
        /// What other homeservers use.
        Federation = "federation",
        /// Uploads and downloads.
        Media = "media",
        /// Numbers for Prometheus; they are for the operator, not for the public.
        Metrics = "metrics",
    }
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Default for Address {
    fn default() -> Self {
        Self::Tcp(SocketAddr::from(([127, 0, 0, 1], 8008)))
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err(String::new()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| String::new()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

text_value!(Address, "an address and port such as \"127.0.0.1:8008\" or \"[::]:8448\", or \"unix:/path/of/socket\"");

pub(super) fn check(listeners: &[Listener], checks: &mut Checks) {
    checks.require(!listeners.is_empty(), "listeners", "expected at least one listener");
    for (index, listener) in listeners.iter().enumerate() {
        let key = |name: &str| format!("listeners[{index}].{name}");
        checks.require(!listener.resources.is_empty(), &key("resources"), "expected at least one resource");
        let twice = listeners[..index].iter().any(|earlier| earlier.address == listener.address);
        // Port 0 is whichever is free, so two of them do not meet.
        let any_port = matches!(listener.address, Address::Tcp(address) if address.port() == 0);
        let text = format!("{} is the address of another listener as well", listener.address);
        checks.require(!twice || any_port, &key("address"), text);
        if let Some(tls) = &listener.tls {
            checks.file(&key("tls.certificate_file"), &tls.certificate_file);
            checks.file(&key("tls.key_file"), &tls.key_file);
        }
        let Address::Tcp(address) = listener.address else { continue };
        checks.warn_if(
            listener.tls.is_none() && !address.ip().is_loopback(),
            &key("address"),
            "passwords and messages cross the network unencrypted here, unless a reverse proxy or a container stands \
             before it",
        );
        checks.warn_if(
            listener.resources.contains(&Resource::Metrics) && !address.ip().is_loopback(),
            &key("resources"),
            "`metrics` can be read by whoever reaches this address",
        );
    }
}
