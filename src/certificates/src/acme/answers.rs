//! The answers that prove a name to an authority which connects to this server: HTTP-01 (RFC 8555 section 8.3) and TLS-ALPN-01
//! (RFC 8737). They are there while an order is under way.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The ALPN protocol id of TLS-ALPN-01.
pub const ALPN: &[u8] = b"acme-tls/1";

/// The current answers.
#[derive(Debug, Default)]
pub struct Answers {
    /// By token.
    http: Mutex<HashMap<String, String>>,
    /// By name.
    tls: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Answers {
    /// The key authorization for a token of HTTP-01.
    #[must_use]
    pub fn http(&self, token: &str) -> Option<String> {
        self.http.lock().get(token).cloned()
    }

    /// The TLS configuration for a handshake that an authority makes to prove a name. The connection has no other use.
    ///
    /// # Errors
    /// Never with the protocol versions that this program has.
    pub fn tls_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ByName(Arc::clone(self))));
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Arc::new(config))
    }

    pub(super) fn show_http(&self, token: &str, authorization: &str) {
        self.http.lock().insert(token.to_owned(), authorization.to_owned());
    }

    pub(super) fn show_tls(&self, name: &str, key: Arc<CertifiedKey>) {
        self.tls.lock().insert(name.to_ascii_lowercase(), key);
    }

    pub(super) fn clear(&self) {
        self.http.lock().clear();
        self.tls.lock().clear();
    }
}

#[derive(Debug)]
struct ByName(Arc<Answers>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.tls.lock().get(&hello.server_name()?.to_ascii_lowercase()).cloned()
    }
}
