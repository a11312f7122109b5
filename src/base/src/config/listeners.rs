//! `[[listeners]]`: addresses the server listens on, and what it serves there.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::Mode;
use super::check::Checks;
use super::schema::{choice, section, text_value};

section! {
    /// Addresses the server listens on. Each listener is a table; together they replace the default listener.
    pub struct Listener {
        /// An address and port, or `unix:` and the path of a socket.
        address: Address = Address::default(),
        /// The permission bits of a Unix socket.
        socket_mode: Mode = Mode(0o660),
        /// The certificate for TLS. Unset, the listener speaks plain HTTP, for use behind a reverse proxy or on this
        /// machine only.
        tls: Option<Tls> = None => "{ certificate_file = 'fullchain.pem', key_file = 'privkey.pem' }",
        /// What the listener serves. `redirect` stands alone, on port 80.
        resources: Vec<Resource> = vec![Resource::Client, Resource::Federation, Resource::Media],
    }
}

section! {
    /// Where the certificate of a listener comes from. All listeners with the source `acme` have one certificate, and so have
    /// those with `self-signed`.
    pub struct Tls {
        /// `files`: the two files below, read again when they change. `acme`: Hearth gets it from an authority and renews it,
        /// as `[acme]` describes. `self-signed`: Hearth makes it; for a LAN, where each device is told once to trust it.
        source: CertificateSource = CertificateSource::Files,
        /// The certificate chain in PEM format.
        certificate_file: PathBuf = PathBuf::new(),
        /// The private key in PEM format.
        key_file: PathBuf = PathBuf::new(),
    }
}

choice! {
    /// Where a certificate comes from.
    pub enum CertificateSource {
        /// Two files.
        Files = "files",
        /// An authority, by the ACME protocol (RFC 8555).
        Acme = "acme",
        /// This server itself.
        SelfSigned = "self-signed",
    }
}

choice! {
    /// What a listener can serve.
    pub enum Resource {
        /// The client-server API.
        Client = "client",
        /// The server-server API.
        Federation = "federation",
        /// Media of the client-server API.
        Media = "media",
        /// Prometheus metrics. They are meant for the operator, not for the public.
        Metrics = "metrics",
        /// A redirect to https, and the answers that prove the server's names to a certificate authority (HTTP-01).
        Redirect = "redirect",
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
        // Port 0 is any free port, so two listeners with it do not collide.
        let any_port = matches!(listener.address, Address::Tcp(address) if address.port() == 0);
        let text = format!("{} is the address of another listener as well", listener.address);
        checks.require(!twice || any_port, &key("address"), text);
        if let Some(tls) = listener.tls.as_ref() {
            check_tls(tls, &key("tls"), checks);
        }
        let redirects = listener.resources.contains(&Resource::Redirect);
        checks.require(
            !redirects || (listener.resources.len() == 1 && listener.tls.is_none()),
            &key("resources"),
            "`redirect` stands alone, on a listener without `tls`",
        );
        let Address::Tcp(address) = listener.address else { continue };
        checks.warn_if(
            listener.tls.is_none() && !redirects && !address.ip().is_loopback(),
            &key("address"),
            "passwords and messages cross the network unencrypted here, unless a reverse proxy or a container is in \
             front of it",
        );
        checks.warn_if(
            listener.resources.contains(&Resource::Metrics) && !address.ip().is_loopback(),
            &key("resources"),
            "anyone who reaches this address can read the metrics",
        );
    }
}

fn check_tls(tls: &Tls, key: &str, checks: &mut Checks) {
    let files = [("certificate_file", &tls.certificate_file), ("key_file", &tls.key_file)];
    for (name, path) in files {
        let key = format!("{key}.{name}");
        match tls.source {
            CertificateSource::Files => checks.file(&key, path),
            CertificateSource::Acme | CertificateSource::SelfSigned => checks.warn_if(
                !path.as_os_str().is_empty(),
                &key,
                format!("not used, because the source is `{}`", tls.source.as_str()),
            ),
        }
    }
}
