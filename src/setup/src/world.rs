//! What can be learned about this machine and its network, as a seam: tests bring a world of their own.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use hearth_base::Millis;

/// The machine and its network. Each method looks now; none changes anything.
pub trait World {
    /// The A and AAAA records of a name; empty if it has none.
    ///
    /// # Errors
    /// If the DNS cannot be asked.
    fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, DnsFault>;
    /// The addresses of this machine that others can use.
    fn own_addresses(&self) -> Vec<IpAddr>;
    /// The public IPv4 address that a STUN server sees.
    fn seen_by_stun(&self, server: &str) -> Option<IpAddr>;
    /// The router, if it forwards ports on request.
    fn router(&self) -> Option<RouterView>;
    /// Whether a port can be listened on.
    fn port(&self, port: u16, transport: Transport) -> PortState;
    /// Listens on a port for a moment, and connects to it through `address`. Whether the connection arrived here; `None` if it
    /// cannot listen there.
    fn comes_back(&self, address: SocketAddr) -> Option<bool>;
    /// The time of this machine.
    fn now_ms(&self) -> Millis;
    /// The time by the `Date` header of a web server (`host:port`, plain HTTP).
    fn time_of(&self, server: &str) -> Option<Millis>;
    /// The file system of a folder, or of the nearest folder above that exists.
    fn disk(&self, folder: &Path) -> Option<Disk>;
    /// Whether the folder, or the nearest one above that exists, can be written to by the account that will run the server.
    fn writable(&self, folder: &Path) -> bool;
    /// The memory of this machine, in bytes.
    fn memory_bytes(&self) -> Option<u64>;
    /// The server name in the database of a data folder. `None` if there is no database.
    fn stored_name(&self, data_dir: &Path) -> Option<String>;
    /// Whether this process is root's.
    fn is_root(&self) -> bool;
    /// Whether systemd runs this machine.
    fn has_systemd(&self) -> bool;
}

/// The DNS cannot be asked: the reason, as a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsFault(pub String);

/// A router that forwards ports on request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterView {
    /// The address of its outer side.
    pub external: IpAddr,
    /// The protocol that it understands.
    pub protocol: &'static str,
}

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// Whether a port can be listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortState {
    /// It can.
    Free,
    /// A program has it: its name and process id, if this process may see them.
    Taken(Option<(String, u32)>),
    /// This process may not listen there: the port is reserved for root.
    Denied,
    /// Another error, as a clause.
    Failed(String),
}

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Free space, in bytes.
    pub free_bytes: u64,
    /// Its kind, such as `ext4`.
    pub kind: String,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}
