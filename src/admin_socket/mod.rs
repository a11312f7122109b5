//! The admin socket: access control for the Unix socket that serves the admin API of `hearth_http::admin`.

mod certificates;
mod permit;

use std::path::PathBuf;
use std::sync::Arc;

use hearth_admin::wire;
use hearth_base::Result;
use hearth_base::config::{Config, Resource};
use hearth_base::limits::server::ADMIN_SOCKET_CONNECTIONS_MAX;
use hearth_certificates::Sources;
use hearth_http::App;
use hearth_http::admin::{Api, Caller, HostInfo, LogRing};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::listen::{self, Bound, Service, Stream};
use crate::machine;
use crate::tasks::Tasks;
pub(crate) use permit::Permit;

/// The bound socket. Dropping it removes the socket file.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    listener: UnixListener,
    permit: Permit,
    file: SocketFile,
}

/// Removes the socket file on drop, so that clients get "not found" from a stopped server instead of a timeout.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl AdminSocket {
    /// Binds the socket at the configured path, with the permissions of the configured group.
    pub(crate) fn bind(config: &Config) -> Result<Self> {
        let path = config.admin_socket();
        let permit = Permit::of(config.admin.group.as_deref())?;
        let listener = listen::bind_unix(&path, config.admin.socket_mode)?;
        let file = SocketFile(path);
        permit.give(&file.0)?;
        Ok(Self { listener, permit, file })
    }

    /// Accepts and serves connections until the tasks stop.
    pub(crate) fn serve(
        self,
        app: &App,
        log: Arc<LogRing>,
        listeners: &[Bound],
        sources: &Arc<Sources>,
        tasks: &Tasks,
    ) {
        let data_dir = app.domain.core.config.server.data_dir.clone();
        let mut shown: Vec<_> = listeners.iter().map(listener_shown).collect();
        let (address, resources) = (self.file.0.display().to_string(), vec!["admin".to_owned()]);
        shown.push(wire::Listener { address, tls: false, resources });
        let certificates = Box::new(certificates::Shown::new(sources, &app.domain.core.seams));
        let around =
            HostInfo { log, listeners: shown, certificates, machine: Box::new(move || machine::look(&data_dir)) };
        let api = Arc::new(Api::new(app.clone(), around));
        tasks.handle().spawn(|mut stop| async move {
            let permits = Arc::new(Semaphore::new(ADMIN_SOCKET_CONNECTIONS_MAX));
            loop {
                let accepted = tokio::select! {
                    () = stop.stopped() => return,
                    accepted = self.listener.accept() => accepted,
                };
                let (Ok(permit), Ok((stream, _))) = (Arc::clone(&permits).try_acquire_owned(), accepted) else {
                    tokio::time::sleep(listen::WAIT_AFTER_ERROR).await;
                    continue;
                };
                let Some(caller) = self.caller(&stream) else { continue };
                let service = Arc::new(Service::Admin { api: Arc::clone(&api), caller });
                stop.spawn(|stop| async move {
                    listen::serve_admin(Stream::Unix(stream), service, stop).await;
                    drop(permit);
                });
            }
        });
    }

    /// Identifies the peer of a connection by its credentials. `None` refuses it: the connection is closed unanswered.
    fn caller(&self, stream: &UnixStream) -> Option<Caller> {
        let peer =
            stream.peer_cred().inspect_err(|error| tracing::warn!(%error, "A caller could not be identified.")).ok()?;
        let (uid, gid) = (peer.uid(), peer.gid());
        let caller = self.permit.check(uid, gid);
        if caller.is_none() {
            tracing::warn!(uid, gid, "Somebody tried to use the admin socket who may not.");
        }
        caller.map(|name| Caller { name: name.into() })
    }
}

fn listener_shown(bound: &Bound) -> wire::Listener {
    let resource = |resource: &Resource| {
        let name = match resource {
            Resource::Client => "client",
            Resource::Federation => "federation",
            Resource::Media => "media",
            Resource::Metrics => "metrics",
            Resource::Redirect => "redirect",
        };
        name.to_owned()
    };
    wire::Listener {
        address: bound.address.to_string(),
        tls: bound.tls,
        resources: bound.resources.iter().map(resource).collect(),
    }
}
