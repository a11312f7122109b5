//! Certificates from files, and TLS handshakes with them.

use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use hearth_base::config::Tls;
use hearth_base::limits::server::TLS_LOOK_EVERY;
use hearth_base::{Error, Result};
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// A certificate that is reloaded when its files change.
#[derive(Debug)]
pub(crate) struct Certificates {
    files: Tls,
    loaded: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    written: [Option<SystemTime>; 2],
    looked: Instant,
}

impl Certificates {
    /// Loads both files.
    pub(super) fn load(files: &Tls) -> Result<Self> {
        let loaded = Loaded { config: read(files)?, written: written(files), looked: Instant::now() };
        Ok(Self { files: files.clone(), loaded: Mutex::new(loaded) })
    }

    /// The configuration for the next handshake. When new files cannot be loaded, the old certificate stays in use.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        let mut loaded = self.loaded.lock();
        if loaded.looked.elapsed() < TLS_LOOK_EVERY {
            return Arc::clone(&loaded.config);
        }
        loaded.looked = Instant::now();
        let written = written(&self.files);
        if written != loaded.written {
            match read(&self.files) {
                Ok(config) => {
                    tracing::info!(file = %self.files.certificate_file.display(), "Took up a new certificate.");
                    loaded.config = config;
                    loaded.written = written;
                }
                // The two files are rarely written at the same instant; the next check tries again.
                Err(error) => tracing::warn!(%error, "The new certificate cannot be used; the old one stays."),
            }
        }
        Arc::clone(&loaded.config)
    }
}

/// Modification times of both files; `None` for a missing file.
fn written(files: &Tls) -> [Option<SystemTime>; 2] {
    [&files.certificate_file, &files.key_file].map(|path| std::fs::metadata(path).and_then(|it| it.modified()).ok())
}

fn read(files: &Tls) -> Result<Arc<ServerConfig>> {
    let (certificate, key) = (files.certificate_file.display(), files.key_file.display());
    let chain = CertificateDer::pem_file_iter(&files.certificate_file)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| Error::fault(format!("reading the certificate {certificate}"), error))?;
    let secret = PrivateKeyDer::from_pem_file(&files.key_file)
        .map_err(|error| Error::fault(format!("reading the private key {key}"), error))?;
    server_config(chain, secret)
        .map_err(|error| Error::fault(format!("using the certificate {certificate} with the key {key}"), error))
}

/// The TLS configuration. The one place that chooses a cryptography provider and the offered protocols.
fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> std::result::Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // The relay takes over connections that negotiate TURN; see `relayed`.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), super::relayed::ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// Performs the handshake in the server role.
pub(super) async fn handshake(stream: TcpStream, certificates: &Certificates) -> io::Result<TlsStream<TcpStream>> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    hello.into_stream(certificates.current()).await
}
