//! A simulated internet: a DNS, a certificate authority, and web servers that record their requests.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use hearth_base::Result;
use hearth_base::config::Outgoing;
use hearth_domain::ports::{Call, Eventually, Network, RemoteResponse};
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use ruma::ServerName;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::connect::dns::{Dns, Miss, Service};
use crate::federation::Homeservers;

/// A DNS with records that a test adds.
#[derive(Debug, Default)]
pub(super) struct Names {
    addresses: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    services: Mutex<HashMap<String, Result<Vec<Service>, Miss>>>,
    /// Every query, in order.
    pub(super) asked: Mutex<Vec<String>>,
}

impl Names {
    /// Adds address records for `name`.
    pub(super) fn host(&self, name: &str, addresses: &[&str]) {
        self.hosts_in_turn(name, &[addresses]);
    }

    /// Answers the first query with the first of these, and so on; the last one is repeated.
    pub(super) fn hosts_in_turn(&self, name: &str, answers: &[&[&str]]) {
        let parse = |text: &&str| text.parse().expect("an address");
        let answers = answers.iter().map(|addresses| addresses.iter().map(parse).collect()).collect();
        self.addresses.lock().insert(name.to_owned(), answers);
    }

    pub(super) fn service(&self, name: &str, priority: u16, weight: u16, target: &str, port: u16) {
        let service = Service { priority, weight, target: target.to_owned(), port };
        let mut services = self.services.lock();
        if let Ok(services) = services.entry(name.to_owned()).or_insert_with(|| Ok(Vec::new())) {
            services.push(service);
        }
    }

    pub(super) fn fails(&self, name: &str) {
        self.services.lock().insert(name.to_owned(), Err(Miss::Failed("the DNS did not answer".to_owned())));
    }
}

impl Dns for Names {
    fn addresses(&self, name: &str) -> Eventually<Result<Vec<IpAddr>, Miss>> {
        self.asked.lock().push(name.to_owned());
        let mut answers = self.addresses.lock();
        let found = answers.get_mut(name).map(|answers| match answers.len() {
            1 => answers[0].clone(),
            _ => answers.remove(0),
        });
        Box::pin(std::future::ready(found.ok_or(Miss::None)))
    }

    fn services(&self, name: &str) -> Eventually<Result<Vec<Service>, Miss>> {
        self.asked.lock().push(name.to_owned());
        let found = self.services.lock().get(name).cloned().unwrap_or(Err(Miss::None));
        Box::pin(std::future::ready(found))
    }
}

/// A DNS, a certificate authority, and the client's configuration.
pub(super) struct Internet {
    pub(super) names: Arc<Names>,
    pub(super) config: Outgoing,
    issuer: CertifiedIssuer<'static, KeyPair>,
    _folder: TempDir,
}

impl Internet {
    /// The guard permits all loopback addresses.
    pub(super) fn new() -> Self {
        let mut internet = Self::guarded(&[]);
        internet.config.allow_private_addresses = true;
        internet
    }

    /// The guard permits only these ranges of loopback addresses.
    pub(super) fn guarded(allowed: &[&str]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        let encoded = base64::engine::general_purpose::STANDARD.encode(issuer.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n");
        std::fs::write(&file, pem).expect("the folder can be written to");
        let config = Outgoing {
            extra_ca_file: Some(file),
            allowed_ranges: allowed.iter().map(|range| range.parse().expect("a range")).collect(),
            connect_timeout_ms: 3_000,
            ..Outgoing::default()
        };
        Self { names: Arc::default(), config, issuer, _folder: folder }
    }

    /// A federation client, with `web` in place of port 443.
    pub(super) fn seen(&self, web: u16) -> Homeservers {
        Homeservers::with_dns(&self.config, self.names.clone(), web, hearth_base::Seams::system())
            .expect("the configuration is good")
    }

    /// Starts a server at `ip` with a certificate for `name`.
    pub(super) async fn server(&self, ip: &str, name: &str) -> Site {
        self.server_with(ip, CertificateParams::new([name.to_owned()]).expect("a name")).await
    }

    /// Starts a server at `ip` with a certificate that the authority signs.
    pub(super) async fn server_with(&self, ip: &str, params: CertificateParams) -> Site {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .expect("a certificate and its key");
        Site::start(ip, TlsAcceptor::from(Arc::new(tls))).await
    }
}

/// A request as the server received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// The name in the TLS handshake (SNI); `None` for an address.
    pub(super) sni: Option<String>,
    pub(super) host: String,
    pub(super) target: String,
}

