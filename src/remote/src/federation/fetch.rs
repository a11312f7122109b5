//! Fetching from the web what other servers send this one to: where they say that they are, and files.
//!
//! Only over TLS, and, unlike calls, following redirects; the guard looks at each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use hearth_base::config::Outgoing;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_domain::ports::{Eventually, RemoteResponse};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Method, Url, header};

use super::dns::{Dns, Miss};
use super::lifetime;
use super::well_known::{Ask, Asked};
use crate::client::Outbound;
use crate::guard::Guard;

/// How long a server may take to say where it is. Less than whoever wants to call it waits in all, so that what comes of it is
/// remembered.
const WELL_KNOWN_WAIT: Duration = Duration::from_secs(6);
/// How long a file may take in all, however steadily it comes.
const FILE_WAIT_MAX: Duration = Duration::from_secs(30 * 60);

/// Fetches. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    http: Outbound,
}

/// Looks names up for the HTTP client, and leaves out what the guard does not let through.
#[derive(Debug)]
struct Guarded {
    dns: Arc<dyn Dns>,
    guard: Guard,
    /// For URLs that name no port.
    port: u16,
}

impl Fetcher {
    pub(super) fn new(config: &Outgoing, dns: Arc<dyn Dns>, port: u16) -> Result<Self> {
        let resolver = Guarded { dns, guard: Guard::new(config), port };
        Ok(Self { http: Outbound::encrypted(config, Arc::new(resolver))? })
    }

    /// Fetches a file. `wait` is for the head of the answer.
    pub(super) async fn file(&self, url: &str, wait: Duration) -> Result<RemoteResponse> {
        let url =
            Url::parse(url).map_err(|_| Error::bad_json("The other server sends us to something that is no URL."))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let failed = |why: String| refuse(Reason::ConnectionFailed, format!("{host} could not be asked: {why}."));
        let request = self.http.request(Method::GET, url)?.timeout(FILE_WAIT_MAX).send();
        let response =
            tokio::time::timeout(wait, request).await.map_err(|_| failed("no answer came in time".into()))?;
        let response = response.map_err(|error| failed(causes(&error)))?;
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let (status, content_type) = (response.status().as_u16(), content_type.map(str::to_owned));
        let silence = Duration::from_millis(limits::BODY_SILENCE_MS_MAX);
        let pieces = futures_util::stream::unfold(Some(Box::pin(response.bytes_stream())), move |body| async move {
            let mut body = body?;
            let broken = |why: String| Some((Err(refuse(Reason::ConnectionFailed, why)), None));
            match tokio::time::timeout(silence, body.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(piece))) => Some((Ok(piece), Some(body))),
                Ok(Some(Err(error))) => broken(format!("The file ended too early: {}.", causes(&error))),
                Err(_) => broken("The file ended too early: its server fell silent.".to_owned()),
            }
        });
        Ok(RemoteResponse { status, content_type, body: Box::pin(pieces) })
    }

    async fn well_known(self, host: String) -> Asked {
        let Ok(url) = Url::parse(&format!("https://{host}/.well-known/matrix/server")) else {
            return Asked::Nothing("its name cannot be part of a URL".to_owned());
        };
        let request = match self.http.request(Method::GET, url) {
            Ok(request) => request.timeout(WELL_KNOWN_WAIT),
            Err(error) => return Asked::Nothing(error.to_string()),
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_redirect() => return Asked::Nothing(causes(&error)),
            Err(error) => return Asked::Failed(causes(&error)),
        };
        let status = response.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Asked::Failed(format!("it answered {status}"));
        }
        if status.as_u16() != 200 {
            return Asked::Nothing(format!("it answered {status}"));
        }
        let lifetime = lifetime::of(response.headers());
        let mut body = Vec::new();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) if body.len() + piece.len() <= limits::WELL_KNOWN_BYTES_MAX => body.extend_from_slice(&piece),
                Ok(_) => return Asked::Nothing("its answer is too long".to_owned()),
                Err(error) => return Asked::Failed(causes(&error)),
            }
        }
        Asked::Document(Bytes::from(body), lifetime)
    }
}

impl Ask for Fetcher {
    fn ask(&self, host: &str) -> Eventually<Asked> {
        Box::pin(self.clone().well_known(host.to_owned()))
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (looking, guard, port) = (self.dns.addresses(name.as_str()), self.guard.clone(), self.port);
        Box::pin(async move {
            let name = name.as_str();
            let found = looking.await.map_err(|miss| match miss {
                Miss::None => format!("there is no address of {name} in the DNS"),
                Miss::Failed(why) => format!("{name} could not be looked up: {why}"),
            })?;
            let allowed: Vec<_> = found.into_iter().filter(|address| guard.allows(*address)).collect();
            if allowed.is_empty() {
                return Err(format!("{name} has no address that this server may connect to").into());
            }
            Ok(Box::new(allowed.into_iter().map(move |address| SocketAddr::new(address, port))) as Addrs)
        })
    }
}

/// An error with its causes, which reqwest leaves out.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
