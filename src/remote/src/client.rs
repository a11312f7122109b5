//! The outbound client: the usual authorities and an extra one, time limits, no proxies from the environment, and the
//! guard on every address and every redirect.

use std::sync::Arc;
use std::time::Duration;

use hearth_base::config::Outgoing;
use hearth_base::{Error, Reason, Result, error::refuse};
use reqwest::dns::Resolve;
use reqwest::{Client, ClientBuilder, Url, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::guard::Guard;

/// What this server calls itself.
pub(crate) const USER_AGENT: &str = concat!("Hearth/", env!("CARGO_PKG_VERSION"));
/// How long a connection to a stranger is kept for later.
const IDLE_MAX: Duration = Duration::from_secs(15);
/// Redirects that are followed.
const REDIRECTS_MAX: usize = 5;

/// The one client.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    guard: Guard,
}

impl Outbound {
    /// A client as the configuration wants it.
    pub fn new(config: &Outgoing) -> Result<Self> {
        let guard = Guard::new(config);
        build(builder(config, &guard)?.dns_resolver(Arc::new(guard.clone())), guard)
    }

    /// A client that talks over TLS only, and asks `resolver`, which must ask the guard.
    pub(crate) fn encrypted(config: &Outgoing, resolver: Arc<dyn Resolve>) -> Result<Self> {
        let guard = Guard::new(config);
        let builder = builder(config, &guard)?.dns_resolver(resolver).https_only(true);
        // It talks to very many, and seldom twice.
        build(builder.pool_max_idle_per_host(1).pool_idle_timeout(IDLE_MAX), guard)
    }

    /// Starts a request; refuses URLs that name an address this server may not connect to.
    pub fn request(&self, method: reqwest::Method, url: Url) -> Result<reqwest::RequestBuilder> {
        if self.guard.forbids_literal(&url) {
            return Err(refuse(
                Reason::Forbidden,
                "This server may not connect to that address; `outgoing.allowed_ranges` opens it.",
            ));
        }
        Ok(self.client.request(method, url))
    }
}

/// A client that goes where the operator says, and nowhere else.
pub(crate) fn direct(config: &Outgoing) -> Result<Client> {
    let builder = builder(config, &Guard::default())?.redirect(redirect::Policy::none());
    builder.build().map_err(|error| Error::fault("building the client for programs of the operator", error))
}

/// All but the way to look names up.
#[expect(clippy::disallowed_methods, reason = "the one place that makes an HTTP client")]
fn builder(config: &Outgoing, guard: &Guard) -> Result<ClientBuilder> {
    let redirects = guard.clone();
    let policy = redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS_MAX {
            attempt.error("too many redirects")
        } else if redirects.forbids_literal(attempt.url()) {
            attempt.error("the redirect leads to an address that this server may not connect to")
        } else {
            attempt.follow()
        }
    });
    Ok(Client::builder()
        .tls_backend_preconfigured(tls_config(config)?)
        .no_proxy()
        .redirect(policy)
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .timeout(Duration::from_millis(config.request_timeout_ms)))
}

fn build(builder: ClientBuilder, guard: Guard) -> Result<Outbound> {
    let client = builder.build().map_err(|error| Error::fault("building the client for outgoing requests", error))?;
    Ok(Outbound { client, guard })
}

/// What certificates of others are checked against.
pub fn tls_config(config: &Outgoing) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &config.extra_ca_file {
        let unreadable = |error| Error::fault(format!("reading the certificates in {}", path.display()), error);
        let certificates = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
        for certificate in certificates {
            let certificate = certificate.map_err(unreadable)?;
            roots
                .add(certificate)
                .map_err(|error| Error::fault(format!("trusting the certificates in {}", path.display()), error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::fault("setting up TLS", error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_that_resolve_to_this_machine_are_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let client = Outbound::new(&Outgoing::default()).expect("a client");
        let url = format!("http://localhost:{port}/").parse().expect("a URL");
        let answer = client.request(reqwest::Method::GET, url).expect("a name is not a literal").send().await;
        assert!(answer.is_err(), "the guard let a name of this machine through");
        let url = format!("http://127.0.0.1:{port}/").parse().expect("a URL");
        assert!(client.request(reqwest::Method::GET, url).is_err(), "the guard let an address of this machine through");
    }

    #[test]
    fn a_missing_authority_file_is_named() {
        let config = Outgoing { extra_ca_file: Some("/nowhere/ca.pem".into()), ..Outgoing::default() };
        let error = Outbound::new(&config).expect_err("there is no such file").to_string();
        assert!(error.contains("/nowhere/ca.pem"), "{error}");
    }
}
