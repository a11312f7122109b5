//! TLS handshakes with the certificate of a source.

use std::io;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_certificates::acme::answers::ALPN as ACME_ALPN;
use hearth_certificates::{Answers, CertSource};
use rustls::ServerConfig;
use rustls::server::{Acceptor, ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// What a listener needs for handshakes. The certificate is that of its source at the time of the handshake.
#[derive(Debug)]
pub(crate) struct Certificates {
    config: Arc<ServerConfig>,
    /// For the handshakes by which an authority looks at the proof of a name.
    proofs: Option<Arc<ServerConfig>>,
}

impl Certificates {
    /// For a listener with this source. `answers` are the proofs for an authority, if there is one.
    pub(super) fn new(source: Arc<dyn CertSource>, answers: Option<&Arc<Answers>>) -> Result<Self> {
        let fault = |error| Error::fault("setting up TLS", error);
        let config = server_config(source).map_err(fault)?;
        let proofs = answers.map(|answers| answers.tls_config()).transpose().map_err(fault)?;
        Ok(Self { config, proofs })
    }

    /// The configuration for handshakes.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

/// The TLS configuration. The one place that chooses a cryptography provider and the offered protocols.
fn server_config(source: Arc<dyn CertSource>) -> std::result::Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Current(source)));
    // The relay takes over connections that negotiate TURN; see `relayed`.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), super::relayed::ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// The source's certificate, whatever name the client asks for. Without one the handshake fails.
#[derive(Debug)]
struct Current(Arc<dyn CertSource>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.current().map(|current| Arc::clone(&current.key))
    }
}

/// Performs the handshake in the server role. `None` for a connection whose handshake was all that it was for.
pub(super) async fn handshake(
    stream: TcpStream,
    certificates: &Certificates,
) -> io::Result<Option<TlsStream<TcpStream>>> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let proves = hello.client_hello().alpn().is_some_and(|mut offered| offered.any(|name| name == ACME_ALPN));
    if let (true, Some(proofs)) = (proves, &certificates.proofs) {
        // RFC 8737 section 3: the connection is closed after the handshake.
        hello.into_stream(Arc::clone(proofs)).await?;
        return Ok(None);
    }
    hello.into_stream(certificates.current()).await.map(Some)
}
