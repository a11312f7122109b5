//! What would keep the server from starting although its configuration can be read: the checks of a start, without
//! starting anything.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use hearth_base::config::{Address, Config, Engine, Loaded, RelayMode};
use hearth_base::remedy;
use hearth_domain::appservices::Registrations;
use hearth_store::Store;
use rustix::fs::{Access, access};

use super::config::ConfigFile;
use super::name;
use crate::admin_socket::Permit;
use crate::{ports, storage};

/// All obstacles, each as a sentence without its full stop, with a remedy.
///
/// Some depend on the account: run it as the one that the server runs as.
pub(super) fn obstacles(loaded: &Loaded, file: &ConfigFile) -> Vec<String> {
    let config = &loaded.config;
    let mut found: Vec<String> = name::refusal(loaded, file.path()).into_iter().collect();
    found.extend(database(config));
    found.extend(storage::without_database(config));
    found.extend(Permit::of(config.admin.group.as_deref()).err().map(|error| error.to_string()));
    found.extend(appservices(config));
    found.extend(unwritable(config));
    // A server that runs with these data uses the ports itself.
    if !is_running(config) {
        found.extend(taken_ports(config));
    }
    found
}

/// A database that is damaged or of another program.
fn database(config: &Config) -> Option<String> {
    let sqlite = config.database.engine == Engine::Sqlite;
    let path = config.database_path();
    // Without permission to read it, nothing is known about it.
    let readable = access(&path, Access::READ_OK).is_ok();
    (sqlite && readable).then(|| Store::server_name_of(&path).err().map(|error| error.to_string())).flatten()
}

fn appservices(config: &Config) -> Option<String> {
    let server_name = config.server.name.as_str().try_into().ok()?;
    Registrations::load(config.appservices.folder.as_deref(), &[], server_name).err().map(|error| error.to_string())
}

/// Folders and files that this account may not write.
fn unwritable(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let database = config.database_path();
    let mut lock = database.clone().into_os_string();
    lock.push("-lock");
    let folders = [config.server.data_dir.clone(), config.media_dir()];
    for path in folders.into_iter().chain([database, PathBuf::from(lock)]) {
        let there = nearest(&path);
        if let Err(error) = access(there, Access::WRITE_OK) {
            let error = std::io::Error::from(error);
            let text = remedy::with_remedy(&path, error);
            let text = format!("{} cannot be written: {text}", path.display());
            // One cause, such as a folder of another account, is told once.
            if !found.iter().any(|known: &String| known.ends_with(after_colon(&text))) {
                found.push(text);
            }
        }
    }
    found
}

fn after_colon(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(_, rest)| rest)
}

/// The path, or the nearest folder above it that exists: where it would be made.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|at| at.exists()).unwrap_or_else(|| Path::new("."))
}

/// Whether a server holds the lock of this database.
fn is_running(config: &Config) -> bool {
    let mut lock = config.database_path().into_os_string();
    lock.push("-lock");
    // Held for an instant when no server runs; a server that starts at that very instant is refused, as by another one.
    let held = File::open(lock).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
    held || std::os::unix::net::UnixStream::connect(config.admin_socket()).is_ok()
}

/// Whether systemd opens ports for the server: one of the socket units that begin with its name is enabled.
fn has_socket_units() -> bool {
    let units = Path::new("/etc/systemd/system/sockets.target.wants").read_dir().into_iter().flatten().flatten();
    units.into_iter().any(|unit| unit.file_name().to_string_lossy().starts_with("hearth-"))
}

/// Addresses on which the server could not listen.
fn taken_ports(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |address: SocketAddr, failed: Option<std::io::Error>| {
        // A socket unit holds the port for the server.
        let held = |error: &std::io::Error| error.kind() == ErrorKind::AddrInUse && has_socket_units();
        if let Some(error) = failed.filter(|error| error.kind() != ErrorKind::Unsupported && !held(error)) {
            let remedy = ports::remedy(address, error.kind());
            found.push(format!("{address} cannot be listened on: {error}. {remedy}"));
        }
    };
    let tcp = |address: &Address| match address {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) => None,
    };
    for address in config.listeners.iter().filter_map(|listener| tcp(&listener.address)) {
        check(address, TcpListener::bind(address).err());
    }
    // In `auto` mode the server starts without the relay.
    if config.turn.relay == RelayMode::On {
        for address in config.turn.addresses.iter().filter_map(tcp) {
            check(address, TcpListener::bind(address).err().or_else(|| UdpSocket::bind(address).err()));
        }
    }
    found
}