/// Responses by path: status, headers, body.
type Script = HashMap<String, (u16, Vec<(&'static str, String)>, &'static str)>;

#[derive(Default)]
struct Books {
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<u32>,
    /// Requests after which the server closes a connection.
    requests_max: Mutex<Option<u32>>,
    silent: Mutex<bool>,
}

/// A web server over TLS.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    books: Arc<Books>,
}

impl Site {
    async fn start(ip: &str, tls: TlsAcceptor) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let books = Arc::<Books>::default();
        spawn(accept(listener, tls, Arc::clone(&books)));
        Self { address, books }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sets the response of a path.
    pub(super) fn answers(&self, path: &str, status: u16, body: &'static str) {
        self.books.script.lock().insert(path.to_owned(), (status, Vec::new(), body));
    }

    /// Redirects requests for a path.
    pub(super) fn redirects(&self, path: &str, to: &str) {
        let headers = vec![("location", to.to_owned())];
        self.books.script.lock().insert(path.to_owned(), (302, headers, ""));
    }

    /// Serves a well-known document that delegates to `to`.
    pub(super) fn delegates(&self, to: &str) {
        let body: &'static str = format!(r#"{{"m.server":"{to}"}}"#).leak();
        self.answers(WELL_KNOWN, 200, body);
    }

    pub(super) fn closes_after(&self, requests: u32) {
        *self.books.requests_max.lock() = Some(requests);
    }

    pub(super) fn falls_silent(&self) {
        *self.books.silent.lock() = true;
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.books.seen.lock().clone()
    }

    /// Connections that the server accepted, including failed handshakes.
    pub(super) fn connections(&self) -> u32 {
        *self.books.connections.lock()
    }
}

pub(super) const WELL_KNOWN: &str = "/.well-known/matrix/server";

#[expect(clippy::disallowed_methods, reason = "the test's servers end with its runtime")]
fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, books: Arc<Books>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, books) = (tls.clone(), Arc::clone(&books));
        *books.connections.lock() += 1;
        spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let sni = stream.get_ref().1.server_name().map(str::to_owned);
            let (served, most) = (Arc::new(Mutex::new(0)), *books.requests_max.lock());
            let service = service_fn(|request: Request<Incoming>| {
                let (books, sni, served) = (Arc::clone(&books), sni.clone(), Arc::clone(&served));
                async move {
                    if *books.silent.lock() {
                        std::future::pending::<()>().await;
                    }
                    *served.lock() += 1;
                    if most.is_some_and(|most| *served.lock() > most) {
                        return Err(std::io::Error::other("closed"));
                    }
                    Ok(answer(&books, sni, &request))
                }
            });
            let _closed =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(books: &Books, sni: Option<String>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let host = request.headers()[header::HOST].to_str().expect("text").to_owned();
    let target = request.uri().to_string();
    let script = books.script.lock().get(&target).cloned().unwrap_or((404, Vec::new(), ""));
    books.seen.lock().push(Seen { sni, host, target });
    let (status, headers, body) = script;
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from_static(body.as_bytes()))).expect("a response")
}

/// Requests the version of a homeserver.
pub(super) async fn ask(network: &Homeservers, server: &str) -> Result<RemoteResponse> {
    let call = Call {
        to: ServerName::parse(server).expect("a server name"),
        method: "GET".to_owned(),
        target: "/version".to_owned(),
        authorization: None,
        body: Bytes::new(),
        wait: Duration::from_secs(10),
    };
    network.call(call).await
}

/// The error of a request that must fail.
pub(super) async fn refused(network: &Homeservers, server: &str) -> String {
    let error = ask(network, server).await.expect_err("it must not be reached");
    // Strangers choose the name: what they read is the same sentence for every reason.
    assert_eq!(error.to_string(), format!("{server} cannot be reached from this server. Try again later."));
    error.for_operator()
}
