//! Opening sockets.

use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use hearth_base::config::{Address, Mode};
use hearth_base::remedy::with_remedy;
use hearth_base::{Error, Result};
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::inherited::Inherited;

/// Pending connections that the kernel queues for a socket.
const BACKLOG: u32 = 1024;

/// A bound, listening socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Listens at `address`, and returns the actual address, since the port may have been 0. `None` if an inherited socket that another
/// listener has taken serves this address too.
pub(super) fn bind(address: &Address, mode: Mode, inherited: &mut Inherited) -> Result<Option<(Socket, Address)>> {
    match address {
        Address::Tcp(wanted) if inherited.has(*wanted) => {
            let fault = |error| Error::fault("taking a socket of the service manager", error);
            let Some(listener) = inherited.socket(*wanted) else { return Ok(None) };
            let bound = listener.local_addr().map_err(fault)?;
            Ok(Some((Socket::Tcp(TcpListener::from_std(listener).map_err(fault)?), Address::Tcp(bound))))
        }
        Address::Tcp(address) => {
            let listener = bind_tcp(*address).map_err(|error| {
                let remedy = crate::ports::remedy(*address, error.kind());
                Error::fault(format!("listening on {address}"), format!("{error}. {remedy}"))
            })?;
            let bound = listener.local_addr().map_err(|error| Error::fault("asking for a socket's address", error))?;
            Ok(Some((Socket::Tcp(listener), Address::Tcp(bound))))
        }
        Address::Unix(path) => Ok(Some((Socket::Unix(bind_unix(path, mode)?), address.clone()))),
    }
}

fn bind_tcp(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart need not wait until old connections leave TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Listens on a Unix socket with these permission bits. Replaces a socket file that no process listens on.
pub(crate) fn bind_unix(path: &Path, mode: Mode) -> Result<UnixListener> {
    let fault = |error: std::io::Error| {
        Error::fault(format!("listening on the socket {}", path.display()), with_remedy(path, error))
    };
    remove_stale(path)?;
    // Binds under a temporary name, because between `bind` and `chmod` any local user could connect.
    let hidden = path.with_extension("starting");
    let _ = std::fs::remove_file(&hidden);
    let listener = UnixListener::bind(&hidden).map_err(fault)?;
    std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(mode.0)).map_err(fault)?;
    std::fs::rename(&hidden, path).map_err(fault)?;
    Ok(listener)
}

fn remove_stale(path: &Path) -> Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let shown = path.display();
    if !metadata.file_type().is_socket() {
        return Err(Error::broken(format!("{shown} is there and is not a socket: name another path, or remove it")));
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(Error::broken(format!("another server listens on {shown}: stop it, or name another path")));
    }
    // The caller's rename replaces the stale file.
    Ok(())
}
