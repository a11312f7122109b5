//! Sockets: the listen addresses, the service behind each, and how a connection becomes requests.
//!
//! The handling of a request is in `hearth_http::edge`.

mod accept;
mod bind;
mod connection;
mod connections;
mod inherited;
mod paced;
mod peer;
mod redirect;
mod relayed;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;

use hearth_base::config::{Address, Config, Listener, Resource};
use hearth_base::{Error, Result, Seams, limits};
use hearth_certificates::Sources;
use hearth_http::App;
use hearth_http::edge::{Counters, Edge};
use hearth_http::surface;

use crate::tasks::Tasks;
use bind::Socket;
use connections::{ConnectionLimits, Connections};
use inherited::Inherited;
use redirect::Redirect;

pub(crate) use accept::WAIT_AFTER_ERROR;
pub(crate) use bind::bind_unix;
pub(crate) use connection::{Service, serve_admin};
pub(crate) use stream::Stream;
pub(crate) use tls::Certificates;

/// A listener in use, for the log and the admin API.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The listen address, with the port that the system chose for port 0.
    pub address: Address,
    /// Whether connections use TLS.
    pub tls: bool,
    /// The API resources that it serves.
    pub resources: Vec<Resource>,
}

/// Sockets that are bound and not served yet. Clients that connect now wait in the backlog.
pub(crate) struct Listeners {
    sockets: Vec<(Socket, Option<Arc<Certificates>>, Bound)>,
    sources: Arc<Sources>,
    /// Sockets of the service manager that no listener has.
    pub(crate) inherited: Inherited,
}

impl Listeners {
    /// Loads all certificates and binds all sockets, or takes those that the service manager has bound.
    pub(crate) fn bind(config: &Config, seams: &Seams) -> Result<Self> {
        let sources = Arc::new(Sources::open(config, seams)?);
        let mut inherited = Inherited::take();
        let mut sockets = Vec::new();
        for listener in &config.listeners {
            let certificates = certificates(listener, &sources)?;
            let Some((socket, address)) = bind::bind(&listener.address, listener.socket_mode, &mut inherited)? else {
                continue;
            };
            let bound = Bound { address, tls: certificates.is_some(), resources: listener.resources.clone() };
            sockets.push((socket, certificates, bound));
        }
        Ok(Self { sockets, sources, inherited })
    }

    /// Where the certificates come from.
    pub(crate) fn sources(&self) -> Arc<Sources> {
        Arc::clone(&self.sources)
    }

    /// The certificate of the first listener that has one; the TURN relay uses it too.
    pub(crate) fn certificates(&self) -> Option<Arc<Certificates>> {
        self.sockets.iter().find_map(|(_, certificates, _)| certificates.clone())
    }

    /// The ports of listeners with TLS.
    pub(crate) fn tls_ports(&self) -> Vec<u16> {
        let port = |bound: &Bound| match &bound.address {
            Address::Tcp(address) if bound.tls => Some(address.port()),
            _ => None,
        };
        self.sockets.iter().filter_map(|(_, _, bound)| port(bound)).collect()
    }

    /// Serves all listeners until the tasks stop.
    pub(crate) fn serve(self, config: &Arc<Config>, app: &App, counters: &Arc<Counters>, tasks: &Tasks) -> Vec<Bound> {
        let connections = Connections::new(ConnectionLimits::of(connections_max()));
        let mut edges: Vec<(Vec<Resource>, Arc<Edge>)> = Vec::new();
        let mut bounds = Vec::new();
        let relay = app.domain.calls.own().map(|own| Arc::clone(&own.running));
        let proxy_warning = Arc::default();
        self.inherited.warn_of_rest();
        for (socket, certificates, bound) in self.sockets {
            if bound.resources.contains(&Resource::Redirect) {
                let service = Arc::new(Service::Redirect(Redirect::new(config, self.sources.answers())));
                let connections = Arc::clone(&connections);
                tasks.handle().spawn(|stop| accept::run(socket, None, service, connections, stop));
                bounds.push(bound);
                continue;
            }
            // Listeners with the same resources share one router, which takes memory.
            let edge = match edges.iter().find(|(resources, _)| *resources == bound.resources) {
                Some((_, edge)) => Arc::clone(edge),
                None => {
                    let router = surface::router(&bound.resources, counters);
                    let edge = Arc::new(Edge::new(router, app.clone(), Arc::clone(counters)));
                    edges.push((bound.resources.clone(), Arc::clone(&edge)));
                    edge
                }
            };
            let (config, relay, proxy_warning) = (Arc::clone(config), relay.clone(), Arc::clone(&proxy_warning));
            let service = Arc::new(Service::Public { edge, config, relay, proxy_warning });
            let connections = Arc::clone(&connections);
            tasks.handle().spawn(|stop| accept::run(socket, certificates, service, connections, stop));
            bounds.push(bound);
        }
        bounds
    }
}

/// What a listener needs for TLS, if it uses it.
fn certificates(listener: &Listener, sources: &Sources) -> Result<Option<Arc<Certificates>>> {
    let Some(tls) = &listener.tls else { return Ok(None) };
    let source = sources.of(tls).ok_or_else(|| Error::broken("a listener without a certificate source"))?;
    Certificates::new(source, sources.answers().as_ref()).map(|made| Some(Arc::new(made)))
}

/// The process's limit on open files, less what the database, media and connections to other servers need.
fn connections_max() -> usize {
    const FILES_FOR_THE_REST: u64 = 192;
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let room = files.map_or(u64::MAX, |files| files.saturating_sub(FILES_FOR_THE_REST).max(16));
    usize::try_from(room).unwrap_or(usize::MAX).min(limits::CONNECTIONS_MAX)
}
