//! Explains to the operator why another server cannot be reached.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError};

/// A reason that completes the sentence "example.org cannot be reached: …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) String);

impl Words {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Words {}

/// Explains a failed TCP connection to `address`.
pub(crate) fn of_connecting(error: &io::Error, address: impl fmt::Display) -> Words {
    Words(match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("nothing listens at {address}"),
        io::ErrorKind::ConnectionReset => format!("{address} cut the connection off"),
        io::ErrorKind::TimedOut => format!("{address} does not answer"),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            format!("there is no way to {address} from this network")
        }
        _ => format!("connecting to {address} failed: {error}"),
    })
}

/// Explains a failed TLS handshake with the server at `address`, whose certificate should be valid for `name`.
pub(crate) fn of_tls(error: &io::Error, name: &str, address: impl fmt::Display) -> Words {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return Words(match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                format!("{address} cut the connection off while TLS was set up")
            }
            _ => format!("TLS with {address} failed: {error}"),
        });
    };
    Words(match error {
        rustls::Error::InvalidCertificate(error) => of_certificate(error, name, &address),
        rustls::Error::InvalidMessage(_) => format!("what answers at {address} is not TLS"),
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            format!("the server at {address} knows nothing of {name}")
        }
        rustls::Error::AlertReceived(alert) => format!("the server at {address} refuses TLS ({alert:?})"),
        other => format!("TLS with {address} failed: {other}"),
    })
}

fn of_certificate(error: &CertificateError, name: &str, address: &dyn fmt::Display) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate at {address} has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the certificate at {address} is not valid yet; is this machine's clock right?")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate at {address} is not for {name}")
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!(
                "the certificate at {address} is signed by nobody whom this server trusts (`outgoing.extra_ca_file`)"
            )
        }
        other => format!("the certificate at {address} is not good: {other}"),
    }
}

/// Explains a request that was sent and got no response.
pub(crate) fn of_request(error: &(dyn StdError + 'static)) -> Words {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(words) = error.downcast_ref::<Words>() {
            return words.clone();
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if was_closed(error) {
                return Words::new("it closed the connection before it answered");
            }
            if error.is_parse() || error.is_parse_too_large() {
                return Words(format!("its answer is not HTTP as it should be: {error}"));
            }
        }
        cause = error.source();
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    Words(text)
}

/// Whether the peer closed the connection before a response, as servers do with idle connections.
pub(crate) fn was_closed(error: &hyper::Error) -> bool {
    let reset = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof
        )
    };
    error.is_incomplete_message()
        || error.is_closed()
        || error.is_canceled()
        || error.source().and_then(|source| source.downcast_ref::<io::Error>()).is_some_and(reset)
}
